package state

import (
	"context"
	"errors"
	"maps"
	"math"
	"slices"
	"time"

	"furl/internal/store"
)

// Provision is the record of the provisioned concurrency of a version or an alias.
type Provision struct {
	V            int       `json:"v"`
	Qualifier    string    `json:"qualifier"`
	Count        int       `json:"count"`
	LastModified time.Time `json:"lastModified"`
}

func (id FunctionID) provisionKey(qualifier string) string {
	return id.key() + "/pc/" + qualifierToken(qualifier)
}

// PutProvision sets the provisioned concurrency of a version or an alias. ErrNotFound if
// it is gone.
func (s *State) PutProvision(ctx context.Context, id FunctionID, p *Provision) error {
	p.V = schema
	op, err := put(id.provisionKey(p.Qualifier), p)
	if err != nil {
		return err
	}
	err = s.commit(ctx, store.Txn{If: []store.Cond{{Key: id.qualifierKey(p.Qualifier), Rev: store.Exists}}, Do: []store.Op{op}})
	if errors.Is(err, store.ErrConflict) {
		return ErrNotFound
	}
	return err
}

// DeleteProvision gives provisioned concurrency back. ErrNotFound if there is none.
func (s *State) DeleteProvision(ctx context.Context, id FunctionID, qualifier string) error {
	key := id.provisionKey(qualifier)
	err := s.commit(ctx, store.Txn{If: []store.Cond{{Key: key, Rev: store.Exists}}, Do: []store.Op{del(key)}})
	if errors.Is(err, store.ErrConflict) {
		return ErrNotFound
	}
	return err
}

func (c *change) applyProvision(rec store.Rec, key string) error {
	if rec.Val == nil {
		if e := c.existing(key); e != nil {
			delete(e.Provisions, c.qualifier(rec.Key))
		}
		return nil
	}
	p, err := decode[Provision](rec)
	if err != nil {
		return err
	}
	c.touch(key).Provisions[p.Qualifier] = p
	return nil
}

// Provisioned yields every function that has provisioned concurrency, in no
// particular order.
func (s *Snapshot) Provisioned(yield func(*FunctionEntry) bool) {
	for _, f := range s.provisioned.all() {
		if !yield(f) {
			return
		}
	}
}

// SameProvisions reports whether nothing has changed since another snapshot about the
// functions that have provisioned concurrency.
func (s *Snapshot) SameProvisions(other *Snapshot) bool {
	return s.provisioned.shards == other.provisioned.shards
}

// Share is a part of a provisioned concurrency: that of one version.
type Share struct {
	Target *Target
	Count  int
}

// Shares are the versions that provisioned concurrency is for. That of an alias which
// leads to two versions is divided as their invocations are. None where the
// qualifier is gone.
func (f *FunctionEntry) Shares(p *Provision) []Share {
	r, ok := f.Routing(p.Qualifier)
	if !ok {
		return nil
	}
	other := 0
	if r.Other != nil {
		other = int(math.Round(float64(p.Count) * r.Weight))
	}
	shares := []Share{{r.Target, p.Count - other}, {r.Other, other}}
	return slices.DeleteFunc(shares, func(s Share) bool { return s.Count == 0 })
}

// SortedProvisions are a function's, in the order of their qualifiers.
func (f *FunctionEntry) SortedProvisions() []*Provision {
	var all []*Provision
	for _, q := range slices.Sorted(maps.Keys(f.Provisions)) {
		all = append(all, f.Provisions[q])
	}
	return all
}
