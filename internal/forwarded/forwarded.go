// Package forwarded finds out who a request comes from when it came through
// proxies. It believes proxies that it was told to trust and nobody else; what
// others write into the same header fields is a client's text like any other.
package forwarded

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
)

// Header fields that proxies tell of their clients with. AWS knows no others:
// Forwarded (RFC 7239) is not looked at.
const (
	headerFor   = "X-Forwarded-For"
	headerProto = "X-Forwarded-Proto"
	headerPort  = "X-Forwarded-Port"
)

// Proxies are the networks of the proxies that are trusted; the zero Proxies trust
// nobody.
type Proxies struct {
	networks []netip.Prefix
	never    netip.Addr
}

// Parse reads networks: 10.0.0.0/8, fd00::/8, or single addresses.
func Parse(networks []string) (Proxies, error) {
	var out Proxies
	for _, text := range networks {
		prefix, err := ParseNetwork(text)
		if err != nil {
			return Proxies{}, err
		}
		out.networks = append(out.networks, prefix)
	}
	return out, nil
}

// Except returns p without an address, whatever network it is in.
func (p Proxies) Except(addr netip.Addr) Proxies {
	p.never = addr
	return p
}

// None reports whether nobody is trusted.
func (p Proxies) None() bool { return len(p.networks) == 0 }

// ParseNetwork reads one network.
func ParseNetwork(text string) (netip.Prefix, error) {
	if addr, err := netip.ParseAddr(text); err == nil && addr.Zone() == "" {
		addr = addr.Unmap()
		return netip.PrefixFrom(addr, addr.BitLen()), nil
	}
	prefix, err := netip.ParsePrefix(text)
	switch {
	case err != nil || prefix.Addr().Is4In6():
		return netip.Prefix{}, fmt.Errorf("forwarded: %q is no network, as 10.0.0.0/8 is one", text)
	case prefix != prefix.Masked():
		return netip.Prefix{}, fmt.Errorf("forwarded: %q has bits beyond its length; %s is meant, or a single address", text, prefix.Masked())
	}
	return prefix, nil
}

// Trust reports whether an address is a trusted proxy's.
func (p Proxies) Trust(addr netip.Addr) bool {
	addr = addr.Unmap().WithZone("")
	if addr == p.never {
		return false
	}
	for _, prefix := range p.networks {
		if prefix.Contains(addr) {
			return true
		}
	}
	return false
}

// Client is what is known of the client beside its address.
type Client struct {
	// Proto is how the client spoke to the first proxy, "http" or "https", and
	// Port the port that it used. Empty: as it is on the connection.
	Proto, Port string
}

type clientKey struct{}

// With returns a context that carries c.
func With(ctx context.Context, c Client) context.Context {
	return context.WithValue(ctx, clientKey{}, c)
}

// From returns what With put there; the zero Client if there is none.
func From(ctx context.Context) Client {
	c, _ := ctx.Value(clientKey{}).(Client)
	return c
}

// Resolve finds the client of a request that came from peer. It is the peer
// itself unless that is a trusted proxy; then it is the last address in
// X-Forwarded-For that no trusted proxy has. What cannot be read ends the
// search: the client is then the proxy that wrote it.
//
// rest is what the client itself said in X-Forwarded-For, the addresses before
// its own. trusted says whether the peer was believed at all.
func (p Proxies) Resolve(peer netip.Addr, h http.Header) (addr netip.Addr, rest string, c Client, trusted bool) {
	addr = peer.Unmap()
	if !p.Trust(addr) {
		return addr, "", Client{}, false
	}
	rest = strings.Join(h[headerFor], ",")
	for rest != "" {
		before, last := cutLast(rest)
		next, ok := parseAddr(last)
		if !ok {
			break
		}
		addr, rest = next, before
		if !p.Trust(addr) {
			break
		}
	}
	if _, proto := cutLast(strings.Join(h[headerProto], ",")); strings.EqualFold(proto, "http") || strings.EqualFold(proto, "https") {
		c.Proto = strings.ToLower(proto)
	}
	if _, port := cutLast(strings.Join(h[headerPort], ",")); validPort(port) {
		c.Port = port
	}
	return addr, rest, c, true
}

// Rewrite gives X-Forwarded-For the value that it would have had without the
// proxies.
func Rewrite(h http.Header, rest string) {
	if rest == "" {
		delete(h, headerFor)
		return
	}
	h[headerFor] = []string{rest}
}

// Claimed reports whether a request says that it came through a proxy.
func Claimed(h http.Header) bool {
	for _, name := range []string{headerFor, headerProto, "X-Forwarded-Host", "X-Real-Ip", "Forwarded", "Via"} {
		if len(h[name]) > 0 {
			return true
		}
	}
	return false
}

// cutLast takes the last element off a list.
func cutLast(list string) (before, last string) {
	i := strings.LastIndexByte(list, ',')
	return strings.Trim(list[:max(i, 0)], " \t"), strings.Trim(list[i+1:], " \t")
}

// parseAddr reads an address as proxies write it, some with a port.
func parseAddr(s string) (netip.Addr, bool) {
	if addr, err := netip.ParseAddr(s); err == nil {
		return addr.Unmap().WithZone(""), true
	}
	if pair, err := netip.ParseAddrPort(s); err == nil {
		return pair.Addr().Unmap().WithZone(""), true
	}
	if inner, ok := strings.CutPrefix(s, "["); ok {
		if addr, err := netip.ParseAddr(strings.TrimSuffix(inner, "]")); err == nil && strings.HasSuffix(inner, "]") {
			return addr.Unmap().WithZone(""), true
		}
	}
	return netip.Addr{}, false
}

func validPort(s string) bool {
	n, err := strconv.ParseUint(s, 10, 16)
	return err == nil && n > 0 && s == strconv.FormatUint(n, 10)
}
