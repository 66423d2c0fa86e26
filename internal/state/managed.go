package state

import (
	"context"
	"errors"
	"slices"

	"furl/internal/store"
)

// ErrNoPolicy says that the managed policy that a change names is not there.
var ErrNoPolicy = errors.New("state: no such managed policy")

// EntityKind is what a managed policy can be attached to.
type EntityKind string

// The kinds of entity, as they are spelled in ARNs.
const (
	UserEntity  EntityKind = "user"
	RoleEntity  EntityKind = "role"
	GroupEntity EntityKind = "group"
)

// CreateManagedPolicy stores a new managed policy. ErrExists if there is one of
// that name in any case, whatever its path.
func (s *State) CreateManagedPolicy(ctx context.Context, p *ManagedPolicy) error {
	p.V = schema
	return create(ctx, s, managedKey(p.Account, p.Name), p)
}

// UpdateManagedPolicy lets change edit a managed policy. ErrNotFound if there is
// none.
func (s *State) UpdateManagedPolicy(ctx context.Context, account, name string, change func(*ManagedPolicy) error) (*ManagedPolicy, error) {
	return update(ctx, s, managedKey(account, name), change)
}

// DeleteManagedPolicy removes a managed policy that check finds unused; check's
// error ends it. ErrNotFound if there is none.
func (s *State) DeleteManagedPolicy(ctx context.Context, account, name string, check func(*ManagedPolicy) error) error {
	return remove(ctx, s, managedKey(account, name), check)
}

// Attach attaches a managed policy to an entity; once more changes nothing.
// check sees what is attached first. ErrNotFound if there is no such entity,
// ErrNoPolicy if there is no such policy.
func (s *State) Attach(ctx context.Context, kind EntityKind, account, name, policyARN string, check func(attached []string) error) error {
	return s.changeAttached(ctx, kind, account, name, policyARN, func(attached *[]string) (int, error) {
		if slices.Contains(*attached, policyARN) {
			return 0, nil
		}
		if err := check(*attached); err != nil {
			return 0, err
		}
		*attached = append(*attached, policyARN)
		return 1, nil
	})
}

// Detach is the inverse of Attach. ErrNoPolicy if it is not attached.
func (s *State) Detach(ctx context.Context, kind EntityKind, account, name, policyARN string) error {
	return s.changeAttached(ctx, kind, account, name, policyARN, func(attached *[]string) (int, error) {
		i := slices.Index(*attached, policyARN)
		if i < 0 {
			return 0, ErrNoPolicy
		}
		*attached = slices.Delete(*attached, i, i+1)
		return -1, nil
	})
}

func (s *State) changeAttached(ctx context.Context, kind EntityKind, account, name, policyARN string, change func(*[]string) (int, error)) error {
	key := entityKey(account, string(kind), name)
	counted := func(attached *[]string) (holds, error) {
		n, err := change(attached)
		return holds{policyARN: {attachments: n}}, err
	}
	switch kind {
	case UserEntity:
		return updateHolding(ctx, s, key, func(u *User) (holds, error) { return counted(&u.Attached) })
	case RoleEntity:
		return updateHolding(ctx, s, key, func(r *Role) (holds, error) { return counted(&r.Attached) })
	default:
		return updateHolding(ctx, s, key, func(g *Group) (holds, error) { return counted(&g.Attached) })
	}
}

// SetBoundary makes a managed policy the permissions boundary of a user or a
// role, or takes it away where policyARN is empty. check sees the one there is
// first. ErrNotFound if there is no such entity, ErrNoPolicy if there is no such
// policy.
func (s *State) SetBoundary(ctx context.Context, kind EntityKind, account, name, policyARN string, check func(boundary string) error) error {
	key := entityKey(account, string(kind), name)
	change := func(boundary *string) (holds, error) {
		if err := check(*boundary); err != nil || *boundary == policyARN {
			return nil, err
		}
		h := holds{}.bound(*boundary, -1).bound(policyARN, 1)
		*boundary = policyARN
		return h, nil
	}
	if kind == RoleEntity {
		return updateHolding(ctx, s, key, func(r *Role) (holds, error) { return change(&r.Boundary) })
	}
	return updateHolding(ctx, s, key, func(u *User) (holds, error) { return change(&u.Boundary) })
}

