package environment_test

import (
	"testing"
	"time"

	"furl/internal/environment"
	"furl/internal/state"
)

// BenchmarkFreeze compares invocations that follow each other, of which none may
// pay for freezing, with those that find their environment frozen.
func BenchmarkFreeze(b *testing.B) {
	run := func(b *testing.B, rest func(h *house)) {
		h := newIsolated(b)
		h.quiet = true
		h.write("app.py", walkthrough)
		target := h.target("hello", anyPython(b), "app.handler", func(t *state.Target) { t.Version.MemorySize = 1769 })
		inv := &environment.Invocation{RequestID: "3f0e1a52-6f3a-4c7d-8f43-6d2f0a8f1b11", InvokedARN: target.ARN,
			Event: []byte(urlEvent), Buffer: make([]byte, 0, 4096)}
		for range 100 {
			h.invoke(target, "warm-up", urlEvent)
		}
		for b.Loop() {
			rest(h)
			if _, err := h.pool.Invoke(b.Context(), target, inv); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.Run("busy", func(b *testing.B) {
		run(b, func(h *house) {
			if h.pool.Stats().Frozen != 0 {
				b.Fatal("frozen under load")
			}
		})
	})
	b.Run("rested", func(b *testing.B) {
		run(b, func(h *house) {
			b.StopTimer()
			defer b.StartTimer()
			tick := time.NewTicker(time.Millisecond)
			defer tick.Stop()
			for h.pool.Stats().Frozen == 0 {
				<-tick.C
			}
		})
	})
}
