package cgroup

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"furl/internal/sandbox"
)

// Group is the cgroup of one sandbox after the other: a directory in each
// hierarchy. A directory's name is empty where there is none.
type Group struct {
	dirs                 []string
	memory, pids, cpu    string
	memory2, pids2, cpu2 bool   // of version 2
	unified              string // all of version 2
	freezer              string
	freezer2             bool
	oom                  *os.File // counts the times memory ran out, version 1
	onOOM                atomic.Pointer[func()]
	oomBefore            atomic.Int64

	// Limits in force, zero when not known: what is there already is not written again.
	memoryNow int64
	pidsNow   int
}

const (
	period     = 100_000 // microseconds
	unlimited  = int64(1) << 62
	blankShare = 0.05 // cores' worth of weight of a sandbox without code
)

func newGroup(hierarchies []*hierarchy, name string) (*Group, error) {
	g := &Group{}
	for _, h := range hierarchies {
		dir := filepath.Join(h.dir, name)
		if err := os.Mkdir(dir, 0o755); err != nil {
			return nil, errors.Join(fmt.Errorf("cgroup: %w", err), g.remove())
		}
		g.dirs = append(g.dirs, dir)
		if h.unified {
			g.unified = dir
		}
		if err := h.admit(dir); err != nil {
			return nil, errors.Join(err, g.remove())
		}
		if slices.Contains(h.has, "memory") {
			g.memory, g.memory2 = dir, h.unified
		}
		if slices.Contains(h.has, "pids") {
			g.pids, g.pids2 = dir, h.unified
		}
		if slices.Contains(h.has, "cpu") {
			g.cpu, g.cpu2 = dir, h.unified
		}
		// Version 2 can end frozen processes, version 1 cannot.
		if h.unified || slices.Contains(h.has, "freezer") && !g.freezer2 {
			g.freezer, g.freezer2 = dir, h.unified
		}
	}
	if err := g.watch(); err != nil {
		return nil, errors.Join(err, g.remove())
	}
	return g, g.reset()
}

// write sets a figure. Values that the kernel does not offer are an error.
func write(dir, name, value string) error {
	f, err := os.OpenFile(filepath.Join(dir, name), os.O_WRONLY, 0)
	if err != nil {
		return fmt.Errorf("cgroup: %w", err)
	}
	defer f.Close()
	if _, err := f.WriteString(value); err != nil {
		return fmt.Errorf("cgroup: %w", err)
	}
	return nil
}

// Add puts a process, and what it starts from now on, into the group.
func (g *Group) Add(pid int) error {
	for _, dir := range g.dirs {
		if err := write(dir, "cgroup.procs", strconv.Itoa(pid)); err != nil {
			return err
		}
	}
	return nil
}

// Dirs are the group's directories, for Enter and Kill in another process.
func (g *Group) Dirs() []string { return g.dirs }

// Enter puts the calling process into the group with these directories.
func Enter(dirs []string) error {
	for _, dir := range dirs {
		if err := write(dir, "cgroup.procs", "0"); err != nil {
			return err
		}
	}
	return nil
}

// reset makes the group as good as new. Nothing may run in it.
func (g *Group) reset() error {
	g.onOOM.Store(nil)
	errs := []error{g.limitMemory(unlimited), g.quota(0), g.Weight(blankShare)}
	if g.freezer != "" {
		errs = append(errs, g.Thaw())
	}
	errs = append(errs, g.empty())
	kills, err := g.oomKills()
	g.oomBefore.Store(kills)
	return errors.Join(append(errs, err)...)
}

// littleMemory is, in bytes, what a group may be charged with before its next use
// without that one noticing. The kernel charges ahead, in steps of 256 KB.
const littleMemory = 1 << 20

// empty has nothing charged to the group of version 1 any more: what the last sandbox
// read from files is not the next one's to pay for. Those of version 2 cannot. It takes
// the kernel a while, which is saved where there is little.
func (g *Group) empty() error {
	if g.memory == "" || g.memory2 {
		return nil
	}
	b, err := os.ReadFile(filepath.Join(g.memory, "memory.usage_in_bytes"))
	if err != nil {
		return fmt.Errorf("cgroup: %w", err)
	}
	used, err := strconv.ParseInt(string(bytes.TrimSpace(b)), 10, 64)
	if err == nil && used <= littleMemory {
		return nil
	}
	return write(g.memory, "memory.force_empty", "0")
}

// Limit sets what is not zero and can be set here. Temp is not a cgroup's business.
func (g *Group) Limit(l sandbox.Limits) error {
	var errs []error
	if l.Memory > 0 {
		errs = append(errs, g.limitMemory(l.Memory))
	}
	if l.Processes > 0 && g.pids != "" {
		errs = append(errs, g.limitPids(l.Processes))
	}
	if l.CPU > 0 {
		errs = append(errs, g.Weight(l.CPU), g.quota(l.CPU))
	}
	return errors.Join(errs...)
}

func (g *Group) limitPids(n int) error {
	if n == g.pidsNow {
		return nil
	}
	g.pidsNow = 0
	if err := write(g.pids, "pids.max", strconv.Itoa(n)); err != nil {
		return err
	}
	g.pidsNow = n
	return nil
}

func (g *Group) limitMemory(bytes int64) error {
	if g.memory == "" || bytes == g.memoryNow {
		return nil
	}
	more := bytes == unlimited || g.memoryNow != 0 && bytes > g.memoryNow
	g.memoryNow = 0
	if err := g.writeMemory(bytes, more); err != nil {
		return err
	}
	g.memoryNow = bytes
	return nil
}

