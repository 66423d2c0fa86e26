package egress

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// A Rule opens destinations to functions: addresses or names, at some ports or
// at all of them. The zero Rule opens nothing. Rules compare with ==.
type Rule struct {
	prefix netip.Prefix // of addresses, canonical; or
	name   string       // a name: lower case, no dot at its end
	below  bool         // the names below it, without itself
	ports  ports
}

// ports are the ports from first to last.
type ports struct{ first, last uint16 }

func (p ports) contains(port uint16) bool { return p.first <= port && port <= p.last }

var everyPort = ports{1, 65535}

// ParseRule reads a rule: a range of addresses (10.0.5.0/24), an address
// (10.0.5.7), a name (db.example.com) or the names below one (*.example.com, at
// any depth and without example.com itself), then optionally a port (:5432) or a
// range of them (:8000-8100); without, every port. IPv6 stands in brackets where
// ports follow: [fd00::/8]:443. A rule that could never open anything, such as
// one for loopback, is an error, and so is one that can be read in two ways. The
// error says what is wrong with the rule, not which one it is.
func ParseRule(s string) (Rule, error) {
	if scheme, rest, ok := strings.Cut(s, "://"); ok {
		return Rule{}, fmt.Errorf("a rule has no scheme: %s", withoutScheme(lower(scheme), rest))
	}
	host, tail, err := splitRule(s)
	if err != nil {
		return Rule{}, err
	}
	r := Rule{ports: everyPort}
	if tail != "" {
		if r.ports, err = parsePorts(tail[1:]); err != nil {
			return Rule{}, err
		}
	}
	if strings.ContainsAny(host, "/:") || isNumeric(strings.TrimSuffix(host, ".")) {
		r.prefix, err = parsePrefix(host)
	} else {
		r.name, r.below, err = parseName(host)
	}
	if err != nil {
		return Rule{}, err
	}
	return r, nil
}

// withoutScheme is the rule that a URL may have been meant for.
func withoutScheme(scheme, rest string) string {
	host := rest
	if end := strings.IndexAny(rest, "/?#"); end >= 0 {
		host = rest[:end]
	}
	host = host[strings.LastIndexByte(host, '@')+1:]
	port := map[string]string{"http": ":80", "https": ":443"}[scheme]
	if port == "" || strings.LastIndexByte(host, ':') > strings.LastIndexByte(host, ']') {
		return host
	}
	return host + port
}

// ambiguous says whether IPv6 without brackets can be read as an address and as
// a shorter one with a port.
func ambiguous(s string) (address, port string, yes bool) {
	colon := strings.LastIndexByte(s, ':')
	if colon < 0 {
		return "", "", false
	}
	address, port = s[:colon], s[colon+1:]
	shorter, err := netip.ParseAddr(address)
	if _, portErr := parsePort(port); err != nil || portErr != nil || !shorter.Is6() {
		return "", "", false
	}
	_, err = netip.ParseAddr(s)
	return address, port, err == nil
}

// splitRule parts a rule's host from its ports, which keep their colon.
func splitRule(s string) (host, tail string, err error) {
	if s == "" {
		return "", "", errors.New("it is empty")
	}
	if inner, ok := strings.CutPrefix(s, "["); ok {
		host, tail, ok = strings.Cut(inner, "]")
		switch {
		case !ok:
			return "", "", errors.New("the bracket is not closed")
		case !strings.Contains(host, ":"):
			return "", "", errors.New("brackets are for IPv6 addresses")
		case tail != "" && tail[0] != ':':
			return "", "", fmt.Errorf("%q follows the bracket; want a colon and ports, with a range's length inside the brackets", tail)
		}
		return host, tail, nil
	}
	colon := strings.IndexByte(s, ':')
	switch {
	case colon < 0:
		return s, "", nil
	case strings.IndexByte(s[colon+1:], ':') >= 0: // IPv6, and no port can be told from it
		if address, port, ok := ambiguous(s); ok {
			return "", "", fmt.Errorf("is %s a port or part of the address? write [%s]:%s or [%s]", port, address, port, s)
		}
		return s, "", nil
	case colon == 0:
		return "", "", errors.New("an address or a name is missing before the port")
	}
	return s[:colon], s[colon:], nil
}

func parsePorts(s string) (ports, error) {
	first, last, isRange := strings.Cut(s, "-")
	p := ports{}
	var err error
	if p.first, err = parsePort(first); err != nil {
		return ports{}, err
	}
	p.last = p.first
	if isRange {
		if p.last, err = parsePort(last); err != nil {
			return ports{}, err
		}
	}
	if p.last < p.first {
		return ports{}, fmt.Errorf("the range of ports %s is upside down", s)
	}
	return p, nil
}

