package iam_test

import (
	"context"
	"fmt"
	"net/url"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"furl/internal/authz/authztest"
	"furl/internal/iam"
)

// Which members an answer has is recorded on AWS: they differ from operation to
// operation.
func TestRole(t *testing.T) {
	h := newHouse(t)
	c, ctx := h.as(h.Root), t.Context()
	created, err := c.CreateRole(ctx, &iam.CreateRoleRequest{
		RoleName: "Runner", Path: new("/service-role/"), AssumeRolePolicyDocument: lambdaTrust, Description: new("runs"),
		MaxSessionDuration: new(7200), Tags: []iam.Tag{{Key: "team", Value: "a"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	got := created.Role
	if !regexp.MustCompile(`^AROA[A-Z2-7]{17}$`).MatchString(got.RoleId) {
		t.Errorf("id %q", got.RoleId)
	}
	want := iam.Role{
		Path: "/service-role/", RoleName: "Runner", RoleId: got.RoleId, Arn: "arn:aws:iam::111122223333:role/service-role/Runner",
		CreateDate:               time.Date(2026, 11, 23, 13, 42, 10, 0, time.UTC),
		AssumeRolePolicyDocument: new(strings.ReplaceAll(url.QueryEscape(lambdaTrust), "+", "%20")),
		Description:              new("runs"),
		Tags:                     []iam.Tag{{Key: "team", Value: "a"}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("CreateRole\n%+v, want\n%+v", got, want)
	}
	want.MaxSessionDuration, want.RoleLastUsed = new(7200), &iam.RoleLastUsed{}
	shown, err := c.GetRole(ctx, &iam.GetRoleRequest{RoleName: "rUNNER"})
	if err != nil || !reflect.DeepEqual(shown.Role, want) {
		t.Errorf("GetRole %v\n%+v, want\n%+v", err, shown, want)
	}
	want.RoleLastUsed, want.Tags = nil, nil
	listed, err := c.ListRoles(ctx, &iam.ListRolesRequest{PathPrefix: new("/service-role/")})
	if err != nil || !reflect.DeepEqual(listed.Roles, []iam.Role{want}) || *listed.IsTruncated {
		t.Errorf("ListRoles %v\n%+v, want\n%+v", err, listed, want)
	}
	if err := c.DeleteRole(ctx, &iam.DeleteRoleRequest{RoleName: "RUNNER"}); err != nil {
		t.Error(err)
	}
	listed, err = c.ListRoles(ctx, &iam.ListRolesRequest{})
	if err != nil || len(listed.Roles) != 0 {
		t.Errorf("after DeleteRole: %+v, %v", listed, err)
	}
}

func TestRoleDefaults(t *testing.T) {
	h := newHouse(t)
	c, ctx := h.as(h.Root), t.Context()
	if err := createRole("r", lambdaTrust)(ctx, c); err != nil {
		t.Fatal(err)
	}
	out, err := c.GetRole(ctx, &iam.GetRoleRequest{RoleName: "r"})
	if err != nil || *out.Role.MaxSessionDuration != 3600 || out.Role.Description != nil || out.Role.Path != "/" || out.Role.Tags != nil {
		t.Errorf("%+v, %v", out, err)
	}
}

func trusting(principal string) string {
	return fmt.Sprintf(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":%s,"Action":"sts:AssumeRole"}}`, principal)
}

func TestRoleRefusals(t *testing.T) {
	h := newHouse(t)
	alice := h.User("alice")
	create := func(in iam.CreateRoleRequest) func(context.Context, *iam.Client) error {
		return func(ctx context.Context, c *iam.Client) error {
			in.RoleName, in.AssumeRolePolicyDocument = "x", lambdaTrust
			return only(c.CreateRole(ctx, &in))
		}
	}
	remove := func(name string) func(context.Context, *iam.Client) error {
		return func(ctx context.Context, c *iam.Client) error {
			return c.DeleteRole(ctx, &iam.DeleteRoleRequest{RoleName: name})
		}
	}
	get := func(ctx context.Context, c *iam.Client) error {
		return only(c.GetRole(ctx, &iam.GetRoleRequest{RoleName: "nobody"}))
	}
	const nobody = "The role with name nobody cannot be found."
	const malformed = "MalformedPolicyDocument"
	long := strings.Replace(lambdaTrust, `"Effect"`, `"Sid":"`+strings.Repeat("s", 2048)+`","Effect"`, 1)
	h.expect(h.Root,
		call{"create", createRole("r", lambdaTrust), "", ""},
		call{"exists", createRole("R", lambdaTrust), "EntityAlreadyExists", "Role with name R already exists."},
		call{"bad name", createRole("a b", lambdaTrust), "ValidationError",
			"The specified value for roleName is invalid. It must contain only alphanumeric characters and/or the following: +=,.@_-"},
		call{"short session", create(iam.CreateRoleRequest{MaxSessionDuration: new(3599)}), "ValidationError",
			"1 validation error detected: Value at 'maxSessionDuration' failed to satisfy constraint: Member must have value greater than or equal to 3600"},
		call{"long session", create(iam.CreateRoleRequest{MaxSessionDuration: new(43201)}), "ValidationError",
			"1 validation error detected: Value at 'maxSessionDuration' failed to satisfy constraint: Member must have value less than or equal to 43200"},
		call{"the same tag twice", create(iam.CreateRoleRequest{Tags: []iam.Tag{{Key: "a"}, {Key: "A"}}}), "InvalidInput",
			"Duplicate tag keys found. Please note that Tag keys are case insensitive."},
		call{"boundary", create(iam.CreateRoleRequest{PermissionsBoundary: new("arn:aws:iam::111122223333:policy/p")}), "NoSuchEntity",
			"Scope ARN: arn:aws:iam::111122223333:policy/p does not exist or is not attachable."},
		call{"no JSON", createRole("x", `{"Version"`), malformed, "This policy contains invalid Json"},
		call{"bare principal", createRole("x", trusting(`"*"`)), malformed, "Principal must be a JSON object."},
		call{"resource", createRole("x", strings.Replace(lambdaTrust, `"Effect"`, `"Resource":"*","Effect"`, 1)), malformed, "Has prohibited field Resource"},
		call{"user that exists", createRole("alices", trusting(`{"AWS":"`+alice.ARN+`"}`)), "", ""},
		call{"user that does not", createRole("x", trusting(`{"AWS":"arn:aws:iam::111122223333:user/nobody"}`)), malformed,
			`Invalid principal in policy: "AWS":"arn:aws:iam::111122223333:user/nobody"`},
		call{"account", createRole("accounts", trusting(`{"AWS":"444455556666"}`)), "", ""},
		call{"long trust policy", createRole("x", long), "LimitExceeded", "Cannot exceed quota for ACLSizePerRole: 2048"},
		call{"get nobody", get, "NoSuchEntity", nobody},
		call{"delete nobody", remove("nobody"), "NoSuchEntity", nobody},
		call{"give a policy", putRolePolicy("r", "p", allowAll), "", ""},
		call{"delete with policies", remove("r"), "DeleteConflict", "Cannot delete entity, must delete policies first."},
	)
	role := h.State.Snapshot().Role(authztest.Account, "alices")
	if got := role.Role.PrincipalIDs[alice.ARN]; got != alice.ID {
		t.Errorf("the trust policy is bound to %q, want alice's id %q", got, alice.ID)
	}
}
