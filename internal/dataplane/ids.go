package dataplane

import (
	"crypto/rand"
	"encoding/hex"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"
)

// traceForm is the root of an X-Ray trace: the time in seconds, and 96 random
// bits. notSampled is what the answer says of it.
const (
	traceForm  = "Root=1-00000000-000000000000000000000000"
	notSampled = ";Sampled=0"
)

// newIDs makes the id of a request, a random UUID, and the value of its answer's
// X-Amzn-Trace-Id, which begins with the trace's root.
func newIDs(r *http.Request, now time.Time) (id, trace string) {
	var random [28]byte
	rand.Read(random[:]) // never fails: crypto/rand ends the process instead
	u := uuid.UUID(random[:16])
	u[6] = u[6]&0x0f | 0x40 // version 4
	u[8] = u[8]&0x3f | 0x80 // RFC 9562's variant
	return u.String(), traceID(r, now, [12]byte(random[16:]))
}

// traceID keeps the root of a client's trace or begins one.
func traceID(r *http.Request, now time.Time, random [12]byte) string {
	if sent := r.Header["X-Amzn-Trace-Id"]; len(sent) > 0 {
		for field := range strings.SplitSeq(sent[0], ";") {
			if field = strings.TrimSpace(field); validRoot(field) {
				return field + notSampled
			}
		}
	}
	at := uint32(now.Unix())
	text := [len(traceForm + notSampled)]byte([]byte(traceForm + notSampled))
	hex.Encode(text[7:15], []byte{byte(at >> 24), byte(at >> 16), byte(at >> 8), byte(at)})
	hex.Encode(text[16:], random[:])
	return string(text[:])
}

func validRoot(field string) bool {
	if len(field) != len(traceForm) || !strings.HasPrefix(field, traceForm[:7]) || field[15] != '-' {
		return false
	}
	for i := 7; i < len(field); i++ {
		c := field[i]
		if i != 15 && (c < '0' || c > '9') && (c < 'a' || c > 'f') && (c < 'A' || c > 'F') {
			return false
		}
	}
	return true
}
