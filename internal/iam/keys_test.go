package iam_test

import (
	"context"
	"regexp"
	"testing"
	"time"

	"furl/internal/authz/authztest"
	"furl/internal/iam"
)

const invalidToken = "The security token included in the request is invalid."

func TestAccessKey(t *testing.T) {
	h := newHouse(t)
	c, ctx := h.as(h.Root), t.Context()
	if err := createUser("Bob")(ctx, c); err != nil {
		t.Fatal(err)
	}
	out, err := c.CreateAccessKey(ctx, &iam.CreateAccessKeyRequest{UserName: new("bob")})
	if err != nil {
		t.Fatal(err)
	}
	k := out.AccessKey
	if k.UserName != "Bob" || k.Status != iam.StatusTypeActive || !regexp.MustCompile(`^AKIA[A-Z2-7]{16}$`).MatchString(k.AccessKeyId) ||
		!regexp.MustCompile(`^[A-Za-z0-9+/]{40}$`).MatchString(k.SecretAccessKey) ||
		!k.CreateDate.Equal(time.Date(2026, 11, 23, 13, 42, 10, 0, time.UTC)) {
		t.Errorf("key %+v", k)
	}
	listed, err := c.ListAccessKeys(ctx, &iam.ListAccessKeysRequest{UserName: new("BOB")})
	if err != nil || len(listed.AccessKeyMetadata) != 1 || *listed.AccessKeyMetadata[0].AccessKeyId != k.AccessKeyId ||
		*listed.AccessKeyMetadata[0].UserName != "Bob" || *listed.AccessKeyMetadata[0].Status != iam.StatusTypeActive {
		t.Errorf("ListAccessKeys: %+v, %v", listed, err)
	}

	bob := authztest.Who{KeyID: k.AccessKeyId, Secret: k.SecretAccessKey}
	asBob := func() error { return only(h.as(bob).GetUser(ctx, &iam.GetUserRequest{})) }
	authztest.Refused(t, asBob(), "AccessDenied", "User: arn:aws:iam::111122223333:user/Bob is not authorized to perform: iam:GetUser "+
		"on resource: arn:aws:iam::111122223333:user/Bob because no identity-based policy allows the iam:GetUser action")
	set := func(status iam.StatusType) {
		t.Helper()
		if err := c.UpdateAccessKey(ctx, &iam.UpdateAccessKeyRequest{UserName: new("bob"), AccessKeyId: k.AccessKeyId, Status: status}); err != nil {
			t.Fatal(err)
		}
	}
	if err := putUserPolicy("bob", "p", allowAll)(ctx, c); err != nil {
		t.Fatal(err)
	}
	if err := asBob(); err != nil {
		t.Errorf("with a policy: %v", err)
	}
	set(iam.StatusTypeInactive)
	authztest.Refused(t, asBob(), "InvalidClientTokenId", invalidToken)
	listed, err = c.ListAccessKeys(ctx, &iam.ListAccessKeysRequest{UserName: new("bob")})
	if err != nil || *listed.AccessKeyMetadata[0].Status != iam.StatusTypeInactive {
		t.Errorf("ListAccessKeys of an inactive key: %+v, %v", listed, err)
	}
	set(iam.StatusTypeActive)
	if err := asBob(); err != nil {
		t.Errorf("active again: %v", err)
	}
	if err := c.DeleteAccessKey(ctx, &iam.DeleteAccessKeyRequest{UserName: new("bob"), AccessKeyId: k.AccessKeyId}); err != nil {
		t.Fatal(err)
	}
	authztest.Refused(t, asBob(), "InvalidClientTokenId", invalidToken)
}

func TestListAccessKeysPages(t *testing.T) {
	h := newHouse(t)
	c, ctx := h.as(h.Root), t.Context()
	h.User("bob")
	if err := only(c.CreateAccessKey(ctx, &iam.CreateAccessKeyRequest{UserName: new("bob")})); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	in := &iam.ListAccessKeysRequest{UserName: new("bob"), MaxItems: new(1)}
	for range 2 {
		out, err := c.ListAccessKeys(ctx, in)
		if err != nil || len(out.AccessKeyMetadata) != 1 {
			t.Fatalf("%+v, %v", out, err)
		}
		seen[*out.AccessKeyMetadata[0].AccessKeyId] = true
		in.Marker = out.Marker
	}
	if len(seen) != 2 || in.Marker != nil {
		t.Errorf("pages have %v and end in %v", seen, in.Marker)
	}
}

