package oidc_test

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"furl/internal/oidc"
	"furl/internal/oidc/oidctest"
)

// clock starts where the claims of the tests do.
type clock struct{ seconds atomic.Int64 }

const begin = 1_800_000_000

func (c *clock) now() time.Time { return time.Unix(begin+c.seconds.Load(), 0) }

func claims(issuer string, change map[string]any) map[string]any {
	all := map[string]any{"iss": issuer, "sub": "repo:me/app", "aud": "sts.amazonaws.com", "iat": begin, "exp": begin + 600}
	maps.Copy(all, change)
	for k, v := range change {
		if v == nil {
			delete(all, k)
		}
	}
	return all
}

func trusting(t *testing.T, c *clock, issuers ...string) *oidc.Verifier {
	t.Helper()
	var all []oidc.Issuer
	for _, text := range issuers {
		one, err := oidc.ParseIssuer(text)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, one)
	}
	return oidc.New(oidc.Options{Issuers: all, Now: c.now})
}

func TestVerify(t *testing.T) {
	i, c := oidctest.New(t), new(clock)
	v := trusting(t, c, i.URL, i.URL+"=another")
	for _, algorithm := range []string{"RS256", "ES256"} {
		got, err := v.Verify(t.Context(), i.Token(algorithm, claims(i.URL, map[string]any{"azp": "me", "amr": []string{"a", "b"}, "aud": []string{"x", "another"}})))
		if err != nil {
			t.Fatal(algorithm, err)
		}
		if got.Subject != "repo:me/app" || got.Audience != "another" || got.AuthorizedParty != "me" || len(got.Methods) != 2 ||
			got.Issuer.Name() != strings.TrimPrefix(i.URL, "http://") {
			t.Errorf("%s: %+v", algorithm, got)
		}
	}
	if n := i.Fetches.Load(); n != 1 {
		t.Errorf("the keys were fetched %d times", n)
	}
}

