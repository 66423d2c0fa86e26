// Package sqlite keeps the store in one directory on one machine: records and
// jobs in a SQLite database, deployment packages as files beside it.
//
// One goroutine writes, committing whatever is waiting in one SQLite
// transaction, so that many callers share one flush to disk. Readers have
// connections of their own and never wait for it. A directory belongs to one
// process at a time. The package does not repair: what it finds damaged or
// not its own, it refuses and leaves as it is.
package sqlite

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"furl/internal/store"
)

// Options are the parts of a Store that have defaults.
type Options struct {
	// Now is the clock for leases, tombstones, beats and the age of blobs;
	// time.Now if nil.
	Now func() time.Time
	// Logger gets what goes wrong in the background; nothing is logged if nil.
	Logger *slog.Logger
	// Names are further names that other parts of furl keep in the data
	// directory before there is a database; any other makes the directory a
	// foreign one.
	Names []string

	tune tuning
}

// tuning is what tests change; zero values stand for the defaults.
type tuning struct {
	synchronous    string        // FULL: a commit is on disk before it is acknowledged
	autocheckpoint int           // pages in the write-ahead log that trigger a checkpoint
	queue          int           // writes that may wait; more are ErrBusy
	batch          int           // writes that share one SQLite transaction at most
	idle           time.Duration // without a write, after which the write-ahead log is emptied
	compact        time.Duration // between removals of old tombstones
	lockWait       time.Duration // for other programs that have locked the database
}

func (t tuning) withDefaults() tuning {
	return tuning{
		synchronous:    cmp.Or(t.synchronous, "FULL"),
		autocheckpoint: cmp.Or(t.autocheckpoint, 1000),
		queue:          cmp.Or(t.queue, 1024),
		batch:          cmp.Or(t.batch, 256),
		idle:           cmp.Or(t.idle, 5*time.Second),
		compact:        cmp.Or(t.compact, 10*time.Minute),
		lockWait:       cmp.Or(t.lockWait, lockWait),
	}
}

// Store is an open data directory. It implements store.State, store.Queue and
// store.Blobs.
type Store struct {
	now    func() time.Time
	logger *slog.Logger
	lock   *os.File
	write  *writer
	read   *reader
	feed   *feed
	nodes  *nodes
	blobs  *blobs

	life     context.Context // ends when Close begins
	end      context.CancelFunc
	users    sync.WaitGroup // calls under way, and the compactor
	closing  sync.Once
	closeErr error

	mu     sync.Mutex
	closed bool // no call may begin
}

var (
	_ store.State = (*Store)(nil)
	_ store.Queue = (*Store)(nil)
	_ store.Blobs = (*Store)(nil)
)

// Open opens the data directory dir, which is created if it is missing, and
// holds it until Close.
//
// It returns *store.LockedError if another process holds the directory and
// *store.RefusedError if the directory is not furl's or its content is
// damaged or newer than this furl; then nothing in it was changed.
func Open(ctx context.Context, dir string, o Options) (*Store, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("sqlite: data directory: %w", err)
	}
	if err := makeDir(dir); err != nil {
		return nil, err
	}
	if err := refuseForeign(dir, o.Names); err != nil {
		return nil, err
	}
	_, err = os.Lstat(filepath.Join(dir, lockName))
	hadLock := err == nil
	lock, err := lockDir(dir)
	if err != nil {
		return nil, err
	}
	s, err := open(ctx, dir, o)
	if err == nil {
		s.lock = lock
		return s, nil
	}
	// A directory that is refused stays as it was: a LOCK of ours would even
	// mark somebody else's directory as furl's.
	var refused *store.RefusedError
	if errors.As(err, &refused) && !hadLock {
		err = errors.Join(err, os.Remove(lock.Name()))
	}
	return nil, errors.Join(err, lock.Close())
}

// open does the work of Open in a directory that is locked.
func open(ctx context.Context, dir string, o Options) (*Store, error) {
	path := filepath.Join(dir, dbName)
	if err := prepareDB(ctx, dir); err != nil {
		return nil, err
	}
	s := &Store{now: o.Now, logger: o.Logger, feed: newFeed(), nodes: newNodes()}
	if s.now == nil {
		s.now = time.Now
	}
	if s.logger == nil {
		s.logger = slog.New(slog.DiscardHandler)
	}
	var err error
	if s.blobs, err = openBlobs(dir, s.now); err != nil {
		return nil, err
	}
	// Also what an earlier process has named: it may not have come to that.
	if err := syncDir(dir); err != nil {
		return nil, err
	}
	tune := o.tune.withDefaults()
	if s.write, err = openWriter(ctx, path, tune, s.feed, s.logger); err != nil {
		return nil, err
	}
	if s.read, err = openReader(ctx, path); err != nil {
		return nil, errors.Join(err, s.write.close())
	}
	s.life, s.end = context.WithCancel(context.WithoutCancel(ctx))
	s.users.Go(func() { s.compactor(tune.compact) })
	return s, nil
}

// Close waits for the calls under way, which end with store.ErrClosed where
// they would wait, empties the write-ahead log, and gives the directory free.
// Further calls do nothing and return the same error.
func (s *Store) Close() error {
	s.closing.Do(func() {
		s.mu.Lock()
		s.closed = true
		s.mu.Unlock()
		s.end()
		s.users.Wait()
		s.closeErr = errors.Join(s.read.close(), s.write.close(), s.lock.Close())
	})
	return s.closeErr
}

// enter begins a call: its context also ends when the store closes, and Close
// waits until leave is called.
func (s *Store) enter(ctx context.Context) (_ context.Context, leave func(), err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, nil, store.ErrClosed
	}
	s.users.Add(1)
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(s.life, func() { cancel(store.ErrClosed) })
	return ctx, func() {
		stop()
		cancel(nil)
		s.users.Done()
	}, nil
}

// ended returns why ctx ended if that is why a call failed with err, else err.
func ended(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}
