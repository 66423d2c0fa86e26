package storetest

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync/atomic"
	"testing"

	"furl/internal/store"
)

func raceTests() []test {
	return []test{
		{"OneWinner", oneWinner},
		{"Counter", counter},
		{"Neighbours", neighbours},
		{"ParentAndChild", parentAndChild},
		{"ReadYourWrites", readYourWrites},
	}
}

const racers = 16

// oneWinner: of those who create the same key at once, one does.
func oneWinner(t *testing.T, b Backend) {
	const keys = 40
	var won [keys]atomic.Int32
	parallel(t, racers, func(i int) error {
		for k := range keys {
			key := fmt.Sprintf("k/%d", k)
			_, err := b.Store.Commit(t.Context(), store.Txn{
				If: []store.Cond{{Key: key, Rev: store.Absent}},
				Do: []store.Op{put(key, strconv.Itoa(i)), put(fmt.Sprintf("%s/by/%d", key, i), "")},
			})
			switch {
			case err == nil:
				won[k].Add(1)
			case !errors.Is(err, store.ErrConflict):
				return err
			}
		}
		return nil
	})
	for k := range keys {
		if n := won[k].Load(); n != 1 {
			t.Errorf("key %d has %d winners", k, n)
		}
	}
	recs, rev := load(t, b.Store, "k/")
	if len(recs) != 2*keys || rev != keys {
		t.Errorf("%d records at %d", len(recs), rev)
	}
}

// increment adds 1 to a key by compare and set.
func increment(ctx context.Context, s store.State, key string) (store.Rev, error) {
	for {
		recs, err := s.Get(ctx, key)
		if err != nil {
			return 0, err
		}
		n := 0
		if recs[0].Val != nil {
			if n, err = strconv.Atoi(string(recs[0].Val)); err != nil {
				return 0, err
			}
		}
		rev, err := s.Commit(ctx, store.Txn{
			If: []store.Cond{{Key: key, Rev: recs[0].Rev}},
			Do: []store.Op{put(key, strconv.Itoa(n+1))},
		})
		if !errors.Is(err, store.ErrConflict) {
			return rev, err
		}
	}
}

// counter: no increment is lost, and revisions are given once.
func counter(t *testing.T, b Backend) {
	const each = 20
	var given [racers*each + 1]atomic.Bool
	parallel(t, racers, func(int) error {
		for range each {
			rev, err := increment(t.Context(), b.Store, "n")
			if err != nil {
				return err
			}
			if given[rev].Swap(true) {
				return fmt.Errorf("revision %d was given twice", rev)
			}
		}
		return nil
	})
	if got := string(get(t, b.Store, "n").Val); got != strconv.Itoa(racers*each) {
		t.Errorf("counted to %s", got)
	}
}

// neighbours: transactions that wait together do not spoil each other.
func neighbours(t *testing.T, b Backend) {
	s := b.Store
	do(t, s, put("there", "1"))
	const each = 20
	parallel(t, racers, func(i int) error {
		for k := range each {
			rev := store.Exists
			if i%2 == 1 {
				rev = store.Absent // fails
			}
			_, err := s.Commit(t.Context(), store.Txn{
				If:      []store.Cond{{Key: "there", Rev: rev}},
				Do:      []store.Op{put(fmt.Sprintf("n/%d/%d", i, k), "1")},
				Enqueue: []store.Job{{ID: fmt.Sprintf("n/%d/%d", i, k), Fn: "f"}},
			})
			if failed := errors.Is(err, store.ErrConflict); failed != (i%2 == 1) || err != nil && !failed {
				return fmt.Errorf("writer %d: %v", i, err)
			}
		}
		return nil
	})
	recs, rev := load(t, s, "n/")
	if len(recs) != racers/2*each || rev != racers/2*each+1 {
		t.Errorf("%d records at %d", len(recs), rev)
	}
	if jobs := claim(t, s, 10*racers*each); len(jobs) != racers/2*each {
		t.Errorf("%d jobs", len(jobs))
	}
}

// parentAndChild: with the guard on its parent no child is left when the
// parent is deleted with all that is below.
func parentAndChild(t *testing.T, b Backend) {
	s := b.Store
	parallel(t, racers, func(i int) error {
		for k := range 40 {
			txn := store.Txn{
				If: []store.Cond{{Key: "p", Rev: store.Exists}},
				Do: []store.Op{put(fmt.Sprintf("p/%d/%d", i, k), "1")},
			}
			switch i {
			case 0:
				txn = store.Txn{Do: []store.Op{put("p", "1")}}
			case 1:
				txn = store.Txn{Do: []store.Op{del("p"), below("p/")}}
			}
			if _, err := s.Commit(t.Context(), txn); err != nil && !errors.Is(err, store.ErrConflict) {
				return err
			}
			recs, err := s.List(t.Context(), "p", "", 1)
			if err != nil {
				return err
			}
			if len(recs) > 0 && recs[0].Key != "p" {
				return fmt.Errorf("an orphan: %s", text(recs...))
			}
		}
		return nil
	})
}

func readYourWrites(t *testing.T, b Backend) {
	parallel(t, racers, func(i int) error {
		key := fmt.Sprintf("own/%d", i)
		for k := range 20 {
			rev, err := b.Store.Commit(t.Context(), store.Txn{Do: []store.Op{put(key, strconv.Itoa(k))}})
			if err != nil {
				return err
			}
			recs, err := b.Store.Get(t.Context(), key)
			if err != nil {
				return err
			}
			if recs[0].Rev != rev || string(recs[0].Val) != strconv.Itoa(k) {
				return fmt.Errorf("wrote %d at %d, read %s", k, rev, text(recs...))
			}
		}
		return nil
	})
}
