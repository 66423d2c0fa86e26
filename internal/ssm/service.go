// Package ssm is the Parameter Store of Systems Manager: parameters with versions, labels, paths and tags. Values of
// SecureString are sealed under the server's own key; no KMS keys are there to choose from. It has no advanced
// parameters' policies, no sharing between accounts and none of AWS's public parameters, and nothing else of Systems
// Manager.
package ssm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"furl/internal/authz"
	"furl/internal/state"
	"furl/internal/store"
)

// Options are what New needs.
type Options struct {
	// Store keeps the parameters, below the keys "ssm/".
	Store store.State
	// Box seals the values of SecureString.
	Box    *state.Box
	Region string
	Now    func() time.Time
}

// Service carries out the operations. It holds nothing itself: every request reads the store.
type Service struct {
	store  store.State
	box    *state.Box
	region string
	now    func() time.Time
}

var _ API = (*Service)(nil)

// New makes a Service.
func New(o Options) *Service {
	return &Service{store: o.Store, box: o.Box, region: o.Region, now: o.Now}
}

// account is the account that the operation's caller belongs to.
func account(ctx context.Context) string { return authz.FromContext(ctx).Principal.Account }

// find reads a parameter and the revision of its record; nil if there is none.
func (s *Service) find(ctx context.Context, id parameterID) (*parameter, store.Rev, error) {
	recs, err := s.store.Get(ctx, id.key())
	if err != nil {
		return nil, 0, fmt.Errorf("ssm: read %s: %w", id.Name, err)
	}
	if recs[0].Val == nil {
		return nil, store.Absent, nil
	}
	p, err := decode[parameter](recs[0])
	return p, recs[0].Rev, err
}

// versionOf reads one version of a parameter; nil if there is none.
func (s *Service) versionOf(ctx context.Context, id parameterID, number int64) (*version, error) {
	recs, err := s.store.Get(ctx, id.versionKey(number))
	if err != nil {
		return nil, fmt.Errorf("ssm: read %s: %w", id.Name, err)
	}
	if recs[0].Val == nil {
		return nil, nil
	}
	return decode[version](recs[0])
}

// list calls each with every parameter of the caller's whose name begins with prefix, in the order of their keys.
func (s *Service) list(ctx context.Context, prefix string) ([]*parameter, error) {
	const some = 500
	root, after := (parameterID{Account: account(ctx), Region: s.region, Name: prefix}).key(), ""
	var all []*parameter
	for {
		recs, err := s.store.List(ctx, root, after, some)
		if err != nil {
			return nil, fmt.Errorf("ssm: list: %w", err)
		}
		for _, rec := range recs {
			p, err := decode[parameter](rec)
			if err != nil {
				return nil, err
			}
			all = append(all, p)
		}
		if len(recs) < some {
			return all, nil
		}
		after = recs[len(recs)-1].Key
	}
}

// maxAttempts bounds how often a change is tried against others of the same parameter.
const maxAttempts = 64

// change reads a parameter, has edit make a transaction of it, and commits that if nobody else changed the parameter
// meanwhile. The parameter is nil if there is none.
func (s *Service) change(ctx context.Context, id parameterID, edit func(*parameter) ([]store.Op, error)) error {
	for range maxAttempts {
		p, rev, err := s.find(ctx, id)
		if err != nil {
			return err
		}
		ops, err := edit(p)
		if err != nil || len(ops) == 0 {
			return err
		}
		_, err = s.store.Commit(ctx, store.Txn{If: []store.Cond{{Key: id.key(), Rev: rev}}, Do: ops})
		if !errors.Is(err, store.ErrConflict) {
			if err != nil {
				err = fmt.Errorf("ssm: write %s: %w", id.Name, err)
			}
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return TooManyUpdates("There are concurrent updates for a resource that supports one update at a time.")
}

func put(key string, v any) (store.Op, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return store.Op{}, fmt.Errorf("ssm: write %q: %w", key, err)
	}
	return store.Op{Key: key, Val: b}, nil
}

func decode[T any](rec store.Rec) (*T, error) {
	v := new(T)
	if err := json.Unmarshal(rec.Val, v); err != nil {
		return nil, fmt.Errorf("ssm: record %q: %w", rec.Key, err)
	}
	return v, nil
}

func value[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}

func nonZero[T comparable](v T) *T {
	var zero T
	if v == zero {
		return nil
	}
	return &v
}
