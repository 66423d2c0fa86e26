package egress

import (
	"context"
	"net"
	"net/netip"
	"time"
)

// ErrSelf is what dialing the host itself ends with.
var ErrSelf = errSelf

// WithDial puts another way of dialing what is allowed in place of the host's.
func (o Options) WithDial(dial func(context.Context, netip.AddrPort) (*net.TCPConn, error)) Options {
	o.seams.dial = dial
	return o
}

// WithAddrs puts other addresses in place of those of the host's interfaces.
func (o Options) WithAddrs(addrs func() ([]net.Addr, error)) Options {
	o.seams.addrs = addrs
	return o
}

// WithFiles puts other files in place of /etc/resolv.conf and /etc/hosts.
func (o Options) WithFiles(resolvConf, hosts string) Options {
	o.seams.resolvConf, o.seams.hosts = resolvConf, hosts
	return o
}

// WithIdle sets how long connections may be idle, and with one side done.
func (o Options) WithIdle(idle, half time.Duration) Options {
	o.seams.limits = limits{dial: 10 * time.Second, idle: idle, half: half, drain: time.Second, look: 20 * time.Millisecond}
	return o
}

// Judge decides on a destination of a function with rules.
func Judge(preset Preset, rules []Rule, to netip.AddrPort, named bool, own ...netip.Addr) (allowed bool, reason, hint string) {
	set := map[netip.Addr]bool{}
	for _, a := range own {
		set[a] = true
	}
	v := judge(preset, rules, netip.AddrPortFrom(canonical(to.Addr()), to.Port()), named, set)
	return v.allowed, v.reason, v.hint
}

// Kind is the sort of an address: forbidden, private or public.
func Kind(a netip.Addr) string {
	k, _ := classify(canonical(a))
	return [...]string{"forbidden", "private", "public"}[k]
}

// DialOutside dials as the host does.
func DialOutside(ctx context.Context, to netip.AddrPort) (*net.TCPConn, error) {
	return dialOutside(ctx, to)
}

// ParseResolvConf reads a resolv.conf.
func ParseResolvConf(text string) (servers []netip.AddrPort, timeout time.Duration, attempts int) {
	c := parseResolvConf(text)
	return c.servers, c.timeout, c.attempts
}

// ParseHosts reads a hosts file.
func ParseHosts(text string) map[string][]netip.Addr { return parseHosts(text) }

// MaxGrants is how many addresses names open to a sandbox.
const MaxGrants = maxGrants

// Grants are the addresses that names open.
type Grants struct{ grants }

// Add opens an address at a port.
func (g *Grants) Add(a netip.Addr, port uint16, ttl time.Duration, now time.Time) {
	g.add(a, ports{port, port}, ttl, now)
}

// Opens says whether an address is open at a port.
func (g *Grants) Opens(a netip.Addr, port uint16, now time.Time) bool { return g.opens(a, port, now) }

// Len is how many are held.
func (g *Grants) Len() int { return len(g.open) }

// Limiter is what keeps a flood from the log.
type Limiter struct{ limiter }

// Admit says whether a line about a destination may be written.
func (l *Limiter) Admit(about string, now time.Time) (dropped int, ok bool) {
	return l.admit(about, now)
}

// OwnsAddr says whether a Gateway takes an address for the host's own.
func OwnsAddr(g *Gateway, a netip.Addr) bool { return g.own.get()[a] }
