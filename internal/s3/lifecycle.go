package s3

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"furl/internal/store"
)

// PutBucketLifecycleConfiguration replaces a bucket's rules. Expire carries them out.
func (s *Service) PutBucketLifecycleConfiguration(ctx context.Context, in *PutBucketLifecycleConfigurationRequest) error {
	return s.change(ctx, in.Bucket, "PutLifecycleConfiguration", func(b *Bucket) error {
		if len(in.Rules) == 0 || len(in.Rules) > maxRules {
			return malformedXML()
		}
		ids := map[string]bool{}
		rules := make([]LifecycleRule, len(in.Rules))
		for i, r := range in.Rules {
			if r.ID == "" {
				r.ID = newID(18)
			}
			if ids[r.ID] {
				return invalidArgument("ID", r.ID, "Rule ID must be unique. Found same ID for more than one rule")
			}
			ids[r.ID] = true
			if err := r.check(); err != nil {
				return err
			}
			rules[i] = r
		}
		b.Lifecycle = rules
		return nil
	})
}

// check refuses a rule that means nothing.
func (r *LifecycleRule) check() error {
	switch {
	case utf8.RuneCountInString(r.ID) > 255:
		return invalidArgument("ID", r.ID, "ID length should not exceed allowed limit of 255")
	case r.ExpirationDays < 0 || r.NoncurrentDays < 0 || r.DaysAfterInitiation < 0 || r.NewerNoncurrentVersions < 0:
		return invalidArgument("Days", "", "'Days' for Expiration action must be a positive integer")
	case r.ExpirationDays > 0 && r.ExpirationDate != nil,
		r.ExpiredObjectDeleteMarker && (r.ExpirationDays > 0 || r.ExpirationDate != nil):
		return malformedXML()
	case r.ExpirationDays == 0 && r.ExpirationDate == nil && !r.ExpiredObjectDeleteMarker && r.NoncurrentDays == 0 && r.DaysAfterInitiation == 0:
		return invalidRequest("At least one action needs to be specified in a rule")
	case r.DaysAfterInitiation > 0 && (len(r.Tags) > 0 || r.ObjectSizeGreaterThan != nil || r.ObjectSizeLessThan != nil):
		return invalidRequest("AbortIncompleteMultipartUpload cannot be specified with Tags or object size.")
	case r.ExpirationDate != nil && !r.ExpirationDate.Equal(r.ExpirationDate.Truncate(24*time.Hour)):
		return invalidArgument("Date", "", "'Date' must be at midnight GMT")
	}
	return checkTags(r.Tags, maxObjectTags)
}

// chooses reports whether a rule is about a version.
func (r *LifecycleRule) chooses(v *Version) bool {
	if !strings.HasPrefix(string(v.Key), r.Prefix) {
		return false
	}
	for key, value := range r.Tags {
		if have, ok := v.Tags[key]; !ok || have != value {
			return false
		}
	}
	return (r.ObjectSizeGreaterThan == nil || v.Size > *r.ObjectSizeGreaterThan) && (r.ObjectSizeLessThan == nil || v.Size < *r.ObjectSizeLessThan)
}

// due reports whether so many days, rounded up to midnight as S3 does, have passed since t.
func due(t time.Time, days int, now time.Time) bool {
	return days > 0 && !now.Before(t.AddDate(0, 0, days+1).Truncate(24*time.Hour))
}

// Expire carries out the lifecycle rules of all buckets: it ends objects, versions and uploads whose time has come. It goes
// on with other buckets where one fails.
func (s *Service) Expire(ctx context.Context) error {
	var errs []error
	for _, b := range s.all() {
		if rec, _ := b.record(); len(rec.Lifecycle) > 0 {
			if err := s.expireBucket(ctx, b); err != nil {
				errs = append(errs, fmt.Errorf("s3: lifecycle of bucket %s: %w", rec.Name, err))
			}
		}
	}
	return errors.Join(errs...)
}

// expireAtOnce bounds a transaction of Expire.
const expireAtOnce = 500

func (s *Service) expireBucket(ctx context.Context, b *bucket) error {
	release, err := s.take(ctx, b)
	if err != nil {
		return err
	}
	defer release()
	rec, _ := b.record()
	now := s.o.Now()
	c := s.edit(b)
	b.mu.RLock()
	var all []*object
	for _, key := range b.keys {
		all = append(all, b.objects[key])
	}
	var uploads []*upload
	for _, u := range b.uploads {
		uploads = append(uploads, u)
	}
	b.mu.RUnlock()
	for _, o := range all {
		for i := range rec.Lifecycle {
			if r := &rec.Lifecycle[i]; r.Enabled && c.expire(o, r, now) {
				break
			}
		}
		if len(c.ops) >= expireAtOnce {
			if err := c.commit(ctx); err != nil {
				return err
			}
			c = s.edit(b)
		}
	}
	for _, u := range uploads {
		for _, r := range rec.Lifecycle {
			if r.Enabled && strings.HasPrefix(string(u.Key), r.Prefix) && due(u.Time, r.DaysAfterInitiation, now) {
				c.abort(u)
				break
			}
		}
	}
	return c.commit(ctx)
}

