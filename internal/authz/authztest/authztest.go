// Package authztest is a control plane for tests: a state in a directory of
// the test, callers with access keys, and services behind real signatures,
// policies and wire protocols. Nothing but tests may use it.
package authztest

import (
	"context"
	"crypto/sha256"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"furl/internal/arn"
	"furl/internal/authz"
	"furl/internal/awsapi"
	"furl/internal/sigv4"
	"furl/internal/state"
	"furl/internal/store/sqlite"
)

// Account and Region are what every House plays.
const (
	Account = "111122223333"
	Region  = "us-east-1"
)

// Clock is a clock that moves when it is told to.
type Clock struct{ nanos atomic.Int64 }

// Now is what the clock shows.
func (c *Clock) Now() time.Time { return time.Unix(0, c.nanos.Load()).UTC() }

// Advance moves the clock.
func (c *Clock) Advance(d time.Duration) { c.nanos.Add(int64(d)) }

// House is a state, a judge of requests, and a clock.
type House struct {
	State *state.State
	Store *sqlite.Store
	Judge *authz.Authorizer
	// Sessions makes the temporary credentials that Judge knows.
	Sessions *authz.Sessions
	Clock    *Clock
	// Root is the account's root.
	Root Who

	t testing.TB
}

// Who is a caller: an ARN, a unique id and an access key.
type Who struct {
	Name, ARN, ID string
	KeyID, Secret string
	// Token is the session token of temporary credentials.
	Token string
}

// New makes a House with nobody in it but root. dual is authz.Options.DualURLAuth.
func New(t testing.TB, dual bool) *House {
	t.Helper()
	h := &House{t: t, Clock: new(Clock), Root: Who{
		ARN: arn.Root(Account), ID: Account,
		KeyID: "AKIAROOTROOTROOTROOT", Secret: "root/secret/root/secret/root/secret/root",
	}}
	h.Clock.Advance(time.Date(2026, 11, 23, 13, 42, 10, 244654000, time.UTC).Sub(time.Unix(0, 0)))
	var err error
	if h.Store, err = sqlite.Open(t.Context(), t.TempDir(), sqlite.Options{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.check(h.Store.Close()) })
	seal := state.NewSealKey()
	if h.Sessions, err = authz.NewSessions(seal, h.Clock.Now); err != nil {
		t.Fatal(err)
	}
	h.State, err = state.Open(t.Context(), h.Store, state.Options{SealKey: seal, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.check(h.State.Close()) })
	_, err = h.State.InitServer(t.Context(), &state.Server{Account: Account, Region: Region, Created: h.Clock.Now()})
	h.check(err)
	h.Judge = authz.New(authz.Options{
		Root:        authz.RootKey{Account: Account, ID: h.Root.KeyID, Secret: state.NewSecret(h.Root.Secret)},
		Sessions:    h.Sessions,
		Verifier:    sigv4.NewVerifier(h.Clock.Now),
		Region:      Region,
		DualURLAuth: dual,
	})
	return h
}

func (h *House) check(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Error(err)
	}
}

// User makes a user with an access key and with policies, one a document.
func (h *House) User(name string, policies ...string) Who {
	h.t.Helper()
	id := "AIDA" + fixed(name+h.Clock.Now().String(), 17)
	w := Who{
		Name: name, ARN: arn.User(Account, "/", name), ID: id,
		KeyID: "AKIA" + fixed("key"+id, 16), Secret: "secret/of/" + fixed(id, 30),
	}
	u := &state.User{Account: Account, Name: name, Path: "/", ID: id, Created: h.Clock.Now(), Policies: map[string]string{}}
	for i, doc := range policies {
		u.Policies["p"+string(rune('0'+i))] = doc
	}
	h.check(h.State.CreateUser(context.Background(), u))
	k := &state.AccessKey{ID: w.KeyID, Account: Account, User: name, Active: true, Created: h.Clock.Now()}
	h.check(h.State.CreateAccessKey(context.Background(), k, state.NewSecret(w.Secret), func(*state.User) error { return nil }))
	return w
}

// SetPolicy makes one document the only policy of a user.
func (h *House) SetPolicy(user, document string) error {
	_, err := h.State.UpdateUser(context.Background(), Account, user, func(u *state.User) error {
		u.Policies = map[string]string{"p": document}
		return nil
	})
	return err
}

// Role makes a role of an account of the test's with policies, one a document.
func (h *House) Role(account, name, trust string, policies ...string) *state.RoleEntry {
	h.t.Helper()
	r := &state.Role{
		Account: account, Name: name, Path: "/", ID: "AROA" + fixed(account+name+h.Clock.Now().String(), 17), Created: h.Clock.Now(),
		MaxSession: 3600, Trust: trust, Policies: map[string]string{},
	}
	for i, doc := range policies {
		r.Policies["p"+string(rune('0'+i))] = doc
	}
	h.check(h.State.CreateRole(context.Background(), r))
	return h.State.Snapshot().Role(account, name)
}

// RemoveRole deletes a role of the house's account.
func (h *House) RemoveRole(name string) {
	h.t.Helper()
	h.check(h.State.DeleteRole(context.Background(), Account, name, func(*state.Role) error { return nil }))
}

// Session makes temporary credentials.
func (h *House) Session(s authz.Session) Who {
	h.t.Helper()
	c, err := h.Sessions.Issue(&s)
	h.check(err)
	return Who{Name: s.Name, ARN: s.ARN(), ID: s.IssuerID + ":" + s.Name, KeyID: c.AccessKeyID, Secret: c.Secret.Reveal(), Token: c.Token.Reveal()}
}