// hold is how many more entities hold a managed policy.
type hold struct{ attachments, boundaries int }

// holds are by the ARNs of policies.
type holds map[string]hold

// bound adds to the entities that have a policy as their boundary.
func (h holds) bound(policyARN string, n int) holds {
	if policyARN != "" {
		entry := h[policyARN]
		entry.boundaries += n
		h[policyARN] = entry
	}
	return h
}

// count makes the conditions and changes that count the holders of policies.
// Those of AWS are always there and are not counted.
func (s *State) count(ctx context.Context, h holds) (conds []store.Cond, ops []store.Op, err error) {
	for policyARN, n := range h {
		if n == (hold{}) || s.Snapshot().builtin.Get(policyARN) != nil {
			continue
		}
		account, name, ok := splitPolicyARN(policyARN)
		if !ok {
			return nil, nil, ErrNoPolicy
		}
		key := managedKey(account, name)
		p, rev, err := read[ManagedPolicy](ctx, s, key)
		if errors.Is(err, ErrNotFound) || err == nil && !isPolicy(p, policyARN) {
			return nil, nil, ErrNoPolicy
		}
		if err != nil {
			return nil, nil, err
		}
		p.Attachments += n.attachments
		p.Boundaries += n.boundaries
		op, err := put(key, p)
		if err != nil {
			return nil, nil, err
		}
		conds, ops = append(conds, store.Cond{Key: key, Rev: rev}), append(ops, op)
	}
	return conds, ops, nil
}

// updateHolding is update for a record that holds managed policies: change says
// which it holds more or less.
func updateHolding[T any](ctx context.Context, s *State, key string, change func(*T) (holds, error)) error {
	return retry(ctx, func() error {
		v, rev, err := read[T](ctx, s, key)
		if err != nil {
			return err
		}
		h, err := change(v)
		if err != nil {
			return err
		}
		conds, ops, err := s.count(ctx, h)
		if err != nil {
			return err
		}
		op, err := put(key, v)
		if err != nil {
			return err
		}
		return s.commit(ctx, store.Txn{If: append(conds, store.Cond{Key: key, Rev: rev}), Do: append(ops, op)})
	})
}

// createHolding is create for a record that may have a permissions boundary.
func createHolding(ctx context.Context, s *State, key string, v any, boundary string) error {
	op, err := put(key, v)
	if err != nil {
		return err
	}
	return retry(ctx, func() error {
		conds, ops, err := s.count(ctx, holds{}.bound(boundary, 1))
		if err != nil {
			return err
		}
		err = s.commit(ctx, store.Txn{If: append(conds, store.Cond{Key: key, Rev: store.Absent}), Do: append(ops, op)})
		var conflict *store.ConflictError
		if errors.As(err, &conflict) && conflict.Key == key {
			return ErrExists
		}
		return err
	})
}

// removeHolding is remove for a record that may have a permissions boundary.
func removeHolding[T any](ctx context.Context, s *State, key string, check func(*T) (boundary string, also []store.Op, err error)) error {
	return retry(ctx, func() error {
		v, rev, err := read[T](ctx, s, key)
		if err != nil {
			return err
		}
		boundary, also, err := check(v)
		if err != nil {
			return err
		}
		conds, ops, err := s.count(ctx, holds{}.bound(boundary, -1))
		if err != nil {
			return err
		}
		return s.commit(ctx, store.Txn{
			If: append(conds, store.Cond{Key: key, Rev: rev}),
			Do: append(append(ops, del(key)), also...),
		})
	})
}