// expire does with an object what a rule says, and reports whether its current version was dealt with.
func (c *edit) expire(o *object, r *LifecycleRule, now time.Time) (done bool) {
	latest := o.versions[0]
	kept := 0
	for i, v := range o.versions[1:] {
		if !r.chooses(v) || r.NoncurrentDays == 0 {
			continue
		}
		if kept++; kept > r.NewerNoncurrentVersions && due(o.versions[i].Time, r.NoncurrentDays, now) {
			c.drop(v)
		}
	}
	switch {
	case !r.chooses(latest):
		return false
	case latest.Marker:
		if len(o.versions) == 1 && (r.ExpiredObjectDeleteMarker || due(latest.Time, r.ExpirationDays, now)) {
			c.drop(latest)
			return true
		}
		return false
	case due(latest.Time, r.ExpirationDays, now), r.ExpirationDate != nil && !now.Before(*r.ExpirationDate):
		c.remove(string(latest.Key))
		return true
	}
	return false
}

// edit collects changes of a bucket's content, which are committed and shown together. It is the caller's turn.
type edit struct {
	s      *Service
	b      *bucket
	rec    *Bucket
	ops    []store.Op
	shown  []func()
	failed error
}

func (s *Service) edit(b *bucket) *edit {
	rec, _ := b.record()
	return &edit{s: s, b: b, rec: rec}
}

// next is the number of the next version.
func (c *edit) next() int64 {
	c.b.mu.Lock()
	defer c.b.mu.Unlock()
	c.b.seq = max(c.b.seq+1, c.s.o.Now().UnixNano())
	return c.b.seq
}

// versionID is the id of a new version.
func (c *edit) versionID() string {
	if c.rec.Versioning == VersioningEnabled {
		return newID(24)
	}
	return nullVersion
}

// add adds a version, which takes the place of one with its id.
func (c *edit) add(v *Version) {
	v.V, v.Seq = schema, c.next()
	c.write(v.storeKey(c.rec.Name), v)
	c.shown = append(c.shown, func() {
		if !c.b.add(v) {
			c.s.objects.Add(1)
		}
	})
}

// replace writes a version anew that is there.
func (c *edit) replace(v *Version) {
	c.write(v.storeKey(c.rec.Name), v)
	c.shown = append(c.shown, func() { c.b.add(v) })
}

func (c *edit) write(key string, v any) {
	op, err := put(key, v)
	c.failed = errors.Join(c.failed, err)
	c.ops = append(c.ops, op)
}

// drop removes a version for good.
func (c *edit) drop(v *Version) {
	c.ops = append(c.ops, store.Op{Key: v.storeKey(c.rec.Name)})
	c.shown = append(c.shown, func() {
		c.b.drop(v)
		c.s.objects.Add(-1)
	})
}

// remove deletes what a key stands for now, as DELETE without a version does: for good, or under a delete marker, which
// it returns.
func (c *edit) remove(key string) (marker *Version) {
	old := c.b.object(key)
	if c.rec.Versioning == "" {
		if v := old.find(nullVersion); v != nil {
			c.drop(v)
		}
		return nil
	}
	marker = &Version{Key: []byte(key), ID: c.versionID(), Marker: true, Time: c.s.o.Now().UTC()}
	c.add(marker)
	return marker
}

// abort removes an upload with its parts.
func (c *edit) abort(u *upload) {
	c.ops = append(c.ops, store.Op{Key: u.storeKey(c.rec.Name)}, prefixed(u.partsKey(c.rec.Name)))
	c.shown = append(c.shown, func() {
		c.b.mu.Lock()
		defer c.b.mu.Unlock()
		delete(c.b.uploads, u.ID)
	})
}

// commit makes the changes durable, then shows them.
func (c *edit) commit(ctx context.Context) error {
	if c.failed != nil || len(c.ops) == 0 {
		return c.failed
	}
	for _, op := range c.ops {
		if len(op.Val) > store.MaxVal {
			return failure(400, "EntityTooLarge", "The object's metadata and parts are too many to be kept.")
		}
	}
	if err := c.s.commit(ctx, c.b, c.ops...); err != nil {
		return err
	}
	for _, show := range c.shown {
		show()
	}
	return nil
}
