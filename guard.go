package furl

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"syscall"
	"time"
)

// Bounds on clients that take long to send a body or to take an answer: a
// grace, and beyond it the slowest rate that counts as progress.
const (
	transferGrace = 30 * time.Second
	transferRate  = 64 << 10 // bytes per second
)

// transferTime is how long a client may take for so many bytes.
func transferTime(n int64) time.Duration {
	return transferGrace + time.Duration(n)*time.Second/transferRate
}

// Waits after an Accept that failed for want of something that comes back.
const (
	shortestPause = 5 * time.Millisecond
	longestPause  = time.Second
)

// fullEvery is how often it is said that no more connections are accepted.
const fullEvery = time.Minute

// guard is a listener that clients cannot wear out: it bounds the connections
// that are open at a time and lets those that wait for their client yield to
// new ones, gets over a shortage of file descriptors, and cuts off clients that
// do not take what they are sent.
type guard struct {
	net.Listener
	logger *slog.Logger
	// places are those of all listeners.
	places *places

	closing chan struct{}
	once    sync.Once

	// saidFull is the accepting goroutine's.
	saidFull time.Time
}

func newGuard(l net.Listener, p *places, logger *slog.Logger) *guard {
	return &guard{Listener: l, logger: logger, places: p, closing: make(chan struct{})}
}

// maxConnections is half of what the process may open: the other half is for
// functions, which need descriptors to start.
func maxConnections() int {
	const most = 32 << 10
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 512
	}
	return int(min(limit.Cur/2, most))
}

// Accept waits for a connection, and before that for room where too many are
// open.
func (g *guard) Accept() (net.Conn, error) {
	if err := g.acquire(); err != nil {
		return nil, err
	}
	for pause := shortestPause; ; pause = min(2*pause, longestPause) {
		conn, err := g.Listener.Accept()
		if err == nil {
			return g.places.take(conn), nil
		}
		if !passing(err) {
			<-g.places.slots
			return nil, err
		}
		g.logger.Warn("no connection can be accepted for now", "err", err)
		select {
		case <-time.After(pause):
		case <-g.closing:
			<-g.places.slots
			return nil, net.ErrClosed
		}
	}
}

// acquire takes a slot, as soon as there is one. Connections that wait for
// their client are closed for it.
func (g *guard) acquire() error {
	select {
	case g.places.slots <- struct{}{}:
		return nil
	default:
	}
	if now := time.Now(); now.Sub(g.saidFull) > fullEvery {
		g.saidFull = now
		g.logger.Warn("as many connections are open as may be; those that wait for their client make room for more", "connections", cap(g.places.slots))
	}
	for {
		g.places.makeRoom()
		select {
		case g.places.slots <- struct{}{}:
			return nil
		case <-time.After(youngest):
		case <-g.closing:
			return net.ErrClosed
		}
	}
}

// Close ends the listener; connections stay open.
func (g *guard) Close() error {
	g.once.Do(func() { close(g.closing) })
	return g.Listener.Close()
}

// passing reports whether Accept may succeed later: a connection that was lost
// before it was accepted, or a shortage.
func passing(err error) bool {
	for _, one := range []error{
		syscall.ECONNABORTED, syscall.ECONNRESET, syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM,
	} {
		if errors.Is(err, one) {
			return true
		}
	}
	return false
}

// listen binds an address that was chosen with a flag.
func listen(ctx context.Context, addr, flag string) (net.Listener, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", addr)
	if err == nil {
		return l, nil
	}
	hint := ""
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		hint = "; another program serves on it: stop that one or choose another address with " + flag
	case errors.Is(err, syscall.EACCES):
		hint = "; ports below 1024 need a privilege: run as root, or grant it with setcap cap_net_bind_service=+ep, or choose another port with " + flag
	}
	return nil, fmt.Errorf("furl: listen on %s: %w%s", addr, err, hint)
}
