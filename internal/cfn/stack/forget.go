package stack

import (
	"context"
	"time"

	"furl/internal/store"
)

// memory is how long a deleted stack can be described, and how long events and deleted resources are told of.
const memory = 90 * 24 * time.Hour

// forgetting forgets what is old, now and every day.
func (r *Runner) forgetting() {
	day := time.NewTicker(24 * time.Hour)
	defer day.Stop()
	for {
		if err := r.forget(r.ctx); err != nil && r.ctx.Err() == nil {
			r.o.Logger.Error("what is old of stacks is not forgotten; it is tried again tomorrow", "err", err)
		}
		select {
		case <-day.C:
		case <-r.ctx.Done():
			return
		}
	}
}

func (r *Runner) forget(ctx context.Context) error {
	before := r.o.Now().Add(-memory)
	return r.list(ctx, "cf/s/", func(rec store.Rec) error {
		s, err := r.openStack(rec)
		switch {
		case err != nil: // New has told
			return nil
		case s.Status == DeleteComplete && s.Deleted.Before(before):
			return r.prune(ctx, s)
		case s.Status.busy():
			return nil
		}
		return r.forgetParts(ctx, s, before)
	})
}

// forgetParts forgets the old events and the resources long deleted of a stack that stays.
func (r *Runner) forgetParts(ctx context.Context, s *Stack, before time.Time) error {
	var t store.Txn
	drop := func(rec store.Rec) { // unless an operation has written it meanwhile
		t.If = append(t.If, store.Cond{Key: rec.Key, Rev: rec.Rev})
		t.Do = append(t.Do, store.Op{Key: rec.Key})
	}
	err := r.list(ctx, resourceKey(s.ID, ""), func(rec store.Rec) error {
		res, err := decode[Resource](rec)
		if err == nil && (res.Status == DeleteComplete || res.Status == DeleteSkipped) && res.Updated.Before(before) {
			drop(rec)
		}
		return err
	})
	if err != nil {
		return err
	}
	events, err := r.store.List(ctx, "cf/e/"+uuidOf(s.ID)+"/", "", page) // the oldest; the others another day
	if err != nil {
		return err
	}
	for _, rec := range events {
		e, err := decode[Event](rec)
		if err != nil {
			return err
		}
		if e.Time.Before(before) {
			drop(rec)
		}
	}
	if len(t.Do) > 0 {
		_, err = r.store.Commit(ctx, t)
	}
	return err
}

// prune forgets a deleted stack.
func (r *Runner) prune(ctx context.Context, s *Stack) error {
	if err := r.DropChangeSets(ctx, s.ID, func(*ChangeSet) bool { return true }); err != nil {
		return err
	}
	_, err := r.store.Commit(ctx, store.Txn{Do: []store.Op{
		{Key: stackKey(s.ID)}, {Key: resourceKey(s.ID, ""), Prefix: true}, {Key: "cf/e/" + uuidOf(s.ID) + "/", Prefix: true},
	}})
	return err
}
