// Package sigv4 checks AWS Signature Version 4 on incoming requests, and signs outgoing ones. It reads the header and
// the query-string (presigned) form: paths are encoded twice and normalised, the payload is always hashed. S3 differs in
// both, see [Scope.S3].
//
// A server goes through it in four steps, so that nothing expensive is done for a request that is lost anyway: [Parse]
// reads what the request says of its signature, [Verifier.CheckScope] compares that with the clock and the service, then
// the caller looks the secret up and reads the body, and [Verifier.Verify] compares the signature. It does not know access
// keys or session tokens, does no I/O, and never reads a body.
package sigv4

import (
	"fmt"
	"log/slog"
	"strings"
	"time"
)

const (
	algorithm  = "AWS4-HMAC-SHA256"
	terminator = "aws4_request"

	unsignedPayload = "UNSIGNED-PAYLOAD"

	basicFormat = "20060102T150405Z"
	dateFormat  = "20060102"

	headerDate    = "X-Amz-Date"
	headerPayload = "X-Amz-Content-Sha256"
	headerToken   = "X-Amz-Security-Token"

	queryAlgorithm     = "X-Amz-Algorithm"
	queryCredential    = "X-Amz-Credential"
	queryDate          = "X-Amz-Date"
	queryExpires       = "X-Amz-Expires"
	querySignedHeaders = "X-Amz-SignedHeaders"
	queryToken         = "X-Amz-Security-Token"
	querySignature     = "X-Amz-Signature"
)

// MaxExpires is the longest time for which a presigned URL may be valid.
const MaxExpires = 7 * 24 * time.Hour

// Auth is what a request says of its own signature; nothing in it is verified yet.
type Auth struct {
	AccessKeyID string
	// Date, Region, Service and Terminator are the credential scope as sent: yyyymmdd, and aws4_request for the last.
	Date, Region, Service, Terminator string
	// SignedHeaders holds the names in lower case, sorted, each once.
	SignedHeaders []string
	// Signature is the text as sent.
	Signature string
	// SessionToken is X-Amz-Security-Token, empty when the request has none.
	SessionToken string
	// Time is the moment of signing, in UTC and whole seconds.
	Time time.Time
	// Presigned says that all this came from the query string.
	Presigned bool
	// Expires is X-Amz-Expires of a presigned request: 0 when it has none, negative when what it has is not an integer
	// from 1 to 604800 (seconds).
	Expires time.Duration
	// Version2 says that the request is presigned in Signature Version 2, which S3 alone takes. Then Time is when it
	// expires, and there is no scope.
	Version2 bool
}

// String names the key, the scope and the time. It leaves out the signature and the session token.
func (a Auth) String() string {
	return fmt.Sprintf("%s/%s/%s/%s at %s over %s", a.AccessKeyID, a.Date, a.Region, a.Service,
		a.Time.Format(basicFormat), strings.Join(a.SignedHeaders, ";"))
}

// GoString is String, so that %#v gives nothing more away.
func (a Auth) GoString() string { return a.String() }

// LogValue is String as a slog value.
func (a Auth) LogValue() slog.Value { return slog.StringValue(a.String()) }

// Scope says which signatures a service accepts.
type Scope struct {
	// Service is the service name that the credential scope must carry: lambda, iam, sts …
	Service string
	// Regions are the regions that the credential scope may carry; nil means any.
	Regions []string
	// Skew is how far the time of signing may lie from the server's clock, both ways: 5 minutes for Lambda and function
	// URLs, 15 for IAM and STS.
	Skew time.Duration
	// HonourExpires makes X-Amz-Expires the lifetime of a presigned request, as function URLs do. Otherwise presigned
	// requests live as long as all others, whatever X-Amz-Expires says, as on IAM and STS.
	HonourExpires bool
	// UnsignedPayload accepts a signed x-amz-content-sha256 of UNSIGNED-PAYLOAD, and with it any body.
	UnsignedPayload bool
	// S3 is S3's own form: the path is encoded once and not normalised, since a key may hold dots and slashes as it
	// likes, and the last line of the canonical request is x-amz-content-sha256 as it was sent, be it a hash or one of
	// the words that stand for none. Whether the body is what that says is left to who reads it.
	S3 bool
	// Bucket is the bucket that a request to S3 has in its host name, empty for one that has it in its path.
	Bucket string
}
