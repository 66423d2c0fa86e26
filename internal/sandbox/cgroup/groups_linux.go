package cgroup

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// controllers are what limits are made of.
var controllers = [...]string{"memory", "pids", "cpu"}

// hierarchy is one cgroup file system and our directory in it.
type hierarchy struct {
	dir     string
	unified bool
	// has are the controllers that work here; "freezer" is one of version 1.
	has []string
	// parent is the user of processes that start others in our groups; see Admit.
	parent int
	// lock keeps other servers from taking our directory for a dead one's.
	lock *os.File
}

// Groups makes, hands out and takes back cgroups. The first process to enter a
// group waits several milliseconds, so that is never done on a request's path.
type Groups struct {
	hierarchies []*hierarchy
	missing     []string // controllers that are not there

	mu   sync.Mutex
	seq  int
	free []*Group
	all  map[*Group]struct{}
}

// Open makes the directories of this server. place is where below each mount
// point; empty for the server's own groups. It is an error when nothing can be
// limited here.
func Open(place string) (*Groups, error) {
	found, err := findHierarchies(place)
	if err != nil {
		return nil, err
	}
	c := &Groups{all: make(map[*Group]struct{})}
	instance := strconv.Itoa(os.Getpid()) + "-" + rand.Text()[:8]
	var refused []error
	for _, h := range found {
		if err := h.begin(instance); err != nil {
			refused = append(refused, err)
			continue
		}
		c.hierarchies = append(c.hierarchies, h)
	}
	for _, name := range controllers {
		if !slices.ContainsFunc(c.hierarchies, func(h *hierarchy) bool { return slices.Contains(h.has, name) }) {
			c.missing = append(c.missing, name)
		}
	}
	if len(c.missing) == len(controllers) {
		err := errors.New("no hierarchy has the controllers memory, pids and cpu")
		if len(refused) > 0 {
			err = refused[0] // the others say the same
		}
		return nil, fmt.Errorf("cgroup: %w", errors.Join(err, c.Close()))
	}
	return c, nil
}

// Missing are the controllers of memory, pids and cpu that are not there.
func (c *Groups) Missing() []string { return c.missing }

// findHierarchies reads which hierarchies are mounted and where this process is in
// them.
func findHierarchies(place string) ([]*hierarchy, error) {
	own, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return nil, fmt.Errorf("cgroup: %w", err)
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil, fmt.Errorf("cgroup: %w", err)
	}
	return parseHierarchies(string(own), string(mounts), place), nil
}

// parseHierarchies puts together the lines of /proc/self/cgroup ("4:memory:/a",
// "0::/a") and of mountinfo.
func parseHierarchies(own, mounts, place string) []*hierarchy {
	paths := make(map[string]string) // by controller, "" for version 2
	for line := range strings.Lines(own) {
		f := strings.SplitN(strings.TrimSuffix(line, "\n"), ":", 3)
		if len(f) != 3 {
			continue
		}
		for name := range strings.SplitSeq(f[1], ",") {
			paths[name] = f[2]
		}
	}
	var found []*hierarchy
	seen := make(map[string]bool)
	for line := range strings.Lines(mounts) {
		before, after, ok := strings.Cut(line, " - ")
		f, kind := strings.Fields(before), strings.Fields(after)
		if !ok || len(f) < 5 || len(kind) < 3 {
			continue
		}
		h := &hierarchy{unified: kind[0] == "cgroup2"}
		path, in := paths[""]
		if kind[0] == "cgroup" {
			for name := range strings.SplitSeq(kind[2], ",") {
				if name == "freezer" || slices.Contains(controllers[:], name) {
					h.has = append(h.has, name)
					path, in = paths[name]
				}
			}
		}
		if !in || !h.unified && len(h.has) == 0 {
			continue
		}
		if place != "" {
			path = place
		} else if rel, err := filepath.Rel(f[3], path); err == nil && !strings.HasPrefix(rel, "..") {
			path = rel // the mount shows a part of the hierarchy
		}
		h.dir = filepath.Join(f[4], path)
		if !seen[h.dir] {
			seen[h.dir] = true
			found = append(found, h)
		}
	}
	return found
}

