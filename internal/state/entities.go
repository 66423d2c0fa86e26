package state

import (
	"context"
	"errors"
	"slices"

	"furl/internal/store"
)

// CreateUser stores a new user. ErrExists if there is one of that name in any
// case, ErrNoPolicy if its boundary is not there.
func (s *State) CreateUser(ctx context.Context, u *User) error {
	u.V = schema
	return createHolding(ctx, s, userKey(u.Account, u.Name), u, u.Boundary)
}

// UpdateUser lets change edit a user. ErrNotFound if there is none.
func (s *State) UpdateUser(ctx context.Context, account, name string, change func(*User) error) (*User, error) {
	return update(ctx, s, userKey(account, name), change)
}

// DeleteUser removes a user that check finds to have nothing left that depends
// on it; check's error ends it. ErrNotFound if there is none.
func (s *State) DeleteUser(ctx context.Context, account, name string, check func(*User) error) error {
	return removeHolding(ctx, s, userKey(account, name), func(u *User) (string, []store.Op, error) {
		return u.Boundary, nil, check(u)
	})
}

// CreateRole stores a new role; see CreateUser.
func (s *State) CreateRole(ctx context.Context, r *Role) error {
	r.V = schema
	return createHolding(ctx, s, roleKey(r.Account, r.Name), r, r.Boundary)
}

// UpdateRole lets change edit a role. ErrNotFound if there is none.
func (s *State) UpdateRole(ctx context.Context, account, name string, change func(*Role) error) (*Role, error) {
	return update(ctx, s, roleKey(account, name), change)
}

// DeleteRole is DeleteUser for roles.
func (s *State) DeleteRole(ctx context.Context, account, name string, check func(*Role) error) error {
	return removeHolding(ctx, s, roleKey(account, name), func(r *Role) (string, []store.Op, error) {
		return r.Boundary, []store.Op{del(usedKey(r.ID))}, check(r)
	})
}

func remove[T any](ctx context.Context, s *State, key string, check func(*T) error) error {
	return retry(ctx, func() error {
		v, rev, err := read[T](ctx, s, key)
		if err != nil {
			return err
		}
		if err := check(v); err != nil {
			return err
		}
		return s.commit(ctx, store.Txn{If: []store.Cond{{Key: key, Rev: rev}}, Do: []store.Op{del(key)}})
	})
}

// CreateAccessKey stores a new access key of a user with its secret sealed.
// check sees the user first, for example to count its keys. ErrNotFound if the
// user is gone, ErrExists if the id is taken.
func (s *State) CreateAccessKey(ctx context.Context, k *AccessKey, secret Secret, check func(*User) error) error {
	return addKey(ctx, s, userKey(k.Account, k.User), k, secret, check, func(u *User) *[]string { return &u.Keys })
}

// addKey stores a new access key and notes it with its owner, a user or an
// account.
func addKey[T any](ctx context.Context, s *State, owner string, k *AccessKey, secret Secret, check func(*T) error, keys func(*T) *[]string) error {
	k.V = schema
	k.Sealed = s.sealer.seal(secret, k)
	return retry(ctx, func() error {
		o, rev, err := read[T](ctx, s, owner)
		if err != nil {
			return err
		}
		if err := check(o); err != nil {
			return err
		}
		*keys(o) = append(*keys(o), k.ID)
		noted, err := put(owner, o)
		if err != nil {
			return err
		}
		access, err := put(accessKeyKey(k.ID), k)
		if err != nil {
			return err
		}
		err = s.commit(ctx, store.Txn{
			If: []store.Cond{{Key: owner, Rev: rev}, {Key: access.Key, Rev: store.Absent}},
			Do: []store.Op{noted, access},
		})
		var conflict *store.ConflictError
		if errors.As(err, &conflict) && conflict.Key == access.Key {
			return ErrExists
		}
		return err
	})
}

// UpdateAccessKey lets change edit an access key; its secret stays. ErrNotFound
// if there is none.
func (s *State) UpdateAccessKey(ctx context.Context, id string, change func(*AccessKey) error) error {
	_, err := update(ctx, s, accessKeyKey(id), change)
	return err
}

// DeleteAccessKey removes an access key of a user. ErrNotFound if the user has
// no such key.
func (s *State) DeleteAccessKey(ctx context.Context, account, user, id string) error {
	return removeKey(ctx, s, userKey(account, user), id, func(*User) error { return nil }, func(u *User) *[]string { return &u.Keys })
}

// removeKey is the inverse of addKey.
func removeKey[T any](ctx context.Context, s *State, owner, id string, check func(*T) error, keys func(*T) *[]string) error {
	return retry(ctx, func() error {
		o, rev, err := read[T](ctx, s, owner)
		if err != nil {
			return err
		}
		held := keys(o)
		i := slices.Index(*held, id)
		if i < 0 {
			return ErrNotFound
		}
		if err := check(o); err != nil {
			return err
		}
		*held = slices.Delete(*held, i, i+1)
		noted, err := put(owner, o)
		if err != nil {
			return err
		}
		return s.commit(ctx, store.Txn{
			If: []store.Cond{{Key: owner, Rev: rev}},
			Do: []store.Op{noted, del(accessKeyKey(id)), del(usedKey(id))},
		})
	})
}

// InitServer stores what the data directory belongs to, unless that is known
// already, and returns what is in force.
func (s *State) InitServer(ctx context.Context, rec *Server) (*Server, error) {
	rec.V = schema
	err := create(ctx, s, serverKey, rec)
	if err != nil && !errors.Is(err, ErrExists) {
		return nil, err
	}
	have, _, err := read[Server](ctx, s, serverKey)
	return have, err
}
