// Package egress is what functions reach beyond their sandboxes: it decides on
// every destination, dials those that are allowed from the host and copies both
// ways, answers and forwards questions to DNS, and counts per function. A
// Network of a Gateway is what a sandbox is given.
//
// Decisions are made on addresses, at the time of the connection, whatever name
// led there: a preset says which sorts of addresses are open, rules add to it.
// A rule by name opens the addresses that the name resolved to, in that sandbox
// and for a while. What functions never reach is part of Policy.
//
// It does not isolate anything: the driver of the sandbox sees to it that all
// traffic comes here. It carries TCP and DNS alone; it does not look into
// connections, so a name that shares its address with others opens these too;
// and it does not know translators of addresses (NAT64) but those of the
// well-known prefixes.
package egress

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// HostName is the name of HostAddr in sandboxes.
const HostName = "host.furl.internal"

const (
	defaultMaxConns = 512
	// perConn is how many of the descriptors that the process may have there are
	// for each connection. A busy one takes six, and others need some, too.
	perConn = 16
	// leastShare is how many functions can have all that they may have open.
	leastShare = 4
)

// GatewayAddr is where sandboxes reach furl's own listeners. It is link-local,
// as HostAddr is, so no other machine is ever meant by it.
func GatewayAddr() netip.Addr { return netip.AddrFrom4([4]byte{169, 254, 100, 1}) }

// HostAddr is where sandboxes reach Policy.HostPorts.
func HostAddr() netip.Addr { return netip.AddrFrom4([4]byte{169, 254, 100, 2}) }

// Options configure a Gateway.
type Options struct {
	Policy Policy
	// Functions are rules for single functions, beside Policy.Allow. Their keys
	// are what Network is called with.
	Functions map[string][]Rule
	// Gateway are furl's own listeners, as they are bound.
	Gateway []netip.AddrPort
	// Names says whether a name (lower case, no dot at its end) is one of
	// furl's own, a function URL's or the API's. Those resolve to GatewayAddr.
	Names func(name string) bool
	// Nameservers answer what is not furl's own. None: those of the host's
	// /etc/resolv.conf, as it is at the time.
	Nameservers []netip.AddrPort
	// MaxOpen bounds the connections that all functions together have open.
	// Default: what the process has descriptors for.
	MaxOpen int
	// MaxConns bounds the connections that a function has open. Default 512, or a
	// quarter of MaxOpen.
	MaxConns int
	Logger   *slog.Logger

	seams seams
}

// Usage are figures of one function. They only ever grow.
type Usage struct {
	Connections uint64 // that reached their destination
	Refused     uint64 // connections that were not allowed, or too many
	BytesOut    uint64 // that the function sent; of open connections with a second's delay
	BytesIn     uint64 // that it received
	Queries     uint64 // to DNS
}

// A Gateway connects functions with what they may reach.
type Gateway struct {
	opts    Options
	logger  *slog.Logger
	own     *ownAddrs
	resolve *upstream
	hosts   *watched[map[string][]netip.Addr]
	conns   atomic.Int64 // open now

	ctx    context.Context
	cancel context.CancelFunc

	mu        sync.Mutex
	functions map[string]*function
	closed    bool
	wg        sync.WaitGroup // Connect and Resolve that run; added to under mu
}

// function is what a Gateway knows of a function.
type function struct {
	name  string
	rules []Rule

	conns                         atomic.Int64 // open now
	connections, refused, queries atomic.Uint64
	bytesOut, bytesIn             atomic.Uint64
	refusals                      limiter
}

// New returns a Gateway. It fails when the policy is not one, and when the
// host's own addresses cannot be told, which functions must not reach.
func New(opts Options) (*Gateway, error) {
	if _, err := ParsePreset(string(opts.Policy.Preset)); err != nil {
		return nil, err
	}
	if slices.Contains(opts.Policy.HostPorts, 0) {
		return nil, fmt.Errorf("egress: 0 is not a port of the host")
	}
	if opts.MaxOpen <= 0 {
		opts.MaxOpen = descriptors() / perConn
	}
	if opts.MaxConns <= 0 {
		opts.MaxConns = max(1, min(defaultMaxConns, opts.MaxOpen/leastShare))
	}
	if opts.Names == nil {
		opts.Names = func(string) bool { return false }
	}
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	opts.seams.fill()
	own, err := newOwnAddrs(opts.seams.addrs, opts.Logger)
	if err != nil {
		return nil, fmt.Errorf("egress: this host's addresses: %w", err)
	}
	g := &Gateway{
		opts: opts, logger: opts.Logger, own: own,
		resolve:   newUpstream(opts.Nameservers, opts.seams.resolvConf),
		hosts:     &watched[map[string][]netip.Addr]{path: opts.seams.hosts, parse: parseHosts},
		functions: map[string]*function{},
	}
	g.ctx, g.cancel = context.WithCancel(context.Background())
	return g, nil
}

// descriptors is how many of them the process may have.
func descriptors() int {
	const most = 1 << 20
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return 1024 // the usual least
	}
	return int(min(limit.Cur, most))
}

// Network is what lies beyond one sandbox of a function. It is cheap, holds
// nothing that would have to be closed, and must not serve two sandboxes: a
// name that one looked up would open its addresses to the other.
func (g *Gateway) Network(name string) *Network {
	return &Network{gateway: g, function: g.function(name), slots: make(chan struct{}, maxQueries)}
}

func (g *Gateway) function(name string) *function {
	g.mu.Lock()
	defer g.mu.Unlock()
	f := g.functions[name]
	if f == nil {
		f = &function{name: name, rules: slices.Concat(g.opts.Policy.Allow, g.opts.Functions[name])}
		g.functions[name] = f
	}
	return f
}

// Usage are the figures of every function that had a Network.
func (g *Gateway) Usage() map[string]Usage {
	g.mu.Lock()
	defer g.mu.Unlock()
	all := make(map[string]Usage, len(g.functions))
	for name, f := range g.functions {
		all[name] = Usage{
			Connections: f.connections.Load(),
			Refused:     f.refused.Load(),
			BytesOut:    f.bytesOut.Load(),
			BytesIn:     f.bytesIn.Load(),
			Queries:     f.queries.Load(),
		}
	}
	return all
}

// Close ends all connections and lookups, and waits until they have ended.
// Afterwards Networks refuse everything.
func (g *Gateway) Close() error {
	g.mu.Lock()
	g.closed = true
	g.mu.Unlock()
	g.cancel()
	g.wg.Wait()
	return nil
}

// enter joins a call with the Gateway's life. The context it returns ends with
// either; leave must be called. Of a closed Gateway it is not ok.
func (g *Gateway) enter(ctx context.Context) (joined context.Context, leave func(), ok bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return nil, nil, false
	}
	g.wg.Add(1)
	joined, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(g.ctx, cancel)
	return joined, func() {
		stop()
		cancel()
		g.wg.Done()
	}, true
}
