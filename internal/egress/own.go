package egress

import (
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"
)

// ownAge is how old the list of the host's addresses may be.
const ownAge = 5 * time.Second

// ownAddrs are the addresses of the host's interfaces.
type ownAddrs struct {
	list   func() ([]net.Addr, error)
	logger *slog.Logger

	mu   sync.Mutex
	set  map[netip.Addr]bool // replaced, never changed
	read time.Time
}

func newOwnAddrs(list func() ([]net.Addr, error), logger *slog.Logger) (*ownAddrs, error) {
	o := &ownAddrs{list: list, logger: logger}
	addrs, err := list()
	if err != nil {
		return nil, err
	}
	o.set, o.read = addrSet(addrs), time.Now()
	return o, nil
}

// get is the set as of a few seconds ago, in canonical form. While the system
// does not tell, it is what it told last.
func (o *ownAddrs) get() map[netip.Addr]bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if time.Since(o.read) < ownAge {
		return o.set
	}
	o.read = time.Now()
	addrs, err := o.list()
	if err != nil {
		o.logger.Warn("this host's addresses could not be read again; functions are kept from the ones known before", "err", err)
		return o.set
	}
	o.set = addrSet(addrs)
	return o.set
}

func addrSet(addrs []net.Addr) map[netip.Addr]bool {
	set := make(map[netip.Addr]bool, len(addrs))
	for _, a := range addrs {
		if n, ok := a.(*net.IPNet); ok {
			if ip, ok := netip.AddrFromSlice(n.IP); ok {
				set[canonical(ip)] = true
			}
		}
	}
	return set
}
