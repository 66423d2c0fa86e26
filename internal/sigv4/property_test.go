package sigv4_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"furl/internal/sigv4"
)

// random makes requests. The same seed makes the same requests.
type random struct{ *rand.Rand }

func newRandom(seed uint64) random { return random{rand.New(rand.NewPCG(seed, 0))} }

func (rng random) pick(from ...string) string { return from[rng.IntN(len(from))] }

// text is up to n pieces put together.
func (rng random) text(n int, from ...string) string {
	var b strings.Builder
	for range rng.IntN(n + 1) {
		b.WriteString(rng.pick(from...))
	}
	return b.String()
}

// path is a path for the request line. Dots and double slashes are in it only where asked for.
func (rng random) path(dots bool) string {
	segments := []string{"a", "Z9", "-_.~", "%20", "%2F", "%3A", "%25", "%C3%A9", ":", "@", "!$&'()*+,;=", "x%2By"}
	var b strings.Builder
	for range rng.IntN(4) {
		b.WriteString("/s" + rng.text(3, segments...))
		if dots {
			b.WriteString(rng.pick("", "", "/.", "/", "/q/.."))
		}
	}
	return b.String() + rng.pick("", "/")
}

func (rng random) query() string {
	pieces := []string{"a", "b-", "0", "~", "%20", "%2F", "%2f", "%3D", "%41", "%26", "%C3%A9", "/", ":", "@"}
	var params []string
	for range rng.IntN(5) {
		params = append(params, rng.pick("k", "a", "a-b", "B", "%20n")+rng.text(1, pieces...)+rng.pick("", "=", "="+rng.text(4, pieces...)))
	}
	return strings.Join(params, rng.pick("&", "&", "&&"))
}

