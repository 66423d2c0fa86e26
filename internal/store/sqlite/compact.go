package sqlite

import (
	"context"
	"errors"
	"time"

	"furl/internal/store"
)

const (
	// tombstoneAge is how long deletions stay known to those who watch.
	tombstoneAge = time.Hour
	// reapMax is how many tombstones go in one transaction, so that other
	// writers do not wait for many.
	reapMax = 1000
)

// Compact removes the tombstones that are older than an hour and that every
// live node has applied. It runs by itself every ten minutes; a Watch from
// before what it removed is then store.ErrCompacted.
func (s *Store) Compact(ctx context.Context) error {
	ctx, leave, err := s.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	now := s.now()
	applied := s.nodes.appliedByAll(now.Add(-nodeAlive))
	for {
		var n int
		err := s.write.submit(ctx, func(b *batch) (err error) {
			n, err = b.reap(now.Add(-tombstoneAge), applied, reapMax)
			return err
		})
		if err != nil {
			return err
		}
		if n < reapMax {
			return nil
		}
	}
}

// compactor runs Compact until the store closes.
func (s *Store) compactor(every time.Duration) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-s.life.Done():
			return
		case <-ticker.C:
		}
		if err := s.Compact(s.life); err != nil && !errors.Is(err, store.ErrClosed) && s.life.Err() == nil {
			s.logger.Error("old tombstones were not removed; furl goes on and tries again", "err", err)
		}
	}
}
