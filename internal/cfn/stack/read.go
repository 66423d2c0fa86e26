package stack

import (
	"context"
	"maps"
	"slices"
	"strings"

	"furl/internal/store"
)

// Stack is the stack of an id, deleted ones included, or of the name that a living one has. It fails with ErrNoStack.
func (r *Runner) Stack(ctx context.Context, account, region, nameOrID string) (*Stack, error) {
	key := ""
	if IsID(nameOrID) {
		key = stackKey(nameOrID)
	} else {
		rec, err := r.get(ctx, nameKey(account, region, nameOrID))
		if err != nil {
			return nil, err
		}
		if rec.Rev == store.Absent {
			return nil, ErrNoStack
		}
		key = stackKey(string(rec.Val))
	}
	rec, err := r.get(ctx, key)
	if err != nil {
		return nil, err
	}
	if rec.Rev == store.Absent {
		return nil, ErrNoStack
	}
	s, err := r.openStack(rec)
	if err == nil && (s.Account != account || s.Region != region || IsID(nameOrID) && s.ID != nameOrID) {
		return nil, ErrNoStack
	}
	return s, err
}

// Stacks are all stacks of an account, deleted ones included, the newest first.
func (r *Runner) Stacks(ctx context.Context, account, region string) ([]*Stack, error) {
	var all []*Stack
	err := r.list(ctx, "cf/s/"+account+"/"+region+"/", func(rec store.Rec) error {
		s, err := r.openStack(rec)
		all = append(all, s)
		return err
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(all, func(a, b *Stack) int {
		if c := b.Created.Compare(a.Created); c != 0 {
			return c
		}
		return strings.Compare(a.ID, b.ID)
	})
	return all, nil
}

// Resources are the resources of a stack by their logical ids, those that were deleted included.
func (r *Runner) Resources(ctx context.Context, id string) ([]*Resource, error) {
	var all []*Resource
	err := r.list(ctx, resourceKey(id, ""), func(rec store.Rec) error {
		res, err := r.openResource(rec)
		all = append(all, res)
		return err
	})
	return all, err
}

// Events are the events of a stack, the newest first.
func (r *Runner) Events(ctx context.Context, id string) ([]*Event, error) {
	var all []*Event
	err := r.list(ctx, "cf/e/"+uuidOf(id)+"/", func(rec store.Rec) error {
		e, err := decode[Event](rec)
		all = append(all, e)
		return err
	})
	slices.Reverse(all)
	return all, err
}

// Exports are what the stacks of an account export, by name.
func (r *Runner) Exports(ctx context.Context, account, region string) ([]*Export, error) {
	var all []*Export
	err := r.list(ctx, exportKey(account, region, ""), func(rec store.Rec) error {
		e, err := decode[Export](rec)
		all = append(all, e)
		return err
	})
	return all, err
}

// Imports are the names of the stacks that import an export, sorted.
func (r *Runner) Imports(ctx context.Context, account, region, name string) ([]string, error) {
	_, e, err := r.export(ctx, account, region, name)
	if err != nil || e == nil {
		return nil, err
	}
	return slices.Sorted(maps.Values(e.Users)), nil
}

// export is the record of an export, nil where there is none.
func (r *Runner) export(ctx context.Context, account, region, name string) (store.Rec, *Export, error) {
	rec, err := r.get(ctx, exportKey(account, region, name))
	if err != nil || rec.Rev == store.Absent {
		return rec, nil, err
	}
	e, err := decode[Export](rec)
	return rec, e, err
}
