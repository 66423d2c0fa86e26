package resource_test

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"furl/internal/authz"
	"furl/internal/awsapi"
	"furl/internal/cfn/resource"
	"furl/internal/code"
	"furl/internal/iam"
	"furl/internal/lambda"
	"furl/internal/policy"
	"furl/internal/state"
	"furl/internal/store/sqlite"
)

// functions are Lambda and IAM themselves as a stack's owner calls them.
type functions struct {
	t     *testing.T
	api   *awsapi.Server
	store *sqlite.Store
	box   *state.Box
}

func newFunctions(t *testing.T) *functions {
	t.Helper()
	db, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "data"), sqlite.Options{})
	ok(t, err)
	t.Cleanup(func() { ok(t, db.Close()) })
	logger := slog.New(slog.DiscardHandler)
	st, err := state.Open(t.Context(), db, state.Options{SealKey: make([]byte, state.SealKeySize), Logger: logger})
	ok(t, err)
	t.Cleanup(func() { ok(t, st.Close()) })
	service := lambda.New(lambda.Options{
		State: st, Blobs: db, Region: "us-east-1", Limits: code.DefaultLimits(), Logger: logger, Now: time.Now,
		Unpack:      func(context.Context, *state.Version) error { return nil },
		FunctionURL: func(id string) string { return "https://" + id + ".example/" },
		CodeURL:     func(sha string) string { return "https://code.example/" + sha },
		MayInvoke:   func(string, *state.FunctionEntry, string) bool { return true },
		Object: func(ctx context.Context, _, key, _ string, _ int64) (string, int64, error) {
			var b bytes.Buffer
			w := zip.NewWriter(&b)
			if _, err := w.Create(key); err != nil {
				return "", 0, err
			}
			if err := w.Close(); err != nil {
				return "", 0, err
			}
			size, sum := int64(b.Len()), sha256.Sum256(b.Bytes())
			sha := hex.EncodeToString(sum[:])
			return sha, size, db.Put(ctx, sha, size, &b)
		},
	})
	t.Cleanup(func() { ok(t, service.Close()) })
	box, err := state.NewBox(make([]byte, state.SealKeySize), "stack")
	ok(t, err)
	f := &functions{t: t, store: db, box: box}
	f.api, err = awsapi.NewServer(awsapi.Hooks{}, iam.Operations(iam.New(st, time.Now)), lambda.Operations(service))
	ok(t, err)
	return f
}

// Invoke is of resource.Invoker.
func (f *functions) Invoke(ctx context.Context, service, operation string, in any) (any, error) {
	caller := &authz.Caller{Principal: policy.Principal{Account: "000000000000", ARN: "arn:aws:iam::000000000000:root"}}
	return f.api.Call(authz.WithCaller(ctx, caller, authz.Env{}), service, operation, in)
}

// do takes a step of a resource: with no properties it is deleted, with an earlier one changed, else made.
func (f *functions) do(logical, kind string, was *resource.Request, next map[string]any) (*resource.Request, *resource.Result) {
	f.t.Helper()
	r := &resource.Request{
		Account: "000000000000", Region: "us-east-1", Partition: "aws", StackName: "demo", LogicalID: logical, Suffix: "ABCDEFGHIJKL",
		Properties: next, Invoke: f, Save: func(string) error { return nil },
	}
	typ := resource.Lookup(kind)
	if next != nil {
		ok(f.t, typ.Check(next))
	}
	var out *resource.Result
	var err error
	switch {
	case next == nil:
		for range 2 { // what is absent is deleted
			ok(f.t, typ.Delete(f.t.Context(), was))
		}
		return nil, nil
	case was != nil:
		r.PhysicalID, r.Old, r.Attributes = was.PhysicalID, was.Properties, was.Attributes
		out, err = typ.Update(f.t.Context(), r)
	default:
		out, err = typ.Create(f.t.Context(), r)
	}
	if err != nil {
		f.t.Fatalf("%s %s: %v", kind, logical, err)
	}
	for _, name := range typ.Attributes {
		if _, there := out.Attributes[name]; !there && !strings.HasPrefix(name, "SnapStart") {
			f.t.Errorf("%s has no attribute %s: %+v", kind, name, out)
		}
	}
	r.PhysicalID, r.Attributes = out.PhysicalID, out.Attributes
	return r, out
}

