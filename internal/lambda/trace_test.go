package lambda_test

import (
	"strings"
	"testing"
	"time"

	"furl/internal/lambda"
)

// Whatever a client sends, the response has a trace of AWS's form, and the
// function sees the same one.
func FuzzTrace(f *testing.F) {
	for _, header := range []string{
		"", ";", "Root=", "Root=1-5759e988-bd862e3fe1be46a994272793", "Self=x; Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1",
		"Root=1-5759e988-bd862e3fe1be46a99427279é", "root=1-5759e988-bd862e3fe1be46a994272793",
	} {
		f.Add(header)
	}
	now := time.Unix(1764000000, 0)
	f.Fuzz(func(t *testing.T, header string) {
		seen, answer := lambda.Trace(header, now)
		root := strings.TrimSuffix(strings.TrimPrefix(answer, "root="), ";sampled=0")
		if !traceAnswer.MatchString(strings.ToLower(answer)) || !strings.Contains(seen, "Root="+root) {
			t.Errorf("%q: the function sees %q, the client %q", header, seen, answer)
		}
		if seen != header && !strings.HasPrefix(seen, "Root=1-69248100-") {
			t.Errorf("%q: a trace begun anew is %q", header, seen)
		}
	})
}
