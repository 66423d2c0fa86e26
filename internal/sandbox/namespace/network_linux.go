package namespace

import (
	"context"
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// quietFor is how long a network namespace rests before its next use when the last
	// sandbox left something in it, such as connections that the kernel remembers: it
	// fades.
	quietFor = time.Second
	// keepNetworks is how many rest at most, and spareNetworks how many are made ahead.
	keepNetworks  = 64
	spareNetworks = 3
	// busyAfter is with how many connections in the kernel's memory a namespace is
	// not used again: the next sandbox would have that many less.
	busyAfter = 1000
)

// networks are network namespaces, used again and again: to make one costs more
// than a millisecond, and to end one a grace period of the kernel.
type networks struct {
	thread *worker // which enters those that are to be used
	ahead  *worker // which makes spare ones
	making sync.WaitGroup
	// closed is why connections cannot leave the namespaces; nil when they can.
	closed error
	// once is set when namespaces are not used again, for what could be seen in them.
	once atomic.Bool

	mu      sync.Mutex
	free    []restingNetwork // clean ones, then oldest first
	spare   []*os.File       // never used, for when none has rested
	growing bool             // spare ones are being made
}

type restingNetwork struct {
	ns    *os.File
	since time.Time
}

// network is a network namespace for one sandbox.
type network struct {
	ns *os.File
	// sockets are where the sandbox's connections and questions arrive; none when
	// they cannot leave. They are made for each use anew and are the server's to
	// close: what waited in them ends then, and never reaches another sandbox.
	sockets []*os.File
}

// start finds out whether connections can leave namespaces made here.
func (n *networks) start() error {
	var err error
	if n.thread, err = newWorker(); err != nil {
		return err
	}
	if n.ahead, err = newWorker(); err != nil {
		return err
	}
	first, err := n.make(nil)
	if err != nil {
		n.closed = err
		return nil
	}
	closeAll(first.sockets)
	n.spare = append(n.spare, first.ns)
	return nil
}

func (n *networks) take() (*network, error) {
	var ready *os.File
	n.mu.Lock()
	switch {
	case len(n.free) > 0 && time.Since(n.free[0].since) >= quietFor:
		ready = n.free[0].ns
		n.free = n.free[1:]
	case len(n.spare) > 0:
		ready = n.spare[0]
		n.spare = n.spare[1:]
	}
	grow := !n.growing && n.few()
	n.growing = n.growing || grow
	n.mu.Unlock()
	if grow {
		n.making.Go(n.grow)
	}
	return n.make(ready)
}

// few reports whether spare namespaces are to be made. The caller holds the mutex.
func (n *networks) few() bool { return len(n.spare)+len(n.free) < spareNetworks }

// grow makes spare namespaces. If that fails, so will it for who needs one, and
// that one will hear of it.
func (n *networks) grow() {
	for again := true; again; {
		var ns *os.File
		err := n.ahead.do(func() (err error) { ns, err = n.into(nil); return err })
		n.mu.Lock()
		if err == nil {
			n.spare = append(n.spare, ns)
		}
		n.growing = err == nil && n.few()
		again = n.growing
		n.mu.Unlock()
	}
}

// make completes a namespace that is there, or makes a new one.
func (n *networks) make(ready *os.File) (*network, error) {
	made := &network{ns: ready}
	err := n.thread.do(func() error {
		var err error
		if made.ns, err = n.into(ready); err != nil || n.closed != nil {
			return err
		}
		made.sockets, err = exitSockets()
		return err
	})
	if err != nil {
		if made.ns != nil {
			made.ns.Close()
		}
		return nil, err
	}
	return made, nil
}

// into moves the calling thread into a namespace that is there, if it can be used
// again, else into a new one.
func (n *networks) into(ready *os.File) (*os.File, error) {
	if ready != nil {
		if err := enter(ready, unix.CLONE_NEWNET); err != nil {
			return ready, err
		}
		if n.closed != nil || trackedConnections() < busyAfter {
			return ready, nil
		}
		ready.Close()
	}
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return nil, fmt.Errorf("namespace: network: %w", os.NewSyscallError("unshare", err))
	}
	if err := loopbackUp(); err != nil {
		return nil, err
	}
	if leaveNoTrace() != nil {
		n.once.Store(true)
	}
	if n.closed == nil {
		if err := openExit(); err != nil {
			return nil, err
		}
	}
	return ownNamespace("net")
}

// give takes back the namespace of a sandbox that has ended.
func (n *networks) give(used *network) {
	closeAll(used.sockets) // which the server did not get
	clean := n.clean(used.ns)
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case n.once.Load() || len(n.free) >= keepNetworks:
		used.ns.Close()
	case clean: // it has nothing to rest from
		n.free = slices.Insert(n.free, 0, restingNetwork{ns: used.ns})
	default:
		n.free = append(n.free, restingNetwork{used.ns, time.Now()})
	}
}

// clean reports whether a namespace in which nothing runs is known to hold no sockets
// and to remember no connections. These are remembered for a second at least.
func (n *networks) clean(ns *os.File) bool {
	if n.closed != nil {
		return false
	}
	var sockets, connections bool
	err := n.ahead.do(func() error {
		if err := enter(ns, unix.CLONE_NEWNET); err != nil {
			return err
		}
		b, err := os.ReadFile("/proc/thread-self/net/sockstat")
		sockets = field(b, "sockets: used") != "0"
		count, counted := countConnections()
		connections = count > 0 || !counted
		return err
	})
	return err == nil && !sockets && !connections
}

// trackedConnections is how many connections the kernel remembers of the calling
// thread's network namespace; zero where it does not tell.
func trackedConnections() int {
	n, _ := countConnections()
	return n
}

func countConnections() (n int, counted bool) {
	b, err := os.ReadFile("/proc/sys/net/netfilter/nf_conntrack_count")
	if err != nil {
		return 0, false
	}
	n, err = strconv.Atoi(strings.TrimSpace(string(b)))
	return n, err == nil
}

// loopbackUp turns on the one interface that a new network namespace has.
func loopbackUp() error {
	s, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("namespace: loopback: %w", os.NewSyscallError("socket", err))
	}
	defer unix.Close(s)
	lo, err := unix.NewIfreq("lo")
	if err != nil {
		return fmt.Errorf("namespace: loopback: %w", err)
	}
	lo.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	if err := unix.IoctlIfreq(s, unix.SIOCSIFFLAGS, lo); err != nil {
		return fmt.Errorf("namespace: loopback: %w", os.NewSyscallError("ioctl", err))
	}
	return nil
}

// listenIn opens the Runtime API's listener in a network namespace and returns
// its socket.
func listenIn(ns *os.File) (*os.File, error) {
	var f *os.File
	err := apart(func() error {
		if err := enter(ns, unix.CLONE_NEWNET); err != nil {
			return err
		}
		var lc net.ListenConfig
		lc.SetMultipathTCP(false)
		ln, err := lc.Listen(context.Background(), "tcp4", runtimeAPI)
		if err != nil {
			return fmt.Errorf("namespace: %w", err)
		}
		defer ln.Close()
		f, err = ln.(*net.TCPListener).File()
		if err != nil {
			return fmt.Errorf("namespace: %w", err)
		}
		return nil
	})
	return f, err
}
