package egress_test

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"furl/internal/egress"
)

func TestConnect(t *testing.T) {
	w := newWorld(t, egress.Options{}, echo)
	c, done := connect(t, t.Context(), w.gateway.Network("hello"), outside)
	if _, err := c.Write([]byte("ping")); err != nil {
		t.Fatal(err)
	}
	c.CloseWrite()
	if got, err := io.ReadAll(c); err != nil || string(got) != "ping" {
		t.Fatalf("read %q, %v", got, err)
	}
	wait(t, done)
	want := egress.Usage{Connections: 1, BytesOut: 4, BytesIn: 4}
	if got := w.gateway.Usage()["hello"]; got != want {
		t.Errorf("usage is %+v, want %+v", got, want)
	}
	if w.log.String() != "" {
		t.Errorf("logged: %s", w.log)
	}
}

func TestRefusal(t *testing.T) {
	w := newWorld(t, egress.Options{
		Policy:    egress.Policy{Allow: rules(t, "10.0.6.0/24:80")},
		Functions: map[string][]egress.Rule{"reports": rules(t, "10.0.5.7:5432")},
	}, echo)
	c, done := connect(t, t.Context(), w.gateway.Network("hello"), "10.0.5.7:5432")
	wantReset(t, c)
	wait(t, done)
	for _, want := range []string{"level=WARN", "function=hello", "address=10.0.5.7:5432", "reason=\"the address is private", "hint=\"--egress-allow 10.0.5.7:5432"} {
		if !strings.Contains(w.log.String(), want) {
			t.Errorf("the log lacks %s:\n%s", want, w.log)
		}
	}
	if got, want := w.gateway.Usage()["hello"], (egress.Usage{Refused: 1}); got != want {
		t.Errorf("usage is %+v, want %+v", got, want)
	}
	for _, tt := range []struct {
		function, to string
		allowed      uint64
	}{
		{"hello", "10.0.6.1:80", 1},   // by the rule for all
		{"reports", "10.0.6.1:80", 1}, // which holds for this one too
		{"reports", "10.0.5.7:5432", 2},
		{"reports", "10.0.5.7:5433", 2},
	} {
		c, done := connect(t, t.Context(), w.gateway.Network(tt.function), tt.to)
		c.CloseWrite()
		io.Copy(io.Discard, c)
		wait(t, done)
		if got := w.gateway.Usage()[tt.function].Connections; got != tt.allowed {
			t.Errorf("%s to %s: %d connections, want %d", tt.function, tt.to, got, tt.allowed)
		}
	}
}

func TestOwnInterfacesAreRefused(t *testing.T) {
	own := func() ([]net.Addr, error) {
		return []net.Addr{&net.IPNet{IP: net.IPv4(8, 8, 8, 8), Mask: net.CIDRMask(24, 32)}}, nil
	}
	w := newWorld(t, egress.Options{Policy: egress.Policy{Preset: egress.Development}}.WithAddrs(own), echo)
	for _, to := range []string{"8.8.8.8:443", "[::ffff:8.8.8.8]:443"} {
		c, done := connect(t, t.Context(), w.gateway.Network("hello"), to)
		wantReset(t, c)
		wait(t, done)
	}
	if !strings.Contains(w.log.String(), "this host's own") {
		t.Errorf("logged: %s", w.log)
	}
}

// The list of the host's addresses is read again, and a failure to read it
// does not open those that were known.
func TestOwnInterfacesChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var addrs []net.Addr
		var failure error
		g, err := egress.New(egress.Options{Policy: egress.Policy{Preset: egress.Production}}.WithAddrs(func() ([]net.Addr, error) { return addrs, failure }))
		if err != nil {
			t.Fatal(err)
		}
		defer g.Close()
		a := netip.MustParseAddr("8.8.8.8")
		addrs = []net.Addr{&net.IPNet{IP: a.AsSlice(), Mask: net.CIDRMask(32, 32)}}
		if egress.OwnsAddr(g, a) {
			t.Error("the list was read again at once")
		}
		time.Sleep(6 * time.Second)
		if !egress.OwnsAddr(g, a) {
			t.Error("the address is not known after six seconds")
		}
		addrs, failure = nil, errors.New("no more")
		time.Sleep(6 * time.Second)
		if !egress.OwnsAddr(g, a) {
			t.Error("the address is open when the list cannot be read")
		}
	})
	if _, err := egress.New(egress.Options{Policy: egress.Policy{Preset: egress.None}}.WithAddrs(func() ([]net.Addr, error) { return nil, errors.New("no") })); err == nil {
		t.Error("a Gateway without the host's addresses")
	}
}

