package sandbox

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// forkThread runs functions on one operating system thread, which lives until
// the channel is closed. The parent-death signal of a child follows the thread
// that forked it, not the process: from any other thread it would come when the
// Go runtime retires that thread.
func forkThread(work <-chan func()) {
	runtime.LockOSThread()
	for f := range work {
		f()
	}
	runtime.UnlockOSThread()
}

func childAttr() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL}
}

// limit sets the resource limits of a program that has just started. A core
// limit of zero would not keep a crash away from a core_pattern that is a pipe;
// a limit of one byte does.
func limit(pid int) {
	unix.Prlimit(pid, unix.RLIMIT_CORE, &unix.Rlimit{Cur: 1, Max: 1}, nil)
	unix.Prlimit(pid, unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 1024, Max: 1024}, nil)
}

func maxRSS(ru *syscall.Rusage) int64 { return ru.Maxrss << 10 }

// processStats reads the peak memory of one process. The figure of getrusage
// would not do: it starts with that of the process that forked.
func processStats(pid int) (Stats, error) {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		return Stats{}, fmt.Errorf("sandbox: stats: %w", err)
	}
	var s Stats
	if _, rest, ok := bytes.Cut(b, []byte("\nVmHWM:")); ok {
		line, _, _ := bytes.Cut(rest, []byte(" kB"))
		kb, err := strconv.ParseInt(string(bytes.TrimSpace(line)), 10, 64)
		if err == nil {
			s.MaxRSS = kb << 10
		}
	}
	s.CPU = cpuTime(pid)
	return s, nil
}

// cpuTime is the CPU time of a process in user and system mode, zero when
// unknown.
func cpuTime(pid int) time.Duration {
	f := statFields(strconv.Itoa(pid))
	if len(f) < 13 {
		return 0
	}
	user, _ := strconv.ParseInt(string(f[11]), 10, 64)
	system, _ := strconv.ParseInt(string(f[12]), 10, 64)
	return time.Duration(user+system) * (time.Second / 100) // USER_HZ
}

// becomeReaper makes this process the parent of all orphans below it.
func becomeReaper() error {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("sandbox: subreaper: %w", err)
	}
	return nil
}

// children are the direct children of this process.
func children() []int {
	proc, err := os.Open("/proc")
	if err != nil {
		return nil
	}
	defer proc.Close()
	names, _ := proc.Readdirnames(-1)
	self := os.Getpid()
	var found []int
	for _, name := range names {
		if pid, err := strconv.Atoi(name); err == nil && parentOf(name) == self {
			found = append(found, pid)
		}
	}
	return found
}

// sandboxOf is the sandbox below root that a process belongs to by its
// environment, or empty. Its working directory is the value of HOME or TMPDIR.
func sandboxOf(pid int, root string) string {
	env, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/environ")
	if err != nil {
		return ""
	}
	for v := range bytes.SplitSeq(env, []byte{0}) {
		_, value, _ := bytes.Cut(v, []byte("="))
		if filepath.Dir(string(value)) == root {
			return string(value)
		}
	}
	return ""
}

// statFields are the fields of /proc/PID/stat after the command name, which may
// itself hold spaces and parentheses. The first is the state.
func statFields(pid string) [][]byte {
	b, err := os.ReadFile("/proc/" + pid + "/stat")
	if err != nil {
		return nil
	}
	return bytes.Fields(b[bytes.LastIndexByte(b, ')')+1:])
}

func parentOf(pid string) int {
	f := statFields(pid)
	if len(f) < 2 {
		return 0
	}
	parent, _ := strconv.Atoi(string(f[1]))
	return parent
}

// widen has a pipe hold so many bytes, if it is one and may.
func widen(fd uintptr, size int) {
	unix.FcntlInt(fd, unix.F_SETPIPE_SZ, size)
}
