package storetest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"testing"
	"time"

	"furl/internal/store"
)

func watchTests() []test {
	return []test{
		{"Groups", groups},
		{"WithoutGaps", withoutGaps},
		{"Ends", watchEnds},
		{"Unknown", watchUnknown},
	}
}

// group is one call of a watch.
type group struct {
	rev  store.Rev
	recs []store.Rec
}

// watch passes on what a watch is told, until the test ends.
func watch(t *testing.T, s store.State, after store.Rev) <-chan group {
	c := make(chan group, 100)
	done := make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		done <- s.Watch(ctx, after, func(rev store.Rev, recs []store.Rec) error {
			select {
			case c <- group{rev, recs}:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) && !errors.Is(err, store.ErrClosed) {
			t.Errorf("watch: %v", err)
		}
	})
	return c
}

func groups(t *testing.T, b Backend) {
	s := b.Store
	c := watch(t, s, 0)
	for _, step := range []struct {
		ops  []store.Op
		want string
	}{
		{[]store.Op{put("b", "1"), put("a", "1"), put("d/1", "")}, `a@1="1" b@1="1" d/1@1="" `},
		{[]store.Op{del("a"), put("d/2", "2")}, `a@2=- d/2@2="2" `},
		{[]store.Op{below("d/"), del("never")}, `d/1@3=- d/2@3=- `},
		{[]store.Op{put("a", "3"), put("x", "1"), del("x")}, `a@4="3" x@4=- `},
	} {
		rev := do(t, s, step.ops...)
		got := receive(t, c)
		if got.rev != rev || text(got.recs...) != step.want {
			t.Fatalf("at %d: %s, want %s", got.rev, text(got.recs...), step.want)
		}
	}
	// Later: together, only the last state of each key, without what was
	// before.
	got := receive(t, watch(t, s, 1))
	if want := `d/1@3=- d/2@3=- a@4="3" x@4=- `; got.rev != 4 || text(got.recs...) != want {
		t.Errorf("at %d: %s, want %s", got.rev, text(got.recs...), want)
	}
}

// replica is what someone knows who applies what a watch is told.
type replica struct {
	rev  store.Rev
	recs map[string]store.Rec
}

// apply checks a group and applies it. Writers of withoutGaps write the three
// keys of a triple together.
func (r *replica) apply(rev store.Rev, recs []store.Rec) error {
	if rev <= r.rev || len(recs) == 0 {
		return fmt.Errorf("%d records at %d after %d", len(recs), rev, r.rev)
	}
	last := store.Rec{Rev: r.rev}
	for _, rec := range recs {
		if rec.Rev <= r.rev || rec.Rev > rev {
			return fmt.Errorf("%s in the group from %d to %d", text(rec), r.rev, rev)
		}
		if rec.Rev < last.Rev || rec.Rev == last.Rev && rec.Key <= last.Key {
			return fmt.Errorf("%s after %s", text(rec), text(last))
		}
		last = rec
		if rec.Val == nil {
			delete(r.recs, rec.Key)
		} else {
			r.recs[rec.Key] = rec
		}
	}
	r.rev = rev
	for i := range racers {
		var part [3]store.Rec
		for k := range part {
			part[k] = r.recs[tripleKey(i, k)]
		}
		if part[0].Rev != part[1].Rev || part[1].Rev != part[2].Rev {
			return fmt.Errorf("part of a commit at %d: %s", rev, text(part[:]...))
		}
	}
	return nil
}

func tripleKey(writer, part int) string { return fmt.Sprintf("w/%d/%d", writer, part) }

// lastKey is written when all else is.
const lastKey = "z/last"

// withoutGaps: watchers who break off and come back see every commit whole
// and end with what is in the store.
func withoutGaps(t *testing.T, b Backend) {
	const each, watchers = 60, 4
	s := b.Store
	results := make(chan error, watchers)
	replicas := make([]*replica, watchers)
	for i := range replicas {
		replicas[i] = &replica{recs: map[string]store.Rec{}}
		go func() { results <- replicas[i].follow(t.Context(), s, rand.New(rand.NewPCG(uint64(i), 1))) }()
	}
	parallel(t, racers, func(i int) error { return writeTriples(t.Context(), s, i, each) })
	do(t, s, put(lastKey, ""))
	for range watchers {
		if err := receive(t, results); err != nil {
			t.Fatal(err)
		}
	}
	recs, rev := load(t, s, "")
	for i, r := range replicas {
		if r.rev != rev || !maps.EqualFunc(r.recs, recs, sameRec) {
			t.Errorf("watcher %d has %d records at %d; the store %d at %d", i, len(r.recs), r.rev, len(recs), rev)
		}
	}
}

