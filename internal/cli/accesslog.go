package cli

import (
	"io"
	"sync"
	"time"
)

const (
	// accessInterval is how long an access record may wait to be written.
	accessInterval = 200 * time.Millisecond
	// accessBuffer is how many bytes of records may wait.
	accessBuffer = 64 << 10
)

// logWriter writes a log in which some records are written at once and others
// are gathered, so that a request does not cost a system call for its record.
// Records stay whole and in order: a record that is written at once takes along
// what was gathered before it.
type logWriter struct {
	w        io.Writer
	interval time.Duration

	mu     sync.Mutex
	buf    []byte
	timer  *time.Timer // runs while buf holds something
	err    error       // of the last write in the background
	closed bool
}

func newLogWriter(w io.Writer, interval time.Duration) *logWriter {
	return &logWriter{w: w, interval: interval}
}

// Write writes a record at once.
func (l *logWriter) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.buf = append(l.buf, p...)
	return len(p), l.flush()
}

// gather is a writer whose records wait for others, for at most the interval.
func (l *logWriter) gather() io.Writer { return gatherer{l} }

type gatherer struct{ l *logWriter }

func (g gatherer) Write(p []byte) (int, error) {
	l := g.l
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.buf) == 0 && !l.closed {
		l.timer = time.AfterFunc(l.interval, l.tick)
	}
	l.buf = append(l.buf, p...)
	if len(l.buf) >= accessBuffer || l.closed {
		return len(p), l.flush()
	}
	err := l.err
	l.err = nil
	return len(p), err
}

func (l *logWriter) tick() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.err = l.flush()
}

// flush writes what was gathered; mu is held.
func (l *logWriter) flush() error {
	if l.timer != nil {
		l.timer.Stop()
		l.timer = nil
	}
	if len(l.buf) == 0 {
		return nil
	}
	_, err := l.w.Write(l.buf)
	l.buf = l.buf[:0]
	if cap(l.buf) > 4*accessBuffer {
		l.buf = nil
	}
	return err
}

// Close writes what was gathered. Records that come later are written at once.
func (l *logWriter) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	return l.flush()
}
