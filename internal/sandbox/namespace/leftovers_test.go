//go:build linux

package namespace_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"furl/internal/sandbox"
	"furl/internal/sandbox/namespace"
)

// processes are the living processes whose command line mentions text.
func processes(t testing.TB, text string) map[int]string {
	t.Helper()
	names, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	found := make(map[int]string)
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil || !strings.Contains(string(b), text) {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(name)))
		if err != nil {
			t.Fatal(err)
		}
		found[pid] = string(b)
	}
	return found
}

// cgroupsOf are the cgroups that a server has, or had.
func cgroupsOf(t testing.TB, pid int) []string {
	t.Helper()
	var found []string
	for _, pattern := range []string{"/sys/fs/cgroup/furl/%d-*", "/sys/fs/cgroup/*/furl/%d-*", "/sys/fs/cgroup/*/*/furl/%d-*", "/sys/fs/cgroup/*/*/*/furl/%d-*"} {
		names, err := filepath.Glob(fmt.Sprintf(pattern, pid))
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, names...)
	}
	return found
}

// supervisor is the process id of the one supervisor that this process has.
func supervisor(t testing.TB) int {
	t.Helper()
	var found []int
	for pid := range processes(t, "furl-sandboxes") {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			continue
		}
		// Behind the name: state, parent.
		f := strings.Fields(string(stat)[strings.LastIndexByte(string(stat), ')')+1:])
		if len(f) > 1 && f[1] == strconv.Itoa(os.Getpid()) && f[0] != "Z" {
			found = append(found, pid)
		}
	}
	if len(found) != 1 {
		t.Fatalf("supervisors: %v", found)
	}
	return found[0]
}

func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(15 * time.Second)
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal("not in time: ", what)
		}
	}
}

func count(t testing.TB, dir string) int {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

func TestNothingIsLeft(t *testing.T) { eachKind(t, nothingIsLeft) }

func nothingIsLeft(t *testing.T, d *namespace.Driver, s sandbox.Spec) {
	start := func() {
		e := envOf(t, d, s, sandbox.Limits{Memory: 64 << 20}, "x", "y")
		run(t, e, "import os\nif os.fork() == 0:\n    os.setsid()\n    while True: pass\n")
		e.Retire(0)
	}
	for range 10 { // so that what is prepared ahead has been
		start()
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	files := count(t, "/proc/self/fd")
	groups := 0
	for _, dir := range cgroupsOf(t, os.Getpid()) {
		groups += count(t, dir)
	}
	theirs := fmt.Sprintf("/proc/%d/fd", supervisor(t))
	before := count(t, theirs)
	for range 50 {
		start()
	}
	// What rests in stock, such as network namespaces, is bounded.
	eventually(t, "the supervisor has closed its files", func() bool { return count(t, theirs) <= before+60 })
	// Those of one that is prepared may be there now and not before.
	eventually(t, "the server has closed its files", func() bool { return count(t, "/proc/self/fd") <= files+12 })
	eventually(t, "the mounts are those from before", func() bool {
		after, err := os.ReadFile("/proc/self/mountinfo")
		return err == nil && string(after) == string(mounts)
	})
	// At one time more of them end at once than at another.
	eventually(t, "the cgroups are those from before", func() bool {
		now := 0
		for _, dir := range cgroupsOf(t, os.Getpid()) {
			now += count(t, dir)
		}
		return now <= groups+len(cgroupsOf(t, os.Getpid()))
	})
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	if left := cgroupsOf(t, os.Getpid()); len(left) > 0 {
		t.Errorf("cgroups are left: %v", left)
	}
	if left := processes(t, mark()); len(left) > 0 {
		t.Errorf("processes are left: %v", left)
	}
}

// Whatever becomes of the server, nothing outlives it, not even what is frozen.
func TestServerIsKilled(t *testing.T) {
	newDriver(t).Close() // or skip
	seconds := strconv.Itoa(100_000_000 + os.Getpid())
	cmd := exec.Command(os.Getenv(hostVar), "serve", seconds)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill() })
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "ready\n" {
		t.Fatal(line, err)
	}
	if n := len(processes(t, seconds)); n < 4 {
		t.Fatalf("only %d processes run", n)
	}
	if err := cmd.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	cmd.Wait()
	eventually(t, "all processes end", func() bool { return len(processes(t, seconds)) == 0 })
	if os.Geteuid() == 0 && len(cgroupsOf(t, cmd.Process.Pid)) == 0 {
		t.Fatal("the killed server has no cgroups; nothing is tested")
	}
	newDriver(t) // sweeps
	if left := cgroupsOf(t, cmd.Process.Pid); len(left) > 0 {
		t.Errorf("cgroups are left: %v", left)
	}
}

func TestSupervisorIsKilled(t *testing.T) {
	d := newDriver(t)
	e := env(t, d, sandbox.Limits{})
	if err := syscall.Kill(supervisor(t), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	ended(t, e)
	e.Retire(0)
	e = env(t, d, sandbox.Limits{})
	if got := run(t, e, "result = 'again'"); got != "again" {
		t.Error(got)
	}
}
