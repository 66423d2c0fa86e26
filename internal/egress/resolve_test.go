package egress_test

import (
	"bytes"
	"context"
	"fmt"
	"net/netip"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"furl/internal/egress"

	"golang.org/x/net/dns/dnsmessage"
)

func TestOwnNames(t *testing.T) {
	up := newNameserver(t, nil)
	g := open(t, noFiles(t, egress.Options{
		Policy:      egress.Policy{Preset: egress.None},
		Names:       func(name string) bool { return name == "abc.lambda-url.us-east-1.example.org" },
		Nameservers: up.addrs(),
	}))
	n := g.Network("hello")
	for _, tt := range []struct {
		name string
		typ  dnsmessage.Type
		want string
	}{
		{"host.furl.internal", typeA, "169.254.100.2"},
		{"Host.FURL.internal", typeA, "169.254.100.2"},
		{"host.furl.internal", typeAAAA, ""},
		{"host.furl.internal", dnsmessage.TypeTXT, ""},
		{"ABC.lambda-url.us-east-1.example.org", typeA, "169.254.100.1"},
		{"abc.lambda-url.us-east-1.example.org", typeAAAA, ""},
	} {
		q := query(t, tt.name, tt.typ)
		m := parse(t, n.Resolve(t.Context(), q))
		if got := addresses(m); got != tt.want || m.RCode != dnsmessage.RCodeSuccess {
			t.Errorf("%s %s: %q, %s; want %q", tt.name, tt.typ, got, m.RCode, tt.want)
		}
		if m.ID != 0x1234 || !m.Response || !m.RecursionDesired || !m.RecursionAvailable || m.Questions[0].Name.String() != tt.name+"." {
			t.Errorf("%s: the answer's header is %+v to %v", tt.name, m.Header, m.Questions)
		}
	}
	if up.asked() != 0 {
		t.Error("furl's own names were forwarded")
	}
	if got := g.Usage()["hello"].Queries; got != 6 {
		t.Errorf("%d queries counted, want 6", got)
	}
}

func TestForward(t *testing.T) {
	up := newNameserver(t, func(a *ask) {
		if bytes.Equal(a.query[:2], []byte{0x12, 0x34}) {
			t.Error("the function's ID was passed on")
		}
		m := parse(t, a.query)
		if len(m.Additionals) != 1 || m.Additionals[0].Header.Type != dnsmessage.TypeOPT {
			t.Errorf("the question's EDNS is %v", m.Additionals)
		}
		a.reply(a.answer("93.184.216.34", 300))
	})
	g := open(t, noFiles(t, egress.Options{Policy: egress.Policy{Preset: egress.Production}, Nameservers: up.addrs()}))
	q := parse(t, query(t, "www.example.com", typeA))
	var opt dnsmessage.ResourceHeader
	if err := opt.SetEDNS0(1232, dnsmessage.RCodeSuccess, false); err != nil {
		t.Fatal(err)
	}
	q.Additionals = []dnsmessage.Resource{{Header: opt, Body: &dnsmessage.OPTResource{}}}
	m := parse(t, g.Network("hello").Resolve(t.Context(), pack(t, q)))
	if m.ID != 0x1234 || addresses(m) != "93.184.216.34" {
		t.Errorf("answer is %+v", m)
	}
}

// Answers that nobody asked for do not count, whoever sends them.
func TestForgedAnswers(t *testing.T) {
	up := newNameserver(t, func(a *ask) {
		forged := a.answer("203.0.113.66", 300)
		forged.ID++
		a.reply(forged) // a wrong ID
		forged = a.answer("203.0.113.66", 300)
		forged.Questions[0].Name = dnsmessage.MustNewName("other.example.com.")
		a.reply(forged)
		forged = a.answer("203.0.113.66", 300)
		forged.Questions[0].Type = typeAAAA
		a.reply(forged)
		forged = a.answer("203.0.113.66", 300)
		forged.Response = false
		a.reply(forged)
		a.raw([]byte{1, 2, 3})
		a.reply(a.answer("93.184.216.34", 300))
	})
	g := open(t, noFiles(t, egress.Options{Policy: egress.Policy{Preset: egress.Production}, Nameservers: up.addrs()}))
	m := parse(t, g.Network("hello").Resolve(t.Context(), query(t, "www.example.com", typeA)))
	if addresses(m) != "93.184.216.34" {
		t.Errorf("answer is %q", addresses(m))
	}
}

