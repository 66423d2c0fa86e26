package namespace

import (
	"context"
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// quietFor is how long a network namespace rests before its next use: what
	// the last sandbox's connections left in the kernel fades.
	quietFor = time.Second
	// keepNetworks is how many rest at most.
	keepNetworks = 64
)

// networks are network namespaces, used again and again: to make one costs half
// a millisecond and to end one a grace period of the kernel.
type networks struct {
	mu   sync.Mutex
	free []restingNetwork // oldest first
}

type restingNetwork struct {
	ns    *os.File
	since time.Time
}

func (n *networks) take() (*os.File, error) {
	n.mu.Lock()
	if len(n.free) > 0 && time.Since(n.free[0].since) >= quietFor {
		ns := n.free[0].ns
		n.free = n.free[1:]
		n.mu.Unlock()
		return ns, nil
	}
	n.mu.Unlock()
	return newNetwork()
}

func (n *networks) give(ns *os.File) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.free) >= keepNetworks {
		ns.Close()
		return
	}
	n.free = append(n.free, restingNetwork{ns, time.Now()})
}

// newNetwork makes a network namespace that has a loopback interface and
// nothing else.
func newNetwork() (*os.File, error) {
	var ns *os.File
	err := apart(func() error {
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("namespace: network: %w", os.NewSyscallError("unshare", err))
		}
		if err := loopbackUp(); err != nil {
			return err
		}
		var err error
		ns, err = ownNamespace("net")
		return err
	})
	return ns, err
}

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
