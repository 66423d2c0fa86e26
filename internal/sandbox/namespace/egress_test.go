//go:build linux

package namespace_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"furl/internal/sandbox"
	"furl/internal/sandbox/namespace"
)

// world is a Network that leads nowhere: it writes down who was meant, tells the
// program, and echoes what it says.
type world struct {
	mu        sync.Mutex
	connected []netip.AddrPort
	asked     []string
	open      int
	most      int

	silent bool // it says nothing first
}

func (w *world) Connect(ctx context.Context, conn *net.TCPConn, to netip.AddrPort) {
	w.mu.Lock()
	w.connected = append(w.connected, to)
	w.open++
	w.most = max(w.most, w.open)
	w.mu.Unlock()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	if !w.silent {
		fmt.Fprintf(conn, "%v\n", to)
	}
	io.Copy(struct{ io.Writer }{conn}, struct{ io.Reader }{conn}) // without the pipes that splicing keeps
	stop()
	conn.Close()
	w.mu.Lock()
	w.open--
	w.mu.Unlock()
}

// Resolve knows that every name has an address of each kind; "long." has many.
func (w *world) Resolve(_ context.Context, query []byte) []byte {
	var m dnsmessage.Message
	if err := m.Unpack(query); err != nil || len(m.Questions) != 1 {
		return nil
	}
	q := m.Questions[0]
	w.mu.Lock()
	w.asked = append(w.asked, q.Name.String()+" "+q.Type.String())
	w.mu.Unlock()
	m.Response, m.RecursionAvailable, m.Additionals = true, true, nil
	n := 1
	if q.Name.String() == "long." {
		n = 100
	}
	for i := range n {
		h := dnsmessage.ResourceHeader{Name: q.Name, Class: q.Class, TTL: 60}
		switch q.Type {
		case dnsmessage.TypeA:
			m.Answers = append(m.Answers, dnsmessage.Resource{Header: h, Body: &dnsmessage.AResource{A: [4]byte{192, 0, 2, byte(7 + i)}}})
		case dnsmessage.TypeAAAA:
			a := netip.MustParseAddr("2001:db8::7").As16()
			m.Answers = append(m.Answers, dnsmessage.Resource{Header: h, Body: &dnsmessage.AAAAResource{AAAA: a}})
		}
	}
	answer, err := m.Pack()
	if err != nil {
		return nil
	}
	return answer
}

func (w *world) seen() (connected []netip.AddrPort, asked []string, open int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.connected, w.asked, w.open
}

// outside is a sandbox with something beyond it.
func outside(t testing.TB, d *namespace.Driver, n sandbox.Network) sandbox.Env {
	t.Helper()
	return outsideOf(t, d, spec(t), n)
}

// outsideOf is one of a spec, whose code is the given files.
func outsideOf(t testing.TB, d *namespace.Driver, s sandbox.Spec, n sandbox.Network, files ...string) sandbox.Env {
	t.Helper()
	code := t.TempDir()
	for i := 0; i+1 < len(files); i += 2 {
		if err := os.WriteFile(filepath.Join(code, files[i]), []byte(files[i+1]), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	b, err := d.Blank(within(t, 20*time.Second), s)
	if err != nil {
		t.Fatal(err)
	}
	e, err := b.Assign(within(t, 10*time.Second), sandbox.Assignment{Code: code, Network: n})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Retire(0) })
	run(t, e, client)
	return e
}

// client is what the tests' Python code uses.
const client = `
import errno, os, socket, struct, threading, time

def first(host, port, family=0, source=None):
    """The line that whoever is at an address begins with, or why there is none."""
    if not family:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as s:
        s.settimeout(5)
        try:
            if source:
                s.bind(source)
            s.connect((host, port))
            f = s.makefile("rb")
            line = f.readline().strip().decode()
            s.sendall(b"echo")
            s.shutdown(socket.SHUT_WR)
            assert f.read() == b"echo", "no echo"
            return line
        except OSError as e:
            return errno.errorcode.get(e.errno, type(e).__name__)

def question(name, kind=1, extra=b""):
    q = b"".join(bytes([len(p)]) + p.encode() for p in name.split(".")) + b"\0"
    return struct.pack(">HHHHHH", 7, 0x100, 1, 0, 0, 1 if extra else 0) + q + struct.pack(">HH", kind, 1) + extra

def ask(server, q, port=53):
    """The answer of a name server, and who it came from."""
    family = socket.AF_INET6 if ":" in server else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as s:
        s.settimeout(5)
        s.sendto(q, (server, port))
        answer, sender = s.recvfrom(65535)
        return answer, sender[0]
`

