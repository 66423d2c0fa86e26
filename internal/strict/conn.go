// Package strict lets through to net/http's server only those messages that can
// be read in one way. net/http forgives what proxies before it may read
// otherwise (lines that end with a bare LF, folded header fields, a
// Content-Length beside Transfer-Encoding, …), and where two read one stream of
// bytes differently, one client's request can be hidden in another's.
//
// Of HTTP/1, a Conn looks at the bytes on their way, hands a request's head on
// when all of it is there and is good, and follows the body to where the next
// head begins. It answers nothing itself: for a head that is refused it hands on
// a request of its own, which the handler knows by Take and answers like any
// other. Of HTTP/2, net/http reads the frames; HTTP2 looks at what it made of them.
package strict

import (
	"io"
	"net"
	"sync"
	"time"
)

// preface is what HTTP/2 begins with (RFC 9113, section 3.4).
const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

// What a refused connection is still read of before it is closed, so that its
// client gets to read the answer.
const (
	lingerTime  = 500 * time.Millisecond
	lingerBytes = 1 << 20
)

// Options are what New needs.
type Options struct {
	// MaxTarget and MaxHeader bound a request line's target, and its header
	// section, in bytes.
	MaxTarget, MaxHeader int
	// HeadTime is how long a head may take from its first byte on.
	HeadTime time.Duration
	// HTTP2 lets connections through that begin with HTTP/2's preface.
	HTTP2 bool
}

// Note is what the handler has to know of a request beside what net/http tells.
type Note struct {
	// Fault, if not nil, says that the request is made up: the client's own was
	// refused, and nothing follows it.
	Fault *Fault
	// Target is the request target as the client sent it, where net/http would
	// not take it: with percent signs that begin no escape. Empty: RequestURI
	// is right.
	Target string
}

// Conn is a connection to a client that speaks HTTP/1. Its owner is net/http's
// server, which reads from one goroutine at a time.
type Conn struct {
	net.Conn
	opts Options

	// What follows belongs to the reader.

	scan scanner
	// held are bytes that were read and not handed on; the first ready of them
	// may be.
	held  []byte
	ready int
	// ended is what Read answers once nothing is ready.
	ended error
	heads int // requests that were handed on

	mu sync.Mutex
	// asked is the owner's read deadline, head the one for a head that has
	// begun; zero: none.
	asked, head time.Time
	// taken counts the requests that the handler has asked for.
	taken int
	notes []numbered
	// lingers is set when there was a fault in a head.
	lingers bool
}

// numbered is the note on the connection's n-th request.
type numbered struct {
	n    int
	note Note
}

// New makes a Conn.
func New(c net.Conn, o Options) *Conn {
	conn := &Conn{Conn: c, opts: o}
	conn.scan.opts = &conn.opts
	return conn
}

// NetConn is the connection below.
func (c *Conn) NetConn() net.Conn { return c.Conn }

// Take tells of the next request. The handler calls it once for every request,
// in order; nil: there is nothing to know.
func (c *Conn) Take() *Note {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.taken++
	if len(c.notes) == 0 || c.notes[0].n != c.taken {
		return nil
	}
	note := c.notes[0].note
	c.notes = c.notes[1:]
	return &note
}

// Read returns the next bytes of the stream that net/http is to see.
func (c *Conn) Read(p []byte) (int, error) {
	for {
		switch {
		case c.ready > 0:
			return c.release(p), nil
		case c.ended != nil:
			return 0, c.ended
		case len(p) == 0:
			return 0, nil
		case len(c.held) > 0:
			if err := c.more(); err != nil {
				return 0, err
			}
			continue
		}
		// Nearly always a read holds whole messages, which stay where they are.
		n, err := c.Conn.Read(p)
		if n == 0 {
			return 0, err
		}
		out, good := c.examine(p[:n]) // an error will come again
		if good > 0 && &out[0] == &p[0] {
			c.hold(out[good:], 0)
			return good, nil
		}
		c.hold(out, good)
	}
}

// hold keeps bytes, the first good of which may be handed on.
func (c *Conn) hold(b []byte, good int) {
	if c.ended != nil {
		b = b[:good]
	}
	c.held, c.ready = append([]byte(nil), b...), good
}

// release hands on what is ready.
func (c *Conn) release(p []byte) int {
	n := copy(p, c.held[:c.ready])
	c.ready -= n
	c.held = c.held[n:]
	if len(c.held) == 0 {
		c.held = nil // idle connections shall cost little
	}
	return n
}

