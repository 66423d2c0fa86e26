package egress_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime/pprof"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"furl/internal/egress"
)

// outside is an address on the internet, where nothing of a test ever goes: a
// world takes its place.
const outside = "8.8.8.8:443"

// world is a Gateway whose functions reach a server of the test, wherever they
// connect to.
type world struct {
	t       testing.TB
	gateway *egress.Gateway
	log     *logBuffer
	server  net.Listener
}

// newWorld serves every connection that a function makes with serve.
func newWorld(t testing.TB, opts egress.Options, serve func(*net.TCPConn)) *world {
	t.Helper()
	w := &world{t: t, log: &logBuffer{}, server: listen(t, "127.0.0.1:0", serve)}
	opts.Logger = slog.New(slog.NewTextHandler(w.log, nil))
	if opts.Policy.Preset == "" {
		opts.Policy.Preset = egress.Production
	}
	to := w.server.Addr().(*net.TCPAddr).AddrPort()
	opts = opts.WithDial(func(ctx context.Context, asked netip.AddrPort) (*net.TCPConn, error) {
		if asked.Addr().IsLoopback() {
			t.Errorf("the gateway dials %s", asked)
		}
		var d net.Dialer
		return d.DialTCP(ctx, "tcp", netip.AddrPort{}, to)
	})
	w.gateway = open(t, opts)
	return w
}

// open makes a Gateway, and sees to it that nothing of it is left.
func open(t testing.TB, opts egress.Options) *egress.Gateway {
	t.Helper()
	g, err := egress.New(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		g.Close()
		await(t, func() bool { return left() == "" }, left)
	})
	return g
}

// noFiles stands for a host whose files say nothing.
func noFiles(t testing.TB, opts egress.Options) egress.Options {
	dir := t.TempDir()
	return opts.WithFiles(filepath.Join(dir, "resolv.conf"), filepath.Join(dir, "hosts"))
}

// left is a goroutine of the package that still runs.
func left() string {
	var b strings.Builder
	pprof.Lookup("goroutine").WriteTo(&b, 2)
	for g := range strings.SplitSeq(b.String(), "\n\n") {
		if strings.Contains(g, "furl/internal/egress.") {
			return g
		}
	}
	return ""
}

// await waits for what comes about elsewhere.
func await(t testing.TB, ok func() bool, state func() string) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	deadline := time.After(10 * time.Second)
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal("did not happen within ten seconds: ", state())
		}
	}
}

// listen serves connections until the test ends.
func listen(t testing.TB, addr string, serve func(*net.TCPConn)) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer conn.Close()
				serve(conn.(*net.TCPConn))
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		wg.Wait()
	})
	return l
}

// pair is a connection as a sandbox makes it: the program's end, and the end
// that the driver accepted.
func pair(t testing.TB) (program, accepted *net.TCPConn) {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c, err := net.Dial("tcp4", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	a, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return c.(*net.TCPConn), a.(*net.TCPConn)
}

// connect has a program connect to an address. done is closed when the network
// is through with the connection.
func connect(t testing.TB, ctx context.Context, n *egress.Network, to string) (program *net.TCPConn, done chan struct{}) {
	t.Helper()
	program, accepted := pair(t)
	done = make(chan struct{})
	go func() {
		defer close(done)
		n.Connect(ctx, accepted, addrPort(to))
	}()
	return program, done
}

// wait waits for the end of a connection.
func wait(t testing.TB, done chan struct{}) {
	t.Helper()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Fatal("the connection has not ended after ten seconds")
	}
}

// wantReset reads and wants the connection to have been cut off.
func wantReset(t testing.TB, c *net.TCPConn) {
	t.Helper()
	if n, err := io.Copy(io.Discard, c); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("read %d bytes and %v, want ECONNRESET", n, err)
	}
}

func echo(c *net.TCPConn) { io.Copy(c, c) }

// logBuffer holds what was logged.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

func writeFile(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// blockingDial dials until it is told to stop.
func blockingDial(dialing chan struct{}) func(context.Context, netip.AddrPort) (*net.TCPConn, error) {
	return func(ctx context.Context, _ netip.AddrPort) (*net.TCPConn, error) {
		close(dialing)
		<-ctx.Done()
		return nil, ctx.Err()
	}
}
