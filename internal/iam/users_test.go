package iam_test

import (
	"context"
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"furl/internal/iam"
)

var userID = regexp.MustCompile(`^AIDA[A-Z2-7]{17}$`)

func TestUser(t *testing.T) {
	h := newHouse(t)
	c, ctx := h.as(h.Root), t.Context()
	created, err := c.CreateUser(ctx, &iam.CreateUserRequest{
		UserName: "Alice", Path: new("/team/"), Tags: []iam.Tag{{Key: "team", Value: "a"}, {Key: "cost", Value: ""}},
	})
	if err != nil {
		t.Fatal(err)
	}
	got := *created.User
	want := iam.User{
		Path: new("/team/"), UserName: new("Alice"), UserId: got.UserId, Arn: "arn:aws:iam::111122223333:user/team/Alice",
		CreateDate: time.Date(2026, 11, 23, 13, 42, 10, 0, time.UTC),
		Tags:       []iam.Tag{{Key: "cost", Value: ""}, {Key: "team", Value: "a"}},
	}
	if !reflect.DeepEqual(got, want) || !userID.MatchString(got.UserId) {
		t.Errorf("created\n%+v, want\n%+v", got, want)
	}
	shown, err := c.GetUser(ctx, &iam.GetUserRequest{UserName: new("aLICE")})
	if err != nil || !reflect.DeepEqual(shown.User, want) {
		t.Errorf("GetUser by a name in other letters: %+v, %v", shown, err)
	}
	want.Tags = nil // recorded: lists have no tags
	listed, err := c.ListUsers(ctx, &iam.ListUsersRequest{})
	if err != nil || !reflect.DeepEqual(listed.Users, []iam.User{want}) || *listed.IsTruncated || listed.Marker != nil {
		t.Errorf("ListUsers: %+v, %v", listed, err)
	}
	for prefix, n := range map[string]int{"/": 1, "/team/": 1, "/te": 1, "/other/": 0} {
		listed, err := c.ListUsers(ctx, &iam.ListUsersRequest{PathPrefix: &prefix})
		if err != nil || len(listed.Users) != n {
			t.Errorf("ListUsers %s: %+v, %v; want %d users", prefix, listed, err, n)
		}
	}
	if err := c.DeleteUser(ctx, &iam.DeleteUserRequest{UserName: "ALICE"}); err != nil {
		t.Error(err)
	}
	if listed, err := c.ListUsers(ctx, &iam.ListUsersRequest{}); err != nil || len(listed.Users) != 0 {
		t.Errorf("after DeleteUser: %+v, %v", listed, err)
	}
}

// A user made anew under an old name is somebody else.
func TestUniqueIDsAreNotUsedAgain(t *testing.T) {
	h := newHouse(t)
	c := h.as(h.Root)
	seen := map[string]bool{}
	for range 3 {
		created, err := c.CreateUser(t.Context(), &iam.CreateUserRequest{UserName: "alice"})
		if err != nil {
			t.Fatal(err)
		}
		seen[created.User.UserId] = true
		if err := c.DeleteUser(t.Context(), &iam.DeleteUserRequest{UserName: "alice"}); err != nil {
			t.Fatal(err)
		}
	}
	if len(seen) != 3 {
		t.Errorf("ids %v", seen)
	}
}

func TestListUsersPages(t *testing.T) {
	h := newHouse(t)
	c, ctx := h.as(h.Root), t.Context()
	for _, name := range []string{"bob", "Carol", "alice"} {
		if err := createUser(name)(ctx, c); err != nil {
			t.Fatal(err)
		}
	}
	var names []string
	in := &iam.ListUsersRequest{MaxItems: new(2)}
	for range 2 {
		out, err := c.ListUsers(ctx, in)
		if err != nil {
			t.Fatal(err)
		}
		for _, u := range out.Users {
			names = append(names, *u.UserName)
		}
		if *out.IsTruncated != (out.Marker != nil) {
			t.Errorf("IsTruncated %v with marker %v", *out.IsTruncated, out.Marker)
		}
		in.Marker = out.Marker
	}
	if want := []string{"Carol", "alice", "bob"}; !reflect.DeepEqual(names, want) || in.Marker != nil {
		t.Errorf("pages have %v and end in %v, want %v", names, in.Marker, want)
	}
}

