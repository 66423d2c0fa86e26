package lambda

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"furl/internal/authz"
	"furl/internal/code"
	"furl/internal/environment"
	"furl/internal/state"
	"furl/internal/store"
)

// Options are what New needs.
type Options struct {
	State *state.State
	Blobs store.Blobs
	Pool  *environment.Pool
	// Unpack makes what a version runs from ready on this node: its deployment package
	// and its layers.
	Unpack func(ctx context.Context, v *state.Version) error
	// Compile prepares the tree of a package for a runtime, which makes starts
	// faster; it returns when that is done, or is not worth the wait. Nil: there is
	// nothing to prepare.
	Compile func(ctx context.Context, runtime, sha string)
	Region  string
	// FunctionURL is the address of a url-id, with its final slash.
	FunctionURL func(id string) string
	// CodeURL is an address from which a deployment package can be downloaded
	// for ten minutes.
	CodeURL func(sha string) string
	// Object makes a blob of an object in a bucket of S3 for the caller in ctx, and
	// names it, with its size. What is larger than most bytes is an error; that of
	// S3 is an *awsapi.Error. Nil: there are no buckets.
	Object func(ctx context.Context, bucket, key, version string, most int64) (blob string, size int64, err error)
	// Enqueued hears of every event that was put into the queue for a function.
	Enqueued func(state.FunctionID)
	// MayInvoke judges whether an execution role, an ARN, may invoke a function by a
	// qualifier: what a function's destination takes.
	MayInvoke func(role string, f *state.FunctionEntry, qualifier string) bool
	Limits    code.Limits
	Logger    *slog.Logger
	Now       func() time.Time
}

// Service carries out the operations.
type Service struct {
	state     *state.State
	blobs     store.Blobs
	pool      *environment.Pool
	region    string
	url       func(id string) string
	codeURL   func(sha string) string
	object    func(ctx context.Context, bucket, key, version string, most int64) (blob string, size int64, err error)
	enqueued  func(state.FunctionID)
	mayInvoke func(role string, f *state.FunctionEntry, qualifier string) bool
	limits    code.Limits
	logger    *slog.Logger
	now       func() time.Time
	activator *activator
	// reserving keeps the sum of all reservations below the account's limit:
	// it is held from the sum to the commit.
	reserving sync.Mutex
}

var _ API = (*Service)(nil)

// New makes a Service and goes on with the functions that were being made
// ready when the server stopped.
func New(o Options) *Service {
	s := &Service{
		state:   o.State,
		blobs:   o.Blobs,
		pool:    o.Pool,
		region:  o.Region,
		url:     o.FunctionURL,
		codeURL: o.CodeURL,
		object:  o.Object,

		enqueued:  o.Enqueued,
		mayInvoke: o.MayInvoke,

		limits: o.Limits,
		logger: o.Logger,
		now:    o.Now,
	}
	s.activator = newActivator(&o)
	return s
}

// Close stops the work in the background; what is unfinished goes on at the
// next start.
func (s *Service) Close() error { return s.activator.close() }

// account is the account that the operation's caller belongs to.
func account(ctx context.Context) string { return authz.FromContext(ctx).Principal.Account }

// lastModified is the form of times in function configurations.
func lastModified(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000") + "+0000" }

// urlTime is the form of times in URL configurations.
func urlTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000000Z") }

func value[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}

// nonEmpty returns nil for "", which leaves the member out of an answer.
func nonEmpty[T ~string](v T) *T {
	if v == "" {
		return nil
	}
	return &v
}
