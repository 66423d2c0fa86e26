package storetest

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"furl/internal/store"
)

func barrierTests() []test {
	return []test{
		{"Beat", beats},
		{"Applied", applied},
		{"StoppedNode", stoppedNode},
		{"GivesUp", barrierGivesUp},
	}
}

func beat(t *testing.T, s store.State, node string, at store.Rev) store.Rev {
	t.Helper()
	head, err := s.Beat(t.Context(), node, at, []byte(`{"address":"example"}`))
	if err != nil {
		t.Fatalf("beat: %v", err)
	}
	return head
}

func beats(t *testing.T, b Backend) {
	if head := beat(t, b.Store, "n1", 0); head != 0 {
		t.Errorf("head %d of an empty store", head)
	}
	rev := do(t, b.Store, put("a", "1"))
	if head := beat(t, b.Store, "n1", 0); head != rev {
		t.Errorf("head %d, want %d", head, rev)
	}
}

// barrier waits for a revision and tells when it is applied everywhere.
func barrier(t *testing.T, s store.State, rev store.Rev) <-chan error {
	done := make(chan error, 1)
	go func() { done <- s.Applied(t.Context(), rev, time.Minute) }()
	return done
}

func passes(t *testing.T, done <-chan error) {
	t.Helper()
	if err := receive(t, done); err != nil {
		t.Fatalf("applied: %v", err)
	}
}

// holds checks that a barrier does not let pass now.
func holds(t *testing.T, s store.State, rev store.Rev) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Applied(ctx, rev, time.Minute); !errors.Is(err, context.Canceled) {
		t.Fatalf("revision %d counts as applied everywhere: %v", rev, err)
	}
}

func applied(t *testing.T, b Backend) {
	s := b.Store
	rev := do(t, s, put("a", "1"))
	passes(t, barrier(t, s, rev)) // there are no nodes
	beat(t, s, "n1", rev)
	passes(t, barrier(t, s, rev))
	beat(t, s, "n2", rev-1)
	beat(t, s, "n3", rev-1)
	done := barrier(t, s, rev)
	beat(t, s, "n2", rev)
	holds(t, s, rev)
	beat(t, s, "n3", rev+1)
	passes(t, done)
}

// stoppedNode: a node that does not beat any more holds nobody up for longer
// than its lease, one that has left for no time.
func stoppedNode(t *testing.T, b Backend) {
	s := b.Store
	rev := do(t, s, put("a", "1"))
	beat(t, s, "n1", 0)
	holds(t, s, rev)
	beat(t, s, "n1", store.Left)
	passes(t, barrier(t, s, rev))
	beat(t, s, "n2", 0)
	done := barrier(t, s, rev)
	b.Advance(50 * time.Second)
	holds(t, s, rev)
	b.Advance(20 * time.Second)
	passes(t, done)
}

func barrierGivesUp(t *testing.T, b Backend) {
	beat(t, b.Store, "node-7", 0)
	rev := do(t, b.Store, put("a", "1"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := b.Store.Applied(ctx, rev, time.Minute)
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "node-7") {
		t.Errorf("got %v", err)
	}
}
