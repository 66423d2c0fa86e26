package namespace

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// The way out of a sandbox's network namespace. The namespace has no interface but
// loopback; every address is made a local one, so a program can connect to it, and
// a rule leads what it connects to a socket that the server reads from. Who was
// meant is what the kernel remembers of the connection. Datagrams to where no
// socket is are refused by the kernel as those to a closed port are.

const (
	// Nothing in a sandbox may bind ports below 1024, so these take none away.
	exitPort = 1
	namePort = 53
	// ownAddress is what a sandbox's connections come from, and nameServer what
	// it asks for names; both look like AWS's.
	ownAddress = "169.254.100.6"
	nameServer = "169.254.100.5"

	// exitBacklog is how many connections wait to be accepted.
	exitBacklog = 512
	// A sandbox may make exitRate connections and questions a second, after
	// exitBurst of them at once: the kernel remembers each for some seconds, in
	// memory that is not counted as the sandbox's.
	exitRate  = 1000
	exitBurst = 2000
)

// openExit makes the calling thread's network namespace one whose connections
// arrive at exitSockets.
func openExit() error {
	six := haveIPv6()
	if err := routeAll(six); err != nil {
		return err
	}
	err := redirect(six, true)
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.EOPNOTSUPP) {
		err = redirect(six, false) // a kernel that cannot limit rates
	}
	if err != nil {
		return err
	}
	return forgetSoon()
}

// haveIPv6 reports whether the calling thread's network namespace does IPv6.
func haveIPv6() bool {
	s, err := exitSocket(unix.SOCK_DGRAM, netip.AddrPortFrom(netip.IPv6Loopback(), namePort))
	if err != nil {
		return false
	}
	s.Close()
	return true
}

// routeAll makes every address local.
func routeAll(six bool) error {
	h, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		return fmt.Errorf("namespace: routes: %w", err)
	}
	defer h.Close()
	const loopback = 1 // the interface's number in every namespace
	own := net.ParseIP(ownAddress)
	// An address that is not loopback's makes programs take the network for up, and
	// as there is none for IPv6, take IPv4 where both would do.
	err = h.AddrAdd(&netlink.Dummy{LinkAttrs: netlink.LinkAttrs{Index: loopback}},
		&netlink.Addr{IPNet: &net.IPNet{IP: own, Mask: net.CIDRMask(32, 32)}})
	if err != nil {
		return fmt.Errorf("namespace: address: %w", err)
	}
	routes := []netlink.Route{{Dst: &net.IPNet{IP: net.IPv4zero, Mask: net.CIDRMask(0, 32)}, Src: own}}
	if six {
		routes = append(routes, netlink.Route{Dst: &net.IPNet{IP: net.IPv6zero, Mask: net.CIDRMask(0, 128)}})
	}
	for _, r := range routes {
		r.LinkIndex, r.Type, r.Table, r.Scope = loopback, unix.RTN_LOCAL, unix.RT_TABLE_LOCAL, unix.RT_SCOPE_HOST
		if err := h.RouteAdd(&r); err != nil {
			return fmt.Errorf("namespace: route: %w", err)
		}
	}
	return nil
}

