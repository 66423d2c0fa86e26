package cfn

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"furl/internal/awsapi"
	"furl/internal/cfn/stack"
	"furl/internal/template"
)

// parsed is a template with its conditions decided for given values of parameters.
func parsed(t *testing.T, body string, given map[string]string) *definition {
	t.Helper()
	d, err := read(body)
	if err != nil {
		t.Fatal(err)
	}
	if d.template, err = template.New(d.doc); err != nil {
		t.Fatal(err)
	}
	bound, err := template.Bind(d.template.Parameters, given, nil)
	if err != nil {
		t.Fatal(err)
	}
	d.scope = template.Scope{AccountID: "111122223333", Region: "us-east-1", Partition: "aws", StackName: "s", Parameters: bound.Values}
	if err := d.template.Decide(&d.scope); err != nil {
		t.Fatal(err)
	}
	return d
}

// message is the text of an error for clients, empty for none.
func message(err error) string {
	if e, ok := errors.AsType[*awsapi.Error](err); ok {
		return e.Code + ": " + e.Message
	}
	if err != nil {
		return err.Error()
	}
	return ""
}

const roles = `{"Resources": {
  "Plain": {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": {}}},
  "Named": {"Type": "AWS::IAM::Role", "Properties": {"RoleName": "r", "AssumeRolePolicyDocument": {}}}}}`

