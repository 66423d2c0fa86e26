package sqlite

import (
	"context"
	"fmt"

	"furl/internal/store"
)

// Commit implements store.State.
func (s *Store) Commit(ctx context.Context, t store.Txn) (store.Rev, error) {
	if err := t.Validate(); err != nil {
		return 0, err
	}
	ctx, leave, err := s.enter(ctx)
	if err != nil {
		return 0, err
	}
	defer leave()
	// rev is read only after the writer has answered: if it has not, it may
	// still be at work.
	var rev store.Rev
	now := s.now()
	err = s.write.submit(ctx, func(b *batch) (err error) {
		rev, err = b.commit(t, now)
		return err
	})
	if err != nil {
		return 0, err
	}
	return rev, nil
}

// Get implements store.State.
func (s *Store) Get(ctx context.Context, keys ...string) ([]store.Rec, error) {
	ctx, leave, err := s.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	recs := make([]store.Rec, len(keys))
	err = s.read.snapshot(ctx, func(r *view) error {
		for i, key := range keys {
			if recs[i], err = r.get(key); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, ended(ctx, err)
	}
	return recs, nil
}

// List implements store.State.
func (s *Store) List(ctx context.Context, prefix, after string, n int) ([]store.Rec, error) {
	if n < 1 {
		return nil, fmt.Errorf("sqlite: list %d records", n)
	}
	ctx, leave, err := s.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	var recs []store.Rec
	err = s.read.snapshot(ctx, func(r *view) error {
		return r.live(prefix, after, n, func(rec store.Rec) error {
			recs = append(recs, rec)
			return nil
		})
	})
	if err != nil {
		return nil, ended(ctx, err)
	}
	return recs, nil
}

// Load implements store.State.
func (s *Store) Load(ctx context.Context, prefix string, each func(store.Rec) error) (store.Rev, error) {
	ctx, leave, err := s.enter(ctx)
	if err != nil {
		return 0, err
	}
	defer leave()
	var rev store.Rev
	var stopped error // by each
	err = s.read.snapshot(ctx, func(r *view) error {
		h, err := r.head()
		if err != nil {
			return err
		}
		rev = h.rev
		return r.live(prefix, "", -1, func(rec store.Rec) error {
			stopped = each(rec)
			return stopped
		})
	})
	switch {
	case stopped != nil:
		return 0, stopped
	case err != nil:
		return 0, ended(ctx, err)
	}
	return rev, nil
}

// Watch implements store.State.
func (s *Store) Watch(ctx context.Context, after store.Rev, each func(store.Rev, []store.Rec) error) error {
	ctx, leave, err := s.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	for {
		// Asked for before the read: a commit after the read closes changed.
		changed := s.feed.changed()
		rev, recs, err := s.since(ctx, after)
		if err != nil {
			return ended(ctx, err)
		}
		if rev > after {
			after = rev
			if err := each(rev, recs); err != nil {
				return err
			}
			continue
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// since returns what changed after a revision, up to the one it returns.
func (s *Store) since(ctx context.Context, after store.Rev) (rev store.Rev, recs []store.Rec, err error) {
	err = s.read.snapshot(ctx, func(r *view) error {
		h, err := r.head()
		if err != nil {
			return err
		}
		rev = h.rev
		switch {
		case after == rev:
			return nil
		case after < h.compacted || after > rev:
			return store.ErrCompacted
		}
		recs, err = r.since(after)
		return err
	})
	return rev, recs, err
}
