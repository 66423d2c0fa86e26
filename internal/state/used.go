package state

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"furl/internal/store"
)

// Used is the record of when and for what an access key, or a role, was used
// last.
type Used struct {
	V       int       `json:"v"`
	ID      string    `json:"id"` // AKIA… or AROA…
	At      time.Time `json:"at"`
	Service string    `json:"service"`
	Region  string    `json:"region"`
}

// usedFlush is how often uses are written down; a crash forgets those since.
const usedFlush = time.Minute

// uses are what was used since the last flush.
type uses struct {
	latest sync.Map // id → *atomic.Pointer[Used]
}

// NoteUse remembers that an access key or a role is in use. It is for the
// request path: it writes nothing, and allocates only when another minute,
// service or region begins.
func (s *State) NoteUse(id, service, region string, at time.Time) {
	at = at.UTC().Truncate(time.Second)
	v, ok := s.uses.latest.Load(id)
	if !ok {
		v, _ = s.uses.latest.LoadOrStore(id, new(atomic.Pointer[Used]))
	}
	latest := v.(*atomic.Pointer[Used])
	have := latest.Load()
	if have != nil && have.Service == service && have.Region == region && at.Sub(have.At) < usedFlush {
		return
	}
	latest.Store(&Used{ID: id, At: at, Service: service, Region: region})
}

// LastUse returns when an access key or a role was used last, nil if never.
func (s *State) LastUse(id string) *Used {
	if v, ok := s.uses.latest.Load(id); ok {
		if u := v.(*atomic.Pointer[Used]).Load(); u != nil {
			return u
		}
	}
	snap := s.Snapshot()
	u, _ := snap.used.get(snap.seed, id)
	return u
}

// FlushUses writes down what was noted, of access keys and roles that are still
// there.
func (s *State) FlushUses(ctx context.Context) error {
	var failed error
	owners := s.owners()
	for id, v := range s.uses.latest.Range {
		u := v.(*atomic.Pointer[Used]).Load()
		if u == nil {
			continue
		}
		snap := s.Snapshot()
		if have, _ := snap.used.get(snap.seed, u.ID); have != nil && have.At.Equal(u.At) {
			s.uses.latest.CompareAndDelete(id, v) // nothing since the last flush
			continue
		}
		if err := s.writeUse(ctx, u, owners(u.ID)); err != nil {
			failed = errors.Join(failed, err)
		}
	}
	return failed
}

// owners returns what finds the record that a use belongs to: the role of that
// unique id, else the access key. Roles are looked through once.
func (s *State) owners() func(id string) string {
	roles := map[string]string{}
	for key, r := range s.Snapshot().roles.all() {
		roles[r.Role.ID] = key
	}
	return func(id string) string {
		if key, ok := roles[id]; ok {
			return key
		}
		return accessKeyKey(id)
	}
}

// writeUse writes one use. The record goes with the key or the role, so it is
// written only while its owner is there.
func (s *State) writeUse(ctx context.Context, u *Used, owner string) error {
	u = &Used{V: schema, ID: u.ID, At: u.At, Service: u.Service, Region: u.Region}
	op, err := put(usedKey(u.ID), u)
	if err != nil {
		return err
	}
	err = s.commit(ctx, store.Txn{
		If: []store.Cond{{Key: owner, Rev: store.Exists}},
		Do: []store.Op{op},
	})
	if errors.Is(err, store.ErrConflict) { // the owner is gone
		s.uses.latest.Delete(u.ID)
		return nil
	}
	return err
}

// keepUses flushes until ctx ends, and once more then.
func (s *State) keepUses(ctx context.Context) {
	defer close(s.kept)
	tick := time.NewTicker(usedFlush)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
		flush, cancel := context.WithTimeout(context.WithoutCancel(ctx), usedFlush/10)
		if err := s.FlushUses(flush); err != nil {
			s.logger.Warn("when access keys were last used is not written down", "err", err)
		}
		cancel()
		if ctx.Err() != nil {
			return
		}
	}
}
