package authz_test

import (
	"crypto/sha256"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"furl/internal/authz"
	"furl/internal/authz/authztest"
	"furl/internal/policy"
	"furl/internal/sigv4"
	"furl/internal/state"
)

// prove takes a request all the way to its caller.
func prove(h *authztest.House, r *http.Request, service, body string) (*authz.Caller, error) {
	claim, err := h.Judge.Claim(h.State.Snapshot(), r, sigv4.Scope{Service: service, Regions: []string{authztest.Region}, Skew: 5 * time.Minute})
	if err != nil {
		return nil, err
	}
	return claim.Prove(r, sha256.Sum256([]byte(body)))
}

func signed(h *authztest.House, w authztest.Who, service, body string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "http://lambda.test/2015-03-31/functions?a=b", strings.NewReader(body))
	h.Sign(r, w, service, []byte(body))
	return r
}

func TestCaller(t *testing.T) {
	h := authztest.New(t, false)
	bob := h.User("bob", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`)
	c, err := prove(h, signed(h, bob, "lambda", "body"), "lambda", "body")
	want := policy.Principal{Type: policy.User, Account: authztest.Account, ARN: bob.ARN, ID: bob.ID}
	if err != nil || c.Principal != want || c.AccessKeyID != bob.KeyID || c.UserName != "bob" || len(c.Policies) != 1 {
		t.Errorf("bob is %+v, %v", c, err)
	}
	c, err = prove(h, signed(h, h.Root, "lambda", ""), "lambda", "")
	want = policy.Principal{Type: policy.Root, Account: authztest.Account, ARN: "arn:aws:iam::111122223333:root", ID: authztest.Account}
	if err != nil || c.Principal != want || c.AccessKeyID != h.Root.KeyID || c.UserName != "" || c.Policies != nil {
		t.Errorf("root is %+v, %v", c, err)
	}
}

func TestCallerRefused(t *testing.T) {
	h := authztest.New(t, false)
	bob, idle := h.User("bob"), h.User("idle")
	err := h.State.UpdateAccessKey(t.Context(), idle.KeyID, func(k *state.AccessKey) error { k.Active = false; return nil })
	if err != nil {
		t.Fatal(err)
	}
	gone := h.User("gone")
	h.Remove(gone)
	good := func() *http.Request { return signed(h, bob, "lambda", "body") }
	const mismatch = "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. " +
		"Consult the service documentation for details."
	const unknown = "The security token included in the request is invalid."
	for _, tt := range []struct {
		name    string
		r       *http.Request
		service string
		reason  sigv4.Reason
		message string
	}{
		{"not signed", httptest.NewRequest(http.MethodGet, "/", nil), "lambda", sigv4.MissingToken, "Request is missing Authentication Token"},
		{"unknown key", signed(h, authztest.Who{KeyID: "AKIAUNKNOWNUNKNOWNUN", Secret: "s"}, "lambda", "body"), "lambda", sigv4.InvalidToken, unknown},
		{"inactive key", signed(h, idle, "lambda", "body"), "lambda", sigv4.InvalidToken, unknown},
		{"deleted key", signed(h, gone, "lambda", "body"), "lambda", sigv4.InvalidToken, unknown},
		{"wrong secret", signed(h, authztest.Who{KeyID: bob.KeyID, Secret: "s"}, "lambda", "body"), "lambda", sigv4.Mismatch, mismatch},
		{"root's key, wrong secret", signed(h, authztest.Who{KeyID: h.Root.KeyID, Secret: bob.Secret}, "lambda", "body"), "lambda", sigv4.Mismatch, mismatch},
		{"other service", good(), "iam", sigv4.BadScope, "Credential should be scoped to correct service: 'iam'. "},
		{"token with a user's key", func() *http.Request {
			r := good()
			r.Header.Set("X-Amz-Security-Token", "t")
			return r
		}(), "lambda", sigv4.InvalidToken, "The security token included in the request is invalid"},
		{"other method", func() *http.Request { r := good(); r.Method = http.MethodPut; return r }(), "lambda", sigv4.Mismatch, mismatch},
		{"other query", func() *http.Request { r := good(); r.URL.RawQuery = "a=c"; r.RequestURI = ""; return r }(), "lambda", sigv4.Mismatch, mismatch},
		{"other body", signed(h, bob, "lambda", "other"), "lambda", sigv4.Mismatch, mismatch},
	} {
		c, err := prove(h, tt.r, tt.service, "body")
		e, _ := errors.AsType[*sigv4.Error](err)
		if c != nil || e == nil || e.Reason != tt.reason || e.Message != tt.message {
			t.Errorf("%s: %+v, %v; want %v: %s", tt.name, c, err, tt.reason, tt.message)
		}
	}
	old := good()
	h.Clock.Advance(5*time.Minute + time.Second)
	_, err = prove(h, old, "lambda", "body")
	if e, _ := errors.AsType[*sigv4.Error](err); e == nil || e.Reason != sigv4.Expired {
		t.Errorf("after five minutes: %v", err)
	}
}

// A claim holds for the snapshot that it was made from; the next request meets
// the next one.
func TestCallerOfAChangedKey(t *testing.T) {
	h := authztest.New(t, false)
	bob := h.User("bob")
	before := h.State.Snapshot()
	h.Remove(bob)
	r := signed(h, bob, "lambda", "")
	scope := sigv4.Scope{Service: "lambda", Skew: time.Minute}
	if _, err := h.Judge.Claim(before, r, scope); err != nil {
		t.Errorf("before: %v", err)
	}
	if _, err := h.Judge.Claim(h.State.Snapshot(), r, scope); err == nil {
		t.Error("after: a claim")
	}
}

func TestContext(t *testing.T) {
	if c := authz.FromContext(t.Context()); c.Principal.Type != policy.Anonymous || c.Principal.Account != "" {
		t.Errorf("outside of an operation: %+v", c)
	}
	c, env := authz.RootCaller("111122223333", "AKIA"), authz.Env{SourceIP: "192.0.2.7"}
	ctx := authz.WithCaller(t.Context(), c, env)
	if authz.FromContext(ctx) != c || authz.EnvFromContext(ctx) != env {
		t.Error("the context does not carry its caller")
	}
}
