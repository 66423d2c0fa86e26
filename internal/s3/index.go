package s3

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"furl/internal/policy"
	"furl/internal/store"
)

// bucket is a bucket as it is in memory: all that its records say, in the order in which lists want it. Who changes it
// takes its turn first, commits, and then shows the change.
type bucket struct {
	turn chan struct{} // holds one token
	// stale says that a commit's outcome is not known. It belongs to whose turn it is.
	stale bool
	seq   int64 // likewise: the last that was given

	mu      sync.RWMutex
	rec     *Bucket
	policy  *policy.Source
	objects map[string]*object
	keys    []string // of objects, in order
	uploads map[string]*upload
	gone    bool
}

// object is a key with its versions, the newest first.
type object struct {
	key      string
	versions []*Version
}

// current is the version that the key stands for, nil for none and where it is a delete marker.
func (o *object) current() *Version {
	if o == nil || len(o.versions) == 0 || o.versions[0].Marker {
		return nil
	}
	return o.versions[0]
}

// find returns the version with an id.
func (o *object) find(id string) *Version {
	if o != nil {
		for _, v := range o.versions {
			if v.ID == id {
				return v
			}
		}
	}
	return nil
}

func newBucket(rec *Bucket) (*bucket, error) {
	b := &bucket{turn: make(chan struct{}, 1), objects: map[string]*object{}, uploads: map[string]*upload{}}
	b.turn <- struct{}{}
	return b, b.setRecord(rec)
}

// setRecord shows a new record of the bucket, whose policy is compiled here.
func (b *bucket) setRecord(rec *Bucket) error {
	var source *policy.Source
	if rec.Policy != "" {
		p, err := policy.Parse([]byte(rec.Policy), policy.Resource)
		if err != nil {
			return fmt.Errorf("s3: policy of bucket %s: %w", rec.Name, err)
		}
		source = &policy.Source{Name: "policy of " + rec.ARN(), Policy: p.BindPrincipals(rec.PrincipalIDs)}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.rec, b.policy = rec, source
	return nil
}

// record is the bucket's record and policy as they are now.
func (b *bucket) record() (*Bucket, *policy.Source) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.rec, b.policy
}

// object is a copy of a key's versions.
func (b *bucket) object(key string) *object {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.objects[key]
}

// add shows a version. An object that was handed out is not changed: readers hold it.
func (b *bucket) add(v *Version) (replaced bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.insert(v)
}

func (b *bucket) insert(v *Version) (replaced bool) {
	key := string(v.Key)
	next := &object{key: key}
	old := b.objects[key]
	if old == nil {
		i, _ := slices.BinarySearch(b.keys, key)
		b.keys = slices.Insert(b.keys, i, key)
	} else {
		for _, o := range old.versions {
			if o.ID == v.ID {
				replaced = true
				continue
			}
			next.versions = append(next.versions, o)
		}
	}
	i, _ := slices.BinarySearchFunc(next.versions, v, func(a, b *Version) int { return cmp.Compare(b.Seq, a.Seq) })
	next.versions = slices.Insert(next.versions, i, v)
	b.objects[key] = next
	b.seq = max(b.seq, v.Seq)
	return replaced
}

// drop takes a version away.
func (b *bucket) drop(v *Version) {
	b.mu.Lock()
	defer b.mu.Unlock()
	key := string(v.Key)
	old := b.objects[key]
	if old == nil {
		return
	}
	next := &object{key: key}
	for _, o := range old.versions {
		if o.ID != v.ID {
			next.versions = append(next.versions, o)
		}
	}
	if len(next.versions) > 0 {
		b.objects[key] = next
		return
	}
	delete(b.objects, key)
	if i, ok := slices.BinarySearch(b.keys, key); ok {
		b.keys = slices.Delete(b.keys, i, i+1)
	}
}

// load reads all buckets from the store.
func (s *Service) load(ctx context.Context) error {
	_, err := s.store.Load(ctx, bucketPrefix, func(rec store.Rec) error {
		r, err := decode[Bucket](rec.Key, rec.Val)
		if err != nil {
			return err
		}
		s.buckets[r.Name], err = newBucket(r)
		return err
	})
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(s.buckets)) {
		if err := s.loadContent(ctx, s.buckets[name], name); err != nil {
			return err
		}
	}
	return nil
}

