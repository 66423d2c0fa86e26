package storetest

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"furl/internal/store"
)

func closeTests() []test {
	return []test{
		{"Twice", closeTwice},
		{"Refuses", closedRefuses},
		{"EndsWaiting", closeEndsWaiting},
		{"KeepsWhatIsAcknowledged", closeKeeps},
	}
}

func closeTwice(t *testing.T, b Backend) {
	for range 2 {
		if err := b.Store.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func closedRefuses(t *testing.T, b Backend) {
	s, ctx := b.Store, t.Context()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	sha := sum([]byte("x"))
	for name, call := range map[string]func() error{
		"Commit":  func() error { _, err := s.Commit(ctx, store.Txn{Do: []store.Op{put("a", "1")}}); return err },
		"Get":     func() error { _, err := s.Get(ctx, "a"); return err },
		"List":    func() error { _, err := s.List(ctx, "", "", 1); return err },
		"Load":    func() error { _, err := s.Load(ctx, "", func(store.Rec) error { return nil }); return err },
		"Watch":   func() error { return s.Watch(ctx, 0, func(store.Rev, []store.Rec) error { return nil }) },
		"Beat":    func() error { _, err := s.Beat(ctx, "n", 0, nil); return err },
		"Applied": func() error { return s.Applied(ctx, 0, time.Minute) },
		"Claim":   func() error { _, err := s.Claim(ctx, "n", nil, 1, time.Minute); return err },
		"Retry":   func() error { return s.Retry(ctx, "j", time.Now()) },
		"Put":     func() error { return s.Put(ctx, sha, 1, strings.NewReader("x")) },
		"Open":    func() error { _, err := s.Open(ctx, sha); return err },
		"Sweep":   func() error { return s.Sweep(ctx, func(string) bool { return true }, 0) },
	} {
		if err := call(); !errors.Is(err, store.ErrClosed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func closeEndsWaiting(t *testing.T, b Backend) {
	s := b.Store
	rev := do(t, s, put("a", "1"))
	beat(t, s, "n1", 0)
	watching := make(chan struct{})
	watch := make(chan error, 1)
	go func() {
		watch <- s.Watch(t.Context(), 0, func(store.Rev, []store.Rec) error {
			close(watching)
			return nil
		})
	}()
	applied := barrier(t, s, rev)
	receive(t, closes(watching))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := receive(t, watch); !errors.Is(err, store.ErrClosed) {
		t.Errorf("watch: %v", err)
	}
	if err := receive(t, applied); !errors.Is(err, store.ErrClosed) {
		t.Errorf("applied: %v", err)
	}
}

// closes turns the closing of a channel into a value.
func closes(c <-chan struct{}) <-chan bool {
	out := make(chan bool, 1)
	go func() {
		<-c
		out <- true
	}()
	return out
}

// closeKeeps: a write that Close meets is either refused or kept.
func closeKeeps(t *testing.T, b Backend) {
	s := b.Store
	acked := make([]int, racers)
	started := make(chan int, racers)
	closed := make(chan error, 1)
	go func() {
		for range racers {
			<-started
		}
		closed <- s.Close()
	}()
	parallel(t, racers, func(i int) error {
		for {
			_, err := s.Commit(t.Context(), store.Txn{Do: []store.Op{put(fmt.Sprintf("%d/%d", i, acked[i]), "")}})
			if errors.Is(err, store.ErrClosed) {
				return nil
			}
			if err != nil {
				return err
			}
			if acked[i]++; acked[i] == 5 {
				started <- i
			}
		}
	})
	if err := receive(t, closed); err != nil {
		t.Fatal(err)
	}
	recs, rev := load(t, b.Reopen(t), "")
	total := 0
	for i, n := range acked {
		total += n
		for k := range n {
			if _, ok := recs[fmt.Sprintf("%d/%d", i, k)]; !ok {
				t.Errorf("write %d of %d is lost", k, i)
			}
		}
	}
	if len(recs) != total || int(rev) != total {
		t.Errorf("%d were acknowledged; there are %d at %d", total, len(recs), rev)
	}
}
