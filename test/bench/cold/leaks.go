package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"furl/test/bench/measure"
)

// inventory counts what a server has of the machine's.
type inventory struct {
	mounts     int // that the server sees
	files      int // of the server
	supervisor int // files of the sandboxes' supervisor
	cgroups    int
	networks   int // network namespaces of its processes, and those that it holds by a file
	processes  int
	kernel     int64 // memory of the whole machine that the kernel cannot give back, in KB
}

// By how much counts may differ although nothing leaks: there may be some more sandboxes, or network namespaces that wait
// for the next one, than there were. Each has several files.
const (
	spare      = 12
	spareFiles = 4 * spare
)

// maxKernel is how much more memory the kernel may use after many cold starts, in KB. A network namespace alone takes
// more than 100.
const maxKernel = 5 << 10

// takeInventory counts what the process has; e is the one engine that it runs.
func takeInventory() (inv inventory, err error) {
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return inv, err
	}
	inv.mounts = strings.Count(string(mounts), "\n")
	if inv.cgroups, err = countCgroups(os.Getpid()); err != nil {
		return inv, err
	}
	tree, err := measure.Tree(os.Getpid())
	if err != nil {
		return inv, err
	}
	inv.processes = len(tree)
	networks := map[string]bool{}
	for _, pid := range tree {
		dir := fmt.Sprint("/proc/", pid)
		if space, err := os.Readlink(dir + "/ns/net"); err == nil {
			networks[space] = true
		}
		files, _ := filepath.Glob(dir + "/fd/*") // none when it has ended
		for _, name := range files {
			if to, err := os.Readlink(name); err == nil && strings.HasPrefix(to, "net:") {
				networks[to] = true
			}
		}
		command, _ := os.ReadFile(dir + "/cmdline")
		switch {
		case pid == os.Getpid():
			inv.files = len(files)
		case strings.Contains(string(command), "furl-sandboxes"):
			inv.supervisor += len(files)
		}
	}
	inv.networks = len(networks)
	inv.kernel, err = meminfo("SUnreclaim:")
	return inv, err
}

// countCgroups counts the cgroups of a server's sandboxes, in all hierarchies.
func countCgroups(pid int) (n int, err error) {
	mark := "/furl/" + strconv.Itoa(pid) + "-"
	err = filepath.WalkDir("/sys/fs/cgroup", func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // removed meanwhile
		}
		if err == nil && d.IsDir() && strings.Contains(path+"/", mark) {
			n++
		}
		return err
	})
	return n, err
}

// growth is what many cold starts left, by name.
type growth struct {
	name  string
	count int64
	most  int64 // that is none
}

func (inv inventory) since(before inventory) []growth {
	return []growth{
		{"mounts", int64(inv.mounts - before.mounts), 0},
		{"files of the server", int64(inv.files - before.files), spareFiles},
		{"files of the supervisor", int64(inv.supervisor - before.supervisor), spareFiles},
		{"cgroups", int64(inv.cgroups - before.cgroups), spare},
		{"network namespaces", int64(inv.networks - before.networks), spare},
		{"processes", int64(inv.processes - before.processes), spare},
		{"KB of kernel memory", inv.kernel - before.kernel, maxKernel},
	}
}

// leaks makes cold starts and returns what they left. What a stock keeps for reuse is there before: as many cold starts,
// up to a hundred, come first. Others use the machine too, and the kernel frees late: a growth counts once it has stayed
// for some seconds.
func leaks(ctx context.Context, e *engine, code string, starts int) ([]growth, error) {
	if err := startMany(ctx, e, code, min(starts, 100)); err != nil {
		return nil, err
	}
	before, err := takeInventory()
	if err != nil {
		return nil, err
	}
	if err := startMany(ctx, e, code, starts); err != nil {
		return nil, err
	}
	for deadline := time.Now().Add(8 * time.Second); ; {
		after, err := takeInventory()
		if err != nil {
			return nil, err
		}
		grown, ok := after.since(before), true
		for _, g := range grown {
			ok = ok && g.count <= g.most
		}
		if ok || time.Now().After(deadline) {
			return grown, nil
		}
		if err := pause(ctx, 200*time.Millisecond); err != nil {
			return nil, err
		}
	}
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func startMany(ctx context.Context, e *engine, code string, n int) error {
	for range n {
		if _, _, err := e.start(ctx, e.function(code, "app.handler")); err != nil {
			return err
		}
		e.retire()
	}
	return e.settle(ctx)
}

func (b *bench) measureLeaks(ctx context.Context) error {
	e, err := b.engine(ctx, b.python, b.o.interpreter, false, nil)
	if err != nil {
		return err
	}
	grown, err := leaks(ctx, e, b.code.Plain, b.o.starts)
	if err != nil {
		return err
	}
	for _, g := range grown {
		most := float64(g.most)
		b.report.add(row{Section: fmt.Sprintf("Left by %d cold starts", b.o.starts), Figure: g.name, Measured: float64(g.count), Must: &most})
	}
	return nil
}
