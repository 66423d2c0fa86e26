package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strconv"
	"sync/atomic"
	"time"

	driver "modernc.org/sqlite"

	"furl/internal/store"
)

// Primary result codes of SQLite. https://www.sqlite.org/rescode.html
const (
	codeBusy = 5
	codeFull = 13
)

// writer owns the connection that writes, and the one goroutine that uses it.
type writer struct {
	db     *sql.DB
	conn   *sql.Conn
	stmt   statements
	feed   *feed
	logger *slog.Logger
	tune   tuning
	queue  chan *request
	stop   chan struct{}
	done   chan struct{}

	// Used by the goroutine only.
	head    head
	unsaved bool  // the write-ahead log may hold something
	broken  error // why nothing is written any more
}

// request is one write that waits for its turn.
type request struct {
	apply func(*batch) error
	state atomic.Int32 // waiting, then taken or withdrawn
	done  chan error
}

const (
	waiting int32 = iota
	taken
	withdrawn
)

// openWriter opens the database for writing and starts the goroutine.
func openWriter(ctx context.Context, path string, tune tuning, feed *feed, logger *slog.Logger) (*writer, error) {
	params := url.Values{"mode": {"rw"}, "_pragma": {
		"synchronous(" + tune.synchronous + ")",
		"wal_autocheckpoint(" + strconv.Itoa(tune.autocheckpoint) + ")",
		"fullfsync(1)", "checkpoint_fullfsync(1)", // on macOS fsync alone does not reach the disk
	}}
	db, err := sql.Open("sqlite", dataSource(path, params))
	if err != nil {
		return nil, fmt.Errorf("sqlite: open %s: %w", path, err)
	}
	db.SetMaxOpenConns(1)
	w := &writer{
		db: db, feed: feed, logger: logger, tune: tune,
		queue:   make(chan *request, tune.queue),
		stop:    make(chan struct{}),
		done:    make(chan struct{}),
		unsaved: true,
	}
	if err := w.prepare(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("sqlite: open %s: %w", path, err), w.disconnect())
	}
	w.feed.publish(w.head.rev)
	go w.run()
	return w, nil
}

func (w *writer) prepare(ctx context.Context) error {
	conn, err := w.db.Conn(ctx)
	if err != nil {
		return err
	}
	w.conn = conn
	if _, err := conn.ExecContext(ctx, "PRAGMA "+busyTimeout(w.tune.lockWait)); err != nil {
		return err
	}
	var mode string
	if err := conn.QueryRowContext(ctx, "PRAGMA journal_mode = WAL").Scan(&mode); err != nil {
		return err
	}
	if mode != "wal" {
		return fmt.Errorf("this file system has no shared memory for a write-ahead log (journal mode %q)", mode)
	}
	if w.head, err = scanHead(conn.QueryRowContext(ctx, headQuery)); err != nil {
		return err
	}
	return w.stmt.prepare(ctx, conn)
}

// close ends the goroutine when nothing is waiting any more and empties the
// write-ahead log.
func (w *writer) close() error {
	close(w.stop)
	<-w.done
	if w.broken == nil {
		w.checkpoint()
	}
	if err := w.disconnect(); err != nil {
		return fmt.Errorf("sqlite: close: %w", err)
	}
	return nil
}

func (w *writer) disconnect() error {
	err := w.stmt.close()
	if w.conn != nil {
		err = errors.Join(err, w.conn.Close())
	}
	return errors.Join(err, w.db.Close())
}

// submit has apply run inside the next SQLite transaction and returns when
// that is on disk. apply may run more than once. An error of apply that
// is a conflict, and then must have written nothing, is returned to this caller
// only; any other undoes the transaction.
func (w *writer) submit(ctx context.Context, apply func(*batch) error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	r := &request{apply: apply, done: make(chan error, 1)}
	select {
	case w.queue <- r:
	default:
		return store.ErrBusy
	}
	select {
	case err := <-r.done:
		return err
	case <-ctx.Done():
	}
	cause := context.Cause(ctx)
	switch {
	case r.state.CompareAndSwap(waiting, withdrawn):
		return cause
	case errors.Is(cause, store.ErrClosed):
		return <-r.done // under way, and Close waits for it
	}
	select {
	case err := <-r.done:
		return err
	default:
		return fmt.Errorf("%w: %w", store.ErrUnknown, cause)
	}
}

