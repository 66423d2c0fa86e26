package state

import (
	"context"
	"errors"

	"furl/internal/store"
)

// ID returns the name under which the function is stored.
func (f *Function) ID() FunctionID { return FunctionID{f.Account, f.Region, f.Name} }

// CreateFunction stores a new function. ErrExists if there is one of that name.
func (s *State) CreateFunction(ctx context.Context, f *Function) error {
	f.V = schema
	return create(ctx, s, f.ID().key(), f)
}

// CreatePublished stores a new function with its first version. ErrExists if there
// is a function of that name.
func (s *State) CreatePublished(ctx context.Context, f *Function, first *Version) error {
	f.V = schema
	version, err := f.publish(first)
	if err != nil {
		return err
	}
	return create(ctx, s, f.ID().key(), f, version)
}

// UpdateFunction lets change edit a function and stores it; change may run
// several times. ErrNotFound if there is none.
func (s *State) UpdateFunction(ctx context.Context, id FunctionID, change func(*Function) error) (*Function, error) {
	return update(ctx, s, id.key(), change)
}

// DeleteFunction removes a function with everything that belongs to it: its
// URLs, its policies. ErrNotFound if there is none.
func (s *State) DeleteFunction(ctx context.Context, id FunctionID) error {
	return retry(ctx, func() error {
		_, rev, err := read[Function](ctx, s, id.key())
		if err != nil {
			return err
		}
		do := []store.Op{del(id.key()), {Key: id.key() + "/", Prefix: true}}
		// Creating a URL writes the function's record too, so a URL made after
		// this listing changes rev and the commit below conflicts.
		urls, err := s.store.List(ctx, id.key()+"/ur/", "", maxURLs)
		if err != nil {
			return err
		}
		for _, rec := range urls {
			u, err := decode[URLConfig](rec)
			if err != nil {
				return err
			}
			do = append(do, del(urlIDKey(u.ID)))
		}
		return s.commit(ctx, store.Txn{If: []store.Cond{{Key: id.key(), Rev: rev}}, Do: do})
	})
}

// maxURLs bounds the URLs of one function: one for each alias and one without.
const maxURLs = 10_000

// CreateURL stores a new function URL. ErrNotFound if the function or the alias is gone,
// ErrExists if that qualifier has a URL or the url-id is taken.
func (s *State) CreateURL(ctx context.Context, u *URLConfig) error {
	u.V = schema
	id := FunctionID{u.Account, u.Region, u.Function}
	return retry(ctx, func() error {
		f, rev, err := read[Function](ctx, s, id.key())
		if err != nil {
			return err
		}
		touched, err := put(id.key(), f)
		if err != nil {
			return err
		}
		owned := id.qualifierKey(u.Qualifier)
		config, err := put(id.urlKey(u.Qualifier), u)
		if err != nil {
			return err
		}
		owner, err := put(urlIDKey(u.ID), id.urlKey(u.Qualifier))
		if err != nil {
			return err
		}
		txn := store.Txn{
			If: []store.Cond{
				{Key: id.key(), Rev: rev},
				{Key: config.Key, Rev: store.Absent},
				{Key: owner.Key, Rev: store.Absent},
			},
			Do: []store.Op{touched, config, owner},
		}
		if owned != id.key() {
			txn.If = append(txn.If, store.Cond{Key: owned, Rev: store.Exists})
		}
		err = s.commit(ctx, txn)
		var conflict *store.ConflictError
		switch {
		case !errors.As(err, &conflict) || conflict.Key == id.key():
			return err
		case conflict.Key == owned:
			return ErrNotFound
		case conflict.Key == owner.Key:
			return ErrTaken
		}
		return ErrExists
	})
}

// UpdateURL lets change edit a URL's configuration. ErrNotFound if there is none.
func (s *State) UpdateURL(ctx context.Context, id FunctionID, qualifier string, change func(*URLConfig) error) (*URLConfig, error) {
	return update(ctx, s, id.urlKey(qualifier), change)
}

// DeleteURL removes a URL; its address never answers again. ErrNotFound if
// there is none.
func (s *State) DeleteURL(ctx context.Context, id FunctionID, qualifier string) error {
	return retry(ctx, func() error {
		u, rev, err := read[URLConfig](ctx, s, id.urlKey(qualifier))
		if err != nil {
			return err
		}
		return s.commit(ctx, store.Txn{
			If: []store.Cond{{Key: id.urlKey(qualifier), Rev: rev}},
			Do: []store.Op{del(id.urlKey(qualifier)), del(urlIDKey(u.ID))},
		})
	})
}

// UpdatePolicy lets change edit the resource policy of a function and
// qualifier. It is given nil where there is none and returns nil to remove it.
// ErrNotFound if the function, the version or the alias is gone.
func (s *State) UpdatePolicy(ctx context.Context, id FunctionID, qualifier string, change func(*FunctionPolicy) (*FunctionPolicy, error)) error {
	return updateChild(ctx, s, id.qualifierKey(qualifier), id.policyKey(qualifier), func(p *FunctionPolicy) (*FunctionPolicy, error) {
		next, err := change(p)
		if next != nil {
			next.V, next.Account, next.Region, next.Function, next.Qualifier = schema, id.Account, id.Region, id.Name, qualifier
		}
		return next, err
	})
}
