package sqlite_test

import (
	"bytes"
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"furl/internal/store"
	"furl/internal/store/sqlite"
)

// config has the size of a function's configuration.
func config() []byte { return bytes.Repeat([]byte("c"), 1080) }

// BenchmarkCommit creates records, durably, from several writers at once.
func BenchmarkCommit(b *testing.B) {
	for _, writers := range []int{1, 16} {
		b.Run(fmt.Sprintf("writers=%d", writers), func(b *testing.B) {
			s := openAt(b, b.TempDir(), sqlite.Options{})
			val := config()
			var next atomic.Int64
			var group sync.WaitGroup
			b.ResetTimer()
			for range writers {
				group.Go(func() {
					for n := next.Add(1); n <= int64(b.N); n = next.Add(1) {
						key := fmt.Sprintf("fn/%d", n)
						_, err := s.Commit(context.Background(), store.Txn{
							If: []store.Cond{{Key: key, Rev: store.Absent}},
							Do: []store.Op{{Key: key, Val: val}},
						})
						if err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			group.Wait()
		})
	}
}

// fill opens a store with n records.
func fill(b *testing.B, dir string, n int) *sqlite.Store {
	b.Helper()
	s := openAt(b, dir, sqlite.Options{})
	for i := 0; i < n; {
		var txn store.Txn
		for range min(500, n-i) {
			txn.Do = append(txn.Do, store.Op{Key: fmt.Sprintf("fn/%d", i), Val: config()})
			i++
		}
		if _, err := s.Commit(b.Context(), txn); err != nil {
			b.Fatal(err)
		}
	}
	return s
}

func BenchmarkLoad10k(b *testing.B) {
	s := fill(b, b.TempDir(), 10_000)
	for b.Loop() {
		n := 0
		if _, err := s.Load(b.Context(), "", func(store.Rec) error { n++; return nil }); err != nil || n != 10_000 {
			b.Fatal(n, err)
		}
	}
}

func BenchmarkGet(b *testing.B) {
	s := fill(b, b.TempDir(), 10_000)
	for b.Loop() {
		if _, err := s.Get(b.Context(), "fn/5000"); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkOpen opens and closes a store with as many records.
func BenchmarkOpen(b *testing.B) {
	for _, n := range []int{0, 10_000} {
		b.Run(fmt.Sprintf("records=%d", n), func(b *testing.B) {
			dir := filepath.Join(b.TempDir(), "data")
			if err := fill(b, dir, n).Close(); err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				s, err := sqlite.Open(b.Context(), dir, sqlite.Options{})
				if err != nil {
					b.Fatal(err)
				}
				if err := s.Close(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkWatch is the time from a commit until a watcher is told of it; the
// commit itself is not counted.
func BenchmarkWatch(b *testing.B) {
	s := openAt(b, b.TempDir(), sqlite.Options{})
	told := make(chan store.Rev)
	ctx, cancel := context.WithCancel(b.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- s.Watch(ctx, 0, func(rev store.Rev, _ []store.Rec) error {
			told <- rev
			return nil
		})
	}()
	for range b.N {
		b.StopTimer()
		rev, err := s.Commit(b.Context(), store.Txn{Do: []store.Op{{Key: "k", Val: config()}}})
		if err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		if got := <-told; got != rev {
			b.Fatalf("told of %d, want %d", got, rev)
		}
	}
	b.StopTimer()
	cancel()
	<-ended
}

// BenchmarkClaim enqueues a job, claims it and finishes it.
func BenchmarkClaim(b *testing.B) {
	s := openAt(b, b.TempDir(), sqlite.Options{})
	for b.Loop() {
		if _, err := s.Commit(b.Context(), store.Txn{Enqueue: []store.Job{{ID: "j", Fn: "f", Body: config()}}}); err != nil {
			b.Fatal(err)
		}
		jobs, err := s.Claim(b.Context(), "node", nil, 1, 1<<30)
		if err != nil || len(jobs) != 1 {
			b.Fatal(jobs, err)
		}
		if _, err := s.Commit(b.Context(), store.Txn{Finish: []string{"j"}}); err != nil {
			b.Fatal(err)
		}
	}
}
