// Package oidctest is an issuer of ID tokens on loopback, for tests.
package oidctest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
)

// Issuer is an issuer with a key of each kind.
type Issuer struct {
	// URL is its own.
	URL string
	// Fetches counts the fetches of its keys.
	Fetches atomic.Int32

	t testing.TB

	mu    sync.Mutex
	down  bool
	keyID string
	rsa   *rsa.PrivateKey
	ecdsa *ecdsa.PrivateKey
}

// New starts an issuer that serves until the test ends.
func New(t testing.TB) *Issuer {
	t.Helper()
	i := &Issuer{t: t}
	i.Rotate("first")
	server := httptest.NewServer(i)
	t.Cleanup(server.Close)
	i.URL = server.URL
	return i
}

// Rotate has the issuer use new keys, and no others, under this id.
func (i *Issuer) Rotate(keyID string) {
	i.t.Helper()
	r, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		i.t.Fatal(err)
	}
	e, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		i.t.Fatal(err)
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.keyID, i.rsa, i.ecdsa = keyID, r, e
}

// Down has the issuer refuse to answer, or answer again.
func (i *Issuer) Down(down bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.down = down
}

// ServeHTTP answers with the issuer's configuration and its keys.
func (i *Issuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.down {
		http.Error(w, "down", http.StatusServiceUnavailable)
		return
	}
	switch r.URL.Path {
	case "/.well-known/openid-configuration":
		i.write(w, map[string]string{"issuer": i.URL, "jwks_uri": i.URL + "/keys"})
	case "/keys":
		i.Fetches.Add(1)
		point, err := i.ecdsa.PublicKey.Bytes()
		if err != nil {
			i.t.Error(err)
		}
		i.write(w, map[string]any{"keys": []map[string]string{
			{"kty": "oct", "kid": "secret", "k": "AAAA"},
			{"kty": "RSA", "use": "sig", "kid": i.keyID + "-rsa", "n": b64(i.rsa.N.Bytes()), "e": b64(big.NewInt(int64(i.rsa.E)).Bytes())},
			{"kty": "EC", "crv": "P-256", "kid": i.keyID + "-ec", "x": b64(point[1:33]), "y": b64(point[33:])},
		}})
	default:
		http.NotFound(w, r)
	}
}

func (i *Issuer) write(w http.ResponseWriter, v any) {
	if err := json.NewEncoder(w).Encode(v); err != nil {
		i.t.Error(err)
	}
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// Token signs claims with RS256 or ES256. The header's members may be replaced.
func (i *Issuer) Token(algorithm string, claims map[string]any, header ...map[string]any) string {
	i.t.Helper()
	i.mu.Lock()
	defer i.mu.Unlock()
	head := map[string]any{"typ": "JWT", "alg": algorithm, "kid": i.keyID + "-rsa"}
	if algorithm == "ES256" {
		head["kid"] = i.keyID + "-ec"
	}
	for _, h := range header {
		for k, v := range h {
			head[k] = v
		}
	}
	signed := i.part(head) + "." + i.part(claims)
	sum := sha256.Sum256([]byte(signed))
	if algorithm == "ES256" {
		r, s, err := ecdsa.Sign(rand.Reader, i.ecdsa, sum[:])
		if err != nil {
			i.t.Fatal(err)
		}
		return signed + "." + b64(append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...))
	}
	signature, err := rsa.SignPKCS1v15(rand.Reader, i.rsa, crypto.SHA256, sum[:])
	if err != nil {
		i.t.Fatal(err)
	}
	return signed + "." + b64(signature)
}

func (i *Issuer) part(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		i.t.Fatal(err)
	}
	return b64(b)
}