// What no interface has and the host answers all the same is found by dialing.
func TestDialOutsideFindsTheHost(t *testing.T) {
	l := listen(t, "127.0.0.1:0", echo)
	conn, err := egress.DialOutside(t.Context(), l.Addr().(*net.TCPAddr).AddrPort())
	if !errors.Is(err, egress.ErrSelf) {
		t.Errorf("dialed %v, %v", conn, err)
	}
}

func TestGatewayAddr(t *testing.T) {
	serve := func(c *net.TCPConn) { io.WriteString(c, "furl") }
	port := func(l net.Listener) netip.AddrPort { return l.Addr().(*net.TCPAddr).AddrPort() }
	one, any4, any6 := port(listen(t, "127.0.0.1:0", serve)), port(listen(t, "0.0.0.0:0", serve)), port(listen(t, "[::]:0", serve))
	only6 := port(listen(t, "[::1]:0", serve))
	other := port(listen(t, "127.0.0.1:0", serve)) // of somebody else
	w := newWorld(t, egress.Options{
		Policy:  egress.Policy{Preset: egress.None},
		Gateway: []netip.AddrPort{one, any4, any6, only6},
	}, echo)
	n := w.gateway.Network("hello")
	for _, l := range []netip.AddrPort{one, any4, any6, only6} {
		c, done := connect(t, t.Context(), n, netip.AddrPortFrom(egress.GatewayAddr(), l.Port()).String())
		if got, err := io.ReadAll(c); string(got) != "furl" {
			t.Errorf("%s: read %q, %v", l, got, err)
		}
		c.Close()
		wait(t, done)
	}
	for _, p := range []uint16{other.Port(), 80, 443} {
		c, done := connect(t, t.Context(), n, netip.AddrPortFrom(egress.GatewayAddr(), p).String())
		wantReset(t, c)
		wait(t, done)
	}
	if got := w.gateway.Usage()["hello"]; got.Connections != 4 || got.Refused != 3 {
		t.Errorf("usage is %+v", got)
	}
}

func TestHostAddr(t *testing.T) {
	serve := func(c *net.TCPConn) { io.WriteString(c, "db") }
	port := func(l net.Listener) uint16 { return uint16(l.Addr().(*net.TCPAddr).Port) }
	four, six := port(listen(t, "127.0.0.1:0", serve)), port(listen(t, "[::1]:0", serve))
	other := port(listen(t, "127.0.0.1:0", serve))
	w := newWorld(t, egress.Options{Policy: egress.Policy{Preset: egress.None, HostPorts: []uint16{four, six}}}, echo)
	n := w.gateway.Network("hello")
	for _, p := range []uint16{four, six} {
		c, done := connect(t, t.Context(), n, netip.AddrPortFrom(egress.HostAddr(), p).String())
		if got, err := io.ReadAll(c); string(got) != "db" {
			t.Errorf("port %d: read %q, %v", p, got, err)
		}
		c.Close()
		wait(t, done)
	}
	c, done := connect(t, t.Context(), n, netip.AddrPortFrom(egress.HostAddr(), other).String())
	wantReset(t, c)
	wait(t, done)
	if !strings.Contains(w.log.String(), "not one of the host ports") {
		t.Errorf("logged: %s", w.log)
	}
}

// What is allowed and does not answer is reset, and no refusal.
func TestUnreachable(t *testing.T) {
	w := newWorld(t, egress.Options{}, echo)
	w.server.Close()
	c, done := connect(t, t.Context(), w.gateway.Network("hello"), outside)
	wantReset(t, c)
	wait(t, done)
	if got := w.gateway.Usage()["hello"]; got != (egress.Usage{}) {
		t.Errorf("usage is %+v", got)
	}
}

