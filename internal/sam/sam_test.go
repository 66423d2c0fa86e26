package sam_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"furl/internal/sam"
	"furl/internal/template"
)

// expand expands a template that is written in YAML.
func expand(t *testing.T, body string, o sam.Options) (map[string]any, error) {
	t.Helper()
	doc, err := template.Read([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	return sam.Transform(doc, nil, o)
}

// withFunction is a template of one function with these further lines of properties.
func withFunction(lines ...string) string {
	return "Resources:\n  F:\n    Type: AWS::Serverless::Function\n    Properties:\n      CodeUri: s3://b/k\n" +
		"      Handler: a.b\n      Runtime: python3.13\n      " + strings.Join(lines, "\n      ") + "\n"
}

// many is resources that are n functions.
func many(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "  F%d: {Type: AWS::Serverless::Function, Properties: {InlineCode: a, Handler: b, Runtime: c}}\n", i)
	}
	return b.String()
}

// TestRefused are what SAM has and furl has not, each refused by its name.
func TestRefused(t *testing.T) {
	const one = "Invalid Serverless Application Specification document. Number of errors found: 1. "
	tests := map[string]struct{ body, want string }{
		"another serverless type": {
			"Resources: {Api: {Type: AWS::Serverless::Api, Properties: {StageName: a}}}",
			one + "Resource with id [Api] is invalid. Resource type AWS::Serverless::Api is not supported. " +
				"Of the serverless resource types AWS::Serverless::Function and AWS::Serverless::LayerVersion are.",
		},
		"several types": {
			"Resources: {T: {Type: AWS::Serverless::SimpleTable}, C: {Type: AWS::Serverless::Connector, Properties: {}}}",
			"Invalid Serverless Application Specification document. Number of errors found: 2. " +
				"Resource with id [C] is invalid. Resource type AWS::Serverless::Connector is not supported. " +
				"Of the serverless resource types AWS::Serverless::Function and AWS::Serverless::LayerVersion are. " +
				"Resource with id [T] is invalid. Resource type AWS::Serverless::SimpleTable is not supported. " +
				"Of the serverless resource types AWS::Serverless::Function and AWS::Serverless::LayerVersion are.",
		},
		"an embedded connector": {
			"Resources: {B: {Type: AWS::S3::Bucket, Connectors: {C: {}}}}",
			one + "Resource with id [B] is invalid. Connectors are not supported.",
		},
		"events": {
			withFunction("Events:", "  Http: {Type: HttpApi}", "  Nothing: {}", "  Time: {Type: Schedule}"),
			"Invalid Serverless Application Specification document. Number of errors found: 3. " +
				"Resource with id [F] is invalid. Event with id [Http] is invalid. Event source 'HttpApi' is not supported. " +
				"Give the function a FunctionUrlConfig to serve HTTP. " +
				"Resource with id [F] is invalid. Event with id [Nothing] is invalid. " +
				"Resource dict has missing or invalid value for key Type. " +
				"Resource with id [F] is invalid. Event with id [Time] is invalid. Event source 'Schedule' is not supported.",
		},
		"no resources": {
			"Description: a", one + "Structure of the SAM template is invalid. 'Resources' section is required",
		},
		"a resource that is text": {
			"Resources: {A: b}", one + "Structure of the SAM template is invalid. All 'Resources' must be Objects. " +
				"If you're using YAML, this may be an indentation issue.",
		},
		"a condition that is no name": {
			"Resources: {A: {Type: AWS::S3::Bucket, Condition: [a]}}",
			one + "Structure of the SAM template is invalid. Every Condition member must be a string.",
		},
		"properties that are text": {
			"Resources: {A: {Type: AWS::Serverless::Function, Properties: b}}",
			one + "Resource with id [A] is invalid. Attribute 'Properties' should be a map.",
		},
		"mappings that are text": {
			"Mappings: a\nResources: {A: {Type: AWS::S3::Bucket}}",
			one + "Structure of the SAM template is invalid. 'Mappings' or 'Parameters' is either null or not a valid dictionary.",
		},
		"globals that are text": {
			"Globals: a\nResources: {A: {Type: AWS::S3::Bucket}}",
			one + "'Globals' section is invalid. It must be a non-empty dictionary",
		},
		"an ignored global that is none": {
			"Globals: {Function: {Timeout: 1}}\nResources: {A: {Type: AWS::Serverless::Function, IgnoreGlobals: [Handler]}}",
			one + "Resource with id [A] is invalid. Resource A has invalid resource attribute 'IgnoreGlobals' on item 'Handler'.",
		},
		"a list inside a text": {
			"Parameters: {L: {Type: CommaDelimitedList, Default: [a]}}\n" + withFunction("AutoPublishAlias: !Sub '${L}'"),
			one + "Structure of the SAM template is invalid. Invalid Fn::Sub variable value [a]. Fn::Sub expects all variables to be strings.",
		},
		"a map of one level": {
			"Mappings: {M: {a: b}}\n" + withFunction("DeploymentPreference: {Enabled: !FindInMap [M, a, c]}"),
			one + "Structure of the SAM template is invalid. Cannot use Fn::FindInMap on Mapping 'M' which is not a a two-level map.",
		},
		"a capacity provider without a name": {
			withFunction("CapacityProviderConfig: {PerExecutionEnvironmentMaxConcurrency: 1}"),
			one + "Resource with id [F] is invalid. Invalid CapacityProviderConfig: Arn is required.",
		},
		"a capacity provider with more": {
			withFunction("CapacityProviderConfig: {Arn: a, More: b}"),
			one + "Resource with id [F] is invalid. Invalid CapacityProviderConfig: More is not permitted.",
		},
		"values that fill the memory": {
			"Parameters: {L: {Type: String, Default: " + strings.Repeat("a", 4096) + "}}\n" +
				withFunction("AutoPublishAlias: !Sub '"+strings.Repeat("${L}", 5000)+"'"),
			one + "Structure of the SAM template is invalid. The expanded template is too large.",
		},
		"globals that fill the memory": {
			"Globals: {Function: {Description: " + strings.Repeat("a", 400_000) + "}}\nResources:\n" + many(100),
			one + "Structure of the SAM template is invalid. The expanded template is too large.",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := expand(t, tt.body, sam.Options{Region: "eu-west-1"})
			if fault := new(sam.Error); !errors.As(err, &fault) || err.Error() != tt.want {
				t.Errorf("got  %v\nwant %s", err, tt.want)
			}
		})
	}
}