func (w *writer) run() {
	defer close(w.done)
	idle := time.NewTimer(w.tune.idle)
	defer idle.Stop()
	for {
		select {
		case <-w.stop:
			return
		case r := <-w.queue:
			w.serve(w.gather(r))
			idle.Reset(w.tune.idle)
		case <-idle.C:
			if w.unsaved && w.broken == nil && !w.checkpoint() {
				idle.Reset(w.tune.idle)
			}
		}
	}
}

// gather takes the requests that are waiting now.
func (w *writer) gather(first *request) []*request {
	var reqs []*request
	take := func(r *request) {
		if r.state.CompareAndSwap(waiting, taken) {
			reqs = append(reqs, r)
		}
	}
	take(first)
	for len(reqs) < w.tune.batch {
		select {
		case r := <-w.queue:
			take(r)
		default:
			return reqs
		}
	}
	return reqs
}

// serve answers the requests. If together they fail, each is tried alone: one
// that the disk has no room for must not take the others with it.
func (w *writer) serve(reqs []*request) {
	errs, err := w.transact(reqs)
	if err != nil && len(reqs) > 1 && w.broken == nil {
		for _, r := range reqs {
			w.serve([]*request{r})
		}
		return
	}
	w.feed.publish(w.head.rev)
	for i, r := range reqs {
		if err != nil {
			r.done <- err
		} else {
			r.done <- errs[i]
		}
	}
}

// transact runs the requests in one SQLite transaction. It returns the
// conflicts, or the error for which nothing was committed.
func (w *writer) transact(reqs []*request) (conflicts []error, err error) {
	if w.broken != nil {
		return nil, fmt.Errorf("sqlite: nothing is written any more since a commit failed; restart furl: %w", w.broken)
	}
	ctx := context.Background()
	if _, err := w.conn.ExecContext(ctx, "BEGIN IMMEDIATE"); err != nil {
		if code(err) == codeBusy {
			return sameError(len(reqs), fmt.Errorf("%w: another program has locked the database", store.ErrBusy)), nil
		}
		return nil, fmt.Errorf("sqlite: begin: %w", err)
	}
	b := &batch{stmt: &w.stmt, head: w.head}
	conflicts = make([]error, len(reqs))
	for i, r := range reqs {
		err := r.apply(b)
		if err != nil && !errors.Is(err, store.ErrConflict) {
			w.rollback()
			return nil, fmt.Errorf("sqlite: %w", err)
		}
		conflicts[i] = err
	}
	if !b.wrote {
		w.rollback() // frees the lock; there is nothing to undo
		return conflicts, nil
	}
	if err := b.saveHead(w.head); err != nil {
		w.rollback()
		return nil, fmt.Errorf("sqlite: %w", err)
	}
	if err := w.commit(); err != nil {
		return nil, err
	}
	w.head, w.unsaved = b.head, true
	return conflicts, nil
}

// commit ends the transaction. A full disk leaves it undone. After any other
// failure nobody knows what is on disk, and what the system still promises to
// write may be gone: the writer stops, and a restart reads what is there.
func (w *writer) commit() error {
	_, err := w.conn.ExecContext(context.Background(), "COMMIT")
	if err == nil {
		return nil
	}
	w.rollback()
	if code(err) == codeFull {
		return fmt.Errorf("sqlite: commit: %w", err)
	}
	w.broken = err
	return fmt.Errorf("%w: %w", store.ErrUnknown, err)
}

// rollback ends the transaction if there is still one: some errors end it
// themselves, and that error is the one to report.
func (w *writer) rollback() {
	_, _ = w.conn.ExecContext(context.Background(), "ROLLBACK")
}

// checkpoint empties the write-ahead log, unless a reader still needs it, and
// reports whether it did. It does not wait: writers would wait with it.
func (w *writer) checkpoint() bool {
	ctx := context.Background()
	var busy, log, moved int
	_, err := w.conn.ExecContext(ctx, "PRAGMA "+busyTimeout(0))
	if err == nil {
		err = w.conn.QueryRowContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)").Scan(&busy, &log, &moved)
		_, restore := w.conn.ExecContext(ctx, "PRAGMA "+busyTimeout(w.tune.lockWait))
		err = errors.Join(err, restore)
	}
	if err != nil {
		w.logger.Error("the write-ahead log was not emptied; furl goes on and tries again", "err", err)
		return false
	}
	if busy == 0 {
		w.unsaved = false
	}
	return busy == 0
}

// code returns SQLite's primary result code; 0 for another error.
func code(err error) int {
	var e *driver.Error
	if errors.As(err, &e) {
		return e.Code() & 0xff
	}
	return 0
}

func sameError(n int, err error) []error {
	errs := make([]error, n)
	for i := range errs {
		errs[i] = err
	}
	return errs
}
