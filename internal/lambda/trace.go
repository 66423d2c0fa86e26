package lambda

import (
	"crypto/rand"
	"fmt"
	"strings"
	"time"
)

// trace is the tracing header of an invocation.
type trace struct {
	// header is what the function sees: "Root=1-…", with what else the caller sent.
	header string
	root   string
}

// newTrace goes on with the trace of a request's header, or begins one.
func newTrace(header string, now time.Time) trace {
	for field := range strings.SplitSeq(header, ";") {
		if root, ok := strings.CutPrefix(strings.TrimSpace(field), "Root="); ok && isTraceID(root) {
			return trace{header, root}
		}
	}
	var random [12]byte
	rand.Read(random[:]) // never fails: crypto/rand ends the process instead
	root := fmt.Sprintf("1-%08x-%x", uint32(now.Unix()), random)
	return trace{"Root=" + root, root}
}

// answer is the header of the response. Nothing is sampled here.
func (t trace) answer() string { return "root=" + t.root + ";sampled=0" }

// isTraceID reports whether id has the form 1-{8 hex digits}-{24 hex digits}.
func isTraceID(id string) bool {
	if len(id) != 35 || id[0] != '1' || id[1] != '-' || id[10] != '-' {
		return false
	}
	return !strings.ContainsFunc(id[2:10]+id[11:], func(r rune) bool {
		return !strings.ContainsRune("0123456789abcdefABCDEF", r)
	})
}