// begin makes the server's directory in a hierarchy, after it removed those of
// servers that were killed.
func (h *hierarchy) begin(instance string) error {
	parent := h.dir
	if h.unified {
		if filepath.Base(parent) == serverGroup { // another driver of this process made it
			parent = filepath.Dir(parent)
		}
		if err := h.enable(parent); err != nil {
			return err
		}
	}
	ours := filepath.Join(parent, "furl")
	if err := os.MkdirAll(ours, 0o755); err != nil {
		return err
	}
	h.sweep(ours)
	h.dir = filepath.Join(ours, instance)
	if err := os.Mkdir(h.dir, 0o755); err != nil {
		return err
	}
	lock, err := os.Open(h.dir)
	if err != nil {
		return err
	}
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		lock.Close()
		return &os.PathError{Op: "flock", Path: h.dir, Err: err}
	}
	h.lock = lock
	for _, dir := range [...]string{ours, h.dir} {
		if h.unified && len(h.has) > 0 {
			if err := h.delegate(dir); err != nil {
				return err
			}
		}
		if slices.Contains(h.has, "cpu") {
			// All sandboxes together would else have no more of a busy machine than
			// any one process beside them.
			g := &Group{cpu: dir, cpu2: h.unified}
			if err := g.Weight(float64(runtime.NumCPU())); err != nil {
				return err
			}
		}
	}
	return nil
}

// sweep removes what servers left that are gone: whose lock nobody holds.
func (h *hierarchy) sweep(ours string) {
	entries, err := os.ReadDir(ours)
	if err != nil {
		return
	}
	for _, e := range entries {
		if !e.IsDir() {
			continue
		}
		dir := filepath.Join(ours, e.Name())
		lock, err := os.Open(dir)
		if err != nil {
			continue
		}
		if unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil {
			// As far as it goes: a group with processes in it stays.
			groups, err := os.ReadDir(dir)
			for _, g := range groups {
				if name := filepath.Join(dir, g.Name()); err == nil && g.IsDir() {
					thawDir(name, h.unified) // so that what was killed can die
					remove(name)
				}
			}
			os.Remove(dir)
		}
		lock.Close()
	}
}

// Close removes the server's directories. All sandboxes have ended.
func (c *Groups) Close() error {
	c.mu.Lock()
	all := c.all
	c.all, c.free = nil, nil
	c.mu.Unlock()
	var errs []error
	for g := range all {
		errs = append(errs, g.remove())
	}
	for _, h := range c.hierarchies {
		errs = append(errs, remove(h.dir))
		h.lock.Close()
		os.Remove(filepath.Dir(h.dir)) // fails while others use it
	}
	return errors.Join(errs...)
}

// remove deletes a cgroup. Processes that have just ended may keep it for a
// moment longer.
func remove(dir string) error {
	var err error
	for range 200 {
		err = os.Remove(dir)
		if err == nil || errors.Is(err, os.ErrNotExist) {
			return nil
		}
		if !errors.Is(err, unix.EBUSY) {
			break
		}
		pause()
	}
	return fmt.Errorf("cgroup: %w", err)
}

// CanFreeze reports whether a hierarchy here can stop processes.
func (c *Groups) CanFreeze() bool {
	return slices.ContainsFunc(c.hierarchies, func(h *hierarchy) bool {
		return h.unified || slices.Contains(h.has, "freezer")
	})
}

// Take is an empty group without limits, the caller's until Give.
func (c *Groups) Take() (*Group, error) {
	c.mu.Lock()
	if n := len(c.free); n > 0 {
		g := c.free[n-1]
		c.free = c.free[:n-1]
		c.mu.Unlock()
		return g, nil
	}
	c.seq++
	name := strconv.Itoa(c.seq)
	c.mu.Unlock()
	g, err := newGroup(c.hierarchies, name)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.all == nil {
		return nil, errors.Join(errClosedGroups, g.remove())
	}
	c.all[g] = struct{}{}
	return g, nil
}

var errClosedGroups = errors.New("cgroup: closed")

// Give takes a group back whose processes have all ended.
func (c *Groups) Give(g *Group) error {
	if err := g.reset(); err != nil {
		c.mu.Lock()
		delete(c.all, g)
		c.mu.Unlock()
		return errors.Join(err, g.remove())
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.all != nil {
		c.free = append(c.free, g)
	}
	return nil
}
