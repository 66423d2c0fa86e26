package resource_test

import (
	"slices"
	"strings"
	"testing"

	"furl/internal/cfn/resource"
)

func TestCheck(t *testing.T) {
	for _, tt := range []struct {
		kind       string
		properties map[string]any
		want       string
	}{
		{"AWS::Lambda::Function", functionOf(nil), ""},
		{"AWS::Lambda::Function", functionOf(map[string]any{"MemorySize": "256", "Description": int64(1), "VpcConfig": map[string]any{"Ipv6AllowedForDualStack": "TRUE"}}), ""},
		{"AWS::Lambda::Function", functionOf(map[string]any{"Memory": "256"}), "#: extraneous key [Memory] is not permitted"},
		{"AWS::Lambda::Function", map[string]any{"Role": "r"}, "#: required key [Code] not found"},
		{"AWS::Lambda::Function", functionOf(map[string]any{"MemorySize": "big"}), "#/MemorySize: expected type: Integer, found: String"},
		{"AWS::Lambda::Function", functionOf(map[string]any{"MemorySize": 1.5}), "#/MemorySize: expected type: Integer, found: Number"},
		{"AWS::Lambda::Function", functionOf(map[string]any{"Layers": "arn"}), "#/Layers: expected type: JSONArray, found: String"},
		{"AWS::Lambda::Function", functionOf(map[string]any{"Layers": []any{"a", map[string]any{}}}), "#/Layers/1: expected type: String, found: JSONObject"},
		{"AWS::Lambda::Function", functionOf(map[string]any{"Tags": []any{map[string]any{"Key": "k"}}}), "#/Tags/0: required key [Value] not found"},
		{"AWS::Lambda::Function", functionOf(map[string]any{"Environment": map[string]any{"Variables": map[string]any{"A": []any{}}}}), "#/Environment/Variables/A: expected type: String, found: JSONArray"},
		{"AWS::Lambda::Function", functionOf(map[string]any{"Description": nil}), "#/Description: expected type: String, found: Null"},
		{"AWS::Lambda::Permission", map[string]any{"FunctionName": "f", "Action": "a", "Principal": "p", "InvokedViaFunctionUrl": "yes"}, "#/InvokedViaFunctionUrl: expected type: Boolean, found: String"},
		{"AWS::Lambda::Alias", map[string]any{"FunctionName": "f", "FunctionVersion": int64(1), "Name": "n", "RoutingConfig": map[string]any{"AdditionalVersionWeights": []any{
			map[string]any{"FunctionVersion": "2", "FunctionWeight": "half"}}}}, "#/RoutingConfig/AdditionalVersionWeights/0/FunctionWeight: expected type: Number, found: String"},
	} {
		got := ""
		if err := resource.Lookup(tt.kind).Check(tt.properties); err != nil {
			got = err.Error()
		}
		if got != tt.want {
			t.Errorf("%s %v: %q, want %q", tt.kind, tt.properties, got, tt.want)
		}
	}
}

func TestChanges(t *testing.T) {
	url := map[string]any{"TargetFunctionArn": "fn", "AuthType": "NONE"}
	for _, tt := range []struct {
		kind      string
		old, next map[string]any
		changed   string
		replace   bool
	}{
		{"AWS::Lambda::Function", functionOf(map[string]any{"Timeout": int64(5)}), functionOf(map[string]any{"Timeout": "5"}), "", false},
		{"AWS::Lambda::Function", functionOf(nil), functionOf(map[string]any{"Timeout": "5", "Handler": "x"}), "Handler Timeout", false},
		{"AWS::Lambda::Function", functionOf(nil), functionOf(map[string]any{"FunctionName": "other", "Timeout": "5"}), "FunctionName Timeout", true},
		{"AWS::Lambda::Url", url, map[string]any{"TargetFunctionArn": "fn", "AuthType": "AWS_IAM"}, "AuthType", false},
		{"AWS::Lambda::Url", url, map[string]any{"TargetFunctionArn": "fn", "AuthType": "NONE", "Qualifier": "live"}, "Qualifier", true},
		{"AWS::Lambda::Permission", map[string]any{"Principal": "*"}, map[string]any{"Principal": "1"}, "Principal", true},
		{"AWS::CDK::Metadata", map[string]any{"Analytics": "a"}, map[string]any{"Analytics": "b"}, "Analytics", false},
		{"AWS::S3::Bucket", map[string]any{"BucketName": "a"}, map[string]any{}, "BucketName", true},
	} {
		changed, replace := resource.Lookup(tt.kind).Changes(tt.old, tt.next)
		if got := strings.Join(changed, " "); got != tt.changed || replace != tt.replace {
			t.Errorf("%s: %q %v, want %q %v", tt.kind, got, replace, tt.changed, tt.replace)
		}
	}
}

// Every type has its own name and what makes and deletes it; those without an Update replace at every change.
func TestCatalogue(t *testing.T) {
	names := resource.Names()
	if !slices.IsSorted(names) || len(names) < 24 {
		t.Error(names)
	}
	for _, name := range names {
		kind := resource.Lookup(name)
		if kind.Name != name || kind.Create == nil || kind.Delete == nil || kind.Properties == nil {
			t.Errorf("%s: %+v", name, kind)
		}
	}
	if resource.Lookup("AWS::EC2::Instance") != nil {
		t.Error("an unknown type is known")
	}
}

func TestName(t *testing.T) {
	for _, tt := range []struct {
		stack, logical string
		most           int
		want           string
	}{
		{"demo", "Fn", 64, "demo-Fn-ABCDEFGHIJKL"},
		{"a-stack-with-a-name-of-some-length", "ResourceWithALongLogicalIDThatGoesOn", 64, "a-stack-with-a-name-of-som-ResourceWithALongLogical-ABCDEFGHIJKL"},
		{strings.Repeat("s", 128), "Fn", 64, strings.Repeat("s", 48) + "-Fn-ABCDEFGHIJKL"},
	} {
		r := &resource.Request{StackName: tt.stack, LogicalID: tt.logical, Suffix: "ABCDEFGHIJKL"}
		if got := r.Name(tt.most); got != tt.want || len(got) > tt.most {
			t.Errorf("%q (%d), want %q", got, len(got), tt.want)
		}
	}
}
