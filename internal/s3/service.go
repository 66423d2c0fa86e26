package s3

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"furl/internal/authz"
	"furl/internal/awsapi"
	"furl/internal/state"
	"furl/internal/store"
)

// Defaults of Options.
const (
	DefaultMaxObject  = 5 << 30 // bytes; S3's own for one PUT
	DefaultMaxObjects = 500_000 // versions and delete markers of all buckets
)

// Options are what New needs.
type Options struct {
	Store store.State
	Blobs store.Blobs
	State *state.State
	Authz *authz.Authorizer
	// Dir is a directory for bodies that are on their way in. What is in it is removed.
	Dir string
	// Region is the server's, and that of every bucket.
	Region string
	// Domain ends the server's own names: a bucket is at BUCKET.s3.DOMAIN and BUCKET.DOMAIN.
	Domain string
	// MaxObject is the most that an object holds, in bytes, and MaxObjects how many versions of objects there are.
	// 0: the defaults.
	MaxObject  int64
	MaxObjects int64
	Now        func() time.Time
	// Access gets a record of every request; Logger what goes wrong.
	Access, Logger *slog.Logger
	// RequestID makes the id of a request.
	RequestID func() string
	// Attributes, if not nil, are what a record says of a request and its caller beside ARN and access key.
	Attributes func(context.Context) []slog.Attr
}

// Service holds the buckets. It has no goroutines; Expire is to be called now and then.
type Service struct {
	o       Options
	store   store.State
	blobs   store.Blobs
	objects atomic.Int64 // versions

	mu      sync.RWMutex
	buckets map[string]*bucket
}

// New loads the buckets.
func New(ctx context.Context, o Options) (*Service, error) {
	if o.MaxObject == 0 {
		o.MaxObject = DefaultMaxObject
	}
	if o.MaxObjects == 0 {
		o.MaxObjects = DefaultMaxObjects
	}
	s := &Service{o: o, store: o.Store, blobs: o.Blobs, buckets: map[string]*bucket{}}
	if err := emptyDir(o.Dir); err != nil {
		return nil, err
	}
	if err := s.load(ctx); err != nil {
		return nil, err
	}
	return s, nil
}

// emptyDir makes a directory without anything in it.
func emptyDir(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("s3: %w", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("s3: %w", err)
	}
	for _, e := range entries {
		if err := os.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
			return fmt.Errorf("s3: %w", err)
		}
	}
	return nil
}

// Uses returns which blobs buckets hold now. Take it before a sweep: a blob that comes to be used later was put later, or
// put anew.
func (s *Service) Uses() func(sha string) bool {
	used := map[string]bool{}
	add := func(packed []byte) {
		for _, b := range unpackBlobs(packed) {
			used[b.name()] = true
		}
	}
	for _, b := range s.all() {
		b.mu.RLock()
		for _, o := range b.objects {
			for _, v := range o.versions {
				add(v.Blobs)
			}
		}
		for _, u := range b.uploads {
			for _, p := range u.parts {
				add(p.Blobs)
			}
		}
		b.mu.RUnlock()
	}
	return func(sha string) bool { return used[sha] }
}

// told is what a client learns of an error; internal says that it learns nothing.
func (s *Service) told(err error) (e *awsapi.Error, internal bool) {
	if e, ok := errors.AsType[*awsapi.Error](err); ok {
		return e, false
	}
	switch {
	case errors.Is(err, store.ErrBusy):
		return slowDown(), false
	case errors.Is(err, store.ErrConflict):
		return operationAborted(), false
	}
	return internalError(), true
}

// event is what a record says of a request.
type event struct {
	operation string
	method    string
	path      string
	remote    string
	id        string
	status    int
	err       error
	duration  time.Duration
}

// record writes the audit record of a request.
func (s *Service) record(ctx context.Context, e event) {
	if e.id == "" {
		e.id = s.o.RequestID()
	}
	attrs := []slog.Attr{slog.String("request_id", e.id), slog.Int("status", e.status), slog.Duration("duration", e.duration)}
	if e.remote != "" {
		attrs = append(attrs, slog.String("remote", e.remote))
	}
	if e.operation != "" {
		attrs = append(attrs, slog.String("operation", "s3:"+e.operation))
	}
	if e.path != "" {
		attrs = append(attrs, slog.String("method", e.method), slog.String("path", e.path))
	}
	if caller := authz.FromContext(ctx); caller.Principal.ARN != "" {
		attrs = append(attrs, slog.String("principal", caller.Principal.ARN), slog.String("access_key", caller.AccessKeyID))
		if s.o.Attributes != nil {
			attrs = append(attrs, s.o.Attributes(ctx)...)
		}
	}
	level := slog.LevelInfo
	if e.err != nil {
		if _, internal := s.told(e.err); internal {
			level = slog.LevelError
		}
		attrs = append(attrs, slog.String("err", e.err.Error()))
	}
	s.o.Access.LogAttrs(ctx, level, "api", attrs...)
}