func TestTruncatedAnswerIsAskedAgain(t *testing.T) {
	var many []string
	for i := range 200 {
		many = append(many, fmt.Sprintf("93.184.216.%d", i))
	}
	up := newNameserver(t, func(a *ask) {
		if !a.tcp {
			short := a.answer("", 0)
			short.Truncated = true
			a.reply(short)
			return
		}
		a.reply(a.answer(strings.Join(many, " "), 300))
	})
	g := open(t, noFiles(t, egress.Options{Policy: egress.Policy{Preset: egress.Production}, Nameservers: up.addrs()}))
	m := parse(t, g.Network("hello").Resolve(t.Context(), query(t, "www.example.com", typeA)))
	if m.Truncated || len(m.Answers) != len(many) || m.ID != 0x1234 {
		t.Errorf("%d answers, truncated %v", len(m.Answers), m.Truncated)
	}
}

func TestOtherServersAreTried(t *testing.T) {
	good := func(a *ask) { a.reply(a.answer("93.184.216.34", 300)) }
	code := func(c dnsmessage.RCode) func(*ask) {
		return func(a *ask) {
			m := a.answer("", 0)
			m.RCode = c
			a.reply(m)
		}
	}
	unreadable := func(a *ask) {
		m := a.answer("", 0)
		m.RCode, m.Questions = dnsmessage.RCodeFormatError, nil
		a.reply(m)
	}
	for _, tt := range []struct {
		name  string
		serve []func(*ask) // nil: nobody listens
		want  dnsmessage.RCode
		addr  string
	}{
		{"first dead", []func(*ask){nil, good}, dnsmessage.RCodeSuccess, "93.184.216.34"},
		{"first fails", []func(*ask){code(dnsmessage.RCodeServerFailure), good}, dnsmessage.RCodeSuccess, "93.184.216.34"},
		{"first refuses", []func(*ask){code(dnsmessage.RCodeRefused), good}, dnsmessage.RCodeSuccess, "93.184.216.34"},
		{"first does not understand", []func(*ask){unreadable, good}, dnsmessage.RCodeSuccess, "93.184.216.34"},
		{"no such name", []func(*ask){code(dnsmessage.RCodeNameError), good}, dnsmessage.RCodeNameError, ""},
		{"all refuse", []func(*ask){code(dnsmessage.RCodeRefused), nil}, dnsmessage.RCodeRefused, ""},
		{"all dead", []func(*ask){nil, nil}, dnsmessage.RCodeServerFailure, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var servers []netip.AddrPort
			for _, serve := range tt.serve {
				up := newNameserver(t, serve)
				if serve == nil {
					up.close()
				}
				servers = append(servers, up.addr)
			}
			g := open(t, noFiles(t, egress.Options{Policy: egress.Policy{Preset: egress.Production}, Nameservers: servers}))
			m := parse(t, g.Network("hello").Resolve(t.Context(), query(t, "www.example.com", typeA)))
			if m.RCode != tt.want || addresses(m) != tt.addr || m.ID != 0x1234 {
				t.Errorf("answer is %s %q", m.RCode, addresses(m))
			}
		})
	}
}

// A server that says nothing is given up after the time that resolv.conf sets.
func TestSilentServer(t *testing.T) {
	silent := newNameserver(t, func(*ask) {})
	up := newNameserver(t, func(a *ask) { a.reply(a.answer("93.184.216.34", 300)) })
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "resolv.conf"), "options timeout:1 attempts:1\n")
	opts := egress.Options{Policy: egress.Policy{Preset: egress.Production}, Nameservers: []netip.AddrPort{silent.addr, up.addr}}
	g := open(t, opts.WithFiles(filepath.Join(dir, "resolv.conf"), filepath.Join(dir, "hosts")))
	m := parse(t, g.Network("hello").Resolve(t.Context(), query(t, "www.example.com", typeA)))
	if addresses(m) != "93.184.216.34" || silent.asked() != 1 {
		t.Errorf("answer is %s %q; the silent server was asked %d times", m.RCode, addresses(m), silent.asked())
	}

	ctx, cancel := context.WithCancel(t.Context())
	silent.onAsk(cancel)
	if m := parse(t, g.Network("hello").Resolve(ctx, query(t, "www.example.com", typeA))); m.RCode != dnsmessage.RCodeServerFailure {
		t.Errorf("the answer when the sandbox ends is %s", m.RCode)
	}
}

