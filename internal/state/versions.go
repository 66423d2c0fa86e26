package state

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"furl/internal/store"
)

// maxAliases bounds the aliases of one function that a transaction looks at.
const maxAliases = 10_000

// Publish lets change edit a function and makes a version of its $LATEST,
// which finish may then edit, too. When the last version was made of the same,
// that one is returned and nothing is stored but what change edited. ErrNotFound
// if there is no such function.
func (s *State) Publish(ctx context.Context, id FunctionID, change func(*Function) error, finish func(*Function, *Version)) (*Function, *Version, error) {
	var f *Function
	var v *Version
	err := retry(ctx, func() error {
		var rev store.Rev
		var err error
		if f, rev, err = read[Function](ctx, s, id.key()); err != nil {
			return err
		}
		before, err := content(f)
		if err != nil {
			return err
		}
		if err := change(f); err != nil {
			return err
		}
		if v, err = s.lastVersion(ctx, f); err != nil {
			return err
		}
		txn := store.Txn{If: []store.Cond{{Key: id.key(), Rev: rev}}}
		if v == nil {
			next := f.Latest
			v = &next
			finish(f, v)
			op, err := f.publish(v)
			if err != nil {
				return err
			}
			txn.If = append(txn.If, store.Cond{Key: op.Key, Rev: store.Absent})
			txn.Do = append(txn.Do, op)
		}
		after, err := content(f)
		if err != nil || string(before) == string(after) {
			return err
		}
		op, err := put(id.key(), f)
		if err != nil {
			return err
		}
		txn.Do = append(txn.Do, op)
		return s.commit(ctx, txn)
	})
	if err != nil {
		return nil, nil, err
	}
	return f, v, nil
}

func content(f *Function) ([]byte, error) {
	b, err := json.Marshal(f)
	if err != nil {
		return nil, fmt.Errorf("state: encode function %s: %w", f.Name, err)
	}
	return b, nil
}

// lastVersion is the last version, if it was made of what $LATEST is now.
func (s *State) lastVersion(ctx context.Context, f *Function) (*Version, error) {
	sum, err := f.Latest.source()
	if err != nil || f.Published == 0 || f.PublishedDigest != sum {
		return nil, err
	}
	v, _, err := read[Version](ctx, s, f.ID().versionKey(strconv.Itoa(f.Published)))
	if errors.Is(err, ErrNotFound) { // it was deleted
		return nil, nil
	}
	return v, err
}

// publish makes v the function's next version.
func (f *Function) publish(v *Version) (store.Op, error) {
	sum, err := f.Latest.source()
	if err != nil {
		return store.Op{}, err
	}
	f.Published, f.PublishedDigest = f.Published+1, sum
	v.V, v.Number = schema, strconv.Itoa(f.Published)
	return put(f.ID().versionKey(v.Number), v)
}

// source tells apart what versions are made of: code and configuration.
func (v *Version) source() (string, error) {
	made := *v
	made.RevisionID, made.State, made.UpdateStatus, made.LastModified = "", "", "", time.Time{}
	b, err := json.Marshal(made)
	if err != nil {
		return "", fmt.Errorf("state: encode version: %w", err)
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:16]), nil
}

// UpdateVersion lets change edit a published version's lifecycle. ErrNotFound if
// there is none.
func (s *State) UpdateVersion(ctx context.Context, id FunctionID, number string, change func(*Version) error) (*Version, error) {
	return update(ctx, s, id.versionKey(number), change)
}

// DeleteVersion removes a published version with its policy and its EventConfig. ErrNotFound if there
// is none, an *InUseError if aliases lead to it.
func (s *State) DeleteVersion(ctx context.Context, id FunctionID, number string) error {
	return retry(ctx, func() error {
		_, rev, err := read[Version](ctx, s, id.versionKey(number))
		if err != nil {
			return err
		}
		// To create or change an alias writes the versions it leads to, so one that
		// is made after this listing changes rev.
		recs, err := s.store.List(ctx, id.key()+"/al/", "", maxAliases)
		if err != nil {
			return err
		}
		var users []string
		for _, rec := range recs {
			a, err := decode[Alias](rec)
			if err != nil {
				return err
			}
			if a.Version == number || a.Other == number {
				users = append(users, a.Name)
			}
		}
		if len(users) > 0 {
			return &InUseError{By: users}
		}
		txn := store.Txn{
			If: []store.Cond{{Key: id.versionKey(number), Rev: rev}},
			Do: []store.Op{del(id.versionKey(number))},
		}
		for _, key := range []string{id.policyKey(number), id.eventKey(number), id.provisionKey(number)} {
			also, err := s.removal(ctx, key)
			if err != nil {
				return err
			}
			txn.If, txn.Do = append(txn.If, also.If...), append(txn.Do, also.Do...)
		}
		return s.commit(ctx, txn)
	})
}

