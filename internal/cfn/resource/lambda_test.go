package resource_test

import (
	"maps"
	"strings"
	"testing"
	"testing/synctest"

	"furl/internal/cfn/resource"
	"furl/internal/lambda"
)

const roleARN = "arn:aws:iam::000000000000:role/r"

// functionOf are a function's properties with others.
func functionOf(more map[string]any) map[string]any {
	p := map[string]any{
		"FunctionName": "fn", "Role": roleARN, "Runtime": "python3.13", "Handler": "index.handler",
		"Code": map[string]any{"S3Bucket": "b", "S3Key": "k"},
	}
	maps.Copy(p, more)
	return p
}

func configuration(s lambda.State, last lambda.LastUpdateStatus) *lambda.FunctionConfiguration {
	return &lambda.FunctionConfiguration{State: &s, LastUpdateStatus: &last, StateReason: new("because"), LastUpdateStatusReason: new("of that")}
}

// newLambda has a function fn that is ready.
func newLambda() *services {
	return &services{answers: map[string][]any{"GetFunctionConfiguration": {configuration(lambda.StateActive, lambda.LastUpdateStatusSuccessful)}}}
}

const getFn = `lambda GetFunctionConfiguration {"FunctionName":"fn"}`

func TestFunctionCreate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newLambda()
		s.answers["GetFunctionConfiguration"] = []any{
			configuration(lambda.StatePending, ""), configuration(lambda.StatePending, ""), configuration(lambda.StateActive, lambda.LastUpdateStatusSuccessful),
		}
		out, err := resource.Lookup("AWS::Lambda::Function").Create(t.Context(), s.request(functionOf(map[string]any{
			"MemorySize": "256", "Environment": map[string]any{"Variables": map[string]any{"N": int64(1), "B": true}}, "ReservedConcurrentExecutions": "5",
			"RecursiveLoop": "Allow", "RuntimeManagementConfig": map[string]any{"UpdateRuntimeOn": "FunctionUpdate"}, "KmsKeyArn": "arn:k",
			"Tags": []any{map[string]any{"Key": "a", "Value": "b"}},
		})))
		ok(t, err)
		if out.PhysicalID != "fn" || out.Ref != nil || out.Attributes["Arn"] != "arn:aws:lambda:us-east-1:000000000000:function:fn" {
			t.Errorf("%+v", out)
		}
		s.expect(t, `lambda CreateFunction {"Code":"{\"S3Bucket\":\"b\",\"S3Key\":\"k\"}","Environment":{"Variables":{"B":"true","N":"1"}},"FunctionName":"fn","Handler":"index.handler",`+
			`"KMSKeyArn":"arn:k","MemorySize":256,"Role":"`+roleARN+`","Runtime":"python3.13","Tags":{"a":"b"}}`,
			"saved fn", getFn, getFn, getFn,
			`lambda PutFunctionConcurrency {"FunctionName":"fn","ReservedConcurrentExecutions":5}`,
			`lambda PutFunctionRecursionConfig {"FunctionName":"fn","RecursiveLoop":"Allow"}`,
			`lambda PutRuntimeManagementConfig {"FunctionName":"fn","UpdateRuntimeOn":"FunctionUpdate"}`, getFn)
	})
}

// What is there already is refused, but for one's own work of an earlier try.
func TestFunctionAgain(t *testing.T) {
	s := newLambda()
	s.answers["CreateFunction"] = []any{conflict()}
	create := resource.Lookup("AWS::Lambda::Function").Create
	if out, err := create(t.Context(), s.request(functionOf(nil))); err == nil || out != nil {
		t.Errorf("%+v, %v", out, err)
	}
	r := s.request(functionOf(nil))
	r.Again = true
	if out, err := create(t.Context(), r); err != nil || out.PhysicalID != "fn" {
		t.Errorf("%+v, %v", out, err)
	}
}

// A function that does not get ready was made nevertheless.
func TestFunctionFails(t *testing.T) {
	for name, c := range map[string]*lambda.FunctionConfiguration{
		"The function's State is Failed: because":            configuration(lambda.StateFailed, ""),
		"The function's LastUpdateStatus is Failed: of that": configuration(lambda.StateActive, lambda.LastUpdateStatusFailed),
	} {
		s := newLambda()
		s.answers["GetFunctionConfiguration"] = []any{c}
		out, err := resource.Lookup("AWS::Lambda::Function").Create(t.Context(), s.request(functionOf(nil)))
		if err == nil || err.Error() != name || out == nil || out.PhysicalID != "fn" {
			t.Errorf("%+v, %v", out, err)
		}
	}
}

func TestFunctionInline(t *testing.T) {
	for _, tt := range []struct{ runtime, file, err string }{
		{"python3.13", "index.py", ""},
		{"nodejs22.x", "index.js", ""},
		{"provided.al2023", "", "ZipFile can only be used when Runtime is set to one of nodejs or python"},
	} {
		s := newLambda()
		taker := &packages{services: s}
		r := s.request(functionOf(map[string]any{"FunctionName": nil, "Runtime": tt.runtime, "Code": map[string]any{"ZipFile": "source"}}))
		r.Invoke = taker
		out, err := resource.Lookup("AWS::Lambda::Function").Create(t.Context(), r)
		if tt.err != "" {
			if err == nil || !strings.Contains(err.Error(), tt.err) || len(s.asked) > 0 {
				t.Errorf("%s: %v", tt.runtime, err)
			}
			continue
		}
		ok(t, err)
		if out.PhysicalID != "demo-Name-ABCDEFGHIJKL" || taker.name != tt.file || taker.source != "source" {
			t.Errorf("%s: %+v, %q: %q", tt.runtime, out, taker.name, taker.source)
		}
	}
}