func TestQueriesOfASandboxAreBounded(t *testing.T) {
	release := make(chan struct{})
	up := newNameserver(t, func(a *ask) {
		<-release
		a.reply(a.answer("93.184.216.34", 300))
	})
	g := open(t, noFiles(t, egress.Options{Policy: egress.Policy{Preset: egress.Production}, Nameservers: up.addrs()}))
	n := g.Network("hello")
	const all = 64 + 256 + 10 // under way, waiting, too many
	codes := make(chan dnsmessage.RCode, all)
	q := query(t, "www.example.com", typeA)
	for i := range all {
		if i == 64 {
			await(t, func() bool { return up.asked() == 64 }, func() string { return "64 questions at once" })
		}
		go func() {
			codes <- parse(t, n.Resolve(t.Context(), q)).RCode
		}()
	}
	for range 10 {
		if code := <-codes; code != dnsmessage.RCodeServerFailure {
			t.Errorf("one of too many got %s", code)
		}
	}
	if asked := up.asked(); asked > 64 {
		t.Errorf("%d questions were forwarded at once", asked)
	}
	close(release)
	for range all - 10 {
		if code := <-codes; code != dnsmessage.RCodeSuccess {
			t.Errorf("one that waited got %s", code)
		}
	}
}

func TestNoneResolvesWhatRulesName(t *testing.T) {
	up := newNameserver(t, func(a *ask) { a.reply(a.answer("10.0.5.7", 300)) })
	w := newWorld(t, noFiles(t, egress.Options{
		Policy:      egress.Policy{Preset: egress.None, Allow: rules(t, "0.0.0.0/0:80", "db.example.com:5432", "*.corp.example:443")},
		Nameservers: up.addrs(),
	}), echo)
	n := w.gateway.Network("hello")
	for name, want := range map[string]dnsmessage.RCode{
		"db.example.com":        dnsmessage.RCodeSuccess,
		"DB.EXAMPLE.com":        dnsmessage.RCodeSuccess,
		"a.corp.example":        dnsmessage.RCodeSuccess,
		"a.b.corp.example":      dnsmessage.RCodeSuccess,
		"corp.example":          dnsmessage.RCodeRefused,
		"evilcorp.example":      dnsmessage.RCodeRefused,
		"x.db.example.com":      dnsmessage.RCodeRefused,
		"example.com":           dnsmessage.RCodeRefused,
		"db.example.com.evil":   dnsmessage.RCodeRefused,
		"7.5.0.10.in-addr.arpa": dnsmessage.RCodeRefused,
	} {
		before := up.asked()
		m := parse(t, n.Resolve(t.Context(), query(t, name, typeA)))
		if m.RCode != want || (up.asked() > before) != (want == dnsmessage.RCodeSuccess) {
			t.Errorf("%s: %s, want %s; forwarded %d", name, m.RCode, want, up.asked()-before)
		}
	}
	if !strings.Contains(w.log.String(), "name=x.db.example.com reason=\"no rule names it\" hint=\"--egress-allow x.db.example.com") {
		t.Errorf("logged: %s", w.log)
	}
}

