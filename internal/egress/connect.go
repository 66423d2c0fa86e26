package egress

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"sync/atomic"
	"time"
)

// A Network is what lies beyond one sandbox; package sandbox says how it is
// used. Its methods may be called from several goroutines.
type Network struct {
	gateway  *Gateway
	function *function
	grants   grants
	slots    chan struct{} // one entry for every question that is being forwarded
	waiting  atomic.Int64  // questions that wait for one
}

// Connect serves a connection that a program in the sandbox opened to an
// address. It returns when both directions have ended, when either end was
// reset, after a long time without traffic, or when ctx ends. What is not
// allowed, and what cannot be reached, is reset. conn is closed in any case.
func (n *Network) Connect(ctx context.Context, conn *net.TCPConn, to netip.AddrPort) {
	to = netip.AddrPortFrom(canonical(to.Addr()), to.Port())
	ctx, leave, ok := n.gateway.enter(ctx)
	if !ok {
		reset(conn)
		return
	}
	defer leave()
	f, opts := n.function, &n.gateway.opts
	defer f.conns.Add(-1)
	if f.conns.Add(1) > int64(opts.MaxConns) {
		n.refuse(conn, to, verdict{reason: fmt.Sprintf("the function has %d connections open, which is the most", opts.MaxConns)})
		return
	}
	defer n.gateway.conns.Add(-1)
	if n.gateway.conns.Add(1) > int64(opts.MaxOpen) {
		n.refuse(conn, to, verdict{reason: fmt.Sprintf("all functions together have %d connections open, which is the most", opts.MaxOpen)})
		return
	}
	targets, dial, v := n.route(to)
	if !v.allowed {
		n.refuse(conn, to, v)
		return
	}
	outside, err := dialFirst(ctx, dial, targets, opts.seams.limits.dial)
	if errors.Is(err, errSelf) {
		n.refuse(conn, to, verdict{reason: err.Error(), hint: hintHost(to.Port())})
		return
	}
	if err != nil {
		n.gateway.logger.Debug("connection of a function failed", "function", f.name, "address", to.String(), "err", err)
		reset(conn)
		return
	}
	f.connections.Add(1)
	r := relay{inside: conn, outside: outside, function: f, limits: opts.seams.limits, began: time.Now()}
	r.run(ctx)
}

// dialer connects to an address.
type dialer func(context.Context, netip.AddrPort) (*net.TCPConn, error)

// route decides on a destination, and says what to dial for it: the first of
// the targets that answers.
func (n *Network) route(to netip.AddrPort) (targets []netip.AddrPort, dial dialer, v verdict) {
	opts := &n.gateway.opts
	switch to.Addr() {
	case GatewayAddr():
		targets = listeners(opts.Gateway, to.Port())
		if targets == nil {
			return nil, nil, verdict{reason: "furl does not listen on this port"}
		}
		return targets, dialOwn, verdict{allowed: true}
	case HostAddr():
		if !slices.Contains(opts.Policy.HostPorts, to.Port()) {
			return nil, nil, verdict{reason: "the port is not one of the host ports", hint: fmt.Sprintf("--egress-host-port %d allows it", to.Port())}
		}
		return loopback(to.Port()), dialHost, verdict{allowed: true}
	}
	named := n.grants.opens(to.Addr(), to.Port(), time.Now())
	v = judge(opts.Policy.Preset, n.function.rules, to, named, n.gateway.own.get())
	return []netip.AddrPort{to}, opts.seams.dial, v
}

// listeners are the addresses at which furl's own listeners with a port are
// reached from the host.
func listeners(bound []netip.AddrPort, port uint16) []netip.AddrPort {
	var found []netip.AddrPort
	for _, l := range bound {
		a := l.Addr().Unmap()
		switch {
		case l.Port() != port:
		case !a.IsUnspecified():
			found = append(found, netip.AddrPortFrom(a, port))
		case a.Is4():
			found = append(found, loopback(port)[0])
		default: // [::] takes IPv4 as well, except where the system says otherwise
			found = append(found, loopback(port)...)
		}
	}
	return found
}

// loopback is a port of the host itself.
func loopback(port uint16) []netip.AddrPort {
	return []netip.AddrPort{
		netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), port),
		netip.AddrPortFrom(netip.IPv6Loopback(), port),
	}
}

// dialFirst connects to the first target that answers.
func dialFirst(ctx context.Context, dial dialer, targets []netip.AddrPort, timeout time.Duration) (*net.TCPConn, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	var errs []error
	for _, to := range targets {
		conn, err := dial(ctx, to)
		if err == nil {
			return conn, nil
		}
		errs = append(errs, err)
	}
	return nil, errors.Join(errs...)
}

// dialHost connects to a listener on this host.
func dialHost(ctx context.Context, to netip.AddrPort) (*net.TCPConn, error) {
	var d net.Dialer
	return d.DialTCP(ctx, "tcp", netip.AddrPort{}, to)
}

// SourceAddr is where connections of functions to furl's own listeners on IPv4 come
// from, as those see it: so that a function is not taken for a proxy on this host.
func SourceAddr() netip.Addr { return netip.AddrFrom4([4]byte{127, 169, 254, 1}) }

// dialOwn connects to one of furl's own listeners.
func dialOwn(ctx context.Context, to netip.AddrPort) (*net.TCPConn, error) {
	if !to.Addr().Is4() {
		return dialHost(ctx, to)
	}
	var d net.Dialer
	return d.DialTCP(ctx, "tcp", netip.AddrPortFrom(SourceAddr(), 0), to)
}

// errSelf: the connection would not have left the host.
var errSelf = errors.New("the address is served by this host itself")

// dialOutside connects to another machine. That a destination is the host's
// own shows at the latest now: the system then takes it for both ends. This
// finds addresses that no interface has and the host answers nevertheless.
func dialOutside(ctx context.Context, to netip.AddrPort) (*net.TCPConn, error) {
	conn, err := dialHost(ctx, to)
	if err != nil {
		return nil, err
	}
	if addrOf(conn.LocalAddr()) == addrOf(conn.RemoteAddr()) {
		reset(conn)
		return nil, errSelf
	}
	return conn, nil
}

func addrOf(a net.Addr) netip.Addr {
	if t, ok := a.(*net.TCPAddr); ok {
		return canonical(t.AddrPort().Addr())
	}
	return netip.Addr{}
}

// refuse resets a connection that is not allowed, counts it and says so.
func (n *Network) refuse(conn *net.TCPConn, to netip.AddrPort, v verdict) {
	reset(conn)
	n.function.refused.Add(1)
	n.complain("connection of a function was refused", slog.String("address", to.String()), v)
}

// complain writes a refusal to the log, unless it was written just now, or there
// were many of late.
func (n *Network) complain(message string, what slog.Attr, v verdict) {
	dropped, ok := n.function.refusals.admit(what.Value.String()+" "+v.reason, time.Now())
	if !ok {
		return
	}
	attrs := []slog.Attr{slog.String("function", n.function.name), what, slog.String("reason", v.reason)}
	if v.hint != "" {
		attrs = append(attrs, slog.String("hint", v.hint))
	}
	if dropped > 0 {
		attrs = append(attrs, slog.Int("not_logged_before", dropped))
	}
	n.gateway.logger.LogAttrs(context.Background(), slog.LevelWarn, message, attrs...)
}

// reset closes a connection so that its peer sees that it was cut off and not
// that it ended.
func reset(conn *net.TCPConn) {
	// Of a connection that is closed or broken already neither says anything new.
	_ = conn.SetLinger(0)
	_ = conn.Close()
}