// Only what differs is changed, and what is left out gets its default.
func TestFunctionUpdate(t *testing.T) {
	const configure, recode = `lambda UpdateFunctionConfiguration `, `lambda UpdateFunctionCode `
	full := functionOf(map[string]any{
		"Description": "d", "Timeout": int64(9), "MemorySize": int64(512), "Layers": []any{"arn:layer:1"}, "ReservedConcurrentExecutions": int64(0),
		"Environment": map[string]any{"Variables": map[string]any{"A": "1"}}, "EphemeralStorage": map[string]any{"Size": int64(1024)},
		"LoggingConfig": map[string]any{"LogFormat": "JSON", "SystemLogLevel": "WARN"}, "TracingConfig": map[string]any{"Mode": "Active"},
		"RecursiveLoop": "Allow", "Tags": []any{map[string]any{"Key": "a", "Value": "b"}}, "Architectures": []any{"arm64"},
	})
	for _, tt := range []struct {
		name      string
		old, next map[string]any
		want      []string
	}{
		{"nothing", functionOf(nil), functionOf(map[string]any{"Timeout": "3", "MemorySize": int64(128), "Description": ""}), nil},
		{"timeout", functionOf(nil), functionOf(map[string]any{"Timeout": "7"}), []string{getFn, configure + `{"FunctionName":"fn","Timeout":7}`, getFn}},
		{"code", functionOf(nil), functionOf(map[string]any{"Code": map[string]any{"S3Bucket": "b", "S3Key": "l", "S3ObjectVersion": "v"}}),
			[]string{getFn, recode + `{"FunctionName":"fn","S3Bucket":"b","S3Key":"l","S3ObjectVersion":"v"}`, getFn}},
		{"same source", functionOf(map[string]any{"Code": map[string]any{"ZipFile": "x"}}), functionOf(map[string]any{"Code": map[string]any{"ZipFile": "x"}}), nil},
		{"all added", functionOf(nil), full, []string{
			getFn, configure + `{"Description":"d","Environment":{"Variables":{"A":"1"}},"EphemeralStorage":{"Size":1024},"FunctionName":"fn","Layers":["arn:layer:1"],` +
				`"LoggingConfig":{"LogFormat":"JSON","ApplicationLogLevel":"INFO","SystemLogLevel":"WARN","LogGroup":"/aws/lambda/fn"},"MemorySize":512,"Timeout":9,"TracingConfig":{"Mode":"Active"}}`, getFn,
			getFn, recode + `{"Architectures":["arm64"],"FunctionName":"fn","S3Bucket":"b","S3Key":"k"}`, getFn,
			`lambda PutFunctionConcurrency {"FunctionName":"fn"}`, `lambda PutFunctionRecursionConfig {"FunctionName":"fn","RecursiveLoop":"Allow"}`,
			`lambda TagResource {"Resource":"arn:aws:lambda:us-east-1:000000000000:function:fn","Tags":{"a":"b"}}`,
		}},
		{"all gone", full, functionOf(nil), []string{
			getFn, configure + `{"Description":"","Environment":{"Variables":{}},"EphemeralStorage":{"Size":512},"FunctionName":"fn","Layers":[],` +
				`"LoggingConfig":{"LogFormat":"Text","ApplicationLogLevel":,"SystemLogLevel":,"LogGroup":"/aws/lambda/fn"},"MemorySize":128,"Timeout":3,"TracingConfig":{"Mode":"PassThrough"}}`, getFn,
			getFn, recode + `{"Architectures":["x86_64"],"FunctionName":"fn","S3Bucket":"b","S3Key":"k"}`, getFn,
			`lambda DeleteFunctionConcurrency {"FunctionName":"fn"}`, `lambda PutFunctionRecursionConfig {"FunctionName":"fn","RecursiveLoop":"Terminate"}`,
			`lambda UntagResource {"Resource":"arn:aws:lambda:us-east-1:000000000000:function:fn","TagKeys":["a"]}`,
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newLambda()
			r := s.request(tt.next)
			r.PhysicalID, r.Old, r.OldTags = "fn", tt.old, r.Tags
			_, err := resource.Lookup("AWS::Lambda::Function").Update(t.Context(), r)
			ok(t, err)
			s.expect(t, append(tt.want, getFn)...)
		})
	}
}

// Nothing of what AWS offers and this server does not is passed over in silence.
func TestNotOffered(t *testing.T) {
	for kind, p := range map[string]map[string]any{
		"AWS::Lambda::Function": functionOf(map[string]any{"PublishToLatestPublished": true}),
		"AWS::Lambda::Version":  {"FunctionName": "fn", "FunctionScalingConfig": map[string]any{}},
		"AWS::Logs::LogGroup":   {"KmsKeyId": "k"},
		"AWS::S3::Bucket":       {"WebsiteConfiguration": map[string]any{}},
	} {
		s := newLambda()
		_, err := resource.Lookup(kind).Create(t.Context(), s.request(p))
		if err == nil || !strings.Contains(err.Error(), "furl does not offer the property ") || len(s.asked) > 0 {
			t.Errorf("%s: %v", kind, err)
		}
	}
}
