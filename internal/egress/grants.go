package egress

import (
	"net/netip"
	"sync"
	"time"
)

const (
	// An address that a rule opened by name stays open as long as the answer
	// is valid, within these bounds: programs keep answers longer than they may.
	shortestGrant = 5 * time.Minute
	longestGrant  = 24 * time.Hour
	// maxGrants bounds the addresses that are open to a sandbox by name.
	maxGrants = 1024
)

// grants are the addresses that names opened to a sandbox.
type grants struct {
	mu   sync.Mutex
	open map[grant]time.Time // until when
}

// grant is an address and the ports of the rule that named its name.
type grant struct {
	addr  netip.Addr
	ports ports
}

// add opens a canonical address. When there are too many it closes the one
// that would close next.
func (g *grants) add(a netip.Addr, p ports, ttl time.Duration, now time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.open == nil {
		g.open = map[grant]time.Time{}
	}
	key, until := grant{a, p}, now.Add(min(max(ttl, shortestGrant), longestGrant))
	if old, known := g.open[key]; known {
		if until.After(old) {
			g.open[key] = until
		}
		return
	}
	if len(g.open) >= maxGrants {
		g.evict(now)
	}
	g.open[key] = until
}

// evict makes room: it drops what has expired, or else what will first.
func (g *grants) evict(now time.Time) {
	var next grant
	var when time.Time
	full := len(g.open)
	for key, until := range g.open {
		if !now.Before(until) {
			delete(g.open, key)
			continue
		}
		if when.IsZero() || until.Before(when) {
			next, when = key, until
		}
	}
	if len(g.open) == full {
		delete(g.open, next)
	}
}

// opens says whether a canonical address is open at a port.
func (g *grants) opens(a netip.Addr, port uint16, now time.Time) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	for key, until := range g.open {
		if key.addr == a && key.ports.contains(port) && now.Before(until) {
			return true
		}
	}
	return false
}
