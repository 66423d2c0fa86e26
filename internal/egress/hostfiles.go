package egress

import (
	"io"
	"io/fs"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	// lookEvery is how long a file of the host is used without a look at
	// whether it changed.
	lookEvery = 3 * time.Second
	// maxHostFile bounds what is read of one; lists of blocked names are long.
	maxHostFile = 16 << 20
)

// watched is what a file of the host says, read again when it changes. A file
// that is not there is empty.
type watched[T any] struct {
	path  string
	parse func(text string) T

	mu     sync.Mutex
	looked time.Time
	file   fs.FileInfo // of what was read; nil: there was none
	value  T
}

func (w *watched[T]) get() T {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.looked.IsZero() && time.Since(w.looked) < lookEvery {
		return w.value
	}
	info, err := os.Stat(w.path)
	if err != nil {
		info = nil
	}
	if w.looked.IsZero() || !sameFile(info, w.file) {
		w.value, w.file = w.parse(readText(w.path)), info
	}
	w.looked = time.Now()
	return w.value
}

// sameFile says whether a file is as it was.
func sameFile(a, b fs.FileInfo) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	return os.SameFile(a, b) && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime())
}

// readText is a file's text, and nothing when it cannot be read.
func readText(path string) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxHostFile))
	if err != nil {
		return ""
	}
	return string(text)
}

// resolvConfig is what /etc/resolv.conf says of name servers (resolv.conf(5)).
type resolvConfig struct {
	servers  []netip.AddrPort
	timeout  time.Duration // for one server
	attempts int           // with all of them
}

// Bounds of the C library, and its defaults.
const (
	maxServers  = 3
	maxTimeout  = 30
	maxAttempts = 5
)

func parseResolvConf(text string) resolvConfig {
	c := resolvConfig{timeout: 5 * time.Second, attempts: 2}
	for line := range strings.Lines(text) {
		if i := strings.IndexAny(line, "#;"); i >= 0 {
			line = line[:i]
		}
		fields := strings.Fields(line)
		if len(fields) < 2 {
			continue
		}
		switch fields[0] {
		case "nameserver":
			if a, err := netip.ParseAddr(fields[1]); err == nil && len(c.servers) < maxServers {
				c.servers = append(c.servers, netip.AddrPortFrom(a, 53))
			}
		case "options":
			for _, option := range fields[1:] {
				c.option(option)
			}
		}
	}
	if c.servers == nil { // as the C library
		c.servers = loopback(53)[:1]
	}
	return c
}

func (c *resolvConfig) option(s string) {
	name, value, _ := strings.Cut(s, ":")
	n, err := strconv.Atoi(value)
	if err != nil || n < 1 {
		return
	}
	switch name {
	case "timeout":
		c.timeout = time.Duration(min(n, maxTimeout)) * time.Second
	case "attempts":
		c.attempts = min(n, maxAttempts)
	}
}

// parseHosts reads /etc/hosts (hosts(5)): the addresses, canonical, of names in
// lower case.
func parseHosts(text string) map[string][]netip.Addr {
	hosts := map[string][]netip.Addr{}
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "#")
		fields := strings.Fields(line)
		if len(fields) < 2 {
			continue
		}
		a, err := netip.ParseAddr(fields[0])
		if err != nil {
			continue
		}
		for _, name := range fields[1:] {
			name = strings.TrimSuffix(lower(name), ".")
			hosts[name] = append(hosts[name], canonical(a))
		}
	}
	return hosts
}
