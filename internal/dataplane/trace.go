package dataplane

import (
	"crypto/rand"
	"encoding/hex"
	"net/http"
	"strings"
	"time"
)

// traceForm is the root of an X-Ray trace: the time in seconds, and 96 random
// bits.
const traceForm = "Root=1-00000000-000000000000000000000000"

// traceID keeps the root of a client's trace or begins one.
func traceID(r *http.Request, now time.Time) string {
	if sent := r.Header["X-Amzn-Trace-Id"]; len(sent) > 0 {
		for field := range strings.SplitSeq(sent[0], ";") {
			if field = strings.TrimSpace(field); validRoot(field) {
				return field
			}
		}
	}
	var raw [16]byte
	at := uint32(now.Unix())
	raw[0], raw[1], raw[2], raw[3] = byte(at>>24), byte(at>>16), byte(at>>8), byte(at)
	rand.Read(raw[4:]) // never fails: crypto/rand ends the process instead
	text := [len(traceForm)]byte([]byte(traceForm))
	hex.Encode(text[7:15], raw[:4])
	hex.Encode(text[16:], raw[4:])
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
