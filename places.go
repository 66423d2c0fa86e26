package furl

import (
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// youngest is how long a connection is left in peace whatever happens: a
	// new client needs a moment to send its request, an answer to get out.
	youngest = 100 * time.Millisecond
	// stuck is how long a client may take for one write before its connection
	// counts as one that waits.
	stuck = 5 * time.Second
)

// places are the connections that are open, of all listeners, and the room for
// more. Where there is none left, connections that wait for their client yield:
// those from where most come first, of these the ones that have waited longest.
type places struct {
	// slots holds one entry for every connection.
	slots chan struct{}
	// yielded counts those that were closed to make room.
	yielded atomic.Uint64

	mu   sync.Mutex
	open map[*guarded]struct{}
}

func newPlaces(most int) *places {
	return &places{slots: make(chan struct{}, most), open: map[*guarded]struct{}{}}
}

// take gives a connection the slot that was acquired for it.
func (p *places) take(conn net.Conn) *guarded {
	c := &guarded{Conn: conn, places: p, source: source(conn.RemoteAddr())}
	c.since.Store(time.Now().UnixNano())
	p.mu.Lock()
	defer p.mu.Unlock()
	p.open[c] = struct{}{}
	return c
}

// leave gives the slot back.
func (p *places) leave(c *guarded) {
	p.mu.Lock()
	delete(p.open, c)
	p.mu.Unlock()
	<-p.slots
}

// count is how many connections are open, and how many of these wait for their
// client.
func (p *places) count() (open, waiting int) {
	now := time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.open {
		if c.waits(now) {
			waiting++
		}
	}
	return len(p.open), waiting
}

// makeRoom closes connections that wait for their client: one in a hundred, so
// that looking at all of them is seldom.
func (p *places) makeRoom() {
	for _, c := range p.waiting(time.Now(), 1+cap(p.slots)/100) {
		p.yielded.Add(1)
		c.Close()
	}
}

// waiting are the n connections that are to yield first.
func (p *places) waiting(now time.Time, n int) []*guarded {
	type candidate struct {
		*guarded
		since int64
	}
	var all []candidate
	from := map[netip.Addr]int{}
	p.mu.Lock()
	for c := range p.open {
		from[c.source]++
		if since := c.since.Load(); c.waits(now) && now.UnixNano()-since > int64(youngest) {
			all = append(all, candidate{c, since})
		}
	}
	p.mu.Unlock()
	slices.SortFunc(all, func(a, b candidate) int {
		if more := from[b.source] - from[a.source]; more != 0 {
			return more
		}
		return int(a.since - b.since)
	})
	var out []*guarded
	for _, c := range all[:min(n, len(all))] {
		out = append(out, c.guarded)
	}
	return out
}

// source is where a connection counts as coming from: an IPv4 address, or an
// IPv6 network of the size that one customer gets.
func source(a net.Addr) netip.Addr {
	tcp, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.Addr{}
	}
	addr := tcp.AddrPort().Addr().Unmap().WithZone("")
	if addr.Is6() {
		return netip.PrefixFrom(addr, 64).Masked().Addr()
	}
	return addr
}

// guarded is one connection.
type guarded struct {
	net.Conn
	places *places
	source netip.Addr
	closed atomic.Bool
	// until is the write deadline; only the writer touches it.
	until time.Time

	// since is when the connection was accepted, or its last request ended.
	since atomic.Int64
	// requests are being answered, and of these bodies are waited for.
	requests, bodies atomic.Int32
	// writes is when the write began that has not ended, 0 if there is none.
	writes atomic.Int64
}

// waits reports whether nothing will happen before the client does something:
// there is no request, or the bodies of all that there are have not arrived, or
// the client does not take its answer.
func (c *guarded) waits(now time.Time) bool {
	began := c.writes.Load()
	return c.requests.Load() == c.bodies.Load() && began == 0 || began != 0 && now.UnixNano()-began > int64(stuck)
}

// begin marks that a request is being answered, until end is called.
func (c *guarded) begin() { c.requests.Add(1) }

func (c *guarded) end() {
	c.since.Store(time.Now().UnixNano())
	c.requests.Add(-1)
}

// Write gives the client the time that p may take, or up to one grace more: so
// that a connection with much traffic has its deadline moved now and then, not
// with every write.
func (c *guarded) Write(p []byte) (int, error) {
	now := time.Now()
	need := now.Add(transferTime(int64(len(p))))
	if need.After(c.until) {
		c.until = need.Add(transferGrace)
		if err := c.SetWriteDeadline(c.until); err != nil {
			return 0, err
		}
	}
	c.writes.Store(now.UnixNano())
	defer c.writes.Store(0)
	return c.Conn.Write(p)
}

// Close frees the connection's slot.
func (c *guarded) Close() error {
	if c.closed.CompareAndSwap(false, true) {
		defer c.places.leave(c)
	}
	return c.Conn.Close()
}

// CloseWrite ends the sending side alone.
func (c *guarded) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}