// loadContent reads what is in a bucket.
func (s *Service) loadContent(ctx context.Context, b *bucket, name string) error {
	fresh := &bucket{objects: map[string]*object{}, uploads: map[string]*upload{}}
	_, err := s.store.Load(ctx, versionPrefix+name+"/", func(rec store.Rec) error {
		v, err := decode[Version](rec.Key, rec.Val)
		if err == nil {
			fresh.insert(v)
		}
		return err
	})
	if err != nil {
		return err
	}
	_, err = s.store.Load(ctx, uploadPrefix+name+"/", func(rec store.Rec) error {
		u, err := decode[upload](rec.Key, rec.Val)
		if err == nil {
			u.parts = map[int]*part{}
			fresh.uploads[u.ID] = u
		}
		return err
	})
	if err != nil {
		return err
	}
	_, err = s.store.Load(ctx, partPrefix+name+"/", func(rec store.Rec) error {
		p, err := decode[part](rec.Key, rec.Val)
		id, _ := cutToken(rec.Key, partPrefix+name+"/")
		if u := fresh.uploads[id]; err == nil && u != nil {
			u.parts[p.Number] = p
		}
		return err
	})
	if err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	s.objects.Add(fresh.count() - b.count())
	b.objects, b.keys, b.uploads, b.seq = fresh.objects, fresh.keys, fresh.uploads, max(b.seq, fresh.seq)
	return nil
}

// count is how many versions there are; mu must be held.
func (b *bucket) count() (n int64) {
	for _, o := range b.objects {
		n += int64(len(o.versions))
	}
	return n
}

// all lists the buckets by name.
func (s *Service) all() []*bucket {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var list []*bucket
	for _, name := range slices.Sorted(maps.Keys(s.buckets)) {
		list = append(list, s.buckets[name])
	}
	return list
}

// find returns a bucket.
func (s *Service) find(name string) (*bucket, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if b := s.buckets[name]; b != nil {
		return b, nil
	}
	return nil, noSuchBucket(name)
}

// take waits for the caller's turn to change a bucket; it must call release then.
func (s *Service) take(ctx context.Context, b *bucket) (release func(), err error) {
	select {
	case <-b.turn:
	case <-ctx.Done():
		return nil, fmt.Errorf("s3: wait to change a bucket: %w", ctx.Err())
	}
	release = func() { b.turn <- struct{}{} }
	rec, _ := b.record()
	b.mu.RLock()
	gone := b.gone
	b.mu.RUnlock()
	switch {
	case gone:
		err = noSuchBucket(rec.Name)
	case b.stale:
		if err = s.reload(ctx, b, rec.Name); err == nil {
			b.stale = false
		}
	}
	if err != nil {
		release()
		return nil, err
	}
	return release, nil
}

// reload reads a bucket anew.
func (s *Service) reload(ctx context.Context, b *bucket, name string) error {
	recs, err := s.store.Get(ctx, bucketPrefix+name)
	if err != nil {
		return err
	}
	if recs[0].Val == nil {
		s.forget(b, name)
		return noSuchBucket(name)
	}
	rec, err := decode[Bucket](recs[0].Key, recs[0].Val)
	if err != nil {
		return err
	}
	if err := b.setRecord(rec); err != nil {
		return err
	}
	return s.loadContent(ctx, b, name)
}

// forget takes a bucket away that is no more.
func (s *Service) forget(b *bucket, name string) {
	b.mu.Lock()
	b.gone = true
	n := b.count()
	b.mu.Unlock()
	s.objects.Add(-n)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.buckets[name] == b {
		delete(s.buckets, name)
	}
}

// commit makes a change of a bucket durable; it is the caller's turn. The change goes on when the client goes away, so
// that what is shown is what is kept.
func (s *Service) commit(ctx context.Context, b *bucket, ops ...store.Op) error {
	rec, _ := b.record()
	txn := store.Txn{If: []store.Cond{{Key: rec.key(), Rev: store.Exists}}, Do: ops}
	_, err := s.store.Commit(context.WithoutCancel(ctx), txn)
	if err == nil {
		return nil
	}
	if !errors.Is(err, store.ErrConflict) && !errors.Is(err, store.ErrBusy) {
		b.stale = true
	}
	return fmt.Errorf("s3: change bucket %s: %w", rec.Name, err)
}

// put is an operation that writes a record.
func put(key string, v any) (store.Op, error) {
	val, err := encode(v)
	return store.Op{Key: key, Val: val}, err
}

// from is the index of the first key at or after a text.
func (b *bucket) from(text string) int {
	i, _ := slices.BinarySearch(b.keys, text)
	return i
}

// after is the first text in order that begins with none that prefix begins; empty for none.
func after(prefix string) string {
	p := []byte(prefix)
	p = bytes.TrimRight(p, "\xff")
	if len(p) == 0 {
		return ""
	}
	p[len(p)-1]++
	return string(p)
}

// hasKeys reports whether anything is in the bucket, uploads aside.
func (b *bucket) hasKeys() bool {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return len(b.keys) > 0
}

// validKey holds for what an object can be called: any bytes.
func validKey(key string) bool { return key != "" && len(key) <= maxKey }

// maxKey is the greatest length of a key, in bytes.
const maxKey = 1024