// asNobody runs this very test once more as a user without rights.
func asNobody(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		return
	}
	t.Run("rootless", func(t *testing.T) {
		name, _, _ := strings.Cut(t.Name(), "/")
		cmd := exec.Command("/proc/self/exe", "-test.run=^"+name+"$", "-test.v")
		cmd.Env = append(os.Environ(), "TMPDIR=/tmp", "HOME=/nonexistent")
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 12345, Gid: 12345}}
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Errorf("%v\n%s", err, out)
		}
		if bytes.Contains(out, []byte("--- SKIP")) {
			needed(t, fmt.Errorf("it was skipped as another user:\n%s", out))
		}
	})
}

func TestEgressConnect(t *testing.T) {
	eachKind(t, egressConnect)
	asNobody(t)
}

func egressConnect(t *testing.T, d *namespace.Driver, s sandbox.Spec) {
	w := &world{}
	e := outsideOf(t, d, s, w)
	tests := []struct{ code, want string }{
		{`first("192.0.2.1", 80)`, "192.0.2.1:80"},
		{`first("10.1.2.3", 65535)`, "10.1.2.3:65535"},
		{`first("169.254.169.254", 80)`, "169.254.169.254:80"},
		{`first("169.254.100.1", 443)`, "169.254.100.1:443"},
		{`first("8.8.8.8", 53)`, "8.8.8.8:53"},
		{`first("169.254.100.5", 80)`, "169.254.100.5:80"},
		{`first("2001:db8::1", 443)`, "[2001:db8::1]:443"},
		{`first("fd00:ec2::254", 80)`, "[fd00:ec2::254]:80"},
		{`first("64:ff9b::a9fe:a9fe", 80)`, "[64:ff9b::a9fe:a9fe]:80"},
		{`first("::ffff:192.0.2.9", 81)`, "192.0.2.9:81"},
		// Wherever from: answers find their way.
		{`first("192.0.2.2", 80, 0, ("127.0.0.1", 0))`, "192.0.2.2:80"},
		{`first("192.0.2.2", 81, 0, ("1.2.3.4", 0))`, "192.0.2.2:81"},
		{`first("2001:db8::2", 80, 0, ("::1", 0))`, "[2001:db8::2]:80"},
		// What is the sandbox's own stays inside.
		{`first("127.0.0.1", 4321)`, "ECONNREFUSED"},
		{`first("127.9.9.9", 4321)`, "ECONNREFUSED"},
		{`first("0.0.0.0", 4321)`, "ECONNREFUSED"},
		{`first("::1", 4321)`, "ECONNREFUSED"},
		{`first("::", 4321)`, "ECONNREFUSED"},
		{`first("::ffff:127.0.0.1", 4321)`, "ECONNREFUSED"},
		{`first("169.254.100.6", 4321)`, "ECONNREFUSED"},
		{`first(socket.gethostbyname(socket.gethostname()), 4321)`, "ECONNREFUSED"},
		// The place where connections are led is none to connect to.
		{`first("127.0.0.1", 1)`, "ECONNRESET"},
		{`first("::1", 1)`, "ECONNRESET"},
	}
	for _, tt := range tests {
		if got := run(t, e, "result = "+tt.code); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.code, got, tt.want)
		}
	}
	connected, _, _ := w.seen()
	for _, to := range connected {
		if to.Addr().IsLoopback() {
			t.Errorf("%v reached the network", to)
		}
	}
	own := run(t, e, `
ln = socket.create_server(("0.0.0.0", 8080))
def serve():
    while True:
        c = ln.accept()[0]
        c.sendall(b"own\n")
        c.sendall(c.recv(10))
        c.close()
threading.Thread(target=serve, daemon=True).start()
result = first("127.0.0.1", 8080), first("169.254.100.6", 8080), first("192.0.2.1", 8080)
`)
	if own != "('own', 'own', '192.0.2.1:8080')" {
		t.Error("its own listener:", own)
	}
}

