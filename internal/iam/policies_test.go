package iam_test

import (
	"context"
	"net/url"
	"reflect"
	"strings"
	"testing"

	"furl/internal/iam"
)

// awkward is a policy with characters that must survive percent-encoding.
const awkward = "{\"Version\":\"2012-10-17\",\n \"Statement\":{\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"arn:aws:x:::a+b%3A c/é&=\"}}"

func TestInlinePoliciesOfUsers(t *testing.T) {
	h := newHouse(t)
	c, ctx := h.as(h.Root), t.Context()
	h.User("Bob")
	for _, name := range []string{"zeta", "alpha"} {
		if err := putUserPolicy("bob", name, awkward)(ctx, c); err != nil {
			t.Fatal(err)
		}
	}
	got, err := c.GetUserPolicy(ctx, &iam.GetUserPolicyRequest{UserName: "BOB", PolicyName: "zeta"})
	if err != nil {
		t.Fatal(err)
	}
	if got.UserName != "Bob" || got.PolicyName != "zeta" || strings.ContainsAny(got.PolicyDocument, "+ \"") {
		t.Errorf("%+v", got)
	}
	if doc, err := url.PathUnescape(got.PolicyDocument); err != nil || doc != awkward {
		t.Errorf("document %q, %v; want it as it was written", doc, err)
	}
	listed, err := c.ListUserPolicies(ctx, &iam.ListUserPoliciesRequest{UserName: "bob", MaxItems: new(1)})
	if err != nil || !reflect.DeepEqual(listed.PolicyNames, []string{"alpha"}) || !*listed.IsTruncated {
		t.Fatalf("first page: %+v, %v", listed, err)
	}
	listed, err = c.ListUserPolicies(ctx, &iam.ListUserPoliciesRequest{UserName: "bob", MaxItems: new(1), Marker: listed.Marker})
	if err != nil || !reflect.DeepEqual(listed.PolicyNames, []string{"zeta"}) || *listed.IsTruncated {
		t.Errorf("second page: %+v, %v", listed, err)
	}
	if err := c.DeleteUserPolicy(ctx, &iam.DeleteUserPolicyRequest{UserName: "bob", PolicyName: "zeta"}); err != nil {
		t.Error(err)
	}
	listed, err = c.ListUserPolicies(ctx, &iam.ListUserPoliciesRequest{UserName: "bob"})
	if err != nil || !reflect.DeepEqual(listed.PolicyNames, []string{"alpha"}) {
		t.Errorf("after DeleteUserPolicy: %+v, %v", listed, err)
	}
}

func TestInlinePoliciesOfRoles(t *testing.T) {
	h := newHouse(t)
	c, ctx := h.as(h.Root), t.Context()
	if err := createRole("Runner", lambdaTrust)(ctx, c); err != nil {
		t.Fatal(err)
	}
	if err := putRolePolicy("runner", "p", awkward)(ctx, c); err != nil {
		t.Fatal(err)
	}
	got, err := c.GetRolePolicy(ctx, &iam.GetRolePolicyRequest{RoleName: "RUNNER", PolicyName: "p"})
	if err != nil || got.RoleName != "Runner" || got.PolicyDocument != strings.ReplaceAll(url.QueryEscape(awkward), "+", "%20") {
		t.Errorf("%+v, %v", got, err)
	}
	listed, err := c.ListRolePolicies(ctx, &iam.ListRolePoliciesRequest{RoleName: "runner"})
	if err != nil || !reflect.DeepEqual(listed.PolicyNames, []string{"p"}) || *listed.IsTruncated {
		t.Errorf("%+v, %v", listed, err)
	}
	if err := c.DeleteRolePolicy(ctx, &iam.DeleteRolePolicyRequest{RoleName: "runner", PolicyName: "p"}); err != nil {
		t.Error(err)
	}
	listed, err = c.ListRolePolicies(ctx, &iam.ListRolePoliciesRequest{RoleName: "runner"})
	if err != nil || len(listed.PolicyNames) != 0 {
		t.Errorf("after DeleteRolePolicy: %+v, %v", listed, err)
	}
}

// sized is a policy of so many characters, white space not counted.
func sized(n int) string {
	const frame = `{"Version":"2012-10-17","Statement":{"Sid":"","Effect":"Allow","Action":"*","Resource":"*"}}`
	return strings.Replace(frame, `"Sid":"`, ` "Sid" : "`+strings.Repeat("s", n-len(frame)), 1)
}

