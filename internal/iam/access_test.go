package iam_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"furl/internal/authz/authztest"
	"furl/internal/awsapi"
	"furl/internal/iam"
)

// access is what an operation must ask for.
type access struct {
	action, resource string
	do               func(ctx context.Context, c *iam.Client) error
}

const (
	users   = "arn:aws:iam::111122223333:user/"
	roles   = "arn:aws:iam::111122223333:role/"
	someKey = "AKIAUNKNOWNUNKNOWNUN"
)

// accesses has every operation of the service: those of users on one with a
// path, those of keys and GetUser also on the caller, "caller".
func accesses() []access {
	user, role, none := "pathed", "runner", "none"
	return []access{
		{"CreateUser", users + "a/new", func(ctx context.Context, c *iam.Client) error {
			return only(c.CreateUser(ctx, &iam.CreateUserRequest{UserName: "new", Path: new("/a/")}))
		}},
		{"GetUser", users + "team/pathed", func(ctx context.Context, c *iam.Client) error {
			return only(c.GetUser(ctx, &iam.GetUserRequest{UserName: &user}))
		}},
		{"GetUser", users + "none", func(ctx context.Context, c *iam.Client) error {
			return only(c.GetUser(ctx, &iam.GetUserRequest{UserName: &none}))
		}},
		{"GetUser", "caller", func(ctx context.Context, c *iam.Client) error {
			return only(c.GetUser(ctx, &iam.GetUserRequest{}))
		}},
		{"ListUsers", users, func(ctx context.Context, c *iam.Client) error {
			return only(c.ListUsers(ctx, &iam.ListUsersRequest{}))
		}},
		{"ListUsers", users + "team/", func(ctx context.Context, c *iam.Client) error {
			return only(c.ListUsers(ctx, &iam.ListUsersRequest{PathPrefix: new("/team/")}))
		}},
		{"CreateAccessKey", users + "none", func(ctx context.Context, c *iam.Client) error {
			return only(c.CreateAccessKey(ctx, &iam.CreateAccessKeyRequest{UserName: &none}))
		}},
		{"CreateAccessKey", "caller", func(ctx context.Context, c *iam.Client) error {
			return only(c.CreateAccessKey(ctx, &iam.CreateAccessKeyRequest{}))
		}},
		{"ListAccessKeys", "caller", func(ctx context.Context, c *iam.Client) error {
			return only(c.ListAccessKeys(ctx, &iam.ListAccessKeysRequest{}))
		}},
		{"UpdateAccessKey", users + "team/pathed", func(ctx context.Context, c *iam.Client) error {
			return c.UpdateAccessKey(ctx, &iam.UpdateAccessKeyRequest{UserName: &user, AccessKeyId: someKey, Status: "Active"})
		}},
		{"UpdateAccessKey", "caller", func(ctx context.Context, c *iam.Client) error {
			return c.UpdateAccessKey(ctx, &iam.UpdateAccessKeyRequest{AccessKeyId: someKey, Status: "Active"})
		}},
		{"DeleteAccessKey", "caller", func(ctx context.Context, c *iam.Client) error {
			return c.DeleteAccessKey(ctx, &iam.DeleteAccessKeyRequest{AccessKeyId: someKey})
		}},
		{"PutUserPolicy", users + "team/pathed", putUserPolicy(user, "p", allowAll)},
		{"GetUserPolicy", users + "team/pathed", func(ctx context.Context, c *iam.Client) error {
			return only(c.GetUserPolicy(ctx, &iam.GetUserPolicyRequest{UserName: user, PolicyName: "p"}))
		}},
		{"ListUserPolicies", users + "team/pathed", func(ctx context.Context, c *iam.Client) error {
			return only(c.ListUserPolicies(ctx, &iam.ListUserPoliciesRequest{UserName: user}))
		}},
		{"DeleteUserPolicy", users + "team/pathed", func(ctx context.Context, c *iam.Client) error {
			return c.DeleteUserPolicy(ctx, &iam.DeleteUserPolicyRequest{UserName: user, PolicyName: "p"})
		}},
		{"DeleteUser", users + "team/pathed", func(ctx context.Context, c *iam.Client) error {
			return c.DeleteUser(ctx, &iam.DeleteUserRequest{UserName: user})
		}},
		{"CreateRole", roles + "new", createRole("new", lambdaTrust)},
		{"GetRole", roles + "runner", func(ctx context.Context, c *iam.Client) error {
			return only(c.GetRole(ctx, &iam.GetRoleRequest{RoleName: role}))
		}},
		{"GetRole", roles + "none", func(ctx context.Context, c *iam.Client) error {
			return only(c.GetRole(ctx, &iam.GetRoleRequest{RoleName: none}))
		}},
		{"ListRoles", roles, func(ctx context.Context, c *iam.Client) error {
			return only(c.ListRoles(ctx, &iam.ListRolesRequest{}))
		}},
		{"DeleteRole", roles + "none", func(ctx context.Context, c *iam.Client) error {
			return c.DeleteRole(ctx, &iam.DeleteRoleRequest{RoleName: none})
		}},
		{"PutRolePolicy", roles + "runner", putRolePolicy(role, "p", allowAll)},
		{"GetRolePolicy", roles + "runner", func(ctx context.Context, c *iam.Client) error {
			return only(c.GetRolePolicy(ctx, &iam.GetRolePolicyRequest{RoleName: role, PolicyName: "p"}))
		}},
		{"ListRolePolicies", roles + "runner", func(ctx context.Context, c *iam.Client) error {
			return only(c.ListRolePolicies(ctx, &iam.ListRolePoliciesRequest{RoleName: role}))
		}},
		{"DeleteRolePolicy", roles + "runner", func(ctx context.Context, c *iam.Client) error {
			return c.DeleteRolePolicy(ctx, &iam.DeleteRolePolicyRequest{RoleName: role, PolicyName: "p"})
		}},
	}
}