func TestEgressNames(t *testing.T) {
	w := &world{}
	e := outside(t, newDriver(t), w)
	const opt = `b"\0\0\x29\x05\x00\0\0\0\0\0\0"` // takes 1280 bytes
	tests := []struct{ code, want string }{
		{`open("/etc/resolv.conf").read()`, "nameserver 169.254.100.5\noptions timeout:2 attempts:5\n"},
		{`[a[4][0] for a in socket.getaddrinfo("some.example.com", 443, type=socket.SOCK_STREAM)]`, "['192.0.2.7', '2001:db8::7']"},
		{`[a[4][0] for a in socket.getaddrinfo("v4.example.com", 443, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)]`, "['192.0.2.7']"},
		{`[a[4][0] for a in socket.getaddrinfo("v6.example.com", 443, family=socket.AF_INET6, type=socket.SOCK_STREAM)]`, "['2001:db8::7']"},
		{`socket.gethostbyname("localhost")`, "127.0.0.1"},
		{`socket.create_connection(("both.example.com", 443), 5).makefile().readline()`, "192.0.2.7:443\n"},
		// Any address is a name server's, and answers as itself.
		{`[ask(a, question("x.y"))[1] for a in ("169.254.100.5", "8.8.8.8", "10.0.0.2", "2001:4860:4860::8888", "127.0.0.1", "::1")]`,
			"['169.254.100.5', '8.8.8.8', '10.0.0.2', '2001:4860:4860::8888', '127.0.0.1', '::1']"},
		{`ask("8.8.8.8", question("x.y"))[0][-4:]`, `b'\xc0\x00\x02\x07'`},
		// What is too long for a datagram comes over a connection.
		{`[(len(a), a[2] & 2) for a in [ask("169.254.100.5", question("long"))[0]]]`, "[(22, 2)]"},
		{`[(len(a), a[2] & 2) for a in [ask("169.254.100.5", question("long", 1, ` + opt + `))[0]]]`, "[(22, 2)]"},
		{`[(len(a), a[2] & 2) for a in [ask("169.254.100.5", question("long", 1, ` + opt + `.replace(b"\x05", b"\x10")))[0]]]`, "[(1622, 0)]"},
		{`len(socket.gethostbyname_ex("long.")[2])`, "100"},
		{`len(socket.getaddrinfo("long.", 80, socket.AF_INET, socket.SOCK_STREAM))`, "100"},
	}
	for _, tt := range tests {
		if got := run(t, e, "result = "+tt.code); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.code, got, tt.want)
		}
	}
	over := run(t, e, `
with socket.create_connection(("169.254.100.5", 53), 5) as s:
    q = question("a.example.com")
    s.sendall((struct.pack(">H", len(q)) + q) * 3)
    f = s.makefile("rb")
    result = [len(f.read(struct.unpack(">H", f.read(2))[0])) for _ in range(3)]
`)
	if over != "[47, 47, 47]" {
		t.Error("over a connection:", over)
	}
	asNobody(t)
}

// Each library has a resolver of its own.
func TestEgressResolvers(t *testing.T) {
	w := &world{}
	host, err := os.ReadFile(os.Getenv(hostVar))
	if err != nil {
		t.Fatal(err)
	}
	e := outsideOf(t, newDriver(t), spec(t), w, "host", string(host))
	got := run(t, e, `
import subprocess
p = subprocess.run(["/var/task/host", "lookup", "go.example.com"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
result = p.stdout.decode().strip()
`)
	if got != "[192.0.2.7 2001:db8::7] 192.0.2.7:443" {
		t.Errorf("Go: %q", got)
	}
	if _, err := os.Stat("/usr/bin/node"); err != nil {
		t.Log("there is no Node here")
		return
	}
	got = run(t, e, `
p = subprocess.run(["/usr/bin/node", "-e", """
const dns = require('dns').promises, net = require('net');
(async () => {
  console.log((await dns.lookup('lookup.example.com')).address);
  console.log(await dns.resolve4('cares.example.com'), await dns.resolve6('cares.example.com'));
  const server = new dns.Resolver();
  server.setServers(['8.8.4.4']);
  console.log(await server.resolve4('other.example.com'));
  net.connect(443, 'net.example.com').on('data', d => { console.log(d.toString().trim()); process.exit(); });
})();
"""], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=20)
result = p.stdout.decode().split()
`)
	if want := "['192.0.2.7', '[', \"'192.0.2.7'\", ']', '[', \"'2001:db8::7'\", ']', '[', \"'192.0.2.7'\", ']', '192.0.2.7:443']"; got != want {
		t.Errorf("Node: %s", got)
	}
	asNobody(t)
}

func TestEgressOtherDatagrams(t *testing.T) {
	e := outside(t, newDriver(t), &world{})
	for _, to := range []string{"192.0.2.1", "2001:db8::1", "169.254.100.5", "127.0.0.1"} {
		got := run(t, e, fmt.Sprintf(`
family = socket.AF_INET6 if ":" in %[1]q else socket.AF_INET
with socket.socket(family, socket.SOCK_DGRAM) as s:
    s.settimeout(5)
    s.connect((%[1]q, 443))
    begin = time.monotonic()
    try:
        s.send(b"quic?")
        s.recv(10)
    except OSError as e:
        result = errno.errorcode.get(e.errno, "timeout")
    if time.monotonic() - begin > 1:
        result = "slow"
`, to))
		if got != "ECONNREFUSED" {
			t.Errorf("%s: %s", to, got)
		}
	}
	asNobody(t)
}

// Without a Network nothing is there, and that is known at once.
func TestEgressNone(t *testing.T) {
	e := outside(t, newDriver(t), nil)
	got := run(t, e, `
begin = time.monotonic()
result = [first("192.0.2.1", 80), first("2001:db8::1", 80), first("169.254.100.5", 53)]
try:
    socket.getaddrinfo("example.com", 80)
except socket.gaierror as e:
    result.append(e.errno == socket.EAI_AGAIN or e.errno)
result.append(time.monotonic() - begin < 1)
`)
	if got != "['ECONNREFUSED', 'ECONNREFUSED', 'ECONNREFUSED', True, True]" {
		t.Error(got)
	}
	asNobody(t)
}
