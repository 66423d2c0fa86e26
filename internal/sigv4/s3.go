package sigv4

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"net/http"
	"strings"
)

// What stands in x-amz-content-sha256 where it is no hash (S3 API reference, "Signature calculations").
const (
	// UnsignedPayload: any body.
	UnsignedPayload = unsignedPayload
	// StreamingPayload: the body comes in chunks, each with a signature of its own.
	StreamingPayload = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
	// StreamingPayloadTrailer: and trailing header fields, signed as well, follow it.
	StreamingPayloadTrailer = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
	// StreamingUnsignedTrailer: the body comes in chunks that are not signed, trailing header fields follow.
	StreamingUnsignedTrailer = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
)

// PayloadS3 is the last line of the canonical request of a request to S3: x-amz-content-sha256 as it was sent, in
// presigned requests UNSIGNED-PAYLOAD unless they say something else. It is empty for a request in the header form that
// has no such header, which S3 refuses.
func PayloadS3(r *http.Request, a *Auth) string {
	if sent := strings.TrimSpace(r.Header.Get(headerPayload)); sent != "" || !a.Presigned {
		return sent
	}
	_, query := target(r)
	for name, value := range params(query) {
		if strings.EqualFold(decode(name), headerPayload) {
			return decode(value)
		}
	}
	return unsignedPayload
}

// pathsS3 gives the readings of a path of S3: encoded once, as S3 documents it, and as it stands on the request line.
func pathsS3(path string) []string {
	b := make([]byte, 0, len(path))
	for i := 0; i < len(path); i++ {
		c := path[i]
		if isEscape(path[i:]) {
			c = unhex(path[i+1])<<4 | unhex(path[i+2])
			i += 2
		}
		if c == '/' {
			b = append(b, c)
		} else {
			b = appendEncoded(b, c)
		}
	}
	if len(b) == 0 {
		b = append(b, '/')
	}
	if string(b) == path {
		return []string{path}
	}
	return []string{string(b), path}
}

// Chunks checks the signatures of a body's chunks, each of which covers the one before; the first covers the request's.
type Chunks struct {
	auth     *Auth
	key      signingKey
	previous string
}

// NewChunks begins with the signature of a request, which must have been verified.
func NewChunks(a *Auth, secret string) *Chunks {
	return &Chunks{auth: a, key: deriveKey(secret, a.Date, a.Region, a.Service), previous: a.Signature}
}

// Chunk checks the signature of the next chunk, whose content has this SHA-256.
func (c *Chunks) Chunk(signature string, content [sha256.Size]byte) bool {
	empty := sha256.Sum256(nil)
	return c.check(algorithm+"-PAYLOAD", signature, hex.EncodeToString(empty[:])+"\n"+hex.EncodeToString(content[:]))
}

// Trailer checks the signature of the trailing header fields: the SHA-256 is that of a line "name:value" and a newline
// for each.
func (c *Chunks) Trailer(signature string, fields [sha256.Size]byte) bool {
	return c.check(algorithm+"-TRAILER", signature, hex.EncodeToString(fields[:]))
}

func (c *Chunks) check(kind, signature, what string) bool {
	a := c.auth
	sum := c.key.sign([]byte(strings.Join([]string{
		kind, a.Time.UTC().Format(basicFormat), strings.Join([]string{a.Date, a.Region, a.Service, a.Terminator}, "/"), c.previous, what,
	}, "\n")))
	want := hex.EncodeToString(sum[:])
	c.previous = want
	return subtle.ConstantTimeCompare([]byte(signature), []byte(want)) == 1
}