// InUseError says which aliases lead to a version that was to be deleted.
type InUseError struct{ By []string }

func (e *InUseError) Error() string { return fmt.Sprintf("state: in use by %v", e.By) }

// removal is the part of a transaction that deletes a record, if it is there.
func (s *State) removal(ctx context.Context, key string) (store.Txn, error) {
	recs, err := s.store.Get(ctx, key)
	if err != nil {
		return store.Txn{}, fmt.Errorf("state: read %q: %w", key, err)
	}
	if len(recs) == 0 || recs[0].Val == nil {
		return store.Txn{If: []store.Cond{{Key: key, Rev: store.Absent}}}, nil
	}
	return store.Txn{If: []store.Cond{{Key: key, Rev: recs[0].Rev}}, Do: []store.Op{del(key)}}, nil
}

// CreateAlias stores a new alias. ErrExists if there is one of that name,
// a *MissingError if the function or one of its versions is gone.
func (s *State) CreateAlias(ctx context.Context, a *Alias) error {
	a.V = schema
	id := FunctionID{a.Account, a.Region, a.Function}
	return retry(ctx, func() error {
		txn, err := s.pointing(ctx, id, a)
		if err != nil {
			return err
		}
		key := id.aliasKey(a.Name)
		txn.If = append(txn.If, store.Cond{Key: key, Rev: store.Absent})
		err = s.commit(ctx, txn)
		var conflict *store.ConflictError
		if errors.As(err, &conflict) && conflict.Key == key {
			return ErrExists
		}
		return err
	})
}

// UpdateAlias lets change edit an alias. ErrNotFound if there is none,
// a *MissingError if a version that it is to lead to is gone.
func (s *State) UpdateAlias(ctx context.Context, id FunctionID, name string, change func(*Alias) error) (*Alias, error) {
	var a *Alias
	err := retry(ctx, func() error {
		var rev store.Rev
		var err error
		if a, rev, err = read[Alias](ctx, s, id.aliasKey(name)); err != nil {
			return err
		}
		if err := change(a); err != nil {
			return err
		}
		txn, err := s.pointing(ctx, id, a)
		if err != nil {
			return err
		}
		txn.If = append(txn.If, store.Cond{Key: id.aliasKey(name), Rev: rev})
		return s.commit(ctx, txn)
	})
	if err != nil {
		return nil, err
	}
	return a, nil
}

// MissingError names the qualifier of what an alias cannot lead to.
type MissingError struct{ Version string }

func (e *MissingError) Error() string { return "state: there is no version " + e.Version }

// pointing is the transaction that writes an alias. It writes the versions, too,
// so that deleting one of them at the same time fails.
func (s *State) pointing(ctx context.Context, id FunctionID, a *Alias) (store.Txn, error) {
	op, err := put(id.aliasKey(a.Name), a)
	if err != nil {
		return store.Txn{}, err
	}
	txn := store.Txn{Do: []store.Op{op}}
	for _, version := range slices.Compact([]string{a.Version, a.Other}) {
		if version == "" {
			continue
		}
		key := id.qualifierKey(version)
		recs, err := s.store.Get(ctx, key)
		if err != nil {
			return store.Txn{}, fmt.Errorf("state: read %q: %w", key, err)
		}
		if len(recs) == 0 || recs[0].Val == nil {
			return store.Txn{}, &MissingError{version}
		}
		txn.If = append(txn.If, store.Cond{Key: key, Rev: recs[0].Rev})
		txn.Do = append(txn.Do, store.Op{Key: key, Val: recs[0].Val})
	}
	return txn, nil
}

// DeleteAlias removes an alias with its policy, its EventConfig and its URL. ErrNotFound if there
// is none.
func (s *State) DeleteAlias(ctx context.Context, id FunctionID, name string) error {
	return retry(ctx, func() error {
		_, rev, err := read[Alias](ctx, s, id.aliasKey(name))
		if err != nil {
			return err
		}
		txn := store.Txn{
			If: []store.Cond{{Key: id.aliasKey(name), Rev: rev}},
			Do: []store.Op{del(id.aliasKey(name))},
		}
		for _, key := range []string{id.policyKey(name), id.eventKey(name), id.provisionKey(name)} {
			also, err := s.removal(ctx, key)
			if err != nil {
				return err
			}
			txn.If, txn.Do = append(txn.If, also.If...), append(txn.Do, also.Do...)
		}
		u, urlRev, err := read[URLConfig](ctx, s, id.urlKey(name))
		switch {
		case err == nil:
			txn.Do = append(txn.Do, del(id.urlKey(name)), del(urlIDKey(u.ID)))
		case errors.Is(err, ErrNotFound):
			urlRev = store.Absent
		default:
			return err
		}
		txn.If = append(txn.If, store.Cond{Key: id.urlKey(name), Rev: urlRev})
		return s.commit(ctx, txn)
	})
}
