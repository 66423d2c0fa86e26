// Package sniff serves plain HTTP and TLS on one port: it looks at the first
// byte of a connection and hands the connection to the listener it belongs to.
// It reads nothing beyond that byte and gives it back.
package sniff

import (
	"net"
	"sync"
	"time"
)

// tlsHandshake is the content type that every TLS connection begins with
// (RFC 8446, section 5.1); no HTTP method begins with it.
const tlsHandshake = 0x16

// maxUndecided bounds the connections that have not sent their first byte, so
// that silent clients cannot use up the server's memory.
const maxUndecided = 4096

// Listener splits the connections of one listener in two.
type Listener struct {
	inner   net.Listener
	timeout time.Duration
	plain   *half
	tls     *half
	slots   chan struct{}

	closing chan struct{}
	once    sync.Once
	wg      sync.WaitGroup
}

// New splits the connections of inner, whose errors end both halves. A client
// that has not sent a byte within timeout is cut off.
func New(inner net.Listener, timeout time.Duration) *Listener {
	l := &Listener{
		inner:   inner,
		timeout: timeout,
		slots:   make(chan struct{}, maxUndecided),
		closing: make(chan struct{}),
	}
	l.plain = &half{l: l, conns: make(chan net.Conn), failed: make(chan error, 1)}
	l.tls = &half{l: l, conns: make(chan net.Conn), failed: make(chan error, 1)}
	l.wg.Add(1)
	go l.accept()
	return l
}

// Plain is the listener of the connections that do not speak TLS.
func (l *Listener) Plain() net.Listener { return l.plain }

// TLS is the listener of the connections that begin a TLS handshake.
func (l *Listener) TLS() net.Listener { return l.tls }

// Close closes the inner listener and the connections that nobody has taken.
func (l *Listener) Close() error {
	var err error
	l.once.Do(func() {
		close(l.closing)
		err = l.inner.Close()
	})
	l.wg.Wait()
	return err
}

func (l *Listener) accept() {
	defer l.wg.Done()
	for {
		conn, err := l.inner.Accept()
		if err != nil {
			l.plain.failed <- err
			l.tls.failed <- err
			return
		}
		select {
		case l.slots <- struct{}{}:
			l.wg.Add(1)
			go l.decide(conn)
		default:
			conn.Close()
		}
	}
}

// decide waits for the first byte and hands the connection over.
func (l *Listener) decide(conn net.Conn) {
	defer l.wg.Done()
	defer func() { <-l.slots }()
	stop := make(chan struct{})
	defer close(stop)
	go func() { // a silent client must not hold up Close
		select {
		case <-l.closing:
			conn.SetReadDeadline(time.Unix(1, 0))
		case <-stop:
		}
	}()
	var first [1]byte
	conn.SetReadDeadline(time.Now().Add(l.timeout))
	if _, err := conn.Read(first[:]); err != nil {
		conn.Close()
		return
	}
	conn.SetReadDeadline(time.Time{})
	to := l.plain
	if first[0] == tlsHandshake {
		to = l.tls
	}
	select {
	case to.conns <- &replayed{Conn: conn, first: first[0], pending: true}:
	case <-l.closing:
		conn.Close()
	}
}

// half is one of the two listeners.
type half struct {
	l      *Listener
	conns  chan net.Conn
	failed chan error
}

// Accept returns the next connection of this kind.
func (h *half) Accept() (net.Conn, error) {
	select {
	case c := <-h.conns:
		return c, nil
	case err := <-h.failed:
		h.failed <- err // for the next call too
		return nil, err
	case <-h.l.closing:
		return nil, net.ErrClosed
	}
}

// Close closes both halves: they share the port.
func (h *half) Close() error { return h.l.Close() }

// Addr returns the address of the port.
func (h *half) Addr() net.Addr { return h.l.inner.Addr() }

// replayed is a connection whose first byte is read again.
type replayed struct {
	net.Conn
	first   byte
	pending bool // only the reader touches it
}

// Read returns the first byte by itself, then reads from the connection.
func (c *replayed) Read(p []byte) (int, error) {
	if !c.pending || len(p) == 0 {
		return c.Conn.Read(p)
	}
	c.pending = false
	p[0] = c.first
	return 1, nil
}

// CloseWrite ends the sending side alone, where the connection can do that: a
// server that refuses a request half read needs it for its answer to arrive.
func (c *replayed) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}
