package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"testing"

	"furl/internal/store"
)

func readTests() []test {
	return []test{
		{"Get", getSeveral},
		{"List", list},
		{"Load", loadAll},
		{"LoadIsOneMoment", loadIsOneMoment},
		{"GetIsOneMoment", getIsOneMoment},
	}
}

func getSeveral(t *testing.T, b Backend) {
	s := b.Store
	do(t, s, put("a", "1"), put("b", ""), put("gone", "1"))
	do(t, s, del("gone"))
	recs, err := s.Get(t.Context(), "never", "b", "gone", "a", "b")
	if want := `never@0=- b@1="" gone@0=- a@1="1" b@1="" `; err != nil || text(recs...) != want {
		t.Errorf("got %s, %v, want %s", text(recs...), err, want)
	}
	if recs, err := s.Get(t.Context()); len(recs) != 0 || err != nil {
		t.Errorf("no keys: %v, %v", recs, err)
	}
	// What Get says of a key without a record is the condition to create it.
	commit(t, s, store.Txn{If: []store.Cond{{Key: "gone", Rev: recs[2].Rev}}, Do: []store.Op{put("gone", "2")}})
}

func list(t *testing.T, b Backend) {
	s := b.Store
	keys := []string{"a", "a/1", "a/10", "a/2", "a/2/x", "a/é", "a/ê", "a0", "b", "é/1"}
	for _, key := range keys {
		do(t, s, put(key, key))
	}
	do(t, s, put("a/15", "gone"), put("b/1", "gone"))
	do(t, s, del("a/15"), del("b/1"))
	for _, tt := range []struct {
		prefix, after string
		n             int
		want          []string
	}{
		{"", "", 100, keys},
		{"", "", 2, keys[:2]},
		{"", "a/2", 3, keys[4:7]},
		{"a", "", 100, keys[:8]},
		{"a/", "", 100, keys[1:7]},
		{"a/1", "", 100, keys[1:3]},
		{"a/", "a/1", 2, keys[2:4]},
		{"a/", "0", 1, keys[1:2]},
		{"a/", "a/15", 1, keys[3:4]},
		{"a/é", "", 100, keys[5:6]},
		{"a/", "a/ê", 100, nil},
		{"a/", "b", 100, nil},
		{"b/", "", 100, nil},
		{"c", "", 100, nil},
		{"é", "", 100, keys[9:]},
	} {
		recs, err := s.List(t.Context(), tt.prefix, tt.after, tt.n)
		var got []string
		for _, r := range recs {
			got = append(got, r.Key)
			if string(r.Val) != r.Key || r.Rev == 0 {
				t.Errorf("record %s", text(r))
			}
		}
		if err != nil || !slices.Equal(got, tt.want) {
			t.Errorf("list %q after %q, %d: %q, %v, want %q", tt.prefix, tt.after, tt.n, got, err, tt.want)
		}
	}
	if _, err := s.List(t.Context(), "a", "", 0); err == nil {
		t.Error("a list of 0 records is no error")
	}
}

func loadAll(t *testing.T, b Backend) {
	s := b.Store
	if recs, rev := load(t, s, ""); len(recs) != 0 || rev != 0 {
		t.Errorf("empty: %v at %d", recs, rev)
	}
	do(t, s, put("b", "1"), put("a/1", "1"), put("a/2", ""), put("ab", "1"))
	do(t, s, del("b"))
	var got []store.Rec
	rev, err := s.Load(t.Context(), "a/", func(r store.Rec) error {
		got = append(got, r)
		return nil
	})
	if want := `a/1@1="1" a/2@1="" `; text(got...) != want || rev != 2 || err != nil {
		t.Errorf("got %s at %d, %v", text(got...), rev, err)
	}
	mine := errors.New("mine")
	if _, err := s.Load(t.Context(), "", func(store.Rec) error { return mine }); !errors.Is(err, mine) {
		t.Errorf("the callee's error: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Load(ctx, "", func(store.Rec) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// transfers moves amounts between keys that add up to nothing, until stop.
func transfers(t *testing.T, s store.State, stop <-chan struct{}) <-chan error {
	keys := []string{"acc/a", "acc/b", "acc/c"}
	do(t, s, put(keys[0], "0"), put(keys[1], "0"), put(keys[2], "0"))
	done := make(chan error, 1)
	go func() {
		for i := 1; ; i++ {
			select {
			case <-stop:
				done <- nil
				return
			default:
			}
			k := i % 2
			ops := []store.Op{put(keys[k], strconv.Itoa(i)), put(keys[k+1], strconv.Itoa(-i)), put(keys[(k+2)%3], "0")}
			if _, err := s.Commit(t.Context(), store.Txn{Do: ops}); err != nil {
				done <- err
				return
			}
		}
	}()
	return done
}

// balanced tells whether the records are from one moment.
func balanced(recs []store.Rec) error {
	sum := 0
	for _, r := range recs {
		n, err := strconv.Atoi(string(r.Val))
		if err != nil {
			return err
		}
		if r.Rev != recs[0].Rev {
			return fmt.Errorf("revisions differ: %s", text(recs...))
		}
		sum += n
	}
	if sum != 0 || len(recs) != 3 {
		return fmt.Errorf("not of one moment: %s", text(recs...))
	}
	return nil
}

func loadIsOneMoment(t *testing.T, b Backend) {
	stop := make(chan struct{})
	done := transfers(t, b.Store, stop)
	for range 100 {
		var recs []store.Rec
		rev, err := b.Store.Load(t.Context(), "acc/", func(r store.Rec) error {
			recs = append(recs, r)
			return nil
		})
		if err == nil {
			err = balanced(recs)
		}
		if err == nil && recs[0].Rev != rev {
			err = fmt.Errorf("loaded at %d: %s", rev, text(recs...))
		}
		if err != nil {
			t.Error(err)
			break
		}
	}
	close(stop)
	if err := receive(t, done); err != nil {
		t.Error(err)
	}
}

func getIsOneMoment(t *testing.T, b Backend) {
	stop := make(chan struct{})
	done := transfers(t, b.Store, stop)
	for range 200 {
		recs, err := b.Store.Get(t.Context(), "acc/a", "acc/b", "acc/c")
		if err == nil {
			err = balanced(recs)
		}
		if err != nil {
			t.Error(err)
			break
		}
	}
	close(stop)
	if err := receive(t, done); err != nil {
		t.Error(err)
	}
}
