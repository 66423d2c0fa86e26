package oidc

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

const (
	// keysAge is how long keys are used without being fetched anew.
	keysAge = time.Hour
	// keysPause is how long fetching is not repeated: tokens with made-up keys
	// must not have the server call its issuers all the time. It is keysRetry while
	// there are none.
	keysPause = 30 * time.Second
	keysRetry = 3 * time.Second
	// maxDocument bounds what an issuer answers, in bytes.
	maxDocument = 1 << 20
	// minRSA is the shortest RSA key that counts, in bits.
	minRSA = 2048
)

// keys are the issuer's, fetched where they are old or have none of this id.
// When they cannot be fetched those that are there go on. Fetching does not end
// with ctx: whoever goes away must not have the others wait for the next attempt.
func (v *Verifier) keys(ctx context.Context, set *keySet, id string) ([]key, error) {
	if keys, fresh := set.current(v.now(), id); fresh {
		return keys, nil
	}
	select {
	case set.turn <- struct{}{}:
		defer func() { <-set.turn }()
	case <-ctx.Done():
		return nil, fmt.Errorf("%w: %w", ErrKeys, ctx.Err())
	}
	keys, fresh := set.current(v.now(), id)
	if fresh {
		return keys, nil
	}
	if !set.try(v.now()) {
		return nil, fmt.Errorf("%w: they could not be a moment ago", ErrKeys)
	}
	fetched, err := v.fetchKeys(context.WithoutCancel(ctx), set.issuer.URL)
	if err != nil {
		if len(keys) > 0 {
			return keys, nil
		}
		return nil, fmt.Errorf("%w: %w", ErrKeys, err)
	}
	set.store(fetched, v.now())
	return fetched, nil
}

// current is what is known. fresh: there is no use in fetching it anew.
func (s *keySet) current(now time.Time, id string) (keys []key, fresh bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	known := id == "" || slices.ContainsFunc(s.keys, func(k key) bool { return k.id == id })
	young := len(s.keys) > 0 && now.Sub(s.fetched) < keysAge
	return s.keys, young && known || len(s.keys) > 0 && now.Sub(s.tried) < keysPause
}

// try notes an attempt to fetch the keys; false: the last one was just now.
func (s *keySet) try(now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.tried.IsZero() && now.Sub(s.tried) < keysRetry {
		return false
	}
	s.tried = now
	return true
}

func (s *keySet) store(keys []key, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys, s.fetched = keys, now
}

// fetchKeys asks the issuer where its keys are, and for the keys.
func (v *Verifier) fetchKeys(ctx context.Context, issuer string) ([]key, error) {
	var about struct {
		Issuer string `json:"issuer"`
		Keys   string `json:"jwks_uri"`
	}
	if err := v.get(ctx, issuer+"/.well-known/openid-configuration", &about); err != nil {
		return nil, err
	}
	if strings.TrimSuffix(about.Issuer, "/") != issuer {
		return nil, fmt.Errorf("it says to be %q", about.Issuer)
	}
	at, err := url.Parse(about.Keys)
	plain := strings.HasPrefix(issuer, "http:") // which it may on loopback only
	if err != nil || at.Scheme != "https" && !(plain && at.Scheme == "http" && loopback(at.Hostname())) {
		return nil, fmt.Errorf("its keys are said to be at %q", about.Keys)
	}
	var document struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := v.get(ctx, about.Keys, &document); err != nil {
		return nil, err
	}
	var keys []key
	for _, raw := range document.Keys {
		if k, ok := readKey(raw); ok {
			keys = append(keys, k)
		}
	}
	if len(keys) == 0 {
		return nil, errors.New("it has no key that can be used")
	}
	return keys, nil
}

func (v *Verifier) get(ctx context.Context, address string, into any) error {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	r.Header.Set("Accept", "application/json")
	resp, err := v.http.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", address, resp.Status)
	}
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxDocument))
	if err != nil {
		return fmt.Errorf("%s: %w", address, err)
	}
	if err := json.Unmarshal(b, into); err != nil {
		return fmt.Errorf("%s: %w", address, err)
	}
	return nil
}

// readKey reads a JSON web key; those that are no public key for signatures of
// a kind that is known here are left out.
func readKey(raw []byte) (key, bool) {
	var j struct {
		Type      string `json:"kty"`
		Use       string `json:"use"`
		ID        string `json:"kid"`
		Algorithm string `json:"alg"`
		N         string `json:"n"`
		E         string `json:"e"`
		Curve     string `json:"crv"`
		X         string `json:"x"`
		Y         string `json:"y"`
	}
	if json.Unmarshal(raw, &j) != nil || j.Use != "" && j.Use != "sig" {
		return key{}, false
	}
	k := key{id: j.ID, algorithm: j.Algorithm}
	switch j.Type {
	case "RSA":
		n, e := number(j.N), number(j.E)
		if n == nil || e == nil || n.BitLen() < minRSA || !e.IsInt64() || e.Int64() < 3 || e.Int64() > 1<<31-1 {
			return key{}, false
		}
		k.rsa = &rsa.PublicKey{N: n, E: int(e.Int64())}
		return k, true
	case "EC":
		var ok bool
		k.ecdsa, ok = readPoint(j.Curve, j.X, j.Y)
		return k, ok
	}
	return key{}, false
}

// readPoint reads a public key on a curve and checks that it lies on it.
func readPoint(curve, x, y string) (*ecdsa.PublicKey, bool) {
	on := map[string]elliptic.Curve{"P-256": elliptic.P256(), "P-384": elliptic.P384(), "P-521": elliptic.P521()}[curve]
	px, py := number(x), number(y)
	if on == nil || px == nil || py == nil {
		return nil, false
	}
	size := (on.Params().BitSize + 7) / 8
	if px.BitLen() > on.Params().BitSize || py.BitLen() > on.Params().BitSize {
		return nil, false
	}
	point := append([]byte{4}, px.FillBytes(make([]byte, size))...)
	point = append(point, py.FillBytes(make([]byte, size))...)
	k, err := ecdsa.ParseUncompressedPublicKey(on, point)
	return k, err == nil
}

func number(text string) *big.Int {
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(b) == 0 || len(b) > 2048 {
		return nil
	}
	return new(big.Int).SetBytes(b)
}
