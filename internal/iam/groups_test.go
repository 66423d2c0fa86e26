package iam_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"furl/internal/iam"
)

func addToGroup(user, group string) func(context.Context, *iam.Client) error {
	return func(ctx context.Context, c *iam.Client) error {
		return c.AddUserToGroup(ctx, &iam.AddUserToGroupRequest{UserName: user, GroupName: group})
	}
}

func attachUser(user, policy string) func(context.Context, *iam.Client) error {
	return func(ctx context.Context, c *iam.Client) error {
		return c.AttachUserPolicy(ctx, &iam.AttachUserPolicyRequest{UserName: user, PolicyArn: policy})
	}
}

func TestGroupRefusals(t *testing.T) {
	h := newHouse(t)
	calls := []call{
		{"user", createUser("bob"), "", ""},
		{"group", createGroup("Crew"), "", ""},
		{"the name again", createGroup("crew"), "EntityAlreadyExists", "Group with name crew already exists."},
		{"bad name", createGroup("a b"), "ValidationError", "The specified value for groupName is invalid. It must contain only alphanumeric characters and/or the following: +=,.@_-"},
		{"no such group", addToGroup("bob", "none"), "NoSuchEntity", "The group with name none cannot be found."},
		{"no such user", addToGroup("none", "crew"), "NoSuchEntity", "The user with name none cannot be found."},
		{"member", addToGroup("bob", "crew"), "", ""},
		{"member again", addToGroup("bob", "crew"), "", ""},
		{"delete the user", func(ctx context.Context, c *iam.Client) error {
			return c.DeleteUser(ctx, &iam.DeleteUserRequest{UserName: "bob"})
		}, "DeleteConflict", "Cannot delete entity, must remove users from group first."},
		{"delete the group", func(ctx context.Context, c *iam.Client) error {
			return c.DeleteGroup(ctx, &iam.DeleteGroupRequest{GroupName: "crew"})
		}, "DeleteConflict", "Cannot delete entity, must remove users from group first."},
		{"too long a policy", func(ctx context.Context, c *iam.Client) error {
			doc := document(statement("Allow", "Get*", "arn:aws:iam::111122223333:user/"+strings.Repeat("x", 5100)))
			return c.PutGroupPolicy(ctx, &iam.PutGroupPolicyRequest{GroupName: "crew", PolicyName: "p", PolicyDocument: doc})
		}, "LimitExceeded", "Maximum policy size of 5120 bytes exceeded for group Crew"},
		{"no such policy", func(ctx context.Context, c *iam.Client) error {
			return only(c.GetGroupPolicy(ctx, &iam.GetGroupPolicyRequest{GroupName: "crew", PolicyName: "p"}))
		}, "NoSuchEntity", "The group policy with name p cannot be found."},
		{"taken name", createGroup("other"), "", ""},
		{"renamed to it", func(ctx context.Context, c *iam.Client) error {
			return c.UpdateGroup(ctx, &iam.UpdateGroupRequest{GroupName: "crew", NewGroupName: new("OTHER")})
		}, "EntityAlreadyExists", "Group with name OTHER already exists."},
		{"not a member", func(ctx context.Context, c *iam.Client) error {
			return c.RemoveUserFromGroup(ctx, &iam.RemoveUserFromGroupRequest{UserName: "bob", GroupName: "other"})
		}, "NoSuchEntity", "User bob not in group other"},
	}
	for i := range 9 {
		calls = append(calls, call{"group", createGroup(fmt.Sprint("g", i)), "", ""}, call{"member", addToGroup("bob", fmt.Sprint("g", i)), "", ""})
	}
	calls = append(calls, call{"one group too many", addToGroup("bob", "other"), "LimitExceeded", "Cannot exceed quota for GroupsPerUser: 10"})
	h.expect(h.Root, calls...)
}

