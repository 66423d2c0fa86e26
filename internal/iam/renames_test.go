package iam_test

import (
	"context"
	"testing"

	"furl/internal/iam"
)

// Whoever moves a user or a group needs the permission for where it goes, too.
func TestRenamesAreAuthorizedTwice(t *testing.T) {
	h := newHouse(t)
	ctx, root := t.Context(), h.as(h.Root)
	for _, err := range []error{
		only(root.CreateUser(ctx, &iam.CreateUserRequest{UserName: "worker", Path: new("/dev/")})),
		only(root.CreateGroup(ctx, &iam.CreateGroupRequest{GroupName: "crew", Path: new("/dev/")})),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	mover := h.User("mover", document(statement("Allow", "Update*", users+"dev/*")+","+statement("Allow", "Update*", groups+"dev/*")))
	user := func(to iam.UpdateUserRequest) func(context.Context, *iam.Client) error {
		return func(ctx context.Context, c *iam.Client) error { return c.UpdateUser(ctx, &to) }
	}
	group := func(to iam.UpdateGroupRequest) func(context.Context, *iam.Client) error {
		return func(ctx context.Context, c *iam.Client) error { return c.UpdateGroup(ctx, &to) }
	}
	refusal := func(action, resource string) string {
		return "User: " + mover.ARN + " is not authorized to perform: iam:" + action + " on resource: " + resource +
			" because no identity-based policy allows the iam:" + action + " action"
	}
	h.expect(mover,
		call{"user to another path", user(iam.UpdateUserRequest{UserName: "worker", NewPath: new("/admins/"), NewUserName: new("boss")}),
			"AccessDenied", refusal("UpdateUser", users+"admins/boss")},
		call{"user below the path", user(iam.UpdateUserRequest{UserName: "worker", NewUserName: new("boss")}), "", ""},
		call{"group to another path", group(iam.UpdateGroupRequest{GroupName: "crew", NewPath: new("/")}),
			"AccessDenied", refusal("UpdateGroup", groups+"crew")},
		call{"group below the path", group(iam.UpdateGroupRequest{GroupName: "crew", NewPath: new("/dev/old/")}), "", ""},
	)
}
