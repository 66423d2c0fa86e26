package resource_test

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"furl/internal/awsapi"
	"furl/internal/cfn/resource"
	"furl/internal/lambda"
)

// services are other services that answer as they are told, and what they were asked.
type services struct {
	answers map[string][]any // by operation: each one once, the last for ever; errors are errors
	asked   []string         // operation, and input without what is absent
}

// Invoke is of resource.Invoker.
func (s *services) Invoke(_ context.Context, service, operation string, in any) (any, error) {
	s.asked = append(s.asked, service+" "+operation+" "+given(in))
	left := s.answers[operation]
	if len(left) == 0 {
		return nil, nil
	}
	if len(left) > 1 {
		s.answers[operation] = left[1:]
	}
	if err, failed := left[0].(error); failed {
		return nil, err
	}
	return left[0], nil
}

// given is an input in JSON, without the members that are absent or empty. The bytes of a package are its length.
func given(in any) string {
	v, out := reflect.ValueOf(in).Elem(), map[string]any{}
	for i := range v.NumField() {
		name, field := v.Type().Field(i).Name, v.Field(i)
		if field.IsZero() {
			continue
		}
		out[name] = field.Interface()
		if code, ok := out[name].(lambda.FunctionCode); ok {
			out[name] = given(&code)
		}
		if body, ok := out[name].([]byte); ok {
			out[name] = fmt.Sprintf("%d bytes", len(body))
		}
	}
	text, err := json.Marshal(out)
	if err != nil {
		return err.Error()
	}
	return strings.ReplaceAll(string(text), "null", "")
}

// request is a request for the resource Name of the stack demo.
func (s *services) request(properties map[string]any) *resource.Request {
	return &resource.Request{
		Account: "000000000000", Region: "us-east-1", Partition: "aws", StackName: "demo", StackID: "arn:demo", LogicalID: "Name", Suffix: "ABCDEFGHIJKL",
		Properties: properties, Tags: map[string]string{"aws:cloudformation:stack-name": "demo"}, Invoke: s,
		Save: func(id string) error {
			s.asked = append(s.asked, "saved "+id)
			return nil
		},
	}
}

// expect compares what was asked, and forgets it.
func (s *services) expect(t *testing.T, want ...string) {
	t.Helper()
	if !slices.Equal(s.asked, want) {
		t.Errorf("asked\n\t%s\nwant\n\t%s", strings.Join(s.asked, "\n\t"), strings.Join(want, "\n\t"))
	}
	s.asked = nil
}

func conflict() error {
	return &awsapi.Error{Code: "ResourceConflictException", Message: "Function already exist: fn", Status: 409}
}

func missing() error {
	return &awsapi.Error{Code: "ResourceNotFoundException", Message: "Function not found", Status: 404}
}
