package authz_test

import (
	"encoding/json"
	"testing"
	"time"

	"furl/internal/authz"
	"furl/internal/authz/authztest"
	"furl/internal/policy"
)

const (
	stackARN       = "arn:aws:cloudformation:us-east-1:111122223333:stack/s/1"
	cloudFormation = "cloudformation.amazonaws.com"
)

// kept is an identity as it is after it has been written down.
func kept(t *testing.T, id authz.Identity) authz.Identity {
	t.Helper()
	b, err := json.Marshal(id)
	if err != nil {
		t.Fatal(err)
	}
	var out authz.Identity
	if err := json.Unmarshal(b, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestIdentityOfUsers(t *testing.T) {
	h := authztest.New(t, false)
	bob := h.User("bob", allowAll)
	id := kept(t, callerOf(t, h, bob).Identity()).Through(cloudFormation, stackARN)
	c, err := h.Judge.As(h.State.Snapshot(), id)
	if err != nil || c.Principal.ARN != bob.ARN || c.AccessKeyID != bob.KeyID || len(c.Policies) != 1 {
		t.Errorf("bob is %+v, %v", c, err)
	}
	if env := id.Env(h.Clock.Now()); env.Via != cloudFormation || env.UserAgent != cloudFormation || env.SourceIP != "" {
		t.Errorf("env %+v", env)
	}
	root, err := h.Judge.As(h.State.Snapshot(), kept(t, callerOf(t, h, h.Root).Identity()))
	if err != nil || root.Principal.Type != policy.Root || root.AccessKeyID != h.Root.KeyID {
		t.Errorf("root is %+v, %v", root, err)
	}
	other := id
	other.ID = "AIDAANOTHERBOBANOTHER"
	if c, err := h.Judge.As(h.State.Snapshot(), other); err == nil {
		t.Errorf("another user of the name is taken for bob: %+v", c)
	}
	h.Remove(bob)
	if c, err := h.Judge.As(h.State.Snapshot(), id); err == nil {
		t.Errorf("bob is gone, but is taken for %+v", c)
	}
	for _, nobody := range []authz.Identity{{}, {Account: "999999999999"}} {
		if c, err := h.Judge.As(h.State.Snapshot(), nobody); err == nil {
			t.Errorf("%+v is %+v", nobody, c)
		}
	}
}

func TestIdentityOfSessions(t *testing.T) {
	h := authztest.New(t, false)
	role := h.Role(authztest.Account, "worker", anyone, allowAll)
	session := h.Session(authz.Session{
		Kind: authz.RoleSession, Account: authztest.Account, Issuer: "worker", IssuerID: role.Role.ID, Name: "s1",
		Policy:  `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"lambda:GetFunction","Resource":"*"}}`,
		Expires: h.Clock.Now().Add(time.Hour).Unix(), Tags: map[string]string{"team": "a"},
	})
	before := callerOf(t, h, session)
	id := kept(t, before.Identity())
	h.Clock.Advance(2 * time.Hour)
	c, err := h.Judge.As(h.State.Snapshot(), id)
	if err != nil {
		t.Fatalf("after the session's end: %v", err)
	}
	if c.Principal != before.Principal || c.AccessKeyID != before.AccessKeyID || c.Tags["team"] != "a" || c.Temporary == nil {
		t.Errorf("the session is %+v, was %+v", c, before)
	}
	for action, want := range map[string]bool{"lambda:GetFunction": true, "lambda:DeleteFunction": false} {
		d := h.Judge.Allow(c, id.Env(h.Clock.Now()), authz.Access{Action: action, Resource: "*", Account: authztest.Account})
		if d.Allowed != want {
			t.Errorf("%s: allowed %v, want %v", action, d.Allowed, want)
		}
	}
	h.RemoveRole("worker")
	if _, err := h.Judge.As(h.State.Snapshot(), id); err == nil {
		t.Error("the role is gone, the session goes on")
	}
}

// A role that the service assumes itself counts as long as it trusts it.
func TestIdentityOfServices(t *testing.T) {
	h := authztest.New(t, false)
	const trust = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"Service":"cloudformation.amazonaws.com"},"Action":"sts:AssumeRole",` +
		`"Condition":{"ArnLike":{"aws:SourceArn":"arn:aws:cloudformation:*:111122223333:stack/s/*"}}}}`
	role := h.Role(authztest.Account, "deployer", trust, allowAll)
	id := kept(t, authz.AssumedBy(cloudFormation, stackARN, role, "AWSCloudFormation", h.Clock.Now()))
	c, err := h.Judge.As(h.State.Snapshot(), id)
	if err != nil || c.Principal.ARN != "arn:aws:sts::111122223333:assumed-role/deployer/AWSCloudFormation" {
		t.Errorf("the role is %+v, %v", c, err)
	}
	if env := id.Env(h.Clock.Now()); env.Via != "" {
		t.Errorf("a service with a role of its own acts in nobody's name, not through %s", env.Via)
	}
	id.Source = "arn:aws:cloudformation:us-east-1:111122223333:stack/other/1"
	if _, err := h.Judge.As(h.State.Snapshot(), id); err == nil {
		t.Error("the role is assumed for another stack")
	}
	plain := h.Role(authztest.Account, "lambdaonly", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}}`)
	if _, err := h.Judge.As(h.State.Snapshot(), authz.AssumedBy(cloudFormation, stackARN, plain, "s", h.Clock.Now())); err == nil {
		t.Error("a role that trusts another service is assumed")
	}
}

// A service that acts in somebody's name says so.
func TestViaService(t *testing.T) {
	h := authztest.New(t, false)
	const onlyVia = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*",` +
		`"Condition":{"Bool":{"aws:ViaAWSService":"true"},"ForAnyValue:StringEquals":{"aws:CalledVia":"cloudformation.amazonaws.com"}}}}`
	c := callerOf(t, h, h.User("bob", onlyVia))
	acc := authz.Access{Action: "lambda:GetFunction", Resource: "*", Account: authztest.Account}
	via := c.Identity().Through(cloudFormation, stackARN)
	if !h.Judge.Allow(c, via.Env(h.Clock.Now()), acc).Allowed {
		t.Error("refused through the service")
	}
	if h.Judge.Allow(c, authz.Env{Time: h.Clock.Now()}, acc).Allowed {
		t.Error("allowed without the service")
	}
}

// A user may be renamed while what they began goes on.
func TestIdentityOfARenamedUser(t *testing.T) {
	h := authztest.New(t, false)
	id := callerOf(t, h, h.User("bob", allowAll)).Identity()
	id.User = "earlier" // as it was called when it began
	c, err := h.Judge.As(h.State.Snapshot(), id)
	if err != nil || c.UserName != "bob" {
		t.Errorf("%+v, %v", c, err)
	}
}