func TestUserRefusals(t *testing.T) {
	h := newHouse(t)
	h.User("keys")
	const badName = "The specified value for userName is invalid. It must contain only alphanumeric characters and/or the following: +=,.@_-"
	const badPath = "The specified value for path is invalid. It must begin and end with / and contain only alphanumeric characters and/or / characters."
	const badPrefix = "The specified value for pathPrefix is invalid. It must begin with the / character and contain only alphanumeric characters and/or / characters."
	const tooMany = "1 validation error detected: Value at 'tags' failed to satisfy constraint: Member must have length less than or equal to 50"
	create := func(in iam.CreateUserRequest) func(context.Context, *iam.Client) error {
		return func(ctx context.Context, c *iam.Client) error { return only(c.CreateUser(ctx, &in)) }
	}
	list := func(in iam.ListUsersRequest) func(context.Context, *iam.Client) error {
		return func(ctx context.Context, c *iam.Client) error { return only(c.ListUsers(ctx, &in)) }
	}
	get := func(name string) func(context.Context, *iam.Client) error {
		return func(ctx context.Context, c *iam.Client) error {
			return only(c.GetUser(ctx, &iam.GetUserRequest{UserName: &name}))
		}
	}
	remove := func(name string) func(context.Context, *iam.Client) error {
		return func(ctx context.Context, c *iam.Client) error {
			return c.DeleteUser(ctx, &iam.DeleteUserRequest{UserName: name})
		}
	}
	var tags []iam.Tag
	for i := range 51 {
		tags = append(tags, iam.Tag{Key: fmt.Sprint("k", i)})
	}
	h.expect(h.Root,
		call{"create", createUser("alice"), "", ""},
		call{"exists", createUser("alice"), "EntityAlreadyExists", "User with name alice already exists."},
		call{"exists in other letters", createUser("ALICE"), "EntityAlreadyExists", "User with name ALICE already exists."},
		call{"bad name", createUser("a b"), "ValidationError", badName},
		call{"long name", createUser(strings.Repeat("a", 65)), "ValidationError",
			"1 validation error detected: Value at 'userName' failed to satisfy constraint: Member must have length less than or equal to 64"},
		call{"bad path", create(iam.CreateUserRequest{UserName: "x", Path: new("team/")}), "ValidationError", badPath},
		call{"fifty tags", create(iam.CreateUserRequest{UserName: "tagged", Tags: tags[:50]}), "", ""},
		call{"fifty-one tags", create(iam.CreateUserRequest{UserName: "x", Tags: tags}), "ValidationError", tooMany},
		call{"the same tag twice", create(iam.CreateUserRequest{UserName: "x", Tags: []iam.Tag{{Key: "Team"}, {Key: "team"}}}), "InvalidInput",
			"Duplicate tag keys found. Please note that Tag keys are case insensitive."},
		call{"boundary", create(iam.CreateUserRequest{UserName: "x", PermissionsBoundary: new("arn:aws:iam::111122223333:policy/p")}), "NoSuchEntity",
			"Scope ARN: arn:aws:iam::111122223333:policy/p does not exist or is not attachable."},
		call{"nothing was made", get("x"), "NoSuchEntity", "The user with name x cannot be found."},
		call{"get nobody", get("nobody"), "NoSuchEntity", "The user with name nobody cannot be found."},
		call{"delete nobody", remove("nobody"), "NoSuchEntity", "The user with name nobody cannot be found."},
		call{"delete with keys", remove("keys"), "DeleteConflict", "Cannot delete entity, must delete access keys first."},
		call{"give a policy", putUserPolicy("alice", "p", allowAll), "", ""},
		call{"delete with policies", remove("alice"), "DeleteConflict", "Cannot delete entity, must delete policies first."},
		call{"bad prefix", list(iam.ListUsersRequest{PathPrefix: new("team")}), "ValidationError", badPrefix},
		call{"bad marker", list(iam.ListUsersRequest{Marker: new("x")}), "ValidationError", "Invalid Marker."},
		call{"page of none", list(iam.ListUsersRequest{MaxItems: new(0)}), "ValidationError",
			"1 validation error detected: Value at 'maxItems' failed to satisfy constraint: Member must have value greater than or equal to 1"},
		call{"page of too many", list(iam.ListUsersRequest{MaxItems: new(1001)}), "ValidationError",
			"1 validation error detected: Value at 'maxItems' failed to satisfy constraint: Member must have value less than or equal to 1000"},
	)
}

func TestGetUserOfTheCaller(t *testing.T) {
	h := newHouse(t)
	bob := h.User("bob", allowAll)
	out, err := h.as(bob).GetUser(t.Context(), &iam.GetUserRequest{})
	if err != nil || out.User.Arn != bob.ARN || out.User.UserId != bob.ID {
		t.Errorf("bob is %+v, %v", out, err)
	}
	out, err = h.as(h.Root).GetUser(t.Context(), &iam.GetUserRequest{})
	if err != nil || out.User.UserName != nil || out.User.Path != nil || out.User.Arn != "arn:aws:iam::111122223333:root" || out.User.UserId != "111122223333" ||
		!out.User.CreateDate.Equal(time.Date(2026, 11, 23, 13, 42, 10, 0, time.UTC)) {
		t.Errorf("root is %+v, %v", out, err)
	}
}
