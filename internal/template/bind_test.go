package template_test

import (
	"errors"
	"reflect"
	"testing"

	"furl/internal/template"
)

func TestBindErrors(t *testing.T) {
	for _, c := range []struct{ parameter, value, want string }{
		{`{Type: String}`, "", ""},
		{`{Type: Number}`, "1.5", ""},
		{`{Type: Number}`, "x", "Parameter 'P' must be a number."},
		{`{Type: Number, MinValue: 1, MaxValue: "5"}`, "5", ""},
		{`{Type: Number, MinValue: 1, MaxValue: 5}`, "0", "Parameter 'P' must be a number not less than 1"},
		{`{Type: Number, MinValue: 1, MaxValue: 5}`, "6", "Parameter 'P' must be a number not greater than 5"},
		{`{Type: List<Number>}`, "1, 2", ""},
		{`{Type: List<Number>}`, "1,x", "Parameter 'P' must be a number."},
		{`{Type: String, MinLength: 2}`, "é", "Parameter 'P' must contain at least 2 characters"},
		{`{Type: String, MaxLength: "2"}`, "abc", "Parameter 'P' must contain at most 2 characters"},
		{`{Type: String, AllowedPattern: "[a-z]+"}`, "abc", ""},
		{`{Type: String, AllowedPattern: "[a-z]+"}`, "abc1", "Parameter 'P' must match pattern [a-z]+"},
		{`{Type: String, AllowedPattern: "a|b"}`, "ab", "Parameter 'P' must match pattern a|b"},
		{`{Type: String, AllowedValues: [a, yes, 1]}`, "true", ""},
		{`{Type: String, AllowedValues: [a, b]}`, "c", "Parameter 'P' must be one of AllowedValues"},
		{`{Type: CommaDelimitedList, AllowedValues: [a, b]}`, "a, b", ""},
		{`{Type: CommaDelimitedList, AllowedValues: [a, b]}`, "a,c", "Parameter 'P' must be one of AllowedValues"},
		{`{Type: String, AllowedValues: [a], ConstraintDescription: must be a}`, "c", "Parameter P failed to satisfy constraint: must be a"},
		{`{Type: "AWS::SSM::Parameter::Value<String>"}`, "/none", "no parameter /none"},
	} {
		parameters, err := template.ReadParameters(read(t, "Parameters: {P: "+c.parameter+"}"))
		if err != nil {
			t.Fatal(err)
		}
		_, err = template.Bind(parameters, map[string]string{"P": c.value}, func(name string) (string, error) {
			return "", errors.New("no parameter " + name)
		})
		got := ""
		if err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%s of %s: got %s, want %s", c.value, c.parameter, got, c.want)
		}
	}
}

func TestBind(t *testing.T) {
	parameters, err := template.ReadParameters(read(t, `
Parameters:
  S: {Type: String, Default: 5, NoEcho: true}
  L: {Type: CommaDelimitedList, Default: ""}
  V: {Type: "AWS::SSM::Parameter::Value<List<String>>", Default: /list}
  G: {Type: AWS::EC2::VPC::Id}
`))
	if err != nil {
		t.Fatal(err)
	}
	if !parameters["S"].NoEcho {
		t.Error("NoEcho is lost")
	}
	lookup := func(name string) (string, error) { return "a,b of " + name, nil }
	if _, err := template.Bind(parameters, nil, lookup); text(err) != "Parameters: [G] must have values" {
		t.Error(err)
	}
	_, err = template.Bind(parameters, map[string]string{"G": "v", "X": "", "Y": ""}, lookup)
	if text(err) != "Parameters: [X, Y] do not exist in the template" {
		t.Error(err)
	}
	got, err := template.Bind(parameters, map[string]string{"G": "vpc-1"}, lookup)
	want := &template.Bound{
		Texts:    map[string]string{"S": "5", "L": "", "V": "/list", "G": "vpc-1"},
		Resolved: map[string]string{"V": "a,b of /list"},
		Values:   map[string]any{"S": "5", "L": []any{""}, "V": []any{"a", "b of /list"}, "G": "vpc-1"},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v", got, err)
	}
}
