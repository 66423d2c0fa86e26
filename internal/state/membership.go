package state

import (
	"context"
	"errors"
	"slices"

	"furl/internal/arn"
	"furl/internal/store"
)

// ErrNoGroup says that the group that a change of a user names is not there.
var ErrNoGroup = errors.New("state: no such group")

// CreateGroup stores a new group. ErrExists if there is one of that name in any
// case.
func (s *State) CreateGroup(ctx context.Context, g *Group) error {
	g.V = schema
	return create(ctx, s, groupKey(g.Account, g.Name), g)
}

// UpdateGroup lets change edit a group, all but its name. ErrNotFound if there
// is none.
func (s *State) UpdateGroup(ctx context.Context, account, name string, change func(*Group) error) (*Group, error) {
	return update(ctx, s, groupKey(account, name), change)
}

// DeleteGroup removes a group that check finds to be empty; check's error ends
// it. ErrNotFound if there is none.
func (s *State) DeleteGroup(ctx context.Context, account, name string, check func(*Group) error) error {
	return remove(ctx, s, groupKey(account, name), check)
}

// RenameGroup gives a group another name or path; its users stay in it. Empty
// ones stay as they are. ErrNotFound if there is none, ErrExists if the new name
// is taken.
func (s *State) RenameGroup(ctx context.Context, account, name, newName, newPath string) error {
	return rename(ctx, s, groupKey(account, name), func(g *Group) (string, []store.Op, []store.Cond, error) {
		g.Name, g.Path = or(newName, g.Name), or(newPath, g.Path)
		return groupKey(account, g.Name), nil, nil, nil
	})
}

// RenameUser gives a user another name or path; see RenameGroup. Its access keys
// stay good.
func (s *State) RenameUser(ctx context.Context, account, name, newName, newPath string) error {
	return rename(ctx, s, userKey(account, name), func(u *User) (string, []store.Op, []store.Cond, error) {
		old := u.Name
		u.Name, u.Path = or(newName, u.Name), or(newPath, u.Path)
		if u.Name == old {
			return userKey(account, u.Name), nil, nil, nil
		}
		ops, conds, err := s.resealKeys(ctx, u)
		return userKey(account, u.Name), ops, conds, err
	})
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// resealKeys gives a user's access keys to the name it has now: their secrets
// are sealed for the owner.
func (s *State) resealKeys(ctx context.Context, u *User) (ops []store.Op, conds []store.Cond, err error) {
	for _, id := range u.Keys {
		key := accessKeyKey(id)
		k, rev, err := read[AccessKey](ctx, s, key)
		if err != nil {
			return nil, nil, err
		}
		secret, err := s.sealer.open(k)
		if err != nil {
			return nil, nil, err
		}
		k.User = u.Name
		k.Sealed = s.sealer.seal(secret, k)
		op, err := put(key, k)
		if err != nil {
			return nil, nil, err
		}
		ops, conds = append(ops, op), append(conds, store.Cond{Key: key, Rev: rev})
	}
	return ops, conds, nil
}

// rename lets change edit a record and say which key it has then, and what else
// changes with it.
func rename[T any](ctx context.Context, s *State, key string, change func(*T) (string, []store.Op, []store.Cond, error)) error {
	return retry(ctx, func() error {
		v, rev, err := read[T](ctx, s, key)
		if err != nil {
			return err
		}
		next, ops, conds, err := change(v)
		if err != nil {
			return err
		}
		op, err := put(next, v)
		if err != nil {
			return err
		}
		txn := store.Txn{If: append(conds, store.Cond{Key: key, Rev: rev}), Do: append(ops, op)}
		if next != key {
			txn.If = append(txn.If, store.Cond{Key: next, Rev: store.Absent})
			txn.Do = append([]store.Op{del(key)}, txn.Do...)
		}
		err = s.commit(ctx, txn)
		var conflict *store.ConflictError
		if errors.As(err, &conflict) && next != key && conflict.Key == next {
			return ErrExists
		}
		return err
	})
}

// AddToGroup puts a user into a group; once more changes nothing. check sees the
// ids of the user's groups first. ErrNotFound if there is no such user,
// ErrNoGroup if there is no such group.
func (s *State) AddToGroup(ctx context.Context, account, user, group string, check func(groups []string) error) error {
	return s.changeGroups(ctx, account, user, group, func(u *User, g *Group) (bool, error) {
		if slices.Contains(u.Groups, g.ID) {
			return false, nil
		}
		if err := check(u.Groups); err != nil {
			return false, err
		}
		u.Groups = append(u.Groups, g.ID)
		g.Members++
		return true, nil
	})
}

// RemoveFromGroup takes a user out of a group. ErrNotMember if it is not in it;
// see AddToGroup.
func (s *State) RemoveFromGroup(ctx context.Context, account, user, group string) error {
	return s.changeGroups(ctx, account, user, group, func(u *User, g *Group) (bool, error) {
		i := slices.Index(u.Groups, g.ID)
		if i < 0 {
			return false, ErrNotMember
		}
		u.Groups = slices.Delete(u.Groups, i, i+1)
		g.Members--
		return true, nil
	})
}

// ErrNotMember says that a user is not in a group.
var ErrNotMember = errors.New("state: not a member of the group")

func (s *State) changeGroups(ctx context.Context, account, user, group string, change func(*User, *Group) (bool, error)) error {
	uKey, gKey := userKey(account, user), groupKey(account, group)
	return retry(ctx, func() error {
		g, gRev, err := read[Group](ctx, s, gKey)
		if errors.Is(err, ErrNotFound) {
			return ErrNoGroup
		}
		if err != nil {
			return err
		}
		u, uRev, err := read[User](ctx, s, uKey)
		if err != nil {
			return err
		}
		if changed, err := change(u, g); err != nil || !changed {
			return err
		}
		uOp, err := put(uKey, u)
		if err != nil {
			return err
		}
		gOp, err := put(gKey, g)
		if err != nil {
			return err
		}
		return s.commit(ctx, store.Txn{
			If: []store.Cond{{Key: uKey, Rev: uRev}, {Key: gKey, Rev: gRev}},
			Do: []store.Op{uOp, gOp},
		})
	})
}

// SetAlias gives an account another alias, none where it is empty. check sees
// the one there is first.
func (s *State) SetAlias(ctx context.Context, account, alias string, check func(alias string) error) error {
	key := accountKey(account)
	return retry(ctx, func() error {
		n, rev, err := read[AccountNames](ctx, s, key)
		if errors.Is(err, ErrNotFound) {
			n, rev, err = &AccountNames{V: schema, Account: account}, store.Absent, nil
		}
		if err != nil {
			return err
		}
		if err := check(n.Alias); err != nil {
			return err
		}
		n.Alias = alias
		op, err := put(key, n)
		if err != nil {
			return err
		}
		return s.commit(ctx, store.Txn{If: []store.Cond{{Key: key, Rev: rev}}, Do: []store.Op{op}})
	})
}

// isPolicy reports whether a policy has exactly this ARN, path included.
func isPolicy(p *ManagedPolicy, policyARN string) bool {
	return arn.Policy(p.Account, p.Path, p.Name) == policyARN
}
