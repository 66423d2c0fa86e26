package ssm_test

import (
	"strings"
	"testing"

	"furl/internal/authz"
	"furl/internal/ssm"
)

// FuzzNames holds whatever names a parameter against the rules: what can be created is found again under its name and
// its ARN, and nothing else is.
func FuzzNames(f *testing.F) {
	for _, seed := range []string{"a", "/a/b", "a/b", "/a//b", "/a/", "aws", "/ssm/x", "x:1", "x:label", prefix + "a/b", "arn:aws:ssm:", "arn:aws:ssm:r:a:parameter", "é", "%2F", ""} {
		f.Add(seed)
	}
	s := newServer(f)
	f.Fuzz(func(t *testing.T, name string) {
		ctx := authz.WithCaller(t.Context(), root(), authz.Env{})
		_, err := s.service.PutParameter(ctx, &ssm.PutParameterRequest{Name: name, Value: "v", Type: new(ssm.ParameterTypeString), Overwrite: new(true)})
		found, lookup := s.service.GetParameter(ctx, &ssm.GetParameterRequest{Name: name})
		if err != nil {
			if lookup == nil && !strings.Contains(name, ":") {
				t.Fatalf("%q is refused (%v) and there", name, err)
			}
			return
		}
		defer s.service.DeleteParameter(ctx, &ssm.DeleteParameterRequest{Name: name})
		if lookup != nil || *found.Parameter.Name != name {
			t.Fatalf("%q: %+v, %v", name, found, lookup)
		}
		byARN, err := s.service.GetParameter(ctx, &ssm.GetParameterRequest{Name: *found.Parameter.ARN})
		if err != nil || *byARN.Parameter.Name != name {
			t.Fatalf("%q by %s: %+v, %v", name, *found.Parameter.ARN, byARN, err)
		}
	})
}
