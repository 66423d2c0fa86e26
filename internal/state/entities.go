package state

import (
	"context"
	"errors"
	"slices"

	"furl/internal/store"
)

// CreateUser stores a new user. ErrExists if there is one of that name in any case.
func (s *State) CreateUser(ctx context.Context, u *User) error {
	u.V = schema
	return create(ctx, s, userKey(u.Account, u.Name), u)
}

// UpdateUser lets change edit a user. ErrNotFound if there is none.
func (s *State) UpdateUser(ctx context.Context, account, name string, change func(*User) error) (*User, error) {
	return update(ctx, s, userKey(account, name), change)
}

// DeleteUser removes a user that check finds to have nothing left that depends
// on it; check's error ends it. ErrNotFound if there is none.
func (s *State) DeleteUser(ctx context.Context, account, name string, check func(*User) error) error {
	return remove(ctx, s, userKey(account, name), check)
}

// CreateRole stores a new role. ErrExists if there is one of that name in any case.
func (s *State) CreateRole(ctx context.Context, r *Role) error {
	r.V = schema
	return create(ctx, s, roleKey(r.Account, r.Name), r)
}

// UpdateRole lets change edit a role. ErrNotFound if there is none.
func (s *State) UpdateRole(ctx context.Context, account, name string, change func(*Role) error) (*Role, error) {
	return update(ctx, s, roleKey(account, name), change)
}

// DeleteRole is DeleteUser for roles.
func (s *State) DeleteRole(ctx context.Context, account, name string, check func(*Role) error) error {
	return remove(ctx, s, roleKey(account, name), check)
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
	k.V = schema
	k.Sealed = s.sealer.seal(secret, k)
	key := userKey(k.Account, k.User)
	return retry(ctx, func() error {
		u, rev, err := read[User](ctx, s, key)
		if err != nil {
			return err
		}
		if err := check(u); err != nil {
			return err
		}
		u.Keys = append(u.Keys, k.ID)
		user, err := put(key, u)
		if err != nil {
			return err
		}
		access, err := put(accessKeyKey(k.ID), k)
		if err != nil {
			return err
		}
		err = s.commit(ctx, store.Txn{
			If: []store.Cond{{Key: key, Rev: rev}, {Key: access.Key, Rev: store.Absent}},
			Do: []store.Op{user, access},
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
	key := userKey(account, user)
	return retry(ctx, func() error {
		u, rev, err := read[User](ctx, s, key)
		if err != nil {
			return err
		}
		i := slices.Index(u.Keys, id)
		if i < 0 {
			return ErrNotFound
		}
		u.Keys = slices.Delete(u.Keys, i, i+1)
		op, err := put(key, u)
		if err != nil {
			return err
		}
		return s.commit(ctx, store.Txn{
			If: []store.Cond{{Key: key, Rev: rev}},
			Do: []store.Op{op, del(accessKeyKey(id))},
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