// follow watches, breaking off at random, until the last key is written.
func (r *replica) follow(ctx context.Context, s store.State, chance *rand.Rand) error {
	pause := errors.New("broke off")
	for {
		err := s.Watch(ctx, r.rev, func(rev store.Rev, recs []store.Rec) error {
			if err := r.apply(rev, recs); err != nil {
				return err
			}
			if _, last := r.recs[lastKey]; last || chance.IntN(5) == 0 {
				return pause
			}
			return nil
		})
		if !errors.Is(err, pause) {
			return err
		}
		if _, last := r.recs[lastKey]; last {
			return nil
		}
	}
}

func writeTriples(ctx context.Context, s store.State, writer, n int) error {
	for k := range n {
		var ops []store.Op
		for part := range 3 {
			op := put(tripleKey(writer, part), fmt.Sprint(k))
			if k%7 == 6 {
				op = del(op.Key)
			}
			ops = append(ops, op)
		}
		if _, err := s.Commit(ctx, store.Txn{Do: ops}); err != nil {
			return err
		}
	}
	return nil
}

func watchEnds(t *testing.T, b Backend) {
	s := b.Store
	rev := do(t, s, put("a", "1"))
	mine := errors.New("mine")
	if err := s.Watch(t.Context(), 0, func(store.Rev, []store.Rec) error { return mine }); !errors.Is(err, mine) {
		t.Errorf("the callee's error: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := s.Watch(ctx, rev, func(store.Rev, []store.Rec) error {
		t.Error("told of nothing")
		return nil
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// watchUnknown: a revision that the store has not reached is of another history.
func watchUnknown(t *testing.T, b Backend) {
	rev := do(t, b.Store, put("a", "1"))
	for _, after := range []store.Rev{rev + 1, store.Exists} {
		err := b.Store.Watch(t.Context(), after, func(store.Rev, []store.Rec) error { return nil })
		if !errors.Is(err, store.ErrCompacted) {
			t.Errorf("after %d: %v", after, err)
		}
	}
}

func compactionTests() []test {
	return []test{
		{"Tombstones", tombstones},
		{"WaitsForNodes", compactionWaits},
	}
}

func compact(t *testing.T, b Backend) {
	t.Helper()
	if err := b.Compact(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// compactedAt tells whether a watch after rev is refused.
func compactedAt(t *testing.T, s store.State, rev store.Rev) bool {
	t.Helper()
	told := errors.New("told")
	err := s.Watch(t.Context(), rev, func(store.Rev, []store.Rec) error { return told })
	if !errors.Is(err, told) && !errors.Is(err, store.ErrCompacted) {
		t.Fatalf("watch after %d: %v", rev, err)
	}
	return errors.Is(err, store.ErrCompacted)
}

func tombstones(t *testing.T, b Backend) {
	s := b.Store
	do(t, s, put("a", "1"), put("b", "1"), put("c", "1"), put("live", "1"))
	old := do(t, s, del("a"))
	do(t, s, del("c"))
	do(t, s, put("c", "2")) // no tombstone any more
	b.Advance(40 * time.Minute)
	do(t, s, del("b"))
	compact(t, b)
	if compactedAt(t, s, 0) {
		t.Error("tombstones went before an hour")
	}
	b.Advance(30 * time.Minute)
	compact(t, b)
	if !compactedAt(t, s, old-1) {
		t.Error("a tombstone of an hour is still there")
	}
	if compactedAt(t, s, old) {
		t.Error("a younger tombstone went too")
	}
	s = b.Reopen(t)
	if !compactedAt(t, s, 0) || compactedAt(t, s, old) {
		t.Error("it is not known any more after opening again")
	}
	if recs, rev := load(t, s, ""); len(recs) != 2 || rev != 5 {
		t.Errorf("left at %d: %v", rev, recs)
	}
	if rev := commit(t, s, store.Txn{If: []store.Cond{{Key: "a", Rev: store.Absent}}, Do: []store.Op{put("a", "1")}}); rev != 6 {
		t.Errorf("created again at %d", rev)
	}
}

// compactionWaits: what a live node has not applied stays known.
func compactionWaits(t *testing.T, b Backend) {
	s := b.Store
	do(t, s, put("a", "1"))
	rev := do(t, s, del("a"))
	b.Advance(2 * time.Hour)
	beat(t, s, "n1", rev-1)
	compact(t, b)
	if compactedAt(t, s, 0) {
		t.Error("a tombstone went that a node has not applied")
	}
	beat(t, s, "n1", rev)
	compact(t, b)
	if !compactedAt(t, s, 0) {
		t.Error("a tombstone stayed that all nodes have applied")
	}
}
