package stack_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"

	"furl/internal/store"
)

// memory is a store.State of which package stack uses no more than this.
type memory struct {
	store.State

	mu   sync.Mutex
	rev  store.Rev
	recs map[string]store.Rec
}

func newMemory() *memory { return &memory{recs: map[string]store.Rec{}} }

func (m *memory) Commit(_ context.Context, t store.Txn) (store.Rev, error) {
	if err := t.Validate(); err != nil {
		return 0, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, c := range t.If {
		have := m.recs[c.Key].Rev
		if c.Rev != have && (c.Rev != store.Exists || have == store.Absent) {
			return 0, &store.ConflictError{Key: c.Key, Want: c.Rev, Have: have}
		}
	}
	m.rev++
	for _, op := range t.Do {
		switch {
		case op.Prefix:
			for key := range m.recs {
				if strings.HasPrefix(key, op.Key) {
					delete(m.recs, key)
				}
			}
		case op.Val == nil:
			delete(m.recs, op.Key)
		default:
			m.recs[op.Key] = store.Rec{Key: op.Key, Val: slices.Clone(op.Val), Rev: m.rev}
		}
	}
	return m.rev, nil
}

func (m *memory) Get(_ context.Context, keys ...string) ([]store.Rec, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var recs []store.Rec
	for _, key := range keys {
		rec := m.recs[key]
		rec.Key = key
		recs = append(recs, rec)
	}
	return recs, nil
}

func (m *memory) List(_ context.Context, prefix, after string, n int) ([]store.Rec, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var keys []string
	for key := range m.recs {
		if strings.HasPrefix(key, prefix) && key > after {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	var recs []store.Rec
	for _, key := range keys[:min(n, len(keys))] {
		recs = append(recs, m.recs[key])
	}
	return recs, nil
}

// errEnded is what a server that has ended gives.
var errEnded = errors.New("the server has ended")

// fuse ends a server at one of the steps that it counts: commits, and calls of the cloud. Each step counts twice, before
// its effect and after it.
type fuse struct {
	mu    sync.Mutex
	at    int // which; 0: none
	steps int
	blown chan struct{}
}

func newFuse(at int) *fuse { return &fuse{at: at, blown: make(chan struct{})} }

// step reports an error when the server has ended, or ends here.
func (f *fuse) step() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.steps++
	if f.at == 0 || f.steps < f.at {
		return nil
	}
	if f.steps == f.at {
		close(f.blown)
	}
	return errEnded
}

func (f *fuse) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.steps
}

// fused is a store that ends with the server.
type fused struct {
	store.State
	fuse *fuse
}

func (s fused) Commit(ctx context.Context, t store.Txn) (store.Rev, error) {
	if err := s.fuse.step(); err != nil {
		return 0, err
	}
	rev, err := s.State.Commit(ctx, t)
	if err := s.fuse.step(); err != nil {
		return 0, errors.Join(store.ErrUnknown, err)
	}
	return rev, err
}