// A rule by name opens what the name resolves to: for that sandbox, at the
// rule's ports, and never what is always closed.
func TestNamesOpenAddresses(t *testing.T) {
	up := newNameserver(t, func(a *ask) {
		m := a.answer("10.0.5.7 8.8.4.4 127.0.0.1 169.254.169.254", 1)
		alias := dnsmessage.MustNewName("node7.corp.example.")
		cname := dnsmessage.Resource{
			Header: dnsmessage.ResourceHeader{Name: m.Questions[0].Name, Class: dnsmessage.ClassINET, TTL: 5},
			Body:   &dnsmessage.CNAMEResource{CNAME: alias},
		}
		for i := range m.Answers {
			m.Answers[i].Header.Name = alias
		}
		m.Answers = append(m.Answers, cname) // in any order
		beside := a.answer("10.0.9.9", 300).Answers[0]
		beside.Header.Name = dnsmessage.MustNewName("somebody.else.example.")
		m.Answers = append(m.Answers, beside)
		a.reply(m)
	})
	w := newWorld(t, noFiles(t, egress.Options{
		Policy:      egress.Policy{Preset: egress.None},
		Functions:   map[string][]egress.Rule{"reports": rules(t, "db.example.com:5432")},
		Nameservers: up.addrs(),
	}), echo)
	n := w.gateway.Network("reports")
	try := func(n *egress.Network, to string) bool {
		c, done := connect(t, t.Context(), n, to)
		c.CloseWrite()
		_, err := c.Read(make([]byte, 1))
		wait(t, done)
		return err.Error() == "EOF"
	}
	if try(n, "10.0.5.7:5432") {
		t.Error("the address is open before the name was looked up")
	}
	n.Resolve(t.Context(), query(t, "DB.example.com", typeA))
	for to, want := range map[string]bool{
		"10.0.5.7:5432":            true,
		"[::ffff:10.0.5.7]:5432":   true,
		"8.8.4.4:5432":             true,
		"10.0.5.7:5433":            false,
		"10.0.5.8:5432":            false,
		"10.0.9.9:5432":            false,
		"127.0.0.1:5432":           false,
		"169.254.169.254:5432":     false,
		"[64:ff9b::10.0.5.7]:5432": false,
	} {
		if got := try(n, to); got != want {
			t.Errorf("%s is open: %v, want %v", to, got, want)
		}
	}
	if try(w.gateway.Network("reports"), "10.0.5.7:5432") {
		t.Error("another sandbox's lookup opened an address")
	}
	other := w.gateway.Network("hello")
	if m := parse(t, other.Resolve(t.Context(), query(t, "db.example.com", typeA))); m.RCode != dnsmessage.RCodeRefused {
		t.Errorf("another function's rule resolves a name: %s", m.RCode)
	}
}

func TestGrants(t *testing.T) {
	var g egress.Grants
	now := time.Now()
	a := netip.MustParseAddr("10.0.5.7")
	for _, tt := range []struct {
		ttl, lives time.Duration
	}{{0, 5 * time.Minute}, {time.Hour, time.Hour}, {time.Minute, time.Hour}, {1 << 32 * time.Second, 24 * time.Hour}} {
		g.Add(a, 80, tt.ttl, now)
		if !g.Opens(a, 80, now.Add(tt.lives-time.Second)) || g.Opens(a, 80, now.Add(tt.lives)) || g.Opens(a, 81, now) {
			t.Errorf("a TTL of %s does not open the address for %s", tt.ttl, tt.lives)
		}
	}
	for i := range 3 * egress.MaxGrants {
		b := netip.AddrFrom4([4]byte{10, 1, byte(i >> 8), byte(i)})
		g.Add(b, 80, time.Hour, now.Add(time.Duration(i)*time.Millisecond))
		if !g.Opens(b, 80, now) {
			t.Fatalf("%s was not opened", b)
		}
	}
	if g.Len() != egress.MaxGrants || !g.Opens(a, 80, now) {
		t.Errorf("%d addresses are held; the one that is valid for longest among them: %v", g.Len(), g.Opens(a, 80, now))
	}
	later := now.Add(2 * time.Hour)
	g.Add(netip.MustParseAddr("10.9.9.9"), 80, 0, later)
	if g.Len() != 2 {
		t.Errorf("%d addresses are held after all but two expired", g.Len())
	}
}

