package sqlite

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"furl/internal/store"
)

// feed wakes those who wait for a newer revision.
type feed struct {
	mu   sync.Mutex
	head store.Rev
	next chan struct{} // closed when there is a newer one
}

func newFeed() *feed { return &feed{next: make(chan struct{})} }

func (f *feed) publish(head store.Rev) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if head == f.head {
		return
	}
	f.head = head
	close(f.next)
	f.next = make(chan struct{})
}

func (f *feed) changed() <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.next
}

func (f *feed) newest() store.Rev {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.head
}

// nodes are the beats. They are kept in memory: they say who is alive now, and
// whoever beats here is in the process that holds the data directory, so
// there is no other store that could be the current one.
type nodes struct {
	mu    sync.Mutex
	beats map[string]beat
	next  chan struct{} // closed at each beat
}

type beat struct {
	at      time.Time
	applied store.Rev
}

func newNodes() *nodes {
	return &nodes{beats: map[string]beat{}, next: make(chan struct{})}
}

// recheck bounds how long Applied trusts its timer: the clock of Options need
// not be the one that timers follow.
const recheck = 50 * time.Millisecond

// nodeAlive is how recent a node's beat must be for its tombstones to be kept.
const nodeAlive = time.Minute

// Beat implements store.State. Nobody but the node itself is there to read
// info, so it is not kept.
func (s *Store) Beat(ctx context.Context, node string, applied store.Rev, _ []byte) (store.Rev, error) {
	_, leave, err := s.enter(ctx)
	if err != nil {
		return 0, err
	}
	defer leave()
	s.nodes.mu.Lock()
	defer s.nodes.mu.Unlock()
	s.nodes.beats[node] = beat{at: s.now(), applied: applied}
	close(s.nodes.next)
	s.nodes.next = make(chan struct{})
	return s.feed.newest(), nil
}

// Applied implements store.State.
func (s *Store) Applied(ctx context.Context, r store.Rev, maxAge time.Duration) error {
	ctx, leave, err := s.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	timer := time.NewTimer(recheck)
	defer timer.Stop()
	for {
		behind, beats := s.nodes.behind(r, s.now().Add(-maxAge))
		if len(behind) == 0 {
			return nil
		}
		timer.Reset(recheck)
		select {
		case <-beats:
		case <-timer.C:
		case <-ctx.Done():
			return fmt.Errorf("sqlite: revision %d is not applied by %s: %w",
				r, strings.Join(behind, ", "), context.Cause(ctx))
		}
	}
}

// behind returns the nodes that have beaten at or after since and have not
// applied r, and a channel that is closed at the next beat.
func (n *nodes) behind(r store.Rev, since time.Time) ([]string, <-chan struct{}) {
	n.mu.Lock()
	defer n.mu.Unlock()
	var names []string
	for name, b := range n.beats {
		if b.applied < r && !b.at.Before(since) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names, n.next
}

// appliedByAll returns the revision that every node has applied whose last
// beat is not before since.
func (n *nodes) appliedByAll(since time.Time) store.Rev {
	n.mu.Lock()
	defer n.mu.Unlock()
	least := store.Rev(math.MaxInt64)
	for _, b := range n.beats {
		if !b.at.Before(since) {
			least = min(least, b.applied)
		}
	}
	return least
}
