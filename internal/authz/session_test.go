package authz_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"furl/internal/authz"
	"furl/internal/authz/authztest"
	"furl/internal/policy"
	"furl/internal/sigv4"
	"furl/internal/state"
)

const (
	anyone   = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"*"},"Action":"sts:AssumeRole"}}`
	allowAll = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`
)

// callerOf is who a set of credentials acts as.
func callerOf(t *testing.T, h *authztest.House, w authztest.Who) *authz.Caller {
	t.Helper()
	c, err := prove(h, signed(h, w, "lambda", "body"), "lambda", "body")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestSessionCaller(t *testing.T) {
	h := authztest.New(t, false)
	role := h.Role(authztest.Account, "worker", anyone, allowAll)
	c := callerOf(t, h, h.RoleSession(role, "s1"))
	want := policy.Principal{
		Type: policy.AssumedRole, Account: authztest.Account, ARN: "arn:aws:sts::111122223333:assumed-role/worker/s1",
		IssuerARN: role.ARN, ID: role.Role.ID + ":s1",
	}
	if c.Principal != want || c.UserID() != want.ID || c.UserName != "" || len(c.Policies) != 1 || !strings.HasPrefix(c.AccessKeyID, "ASIA") {
		t.Errorf("the role's session is %+v", c)
	}
	bob := h.User("bob", allowAll)
	user := h.State.Snapshot().User(authztest.Account, "bob")
	until := h.Clock.Now().Add(time.Hour).Unix()
	c = callerOf(t, h, h.Session(authz.Session{Kind: authz.UserSession, Account: authztest.Account, Issuer: "bob", IssuerID: user.User.ID, Expires: until}))
	if c.Principal.ARN != bob.ARN || c.Principal.Type != policy.User || c.UserName != "bob" || authz.MayManage(c) {
		t.Errorf("bob's session is %+v", c)
	}
	federated := authz.Session{Kind: authz.FederatedSession, Account: authztest.Account, Issuer: "bob", IssuerID: user.User.ID, Name: "fred", Expires: until}
	c = callerOf(t, h, h.Session(federated))
	if c.Principal.ARN != "arn:aws:sts::111122223333:federated-user/fred" || c.Principal.IssuerARN != bob.ARN || c.UserID() != "111122223333:fred" {
		t.Errorf("bob's federated user is %+v", c)
	}
	federated.Issuer, federated.IssuerID = "", h.Root.KeyID
	c = callerOf(t, h, h.Session(federated))
	if c.Principal.Type != policy.FederatedUser || c.Principal.IssuerARN != h.Root.ARN {
		t.Errorf("root's federated user is %+v", c)
	}
	federated.IssuerID = "AKIAOLDROOTKEYOLDROO"
	if _, err := prove(h, signed(h, h.Session(federated), "lambda", ""), "lambda", ""); err == nil {
		t.Error("a session of a root key that is not any more is good")
	}
}

func TestSessionRefused(t *testing.T) {
	h := authztest.New(t, false)
	role := h.Role(authztest.Account, "worker", anyone, allowAll)
	bob := h.User("bob")
	const invalid = "The security token included in the request is invalid"
	good := h.RoleSession(role, "s")
	other := h.RoleSession(role, "other")
	changed := func(change func(*authztest.Who)) authztest.Who {
		w := good
		change(&w)
		return w
	}
	for _, tt := range []struct {
		name    string
		who     authztest.Who
		reason  sigv4.Reason
		message string
	}{
		{"no token", changed(func(w *authztest.Who) { w.Token = "" }), sigv4.InvalidToken, invalid},
		{"another session's token", changed(func(w *authztest.Who) { w.Token = other.Token }), sigv4.InvalidToken, invalid},
		{"another session's key", changed(func(w *authztest.Who) { w.KeyID = other.KeyID }), sigv4.InvalidToken, invalid},
		{"a user's key", changed(func(w *authztest.Who) { w.KeyID, w.Secret = bob.KeyID, bob.Secret }), sigv4.InvalidToken, invalid},
		{"cut", changed(func(w *authztest.Who) { w.Token = w.Token[:len(w.Token)-4] }), sigv4.InvalidToken, invalid},
		{"not base64", changed(func(w *authztest.Who) { w.Token = "=" + w.Token }), sigv4.InvalidToken, invalid},
		{"long", changed(func(w *authztest.Who) { w.Token = strings.Repeat("A", 20000) }), sigv4.InvalidToken, invalid},
	} {
		_, err := prove(h, signed(h, tt.who, "lambda", ""), "lambda", "")
		if e, ok := errors.AsType[*sigv4.Error](err); !ok || e.Reason != tt.reason || e.Message != tt.message {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
	_, err := prove(h, signed(h, changed(func(w *authztest.Who) { w.Secret = other.Secret }), "lambda", ""), "lambda", "")
	if e, ok := errors.AsType[*sigv4.Error](err); !ok || e.Reason != sigv4.Mismatch {
		t.Errorf("another session's secret: %v", err)
	}
	h.Clock.Advance(time.Hour)
	_, err = prove(h, signed(h, good, "lambda", ""), "lambda", "")
	if e, ok := errors.AsType[*sigv4.Error](err); !ok || e.Reason != sigv4.ExpiredToken || e.Message != "The security token included in the request is expired" {
		t.Errorf("after an hour: %v", err)
	}
}

// TestRevokedSession ends sessions that were used before, each in its way: the
// next request is refused.
func TestRevokedSession(t *testing.T) {
	h := authztest.New(t, false)
	next := func(name string, end func(role *state.RoleEntry, w authztest.Who), refused bool) {
		t.Helper()
		role := h.Role(authztest.Account, name, anyone, allowAll)
		w := h.RoleSession(role, "s")
		act := func() (policy.Decision, error) {
			c, err := prove(h, signed(h, w, "lambda", ""), "lambda", "")
			if err != nil {
				return policy.Decision{}, err
			}
			return h.Judge.Allow(c, authz.Env{Time: h.Clock.Now()}, authz.Access{Action: "lambda:ListFunctions", Resource: "*", Account: authztest.Account}), nil
		}
		if d, err := act(); err != nil || !d.Allowed {
			t.Fatalf("%s: before: %+v, %v", name, d, err)
		}
		end(role, w)
		d, err := act()
		if (err != nil) != refused || d.Allowed {
			t.Errorf("%s: %+v, %v", name, d, err)
		}
	}
	next("deleted", func(r *state.RoleEntry, _ authztest.Who) { h.RemoveRole(r.Role.Name) }, true)
	next("remade", func(r *state.RoleEntry, _ authztest.Who) {
		h.RemoveRole(r.Role.Name)
		h.Clock.Advance(time.Minute)
		h.Role(authztest.Account, r.Role.Name, anyone, allowAll)
	}, true)
	next("revoked", func(_ *state.RoleEntry, w authztest.Who) {
		err := h.State.Revoke(t.Context(), &state.Revocation{ID: w.KeyID, Account: authztest.Account, Created: h.Clock.Now(), Expires: h.Clock.Now().Add(time.Hour)})
		if err != nil {
			t.Error(err)
		}
	}, true)
	next("older", func(r *state.RoleEntry, _ authztest.Who) {
		h.Clock.Advance(time.Second)
		put(t, h, r, fmt.Sprintf(`{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"*","Resource":"*",
			"Condition":{"DateLessThan":{"aws:TokenIssueTime":%q}}}}`, h.Clock.Now().Format(time.RFC3339)))
	}, false)
	next("without policies", func(r *state.RoleEntry, _ authztest.Who) { put(t, h, r, "") }, false)
}

// put makes a document the role's second policy, or takes all of them away.
func put(t *testing.T, h *authztest.House, r *state.RoleEntry, document string) {
	_, err := h.State.UpdateRole(t.Context(), authztest.Account, r.Role.Name, func(r *state.Role) error {
		if document == "" {
			r.Policies = nil
		} else {
			if r.Policies == nil {
				r.Policies = map[string]string{}
			}
			r.Policies["p1"] = document
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func TestRevocationsAreDropped(t *testing.T) {
	h := authztest.New(t, false)
	for _, id := range []string{"ASIAONE", "ASIATWO"} {
		err := h.State.Revoke(t.Context(), &state.Revocation{ID: id, Created: h.Clock.Now(), Expires: h.Clock.Now().Add(time.Hour)})
		if err != nil {
			t.Fatal(err)
		}
		h.Clock.Advance(2 * time.Hour)
	}
	if snap := h.State.Snapshot(); snap.Revoked("ASIAONE") || !snap.Revoked("ASIATWO") {
		t.Error("a revocation that has had its time is still there, or the one that has not is gone")
	}
}

// TestSessionBounds is what the policies of a session, a boundary and the role
// come to.
func TestSessionBounds(t *testing.T) {
	h := authztest.New(t, false)
	role := h.Role(authztest.Account, "worker", anyone, `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["lambda:GetFunction","lambda:ListFunctions"],"Resource":"*"}}`)
	only := func(effect, action string) string {
		return fmt.Sprintf(`{"Version":"2012-10-17","Statement":{"Effect":%q,"Action":%q,"Resource":"*"}}`, effect, action)
	}
	const readOnly, nothing = "arn:aws:iam::aws:policy/AWSLambda_ReadOnlyAccess", "arn:aws:iam::aws:policy/None"
	for _, tt := range []struct {
		name, document string
		arns           []string
		action         string
		allowed        bool
		by             policy.SourceType
	}{
		{"no bounds", "", nil, "lambda:GetFunction", true, 0},
		{"both", only("Allow", "lambda:*"), nil, "lambda:GetFunction", true, 0},
		{"the session's alone", only("Allow", "lambda:*"), nil, "lambda:DeleteFunction", false, policy.IdentityPolicy},
		{"the role's alone", only("Allow", "lambda:GetFunction"), nil, "lambda:ListFunctions", false, policy.SessionPolicy},
		{"denied by the session's", only("Deny", "lambda:GetFunction"), nil, "lambda:GetFunction", false, policy.SessionPolicy},
		{"managed", "", []string{readOnly}, "lambda:GetFunction", true, 0},
		{"one of two", only("Allow", "iam:*"), []string{readOnly}, "lambda:GetFunction", true, 0},
		{"managed and gone", "", []string{nothing}, "lambda:GetFunction", false, policy.SessionPolicy},
		{"gone beside one that allows", "", []string{readOnly, nothing}, "lambda:GetFunction", false, policy.SessionPolicy},
	} {
		w := h.Session(authz.Session{
			Kind: authz.RoleSession, Account: authztest.Account, Issuer: "worker", IssuerID: role.Role.ID, Name: "s",
			Expires: h.Clock.Now().Add(time.Hour).Unix(), Policy: tt.document, PolicyARNs: tt.arns,
		})
		d := h.Judge.Allow(callerOf(t, h, w), authz.Env{Time: h.Clock.Now()}, authz.Access{
			Action: tt.action, Resource: "arn:aws:lambda:us-east-1:111122223333:function:f", Account: authztest.Account,
		})
		if d.Allowed != tt.allowed || d.DeniedBy != tt.by {
			t.Errorf("%s: %+v", tt.name, d)
		}
	}
}

func TestSessionKeys(t *testing.T) {
	h := authztest.New(t, false)
	role := h.Role(authztest.Account, "worker", anyone)
	_, err := h.State.UpdateRole(t.Context(), authztest.Account, "worker", func(r *state.Role) error {
		r.Tags = map[string]string{"Team": "role's", "kept": "role's"}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	w := h.Session(authz.Session{
		Kind: authz.RoleSession, Account: authztest.Account, Issuer: "worker", IssuerID: role.Role.ID, Name: "s",
		Expires: h.Clock.Now().Add(time.Hour).Unix(), Tags: map[string]string{"team": "session's"}, SourceIdentity: "alice",
		Provider: "arn:aws:iam::111122223333:oidc-provider/issuer", Function: "arn:aws:lambda:us-east-1:111122223333:function:f",
	})
	for key, value := range map[string]string{
		"aws:userid": role.Role.ID + ":s", "aws:PrincipalType": "AssumedRole", "aws:PrincipalArn": role.ARN, "aws:PrincipalTag/team": "session's",
		"aws:PrincipalTag/kept": "role's", "aws:TokenIssueTime": h.Clock.Now().Format("2006-01-02T15:04:05Z"), "aws:SourceIdentity": "alice",
		"aws:MultiFactorAuthPresent": "false", "aws:FederatedProvider": "arn:aws:iam::111122223333:oidc-provider/issuer",
		"lambda:SourceFunctionArn": "arn:aws:lambda:us-east-1:111122223333:function:f", "aws:username": "",
	} {
		condition := fmt.Sprintf(`"StringEquals":{%q:%q}`, key, value)
		if value == "" {
			condition = fmt.Sprintf(`"Null":{%q:"true"}`, key)
		}
		put(t, h, role, `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":{`+condition+`}}}`)
		d := h.Judge.Allow(callerOf(t, h, w), authz.Env{Time: h.Clock.Now()}, authz.Access{Action: "lambda:ListFunctions", Resource: "*", Account: authztest.Account})
		if !d.Allowed {
			t.Errorf("%s is not %q", key, value)
		}
	}
}

// TestOtherAccounts has callers of another account of the server.
func TestOtherAccounts(t *testing.T) {
	h := authztest.New(t, false)
	other := h.OtherAccount("444455556666")
	c := callerOf(t, h, other)
	if c.Principal.Type != policy.Root || c.Principal.ARN != "arn:aws:iam::444455556666:root" || c.Principal.Account != "444455556666" {
		t.Errorf("the other root is %+v", c.Principal)
	}
	own := authz.Access{Action: "lambda:ListFunctions", Resource: "*", Account: "444455556666"}
	foreign := authz.Access{Action: "lambda:ListFunctions", Resource: "*", Account: authztest.Account}
	env := authz.Env{Time: h.Clock.Now()}
	if !h.Judge.Allow(c, env, own).Allowed || h.Judge.Allow(c, env, foreign).Allowed {
		t.Error("a root's power is not that over its own account")
	}
	if err := h.State.UpdateAccessKey(t.Context(), other.KeyID, func(k *state.AccessKey) error { k.Active = false; return nil }); err != nil {
		t.Fatal(err)
	}
	if _, err := prove(h, signed(h, other, "lambda", ""), "lambda", ""); err == nil {
		t.Error("an inactive root key is good")
	}
}

func TestAccountOfKey(t *testing.T) {
	h := authztest.New(t, false)
	for _, account := range []string{authztest.Account, "000000000000", "999999999999", "000000000001"} {
		c, err := h.Sessions.Issue(&authz.Session{Account: account})
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := authz.AccountOfKey(c.AccessKeyID); !ok || got != account || len(c.AccessKeyID) != 20 {
			t.Errorf("%s is a key of %s, want %s", c.AccessKeyID, got, account)
		}
	}
	for _, id := range []string{"", "AKIAIOSFODNN7EXAMPLE", "ASIA", "ASIA1", "ASIAIOSFODNN7EXAMPL1"} {
		if got, ok := authz.AccountOfKey(id); ok {
			t.Errorf("%q is a key of %s", id, got)
		}
	}
}

func TestCredentialsDoNotShow(t *testing.T) {
	h := authztest.New(t, false)
	c, err := h.Sessions.Issue(&authz.Session{Account: authztest.Account})
	if err != nil {
		t.Fatal(err)
	}
	for _, form := range []string{"%v", "%+v", "%#v", "%s"} {
		if text := fmt.Sprintf(form, c); strings.Contains(text, c.Secret.Reveal()) || strings.Contains(text, c.Token.Reveal()) {
			t.Errorf("%s shows %s", form, text)
		}
	}
	if len(c.Secret.Reveal()) != 40 {
		t.Errorf("the secret has %d characters", len(c.Secret.Reveal()))
	}
}

func FuzzSessionToken(f *testing.F) {
	h := authztest.New(f, false)
	role := h.Role(authztest.Account, "worker", anyone)
	w := h.RoleSession(role, "s")
	f.Add(w.KeyID, w.Token)
	f.Add(w.KeyID, "")
	f.Add("ASIA", w.Token+"A")
	f.Fuzz(func(t *testing.T, id, token string) {
		ok := h.Sessions.Knows(id, token)
		if want := id == w.KeyID && token == w.Token; ok != want {
			t.Errorf("%q with %q is known: %t", id, token, ok)
		}
	})
}

func BenchmarkSession(b *testing.B) {
	h := authztest.New(b, false)
	role := h.Role(authztest.Account, "worker", anyone, allowAll)
	b.Run("issue", func(b *testing.B) {
		for b.Loop() {
			h.RoleSession(role, "s")
		}
	})
	w := h.RoleSession(role, "s")
	b.Run("prove", func(b *testing.B) {
		r := signed(h, w, "lambda", "")
		for b.Loop() {
			if _, err := prove(h, r, "lambda", ""); err != nil {
				b.Fatal(err)
			}
		}
	})
}