// All of Lambda's types on Lambda itself: made, made again as if the first time had been forgotten, changed, deleted.
func TestFunctions(t *testing.T) {
	f := newFunctions(t)
	_, role := f.do("Role", "AWS::IAM::Role", nil, map[string]any{"AssumeRolePolicyDocument": trust("lambda.amazonaws.com")})
	plain := map[string]any{"Role": role.Attributes["Arn"], "Runtime": "python3.13", "Handler": "index.handler", "Code": map[string]any{"ZipFile": "def handler(e, c): pass"}}
	full := map[string]any{
		"Role": role.Attributes["Arn"], "Runtime": "nodejs22.x", "Handler": "index.other", "Code": map[string]any{"ZipFile": "exports.other = async () => 1"},
		"Description": "d", "Timeout": "9", "MemorySize": "256", "Environment": map[string]any{"Variables": map[string]any{"WORD": "b"}},
		"EphemeralStorage": map[string]any{"Size": "1024"}, "TracingConfig": map[string]any{"Mode": "Active"}, "Architectures": []any{"x86_64"},
		"LoggingConfig": map[string]any{"LogFormat": "JSON", "ApplicationLogLevel": "DEBUG"}, "ReservedConcurrentExecutions": "2", "RecursiveLoop": "Allow",
		"RuntimeManagementConfig": map[string]any{"UpdateRuntimeOn": "FunctionUpdate"}, "Tags": []any{map[string]any{"Key": "k", "Value": "v"}},
	}
	layer, made := f.do("Layer", "AWS::Lambda::LayerVersion", nil, map[string]any{"Content": map[string]any{"S3Bucket": "bucket", "S3Key": "python"}, "CompatibleRuntimes": []any{"python3.13"}})
	full["Layers"] = []any{made.PhysicalID}
	shared, _ := f.do("Shared", "AWS::Lambda::LayerVersionPermission", nil, map[string]any{"LayerVersionArn": made.PhysicalID, "Action": "lambda:GetLayerVersion", "Principal": "*"})

	function, out := f.do("Fn", "AWS::Lambda::Function", nil, plain)
	function.Again = true
	if again, err := resource.Lookup("AWS::Lambda::Function").Create(t.Context(), function); err != nil || again.PhysicalID != out.PhysicalID {
		t.Fatalf("%+v, %v", again, err)
	}
	name := out.PhysicalID
	version, v := f.do("Version", "AWS::Lambda::Version", nil, map[string]any{"FunctionName": name})
	if v.Attributes["Version"] != "1" {
		t.Errorf("%+v", v)
	}
	alias, a := f.do("Alias", "AWS::Lambda::Alias", nil, map[string]any{"FunctionName": name, "FunctionVersion": "1", "Name": "live"})
	url, u := f.do("Url", "AWS::Lambda::Url", nil, map[string]any{"TargetFunctionArn": a.PhysicalID, "AuthType": "NONE", "Cors": map[string]any{"AllowOrigins": []any{"*"}}})
	if u.PhysicalID != a.PhysicalID {
		t.Errorf("%+v", u)
	}
	open, _ := f.do("Open", "AWS::Lambda::Permission", nil, map[string]any{"FunctionName": a.PhysicalID, "Action": "lambda:InvokeFunctionUrl", "Principal": "*", "FunctionUrlAuthType": "NONE"})
	events, _ := f.do("Events", "AWS::Lambda::EventInvokeConfig", nil, map[string]any{"FunctionName": name, "Qualifier": "live", "MaximumRetryAttempts": "0"})
	events, _ = f.do("Events", "AWS::Lambda::EventInvokeConfig", events, map[string]any{"FunctionName": name, "Qualifier": "live", "MaximumEventAgeInSeconds": "60"})

	function, _ = f.do("Fn", "AWS::Lambda::Function", function, full)
	second, v := f.do("Second", "AWS::Lambda::Version", nil, map[string]any{"FunctionName": name, "Description": "second"})
	alias, _ = f.do("Alias", "AWS::Lambda::Alias", alias, map[string]any{"FunctionName": name, "FunctionVersion": v.Attributes["Version"], "Name": "live", "Description": "d",
		"RoutingConfig": map[string]any{"AdditionalVersionWeights": []any{map[string]any{"FunctionVersion": "1", "FunctionWeight": "0.5"}}}})
	alias, _ = f.do("Alias", "AWS::Lambda::Alias", alias, map[string]any{"FunctionName": name, "FunctionVersion": v.Attributes["Version"], "Name": "live"})
	url, changed := f.do("Url", "AWS::Lambda::Url", url, map[string]any{"TargetFunctionArn": a.PhysicalID, "AuthType": "AWS_IAM"})
	if changed.Attributes["FunctionUrl"] != u.Attributes["FunctionUrl"] {
		t.Errorf("the address changed: %+v", changed)
	}
	shown, err := invoked[lambda.GetFunctionUrlConfigResponse](f, "GetFunctionUrlConfig", &lambda.GetFunctionUrlConfigRequest{FunctionName: name, Qualifier: new("live")})
	if ok(t, err); shown.Cors != nil || shown.AuthType != "AWS_IAM" || shown.InvokeMode == nil || *shown.InvokeMode != "BUFFERED" {
		t.Errorf("%+v", shown)
	}
	function, _ = f.do("Fn", "AWS::Lambda::Function", function, plain)
	c, err := invoked[lambda.GetFunctionResponse](f, "GetFunction", &lambda.GetFunctionRequest{FunctionName: name})
	ok(t, err)
	if g := c.Configuration; *g.Description != "" || *g.Timeout != 3 || *g.MemorySize != 128 || g.Environment != nil || g.EphemeralStorage.Size != 512 || len(g.Layers) > 0 ||
		*g.LoggingConfig.LogFormat != "Text" || *g.TracingConfig.Mode != "PassThrough" || *g.Runtime != "python3.13" || c.Concurrency != nil || len(c.Tags) > 0 {
		t.Errorf("%+v", g)
	}
	f.do("Events", "AWS::Lambda::EventInvokeConfig", events, nil)
	f.do("Open", "AWS::Lambda::Permission", open, nil)
	f.do("Url", "AWS::Lambda::Url", url, nil)
	f.do("Alias", "AWS::Lambda::Alias", alias, nil)
	f.do("Second", "AWS::Lambda::Version", second, nil)
	f.do("Version", "AWS::Lambda::Version", version, nil)
	f.do("Fn", "AWS::Lambda::Function", function, nil)
	f.do("Shared", "AWS::Lambda::LayerVersionPermission", shared, nil)
	f.do("Layer", "AWS::Lambda::LayerVersion", layer, nil)
	f.absent(name)
}

func invoked[Out any](f *functions, operation string, in any) (*Out, error) {
	out, err := f.Invoke(f.t.Context(), "lambda", operation, in)
	if err != nil {
		return nil, err
	}
	return out.(*Out), nil
}

// absent checks that nothing is left.
func (f *functions) absent(name string) {
	f.t.Helper()
	for operation, in := range map[string]any{
		"GetFunction":                     &lambda.GetFunctionRequest{FunctionName: name},
		"GetPolicy":                       &lambda.GetPolicyRequest{FunctionName: name},
		"GetFunctionUrlConfig":            &lambda.GetFunctionUrlConfigRequest{FunctionName: name, Qualifier: new("live")},
		"GetLayerVersion":                 &lambda.GetLayerVersionRequest{LayerName: "demo-Layer-ABCDEFGHIJKL", VersionNumber: 1},
		"GetProvisionedConcurrencyConfig": &lambda.GetProvisionedConcurrencyConfigRequest{FunctionName: name, Qualifier: "live"},
	} {
		if out, err := f.Invoke(f.t.Context(), "lambda", operation, in); err == nil {
			f.t.Errorf("%s: %+v", operation, out)
		}
	}
}
