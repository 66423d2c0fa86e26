package lambda

import "time"

// Trace is the tracing header that a function sees and that of the response.
func Trace(header string, now time.Time) (seen, answer string) {
	t := newTrace(header, now)
	return t.header, t.answer()
}
