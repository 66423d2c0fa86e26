package egress

import "net/netip"

// kind is what sort of place an address is, from worst to best.
type kind int

const (
	forbidden kind = iota // never reached, whatever rules say
	private               // inside of somebody's network
	public                // on the internet
)

// span is a range of addresses of one kind, in words that fit after "is".
type span struct {
	prefix netip.Prefix
	kind   kind
	what   string
}

const (
	metadata      = "a cloud's metadata service"
	documentation = "a range for documentation"
	reserved      = "a reserved range"
	shared        = "private"
)

// spans4 are the ranges of IPv4 that are not public, the narrower before the
// wider. They follow IANA's registry of special-purpose addresses (RFC 6890);
// beside it stand the services that clouds offer to the machine they run, at
// addresses that look private or public.
var spans4 = []span{
	{netip.MustParsePrefix("0.0.0.0/32"), forbidden, "the unspecified address"},
	{netip.MustParsePrefix("0.0.0.0/8"), forbidden, reserved},
	{netip.MustParsePrefix("127.0.0.0/8"), forbidden, "loopback"},
	{netip.MustParsePrefix("169.254.0.0/16"), forbidden, "link-local, where clouds have their metadata service"},
	{netip.MustParsePrefix("100.100.100.100/32"), forbidden, "a service of this host (Tailscale)"},
	{netip.MustParsePrefix("100.100.100.200/32"), forbidden, metadata}, // Alibaba
	{netip.MustParsePrefix("168.63.129.16/32"), forbidden, metadata},   // Azure WireServer
	{netip.MustParsePrefix("10.0.0.0/8"), private, shared},
	{netip.MustParsePrefix("172.16.0.0/12"), private, shared},
	{netip.MustParsePrefix("192.168.0.0/16"), private, shared},
	{netip.MustParsePrefix("100.64.0.0/10"), private, "private (shared by a provider's customers)"},
	// Meant for benchmarks; VPN clients give it out for names they will tunnel.
	{netip.MustParsePrefix("198.18.0.0/15"), private, "private (for benchmarks)"},
	{netip.MustParsePrefix("192.0.0.0/24"), forbidden, reserved}, // with Oracle's metadata, 192.0.0.192
	{netip.MustParsePrefix("192.0.2.0/24"), forbidden, documentation},
	{netip.MustParsePrefix("198.51.100.0/24"), forbidden, documentation},
	{netip.MustParsePrefix("203.0.113.0/24"), forbidden, documentation},
	{netip.MustParsePrefix("192.88.99.0/24"), forbidden, reserved}, // 6to4 relays
	{netip.MustParsePrefix("224.0.0.0/4"), forbidden, "multicast"},
	{netip.MustParsePrefix("255.255.255.255/32"), forbidden, "broadcast"},
	{netip.MustParsePrefix("240.0.0.0/4"), forbidden, reserved},
}

// spans6 are the same of IPv6. Only 2000::/3 is given out (RFC 4291), so what
// no line names is public inside of it and reserved outside. The forms that
// carry an IPv4 address are public here and as good as that address.
var spans6 = []span{
	{netip.MustParsePrefix("::/128"), forbidden, "the unspecified address"},
	{netip.MustParsePrefix("::1/128"), forbidden, "loopback"},
	{compatible, public, ""},
	{translated, public, ""},
	{nat64, public, ""},
	{nat64Local, public, ""},
	{netip.MustParsePrefix("fe80::/10"), forbidden, "link-local"},
	{netip.MustParsePrefix("fec0::/10"), forbidden, "site-local, which is withdrawn"},
	{netip.MustParsePrefix("ff00::/8"), forbidden, "multicast"},
	{netip.MustParsePrefix("fd00:ec2::/32"), forbidden, metadata},          // AWS: ::254, ::253 (names), ::23 (pods)
	{netip.MustParsePrefix("fd20:ce::254/128"), forbidden, metadata},       // Google
	{netip.MustParsePrefix("fd00:c1::a9fe:a9fe/128"), forbidden, metadata}, // Oracle
	{netip.MustParsePrefix("fd00:42::42/128"), forbidden, metadata},        // Scaleway
	{netip.MustParsePrefix("fd7a:115c:a1e0::53/128"), forbidden, "a service of this host (Tailscale)"},
	{netip.MustParsePrefix("fc00::/7"), private, shared},
	{netip.MustParsePrefix("2001:db8::/32"), forbidden, documentation},
	{netip.MustParsePrefix("3fff::/20"), forbidden, documentation},
	{netip.MustParsePrefix("2001:2::/48"), forbidden, "a range for benchmarks"},
	{netip.MustParsePrefix("2001:10::/28"), forbidden, reserved}, // ORCHID
	{netip.MustParsePrefix("2001:20::/28"), forbidden, reserved}, // ORCHIDv2
	{netip.MustParsePrefix("2000::/3"), public, ""},
	{netip.MustParsePrefix("::/0"), forbidden, reserved},
}

