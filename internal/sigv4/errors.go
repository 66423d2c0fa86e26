package sigv4

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"
	"time"
)

// Reason says why a signature was refused. The groups below are the rows of the table that maps refusals to error codes:
// every protocol has one code for each group.
type Reason int

const (
	// MalformedURL: the path climbs above the root or has a bad percent escape. AWS answers 400 with an empty body.
	MalformedURL Reason = iota + 1
	// MalformedQuery: the query string has a bad percent escape (MalformedQueryString).
	MalformedQuery

	// MissingToken: no credentials, or none that count as such (MissingAuthenticationToken).
	MissingToken

	// Incomplete: an Authorization header or query that cannot be read (IncompleteSignature).
	Incomplete

	// InvalidToken: unknown, inactive or deleted access key, or a bad session token (InvalidClientTokenId in Query
	// services, UnrecognizedClientException in JSON ones).
	InvalidToken

	// ExpiredToken: the session behind the credentials has ended (ExpiredToken).
	ExpiredToken

	// Expired, NotYetCurrent, BadScope and Mismatch are one code: SignatureDoesNotMatch in Query services,
	// InvalidSignatureException in JSON ones.

	// Expired: signed too long ago.
	Expired
	// NotYetCurrent: signed in the future.
	NotYetCurrent
	// BadScope: signed for another region, service, terminator or day.
	BadScope
	// Mismatch: the signature is not the one that this request and this secret give, or does not cover the host.
	Mismatch
)

// String is a short name for logs and metrics.
func (r Reason) String() string {
	switch r {
	case MalformedURL:
		return "malformed-url"
	case MalformedQuery:
		return "malformed-query"
	case MissingToken:
		return "missing-token"
	case Incomplete:
		return "incomplete"
	case InvalidToken:
		return "invalid-token"
	case ExpiredToken:
		return "expired-token"
	case Expired:
		return "expired"
	case NotYetCurrent:
		return "not-yet-current"
	case BadScope:
		return "bad-scope"
	case Mismatch:
		return "mismatch"
	default:
		return fmt.Sprintf("reason-%d", int(r))
	}
}

// Error is a refused signature. Every error of Parse and of Verifier is one.
type Error struct {
	Reason Reason
	// Message is AWS's text, to be sent to the caller as it stands. It is empty where AWS sends none: for MalformedURL,
	// and for a request that is signed in both forms.
	Message string
}

// Error is the message, or the reason's name when there is none.
func (e *Error) Error() string {
	if e.Message == "" {
		return e.Reason.String()
	}
	return e.Message
}

// ErrNone is Parse's answer to a request that carries no signature at all. The message is that of Query services; JSON
// services say "Missing Authentication Token", and function URLs what they say to anybody who is not allowed.
var ErrNone error = &Error{MissingToken, "Request is missing Authentication Token"}

// UnknownKey is the refusal of an access key that does not exist or is not active, for the one who looks keys up.
func UnknownKey() *Error {
	return &Error{InvalidToken, "The security token included in the request is invalid."}
}

// BadToken is the refusal of a session token that is wrong, missing, or sent with a key that has none. AWS writes it
// without the full stop that UnknownKey ends with.
func BadToken() *Error {
	return &Error{InvalidToken, "The security token included in the request is invalid"}
}

// TokenExpired is the refusal of a session that has ended.
func TokenExpired() *Error {
	return &Error{ExpiredToken, "The security token included in the request is expired"}
}

func mismatch() *Error {
	return &Error{Mismatch, "The request signature we calculated does not match the signature you provided. " +
		"Check your AWS Secret Access Key and signing method. Consult the service documentation for details."}
}

func hostNotSigned() *Error {
	return &Error{Mismatch, "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization."}
}

func unsupportedAlgorithm(name string) *Error {
	return &Error{Incomplete, "Unsupported AWS 'algorithm': '" + name + "'."}
}

// Today's front ends name a bad Authorization header by its hash; they used to repeat it.
func hashed(authorization string) string {
	sum := sha256.Sum256([]byte(authorization))
	return base64.StdEncoding.EncodeToString(sum[:])
}

func missingEqualSign(authorization string) *Error {
	return &Error{Incomplete, "Invalid key=value pair (missing equal-sign) in Authorization header " +
		"(hashed with SHA-256 and encoded with Base64): '" + hashed(authorization) + "'."}
}

// missingFromHeader takes the names of the missing parts; "" stands for the date.
func missingFromHeader(parts []string, authorization string) *Error {
	var b strings.Builder
	for _, part := range parts {
		if part == "" {
			b.WriteString("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. ")
			continue
		}
		b.WriteString("Authorization header requires '" + part + "' parameter. ")
	}
	b.WriteString("(Hashed with SHA-256 and encoded with Base64) Authorization=" + hashed(authorization))
	return &Error{Incomplete, b.String()}
}

func missingFromQuery(names []string) *Error {
	var b strings.Builder
	for _, name := range names {
		b.WriteString("AWS query-string parameters must include '" + name + "'. ")
	}
	b.WriteString("Re-examine the query-string parameters.")
	return &Error{Incomplete, b.String()}
}

func badDate(sent string) *Error {
	return &Error{Incomplete, "Date must be in ISO-8601 'basic format'. Got '" + sent +
		"'. See http://en.wikipedia.org/wiki/ISO_8601"}
}

func badCredential(sent string) *Error {
	return &Error{Incomplete, "Credential must have exactly 5 slash-delimited elements, " +
		"e.g. keyid/date/region/service/term, got '" + sent + "'"}
}

// badExpires has no counterpart in what is known of function URLs; the words are ours.
func badExpires() *Error {
	return &Error{Incomplete, "X-Amz-Expires must be an integer from 1 to 604800 seconds."}
}

func expired(signed, now time.Time, window time.Duration) *Error {
	return &Error{Expired, fmt.Sprintf("Signature expired: %s is now earlier than %s (%s - %s)",
		signed.Format(basicFormat), now.Add(-window).Format(basicFormat), now.Format(basicFormat), spell(window))}
}

func notYetCurrent(signed, now time.Time, window time.Duration) *Error {
	return &Error{NotYetCurrent, fmt.Sprintf("Signature not yet current: %s is still later than %s (%s + %s)",
		signed.Format(basicFormat), now.Add(window).Format(basicFormat), now.Format(basicFormat), spell(window))}
}

// spell writes a window as AWS does, in minutes. Only a presigned URL's own lifetime can be anything but whole minutes.
func spell(window time.Duration) string {
	if window%time.Minute == 0 {
		return fmt.Sprintf("%d min.", window/time.Minute)
	}
	return fmt.Sprintf("%d sec.", window/time.Second)
}