func TestMalformedQueries(t *testing.T) {
	up := newNameserver(t, func(a *ask) { a.reply(a.answer("", 0)) })
	g := open(t, noFiles(t, egress.Options{Policy: egress.Policy{Preset: egress.Production}, Nameservers: up.addrs()}))
	n := g.Network("hello")
	good := query(t, "example.com", typeA)
	edit := func(change func(*dnsmessage.Message)) []byte {
		m := parse(t, good)
		change(&m)
		return pack(t, m)
	}
	for name, tt := range map[string]struct {
		query []byte
		want  dnsmessage.RCode
	}{
		"no question":   {edit(func(m *dnsmessage.Message) { m.Questions = nil }), dnsmessage.RCodeFormatError},
		"two questions": {edit(func(m *dnsmessage.Message) { m.Questions = append(m.Questions, m.Questions[0]) }), dnsmessage.RCodeFormatError},
		"wrong counts":  {append([]byte{0x12, 0x34, 1, 0, 0, 1, 0, 3, 0, 7}, good[10:]...), dnsmessage.RCodeFormatError},
		"cut off":       {good[:20], dnsmessage.RCodeFormatError},
		"too long":      {append(bytes.Clone(good), make([]byte, 4096)...), dnsmessage.RCodeFormatError},
		// The name begins in the ID; after the question stands an OPT record.
		"a name in pieces": {[]byte("\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x01" + "\xc0\x00\x00\x01\x00\x01" +
			"\x00\x00\x29\x04\x00\x00\x00\x00\x00\x00\x00"), dnsmessage.RCodeFormatError},
		"another opcode":  {edit(func(m *dnsmessage.Message) { m.OpCode = 5 }), dnsmessage.RCodeNotImplemented},
		"another class":   {edit(func(m *dnsmessage.Message) { m.Questions[0].Class = dnsmessage.ClassCHAOS }), dnsmessage.RCodeRefused},
		"a zone transfer": {query(t, "example.com", dnsmessage.TypeAXFR), dnsmessage.RCodeRefused},
	} {
		if m := parse(t, n.Resolve(t.Context(), tt.query)); m.RCode != tt.want || m.ID != 0x1234 || !m.Response {
			t.Errorf("%s: %+v, want %s", name, m.Header, tt.want)
		}
	}
	for name, q := range map[string][]byte{"nothing": nil, "less than a header": good[:11], "an answer": edit(func(m *dnsmessage.Message) { m.Response = true })} {
		if answer := n.Resolve(t.Context(), q); answer != nil {
			t.Errorf("%s is answered with %x", name, answer)
		}
	}
	if up.asked() != 0 {
		t.Errorf("%d of them were forwarded", up.asked())
	}
}

func TestHostsFile(t *testing.T) {
	up := newNameserver(t, func(a *ask) { a.reply(a.answer("93.184.216.34", 300)) })
	dir := t.TempDir()
	hosts := filepath.Join(dir, "hosts")
	writeFile(t, hosts, "127.0.0.1 localhost\n10.0.5.7\tDB.local db # the database\n10.0.5.8 db.local\nfd00::7 db.local\nbroken\n10.0.5 x\n")
	opts := egress.Options{Policy: egress.Policy{Preset: egress.Production, Allow: rules(t, "db.local:5432")}, Nameservers: up.addrs()}
	w := newWorld(t, opts.WithFiles(filepath.Join(dir, "resolv.conf"), hosts), echo)
	n := w.gateway.Network("hello")
	for _, tt := range []struct {
		name string
		typ  dnsmessage.Type
		want string
	}{
		{"db.local", typeA, "10.0.5.7 10.0.5.8"},
		{"Db.LOCAL", typeAAAA, "fd00::7"},
		{"db", typeA, "10.0.5.7"},
		{"db", typeAAAA, ""},
		{"www.example.com", typeA, "93.184.216.34"},
	} {
		if m := parse(t, n.Resolve(t.Context(), query(t, tt.name, tt.typ))); addresses(m) != tt.want {
			t.Errorf("%s %s: %q, want %q", tt.name, tt.typ, addresses(m), tt.want)
		}
	}
	if up.asked() != 1 {
		t.Errorf("%d questions were forwarded, want 1", up.asked())
	}
	for to, want := range map[string]uint64{"10.0.5.8:5432": 0, "10.0.5.9:5432": 1} {
		c, done := connect(t, t.Context(), n, to)
		c.CloseWrite()
		c.Read(make([]byte, 1))
		wait(t, done)
		if got := w.gateway.Usage()["hello"].Refused; want == 1 && got != 1 || want == 0 && got > 1 {
			t.Errorf("after %s %d refusals", to, got)
		}
	}
	if got := w.gateway.Usage()["hello"]; got.Connections != 1 || got.Refused != 1 {
		t.Errorf("usage is %+v, want the address of the file's name to be open", got)
	}
}