func parsePort(s string) (uint16, error) {
	for _, c := range []byte(s) {
		if c < '0' || '9' < c {
			return 0, fmt.Errorf("%q is not a port; want a number from 1 to 65535", s)
		}
	}
	n, err := strconv.ParseUint(s, 10, 16)
	if err != nil || n == 0 {
		return 0, fmt.Errorf("%q is not a port; want a number from 1 to 65535", s)
	}
	return uint16(n), nil
}

// isNumeric says whether a host can only be meant as an address: no top-level
// name is a number.
func isNumeric(host string) bool {
	last := host[strings.LastIndexByte(host, '.')+1:]
	return last != "" && strings.Trim(last, "0123456789") == ""
}

func parsePrefix(s string) (netip.Prefix, error) {
	if strings.Contains(s, "%") {
		return netip.Prefix{}, errors.New("addresses with a zone are link-local, which no function may reach")
	}
	p, err := parseRange(s)
	if err != nil {
		return netip.Prefix{}, err
	}
	if p.Addr().Is4In6() {
		if p.Bits() < 96 {
			return netip.Prefix{}, errors.New("write a range of IPv4 addresses as IPv4")
		}
		p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	if p != p.Masked() {
		return netip.Prefix{}, fmt.Errorf("the address lies inside of the range; write %s for the range, or the address alone", p.Masked())
	}
	if what, never := within(p); never {
		return netip.Prefix{}, fmt.Errorf("it would never open anything: %s is %s, which no function may reach", s, what)
	}
	return p, nil
}

func parseRange(s string) (netip.Prefix, error) {
	if strings.Contains(s, "/") {
		p, err := netip.ParsePrefix(s)
		if err != nil {
			return netip.Prefix{}, fmt.Errorf("%q is not a range of addresses; want one such as 10.0.5.0/24, or [fd00::/8]:443 with a port", s)
		}
		return p, nil
	}
	a, err := netip.ParseAddr(s)
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("%q is not an address; want one such as 10.0.5.7, or [fd00::1]:443 with a port", s)
	}
	return netip.PrefixFrom(a, a.BitLen()), nil
}

// parseName reads a name or, with an asterisk, the names below one.
func parseName(s string) (name string, below bool, err error) {
	name, below = strings.CutPrefix(s, "*.")
	name = strings.TrimSuffix(lower(name), ".")
	switch {
	case s == "*":
		return "", false, errors.New("write 0.0.0.0/0 and ::/0 for every address")
	case name == "" || len(name) > 253:
		return "", false, errors.New("a name has 1 to 253 characters")
	case name == HostName:
		return "", false, fmt.Errorf("%s is opened by giving the host's ports (--egress-host-port), not by a rule", HostName)
	case name == "localhost" || strings.HasSuffix(name, ".localhost"):
		return "", false, fmt.Errorf("it would never open anything: names below localhost are loopback, which no function may reach; "+
			"a service of this machine is reached as %s with --egress-host-port PORT, function URLs and the API without a rule", HostName)
	}
	for label := range strings.SplitSeq(name, ".") {
		if !isLabel(label) {
			return "", false, fmt.Errorf("%q is not part of a name; want 1 to 63 letters, digits, hyphens (and xn-- for other scripts), and an asterisk only in front", label)
		}
	}
	return name, below, nil
}

func isLabel(s string) bool {
	if s == "" || len(s) > 63 {
		return false
	}
	for _, c := range []byte(s) {
		if !('a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '-' || c == '_') {
			return false
		}
	}
	return true
}

// lower is a name in lower case as DNS has it: of ASCII alone.
func lower(s string) string {
	b := []byte(s)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}

// String is the rule as ParseRule reads it.
func (r Rule) String() string {
	var host string
	switch {
	case r == Rule{}:
		return ""
	case r.below:
		host = "*." + r.name
	case r.name != "":
		host = r.name
	case r.prefix.IsSingleIP():
		host = r.prefix.Addr().String()
	default:
		host = r.prefix.String()
	}
	if r.ports == everyPort {
		if _, _, yes := ambiguous(host); yes {
			return "[" + host + "]"
		}
		return host
	}
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	host += ":" + strconv.Itoa(int(r.ports.first))
	if r.ports.last != r.ports.first {
		host += "-" + strconv.Itoa(int(r.ports.last))
	}
	return host
}

// opens says whether the rule names the destination by its address.
func (r Rule) opens(a netip.Addr, port uint16) bool {
	return r.prefix.IsValid() && r.prefix.Contains(a) && r.ports.contains(port)
}

// names says whether the rule names a name, in lower case.
func (r Rule) names(name string) bool {
	if r.below {
		return strings.HasSuffix(name, "."+r.name)
	}
	return r.name != "" && name == r.name
}