func TestManagedPolicyRefusals(t *testing.T) {
	h := newHouse(t)
	const pol = policies + "pol"
	long := document(statement("Allow", "Get*", "arn:aws:iam::111122223333:user/"+strings.Repeat("x", 6144)))
	version := func(doc string) func(context.Context, *iam.Client) error {
		return func(ctx context.Context, c *iam.Client) error {
			return only(c.CreatePolicyVersion(ctx, &iam.CreatePolicyVersionRequest{PolicyArn: pol, PolicyDocument: doc}))
		}
	}
	bound := func(policy string) func(context.Context, *iam.Client) error {
		return func(ctx context.Context, c *iam.Client) error {
			return only(c.CreateUser(ctx, &iam.CreateUserRequest{UserName: "eve", PermissionsBoundary: &policy}))
		}
	}
	calls := []call{
		{"no version", createPolicy("pol", `{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`), "MalformedPolicyDocument", "Policy document must be version 2012-10-17 or greater."},
		{"no JSON", createPolicy("pol", `{`), "MalformedPolicyDocument", "Syntax errors in policy."},
		{"too long", createPolicy("pol", long), "LimitExceeded", "Cannot exceed quota for PolicySize: 6144"},
		{"policy", createPolicy("pol", allowAll), "", ""},
		{"its name again", createPolicy("POL", allowAll), "EntityAlreadyExists", "A policy called POL already exists. Duplicate names are not allowed."},
		{"too long a version", version(long), "LimitExceeded", "Cannot exceed quota for PolicySize: 6144"},
		{"user", createUser("bob"), "", ""},
		{"no such policy", attachUser("bob", policies+"none"), "NoSuchEntity", "Policy " + policies + "none does not exist or is not attachable."},
		{"another path", attachUser("bob", policies+"x/pol"), "NoSuchEntity", "Policy " + policies + "x/pol does not exist or is not attachable."},
		{"another account's", attachUser("bob", "arn:aws:iam::444455556666:policy/pol"), "NoSuchEntity", "Policy arn:aws:iam::444455556666:policy/pol does not exist or is not attachable."},
		{"none of AWS", attachUser("bob", "arn:aws:iam::aws:policy/Nothing"), "NoSuchEntity", "Policy arn:aws:iam::aws:policy/Nothing does not exist or is not attachable."},
		{"no ARN", attachUser("bob", "longpolicynamebutnoarn"), "ValidationError", "Invalid ARN:  Could not be parsed!"},
		{"too short", attachUser("bob", "arn"), "ValidationError", "1 validation error detected: Value at 'policyArn' failed to satisfy constraint: Member must have length greater than or equal to 20"},
		{"no such user", attachUser("none", pol), "NoSuchEntity", "The user with name none cannot be found."},
		{"no such boundary", bound(policies + "none"), "NoSuchEntity", "Scope ARN: " + policies + "none does not exist or is not attachable."},
		{"boundary", bound(pol), "", ""},
		{"policy in use", func(ctx context.Context, c *iam.Client) error {
			return c.DeletePolicy(ctx, &iam.DeletePolicyRequest{PolicyArn: pol})
		}, "DeleteConflict", "Cannot delete a policy attached to entities."},
		{"delete the user", func(ctx context.Context, c *iam.Client) error {
			return c.DeleteUser(ctx, &iam.DeleteUserRequest{UserName: "eve"})
		}, "", ""},
		{"policy of AWS", func(ctx context.Context, c *iam.Client) error {
			return c.TagPolicy(ctx, &iam.TagPolicyRequest{PolicyArn: power, Tags: []iam.Tag{{Key: "k", Value: "v"}}})
		}, "AccessDenied", "User: " + h.Root.ARN + " is not authorized to perform: iam:TagPolicy on resource: policy " + power},
		{"no such version", func(ctx context.Context, c *iam.Client) error {
			return c.SetDefaultPolicyVersion(ctx, &iam.SetDefaultPolicyVersionRequest{PolicyArn: pol, VersionId: "v2"})
		}, "NoSuchEntity", "Policy " + pol + " version v2 does not exist or is not attachable."},
		{"default version", func(ctx context.Context, c *iam.Client) error {
			return c.DeletePolicyVersion(ctx, &iam.DeletePolicyVersionRequest{PolicyArn: pol, VersionId: "v1"})
		}, "DeleteConflict", "Cannot delete the default version of a policy."},
		{"unused now", func(ctx context.Context, c *iam.Client) error {
			return c.DeletePolicy(ctx, &iam.DeletePolicyRequest{PolicyArn: pol})
		}, "", ""},
	}
	for i := range 11 {
		name := fmt.Sprint("p", i)
		attach := call{"attach", attachUser("bob", policies+name), "", ""}
		if i == 10 {
			attach.code, attach.message = "LimitExceeded", "Cannot exceed quota for PoliciesPerUser: 10"
		}
		calls = append(calls, call{"another", createPolicy(name, allowAll), "", ""}, attach)
	}
	h.expect(h.Root, calls...)
}

func TestTagRefusals(t *testing.T) {
	h := newHouse(t)
	tag := func(tags ...iam.Tag) func(context.Context, *iam.Client) error {
		return func(ctx context.Context, c *iam.Client) error {
			return c.TagUser(ctx, &iam.TagUserRequest{UserName: "bob", Tags: tags})
		}
	}
	many := make([]iam.Tag, 50)
	for i := range many {
		many[i] = iam.Tag{Key: fmt.Sprint("k", i)}
	}
	h.expect(h.Root,
		call{"user", createUser("bob"), "", ""},
		call{"twice", tag(iam.Tag{Key: "a"}, iam.Tag{Key: "A"}), "InvalidInput", "Duplicate tag keys found. Please note that Tag keys are case insensitive."},
		call{"fifty", tag(many...), "", ""},
		call{"fifty again, in capitals", tag(iam.Tag{Key: "K0"}), "", ""},
		call{"one more", tag(iam.Tag{Key: "more"}), "LimitExceeded", "The number of tags has reached the maximum limit."},
	)
	out, err := h.as(h.Root).ListUserTags(t.Context(), &iam.ListUserTagsRequest{UserName: "bob", MaxItems: new(30)})
	if err != nil || len(out.Tags) != 30 || !*out.IsTruncated || out.Tags[0].Key != "K0" {
		t.Fatalf("%+v, %v", out, err)
	}
	out, err = h.as(h.Root).ListUserTags(t.Context(), &iam.ListUserTagsRequest{UserName: "bob", Marker: out.Marker})
	if err != nil || len(out.Tags) != 20 || *out.IsTruncated {
		t.Errorf("%+v, %v", out, err)
	}
}