// RoleSession makes temporary credentials of a role for an hour.
func (h *House) RoleSession(r *state.RoleEntry, name string) Who {
	h.t.Helper()
	return h.Session(authz.Session{
		Kind: authz.RoleSession, Account: r.Role.Account, Issuer: r.Role.Name, IssuerID: r.Role.ID, Name: name,
		Expires: h.Clock.Now().Add(time.Hour).Unix(),
	})
}

// OtherAccount makes a second account and returns its root.
func (h *House) OtherAccount(id string) Who {
	h.t.Helper()
	w := Who{ARN: arn.Root(id), ID: id, KeyID: "AKIA" + fixed("root"+id, 16), Secret: "secret/of/root/" + fixed(id, 25)}
	k := &state.AccessKey{ID: w.KeyID, Active: true, Created: h.Clock.Now()}
	h.check(h.State.CreateAccount(context.Background(), &state.Account{ID: id, Created: h.Clock.Now()}, k, state.NewSecret(w.Secret)))
	return w
}

// Remove deletes a user with its key.
func (h *House) Remove(w Who) {
	h.t.Helper()
	h.check(h.State.DeleteAccessKey(context.Background(), Account, w.Name, w.KeyID))
	h.check(h.State.DeleteUser(context.Background(), Account, w.Name, func(*state.User) error { return nil }))
}

// fixed makes an identifier out of a text.
func fixed(text string, length int) string {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
	sum := sha256.Sum256([]byte(text))
	id := make([]byte, length)
	for i := range id {
		id[i] = letters[sum[i]%32]
	}
	return string(id)
}

// Served is a service under test.
type Served struct {
	Service awsapi.Service
	Access  func(ctx context.Context, in any) ([]authz.Access, error)
}

// Serve serves services until the test ends and returns the address. A request
// that ends in an internal failure fails the test.
func (h *House) Serve(services ...Served) string {
	h.t.Helper()
	g := gate{h, map[string]Served{}}
	var offered []awsapi.Service
	for _, s := range services {
		g.services[s.Service.Name] = s
		offered = append(offered, s.Service)
	}
	server, err := awsapi.NewServer(awsapi.Hooks{Authenticate: g.authenticate, Unsigned: g.unsigned, Authorize: g.authorize, Done: g.done}, offered...)
	if err != nil {
		h.t.Fatal(err)
	}
	web := httptest.NewServer(server)
	h.t.Cleanup(web.Close)
	return web.URL
}

// gate does for the House what the node does for a server.
type gate struct {
	house    *House
	services map[string]Served
}

func (g gate) authenticate(r *http.Request, service string, body []byte) (context.Context, error) {
	claim, err := g.house.Judge.Claim(g.house.State.Snapshot(), r, sigv4.Scope{Service: service, Skew: 5 * time.Minute})
	if err != nil {
		return nil, awsapi.InvalidClientTokenID("%s", err)
	}
	caller, err := claim.Prove(r, sha256.Sum256(body))
	if err != nil {
		return nil, awsapi.SignatureDoesNotMatch("%s", err)
	}
	return authz.WithCaller(r.Context(), caller, authz.NewEnv(r, g.house.Clock.Now())), nil
}

func (g gate) unsigned(r *http.Request, _ string) (context.Context, error) {
	return authz.WithCaller(r.Context(), authz.Anonymous(), authz.NewEnv(r, g.house.Clock.Now())), nil
}

func (g gate) authorize(ctx context.Context, op *awsapi.Operation, in any) error {
	accesses, err := g.services[op.Service].Access(ctx, in)
	if err != nil {
		return err
	}
	caller, env := authz.FromContext(ctx), authz.EnvFromContext(ctx)
	for _, acc := range accesses {
		if d := g.house.Judge.Allow(caller, env, acc); !d.Allowed {
			return awsapi.AccessDenied("%s", authz.Denied(caller, acc, d))
		}
	}
	return nil
}

func (g gate) done(_ context.Context, op *awsapi.Operation, _ *http.Request, _ any, status int, err error, _ time.Duration) {
	if status < 500 {
		return
	}
	name := "no operation"
	if op != nil {
		name = op.Name
	}
	g.house.t.Errorf("%s: status %d: %v", name, status, err)
}

// Client says how a caller reaches an address that Serve returned.
func (h *House) Client(address string, w Who) awsapi.ClientConfig {
	return awsapi.ClientConfig{Endpoint: address, Sign: func(r *http.Request, service string, body []byte) error {
		h.Sign(r, w, service, body)
		return nil
	}}
}

// Refused fails the test unless err is the AWS error of that code and message.
func Refused(t testing.TB, err error, code, message string) {
	t.Helper()
	e, ok := errors.AsType[*awsapi.Error](err)
	if !ok {
		t.Errorf("got %v, want %s: %s", err, code, message)
		return
	}
	if e.Code != code || e.Message != message {
		t.Errorf("got  %s: %s\nwant %s: %s", e.Code, e.Message, code, message)
	}
}

// Sign signs a request as a caller.
func (h *House) Sign(r *http.Request, w Who, service string, body []byte) {
	sigv4.Sign(r, sigv4.Credentials{AccessKeyID: w.KeyID, SecretAccessKey: w.Secret, SessionToken: w.Token}, Region, service, h.Clock.Now(), body)
}
