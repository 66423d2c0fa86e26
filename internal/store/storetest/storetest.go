// Package storetest is the one suite that every backend of the store must
// pass. It tests what package store promises and nothing of how it is done.
package storetest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"furl/internal/store"
)

// Store is a whole backend.
type Store interface {
	store.State
	store.Queue
	store.Blobs
	io.Closer
}

// Backend is an empty store for one test, and what the suite needs to know of
// it. Whoever makes it sees to it that everything is closed when the test ends.
type Backend struct {
	Store Store
	// Reopen closes the store and opens it again on the same data.
	Reopen func(t *testing.T) Store
	// Advance moves the backend's clock on.
	Advance func(d time.Duration)
	// Compact removes the tombstones that may go by now; they become due an
	// hour after the deletion.
	Compact func(ctx context.Context) error
}

// Run runs the suite; open is called for every test of it.
func Run(t *testing.T, open func(t *testing.T) Backend) {
	for _, group := range []struct {
		name  string
		tests []test
	}{
		{"Commit", commitTests()},
		{"Read", readTests()},
		{"Race", raceTests()},
		{"Watch", watchTests()},
		{"Compaction", compactionTests()},
		{"Barrier", barrierTests()},
		{"Queue", queueTests()},
		{"Blobs", blobTests()},
		{"Model", modelTests()},
		{"Close", closeTests()},
	} {
		t.Run(group.name, func(t *testing.T) {
			for _, tt := range group.tests {
				t.Run(tt.name, func(t *testing.T) { tt.run(t, open(t)) })
			}
		})
	}
}

type test struct {
	name string
	run  func(t *testing.T, b Backend)
}

// patience bounds every wait for something that must happen.
const patience = 30 * time.Second

func put(key, val string) store.Op { return store.Op{Key: key, Val: []byte(val)} }

func del(key string) store.Op { return store.Op{Key: key} }

func below(prefix string) store.Op { return store.Op{Key: prefix, Prefix: true} }

// commit commits what must succeed.
func commit(t *testing.T, s store.State, txn store.Txn) store.Rev {
	t.Helper()
	rev, err := s.Commit(t.Context(), txn)
	if err != nil {
		t.Fatalf("commit: %v", err)
	}
	return rev
}

// do commits operations that must succeed.
func do(t *testing.T, s store.State, ops ...store.Op) store.Rev {
	t.Helper()
	return commit(t, s, store.Txn{Do: ops})
}

// refused returns the conflict that a transaction must meet.
func refused(t *testing.T, s store.State, txn store.Txn) *store.ConflictError {
	t.Helper()
	_, err := s.Commit(t.Context(), txn)
	var conflict *store.ConflictError
	if !errors.As(err, &conflict) || !errors.Is(err, store.ErrConflict) {
		t.Fatalf("commit: got %v, want a conflict", err)
	}
	return conflict
}

func get(t *testing.T, s store.State, key string) store.Rec {
	t.Helper()
	recs, err := s.Get(t.Context(), key)
	if err != nil || len(recs) != 1 {
		t.Fatalf("get %q: %d records, %v", key, len(recs), err)
	}
	return recs[0]
}

// load returns what is below prefix, by key, and the revision.
func load(t *testing.T, s store.State, prefix string) (map[string]store.Rec, store.Rev) {
	t.Helper()
	recs := map[string]store.Rec{}
	rev, err := s.Load(t.Context(), prefix, func(r store.Rec) error {
		recs[r.Key] = r
		return nil
	})
	if err != nil {
		t.Fatalf("load %q: %v", prefix, err)
	}
	return recs, rev
}

// text describes records for comparison.
func text(recs ...store.Rec) string {
	s := ""
	for _, r := range recs {
		val := "-"
		if r.Val != nil {
			val = fmt.Sprintf("%q", r.Val)
		}
		s += fmt.Sprintf("%s@%d=%s ", r.Key, r.Rev, val)
	}
	return s
}

// receive waits for a value that must come.
func receive[T any](t *testing.T, c <-chan T) T {
	t.Helper()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case v, ok := <-c:
		if !ok {
			t.Fatal("the channel was closed")
		}
		return v
	case <-timer.C:
		t.Fatal("nothing came")
	}
	panic("unreachable")
}

// parallel runs f n times at once and fails the test with the first error.
func parallel(t *testing.T, n int, f func(i int) error) {
	t.Helper()
	errs := make(chan error, n)
	for i := range n {
		go func() { errs <- f(i) }()
	}
	for range n {
		if err := receive(t, errs); err != nil {
			t.Error(err)
		}
	}
	if t.Failed() {
		t.FailNow()
	}
}
