package forwarded_test

import (
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"furl/internal/forwarded"
)

func header(pairs ...string) http.Header {
	h := http.Header{}
	for i := 0; i < len(pairs); i += 2 {
		h.Add(pairs[i], pairs[i+1])
	}
	return h
}

func proxies(t testing.TB, networks ...string) forwarded.Proxies {
	t.Helper()
	p, err := forwarded.Parse(networks)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestResolve(t *testing.T) {
	p := proxies(t, "10.0.0.0/8", "127.0.0.1", "fd00::/8")
	const xff, proto, port = "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Port"
	for _, c := range []struct {
		name, peer string
		h          http.Header
		addr, rest string
		client     forwarded.Client
	}{
		{"nobody trusted", "203.0.113.1", header(xff, "1.2.3.4", proto, "https", port, "443"), "203.0.113.1", "", forwarded.Client{}},
		{"nothing said", "10.0.0.1", header(), "10.0.0.1", "", forwarded.Client{}},
		{"one proxy", "10.0.0.1", header(xff, "1.2.3.4", proto, "https", port, "443"), "1.2.3.4", "", forwarded.Client{Proto: "https", Port: "443"}},
		{"proxy in IPv6's spelling", "::ffff:10.0.0.1", header(xff, "1.2.3.4"), "1.2.3.4", "", forwarded.Client{}},
		{"two proxies", "10.0.0.1", header(xff, "1.2.3.4, 10.0.0.2"), "1.2.3.4", "", forwarded.Client{}},
		{"two fields", "10.0.0.1", header(xff, "1.2.3.4", xff, "10.0.0.2"), "1.2.3.4", "", forwarded.Client{}},
		{"forged by the client", "10.0.0.1", header(xff, "9.9.9.9, 8.8.8.8, 1.2.3.4"), "1.2.3.4", "9.9.9.9, 8.8.8.8", forwarded.Client{}},
		{"a proxy's address forged", "10.0.0.1", header(xff, "9.9.9.9, 10.0.0.9, 1.2.3.4, 127.0.0.1"), "1.2.3.4", "9.9.9.9, 10.0.0.9", forwarded.Client{}},
		{"all trusted", "10.0.0.1", header(xff, "10.0.0.3, 10.0.0.2"), "10.0.0.3", "", forwarded.Client{}},
		{"unknown", "10.0.0.1", header(xff, "9.9.9.9, unknown"), "10.0.0.1", "9.9.9.9, unknown", forwarded.Client{}},
		{"unknown before a proxy", "10.0.0.1", header(xff, "unknown, 10.0.0.2"), "10.0.0.2", "unknown", forwarded.Client{}},
		{"empty last", "10.0.0.1", header(xff, "9.9.9.9,"), "10.0.0.1", "9.9.9.9,", forwarded.Client{}},
		{"empty", "10.0.0.1", header(xff, ""), "10.0.0.1", "", forwarded.Client{}},
		{"with a port", "10.0.0.1", header(xff, "1.2.3.4:5678"), "1.2.3.4", "", forwarded.Client{}},
		{"IPv6", "fd00::1", header(xff, "2001:db8::1"), "2001:db8::1", "", forwarded.Client{}},
		{"IPv6 in brackets", "fd00::1", header(xff, "[2001:db8::1]"), "2001:db8::1", "", forwarded.Client{}},
		{"IPv6 with a port", "fd00::1", header(xff, "[2001:db8::1]:99"), "2001:db8::1", "", forwarded.Client{}},
		{"half a bracket", "fd00::1", header(xff, "[2001:db8::1"), "fd00::1", "[2001:db8::1", forwarded.Client{}},
		{"last scheme and port", "10.0.0.1", header(proto, "https, HTTP", port, "1, 80"), "10.0.0.1", "", forwarded.Client{Proto: "http", Port: "80"}},
		{"other schemes and ports", "10.0.0.1", header(proto, "wss", port, "0"), "10.0.0.1", "", forwarded.Client{}},
		{"port that is none", "10.0.0.1", header(port, "65536"), "10.0.0.1", "", forwarded.Client{}},
		{"port with a sign", "10.0.0.1", header(port, "+80"), "10.0.0.1", "", forwarded.Client{}},
		{"Forwarded is not AWS's", "10.0.0.1", header("Forwarded", "for=1.2.3.4;proto=https"), "10.0.0.1", "", forwarded.Client{}},
	} {
		addr, rest, client, trusted := p.Resolve(netip.MustParseAddr(c.peer), c.h)
		if addr.String() != c.addr || rest != c.rest || client != c.client || trusted != (c.name != "nobody trusted") {
			t.Errorf("%s: %s, rest %q, %+v, trusted %v", c.name, addr, rest, client, trusted)
		}
	}
}

func TestParse(t *testing.T) {
	for _, bad := range []string{"", "10.0.0.1/8", "10.0.0.0/33", "proxy.example.com", "10.0.0", "fe80::1%eth0", "::ffff:10.0.0.0/104"} {
		if p, err := forwarded.Parse([]string{bad}); err == nil || !strings.Contains(err.Error(), bad) {
			t.Errorf("%q: %v, %v", bad, p, err)
		}
	}
	p := proxies(t, "0.0.0.0/0")
	for addr, want := range map[string]bool{"1.2.3.4": true, "::ffff:1.2.3.4": true, "::1": false} {
		if p.Trust(netip.MustParseAddr(addr)) != want {
			t.Errorf("trust of %s is not %v", addr, want)
		}
	}
	if (forwarded.Proxies{}).Trust(netip.Addr{}) || p.Trust(netip.Addr{}) {
		t.Error("no address is trusted")
	}
}

func TestContext(t *testing.T) {
	if got := forwarded.From(t.Context()); got != (forwarded.Client{}) {
		t.Errorf("%+v out of nothing", got)
	}
	c := forwarded.Client{Proto: "https", Port: "8443"}
	if got := forwarded.From(forwarded.With(t.Context(), c)); got != c {
		t.Errorf("%+v, want %+v", got, c)
	}
}

// A client that is not trusted cannot have an effect, and one behind a proxy
// that appends its address cannot choose another.
func FuzzResolve(f *testing.F) {
	f.Add("1.2.3.4, 10.0.0.2", "https", "443")
	f.Add("unknown,,[::1]:0", "", "x")
	p := proxies(f, "10.0.0.0/8")
	client := netip.MustParseAddr("203.0.113.7")
	f.Fuzz(func(t *testing.T, xff, proto, port string) {
		h := header("X-Forwarded-For", xff, "X-Forwarded-Proto", proto, "X-Forwarded-Port", port)
		if addr, rest, c, trusted := p.Resolve(client, h); addr != client || rest != "" || trusted || c != (forwarded.Client{}) {
			t.Fatalf("an untrusted client is %v, %q, %+v", addr, rest, c)
		}
		h.Add("X-Forwarded-For", client.String())
		addr, rest, c, _ := p.Resolve(netip.MustParseAddr("10.1.1.1"), h)
		if addr != client || rest != strings.Trim(xff, " \t") {
			t.Fatalf("%q made the client %v with the rest %q", xff, addr, rest)
		}
		if c.Proto != "" && c.Proto != "http" && c.Proto != "https" {
			t.Fatalf("scheme %q", c.Proto)
		}
	})
}

func TestExcept(t *testing.T) {
	p := proxies(t, "127.0.0.0/8").Except(netip.MustParseAddr("127.169.254.1"))
	for addr, want := range map[string]bool{"127.0.0.1": true, "127.169.254.1": false, "::ffff:127.169.254.1": false, "10.0.0.1": false} {
		if got := p.Trust(netip.MustParseAddr(addr)); got != want {
			t.Errorf("%s is trusted: %v", addr, got)
		}
	}
	// Also where a trusted proxy says that it has a function for a client.
	h := http.Header{"X-Forwarded-For": {"8.8.8.8, 127.169.254.1"}}
	if addr, _, _, _ := p.Resolve(netip.MustParseAddr("127.0.0.1"), h); addr.String() != "127.169.254.1" {
		t.Errorf("the client is %s", addr)
	}
	if (forwarded.Proxies{}).None() == p.None() {
		t.Error("None")
	}
}