func statement(effect, action, resource string) string {
	return fmt.Sprintf(`{"Effect":%q,"Action":"iam:%s","Resource":%q}`, effect, action, resource)
}

func document(statements string) string {
	return `{"Version":"2012-10-17","Statement":[` + statements + `]}`
}

// Every operation is refused to a user without a policy, allowed by a policy of
// exactly its action on exactly its resource, and refused by an explicit deny.
func TestEveryOperationIsAuthorized(t *testing.T) {
	h := newHouse(t)
	caller := h.User("caller")
	root := h.as(h.Root)
	if err := errors.Join(
		only(root.CreateUser(t.Context(), &iam.CreateUserRequest{UserName: "pathed", Path: new("/team/")})),
		createRole("runner", lambdaTrust)(t.Context(), root),
		createGroup("crew")(t.Context(), root),
		createPolicy("pol", allowAll)(t.Context(), root),
	); err != nil {
		t.Fatal(err)
	}
	tried := map[string]bool{}
	for _, a := range slices.Concat(userAccesses(), groupAccesses(), roleAccesses(), policyAccesses(), accountAccesses(), accesses()) {
		tried[a.action] = true
		t.Run(a.action, func(t *testing.T) {
			resource := a.resource
			if resource == "caller" {
				resource = caller.ARN
			}
			pattern := resource
			if !strings.HasPrefix(pattern, "arn:") {
				pattern = "*" // no policy can name such a resource
			}
			set := func(doc string) {
				t.Helper()
				if err := putUserPolicy("caller", "p", doc)(t.Context(), root); err != nil {
					t.Fatal(err)
				}
			}
			refused := "User: " + caller.ARN + " is not authorized to perform: iam:" + a.action + " on resource: " + resource
			implicit := refused + " because no identity-based policy allows the iam:" + a.action + " action"

			set(document(statement("Allow", "*", "arn:aws:iam::111122223333:policy/other")))
			authztest.Refused(t, a.do(t.Context(), h.as(caller)), "AccessDenied", implicit)
			set(document(statement("Allow", a.action, "*") + "," + statement("Deny", a.action, pattern)))
			authztest.Refused(t, a.do(t.Context(), h.as(caller)), "AccessDenied", refused+" with an explicit deny in an identity-based policy")
			set(document(statement("Allow", a.action, pattern)))
			if e, ok := errors.AsType[*awsapi.Error](a.do(t.Context(), h.as(caller))); ok && e.Code == "AccessDenied" {
				t.Errorf("allowed on %s: %v", resource, e)
			}
		})
	}
	for m := range reflect.TypeFor[iam.API]().Methods() {
		if !tried[m.Name] {
			t.Errorf("%s is not tried", m.Name)
		}
	}
}

func TestConditionsOnTags(t *testing.T) {
	h := newHouse(t)
	caller := h.User("caller", document(
		`{"Effect":"Allow","Action":"iam:CreateUser","Resource":"*","Condition":{"StringEquals":{"aws:RequestTag/Team":["a","untagged"]},"ForAllValues:StringEquals":{"aws:TagKeys":["Team"]}}},`+
			`{"Effect":"Allow","Action":"iam:TagUser","Resource":"*","Condition":{"StringEquals":{"aws:RequestTag/Team":"a"}}},`+
			`{"Effect":"Allow","Action":"iam:GetUser","Resource":"*","Condition":{"StringEquals":{"iam:ResourceTag/team":"a","aws:ResourceTag/team":"a","aws:RequestedRegion":"us-east-1"}}}`))
	create := func(name string, tags ...iam.Tag) func(context.Context, *iam.Client) error {
		return func(ctx context.Context, c *iam.Client) error {
			return only(c.CreateUser(ctx, &iam.CreateUserRequest{UserName: name, Tags: tags}))
		}
	}
	get := func(name string) func(context.Context, *iam.Client) error {
		return func(ctx context.Context, c *iam.Client) error {
			return only(c.GetUser(ctx, &iam.GetUserRequest{UserName: &name}))
		}
	}
	denied := func(action, name string) string {
		return "User: " + caller.ARN + " is not authorized to perform: iam:" + action + " on resource: " + users + name +
			" because no identity-based policy allows the iam:" + action + " action"
	}
	h.expect(caller,
		call{"right tag", create("good", iam.Tag{Key: "Team", Value: "a"}), "", ""},
		call{"no tag", create("x"), "AccessDenied", denied("CreateUser", "x")},
		call{"wrong value", create("x", iam.Tag{Key: "Team", Value: "b"}), "AccessDenied", denied("CreateUser", "x")},
		call{"a tag too many", create("x", iam.Tag{Key: "Team", Value: "a"}, iam.Tag{Key: "cost", Value: "1"}), "AccessDenied", denied("CreateUser", "x")},
		call{"a tag that may not be given", create("x", iam.Tag{Key: "Team", Value: "untagged"}), "AccessDenied", denied("TagUser", "x")},
		call{"tagged", get("good"), "", ""},
		call{"not tagged", get("caller"), "AccessDenied", denied("GetUser", "caller")},
	)
}