func TestVerifyRefuses(t *testing.T) {
	i, c := oidctest.New(t), new(clock)
	v := trusting(t, c, i.URL)
	good := i.Token("RS256", claims(i.URL, nil))
	parts := strings.Split(good, ".")
	other := strings.Split(i.Token("RS256", claims(i.URL, map[string]any{"sub": "somebody else"})), ".")
	signed := func(change map[string]any) string { return i.Token("RS256", claims(i.URL, change)) }
	header := func(change map[string]any) string { return i.Token("RS256", claims(i.URL, nil), change) }
	for _, tt := range []struct {
		name, token string
		want        error
	}{
		{"nothing", "", oidc.ErrMalformed},
		{"two parts", parts[0] + "." + parts[1], oidc.ErrMalformed},
		{"four parts", good + ".x", oidc.ErrMalformed},
		{"no JSON", "e30.eA." + parts[2], oidc.ErrMalformed},
		{"too long", good + strings.Repeat("A", 20000), oidc.ErrMalformed},
		{"another issuer", signed(map[string]any{"iss": "https://issuer.test"}), oidc.ErrUnknownIssuer},
		{"claims of another token", parts[0] + "." + other[1] + "." + parts[2], oidc.ErrSignature},
		{"no signature", parts[0] + "." + parts[1] + ".", oidc.ErrSignature},
		{"alg none", header(map[string]any{"alg": "none"}), oidc.ErrMalformed},
		{"alg HS256", header(map[string]any{"alg": "HS256"}), oidc.ErrMalformed},
		{"alg of another kind of key", header(map[string]any{"alg": "ES256"}), oidc.ErrSignature},
		{"critical extension", header(map[string]any{"crit": []string{"b64"}}), oidc.ErrMalformed},
		{"a key that there is not", header(map[string]any{"kid": "other"}), oidc.ErrSignature},
		{"another audience", signed(map[string]any{"aud": "you"}), oidc.ErrAudience},
		{"no audience", signed(map[string]any{"aud": nil}), oidc.ErrAudience},
		{"no subject", signed(map[string]any{"sub": nil}), oidc.ErrNoSubject},
		{"for ever", signed(map[string]any{"exp": nil}), oidc.ErrMalformed},
	} {
		if got, err := v.Verify(t.Context(), tt.token); !errors.Is(err, tt.want) {
			t.Errorf("%s: %+v, %v", tt.name, got, err)
		}
	}
	for name, change := range map[string]map[string]any{
		"expired": {"exp": begin - 301}, "not yet": {"nbf": begin + 301}, "of tomorrow": {"iat": begin + 301},
	} {
		_, err := v.Verify(t.Context(), signed(change))
		if e, ok := errors.AsType[*oidc.TimeError](err); !ok || e.NotYet != (name != "expired") {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, change := range map[string]map[string]any{"just expired": {"exp": begin - 299}, "just not yet": {"nbf": begin + 299.5}} {
		if _, err := v.Verify(t.Context(), signed(change)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestKeysChange follows an issuer through a change of its keys and a failure.
func TestKeysChange(t *testing.T) {
	i, c := oidctest.New(t), new(clock)
	v := trusting(t, c, i.URL)
	verify := func(token string) error {
		_, err := v.Verify(t.Context(), token)
		return err
	}
	i.Down(true)
	first := i.Token("ES256", claims(i.URL, map[string]any{"exp": begin + 1e6}))
	if err := verify(first); !errors.Is(err, oidc.ErrKeys) {
		t.Fatal("an issuer that is down:", err)
	}
	i.Down(false)
	if err := verify(first); !errors.Is(err, oidc.ErrKeys) {
		t.Error("fetched again at once:", err)
	}
	c.seconds.Add(3)
	if err := verify(first); err != nil {
		t.Fatal("an issuer that is up again:", err)
	}
	i.Rotate("second")
	second := i.Token("ES256", claims(i.URL, map[string]any{"exp": begin + 1e6}))
	if err := verify(second); !errors.Is(err, oidc.ErrSignature) {
		t.Error("a new key within the pause:", err)
	}
	c.seconds.Add(30)
	if err := verify(second); err != nil {
		t.Error("a new key:", err)
	}
	if err := verify(first); !errors.Is(err, oidc.ErrSignature) {
		t.Error("an old key is still good:", err)
	}
	i.Down(true)
	c.seconds.Add(2 * 3600)
	if err := verify(second); err != nil {
		t.Error("keys that are known, of an issuer that is down:", err)
	}
}

// impatient is a client's transport that has the caller go away with every request.
type impatient struct{ leave context.CancelFunc }

func (i impatient) RoundTrip(r *http.Request) (*http.Response, error) {
	i.leave()
	return http.DefaultTransport.RoundTrip(r)
}

// Whoever goes away while the keys are fetched does not keep them from the others.
func TestKeysAreFetchedForAll(t *testing.T) {
	i, c := oidctest.New(t), new(clock)
	one, err := oidc.ParseIssuer(i.URL)
	if err != nil {
		t.Fatal(err)
	}
	ctx, leave := context.WithCancel(t.Context())
	v := oidc.New(oidc.Options{Issuers: []oidc.Issuer{one}, Now: c.now, HTTP: &http.Client{Transport: impatient{leave}}})
	token := i.Token("ES256", claims(i.URL, nil))
	if _, err := v.Verify(ctx, token); err != nil {
		t.Error("the one who left:", err)
	}
	if _, err := v.Verify(t.Context(), token); err != nil {
		t.Error("another:", err)
	}
}

func TestParseIssuer(t *testing.T) {
	for text, want := range map[string]string{
		"https://token.actions.githubusercontent.com": "token.actions.githubusercontent.com for sts.amazonaws.com",
		"https://a.test/path/=me":                     "a.test/path for me",
		"http://127.0.0.1:8080":                       "127.0.0.1:8080 for sts.amazonaws.com",
		"http://[::1]:80=x":                           "[::1]:80 for x",
		"http://issuer.test":                          "", "issuer.test": "", "https://": "", "https://a.test=": "",
		"https://a.test?x": "", "ftp://a.test": "", "https://u@a.test": "", "": "",
	} {
		got, err := oidc.ParseIssuer(text)
		if want == "" && err == nil || want != "" && (err != nil || got.Name()+" for "+got.Audiences[0] != want) {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
	}
}

func FuzzVerify(f *testing.F) {
	i, c := oidctest.New(f), new(clock)
	one, err := oidc.ParseIssuer(i.URL)
	if err != nil {
		f.Fatal(err)
	}
	v := oidc.New(oidc.Options{Issuers: []oidc.Issuer{one}, Now: c.now})
	good := i.Token("ES256", claims(i.URL, nil))
	f.Add(good)
	f.Add("a.b.c")
	f.Add("")
	f.Fuzz(func(t *testing.T, token string) {
		// A signature has twins in base64, whose last bits do not count.
		if got, err := v.Verify(t.Context(), token); err == nil && (got.Subject != "repo:me/app" || len(token) != len(good)) {
			t.Errorf("%q is good: %+v", token, got)
		}
	})
}