// client is a request as a client builds it.
func (rng random) client(t *testing.T, dots bool) (*http.Request, []byte) {
	t.Helper()
	var body []byte
	if rng.IntN(2) == 0 {
		body = []byte(rng.text(40, "x", "{}", "\x00\xff", "é", "\r\n"))
	}
	target := "http://" + rng.pick("example.com", "abc.lambda-url.us-east-1.localhost:8080", "[::1]:9000") + rng.path(dots)
	if q := rng.query(); q != "" {
		target += "?" + q
	}
	r, err := http.NewRequest(rng.pick("GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"), target, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for range rng.IntN(4) {
		r.Header.Add(rng.pick("Content-Type", "X-Custom", "Accept", "X-Amz-Meta-A"), rng.text(4, "a", " b", "  c", ",", "\"q  q\"", "é"))
	}
	return r, body
}

var sdk = aws.Credentials{AccessKeyID: keyID, SecretAccessKey: secret}

func hashHex(body []byte) string {
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}

func sdkSign(t *testing.T, r *http.Request, body []byte) {
	t.Helper()
	if err := v4.NewSigner().SignHTTP(context.Background(), sdk, r, hashHex(body), service, region, noon); err != nil {
		t.Fatal(err)
	}
}

// genuine fails the test unless raw is accepted.
func genuine(t *testing.T, v *sigv4.Verifier, raw []byte) {
	t.Helper()
	r, body, err := receive(raw)
	if err != nil {
		t.Fatalf("%v in\n%s", err, raw)
	}
	if err := check(v, r, body, scope); err != nil {
		t.Fatalf("%v:\n%s", err, raw)
	}
}

// forged fails the test if raw is accepted. To be no request at all is as good as to be refused.
func forged(t *testing.T, v *sigv4.Verifier, what string, original, raw []byte) {
	t.Helper()
	r, body, err := receive(raw)
	if err != nil {
		return
	}
	if check(v, r, body, scope) == nil {
		t.Fatalf("changed %s and still accepted:\n%s\nwas\n%s", what, raw, original)
	}
}

func TestSDKSignatures(t *testing.T) {
	rng := newRandom(1)
	v := sigv4.NewVerifier(clock(noon))
	for range 1500 {
		r, body := rng.client(t, true)
		sdkSign(t, r, body)
		raw := send(t, r)
		genuine(t, v, raw)
		mutations(t, rng, func(what string, m message) { forged(t, v, what, raw, m.raw()) }, raw)
	}
}

func TestSDKPresigned(t *testing.T) {
	rng := newRandom(2)
	v := sigv4.NewVerifier(clock(noon))
	for range 500 {
		r, body := rng.client(t, true)
		if len(body) > 0 {
			continue // the SDK would sign a content-length that it does not send
		}
		r.Header = http.Header{}
		q := r.URL.Query()
		q.Set("X-Amz-Expires", "300")
		r.URL.RawQuery = q.Encode()
		signedURL, _, err := v4.NewSigner().PresignHTTP(context.Background(), sdk, r, emptyHash, service, region, noon)
		if err != nil {
			t.Fatal(err)
		}
		follow, err := http.NewRequest(r.Method, signedURL, nil)
		if err != nil {
			t.Fatal(err)
		}
		raw := send(t, follow)
		genuine(t, v, raw)
		m := split(t, raw)
		for _, name := range []string{
			"X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires", "X-Amz-SignedHeaders", "X-Amz-Signature",
		} {
			at := strings.Index(m.target, name+"=") + len(name) + 1
			end := at + strings.IndexByte(m.target[at:]+"&", '&')
			changed := m
			changed.target = m.target[:at] + rng.changeOne(m.target[at:end]) + m.target[end:]
			if sameQuery(changed.target, m.target) {
				continue
			}
			forged(t, v, name, raw, changed.raw())
		}
	}
}

// mutations changes one byte of each part of a request that was signed in the header form.
func mutations(t *testing.T, rng random, try func(string, message), raw []byte) {
	t.Helper()
	fresh := func() message { return split(t, raw) }
	change := func(what string, part func(*message) *string) {
		m := fresh()
		if p := part(&m); p != nil && *p != "" {
			*p = rng.changeOne(*p)
			try(what, m)
		}
	}
	change("method", func(m *message) *string { return &m.method })
	change("signed header", func(m *message) *string { return m.header(t, "Host") })
	change("date", func(m *message) *string { return m.header(t, "X-Amz-Date") })

	m := fresh()
	path, query, _ := strings.Cut(m.target, "?")
	m.target = "/" + rng.changeOne(path[1:]) + m.target[len(path):]
	if m.target != fresh().target {
		try("path", m)
	}
	if query != "" {
		m = fresh()
		m.target = path + "?" + rng.changeOne(query)
		if !sameQuery(m.target[len(path)+1:], query) {
			try("query", m)
		}
	}
	if len(m.body) > 0 {
		m = fresh()
		m.body = bytes.Clone(m.body)
		m.body[rng.IntN(len(m.body))] ^= 1 << rng.IntN(8)
		try("body", m)
	}
	authorization := *fresh().header(t, "Authorization")
	for _, part := range authorizationParts(t, authorization) {
		m := fresh()
		was := authorization[part.from:part.to]
		now := rng.changeOne(was)
		if part.name == "SignedHeaders" && strings.EqualFold(was, now) {
			continue // the names are read without regard to case
		}
		*m.header(t, "Authorization") = authorization[:part.from] + now + authorization[part.to:]
		try(part.name, m)
	}
}

type span struct {
	name     string
	from, to int
}

// authorizationParts finds the key's id, the parts of the scope, the signed headers and the signature.
func authorizationParts(t *testing.T, header string) []span {
	t.Helper()
	at := strings.Index(header, "Credential=") + len("Credential=")
	var parts []span
	for _, name := range []string{"key id", "scope date", "scope region", "scope service", "scope terminator"} {
		end := at + strings.IndexAny(header[at:], "/,")
		parts = append(parts, span{name, at, end})
		at = end + 1
	}
	for _, name := range []string{"SignedHeaders", "Signature"} {
		at = strings.Index(header, name+"=") + len(name) + 1
		end := at + strings.IndexByte(header[at:]+",", ',')
		parts = append(parts, span{name, at, end})
	}
	for _, p := range parts {
		if p.to <= p.from {
			t.Fatalf("no %s in %q", p.name, header)
		}
	}
	return parts
}

// changeOne replaces one byte by a letter or digit or, now and then, by any printable one.
func (rng random) changeOne(s string) string {
	if s == "" {
		return s
	}
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	b := []byte(s)
	i := rng.IntN(len(b))
	for old := b[i]; b[i] == old; {
		if b[i] = letters[rng.IntN(len(letters))]; rng.IntN(8) == 0 {
			b[i] = byte('!' + rng.IntN('~'-'!'))
		}
	}
	return string(b)
}

// sameQuery reports whether two raw queries mean the same to anybody, + as a blank or as itself.
func sameQuery(a, b string) bool {
	for _, plus := range []string{"+", "%2B"} {
		p, errA := url.ParseQuery(strings.ReplaceAll(strings.ReplaceAll(a, "+", plus), ";", "%3B"))
		q, errB := url.ParseQuery(strings.ReplaceAll(strings.ReplaceAll(b, "+", plus), ";", "%3B"))
		if errA == nil && errB == nil && fmt.Sprint(sorted(p)) == fmt.Sprint(sorted(q)) {
			return true
		}
	}
	return false
}

func sorted(q url.Values) url.Values {
	for _, values := range q {
		slices.Sort(values)
	}
	return q
}

// TestOwnSignatures checks Sign in three ways: Verify accepts what it signed, refuses what was changed after that, and
// the SDK signs the same request with the same signature.
func TestOwnSignatures(t *testing.T) {
	rng := newRandom(3)
	v := sigv4.NewVerifier(clock(noon))
	for range 1500 {
		r, body := rng.client(t, false)
		sigv4.Sign(r, credentials, region, service, noon, body)
		raw := send(t, r)
		genuine(t, v, raw)
		mutations(t, rng, func(what string, m message) { forged(t, v, what, raw, m.raw()) }, raw)

		again := r.Clone(context.Background())
		again.ContentLength = 0 // the SDK would sign it
		sdkSign(t, again, body)
		if got, want := r.Header.Get("Authorization"), again.Header.Get("Authorization"); got != want {
			t.Fatalf("signed %s\nthe SDK  %s\nfor\n%s", got, want, raw)
		}
	}
}

func TestOwnPresigned(t *testing.T) {
	rng := newRandom(4)
	v := sigv4.NewVerifier(clock(noon))
	for range 500 {
		r, body := rng.client(t, false)
		sigv4.Presign(r, credentials, region, service, noon, time.Minute, body)
		sigv4.Presign(r, credentials, region, service, noon, 2*time.Minute, body) // replaces the first
		if n := strings.Count(r.URL.RawQuery, "X-Amz-Signature="); n != 1 {
			t.Fatalf("%d signatures in %s", n, r.URL)
		}
		raw := send(t, r)
		genuine(t, v, raw)

		again := r.Clone(context.Background())
		again.Header = http.Header{}
		again.ContentLength = 0
		q := again.URL.Query()
		q.Del("X-Amz-Signature")
		again.URL.RawQuery = q.Encode()
		signedURL, _, err := v4.NewSigner().PresignHTTP(context.Background(), sdk, again, hashHex(body), service, region, noon)
		if err != nil {
			t.Fatal(err)
		}
		want, err := url.Parse(signedURL)
		if err != nil {
			t.Fatal(err)
		}
		if got := r.URL.Query().Get("X-Amz-Signature"); got != want.Query().Get("X-Amz-Signature") {
			t.Fatalf("signed %s\nthe SDK  %s", r.URL, want)
		}
	}
}