func TestMaxConns(t *testing.T) {
	w := newWorld(t, egress.Options{MaxConns: 2}, echo)
	greet := func(n *egress.Network) (*net.TCPConn, chan struct{}) {
		c, done := connect(t, t.Context(), n, outside)
		io.WriteString(c, "x")
		if _, err := io.ReadFull(c, make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
		return c, done
	}
	// The limit is the function's, whichever sandbox they come from.
	a, aDone := greet(w.gateway.Network("hello"))
	greet(w.gateway.Network("hello"))
	c, done := connect(t, t.Context(), w.gateway.Network("hello"), outside)
	wantReset(t, c)
	wait(t, done)
	greet(w.gateway.Network("other"))
	a.Close()
	wait(t, aDone)
	greet(w.gateway.Network("hello"))
	if got := w.gateway.Usage()["hello"]; got.Connections != 3 || got.Refused != 1 {
		t.Errorf("usage is %+v", got)
	}
	if !strings.Contains(w.log.String(), "2 connections open") {
		t.Errorf("logged: %s", w.log)
	}
}

// Many functions together must not use up the server's descriptors.
func TestMaxOpen(t *testing.T) {
	w := newWorld(t, egress.Options{MaxOpen: 2}, echo)
	open := func(function string) (*net.TCPConn, chan struct{}) {
		return connect(t, t.Context(), w.gateway.Network(function), outside)
	}
	connected := func() bool {
		return w.gateway.Usage()["one"].Connections+w.gateway.Usage()["two"].Connections == 2
	}
	one, oneDone := open("one")
	open("two")
	await(t, connected, func() string { return w.log.String() })
	three, done := open("three")
	wantReset(t, three)
	wait(t, done)
	one.Close()
	wait(t, oneDone)
	four, _ := open("four")
	io.WriteString(four, "x")
	if _, err := io.ReadFull(four, make([]byte, 1)); err != nil {
		t.Error(err)
	}
	if !strings.Contains(w.log.String(), "all functions together have 2 connections open") {
		t.Errorf("logged: %s", w.log)
	}
}

func TestFloodOfRefusals(t *testing.T) {
	var l egress.Limiter
	now := time.Now()
	lines, dropped := 0, 0
	for i := range 1000 {
		if d, ok := l.Admit(strconv.Itoa(i), now.Add(time.Duration(i)*100*time.Millisecond)); ok {
			lines, dropped = lines+1, dropped+d
		}
	}
	if lines != 20 || dropped != 590 {
		t.Errorf("of 1000 refusals in 100 seconds %d were logged and %d counted; want 20 and 590", lines, dropped)
	}

	var again egress.Limiter
	for i, want := range map[int]bool{0: true, 1: false, 49: false, 50: true, 99: false} {
		again = egress.Limiter{}
		ok := false
		for j := range i + 1 {
			_, ok = again.Admit("the same", now.Add(time.Duration(j)*100*time.Millisecond))
		}
		if ok != want {
			t.Errorf("the same refusal after %d tenths of a second is logged: %v, want %v", i, ok, want)
		}
	}

	w := newWorld(t, egress.Options{}, echo)
	n := w.gateway.Network("hello")
	for i := range 15 {
		c, done := connect(t, t.Context(), n, "10.0.0.1:"+strconv.Itoa(8000+i))
		wantReset(t, c)
		wait(t, done)
	}
	if got := strings.Count(w.log.String(), "\n"); got != 10 {
		t.Errorf("%d lines of 15 refusals, want 10", got)
	}
	if got := w.gateway.Usage()["hello"].Refused; got != 15 {
		t.Errorf("%d refusals counted, want 15", got)
	}
}

func TestNewRefuses(t *testing.T) {
	for name, p := range map[string]egress.Policy{
		"no preset": {}, "an unknown one": {Preset: "all"}, "port 0": {Preset: egress.None, HostPorts: []uint16{80, 0}},
	} {
		if _, err := egress.New(egress.Options{Policy: p}); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}
