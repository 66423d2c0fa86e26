package egress_test

import (
	"strings"
	"testing"

	"furl/internal/egress"
)

func TestParseRule(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{"10.0.5.0/24:5432", ""},
		{"10.0.5.0/24", ""},
		{"10.0.5.7", ""},
		{"10.0.5.7/32", "10.0.5.7"},
		{"10.0.5.7:443", ""},
		{"10.0.5.7:8000-8100", ""},
		{"10.0.5.7:1-65535", "10.0.5.7"},
		{"10.0.5.7:80-80", "10.0.5.7:80"},
		{"10.0.5.7:0080", "10.0.5.7:80"},
		{"0.0.0.0/0", ""},
		{"::/0", ""},
		{"[::/0]:443", ""},
		{"fd00::1", ""},
		{"[fd00::1]", "fd00::1"},
		{"[fd00::1]:443", ""},
		{"[FD00:0:0::1]:443", "[fd00::1]:443"},
		{"[fd00::1:443]", ""}, // without brackets it could be a port
		{"fd00::1:abc", ""},
		{"fd00:0:0:0:0:0:1:443", "[fd00::1:443]"}, // an address that is whole has no place for a port
		{"[fd00::/8]:443", ""},
		{"fd00::/8", ""},
		{"::ffff:10.0.5.7", "10.0.5.7"},
		{"[::ffff:10.0.5.0/120]:80", "10.0.5.0/24:80"},
		{"64:ff9b::/96", ""},
		{"db.example.com:5432", ""},
		{"DB.Example.COM.", "db.example.com"},
		{"*.example.com", ""},
		{"*.example.com:8000-8100", ""},
		{"localhost.example.com", ""},
		{"_sip._tcp.example.com", ""},
		{"xn--bcher-kva.example:443", ""},
		{"3com.com", ""},
	} {
		r, err := egress.ParseRule(tt.in)
		if err != nil {
			t.Errorf("ParseRule(%q): %v", tt.in, err)
			continue
		}
		want := tt.want
		if want == "" {
			want = tt.in
		}
		if got := r.String(); got != want {
			t.Errorf("ParseRule(%q) = %q, want %q", tt.in, got, want)
		}
		if again, err := egress.ParseRule(r.String()); err != nil || again != r {
			t.Errorf("ParseRule(%q) again = %v, %v", r, again, err)
		}
	}
}

func TestParseRuleErrors(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{"", "empty"},
		{":80", "missing before the port"},
		{"example.com:", "not a port"},
		{"example.com:0", "1 to 65535"},
		{"example.com:65536", "1 to 65535"},
		{"example.com:http", "not a port"},
		{"example.com:+80", "not a port"},
		{"example.com:90-80", "upside down"},
		{"example.com:80-", "not a port"},
		{"example.com:80-90-100", "not a port"},
		{"[fd00::1", "not closed"},
		{"[fd00::1]443", "colon and ports"},
		{"[fd00::]/8:443", "inside the brackets"},
		{"[10.0.5.7]:443", "brackets are for IPv6"},
		{"[]:443", "brackets are for IPv6"},
		{"fd00::/8:443", "[fd00::/8]:443"},
		{"[example:com]:443", "not an address"},
		{"10.0.5", "not an address"},
		{"10.0.5.256", "not an address"},
		{"10.0.5.7.", "not an address"},
		{"1.", "not an address"},
		{"10.0.5.7/33", "not a range"},
		{"10.0.5.7/24", "10.0.5.0/24"},
		{"a/b", "not a range"},
		{"::ffff:0:0/90", "as IPv4"},
		{"fe80::1%eth0", "zone"},
		{"*", "0.0.0.0/0"},
		{"*:443", "0.0.0.0/0"},
		{"*.", "1 to 253"},
		{"a.*.example.com", "part of a name"},
		{"*example.com", "part of a name"},
		{"a..b", "part of a name"},
		{".example.com", "part of a name"},
		{"bücher.example", "xn--"},
		{"ex ample.com", "part of a name"},
		{"http://example.com", "a rule has no scheme: example.com:80"},
		{"HTTPS://example.com/a:b?c", "a rule has no scheme: example.com:443"},
		{"http://user@[fd00::1]/", "a rule has no scheme: [fd00::1]:80"},
		{"http://example.com:8080/x", "a rule has no scheme: example.com:8080"},
		{"postgres://db.example.com:5432/x", "a rule has no scheme: db.example.com:5432"},
		{"fd00::1:443", "write [fd00::1]:443 or [fd00::1:443]"},
		{"localhost", "never open"},
		{"LocalHost.:80", "never open"},
		{"*.localhost", "--egress-host-port"},
		{"x.lambda-url.us-east-1.localhost:4566", "without a rule"},
		{strings.Repeat("a", 64) + ".com", "part of a name"},
		{strings.Repeat("a.", 127) + "com", "253"},
		{"host.furl.internal:5432", "host's ports"},
		{"127.0.0.1:5432", "never open"},
		{"127.0.0.0/8", "loopback"},
		{"127.1.0.0/16", "loopback"},
		{"::1", "loopback"},
		{"[::ffff:127.0.0.1]:80", "loopback"},
		{"169.254.169.254", "link-local"},
		{"[fd00:ec2::254]:80", "metadata"},
		{"224.0.0.0/8", "multicast"},
		{"4000::/3", "reserved"},
		{"[64:ff9b::7f00:1]", "127.0.0.1"},
		{"2002:a9fe:a9fe::", "169.254.169.254"},
	} {
		r, err := egress.ParseRule(tt.in)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("ParseRule(%q) = %v, %v; want an error with %q", tt.in, r, err, tt.want)
		}
		if r != (egress.Rule{}) {
			t.Errorf("ParseRule(%q) returned %v beside its error", tt.in, r)
		}
	}
}

func TestZeroRule(t *testing.T) {
	if s := (egress.Rule{}).String(); s != "" {
		t.Errorf("the zero rule is %q", s)
	}
	ok, _, _ := egress.Judge(egress.None, []egress.Rule{{}}, addrPort("8.8.8.8:53"), false)
	if ok {
		t.Error("the zero rule opens an address")
	}
}

func FuzzParseRule(f *testing.F) {
	for _, s := range []string{"10.0.5.0/24:5432", "[fd00::/8]:1-2", "*.example.com:8000-8100", "::ffff:1.2.3.4", "a:", "[", "%", "1.2.3.4/", "\xff.\x00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		r, err := egress.ParseRule(s)
		if err != nil {
			return
		}
		again, err := egress.ParseRule(r.String())
		if err != nil || again != r {
			t.Fatalf("%q was read as %q, and that as %q, %v", s, r, again, err)
		}
	})
}
