//go:build linux

package namespace

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// needRoot skips what makes network namespaces itself, except in CI, which is root.
func needRoot(t testing.TB) {
	t.Helper()
	if os.Geteuid() == 0 {
		return
	}
	if os.Getenv("CI") == "true" {
		t.Fatal("it needs root")
	}
	t.Skip("SKIPPED, it needs root")
}

func startNetworks(t testing.TB) *networks {
	t.Helper()
	needRoot(t)
	n := &networks{}
	if err := n.start(); err != nil || n.closed != nil {
		t.Fatal(err, n.closed)
	}
	t.Cleanup(func() {
		n.making.Wait()
		for _, r := range n.free {
			r.ns.Close()
		}
		closeAll(n.spare)
		close(n.thread.tasks)
		close(n.ahead.tasks)
	})
	return n
}

// in runs f on a thread in a network.
func in(t testing.TB, n *network, f func() error) {
	t.Helper()
	err := apart(func() error {
		if err := enter(n.ns, unix.CLONE_NEWNET); err != nil {
			return err
		}
		return f()
	})
	if err != nil {
		t.Fatal(err)
	}
}

func opened(t testing.TB, n *network) *egress {
	t.Helper()
	e, err := newEgress(n.sockets, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	n.sockets = nil
	t.Cleanup(e.stop)
	return e
}

// leave fills everything in which connections and questions of a sandbox can wait,
// and leaves its connections as they are when processes are killed.
func leave(t testing.TB, n *network) {
	var held []io.Closer
	in(t, n, func() error {
		for _, to := range []string{"203.0.113.1:80", "[2001:db8:dead::1]:80"} {
			a := netip.MustParseAddrPort(to)
			for range exitBacklog + 200 { // more than wait, so that some are only half there
				c, err := begin(a)
				if err != nil {
					return err
				}
				held = append(held, c)
			}
		}
		for _, to := range []string{"203.0.113.1:53", "[2001:db8:dead::1]:53"} {
			c, err := net.Dial("udp", to)
			if err != nil {
				return err
			}
			for range 2000 {
				c.Write([]byte("of the last one")) // until there is no more room
			}
			held = append(held, c)
		}
		return nil
	})
	for _, c := range held {
		c.Close()
	}
}

// begin begins a connection, and sends what it is ended with: the kernel goes on
// trying to deliver that after the process is gone.
func begin(to netip.AddrPort) (*os.File, error) {
	family, address := unix.AF_INET6, unix.Sockaddr(&unix.SockaddrInet6{Port: int(to.Port()), Addr: to.Addr().As16()})
	if to.Addr().Is4() {
		family, address = unix.AF_INET, &unix.SockaddrInet4{Port: int(to.Port()), Addr: to.Addr().As4()}
	}
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	if err := unix.Connect(fd, address); err != nil && err != unix.EINPROGRESS {
		return nil, err
	}
	unix.Write(fd, []byte("of the last one")) // some are not that far
	return os.NewFile(uintptr(fd), "connection"), nil
}

func TestNetworksForgetTheLastSandbox(t *testing.T) {
	n := startNetworks(t)
	first, err := n.take()
	if err != nil {
		t.Fatal(err)
	}
	var before, after unix.Stat_t
	if err := unix.Fstat(int(first.ns.Fd()), &before); err != nil {
		t.Fatal(err)
	}
	e := opened(t, first)
	leave(t, first)
	in(t, first, func() error {
		if c := trackedConnections(); c < busyAfter {
			t.Errorf("%d connections were left; the network is not tested", c)
		}
		return nil
	})
	e.close()
	n.give(first)

	// Without the rest, which only adds to it, and in spite of what is left.
	second := &network{ns: first.ns}
	in(t, second, func() (err error) { second.sockets, err = exitSockets(); return err })
	if err := unix.Fstat(int(second.ns.Fd()), &after); err != nil || before.Ino != after.Ino {
		t.Fatal("it is another network", err)
	}
	e = opened(t, second)
	end := time.Now().Add(4 * time.Second) // the kernel tries again after one and three
	for _, ln := range e.listeners {
		if err := ln.SetDeadline(end); err != nil {
			t.Fatal(err)
		}
		if c, err := ln.AcceptTCP(); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("a connection of the last sandbox arrived: %v, %v", c, err)
		}
		if err := ln.SetDeadline(time.Time{}); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range e.questions {
		if err := c.SetDeadline(time.Now()); err != nil {
			t.Fatal(err)
		}
		if m, _, err := c.ReadFromUDPAddrPort(make([]byte, 100)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("a question of the last sandbox arrived: %v, %v", m, err)
		}
	}
	var own *os.File
	in(t, second, func() (err error) { own, err = begin(netip.MustParseAddrPort("192.0.2.1:80")); return err })
	defer own.Close()
	c, err := e.listeners[0].AcceptTCP()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if to, err := meant(c); err != nil || to.String() != "192.0.2.1:80" {
		t.Errorf("a new connection arrived as one to %v, %v", to, err)
	}
}

// Whom a sandbox was connected to is no longer to be seen when the next one comes.
func TestNetworksShowNothing(t *testing.T) {
	n := startNetworks(t)
	first, err := n.take()
	if err != nil {
		t.Fatal(err)
	}
	e := opened(t, first)
	in(t, first, func() error {
		for range 3 {
			c, err := net.Dial("tcp4", "192.0.2.1:80")
			if err != nil {
				return err
			}
			arrived, err := e.listeners[0].AcceptTCP()
			if err != nil {
				return err
			}
			if err := errors.Join(c.Close(), arrived.Close()); err != nil {
				return err
			}
		}
		return nil
	})
	e.close()
	in(t, first, func() error {
		b, err := os.ReadFile("/proc/thread-self/net/tcp")
		if left := strings.Count(string(b), "\n") - 1; left != 0 {
			t.Errorf("%d connections are to be seen\n%s", left, b)
		}
		return err
	})
	n.once.Store(true)
	n.give(first)
	if len(n.free) != 0 {
		t.Error("a network that shows the last sandbox's connections is kept")
	}
}

// However a sandbox goes about it, the kernel remembers a limited number.
func TestNetworksRememberLittle(t *testing.T) {
	n := startNetworks(t)
	first, err := n.take()
	if err != nil {
		t.Fatal(err)
	}
	opened(t, first)
	const many = 4 * exitBurst
	in(t, first, func() error {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		begin := time.Now()
		for i := range many {
			to := &unix.SockaddrInet4{Port: namePort, Addr: [4]byte{127, 5, byte(i >> 8), byte(i)}}
			unix.Sendto(fd, []byte("x"), 0, to) // some are refused
		}
		most := exitBurst + int(time.Since(begin).Seconds()*exitRate) + 100
		if c := trackedConnections(); c > most {
			t.Errorf("of %d questions to itself the kernel remembers %d, more than %d", many, c, most)
		}
		before := trackedConnections()
		for range 200 {
			net.DialTimeout("tcp4", ownAddress+":9999", time.Second) // nobody is there
		}
		if c := trackedConnections(); c > before {
			t.Errorf("of connections to itself the kernel remembers %d", c-before)
		}
		return nil
	})
}

// Spare networks are made ahead, but one that has rested is used before them.
func TestNetworksAhead(t *testing.T) {
	n := startNetworks(t)
	one, err := n.take()
	if err != nil {
		t.Fatal(err)
	}
	n.making.Wait()
	if len(n.spare) != spareNetworks {
		t.Errorf("there are %d spare networks, want %d", len(n.spare), spareNetworks)
	}
	in(t, one, func() error { // which leaves a trace
		c, err := net.Dial("udp", "192.0.2.1:53")
		if err != nil {
			return err
		}
		defer c.Close()
		_, err = c.Write([]byte("?"))
		return err
	})
	n.give(one)
	another, err := n.take()
	if err != nil {
		t.Fatal(err)
	}
	if another.ns == one.ns {
		t.Error("a network was used without rest")
	}
	n.making.Wait()
	if len(n.spare)+len(n.free) != spareNetworks {
		t.Errorf("%d spare and %d used networks wait", len(n.spare), len(n.free))
	}
	n.free[0].since = n.free[0].since.Add(-quietFor)
	again, err := n.take()
	if err != nil {
		t.Fatal(err)
	}
	if again.ns != one.ns {
		t.Error("a spare network was used instead of one that has rested")
	}
	n.give(again)
	n.give(another)
}

// A network in which the last sandbox left nothing is used again at once, and one in which
// a socket is left is not.
func TestNetworksClean(t *testing.T) {
	n := startNetworks(t)
	one, err := n.take()
	if err != nil {
		t.Fatal(err)
	}
	closeAll(one.sockets)
	one.sockets = nil
	// The kernel lets go of those by which the network was set up some time after.
	for end := time.Now().Add(5 * time.Second); !n.clean(one.ns) && time.Now().Before(end); {
		<-time.After(time.Millisecond)
	}
	n.give(one)
	again, err := n.take()
	if err != nil {
		t.Fatal(err)
	}
	if again.ns != one.ns {
		t.Error("another network was used instead of a clean one")
	}
	var left net.PacketConn
	in(t, again, func() (err error) {
		left, err = net.ListenPacket("udp4", "127.0.0.1:0")
		return err
	})
	defer left.Close()
	n.give(again)
	other, err := n.take()
	if err != nil {
		t.Fatal(err)
	}
	if other.ns == again.ns {
		t.Error("a network was used in which there was a socket")
	}
	n.give(other)
}

// A network in which the kernel remembers much is not used again.
func TestNetworksBusy(t *testing.T) {
	n := startNetworks(t)
	first, err := n.take()
	if err != nil {
		t.Fatal(err)
	}
	e := opened(t, first)
	in(t, first, func() error {
		for i := 0; trackedConnections() < busyAfter; i++ {
			c, err := net.Dial("udp", fmt.Sprintf("192.0.2.%d:53", i%250))
			if err != nil {
				return err
			}
			c.Write([]byte("?"))
			c.Close()
		}
		return nil
	})
	e.close()
	var used unix.Stat_t
	if err := unix.Fstat(int(first.ns.Fd()), &used); err != nil {
		t.Fatal(err)
	}
	again, err := n.make(first.ns)
	if err != nil {
		t.Fatal(err)
	}
	var st unix.Stat_t
	if err := unix.Fstat(int(again.ns.Fd()), &st); err != nil || st.Ino == used.Ino {
		t.Error("the network was used again", err)
	}
	n.give(again)
}

// Without IPv6 everything else is there.
func TestNetworksWithoutIPv6(t *testing.T) {
	needRoot(t)
	err := apart(func() error {
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return err
		}
		if err := os.WriteFile("/proc/sys/net/ipv6/conf/all/disable_ipv6", []byte("1"), 0); err != nil {
			return err
		}
		if err := errors.Join(loopbackUp(), openExit()); err != nil {
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
		if len(e.listeners) != 1 || len(e.questions) != 1 {
			t.Errorf("there are %d listeners and %d others", len(e.listeners), len(e.questions))
		}
		four, err := net.Dial("tcp", "192.0.2.1:80")
		if err != nil {
			return err
		}
		defer four.Close()
		c, err := e.listeners[0].AcceptTCP()
		if err != nil {
			return err
		}
		defer c.Close()
		if to, err := meant(c); err != nil || to.String() != "192.0.2.1:80" {
			t.Errorf("it arrived as a connection to %v, %v", to, err)
		}
		if six, err := net.Dial("tcp", "[2001:db8::1]:80"); err == nil {
			six.Close()
			t.Error("IPv6 works")
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func TestHintExit(t *testing.T) {
	for errno, want := range map[syscall.Errno]string{
		unix.EPROTONOSUPPORT: "modprobe", unix.ENOENT: "modprobe", unix.EOPNOTSUPP: "modprobe",
		unix.ENOSPC: "max_net_namespaces", unix.EPERM: "--privileged",
	} {
		if got := hintExit(errno, true); !strings.Contains(got, want) {
			t.Errorf("%v: %s", errno, got)
		}
	}
}

// BenchmarkNetwork is a network for a sandbox: a new one, and one that rested.
func BenchmarkNetwork(b *testing.B) {
	for name, prepare := range map[string]func(*networks, *network) *os.File{
		"new":    func(*networks, *network) *os.File { return nil },
		"rested": func(_ *networks, last *network) *os.File { return last.ns },
	} {
		b.Run(name, func(b *testing.B) {
			n := startNetworks(b)
			last, err := n.take()
			if err != nil {
				b.Fatal(err)
			}
			var times []time.Duration
			for b.Loop() {
				closeAll(last.sockets)
				rested := prepare(n, last)
				if rested == nil {
					last.ns.Close()
				}
				begin := time.Now()
				if last, err = n.make(rested); err != nil {
					b.Fatal(err)
				}
				times = append(times, time.Since(begin))
			}
			slices.Sort(times)
			b.ReportMetric(float64(times[0].Microseconds()), "min-µs")
			b.ReportMetric(float64(times[len(times)/2].Microseconds()), "median-µs")
			closeAll(last.sockets)
			last.ns.Close()
		})
	}
}