// TestDeployment is traffic that moves with the alias: no resource of CodeDeploy and no policy of the alias.
func TestDeployment(t *testing.T) {
	enabled := func(v string) string {
		return "Mappings: {M: {prod: {on: true, off: 'false'}}}\nParameters: {Stage: {Type: String, Default: prod}}\n" +
			withFunction("DeploymentPreference: {Type: Canary10Percent5Minutes, Hooks: {PreTraffic: !Ref F}, Enabled: "+v+"}")
	}
	tests := []struct{ body, refused string }{
		{withFunction("AutoPublishAlias: live", "DeploymentPreference: {Type: Linear10PercentEvery1Minute, Alarms: [a]}"), ""},
		{enabled("!FindInMap [M, !Ref Stage, 'off']"), ""},
		{enabled("!FindInMap [M, !Ref Stage, 'on']"), "requires AutoPublishAlias"},
		{enabled("!FindInMap [M, !Ref Stage]"), "FindInMap expects an array with 3 values"},
		{enabled("!FindInMap [M, !Ref Stage, none]"), "requires AutoPublishAlias"},
		{withFunction("AutoPublishAlias: a", "DeploymentPreference: {Type: a, PassthroughCondition: !GetAtt [A, B]}"), "Unsupported intrinsic"},
	}
	for _, tt := range tests {
		got, err := expand(t, tt.body, sam.Options{Region: "eu-west-1"})
		if tt.refused != "" {
			if err == nil || !strings.Contains(err.Error(), tt.refused) {
				t.Errorf("%s: got %v, want %s", tt.body, err, tt.refused)
			}
			continue
		}
		if err != nil {
			t.Error(err)
			continue
		}
		text, _ := json.Marshal(got)
		if strings.Contains(string(text), "CodeDeploy") || strings.Contains(string(text), "UpdatePolicy") {
			t.Errorf("something of CodeDeploy is left in %s", text)
		}
	}
}

// TestManagedPolicies asks for names in the order: AWS's own, an ARN as it is, the caller's, the name.
func TestManagedPolicies(t *testing.T) {
	asked := []string{}
	o := sam.Options{Region: "cn-north-1", ManagedPolicy: func(name string) (string, bool) {
		asked = append(asked, name)
		return "arn:found", name == "Mine"
	}}
	got, err := expand(t, withFunction("Policies: [AWSLambdaRole, Mine, 'arn:a', Unknown]"), o)
	if err != nil {
		t.Fatal(err)
	}
	role := got["Resources"].(map[string]any)["FRole"].(map[string]any)["Properties"].(map[string]any)
	want := []any{
		"arn:aws-cn:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole",
		"arn:aws-cn:iam::aws:policy/service-role/AWSLambdaRole", "arn:found", "arn:a", "Unknown",
	}
	if !reflect.DeepEqual(role["ManagedPolicyArns"], want) {
		t.Errorf("got %v", role["ManagedPolicyArns"])
	}
	if !slices.Equal(asked, []string{"Mine", "Unknown"}) {
		t.Errorf("asked for %v", asked)
	}
}

