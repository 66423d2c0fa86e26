package confined

import (
	"bytes"
	"context"
	"os"
	"runtime"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// What no cgroup limits is looked at now and then, and who has taken too much is
// ended.

// watchMemory looks at the processes of sandboxes without cgroups for memory or
// processes.
func (d *Driver) watchMemory(ctx context.Context) {
	tick, recount := time.NewTicker(memoryPeriod), time.NewTicker(threadPeriod)
	defer tick.Stop()
	defer recount.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-recount.C:
			d.countThreads()
			continue
		case <-tick.C:
		}
		watched := slices.DeleteFunc(d.boxes(), func(b *box) bool {
			return b.running() == nil || b.memoryLimited() && !d.lacks("pids")
		})
		if len(watched) == 0 {
			continue
		}
		processes := d.procs.Processes()
		for _, b := range watched {
			b.checkProcesses(processes[b.mark])
		}
	}
}

// lacks reports whether no cgroup has a controller.
func (d *Driver) lacks(controller string) bool {
	return d.groups == nil || slices.Contains(d.groups.Missing(), controller)
}

// checkProcesses ends the sandbox if these processes are too many or too large.
func (b *box) checkProcesses(pids []int) {
	b.mu.Lock()
	limits := b.limits
	b.mu.Unlock()
	if b.user == 0 && b.d.lacks("pids") && len(pids) > limits.Processes {
		if !b.over.Swap(true) {
			b.d.log.Warn("a sandbox has too many processes and is ended", "runtime", b.spec.Name, "processes", len(pids))
			b.d.watches.Go(b.subdue)
		}
		return
	}
	if limits.Memory == 0 || b.memoryLimited() {
		return
	}
	var resident int64
	for _, pid := range pids {
		resident += residentSize(pid)
	}
	if resident <= limits.Memory {
		return
	}
	// What processes share was counted for each.
	var shares int64
	asUser(b.user, func() {
		for _, pid := range pids {
			shares += proportionalSize(pid)
		}
	})
	if shares > limits.Memory {
		b.outOfMemory()
	}
}

// subdue ends a sandbox whose processes multiply. One after the other they would be
// back as fast as they are killed: all are stopped before any is.
func (b *box) subdue() {
	deadline := time.Now().Add(killWait)
	b.signal(unix.SIGSTOP) // its group, in one go
	b.halt(deadline)
	b.kill()
	pause := time.NewTicker(killPause)
	defer pause.Stop()
	for time.Now().Before(deadline) {
		b.d.procs.SignalMarked(b.mark, unix.SIGKILL)
		b.halt(deadline) // who was missed
		select {
		case <-b.Exited():
			return
		case <-pause.C:
		}
	}
}

// halt stops all processes of the sandbox, until no new ones appear.
func (b *box) halt(deadline time.Time) {
	before := []int{}
	for time.Now().Before(deadline) {
		now := b.d.procs.SignalMarked(b.mark, unix.SIGSTOP)
		if slices.Equal(now, before) {
			return
		}
		before = now
	}
}

// countThreads counts what the server's user runs, which is what the kernel compares
// with the limit of processes.
func (d *Driver) countThreads() {
	if d.users != nil {
		return // no sandbox runs as this user
	}
	names, err := os.ReadDir("/proc")
	if err != nil {
		return
	}
	user, n := strconv.Itoa(os.Getuid()), 0
	for _, e := range names {
		if c := e.Name()[0]; c >= '0' && c <= '9' {
			n += threadsOf(e.Name(), user)
		}
	}
	d.threads.Store(int64(n))
}

// threadsOf is how many threads a process has, if it is the user's.
func threadsOf(pid, user string) int {
	b, err := os.ReadFile("/proc/" + pid + "/status")
	if err != nil {
		return 0
	}
	field := func(name string) string {
		_, rest, _ := bytes.Cut(b, []byte("\n"+name+":\t"))
		line, _, _ := bytes.Cut(rest, []byte("\n"))
		word, _, _ := bytes.Cut(line, []byte("\t"))
		return string(word)
	}
	if field("Uid") != user {
		return 0
	}
	n, err := strconv.Atoi(field("Threads"))
	if err != nil {
		return 0
	}
	return n
}

// asUser has f access files as a user would, which root in a container needs:
// without the capability to trace them it may not look into others' processes.
func asUser(user int, f func()) {
	if user == 0 {
		f()
		return
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // for good: the thread ends here
		// They tell who it was, but not whether it worked; then f sees less.
		unix.SetfsgidRetGid(user)
		unix.SetfsuidRetUid(user)
		f()
	}()
	<-done
}

// residentSize is the memory that a process has, in bytes, zero when it is gone.
func residentSize(pid int) int64 {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/statm")
	if err != nil {
		return 0
	}
	f := bytes.Fields(b)
	if len(f) < 2 {
		return 0
	}
	pages, err := strconv.ParseInt(string(f[1]), 10, 64)
	if err != nil {
		return 0
	}
	return pages * int64(os.Getpagesize())
}

// proportionalSize is the same with a fair share of what it shares with others.
// It takes long to find out.
func proportionalSize(pid int) int64 {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/smaps_rollup")
	if err != nil {
		return residentSize(pid)
	}
	_, rest, _ := bytes.Cut(b, []byte("\nPss:"))
	line, _, _ := bytes.Cut(rest, []byte(" kB"))
	kb, err := strconv.ParseInt(string(bytes.TrimSpace(line)), 10, 64)
	if err != nil {
		return residentSize(pid)
	}
	return kb << 10
}

// watchTemp looks at the sandboxes' temporary directories. It spends a tenth of its
// time at most.
func (d *Driver) watchTemp(ctx context.Context) {
	wait := tempPeriod
	for {
		t := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			t.Stop()
			return
		case <-t.C:
		}
		begin := time.Now()
		for _, b := range d.boxes() {
			if b.running() != nil && ctx.Err() == nil {
				b.checkTemp()
			}
		}
		wait = max(tempPeriod, 9*time.Since(begin))
	}
}

// checkTemp ends the sandbox if its temporary directory holds too much.
func (b *box) checkTemp() {
	b.mu.Lock()
	size := b.limits.Temp
	b.mu.Unlock()
	bytes, files := usage(b.Layout().Temp, b.d.opts.TempFiles)
	if bytes > size || files > b.d.opts.TempFiles {
		if !b.over.Swap(true) {
			b.d.log.Warn("a sandbox's temporary directory is full, and the sandbox is ended", "runtime", b.spec.Name, "bytes", bytes, "files", files)
		}
		b.kill()
	}
}
