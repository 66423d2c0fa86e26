package sqlite

import (
	"context"
	"fmt"
	"io"
	"time"
)

// Tuning is what tests change of a Store's settings; zero values stand for the
// defaults.
type Tuning struct {
	Synchronous    string
	Autocheckpoint int
	Queue          int
	Idle           time.Duration
	Compact        time.Duration
	LockWait       time.Duration
}

// Tuned returns the options with other settings.
func Tuned(o Options, t Tuning) Options {
	o.tune = tuning{
		synchronous: t.Synchronous, autocheckpoint: t.Autocheckpoint, queue: t.Queue,
		idle: t.Idle, compact: t.Compact, lockWait: t.LockWait,
	}
	return o
}

// Stall keeps the writer busy until release is called; running is closed when
// it begins to.
func (s *Store) Stall() (running <-chan struct{}, release func()) {
	begun, end := make(chan struct{}), make(chan struct{})
	s.onWriter(func() error {
		close(begun)
		<-end
		return nil
	})
	return begun, func() { close(end) }
}

// LimitPages bounds the size of the database.
func (s *Store) LimitPages(n int) error {
	return <-s.onWriter(func() error {
		_, err := s.write.conn.ExecContext(context.Background(), fmt.Sprintf("PRAGMA max_page_count = %d", n))
		return err
	})
}

// onWriter runs f in a transaction of the writer.
func (s *Store) onWriter(f func() error) <-chan error {
	r := &request{done: make(chan error, 1), apply: func(*batch) error { return f() }}
	s.write.queue <- r
	return r.done
}

// Waiting returns how many writes wait.
func (s *Store) Waiting() int { return len(s.write.queue) }

// ScanLog checks a write-ahead log.
func ScanLog(r io.Reader) error { return scanLog(r) }

// ParseLock reads the content of a LOCK file.
func ParseLock(content string) (pid int, ours bool) { return parseLock(content) }