// redirect writes the rules.
func redirect(six, limited bool) error {
	c, err := nftables.New()
	if err != nil {
		return fmt.Errorf("namespace: nf_tables: %w", err)
	}
	family := nftables.TableFamilyINet
	if !six {
		family = nftables.TableFamilyIPv4
	}
	table := c.AddTable(&nftables.Table{Name: "furl", Family: family})
	add := func(chain *nftables.Chain, es ...[]expr.Any) {
		r := &nftables.Rule{Table: table, Chain: chain}
		for _, e := range es {
			r.Exprs = append(r.Exprs, e...)
		}
		c.AddRule(r)
	}
	accept := []expr.Any{&expr.Verdict{Kind: expr.VerdictAccept}}

	// What stays inside is not remembered, except answers of exitSockets.
	track := c.AddChain(&nftables.Chain{Name: "track", Table: table, Type: nftables.ChainTypeFilter,
		Hooknum: nftables.ChainHookOutput, Priority: nftables.ChainPriorityRaw})
	untracked := []expr.Any{&expr.Notrack{}}
	for _, inside := range [...]string{"127.0.0.0/8", ownAddress + "/32"} {
		add(track, transport(unix.IPPROTO_TCP), port(source, isNot, exitPort), to4(inside), untracked)
	}
	if six {
		add(track, transport(unix.IPPROTO_TCP), port(source, isNot, exitPort), to6(netip.IPv6Loopback()), untracked)
	}
	add(track, transport(unix.IPPROTO_UDP), port(source, isNot, namePort), port(destination, isNot, namePort), untracked)

	// The first packet of each connection that is remembered passes here.
	exit := c.AddChain(&nftables.Chain{Name: "exit", Table: table, Type: nftables.ChainTypeNAT,
		Hooknum: nftables.ChainHookOutput, Priority: nftables.ChainPriorityNATDest})
	if limited { // wherever it leads: questions to the sandbox itself are remembered too
		add(exit, []expr.Any{
			&expr.Limit{Type: expr.LimitTypePkts, Rate: exitRate, Unit: expr.LimitTimeSecond, Burst: exitBurst, Over: true},
			&expr.Verdict{Kind: expr.VerdictDrop},
		})
	}
	add(exit, to4("127.0.0.0/8"), accept)
	add(exit, to4(ownAddress+"/32"), accept)
	if six {
		add(exit, to6(netip.IPv6Loopback()), accept)
	}
	add(exit, transport(unix.IPPROTO_TCP), redirectTo(exitPort))
	add(exit, transport(unix.IPPROTO_UDP), port(destination, is, namePort), redirectTo(namePort))
	if err := c.Flush(); err != nil {
		return fmt.Errorf("namespace: nf_tables: %w", err)
	}
	return nil
}

// Where ports are in TCP's and UDP's headers.
const (
	source      = 0
	destination = 2
)

const (
	is    = expr.CmpOpEq
	isNot = expr.CmpOpNeq
)

func compare(op expr.CmpOp, value ...byte) expr.Any {
	return &expr.Cmp{Op: op, Register: 1, Data: value}
}

func transport(protocol byte) []expr.Any {
	return []expr.Any{&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1}, compare(is, protocol)}
}

func port(which uint32, op expr.CmpOp, number uint16) []expr.Any {
	return []expr.Any{
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: which, Len: 2},
		compare(op, binaryutil.BigEndian.PutUint16(number)...),
	}
}

// to4 matches packets to a range of IPv4 addresses.
func to4(prefix string) []expr.Any {
	p := netip.MustParsePrefix(prefix)
	return []expr.Any{
		&expr.Meta{Key: expr.MetaKeyNFPROTO, Register: 1}, compare(is, unix.NFPROTO_IPV4),
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: 16, Len: 4},
		&expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: 4, Mask: net.CIDRMask(p.Bits(), 32), Xor: make([]byte, 4)},
		compare(is, p.Addr().AsSlice()...),
	}
}

// to6 matches packets to an IPv6 address.
func to6(a netip.Addr) []expr.Any {
	return []expr.Any{
		&expr.Meta{Key: expr.MetaKeyNFPROTO, Register: 1}, compare(is, unix.NFPROTO_IPV6),
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: 24, Len: 16},
		compare(is, a.AsSlice()...),
	}
}

// redirectTo leads a connection to a port of the loopback address.
func redirectTo(number uint16) []expr.Any {
	return []expr.Any{
		&expr.Immediate{Register: 1, Data: binaryutil.BigEndian.PutUint16(number)},
		&expr.Redir{RegisterProtoMin: 1},
	}
}

// forgetSoon has the kernel forget connections soon after their end, for the same
// reason that their number is limited.
func forgetSoon() error {
	for name, seconds := range map[string]string{
		"udp_timeout": "15", "udp_timeout_stream": "15", // longer than an answer takes
		"tcp_timeout_close": "1", "tcp_timeout_time_wait": "1",
		// One side has said all and waits for the other: as long as a function may run.
		"tcp_timeout_fin_wait": "1000", "tcp_timeout_close_wait": "1000",
	} {
		err := os.WriteFile("/proc/sys/net/netfilter/nf_conntrack_"+name, []byte(seconds), 0)
		if err != nil && !unwritable(err) {
			return fmt.Errorf("namespace: connection tracking: %w", err)
		}
	}
	return nil
}

// unwritable reports whether a setting could not be written because the kernel has
// none, or does not let go of it to user namespaces, as older ones do not.
func unwritable(err error) bool {
	return errors.Is(err, os.ErrNotExist) || errors.Is(err, os.ErrPermission)
}

