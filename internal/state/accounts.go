package state

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"furl/internal/store"
)

// Account is the record of an account of this server beside the one that the
// data directory belongs to.
type Account struct {
	V       int       `json:"v"`
	ID      string    `json:"id"` // 12 digits
	Name    string    `json:"name,omitempty"`
	Created time.Time `json:"created"`
	// Keys are the ids of its root's access keys, oldest first.
	Keys []string `json:"keys,omitempty"`
}

// Revocation is the record that ends a session before its time.
type Revocation struct {
	V       int       `json:"v"`
	ID      string    `json:"id"` // of the session's access key, ASIA…
	Account string    `json:"account"`
	Created time.Time `json:"created"`
	// Expires is when the session has ended anyway and the record may go.
	Expires time.Time `json:"expires"`
}

// RootUser is AccessKey.User of the keys of an account's root.
const RootUser = ""

func localAccountKey(id string) string { return "acct/" + id }

func revocationKey(id string) string { return "rv/" + id }

// CreateAccount stores a new account with the first access key of its root.
// ErrExists if there is one of that id, or the key's id is taken.
func (s *State) CreateAccount(ctx context.Context, a *Account, k *AccessKey, secret Secret) error {
	a.V, a.Keys = schema, []string{k.ID}
	k.V, k.Account, k.User = schema, a.ID, RootUser
	k.Sealed = s.sealer.seal(secret, k)
	access, err := put(accessKeyKey(k.ID), k)
	if err != nil {
		return err
	}
	account, err := put(localAccountKey(a.ID), a)
	if err != nil {
		return err
	}
	err = s.commit(ctx, store.Txn{
		If: []store.Cond{{Key: account.Key, Rev: store.Absent}, {Key: access.Key, Rev: store.Absent}},
		Do: []store.Op{account, access},
	})
	if errors.Is(err, store.ErrConflict) {
		return ErrExists
	}
	return err
}

// CreateRootKey stores a new access key of an account's root; see
// CreateAccessKey.
func (s *State) CreateRootKey(ctx context.Context, k *AccessKey, secret Secret, check func(*Account) error) error {
	k.User = RootUser
	return addKey(ctx, s, localAccountKey(k.Account), k, secret, check, func(a *Account) *[]string { return &a.Keys })
}

// DeleteRootKey removes an access key of an account's root. check sees the
// account first. ErrNotFound if it has no such key.
func (s *State) DeleteRootKey(ctx context.Context, account, id string, check func(*Account) error) error {
	return removeKey(ctx, s, localAccountKey(account), id, check, func(a *Account) *[]string { return &a.Keys })
}

// Revoke ends a session before its time, and drops what was noted of sessions
// that have ended since.
func (s *State) Revoke(ctx context.Context, r *Revocation) error {
	r.V = schema
	op, err := put(revocationKey(r.ID), r)
	if err != nil {
		return err
	}
	txn := store.Txn{Do: []store.Op{op}}
	for id, old := range s.Snapshot().revocations.all() {
		if id != r.ID && old.Expires.Before(r.Created) {
			txn.Do = append(txn.Do, del(revocationKey(id)))
		}
	}
	return s.commit(ctx, txn)
}

// Account returns an account beside the first one, nil if there is none.
func (s *Snapshot) Account(id string) *Account {
	a, _ := s.owned.get(s.seed, id)
	return a
}

// Accounts returns the accounts beside the first one, sorted by id.
func (s *Snapshot) Accounts() []*Account {
	var all []*Account
	for _, a := range s.owned.all() {
		all = append(all, a)
	}
	slices.SortFunc(all, func(a, b *Account) int { return cmp.Compare(a.ID, b.ID) })
	return all
}

// FirstAccount is the account that the data directory belongs to, empty before
// the first start wrote it.
func (s *Snapshot) FirstAccount() string {
	if s.server == nil {
		return ""
	}
	return s.server.Account
}

// HasAccount reports whether an account is one of this server's.
func (s *Snapshot) HasAccount(id string) bool {
	return id != "" && s.FirstAccount() == id || s.Account(id) != nil
}

// Revoked reports whether the session with this access key was ended.
func (s *Snapshot) Revoked(id string) bool {
	_, revoked := s.revocations.get(s.seed, id)
	return revoked
}

func (c *change) applyAccount(rec store.Rec, id string) error {
	if rec.Val == nil {
		c.owned.del(id)
		return nil
	}
	a, err := decode[Account](rec)
	if err != nil {
		return err
	}
	c.owned.set(a.ID, a)
	return nil
}

func (c *change) applyRevocation(rec store.Rec, id string) error {
	if rec.Val == nil {
		c.revocations.del(id)
		return nil
	}
	r, err := decode[Revocation](rec)
	if err != nil {
		return err
	}
	c.revocations.set(r.ID, r)
	return nil
}