func TestPolicyRefusals(t *testing.T) {
	h := newHouse(t)
	h.User("Bob")
	const principal = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}}`
	const malformed = "MalformedPolicyDocument"
	const nobody, noRole = "The user with name nobody cannot be found.", "The role with name nobody cannot be found."
	h.expect(h.Root,
		call{"role", createRole("r", lambdaTrust), "", ""},
		call{"no JSON", putUserPolicy("bob", "p", `{`), malformed, "Syntax errors in policy."},
		call{"principal", putUserPolicy("bob", "p", principal), malformed, "Policy document should not specify a principal."},
		call{"no actions", putUserPolicy("bob", "p", `{"Statement":{"Effect":"Allow","Resource":"*"}}`), malformed, "Policy statement must contain actions."},
		call{"bad JSON for a role", putRolePolicy("r", "p", `{`), malformed, "Syntax errors in policy."},
		call{"bad policy name", putUserPolicy("bob", "a b", allowAll), "ValidationError",
			"The specified value for policyName is invalid. It must contain only alphanumeric characters and/or the following: +=,.@_-"},
		call{"other alphabets", putUserPolicy("bob", "p", "{\u0100}"), "ValidationError",
			"The specified value for policyDocument is invalid. It must contain only printable ASCII characters."},
		call{"nobody", putUserPolicy("nobody", "p", allowAll), "NoSuchEntity", nobody},
		call{"no such role", putRolePolicy("nobody", "p", allowAll), "NoSuchEntity", noRole},

		call{"as large as can be", putUserPolicy("bob", "p", sized(2048)), "", ""},
		call{"replaced, not added", putUserPolicy("bob", "p", sized(2048)), "", ""},
		call{"too large", putUserPolicy("bob", "p", sized(2049)), "LimitExceeded", "Maximum policy size of 2048 bytes exceeded for user Bob"},
		call{"too large together", putUserPolicy("bob", "q", allowAll), "LimitExceeded", "Maximum policy size of 2048 bytes exceeded for user Bob"},
		call{"a role's are larger", putRolePolicy("r", "p", sized(10240)), "", ""},
		call{"too large for a role", putRolePolicy("r", "p", sized(10241)), "LimitExceeded", "Maximum policy size of 10240 bytes exceeded for role r"},

		call{"get of nobody", func(ctx context.Context, c *iam.Client) error {
			return only(c.GetUserPolicy(ctx, &iam.GetUserPolicyRequest{UserName: "nobody", PolicyName: "p"}))
		}, "NoSuchEntity", nobody},
		call{"get none", func(ctx context.Context, c *iam.Client) error {
			return only(c.GetUserPolicy(ctx, &iam.GetUserPolicyRequest{UserName: "bob", PolicyName: "none"}))
		}, "NoSuchEntity", "The user policy with name none cannot be found."},
		call{"list of nobody", func(ctx context.Context, c *iam.Client) error {
			return only(c.ListUserPolicies(ctx, &iam.ListUserPoliciesRequest{UserName: "nobody"}))
		}, "NoSuchEntity", nobody},
		call{"delete of nobody", func(ctx context.Context, c *iam.Client) error {
			return c.DeleteUserPolicy(ctx, &iam.DeleteUserPolicyRequest{UserName: "nobody", PolicyName: "p"})
		}, "NoSuchEntity", nobody},
		call{"delete none", func(ctx context.Context, c *iam.Client) error {
			return c.DeleteUserPolicy(ctx, &iam.DeleteUserPolicyRequest{UserName: "bob", PolicyName: "none"})
		}, "NoSuchEntity", "The user policy with name none cannot be found."},
		call{"get of no role", func(ctx context.Context, c *iam.Client) error {
			return only(c.GetRolePolicy(ctx, &iam.GetRolePolicyRequest{RoleName: "nobody", PolicyName: "p"}))
		}, "NoSuchEntity", noRole},
		call{"get none of a role", func(ctx context.Context, c *iam.Client) error {
			return only(c.GetRolePolicy(ctx, &iam.GetRolePolicyRequest{RoleName: "r", PolicyName: "none"}))
		}, "NoSuchEntity", "The role policy with name none cannot be found."},
		call{"list of no role", func(ctx context.Context, c *iam.Client) error {
			return only(c.ListRolePolicies(ctx, &iam.ListRolePoliciesRequest{RoleName: "nobody"}))
		}, "NoSuchEntity", noRole},
		call{"delete of no role", func(ctx context.Context, c *iam.Client) error {
			return c.DeleteRolePolicy(ctx, &iam.DeleteRolePolicyRequest{RoleName: "nobody", PolicyName: "p"})
		}, "NoSuchEntity", noRole},
		call{"delete none of a role", func(ctx context.Context, c *iam.Client) error {
			return c.DeleteRolePolicy(ctx, &iam.DeleteRolePolicyRequest{RoleName: "r", PolicyName: "none"})
		}, "NoSuchEntity", "The role policy with name none cannot be found."},
	)
}