// more reads behind what is held.
func (c *Conn) more() error {
	const step = 4 << 10
	if cap(c.held)-len(c.held) < step/4 {
		grown := make([]byte, len(c.held), 2*len(c.held)+step)
		copy(grown, c.held)
		c.held = grown
	}
	n, err := c.Conn.Read(c.held[len(c.held):cap(c.held)])
	if n == 0 {
		return err
	}
	c.held, c.ready = c.examine(c.held[:len(c.held)+n]) // an error will come again
	if c.ended != nil {
		c.held = c.held[:c.ready]
	}
	return nil
}

// examine follows the stream through buf, which begins where the last unit
// that was handed on has ended. It returns what is to be read in its place,
// which is buf itself as a rule, and how much of that is good.
func (c *Conn) examine(buf []byte) (out []byte, good int) {
	for {
		n, event := c.scan.next(buf[good:])
		switch event {
		case wanting:
			good += n
			if c.scan.inHead() && good < len(buf) {
				c.beginHead()
			}
			return buf, good
		case faulty:
			c.lingering()
			if !c.scan.inHead() {
				c.ended = c.scan.fault // whoever reads the body gets to see it
				return buf, good
			}
			return c.refuse(buf[:good]), good + len(c.standIn())
		case blank:
			buf = splice(buf, good, good+n, nil)
			if good == len(buf) {
				return buf, good
			}
			n = 0
		case headDone:
			buf, n = c.pass(buf, good, n)
		}
		good += n
	}
}

// pass lets a head of n bytes through that begins at good.
func (c *Conn) pass(buf []byte, good, n int) ([]byte, int) {
	c.setHeadDeadline(time.Time{})
	c.heads++
	target, sane := c.scan.head.escaped(buf[good:])
	if sane == nil {
		return buf, n
	}
	c.note(Note{Target: string(buf[good+target.from : good+target.to])})
	grown := len(sane) - (target.to - target.from)
	return splice(buf, good+target.from, good+target.to, sane), n + grown
}

// refuse ends the stream with a request that stands for the one that was
// refused, after what is good before it.
func (c *Conn) refuse(before []byte) []byte {
	c.heads++
	c.note(Note{Fault: c.scan.fault})
	c.setHeadDeadline(time.Time{})
	c.ended = io.EOF
	return splice(before, len(before), len(before), []byte(c.standIn()))
}

// standIn is what net/http reads in place of a request that was refused. An
// answer to HEAD has no body.
func (c *Conn) standIn() string {
	method := "GET"
	if c.scan.fault.Method == "HEAD" {
		method = "HEAD"
	}
	return method + " / HTTP/1.1\r\nHost: refused\r\nConnection: close\r\n\r\n"
}

// splice returns a copy of b with another part between from and to.
func splice(b []byte, from, to int, with []byte) []byte {
	out := make([]byte, 0, len(b)+len(with)-(to-from))
	out = append(out, b[:from]...)
	out = append(out, with...)
	return append(out, b[to:]...)
}

// beginHead starts the time for a head that has not arrived whole.
func (c *Conn) beginHead() {
	c.mu.Lock()
	began := !c.head.IsZero()
	c.mu.Unlock()
	if !began && c.opts.HeadTime > 0 {
		c.setHeadDeadline(time.Now().Add(c.opts.HeadTime))
	}
}

func (c *Conn) note(n Note) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.notes = append(c.notes, numbered{c.heads, n})
}

func (c *Conn) lingering() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lingers = true
}

// SetReadDeadline sets the owner's deadline; a head that has begun may have an
// earlier one.
func (c *Conn) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked = t
	return c.Conn.SetReadDeadline(earlier(c.asked, c.head))
}

// SetDeadline sets both deadlines.
func (c *Conn) SetDeadline(t time.Time) error {
	if err := c.SetReadDeadline(t); err != nil {
		return err
	}
	return c.Conn.SetWriteDeadline(t)
}

// setHeadDeadline sets the time by which the head must be there; zero: none is
// awaited.
func (c *Conn) setHeadDeadline(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.head.IsZero() && t.IsZero() {
		return
	}
	c.head = t
	// Where it cannot be set the connection is gone, as the next Read tells.
	c.Conn.SetReadDeadline(earlier(c.asked, c.head))
}

// earlier is the earlier of two deadlines.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// Close closes the connection. One whose client was refused is read from for a
// moment more: closing it on one that still sends can destroy the answer.
func (c *Conn) Close() error {
	c.mu.Lock()
	lingers := c.lingers
	c.lingers = false
	c.mu.Unlock()
	if lingers && c.CloseWrite() == nil {
		c.Conn.SetReadDeadline(time.Now().Add(lingerTime))
		io.CopyN(io.Discard, c.Conn, lingerBytes) // until the client is done, or the time is over
	}
	return c.Conn.Close()
}

// CloseWrite ends the sending side alone, where the connection can do that.
func (c *Conn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}
