package lambda_test

import (
	"context"
	"strings"
	"testing"

	"furl/internal/lambda"
)

func putPolicy(arn, policy string) func(context.Context, *lambda.Client) error {
	return func(ctx context.Context, c *lambda.Client) error {
		return only(c.PutResourcePolicy(ctx, &lambda.PutResourcePolicyRequest{ResourceArn: arn, Policy: policy}))
	}
}

func TestResourcePolicyAsDocument(t *testing.T) {
	h, c := published(t)
	ctx := t.Context()
	const hello = prefix + "hello"
	const statement = `{"Sid":"all","Effect":"Allow","Principal":"*","Action":"lambda:InvokeFunctionUrl","Resource":"` + hello + `"}`
	h.expect(h.Root, call{"by AddPermission", add("hello", "s"), "", ""})
	put := must(c.PutResourcePolicy(ctx, &lambda.PutResourcePolicyRequest{ResourceArn: hello,
		Policy: ` {"Version": "2012-10-17", "Statement": ` + statement + `}`}))(t)
	want := `{"Version":"2012-10-17","Id":"default","Statement":[` + statement + `]}`
	if *put.Policy != want {
		t.Errorf("put %s\nwant %s", *put.Policy, want)
	}
	got := must(c.GetResourcePolicy(ctx, &lambda.GetResourcePolicyRequest{ResourceArn: hello}))(t)
	same := must(c.GetPolicy(ctx, &lambda.GetPolicyRequest{FunctionName: "hello"}))(t)
	if *got.Policy != want || *same.Policy != want || *got.RevisionId != *put.RevisionId {
		t.Errorf("got %s and %s", *got.Policy, *same.Policy)
	}
	const invalid, missing = "InvalidParameterValueException", "ResourceNotFoundException"
	stale := &lambda.DeleteResourcePolicyRequest{ResourceArn: hello, RevisionId: new("00000000-0000-0000-0000-000000000000")}
	h.expect(h.Root,
		call{"other resource", putPolicy(hello+":1", `{"Version":"2012-10-17","Statement":`+statement+`}`), invalid,
			`The policy is for ` + hello + `:1, but a statement's Resource is "` + hello + `".`},
		call{"no policy", putPolicy(hello, `{}`), invalid, "Syntax errors in policy."},
		call{"unknown function", putPolicy(prefix+"none", want), missing, "Function not found: " + prefix + "none"},
		call{"of a version without", func(ctx context.Context, c *lambda.Client) error {
			return only(c.GetResourcePolicy(ctx, &lambda.GetResourcePolicyRequest{ResourceArn: hello + ":1"}))
		}, missing, "The resource you requested does not exist."},
		call{"stale", func(ctx context.Context, c *lambda.Client) error { return c.DeleteResourcePolicy(ctx, stale) }, "PreconditionFailedException",
			"The Revision Id provided does not match the latest Revision Id. Call the GetPolicy API to retrieve the latest Revision Id"},
		call{"permission beside it", add("hello", "t"), "", ""},
		call{"delete", func(ctx context.Context, c *lambda.Client) error {
			return c.DeleteResourcePolicy(ctx, &lambda.DeleteResourcePolicyRequest{ResourceArn: hello})
		}, "", ""},
		call{"gone", func(ctx context.Context, c *lambda.Client) error {
			return only(c.GetPolicy(ctx, &lambda.GetPolicyRequest{FunctionName: "hello"}))
		}, missing, "The resource you requested does not exist."},
	)
}

// A policy that a client wrote keeps all that it says when somebody whom it names
// is gone, and whoever has the name then gains nothing by another statement.
func TestResourcePolicyOfTheDeparted(t *testing.T) {
	h := newHouse(t)
	h.create("hello")
	const hello = prefix + "hello"
	bob, eve := h.User("bob"), h.User("eve")
	before := `{"Sid":"a","Effect":"Allow","Principal":{"AWS":["` + bob.ARN + `","` + eve.ARN + `"]},"Action":["lambda:GetFunction","lambda:GetPolicy"],` +
		`"Resource":"` + hello + `","Condition":{"ArnLike":{"aws:PrincipalArn":"` + bob.ARN + `"},"IpAddress":{"aws:SourceIp":"127.0.0.0/8"}}},` +
		`{"Sid":"d","Effect":"Deny","NotPrincipal":{"AWS":"` + bob.ARN + `"},"NotAction":"lambda:*","Resource":"` + hello + `"}`
	h.expect(h.Root, call{"put", putPolicy(hello, `{"Version":"2012-10-17","Statement":[`+before+`]}`), "", ""})
	getFunction := func(ctx context.Context, c *lambda.Client) error {
		return only(c.GetFunction(ctx, &lambda.GetFunctionRequest{FunctionName: "hello"}))
	}
	h.expect(bob, call{"bob", getFunction, "", ""})
	h.Remove(bob)
	h.Clock.Advance(1)
	next := h.User("bob")
	h.expect(h.Root, call{"another statement", add("hello", "s"), "", ""})
	h.expect(next, call{"another bob", getFunction, denied, implicit(next, "lambda:GetFunction", hello)})

	after := strings.Replace(before, `["`+bob.ARN, `["`+bob.ID, 1)
	after = strings.Replace(after, `"NotPrincipal":{"AWS":"`+bob.ARN, `"NotPrincipal":{"AWS":"`+bob.ID, 1)
	got := must(h.as(h.Root).GetPolicy(t.Context(), &lambda.GetPolicyRequest{FunctionName: "hello"}))(t)
	if !strings.Contains(*got.Policy, after+`,{"Sid":"s"`) {
		t.Errorf("got  %s\nwant %s", *got.Policy, after)
	}
}
