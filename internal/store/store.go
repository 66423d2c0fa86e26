// Package store defines what furl keeps and how it may change: records with
// revisions, transactions with conditions, a feed of changes, a job queue and
// deployment packages. It holds the vocabulary that every backend shares
// (package sqlite is the one for a single machine) and does no I/O itself.
//
// The store does not know what a record means: keys are paths, values are
// opaque bytes. Secrets are sealed before they come here.
package store

import (
	"context"
	"io"
	"math"
	"time"
)

// Rev is a revision: a position in the one total order of commits, the same
// on every node. The first commit that changes a record has revision 1, and
// each later one the next number. A record carries the revision of the commit
// that wrote it last.
type Rev uint64

// Revisions with a meaning of their own in a Cond.
const (
	// Absent stands for a key without a record; it is also what Get reports
	// as the revision of such a key.
	Absent Rev = 0
	// Exists stands for a record at any revision.
	Exists Rev = math.MaxUint64
)

// Left is what a node passes to Beat as its applied revision when it has
// stopped serving: it can no longer act on old records, so no barrier waits
// for it.
const Left Rev = math.MaxUint64

// Limits that Txn.Validate enforces.
const (
	MaxKey  = 1024    // bytes in a key, a job's ID or a job's Fn
	MaxVal  = 1 << 20 // bytes in a record's value
	MaxBody = 4 << 20 // bytes in a job's body
)

// Cond is a condition of a transaction: that Key has no record (Absent), a
// record (Exists), or a record at exactly this revision. The key need not be
// one that the transaction writes.
type Cond struct {
	Key string
	Rev Rev
}

// Op is one change of a transaction: Val replaces the record of Key, a nil
// Val deletes it. With Prefix, which needs a Key that ends in "/" and a nil
// Val, every record below Key is deleted. Deleting what is not there changes
// nothing.
type Op struct {
	Key    string
	Val    []byte
	Prefix bool
}

// Rec is a record. In a Watch a nil Val is a tombstone: the record was
// deleted at Rev. A record's Val may be empty but is then not nil.
type Rec struct {
	Key string
	Val []byte
	Rev Rev
}

// Job is one entry of the queue.
type Job struct {
	// ID names the job; enqueuing an ID that is in the queue changes nothing.
	ID string
	// Fn is what Claim's filter is asked about, usually a function's key.
	Fn string
	// Due is when the job may be claimed; in a claimed job it is the end of
	// the lease. Times are kept to the millisecond; zero means at once.
	Due time.Time
	// Expires is for the caller to judge: the queue hands out jobs past it
	// too, so that their end can be recorded. Zero means never.
	Expires time.Time
	// Attempt counts the claims so far, in a claimed job this one included.
	// A job enters the queue with the number that it is given.
	Attempt int
	Body    []byte
}

// Txn is a transaction: all or nothing, durable before Commit returns.
//
// All conditions are evaluated first, against the state that all earlier
// commits left. Then Do is applied in order (a later Op of the same key wins),
// then Finish removes jobs, then Enqueue adds jobs; a job can so be replaced
// by naming it in both.
type Txn struct {
	If      []Cond
	Do      []Op
	Enqueue []Job
	// Finish names jobs to remove. A job that is not in the queue is a
	// conflict: of two nodes that ran the same job only one can commit its end.
	Finish []string
}