// leaveNoTrace has the kernel forget at once whom a sandbox was connected to, in
// the calling thread's network namespace. It would else be there for the next sandbox to
// see: for a minute in /proc/net/tcp, and longer in how its own connections begin.
func leaveNoTrace() error {
	for name, value := range map[string]string{"tcp_max_tw_buckets": "0", "tcp_no_metrics_save": "1"} {
		if err := os.WriteFile("/proc/sys/net/ipv4/"+name, []byte(value), 0); err != nil {
			return fmt.Errorf("namespace: traces of connections: %w", err)
		}
	}
	return nil
}

// exitSockets opens the sockets that connections and questions arrive at: a
// listener and a datagram socket for IPv4, and as many for IPv6 where there is
// any, in this order.
func exitSockets() ([]*os.File, error) {
	var all []*os.File
	for _, a := range [...]netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1}), netip.IPv6Loopback()} {
		listener, err := exitSocket(unix.SOCK_STREAM, netip.AddrPortFrom(a, exitPort))
		if a.Is6() && noIPv6(err) {
			return all, nil
		}
		if err != nil {
			closeAll(all)
			return nil, err
		}
		all = append(all, listener)
		questions, err := exitSocket(unix.SOCK_DGRAM, netip.AddrPortFrom(a, namePort))
		if err != nil {
			closeAll(all)
			return nil, err
		}
		all = append(all, questions)
	}
	return all, nil
}

// noIPv6 reports whether a socket could not be had because the kernel does no IPv6.
func noIPv6(err error) bool {
	return errors.Is(err, unix.EAFNOSUPPORT) || errors.Is(err, unix.EADDRNOTAVAIL)
}

func exitSocket(kind int, at netip.AddrPort) (*os.File, error) {
	family, address := unix.AF_INET6, unix.Sockaddr(&unix.SockaddrInet6{Port: int(at.Port()), Addr: at.Addr().As16()})
	if at.Addr().Is4() {
		family, address = unix.AF_INET, &unix.SockaddrInet4{Port: int(at.Port()), Addr: at.Addr().As4()}
	}
	fd, err := unix.Socket(family, kind|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("namespace: %w", os.NewSyscallError("socket", err))
	}
	if kind == unix.SOCK_STREAM {
		// The last sandbox's connections may not have quite ended.
		err = os.NewSyscallError("setsockopt", unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1))
	}
	if err == nil {
		err = os.NewSyscallError("bind", unix.Bind(fd, address))
	}
	if err == nil && kind == unix.SOCK_STREAM {
		err = os.NewSyscallError("listen", unix.Listen(fd, exitBacklog))
	}
	if err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("namespace: %v: %w", at, err)
	}
	return os.NewFile(uintptr(fd), "exit"), nil
}

// tryExit makes a way out of the calling process's network namespace and connects
// through it. Nothing leaves the namespace.
func tryExit() error {
	if err := loopbackUp(); err != nil {
		return err
	}
	return apart(func() error {
		if err := openExit(); err != nil {
			return err
		}
		sockets, err := exitSockets()
		if err != nil {
			return err
		}
		e, err := newEgress(sockets, slog.New(slog.DiscardHandler))
		if err != nil {
			return err
		}
		defer e.stop()
		const somewhere = "192.0.2.1:80" // nowhere, by RFC 5737
		conn, err := net.DialTimeout("tcp4", somewhere, time.Second)
		if err != nil {
			return fmt.Errorf("namespace: through the way out: %w", err)
		}
		defer conn.Close()
		arrived, err := e.listeners[0].AcceptTCP()
		if err != nil {
			return fmt.Errorf("namespace: way out: %w", err)
		}
		defer arrived.Close()
		to, err := meant(arrived)
		if err == nil && to.String() != somewhere {
			err = fmt.Errorf("namespace: a connection to %s arrived as one to %v: %w", somewhere, to, unix.EOPNOTSUPP)
		}
		return err
	})
}

func hintExit(errno syscall.Errno, contained bool) string {
	const modules = "the kernel lacks NAT by nf_tables: modprobe -a nf_tables nft_chain_nat nft_redir nft_ct nft_limit " +
		"(CONFIG_NF_TABLES, CONFIG_NF_TABLES_INET, CONFIG_NFT_NAT, CONFIG_NFT_REDIR, CONFIG_NFT_CT); until then functions reach nothing but themselves"
	switch errno {
	case unix.ENOENT, unix.EOPNOTSUPP, unix.EPROTONOSUPPORT, unix.EAFNOSUPPORT, unix.ENOSYS, unix.ENOPROTOOPT, unix.EINVAL:
		return modules
	}
	return hintNetwork(errno, contained)
}
