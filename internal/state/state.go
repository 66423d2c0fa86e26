package state

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"furl/internal/policy"
	"furl/internal/policy/awsmanaged"
	"furl/internal/store"
)

// Options are what Open needs beside the store.
type Options struct {
	// SealKey seals secrets; SealKeySize bytes that are not in the store.
	SealKey []byte
	Logger  *slog.Logger
}

// State is a node's view of the store: the current Snapshot, kept current by
// the store's watch, and the transactions that change it.
type State struct {
	store  store.State
	sealer *sealer
	logger *slog.Logger

	snap atomic.Pointer[Snapshot]
	stop context.CancelFunc
	done chan struct{}

	uses     uses
	stopUses context.CancelFunc
	kept     chan struct{} // closed when uses are flushed for the last time

	mu sync.Mutex
	// applied is closed and replaced on every new snapshot.
	applied     chan struct{}
	subscribers []func(prev, next *Snapshot)
}

// watchRetry is how long the applier waits before it watches again after the
// store's watch failed.
const watchRetry = time.Second

// Open loads the state and keeps it current until Close. A record that cannot
// be understood is an error that names it: serving without it could mean to
// serve without a Deny.
func Open(ctx context.Context, st store.State, o Options) (*State, error) {
	sealer, err := newSealer(o.SealKey)
	if err != nil {
		return nil, err
	}
	s := &State{
		store:   st,
		sealer:  sealer,
		logger:  o.Logger,
		done:    make(chan struct{}),
		kept:    make(chan struct{}),
		applied: make(chan struct{}),
	}
	snap, err := s.load(ctx)
	if err != nil {
		return nil, err
	}
	s.snap.Store(snap)
	watch, stop := context.WithCancel(context.WithoutCancel(ctx))
	s.stop = stop
	go s.run(watch)
	keep, stop := context.WithCancel(context.WithoutCancel(ctx))
	s.stopUses = stop
	go s.keepUses(keep)
	return s, nil
}

// Close writes down what is left to write and stops following the store.
func (s *State) Close() error {
	s.stopUses()
	<-s.kept
	s.stop()
	<-s.done
	return nil
}

// Snapshot returns the current snapshot: one atomic load.
func (s *State) Snapshot() *Snapshot { return s.snap.Load() }

// Subscribe has f called with every new snapshot, in order, by the one
// goroutine that applies changes; f must be quick and must not write.
func (s *State) Subscribe(f func(prev, next *Snapshot)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.subscribers = append(s.subscribers, f)
}

func (s *State) load(ctx context.Context) (*Snapshot, error) {
	builtin, err := awsmanaged.Load()
	if err != nil {
		return nil, err
	}
	c := newChange(&Snapshot{seed: maphash.MakeSeed(), builtin: builtin}, s.sealer)
	rev, err := s.store.Load(ctx, "", c.apply)
	if err != nil {
		return nil, fmt.Errorf("state: load: %w", err)
	}
	return c.snapshot(rev), nil
}

// run follows the store until ctx ends.
func (s *State) run(ctx context.Context) {
	defer close(s.done)
	for ctx.Err() == nil {
		err := s.store.Watch(ctx, s.Snapshot().rev, s.follow)
		if ctx.Err() != nil {
			return
		}
		if errors.Is(err, store.ErrCompacted) {
			err = s.reload(ctx)
		}
		if err != nil {
			s.logger.Error("the store's watch ended; trying again", "err", err)
			select {
			case <-ctx.Done():
			case <-time.After(watchRetry):
			}
		}
	}
}

func (s *State) reload(ctx context.Context) error {
	snap, err := s.load(ctx)
	if err != nil {
		return err
	}
	s.publish(snap)
	return nil
}

// follow applies one commit. A record that cannot be understood keeps its old
// value: half of a commit is worse than a stale record, and it is said aloud.
func (s *State) follow(rev store.Rev, recs []store.Rec) error {
	c := newChange(s.Snapshot(), s.sealer)
	for _, rec := range recs {
		if err := c.apply(rec); err != nil {
			s.logger.Error("a changed record is not understood; its old value stays in force", "err", err)
		}
	}
	s.publish(c.snapshot(rev))
	return nil
}

func (s *State) publish(next *Snapshot) {
	prev := s.snap.Swap(next)
	s.mu.Lock()
	subscribers := s.subscribers
	s.mu.Unlock()
	for _, f := range subscribers {
		f(prev, next)
	}
	s.mu.Lock()
	close(s.applied)
	s.applied = make(chan struct{})
	s.mu.Unlock()
}

// commit makes a change durable and waits until this node's Snapshot shows it,
// so that the caller's next request sees what it was told.
func (s *State) commit(ctx context.Context, txn store.Txn) error {
	rev, err := s.store.Commit(ctx, txn)
	if err != nil {
		return err
	}
	for {
		s.mu.Lock()
		applied := s.applied
		s.mu.Unlock()
		if s.Snapshot().rev >= rev {
			return nil
		}
		select {
		case <-applied:
		case <-s.done:
			return nil // durable; only this node's view has stopped
		case <-ctx.Done():
			return nil // durable; the caller has gone and cannot read it back
		}
	}
}

func sortSources(sources []policy.Source) {
	slices.SortFunc(sources, func(a, b policy.Source) int { return cmp.Compare(a.Name, b.Name) })
}