// State holds the records. All methods are safe for concurrent use. They
// return ErrClosed once the store is closed and *DamagedError for a record
// that is not what was written.
type State interface {
	// Commit applies t and returns the revision at which all its changes are
	// visible: a new one if a record changed, else the newest so far.
	//
	// A condition that fails is a *ConflictError, which matches ErrConflict;
	// nothing was changed. ErrBusy says that the store has too many waiting
	// writes; nothing was changed. ErrUnknown says that the outcome is not
	// known, be it that the disk failed or that ctx ended while the commit
	// was under way: read the records again to learn it. With any other error
	// nothing was changed.
	Commit(ctx context.Context, t Txn) (Rev, error)

	// Get returns one Rec for each key, in the order of keys, all from the
	// same moment, and sees every commit that returned before the call. A key
	// without a record has a nil Val and revision Absent, so that Rev serves
	// as the condition of a following Commit either way.
	Get(ctx context.Context, keys ...string) ([]Rec, error)

	// List returns up to n records whose key starts with prefix and is
	// greater than after, in the order of keys (bytewise). To page, pass the
	// last key as the next after.
	List(ctx context.Context, prefix, after string, n int) ([]Rec, error)

	// Load calls each for every record whose key starts with prefix, in the
	// order of keys, as they were at the returned revision. An error of each
	// ends it. The Rec is the callee's to keep. each runs while a snapshot is
	// held open: it must not wait for anything.
	Load(ctx context.Context, prefix string, each func(Rec) error) (Rev, error)

	// Watch calls each, one call at a time, with what changed after a
	// revision, until ctx ends or each fails; it returns that error. A call
	// carries every key changed since the revision of the call before (at
	// first: since after) up to its own, as of its own, ordered by revision
	// and key. Usually that is one commit; after a pause it is several
	// together. A call never carries part of a commit, and no commit is missed: whoever
	// applies each call at once has exactly the state of that revision.
	//
	// ErrCompacted says that the changes after that revision are no longer
	// known, or that the store never had it: Load again.
	Watch(ctx context.Context, after Rev, each func(Rev, []Rec) error) error

	// Beat tells that node has applied all changes up to applied, together
	// with whatever info others should know about it, and returns the newest
	// revision. An answer proves that the store which answered is the current
	// one: a node whose applied is at least head was up to date when
	// it called. A node that stops serving passes Left.
	Beat(ctx context.Context, node string, applied Rev, info []byte) (head Rev, err error)

	// Applied returns when every node has applied r. A node whose last beat is
	// older than maxAge counts as stopped: by then it must have stopped
	// serving of its own accord. It is the barrier for revocations.
	Applied(ctx context.Context, r Rev, maxAge time.Duration) error
}

// Queue hands out jobs. Jobs enter and leave it by Commit, in the same
// transaction as the records they belong to; a job runs at least once. All
// methods are safe for concurrent use.
type Queue interface {
	// Claim gives up to n due jobs whose Fn the filter accepts (nil accepts
	// all), longest due first, to node for the time of lease. Of several
	// callers only one gets a job. When the lease runs out before Finish or
	// Retry, the job can be claimed again. A job that is damaged is given to
	// nobody and stays in the queue. The filter must not call the store.
	Claim(ctx context.Context, node string, fn func(string) bool, n int, lease time.Duration) ([]Job, error)

	// Retry puts a claimed job back, to be claimed at due or later. The
	// attempt stays counted; to give it back, replace the job by a Commit that
	// finishes and enqueues it. A job that has left the queue is a conflict.
	Retry(ctx context.Context, id string, due time.Time) error

	// Extend makes the lease of a job that node has claimed end only after lease,
	// from now. A job that another has claimed meanwhile, or that has left the
	// queue, is a conflict.
	Extend(ctx context.Context, node, id string, lease time.Duration) error

	// Release makes all jobs that node has claimed due at once: for a node that
	// begins or ends, and runs none of them.
	Release(ctx context.Context, node string) error

	// Next is when the first job can be claimed, those included that are claimed
	// now: the zero time for an empty queue.
	Next(ctx context.Context) (time.Time, error)

	// Jobs tells how many jobs are in the queue, claimed ones included.
	Jobs(ctx context.Context) (int, error)
}

// Blobs holds deployment packages, each under the SHA-256 of its content
// (lower-case hex). A blob never changes. All methods are safe for concurrent
// use.
type Blobs interface {
	// Put stores the size bytes of r, durable before it returns. Content
	// whose size or hash is another is ErrMismatch. When the blob is there
	// already r is not read, and the blob counts as stored now.
	Put(ctx context.Context, sha string, size int64, r io.Reader) error

	// Open returns the content; fs.ErrNotExist if there is no such blob. A
	// backend that keeps blobs as local files returns an *os.File, whose name
	// is a path that others may open. The content is not hashed again.
	Open(ctx context.Context, sha string) (io.ReadCloser, error)

	// Sweep removes the blobs that were stored more than olderThan ago and
	// that keep refuses. Since a blob is put before the record that needs it,
	// olderThan must exceed the time between the two.
	Sweep(ctx context.Context, keep func(sha string) bool, olderThan time.Duration) error
}
