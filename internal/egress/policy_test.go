package egress_test

import (
	"net/netip"
	"strings"
	"testing"

	"furl/internal/egress"
)

func addrPort(s string) netip.AddrPort { return netip.MustParseAddrPort(s) }

func rules(t testing.TB, texts ...string) []egress.Rule {
	t.Helper()
	var all []egress.Rule
	for _, s := range texts {
		r, err := egress.ParseRule(s)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, r)
	}
	return all
}

// kinds holds the first and last address of every range, and its neighbours.
var kinds = []struct{ kind, addrs string }{
	{"forbidden", "0.0.0.0 0.0.0.1 0.255.255.255"},
	{"public", "1.0.0.0 9.255.255.255"},
	{"private", "10.0.0.0 10.255.255.255"},
	{"public", "11.0.0.0 100.63.255.255"},
	{"private", "100.64.0.0 100.100.100.99 100.100.100.101 100.100.100.199 100.100.100.201 100.127.255.255"},
	{"forbidden", "100.100.100.100 100.100.100.200"},
	{"public", "100.128.0.0 126.255.255.255"},
	{"forbidden", "127.0.0.0 127.0.0.1 127.0.0.53 127.255.255.255"},
	{"public", "128.0.0.0 168.63.129.15 168.63.129.17 169.253.255.255"},
	{"forbidden", "168.63.129.16"},
	{"forbidden", "169.254.0.0 169.254.100.3 169.254.169.254 169.254.170.2 169.254.255.255"},
	{"public", "169.255.0.0 172.15.255.255"},
	{"private", "172.16.0.0 172.31.255.255"},
	{"public", "172.32.0.0 191.255.255.255"},
	{"forbidden", "192.0.0.0 192.0.0.192 192.0.0.255"},
	{"public", "192.0.1.0 192.0.1.255"},
	{"forbidden", "192.0.2.0 192.0.2.255"},
	{"public", "192.0.3.0 192.88.98.255"},
	{"forbidden", "192.88.99.0 192.88.99.255"},
	{"public", "192.88.100.0 192.167.255.255"},
	{"private", "192.168.0.0 192.168.255.255"},
	{"public", "192.169.0.0 198.17.255.255"},
	{"private", "198.18.0.0 198.19.255.255"},
	{"public", "198.20.0.0 198.51.99.255"},
	{"forbidden", "198.51.100.0 198.51.100.255"},
	{"public", "198.51.101.0 203.0.112.255"},
	{"forbidden", "203.0.113.0 203.0.113.255"},
	{"public", "203.0.114.0 223.255.255.255"},
	{"forbidden", "224.0.0.0 239.255.255.255 240.0.0.0 255.255.255.254 255.255.255.255"},

	{"forbidden", ":: ::1 100:: 100::ffff:ffff:ffff:ffff 1fff:ffff:: 4000:: 5f00:: fbff::"},
	{"public", "2000:: 2606:4700:4700::1111 2a00:1450::1 3fff:1000:: 3ffe::"},
	{"forbidden", "2001:db8:: 2001:db8:ffff:ffff:ffff:ffff:ffff:ffff 3fff:: 3fff:fff:ffff::"},
	{"public", "2001:db7:: 2001:db9::"},
	{"forbidden", "2001:2::1 2001:10:: 2001:1f:ffff:: 2001:20:: 2001:2f:ffff::"},
	{"public", "2001:2:1:: 2001:30:: 2001:1::1"},
	{"private", "fc00:: fd00::1 fd12:3456::1 fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff fd00:ec1:ffff::1 fd00:ec3::1 fd20:ce::253"},
	{"forbidden", "fd00:ec2::254 fd00:ec2::253 fd00:ec2::23 fd20:ce::254 fd00:c1::a9fe:a9fe fd00:42::42 fd7a:115c:a1e0::53"},
	{"forbidden", "fe00:: fe80:: fe80::1 febf:ffff:: fec0:: feff:ffff:: ff00:: ff02::1 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},

	// Forms that carry an IPv4 address: mapped, compatible, translated, NAT64 of
	// both prefixes, 6to4 and Teredo.
	{"forbidden", "::ffff:127.0.0.1 ::ffff:169.254.169.254 ::ffff:0.0.0.0 ::ffff:255.255.255.255"},
	{"private", "::ffff:10.0.0.1 ::ffff:192.168.1.1"},
	{"public", "::ffff:8.8.8.8"},
	{"forbidden", "::127.0.0.1 ::169.254.169.254 ::2"},
	{"private", "::10.0.0.1"},
	{"public", "::8.8.8.8"},
	{"forbidden", "::ffff:0:127.0.0.1 ::ffff:0:169.254.169.254"},
	{"private", "::ffff:0:10.0.0.1"},
	{"public", "::ffff:0:8.8.8.8"},
	{"forbidden", "64:ff9b:: 64:ff9b::127.0.0.1 64:ff9b::169.254.169.254 64:ff9b::100.100.100.200 64:ff9b::224.0.0.1"},
	{"private", "64:ff9b::10.0.0.1 64:ff9b::192.168.0.1"},
	{"public", "64:ff9b::8.8.8.8"},
	{"forbidden", "64:ff9b:0:0:0:1:: 64:ff9b:2::1 64:ff9c::1"},
	{"forbidden", "64:ff9b:1:: 64:ff9b:1::169.254.169.254 64:ff9b:1:abcd::127.0.0.1 64:ff9b:1:ffff:ffff:ffff:169.254.169.254"},
	{"forbidden", "64:ff9b:1:a9fe:a9:fe00:: 64:ff9b:1:7f00:0:100::"}, // a prefix of 48 bits
	{"forbidden", "64:ff9b:1:a9:fe:a9fe::"},                          // 56 bits
	{"forbidden", "64:ff9b:1:0:a9:fea9:fe00:0"},                      // 64 bits
	{"private", "64:ff9b:1::10.0.0.1 64:ff9b:1:a00:0:100::"},
	{"public", "64:ff9b:1::8.8.8.8 64:ff9b:1:808:8:800::"},
	{"forbidden", "2002:: 2002:7f00:1:: 2002:a9fe:a9fe::1 2002:e000:1::"},
	{"private", "2002:a00:1::1 2002:c0a8:101::1"},
	{"public", "2002:808:808::1"},
	{"forbidden", "2001:0:a9fe:a9fe:0:ffff:f7f7:f7f7"}, // the server's address
	{"forbidden", "2001:0:808:808:0:ffff:5601:5601"},   // the client's, which is inverted
	{"private", "2001:0:808:808:0:ffff:f5ff:fffe"},
	{"public", "2001:0:808:808:0:ffff:f7f7:f7f7"},
}

func TestKinds(t *testing.T) {
	for _, tt := range kinds {
		for s := range strings.FieldsSeq(tt.addrs) {
			if got := egress.Kind(netip.MustParseAddr(s)); got != tt.kind {
				t.Errorf("%s is %s, want %s", s, got, tt.kind)
			}
		}
	}
}

// TestPresets holds every address of the table against every preset, with and
// without the widest rules there are.
func TestPresets(t *testing.T) {
	every := rules(t, "0.0.0.0/0", "::/0")
	for _, tt := range kinds {
		for s := range strings.FieldsSeq(tt.addrs) {
			to := netip.AddrPortFrom(netip.MustParseAddr(s), 443)
			for preset, want := range map[egress.Preset]bool{
				egress.Development: tt.kind != "forbidden",
				egress.Production:  tt.kind == "public",
				egress.None:        false,
			} {
				if ok, reason, _ := egress.Judge(preset, nil, to, false); ok != want || (reason == "") != want {
					t.Errorf("%s: %s is allowed: %v (%q), want %v", preset, s, ok, reason, want)
				}
				want = tt.kind != "forbidden"
				if ok, _, _ := egress.Judge(preset, every, to, false); ok != want {
					t.Errorf("%s: with rules for all %s is allowed: %v, want %v", preset, s, ok, want)
				}
				if ok, _, _ := egress.Judge(preset, nil, to, true); ok != want {
					t.Errorf("%s: opened by name %s is allowed: %v, want %v", preset, s, ok, want)
				}
			}
		}
	}
}

func TestRulesOpen(t *testing.T) {
	for _, tt := range []struct {
		rule, to string
		want     bool
	}{
		{"10.0.5.0/24:5432", "10.0.5.0:5432", true},
		{"10.0.5.0/24:5432", "10.0.5.255:5432", true},
		{"10.0.5.0/24:5432", "[::ffff:10.0.5.9]:5432", true},
		{"10.0.5.0/24:5432", "10.0.4.255:5432", false},
		{"10.0.5.0/24:5432", "10.0.6.0:5432", false},
		{"10.0.5.0/24:5432", "10.0.5.9:5431", false},
		{"10.0.5.0/24:5432", "10.0.5.9:5433", false},
		{"10.0.5.7:8000-8100", "10.0.5.7:7999", false},
		{"10.0.5.7:8000-8100", "10.0.5.7:8000", true},
		{"10.0.5.7:8000-8100", "10.0.5.7:8100", true},
		{"10.0.5.7:8000-8100", "10.0.5.7:8101", false},
		{"10.0.5.7", "10.0.5.7:1", true},
		{"10.0.5.7", "10.0.5.7:65535", true},
		{"10.0.5.7", "10.0.5.7:0", false},
		{"10.0.5.7", "[64:ff9b::10.0.5.7]:80", false}, // another way there
		{"[fd00::/64]:443", "[fd00::ffff]:443", true},
		{"[fd00::/64]:443", "[fd00::1:0:0:0:1]:443", false},
		{"example.com", "10.0.5.7:80", false},
		{"100.100.100.0/24", "100.100.100.200:80", false},
		{"168.63.129.0/24", "168.63.129.16:80", false},
		{"168.63.129.0/24", "168.63.129.17:80", true},
	} {
		if ok, _, _ := egress.Judge(egress.None, rules(t, tt.rule), addrPort(tt.to), false); ok != tt.want {
			t.Errorf("with the rule %s %s is allowed: %v, want %v", tt.rule, tt.to, ok, tt.want)
		}
	}
}

func TestOwnAddresses(t *testing.T) {
	own := []netip.Addr{netip.MustParseAddr("9.9.9.9"), netip.MustParseAddr("2a00::9")}
	for _, s := range []string{"9.9.9.9:80", "[2a00::9]:80", "[::ffff:9.9.9.9]:80", "[64:ff9b::9.9.9.9]:80", "[2002:909:909::1]:80"} {
		ok, reason, hint := egress.Judge(egress.Development, rules(t, "9.9.9.9", "2a00::9"), addrPort(s), true, own...)
		if ok || !strings.Contains(reason, "this host's own") || !strings.Contains(hint, egress.HostName) {
			t.Errorf("%s: %v, %q, %q", s, ok, reason, hint)
		}
	}
	if ok, _, _ := egress.Judge(egress.Production, nil, addrPort("9.9.9.8:80"), false, own...); !ok {
		t.Error("a neighbour of the host's address is refused")
	}
}

func TestReasons(t *testing.T) {
	for _, tt := range []struct {
		preset           egress.Preset
		to, reason, hint string
	}{
		{egress.Production, "10.0.5.7:5432", "the address is private, and no rule allows it", "--egress-allow 10.0.5.7:5432 allows it"},
		{egress.Production, "[fd00::1]:5432", "the address is private, and no rule allows it", "--egress-allow [fd00::1]:5432 allows it"},
		{egress.Production, "[64:ff9b::10.0.0.1]:80", "private (it carries 10.0.0.1), and no rule", "--egress-allow [64:ff9b::a00:1]:80"},
		{egress.None, "8.8.8.8:53", "no rule allows it", "--egress-allow 8.8.8.8:53 allows it"},
		{egress.Development, "127.0.0.1:80", "the address is loopback, which no function may reach", "--egress-host-port 80 and call host.furl.internal:80"},
		{egress.Development, "169.254.169.254:80", "link-local, where clouds have their metadata service", ""},
		{egress.Development, "8.8.8.8:0", "no port 0", ""},
	} {
		ok, reason, hint := egress.Judge(tt.preset, nil, addrPort(tt.to), false)
		if ok || !strings.Contains(reason, tt.reason) || !strings.Contains(hint, tt.hint) {
			t.Errorf("%s: %s: %v, %q, %q; want %q and %q", tt.preset, tt.to, ok, reason, hint, tt.reason, tt.hint)
		}
	}
}

func TestParsePreset(t *testing.T) {
	for _, s := range []string{"development", "production", "none"} {
		if p, err := egress.ParsePreset(s); err != nil || string(p) != s {
			t.Errorf("ParsePreset(%q) = %q, %v", s, p, err)
		}
	}
	for _, s := range []string{"", "Development", "off"} {
		if p, err := egress.ParsePreset(s); err == nil {
			t.Errorf("ParsePreset(%q) = %q", s, p)
		}
	}
}
