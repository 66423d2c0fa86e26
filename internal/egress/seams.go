package egress

import (
	"context"
	"net"
	"net/netip"
	"time"
)

// seams are where tests put something else in the place of the host.
type seams struct {
	// dial connects to a destination that was allowed.
	dial func(ctx context.Context, to netip.AddrPort) (*net.TCPConn, error)
	// addrs are the addresses of the host's interfaces.
	addrs func() ([]net.Addr, error)
	// resolvConf and hosts are paths.
	resolvConf, hosts string
	limits            limits
}

// limits bound how long a connection may take.
type limits struct {
	dial  time.Duration // until it stands
	idle  time.Duration // without a byte in either direction
	half  time.Duration // the same once one side has said that it is done
	drain time.Duration // for the rest in one direction after the other failed
	look  time.Duration // between looks at whether it is idle
}

func (s *seams) fill() {
	if s.dial == nil {
		s.dial = dialOutside
	}
	if s.addrs == nil {
		s.addrs = net.InterfaceAddrs
	}
	if s.resolvConf == "" {
		s.resolvConf = "/etc/resolv.conf"
	}
	if s.hosts == "" {
		s.hosts = "/etc/hosts"
	}
	if s.limits == (limits{}) {
		// Both ends answer keepalives, so idle is for connections that nobody
		// remembers, not for peers that are gone.
		s.limits = limits{dial: 30 * time.Second, idle: time.Hour, half: 5 * time.Minute, drain: time.Second, look: 15 * time.Second}
	}
}
