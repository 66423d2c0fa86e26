package sandbox

import (
	"bytes"
	"os"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// markOf is the mark of a process: its hard limit of real time, which no sandbox
// needs, every child inherits and, other than an environment, nobody can take off.
func markOf(pid int) uint64 {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/limits")
	if err != nil {
		return 0
	}
	_, rest, _ := bytes.Cut(b, []byte("\nMax realtime timeout"))
	line, _, _ := bytes.Cut(rest, []byte("\n"))
	f := bytes.Fields(line)
	if len(f) < 2 {
		return 0
	}
	mark, err := strconv.ParseUint(string(f[1]), 10, 64)
	if err != nil { // unlimited
		return 0
	}
	return mark
}

// ownChildren are the direct children of this process.
func ownChildren() []int {
	if found, ok := childrenOf(os.Getpid()); ok {
		return found
	}
	return children()
}

// childrenOf are the direct children of a process, and whether the kernel told.
func childrenOf(pid int) ([]int, bool) {
	tasks := "/proc/" + strconv.Itoa(pid) + "/task/"
	threads, err := os.ReadDir(tasks)
	if err != nil {
		return nil, false
	}
	var found []int
	told := false
	for _, t := range threads {
		b, err := os.ReadFile(tasks + t.Name() + "/children")
		if err != nil {
			continue // the thread has ended, or the kernel does not tell
		}
		told = true
		for word := range bytes.FieldsSeq(b) {
			if pid, err := strconv.Atoi(string(word)); err == nil {
				found = append(found, pid)
			}
		}
	}
	return found, told
}

// descendants are all processes below one.
func descendants(pid int) []int {
	var found []int
	next := []int{pid}
	for len(next) > 0 {
		direct, _ := childrenOf(next[0])
		next = append(next[1:], direct...)
		found = append(found, direct...)
	}
	return found
}

// killMarked ends all processes with these marks, wherever they hang.
func killMarked(marks uint64) {
	proc, err := os.Open("/proc")
	if err != nil {
		return
	}
	defer proc.Close()
	names, _ := proc.Readdirnames(-1)
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if mark := markOf(pid); err == nil && mark>>MarkBits == marks {
			signalMarked(pid, mark, syscall.SIGKILL)
		}
	}
}

// signalMarked signals a process that had a mark, and none that has its id by now.
func signalMarked(pid int, mark uint64, sig syscall.Signal) {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return // it is gone
	}
	defer unix.Close(fd)
	if markOf(pid) == mark {
		unix.PidfdSendSignal(fd, sig, nil, 0)
	}
}

// runLast starts this very program with an environment that tells it what to
// end, and returns its process id, or 0. Its own end is seen as that of any child.
func runLast(env []string) int {
	if len(env) == 0 {
		return 0
	}
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return 0
	}
	defer null.Close()
	pid, err := syscall.ForkExec("/proc/self/exe", []string{"furl-last"}, &syscall.ProcAttr{
		Dir: "/", Env: env, Files: []uintptr{null.Fd(), null.Fd(), 2}, Sys: &syscall.SysProcAttr{Setsid: true},
	})
	if err != nil { // signals are tried on
		return 0
	}
	return pid
}