func TestCapabilities(t *testing.T) {
	plain := `{"Resources": {"A": {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": {}}}}}`
	none := `{"Resources": {"A": {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String", "Value": "v"}}}}`
	for _, tt := range []struct {
		name, body string
		given      []Capability
		want       string
	}{
		{"nothing needed", none, nil, ""},
		{"not given", plain, nil, "InsufficientCapabilitiesException: Requires capabilities : [CAPABILITY_IAM]"},
		{"given", plain, []Capability{CapabilityCapabilityIam}, ""},
		{"more given", plain, []Capability{CapabilityCapabilityNamedIam}, ""},
		{"named", roles, []Capability{CapabilityCapabilityIam}, "InsufficientCapabilitiesException: Requires capabilities : [CAPABILITY_NAMED_IAM]"},
		{"named and given", roles, []Capability{CapabilityCapabilityNamedIam}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			needed, _ := parsed(t, tt.body, nil).capabilities()
			if got := message(acknowledged(needed, tt.given)); got != tt.want {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
}

// A type that is not offered is refused by name, unless its condition has it not be made.
func TestTypes(t *testing.T) {
	body := `{"Parameters": {"All": {"Type": "String", "Default": "no"}}, "Conditions": {"All": {"Fn::Equals": [{"Ref": "All"}, "yes"]}},
	  "Resources": {"A": {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String", "Value": "v"}},
	    "K": {"Type": "AWS::KMS::Key", "Condition": "All"}, "V": {"Type": "AWS::EC2::VPC", "Condition": "All"}}}`
	if err := parsed(t, body, nil).check(); err != nil {
		t.Error(err)
	}
	d := parsed(t, body, map[string]string{"All": "yes"})
	want := "ValidationError: Template format error: Unrecognized resource types: [AWS::EC2::VPC, AWS::KMS::Key]"
	if got := strings.Replace(message(d.check()), "ValidationException", "ValidationError", 1); got != want {
		t.Errorf("%q, want %q", got, want)
	}
	for types, ok := range map[string]bool{"": true, "AWS::*": true, "AWS::SSM::Parameter": false, "AWS::SSM::*,AWS::KMS::Key,AWS::EC2::VPC": true} {
		if err := d.within(split(types)); (err == nil) != ok {
			t.Errorf("types %q: %v", types, err)
		}
	}
}

func split(list string) []string {
	if list == "" {
		return nil
	}
	return strings.Split(list, ",")
}

func TestValues(t *testing.T) {
	previous := &stack.Definition{Parameters: []stack.Parameter{{Key: "A", Value: "old", Secret: true}}}
	for _, tt := range []struct {
		name     string
		given    Parameter
		previous *stack.Definition
		want     string
	}{
		{"a value", Parameter{ParameterKey: new("A"), ParameterValue: new("new")}, nil, "new"},
		{"the previous one", Parameter{ParameterKey: new("A"), UsePreviousValue: new(true)}, previous, "old"},
		{"the previous one of none", Parameter{ParameterKey: new("B"), UsePreviousValue: new(true)}, previous, "Cannot specify usePreviousValue as true"},
		{"the previous one of a new stack", Parameter{ParameterKey: new("A"), UsePreviousValue: new(true)}, nil, "Cannot specify usePreviousValue as true"},
		{"neither", Parameter{ParameterKey: new("A")}, previous, "Either a value or usePreviousValue must be specified"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := values(wanted{parameters: []Parameter{tt.given}, previous: tt.previous})
			if err != nil && !strings.Contains(message(err), tt.want) || err == nil && got["A"] != tt.want {
				t.Errorf("%v, %v; want %q", got, err, tt.want)
			}
		})
	}
	if got := value(parametersOf(previous)[0].ParameterValue); got != "****" {
		t.Errorf("a secret is shown as %q", got)
	}
}

func TestPages(t *testing.T) {
	items := []int{1, 2, 3, 4, 5}
	var all []int
	var token *string
	for range 3 {
		page, next, err := pageOf(items, token, 2)
		if err != nil {
			t.Fatal(err)
		}
		all, token = append(all, page...), next
	}
	if !slices.Equal(all, items) || token != nil {
		t.Errorf("%v, %v", all, token)
	}
	for _, bad := range []string{"", "x", "-1", "6", "99999999999999999999"} {
		if _, _, err := pageOf(items, &bad, 2); err == nil {
			t.Errorf("token %q is taken", bad)
		}
	}
}

// What a template says of a stack that is there, and what would change thereby.
func TestChanges(t *testing.T) {
	const body = `{"Parameters": {"Bytes": {"Type": "Number", "Default": 128}, "Name": {"Type": "String", "Default": "a"}},
	  "Resources": {
	    "Group": {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": {"Ref": "Name"}, "RetentionInDays": 1}},
	    "User": {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String", "Value": {"Fn::GetAtt": ["Group", "Arn"]}}},
	    "Size": {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String", "Value": {"Ref": "Bytes"}}}}}`
	body2 := strings.Replace(body, `"Size": {"Type": "AWS`, `"Other": {"Type": "AWS`, 1)
	there := func() map[string]present {
		return map[string]present{
			"Group": {Type: "AWS::Logs::LogGroup", PhysicalID: "a", Properties: map[string]any{"LogGroupName": "a", "RetentionInDays": int64(1)}, Attributes: map[string]any{"Arn": "arn:a"}},
			"User":  {Type: "AWS::SSM::Parameter", PhysicalID: "u", Properties: map[string]any{"Type": "String", "Value": "arn:a"}},
			"Size":  {Type: "AWS::SSM::Parameter", PhysicalID: "s", Properties: map[string]any{"Type": "String", "Value": "128"}},
		}
	}
	for _, tt := range []struct {
		name, body string
		given      map[string]string
		want       string
	}{
		{"nothing", body, nil, ""},
		{"in place", body, map[string]string{"Bytes": "256"}, "Modify Size False"},
		{"replaced, and what refers to it", body, map[string]string{"Name": "b"}, "Modify Group True, Modify User False"},
		{"removed and added", body2, nil, "Add Other -, Remove Size -"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before, after := parsed(t, body, nil), parsed(t, tt.body, tt.given)
			d := &differ{before: side{before.template, before.scope}, after: side{after.template, after.scope}, present: there()}
			changes, err := d.run()
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, c := range changes {
				replacement := "-"
				if c.ResourceChange.Replacement != nil {
					replacement = string(*c.ResourceChange.Replacement)
				}
				got = append(got, string(*c.ResourceChange.Action)+" "+*c.ResourceChange.LogicalResourceId+" "+replacement)
			}
			if strings.Join(got, ", ") != tt.want {
				t.Errorf("%s, want %s", strings.Join(got, ", "), tt.want)
			}
		})
	}
}
