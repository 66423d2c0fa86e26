// Package sniff serves plain HTTP and TLS on one port: it looks at the first
// byte of a connection and begins TLS where the client does. It reads nothing
// beyond that byte and gives it back.
package sniff

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"sync"
	"time"
)

// tlsHandshake is the content type that every TLS connection begins with
// (RFC 8446, section 5.1); no HTTP method begins with it.
const tlsHandshake = 0x16

// http2 is the name of HTTP/2 in TLS.
const http2 = "h2"

// Options are what New needs.
type Options struct {
	// FirstByte is how long a client may take for its first byte, Handshake
	// for all of TLS's.
	FirstByte, Handshake time.Duration
	TLS                  *tls.Config
	// Wrap, if any, is given every connection that may speak HTTP/1 and returns
	// what Accept does in its place.
	Wrap   func(net.Conn) net.Conn
	Logger *slog.Logger
}

// Listener accepts the connections of another listener when it is known what
// they speak. One with HTTP/2 over TLS is a *tls.Conn; of all others Wrap is asked.
type Listener struct {
	inner net.Listener
	opts  Options

	conns  chan net.Conn
	failed chan error

	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	once   sync.Once
	wg     sync.WaitGroup
}

// New accepts from inner, whose error ends it.
func New(inner net.Listener, o Options) *Listener {
	l := &Listener{inner: inner, opts: o, conns: make(chan net.Conn), failed: make(chan error, 1)}
	l.ctx, l.cancel = context.WithCancel(context.Background())
	l.wg.Add(1)
	go l.accept()
	return l
}

// Accept returns the next connection that has said what it speaks.
func (l *Listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case err := <-l.failed:
		l.failed <- err // for the next call too
		return nil, err
	case <-l.ctx.Done():
		return nil, net.ErrClosed
	}
}

// Addr is the address of the port.
func (l *Listener) Addr() net.Addr { return l.inner.Addr() }

// Close closes the inner listener and the connections that nobody has taken.
func (l *Listener) Close() error {
	var err error
	l.once.Do(func() {
		l.cancel()
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
			l.failed <- err
			return
		}
		l.wg.Go(func() {
			ready, err := l.decide(conn)
			if err != nil {
				l.opts.Logger.Debug("a connection came to nothing", "remote", conn.RemoteAddr().String(), "err", err)
				conn.Close()
				return
			}
			select {
			case l.conns <- ready:
			case <-l.ctx.Done():
				conn.Close()
			}
		})
	}
}

// decide waits for the first byte, and for TLS where that begins it.
func (l *Listener) decide(conn net.Conn) (net.Conn, error) {
	// A silent client must not hold up Close.
	stop := context.AfterFunc(l.ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	var first [1]byte
	if err := conn.SetReadDeadline(time.Now().Add(l.opts.FirstByte)); err != nil {
		return nil, err
	}
	if _, err := conn.Read(first[:]); err != nil {
		return nil, err
	}
	var back net.Conn = &replayed{Conn: conn, first: first[0], pending: true}
	if first[0] == tlsHandshake && l.opts.TLS != nil {
		if err := conn.SetDeadline(time.Now().Add(l.opts.Handshake)); err != nil {
			return nil, err
		}
		secure := tls.Server(back, l.opts.TLS)
		if err := secure.HandshakeContext(l.ctx); err != nil {
			return nil, err
		}
		if secure.ConnectionState().NegotiatedProtocol == http2 {
			return secure, conn.SetDeadline(time.Time{})
		}
		back = secure
	}
	if err := conn.SetDeadline(time.Time{}); err != nil {
		return nil, err
	}
	if l.opts.Wrap != nil {
		back = l.opts.Wrap(back)
	}
	return back, nil
}

// replayed is a connection whose first byte is read again.
type replayed struct {
	net.Conn
	first   byte
	pending bool // only the reader touches it
}

// NetConn is the connection below.
func (c *replayed) NetConn() net.Conn { return c.Conn }

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
