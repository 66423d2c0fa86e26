package state

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"furl/internal/store"
)

// What the transactions answer when a change is not possible. Callers turn
// these into the error of their API.
var (
	// ErrNotFound says that the record, or the record it belongs to, is not there.
	ErrNotFound = errors.New("state: not found")
	// ErrExists says that a record of that name is there already.
	ErrExists = errors.New("state: exists already")
	// ErrTaken is for a url-id that another function URL has.
	ErrTaken = errors.New("state: the url-id is taken")
	// ErrConflict says that others kept changing the record.
	ErrConflict = errors.New("state: too many concurrent changes")
)

// maxAttempts bounds how often a read-change-write is tried against concurrent
// writers of the same record. Every round has one winner, so it bounds the
// number of writers that can meet, not the time.
const maxAttempts = 64

// retry runs attempt until it commits without a conflict.
func retry(ctx context.Context, attempt func() error) error {
	for range maxAttempts {
		err := attempt()
		if !errors.Is(err, store.ErrConflict) {
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return ErrConflict
}

// create commits a record that must not exist yet.
func create(ctx context.Context, s *State, key string, v any, also ...store.Op) error {
	op, err := put(key, v)
	if err != nil {
		return err
	}
	err = s.commit(ctx, store.Txn{
		If: []store.Cond{{Key: key, Rev: store.Absent}},
		Do: append([]store.Op{op}, also...),
	})
	if errors.Is(err, store.ErrConflict) {
		return ErrExists
	}
	return err
}

// update reads a record, lets change edit it, and commits it if nobody else
// did meanwhile; otherwise it starts anew. An error of change ends it.
func update[T any](ctx context.Context, s *State, key string, change func(*T) error) (*T, error) {
	var out *T
	err := retry(ctx, func() error {
		v, rev, err := read[T](ctx, s, key)
		if err != nil {
			return err
		}
		if err := change(v); err != nil {
			return err
		}
		op, err := put(key, v)
		if err != nil {
			return err
		}
		out = v
		return s.commit(ctx, store.Txn{If: []store.Cond{{Key: key, Rev: rev}}, Do: []store.Op{op}})
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// updateChild is update for a record that belongs to another and may be absent:
// change is given nil where it is, and returns nil to remove it. ErrNotFound if
// the parent is gone.
func updateChild[T any](ctx context.Context, s *State, parent, key string, change func(*T) (*T, error)) error {
	return retry(ctx, func() error {
		old, rev, err := read[T](ctx, s, key)
		if errors.Is(err, ErrNotFound) {
			old, rev = nil, store.Absent
		} else if err != nil {
			return err
		}
		next, err := change(old)
		if err != nil || next == nil && old == nil {
			return err
		}
		op := del(key)
		if next != nil {
			if op, err = put(key, next); err != nil {
				return err
			}
		}
		err = s.commit(ctx, store.Txn{
			If: []store.Cond{{Key: parent, Rev: store.Exists}, {Key: key, Rev: rev}},
			Do: []store.Op{op},
		})
		var conflict *store.ConflictError
		if errors.As(err, &conflict) && conflict.Key == parent {
			return ErrNotFound
		}
		return err
	})
}

// read gets a record as it is in the store now.
func read[T any](ctx context.Context, s *State, key string) (*T, store.Rev, error) {
	recs, err := s.store.Get(ctx, key)
	if err != nil {
		return nil, 0, fmt.Errorf("state: read %q: %w", key, err)
	}
	if len(recs) == 0 || recs[0].Val == nil {
		return nil, 0, ErrNotFound
	}
	v, err := decode[T](recs[0])
	if err != nil {
		return nil, 0, fmt.Errorf("state: record %q: %w", key, err)
	}
	return v, recs[0].Rev, nil
}

func put(key string, v any) (store.Op, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return store.Op{}, fmt.Errorf("state: encode %q: %w", key, err)
	}
	return store.Op{Key: key, Val: b}, nil
}

func del(key string) store.Op { return store.Op{Key: key} }
