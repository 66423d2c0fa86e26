package oidc

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	_ "crypto/sha256" // what the algorithms hash with
	_ "crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"time"
)

// leeway is how far the issuer's clock may differ.
const leeway = 5 * time.Minute

// maxToken is AWS's limit for a web identity token, in bytes.
const maxToken = 20000

// claims are those that count here.
type claims struct {
	Issuer   string   `json:"iss"`
	Subject  string   `json:"sub"`
	Audience audience `json:"aud"`
	Expires  *seconds `json:"exp"`
	NotUntil *seconds `json:"nbf"`
	Issued   *seconds `json:"iat"`
	Party    string   `json:"azp"`
	Methods  []string `json:"amr"`
}

// audience is one text or a list of them.
type audience []string

// UnmarshalJSON reads either.
func (a *audience) UnmarshalJSON(b []byte) error {
	var one string
	if json.Unmarshal(b, &one) == nil {
		*a = audience{one}
		return nil
	}
	return json.Unmarshal(b, (*[]string)(a))
}

// seconds since 1970, which may have a fraction.
type seconds float64

func (s seconds) time() time.Time { return time.Unix(int64(s), 0).UTC() }

// parsed is a token taken apart; nothing of it is checked.
type parsed struct {
	algorithm, keyID string
	claims           claims
	signed           []byte
	signature        []byte
}

func parse(token string) (*parsed, error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 || len(token) > maxToken {
		return nil, ErrMalformed
	}
	var head struct {
		Algorithm string   `json:"alg"`
		KeyID     string   `json:"kid"`
		Critical  []string `json:"crit"`
	}
	p := &parsed{signed: []byte(parts[0] + "." + parts[1])}
	for i, into := range []any{&head, &p.claims} {
		b, err := base64.RawURLEncoding.DecodeString(parts[i])
		if err != nil || json.Unmarshal(b, into) != nil {
			return nil, ErrMalformed
		}
	}
	var err error
	if p.signature, err = base64.RawURLEncoding.DecodeString(parts[2]); err != nil || len(head.Critical) > 0 {
		return nil, ErrMalformed
	}
	p.algorithm, p.keyID = head.Algorithm, head.KeyID
	return p, nil
}

// Verify checks a token: its issuer, its signature, its time, its audience. An
// error is, or wraps, one of this package's.
func (v *Verifier) Verify(ctx context.Context, token string) (*Token, error) {
	p, err := parse(token)
	if err != nil {
		return nil, err
	}
	set := v.issuers[strings.TrimSuffix(p.claims.Issuer, "/")]
	if set == nil {
		return nil, ErrUnknownIssuer
	}
	if err := v.checkSignature(ctx, set, p); err != nil {
		return nil, err
	}
	return v.checkClaims(set.issuer, &p.claims)
}

func (v *Verifier) checkClaims(issuer Issuer, c *claims) (*Token, error) {
	now := v.now().UTC().Truncate(time.Second)
	if c.Subject == "" {
		return nil, ErrNoSubject
	}
	if c.Expires == nil {
		return nil, fmt.Errorf("%w: it never expires", ErrMalformed)
	}
	if end := c.Expires.time(); !now.Before(end.Add(leeway)) {
		return nil, &TimeError{Now: now, Bound: end}
	}
	for _, begin := range []*seconds{c.NotUntil, c.Issued} {
		if begin != nil && now.Before(begin.time().Add(-leeway)) {
			return nil, &TimeError{Now: now, Bound: begin.time(), NotYet: true}
		}
	}
	i := slices.IndexFunc(c.Audience, func(a string) bool { return slices.Contains(issuer.Audiences, a) })
	if i < 0 {
		return nil, ErrAudience
	}
	return &Token{Issuer: issuer, Subject: c.Subject, Audience: c.Audience[i], AuthorizedParty: c.Party, Methods: c.Methods}, nil
}

// checkSignature tries the issuer's keys. Where none fits they are fetched anew:
// issuers change them.
func (v *Verifier) checkSignature(ctx context.Context, set *keySet, p *parsed) error {
	if _, known := algorithms()[p.algorithm]; !known {
		return fmt.Errorf("%w: the algorithm %q is not offered", ErrMalformed, p.algorithm)
	}
	keys, err := v.keys(ctx, set, p.keyID)
	if err != nil {
		return err
	}
	for _, k := range keys {
		if k.fits(p) && k.verifies(p) {
			return nil
		}
	}
	return ErrSignature
}

// algorithms are the kinds of signature, by the name of JSON web tokens.
func algorithms() map[string]crypto.Hash {
	return map[string]crypto.Hash{
		"RS256": crypto.SHA256, "RS384": crypto.SHA384, "RS512": crypto.SHA512,
		"ES256": crypto.SHA256, "ES384": crypto.SHA384, "ES512": crypto.SHA512,
	}
}

// curveOf is the curve that an algorithm is for.
func curveOf(algorithm string) string {
	return map[string]string{"ES256": "P-256", "ES384": "P-384", "ES512": "P-521"}[algorithm]
}

// key is a public key of an issuer.
type key struct {
	id, algorithm string
	rsa           *rsa.PublicKey
	ecdsa         *ecdsa.PublicKey
}

// fits reports whether the token may have been signed with the key: what kind of
// key it is decides, not what the token says.
func (k *key) fits(p *parsed) bool {
	if p.keyID != "" && k.id != "" && p.keyID != k.id || k.algorithm != "" && k.algorithm != p.algorithm {
		return false
	}
	if k.rsa != nil {
		return strings.HasPrefix(p.algorithm, "RS")
	}
	return k.ecdsa.Curve.Params().Name == curveOf(p.algorithm)
}

func (k *key) verifies(p *parsed) bool {
	hash := algorithms()[p.algorithm]
	h := hash.New()
	h.Write(p.signed)
	sum := h.Sum(nil)
	if k.rsa != nil {
		return rsa.VerifyPKCS1v15(k.rsa, hash, sum, p.signature) == nil
	}
	size := (k.ecdsa.Curve.Params().BitSize + 7) / 8
	if len(p.signature) != 2*size {
		return false
	}
	r, s := new(big.Int).SetBytes(p.signature[:size]), new(big.Int).SetBytes(p.signature[size:])
	return ecdsa.Verify(k.ecdsa, sum, r, s)
}