// writeMemory sets the limit of memory, which may be more than that before.
func (g *Group) writeMemory(bytes int64, more bool) error {
	value := strconv.FormatInt(bytes, 10)
	if !g.memory2 {
		if bytes == unlimited {
			value = "-1"
		}
		return g.limitMemory1(value, more)
	}
	if bytes == unlimited {
		value = "max"
	}
	return errors.Join(write(g.memory, "memory.max", value), write(g.memory, "memory.oom.group", "1"), g.noSwap())
}

func (g *Group) noSwap() error {
	err := write(g.memory, "memory.swap.max", "0")
	if errors.Is(err, os.ErrNotExist) {
		return nil // the kernel does not count swap
	}
	return err
}

// limitMemory1 sets the limit of memory and that of memory with swap, which may
// never be the lower one.
func (g *Group) limitMemory1(value string, more bool) error {
	const plain, swap = "memory.limit_in_bytes", "memory.memsw.limit_in_bytes"
	withSwap := func() error {
		err := write(g.memory, swap, value)
		if errors.Is(err, os.ErrNotExist) {
			return nil
		}
		return err
	}
	if more {
		return errors.Join(withSwap(), write(g.memory, plain, value))
	}
	return errors.Join(write(g.memory, plain, value), withSwap())
}

// Weight is the group's share when there are more who want to run than cores.
func (g *Group) Weight(cores float64) error {
	switch {
	case g.cpu == "":
		return nil
	case g.cpu2:
		return write(g.cpu, "cpu.weight", strconv.Itoa(min(max(int(cores*100), 1), 10000)))
	}
	return write(g.cpu, "cpu.shares", strconv.Itoa(max(int(cores*1024), 2)))
}

// quota is how many cores the group may keep busy; zero for all.
func (g *Group) quota(cores float64) error {
	value, value2 := "-1", "max"
	if cores > 0 {
		value = strconv.Itoa(max(int(cores*period), 1000))
		value2 = value
	}
	switch {
	case g.cpu == "":
		return nil
	case g.cpu2:
		return write(g.cpu, "cpu.max", value2+" "+strconv.Itoa(period))
	}
	return write(g.cpu, "cpu.cfs_quota_us", value)
}

// LimitsMemory reports whether Limits.Memory is enforced.
func (g *Group) LimitsMemory() bool { return g.memory != "" }

// OnOOM names what is called, once or more often, when memory has run out. The
// next sandbox's group calls it no more.
func (g *Group) OnOOM(f func()) { g.onOOM.Store(&f) }

// Freeze stops all processes of the group.
func (g *Group) Freeze() error {
	switch {
	case g.freezer == "":
		return sandbox.ErrUnsupported
	case g.freezer2:
		return write(g.freezer, "cgroup.freeze", "1")
	}
	return write(g.freezer, "freezer.state", "FROZEN")
}

// Thaw lets them run on.
func (g *Group) Thaw() error {
	if g.freezer == "" {
		return sandbox.ErrUnsupported
	}
	return thawDir(g.freezer, g.freezer2)
}

// LetDie thaws a group whose frozen processes would not even end when they are
// killed, which are those of version 1.
func (g *Group) LetDie() error {
	if g.freezer == "" || g.freezer2 {
		return nil
	}
	return g.Thaw()
}

func thawDir(dir string, unified bool) error {
	if unified {
		return write(dir, "cgroup.freeze", "0")
	}
	return write(dir, "freezer.state", "THAWED")
}

// oomKills is how many processes were ended for want of memory.
func (g *Group) oomKills() (int64, error) {
	if g.memory == "" {
		return 0, nil
	}
	name := "memory.oom_control"
	if g.memory2 {
		name = "memory.events"
	}
	b, err := os.ReadFile(filepath.Join(g.memory, name))
	if err != nil {
		return 0, fmt.Errorf("cgroup: %w", err)
	}
	_, rest, ok := bytes.Cut(b, []byte("oom_kill "))
	if !ok {
		return 0, nil // before Linux 4.13
	}
	line, _, _ := bytes.Cut(rest, []byte("\n"))
	n, err := strconv.ParseInt(string(line), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("cgroup: %s: %w", name, err)
	}
	return n, nil
}

// RanOut reports whether memory ran out since the group was reset.
func (g *Group) RanOut() bool {
	n, err := g.oomKills()
	return err == nil && n > g.oomBefore.Load()
}

// watch has version 1 tell when memory runs out. There the kernel ends one process
// of the group; version 2 ends all by itself.
func (g *Group) watch() error {
	if g.memory == "" || g.memory2 {
		return nil
	}
	control, err := os.Open(filepath.Join(g.memory, "memory.oom_control"))
	if err != nil {
		return fmt.Errorf("cgroup: %w", err)
	}
	defer control.Close()
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return fmt.Errorf("cgroup: %w", os.NewSyscallError("eventfd", err))
	}
	g.oom = os.NewFile(uintptr(fd), "memory.oom_control")
	if err := write(g.memory, "cgroup.event_control", fmt.Sprintf("%d %d", fd, control.Fd())); err != nil {
		return err
	}
	go func() {
		var count [8]byte
		for {
			if _, err := g.oom.Read(count[:]); err != nil {
				return // closed
			}
			g.noteOOM()
		}
	}()
	return nil
}

// noteOOM waits a moment for what was announced: that a process is ended, of
// the sandbox that has the group now. It may have been its last user's.
func (g *Group) noteOOM() {
	for range 20 {
		if g.RanOut() {
			if f := g.onOOM.Load(); f != nil {
				(*f)()
			}
			return
		}
		pause()
	}
}

func (g *Group) remove() error {
	if g.oom != nil {
		g.oom.Close()
	}
	var errs []error
	for _, dir := range g.dirs {
		errs = append(errs, remove(dir))
	}
	return errors.Join(errs...)
}