func TestAccessKeyRefusals(t *testing.T) {
	h := newHouse(t)
	alice, bob := h.User("alice", allowAll), h.User("bob")
	create := func(user *string) func(context.Context, *iam.Client) error {
		return func(ctx context.Context, c *iam.Client) error {
			return only(c.CreateAccessKey(ctx, &iam.CreateAccessKeyRequest{UserName: user}))
		}
	}
	update := func(user *string, id string, status iam.StatusType) func(context.Context, *iam.Client) error {
		return func(ctx context.Context, c *iam.Client) error {
			return c.UpdateAccessKey(ctx, &iam.UpdateAccessKeyRequest{UserName: user, AccessKeyId: id, Status: status})
		}
	}
	remove := func(user *string, id string) func(context.Context, *iam.Client) error {
		return func(ctx context.Context, c *iam.Client) error {
			return c.DeleteAccessKey(ctx, &iam.DeleteAccessKeyRequest{UserName: user, AccessKeyId: id})
		}
	}
	list := func(user *string) func(context.Context, *iam.Client) error {
		return func(ctx context.Context, c *iam.Client) error {
			return only(c.ListAccessKeys(ctx, &iam.ListAccessKeysRequest{UserName: user}))
		}
	}
	const nobody = "The user with name nobody cannot be found."
	const name = "Must specify userName when calling with non-User credentials"
	const unknown = "AKIAUNKNOWNUNKNOWNUN"
	h.expect(h.Root,
		call{"create for nobody", create(new("nobody")), "NoSuchEntity", nobody},
		call{"list for nobody", list(new("nobody")), "NoSuchEntity", nobody},
		call{"update for nobody", update(new("nobody"), bob.KeyID, "Inactive"), "NoSuchEntity", nobody},
		call{"delete for nobody", remove(new("nobody"), bob.KeyID), "NoSuchEntity", nobody},
		call{"create as root", create(nil), "ValidationError", name},
		call{"list as root", list(nil), "ValidationError", name},
		call{"update as root", update(nil, bob.KeyID, "Inactive"), "ValidationError", name},
		call{"delete as root", remove(nil, bob.KeyID), "ValidationError", name},
		call{"second key", create(new("bob")), "", ""},
		call{"third key", create(new("bob")), "LimitExceeded", "Cannot exceed quota for AccessKeysPerUser: 2"},
		call{"update an unknown key", update(new("bob"), unknown, "Inactive"), "NoSuchEntity", "The Access Key with id " + unknown + " cannot be found"},
		call{"delete an unknown key", remove(new("bob"), unknown), "NoSuchEntity", "The Access Key with id " + unknown + " cannot be found"},
		call{"update another's key", update(new("bob"), alice.KeyID, "Inactive"), "NoSuchEntity", "The Access Key with id " + alice.KeyID + " cannot be found"},
		call{"delete another's key", remove(new("bob"), alice.KeyID), "NoSuchEntity", "The Access Key with id " + alice.KeyID + " cannot be found"},
		call{"bad status", update(new("bob"), bob.KeyID, "Expired"), "ValidationError",
			"1 validation error detected: Value at 'status' failed to satisfy constraint: Member must satisfy enum value set"},
	)
	h.expect(alice,
		call{"update bob's key as one's own", update(nil, bob.KeyID, "Inactive"), "NoSuchEntity", "The Access Key with id " + bob.KeyID + " cannot be found"},
		call{"delete bob's key as one's own", remove(nil, bob.KeyID), "NoSuchEntity", "The Access Key with id " + bob.KeyID + " cannot be found"},
		call{"list one's own", list(nil), "", ""},
		call{"create one's own", create(nil), "", ""},
		call{"delete one's own", remove(nil, alice.KeyID), "", ""},
		call{"it is gone", list(nil), "InvalidClientTokenId", invalidToken},
	)
}
