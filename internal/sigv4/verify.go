package sigv4

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"net/http"
	"slices"
	"strings"
	"time"
)

// cachedKeys is how many signing keys a generation of the cache holds, about a quarter of a megabyte.
const cachedKeys = 1024

// Verifier checks signatures against a clock and against secrets. It remembers the signing keys of the requests that it
// found good, and is safe for concurrent use.
type Verifier struct {
	now  func() time.Time
	keys keyCache
}

// NewVerifier makes a Verifier that asks now for the time.
func NewVerifier(now func() time.Time) *Verifier {
	return &Verifier{now: now, keys: keyCache{size: cachedKeys}}
}

// CheckScope checks all that can be said before the key is known and the body is read: the time of signing against the
// clock, and the credential scope against the service's. An error is an *Error of reason Expired, NotYetCurrent,
// BadScope or, for a presigned request whose X-Amz-Expires should be honoured and cannot, Incomplete.
//
// A signature that was never checked for its scope proves nothing: call this before Verify, always.
func (v *Verifier) CheckScope(a *Auth, s Scope) error {
	if a.Version2 {
		return v.checkVersion2(a)
	}
	if err := v.checkTime(a, s); err != nil {
		return err
	}
	return checkCredentialScope(a, s)
}

func (v *Verifier) checkTime(a *Auth, s Scope) error {
	now := v.now().UTC().Truncate(time.Second)
	window := s.Skew
	if a.Presigned && s.HonourExpires {
		switch {
		case a.Expires == 0:
			return missingFromQuery([]string{queryExpires})
		case a.Expires < 0:
			return badExpires()
		}
		window = a.Expires
	}
	if a.Time.Before(now.Add(-window)) {
		return expired(a.Time, now, window)
	}
	if a.Time.After(now.Add(s.Skew)) {
		return notYetCurrent(a.Time, now, s.Skew)
	}
	return nil
}

// checkCredentialScope names everything that is wrong with the scope. Each sentence is followed by a blank, the last one
// too, in JSON and in XML.
func checkCredentialScope(a *Auth, s Scope) error {
	var b strings.Builder
	if s.Regions != nil && !slices.Contains(s.Regions, a.Region) {
		b.WriteString("Credential should be scoped to a valid region. ")
	}
	if a.Service != s.Service {
		b.WriteString("Credential should be scoped to correct service: '" + s.Service + "'. ")
	}
	if a.Terminator != terminator {
		b.WriteString("Credential should be scoped with a valid terminator: '" + terminator + "', not '" + a.Terminator + "'. ")
	}
	if date := a.Time.Format(dateFormat); a.Date != date {
		b.WriteString("Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '" +
			a.Date + "' != '" + date + "', from '" + a.Time.Format(basicFormat) + "'. ")
	}
	if b.Len() == 0 {
		return nil
	}
	return &Error{BadScope, b.String()}
}

// Verify checks that the request, as it came over the wire, was signed with this secret. body is the SHA-256 of the
// body's bytes without transfer coding; an x-amz-content-sha256 that is signed must name the same hash, one that is not
// signed means nothing. The error is an *Error of reason Mismatch.
//
// Where signers disagree on the canonical form, each form is tried: the normalised path and the path as it is, + for a
// blank and for itself, a presigned session token within and without the signature. Each form binds method, host,
// path, query, signed headers and body; what the forms leave open between them is the reading of a + in the query and of
// dot segments in the path.
func (v *Verifier) Verify(r *http.Request, a *Auth, s Scope, secret string, body [sha256.Size]byte) error {
	if a.Version2 {
		return verifyVersion2(r, a, s, secret)
	}
	payload, ok := payloadLine(r, a, s, body)
	if !ok {
		return mismatch()
	}
	id := keyID{a.AccessKeyID, a.Date, a.Region, a.Service}
	key, fresh := v.keys.get(id, secret)
	c := newCanonical(r, a.SignedHeaders, payload)
	c.s3 = s.S3
	if !matches(c, a, key) {
		return mismatch()
	}
	if !fresh {
		v.keys.put(id, secret, key)
	}
	return nil
}

// matches compares the signature with that of each canonical form.
func matches(c canonical, a *Auth, key signingKey) bool {
	request := make([]byte, 0, 1024)
	toSign := make([]byte, 0, 256)
	var want [2 * sha256.Size]byte
	for _, path := range c.paths() {
		for _, reading := range c.queries(a.Presigned) {
			request = c.append(request[:0], path, reading)
			toSign = appendStringToSign(toSign[:0], a, request)
			sum := key.sign(toSign)
			hex.Encode(want[:], sum[:])
			if subtle.ConstantTimeCompare([]byte(a.Signature), want[:]) == 1 {
				return true
			}
		}
	}
	return false
}

// payloadLine is the last line of the canonical request; ok is false when the signed hash is not the body's.
func payloadLine(r *http.Request, a *Auth, s Scope, body [sha256.Size]byte) (line string, ok bool) {
	if s.S3 {
		return PayloadS3(r, a), true
	}
	sum := hex.EncodeToString(body[:])
	sent := signedHeader(r, a.SignedHeaders, "x-amz-content-sha256")
	switch {
	case sent == "":
		return sum, true
	case sent == unsignedPayload:
		return sent, s.UnsignedPayload
	default:
		return sent, strings.EqualFold(sent, sum)
	}
}