func TestPartitions(t *testing.T) {
	for region, want := range map[string]string{
		"eu-west-1": "aws", "us-gov-east-1": "aws-us-gov", "cn-north-1": "aws-cn", "us-iso-east-1": "aws-iso",
		"us-isob-east-1": "aws-iso-b", "eusc-de-east-1": "aws-eusc", "": "aws",
	} {
		got, err := expand(t, withFunction("AutoPublishAlias: !Ref AWS::Partition"), sam.Options{Region: region})
		if err != nil {
			t.Fatal(err)
		}
		id := "FAlias" + strings.ReplaceAll(want, "-", "D")
		if _, ok := got["Resources"].(map[string]any)[id]; !ok {
			t.Errorf("%q: no %s in %v", region, id, slices.Sorted(maps.Keys(got["Resources"].(map[string]any))))
		}
	}
}

// TestInputStays: the template that is given is not changed, and another transform's name stays.
func TestInputStays(t *testing.T) {
	body, err := os.ReadFile("testdata/own/versions.yaml")
	if err != nil {
		t.Fatal(err)
	}
	doc, err := template.Read(append([]byte("Transform: [AWS::LanguageExtensions, AWS::Serverless-2016-10-31]\n"), body...))
	if err != nil {
		t.Fatal(err)
	}
	before, _ := json.Marshal(doc)
	var first map[string]any
	for range 2 {
		got, err := sam.Transform(doc, map[string]any{"Stage": "prod"}, sam.Options{Region: "eu-west-1"})
		if err != nil {
			t.Fatal(err)
		}
		if after, _ := json.Marshal(doc); string(after) != string(before) {
			t.Fatal("the template was changed")
		}
		if first != nil && !reflect.DeepEqual(first, got) {
			t.Fatal("the same template came out in two ways")
		}
		first = got
	}
	if want := []any{"AWS::LanguageExtensions"}; !reflect.DeepEqual(first["Transform"], want) {
		t.Errorf("Transform is %v", first["Transform"])
	}
}

// TestTagOrder: a hash over all properties covers the order of tags, which only the template as written knows.
func TestTagOrder(t *testing.T) {
	ids := map[string]bool{}
	for _, tags := range []string{"{b: 1, a: 2}", "{a: 2, b: 1}"} {
		body := withFunction("AutoPublishAlias: live", "AutoPublishAliasAllProperties: true", "Tags: "+tags)
		for _, o := range []sam.Options{{Region: "eu-west-1"}, {Region: "eu-west-1", Body: []byte(body)}} {
			got, err := expand(t, body, o)
			if err != nil {
				t.Fatal(err)
			}
			for id := range got["Resources"].(map[string]any) {
				if strings.HasPrefix(id, "FVersion") {
					ids[id] = true
				}
			}
		}
	}
	if len(ids) != 2 {
		t.Errorf("got %v, want one id for alphabetical tags and one for the others as written", ids)
	}
}

// FuzzTransform: whatever a template holds, it expands or is refused with a text; the same way twice, and without
// serverless functions and layers left.
func FuzzTransform(f *testing.F) {
	for _, dir := range []string{"testdata/own", "testdata/input"} {
		files, err := os.ReadDir(dir)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range files {
			body, err := os.ReadFile(dir + "/" + file.Name())
			if err != nil {
				f.Fatal(err)
			}
			doc, err := template.Read(body)
			if err != nil {
				f.Fatal(err)
			}
			text, err := json.Marshal(doc)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(text)
		}
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		doc, err := template.Read(body)
		if err != nil {
			return
		}
		o := sam.Options{Region: "eu-west-1", Body: body}
		got, err := sam.Transform(doc, nil, o)
		again, second := sam.Transform(doc, nil, o)
		if fault := new(sam.Error); err != nil {
			if !errors.As(err, &fault) || len(fault.Causes) == 0 || second == nil || second.Error() != err.Error() {
				t.Fatalf("got %v, then %v", err, second)
			}
			return
		}
		if !reflect.DeepEqual(got, again) {
			t.Fatal("the same template came out in two ways")
		}
		for id, r := range got["Resources"].(map[string]any) {
			r := r.(map[string]any)
			if kind := r["Type"]; kind == "AWS::Serverless::Function" || kind == "AWS::Serverless::LayerVersion" {
				t.Fatalf("%s is still a %s", id, kind)
			}
		}
	})
}