// Forms of IPv6 that carry an IPv4 address. The v4-mapped form is not among
// them: it is the IPv4 address, and canonical makes it that.
var (
	compatible = netip.MustParsePrefix("::/96")           // RFC 4291, section 2.5.5.1
	translated = netip.MustParsePrefix("::ffff:0:0:0/96") // RFC 2765
	nat64      = netip.MustParsePrefix("64:ff9b::/96")    // RFC 6052
	nat64Local = netip.MustParsePrefix("64:ff9b:1::/48")  // RFC 8215
	sixToFour  = netip.MustParsePrefix("2002::/16")       // RFC 3056
	teredo     = netip.MustParsePrefix("2001::/32")       // RFC 4380
)

// canonical is the one spelling of an address: IPv4 where it is IPv4, and
// without a zone, which means nothing for the addresses that can be reached.
func canonical(a netip.Addr) netip.Addr { return a.WithZone("").Unmap() }

// classify says what sort of place a canonical address is, judging addresses
// inside of it as well: the worst of them counts.
func classify(a netip.Addr) (kind, string) {
	k, what := lookup(a)
	if k == forbidden {
		return k, what
	}
	for _, inner := range embedded(a) {
		if ik, iwhat := lookup(inner); ik < k {
			k, what = ik, iwhat+" (it carries "+inner.String()+")"
		}
	}
	return k, what
}

// table is the one that a canonical address stands in.
func table(a netip.Addr) []span {
	if a.Is4() {
		return spans4
	}
	return spans6
}

// lookup finds an address in the tables.
func lookup(a netip.Addr) (kind, string) {
	for _, s := range table(a) {
		if s.prefix.Contains(a) {
			return s.kind, s.what
		}
	}
	return public, ""
}

// embedded are the IPv4 addresses that an IPv6 address carries: where a
// translator on the way would send what is addressed to it.
func embedded(a netip.Addr) []netip.Addr {
	if a.Is4() {
		return nil
	}
	b := a.As16()
	last := netip.AddrFrom4([4]byte(b[12:16]))
	switch {
	case a.IsUnspecified() || a.IsLoopback():
		return nil
	case compatible.Contains(a), translated.Contains(a), nat64.Contains(a):
		return []netip.Addr{last}
	case nat64Local.Contains(a):
		return localNAT64(b)
	case sixToFour.Contains(a):
		return []netip.Addr{netip.AddrFrom4([4]byte(b[2:6]))}
	case teredo.Contains(a):
		client := netip.AddrFrom4([4]byte{^b[12], ^b[13], ^b[14], ^b[15]})
		return []netip.Addr{netip.AddrFrom4([4]byte(b[4:8])), client}
	}
	return nil
}

// localNAT64 reads an address of a local translator's prefix in every length
// that such a prefix can have (RFC 6052, section 2.2), since the address does
// not tell which. A reading that begins with a zero is of a prefix that is
// longer or shorter; when all do, the address carries 0.0.0.0.
func localNAT64(b [16]byte) []netip.Addr {
	var found []netip.Addr
	for _, v4 := range [][4]byte{
		{b[6], b[7], b[9], b[10]},    // a prefix of 48 bits
		{b[7], b[9], b[10], b[11]},   // 56
		{b[9], b[10], b[11], b[12]},  // 64
		{b[12], b[13], b[14], b[15]}, // 96
	} {
		if v4[0] != 0 {
			found = append(found, netip.AddrFrom4(v4))
		}
	}
	if found == nil {
		return []netip.Addr{netip.IPv4Unspecified()}
	}
	return found
}

// within says whether all of a range can never be reached, and why.
func within(p netip.Prefix) (what string, never bool) {
	if p.IsSingleIP() {
		k, what := classify(p.Addr())
		return what, k == forbidden
	}
	for _, s := range table(p.Addr()) {
		switch {
		case s.kind != forbidden && s.prefix.Overlaps(p):
			return "", false
		case s.kind == forbidden && s.prefix.Bits() <= p.Bits() && s.prefix.Contains(p.Addr()):
			return s.what, true
		}
	}
	return "", false
}
