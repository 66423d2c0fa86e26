package namespace

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"furl/internal/sandbox"
)

// pollable makes a pidfd wait in Go's poller rather than in a thread.
func pollable(f *os.File) (*os.File, error) {
	defer f.Close()
	fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 5)
	if err == nil {
		err = unix.SetNonblock(fd, true)
	}
	if err != nil {
		return nil, fmt.Errorf("namespace: pidfd: %w", err)
	}
	return os.NewFile(uintptr(fd), "pidfd"), nil
}

// awaitEnd returns when the process has ended and, as it was the first one of its
// process namespace, everything in that.
func awaitEnd(pidfd *os.File) error {
	raw, err := pidfd.SyscallConn()
	if err == nil {
		err = raw.Read(func(fd uintptr) bool {
			fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
			n, err := unix.Poll(fds, 0)
			return err == nil && n > 0
		})
	}
	if err != nil {
		return fmt.Errorf("namespace: pidfd: %w", err)
	}
	return nil
}

// pidOf is the process id behind a pidfd, as this process counts.
func pidOf(pidfd *os.File) (int, error) {
	b, err := os.ReadFile("/proc/self/fdinfo/" + strconv.Itoa(int(pidfd.Fd())))
	if err != nil {
		return 0, fmt.Errorf("namespace: pidfd: %w", err)
	}
	pid, err := strconv.Atoi(field(b, "\nPid:"))
	if err != nil || pid <= 0 {
		return 0, fmt.Errorf("namespace: pidfd: the process has ended")
	}
	return pid, nil
}

// field is the word behind a name in one of the kernel's lists.
func field(b []byte, name string) string {
	_, rest, _ := bytes.Cut(b, []byte(name))
	line, _, _ := bytes.Cut(rest, []byte("\n"))
	words := bytes.Fields(line)
	if len(words) == 0 {
		return ""
	}
	return string(words[0])
}

// Stats measures the program: the first process's first child. Before that runs,
// and after it has ended, the figures are zero.
func (b *box) Stats() (sandbox.Stats, error) {
	var s sandbox.Stats
	program := b.program()
	if program == 0 {
		return s, nil
	}
	var room [4 << 10]byte
	status, err := readOnce("/proc/"+strconv.Itoa(program)+"/status", room[:])
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ESRCH) {
		return s, nil
	}
	if err != nil {
		return s, fmt.Errorf("namespace: stats: %w", err)
	}
	if kb, err := strconv.ParseInt(field(status, "\nVmHWM:"), 10, 64); err == nil {
		s.MaxRSS = kb << 10
	}
	var used unix.Timespec
	if unix.ClockGettime(int32(^program<<3|2), &used) == nil { // the clock of that process's time, see clock_getcpuclockid
		s.CPU = time.Duration(used.Nano())
	}
	return s, nil
}

// readOnce reads a small file of /proc in one piece: an answer waits for it, and
// package os would have the poller look at it first.
func readOnce(path string, room []byte) ([]byte, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	defer unix.Close(fd)
	for {
		n, err := unix.Read(fd, room)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return nil, &os.PathError{Op: "read", Path: path, Err: err}
		}
		return room[:n], nil
	}
}

// program is the program's process id on the host, or zero. To find it takes longer
// than to measure it, so it is remembered: it stays the same for as long as the sandbox.
func (b *box) program() int {
	if known := b.found.Load(); known != 0 {
		return int(known)
	}
	pid := b.findProgram()
	b.found.Store(int64(pid))
	return pid
}

func (b *box) findProgram() int {
	tasks := "/proc/" + strconv.Itoa(b.pid) + "/task/"
	threads, err := os.ReadDir(tasks)
	if err != nil {
		return 0
	}
	best := 0
	for _, t := range threads {
		children, err := os.ReadFile(tasks + t.Name() + "/children")
		if err != nil {
			continue // the thread has ended, or the kernel does not tell
		}
		for word := range bytes.FieldsSeq(children) {
			if pid, err := strconv.Atoi(string(word)); err == nil && (best == 0 || pid < best) {
				best = pid
			}
		}
	}
	return best
}
