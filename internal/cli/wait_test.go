package cli_test

import (
	"iter"
	"testing"
	"time"
)

// bound is far above what an idle machine needs.
const bound = 30 * time.Second

func deadline(*testing.T) <-chan time.Time { return time.After(bound) }

// waitFor yields until a condition holds; it fails the test when that takes too long.
func waitFor(t *testing.T, done func() bool) iter.Seq[struct{}] {
	t.Helper()
	return func(yield func(struct{}) bool) {
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		end := deadline(t)
		for !done() {
			select {
			case <-tick.C:
				if !yield(struct{}{}) {
					return
				}
			case <-end:
				t.Fatal("it did not happen in time")
			}
		}
	}
}