// A file of the host that changes is read again, but not for every question.
func TestFilesAreReadAgain(t *testing.T) {
	hosts := filepath.Join(t.TempDir(), "hosts")
	synctest.Test(t, func(t *testing.T) {
		opts := egress.Options{Policy: egress.Policy{Preset: egress.Production}}
		g, err := egress.New(opts.WithFiles(hosts+".none", hosts))
		if err != nil {
			t.Fatal(err)
		}
		defer g.Close()
		n := g.Network("hello")
		ask := func() string { return addresses(parse(t, n.Resolve(t.Context(), query(t, "a", typeA)))) }
		for i, want := range []string{"10.0.0.1", "10.0.0.1", "10.0.2.222"} {
			if i < 2 {
				writeFile(t, hosts, fmt.Sprintf("10.0.%d.1 a\n", i))
			} else {
				writeFile(t, hosts, "10.0.2.222 a\n")
				time.Sleep(4 * time.Second)
			}
			if got := ask(); got != want {
				t.Errorf("change %d: %q, want %q", i, got, want)
			}
		}
	})
}

func TestParseResolvConf(t *testing.T) {
	for _, tt := range []struct {
		text     string
		servers  string
		timeout  time.Duration
		attempts int
	}{
		{"", "127.0.0.1:53", 5 * time.Second, 2},
		{"# nameserver 1.1.1.1\n; nameserver 1.1.1.1\nnameserver\nnameserver x\nsearch a b", "127.0.0.1:53", 5 * time.Second, 2},
		{"nameserver 127.0.0.53 # stub\noptions edns0 trust-ad", "127.0.0.53:53", 5 * time.Second, 2},
		{"nameserver 1.1.1.1\r\nnameserver\t2606::1\nnameserver fe80::1%eth0\nnameserver 9.9.9.9", "1.1.1.1:53 [2606::1]:53 [fe80::1%eth0]:53", 5 * time.Second, 2},
		{"nameserver 1.1.1.1\noptions timeout:1 attempts:3", "1.1.1.1:53", time.Second, 3},
		{"nameserver 1.1.1.1\noptions timeout:100 attempts:100", "1.1.1.1:53", 30 * time.Second, 5},
		{"nameserver 1.1.1.1\noptions timeout:0 attempts:x", "1.1.1.1:53", 5 * time.Second, 2},
	} {
		servers, timeout, attempts := egress.ParseResolvConf(tt.text)
		if got := strings.Trim(fmt.Sprint(servers), "[]"); fmt.Sprint(servers) != "["+tt.servers+"]" || timeout != tt.timeout || attempts != tt.attempts {
			t.Errorf("%q: %s, %s, %d", tt.text, got, timeout, attempts)
		}
	}
}

// FuzzResolve holds arbitrary questions, and arbitrary answers to them, against
// what an answer must be.
func FuzzResolve(f *testing.F) {
	good := query(f, "www.example.com", typeA)
	sample := ask{query: good}
	f.Add(good, pack(f, sample.answer("93.184.216.34", 300)))
	f.Add(query(f, "host.furl.internal", typeAAAA), []byte{})
	f.Add(good[:13], good)
	f.Add(query(f, "a.example.com", dnsmessage.TypeALL), append(pack(f, sample.answer("1.2.3.4", 1)), 0xc0, 0x0c))
	var reply atomic.Pointer[[]byte]
	up := newNameserver(f, func(a *ask) {
		// The answer as it is, under the right ID if it is long enough for one.
		forged := bytes.Clone(*reply.Load())
		if len(forged) >= 2 {
			copy(forged, a.query[:2])
		}
		a.raw(forged)
		m := a.answer("", 0)
		m.RCode = dnsmessage.RCodeNameError
		a.reply(m)
	})
	g := open(f, noFiles(f, egress.Options{Policy: egress.Policy{Preset: egress.Production, Allow: rules(f, "*.example.com")}, Nameservers: up.addrs()}))
	n := g.Network("hello")
	f.Fuzz(func(t *testing.T, query, answer []byte) {
		reply.Store(&answer)
		got := n.Resolve(t.Context(), query)
		if got == nil {
			return
		}
		var p dnsmessage.Parser
		h, err := p.Start(got)
		if err != nil || !h.Response || !bytes.Equal(got[:2], query[:2]) {
			t.Fatalf("%x is answered with %x", query, got)
		}
	})
}
