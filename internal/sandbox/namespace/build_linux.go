package namespace

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Where the program finds its channel, and a sandbox's first process the server.
const (
	questionsFD = 3
	answersFD   = 4
	controlFD   = 5
)

// build completes a sandbox from within, as its first process and still with
// privileges over it, gives those up and turns into the guard. Only the calling
// thread gives them up; that it then executes a program ends the others.
func build() error {
	runtime.LockOSThread()
	err := unix.CloseRange(controlFD+1, ^uint(0), unix.CLOSE_RANGE_CLOEXEC)
	if err == nil {
		err = become()
	}
	if err != nil {
		if sent := tell(controlFD, news{Error: err.Error()}); sent != nil {
			return err // so say it on the output
		}
	}
	return nil
}

func become() error {
	// The server sends this after it has put the process into its cgroups.
	var s setup
	if err := hear(controlFD, &s); err != nil {
		return err
	}
	unix.Umask(0o022)
	if err := unix.Unshare(unix.CLONE_NEWCGROUP); err != nil {
		return fmt.Errorf("namespace: cgroup namespace: %w", err)
	}
	// The server's session keyring stays behind; a kernel without keys has none.
	if _, err := unix.KeyctlInt(unix.KEYCTL_JOIN_SESSION_KEYRING, 0, 0, 0, 0); err != nil && err != unix.ENOSYS {
		return fmt.Errorf("namespace: session keyring: %w", err)
	}
	if err := unix.Sethostname([]byte(hostName)); err != nil {
		return fmt.Errorf("namespace: host name: %w", err)
	}
	if err := mountProc(); err != nil {
		return fmt.Errorf("namespace: /proc: %w", err)
	}
	if err := mountTemp(&s); err != nil {
		return fmt.Errorf("namespace: %s: %w", tempDir, err)
	}
	if err := mountRun(s.User); err != nil {
		return fmt.Errorf("namespace: /run: %w", err)
	}
	if err := limit(&s); err != nil {
		return err
	}
	if err := surrender(s.User); err != nil {
		return err
	}
	if err := installFilter(s.Filter); err != nil {
		return err
	}
	err := syscall.Exec(guardPath, []string{"furl-guard"}, []string{roleVar + "=" + roleGuard, "GOMAXPROCS=1"})
	return fmt.Errorf("namespace: start %s: %w", guardPath, err)
}

// hidden are the entries of /proc that tell about the host.
var hidden = [...]string{
	"/proc/acpi", "/proc/asound", "/proc/bus", "/proc/driver", "/proc/fs", "/proc/interrupts", "/proc/irq",
	"/proc/kcore", "/proc/key-users", "/proc/keys", "/proc/kmsg", "/proc/latency_stats", "/proc/sched_debug",
	"/proc/scsi", "/proc/sysrq-trigger", "/proc/timer_list", "/proc/timer_stats", "/proc/kallsyms", "/proc/modules",
	"/proc/softirqs", "/proc/vmallocinfo", "/proc/pagetypeinfo", "/proc/config.gz", "/proc/partitions", "/proc/diskstats",
}

// mountProc replaces the supervisor's /proc by one of this process namespace,
// read-only as a whole.
func mountProc() error {
	const attributes = shown | unix.MOUNT_ATTR_NOEXEC
	proc, err := newFilesystem("proc", attributes, [2]string{"hidepid", "2"})
	if err != nil {
		return err
	}
	defer proc.Close()
	if err := unix.Unmount("/proc", unix.MNT_DETACH); err != nil {
		return os.NewSyscallError("umount", err)
	}
	if err := attach(proc, "/proc"); err != nil {
		return err
	}
	for _, name := range hidden {
		var st unix.Stat_t
		switch err := unix.Lstat(name, &st); {
		case err == unix.ENOENT:
			continue
		case err != nil:
			return &os.PathError{Op: "stat", Path: name, Err: err}
		}
		if err := hide(name, st.Mode&unix.S_IFMT == unix.S_IFDIR); err != nil {
			return err
		}
	}
	return nil
}

func hide(name string, dir bool) error {
	const attributes = shown | unix.MOUNT_ATTR_NOEXEC
	var cover *os.File
	var err error
	if dir {
		cover, err = newTmpfs(attributes, 4096, 1)
	} else {
		cover, err = openTree("/dev/null", deviceShown, false)
	}
	if err != nil {
		return err
	}
	defer cover.Close()
	return attach(cover, name)
}

func mountTemp(s *setup) error {
	id := fmt.Sprint(s.User)
	tmp, err := newTmpfs(private, s.TempSize, s.TempFiles, [2]string{"mode", "0700"}, [2]string{"uid", id}, [2]string{"gid", id})
	if err != nil {
		return err
	}
	defer tmp.Close()
	return attach(tmp, tempDir)
}

// mountRun makes /run, which names the sandbox's user as AWS's is named.
func mountRun(user int) error {
	run, err := newTmpfs(private, 64<<10, 16, [2]string{"mode", "0755"})
	if err != nil {
		return err
	}
	defer run.Close()
	if err := attach(run, "/run"); err != nil {
		return err
	}
	var b strings.Builder
	if user != 0 {
		b.WriteString("root:x:0:0:root:/:/sbin/nologin\n")
	}
	fmt.Fprintf(&b, "sbx_user1051:x:%d:%d::%s:/sbin/nologin\n", user, user, tempDir)
	if err := os.WriteFile("/run/passwd", []byte(b.String()), 0o644); err != nil {
		return err
	}
	if err := os.WriteFile("/run/group", fmt.Appendf(nil, "sbx_user1051:x:%d:\n", user), 0o644); err != nil {
		return err
	}
	return os.NewSyscallError("mount_setattr", unix.MountSetattr(int(run.Fd()), "", unix.AT_EMPTY_PATH,
		&unix.MountAttr{Attr_set: shown | unix.MOUNT_ATTR_NOEXEC}))
}

// limit sets the resource limits that every process of the sandbox inherits.
func limit(s *setup) error {
	processes := s.Processes
	if s.User == 0 {
		// The count is that of all sandboxes together: enough for some, and an end
		// to what one of them could do to the host.
		processes *= 4
	}
	limits := []struct {
		what  int
		value uint64
	}{
		// A core limit of zero would not keep a crash away from a core_pattern
		// that is a pipe to a program of the host's; a limit of one byte does.
		{unix.RLIMIT_CORE, 1},
		{unix.RLIMIT_NOFILE, 1024},
		{unix.RLIMIT_MEMLOCK, 64 << 10},
		{unix.RLIMIT_RTPRIO, 0},
		{unix.RLIMIT_NICE, 0},
		{unix.RLIMIT_NPROC, uint64(processes)},
	}
	for _, l := range limits {
		if err := syscall.Setrlimit(l.what, &syscall.Rlimit{Cur: l.value, Max: l.value}); err != nil {
			return fmt.Errorf("namespace: resource limit %d: %w", l.what, err)
		}
	}
	return nil
}

// secureBits, from linux/securebits.h: no privileges by being user 0, by becoming
// it or by keeping capabilities over a change of user; each with its lock.
const secureBits = 1<<0 | 1<<1 | 1<<2 | 1<<3 | 1<<5 | 1<<6 | 1<<7

// surrender gives up every capability of the calling thread for good, and makes
// it the given user.
func surrender(user int) error {
	for c := uintptr(0); ; c++ {
		err := unix.Prctl(unix.PR_CAPBSET_DROP, c, 0, 0, 0)
		if err == unix.EINVAL && c > unix.CAP_BPF {
			break // there are no more
		}
		if err != nil {
			return fmt.Errorf("namespace: capability %d: %w", c, err)
		}
	}
	if err := unix.Prctl(unix.PR_SET_SECUREBITS, secureBits, 0, 0, 0); err != nil {
		return fmt.Errorf("namespace: secure bits: %w", err)
	}
	if user != 0 {
		// By number: Go's own functions change all threads, by signals that
		// would race with the end of this process.
		id := uintptr(user)
		for _, call := range [...][4]uintptr{{unix.SYS_SETGROUPS}, {unix.SYS_SETRESGID, id, id, id}, {unix.SYS_SETRESUID, id, id, id}} {
			if _, _, errno := unix.RawSyscall(call[0], call[1], call[2], call[3]); errno != 0 {
				return fmt.Errorf("namespace: user %d: system call %d: %w", user, call[0], errno)
			}
		}
	}
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var none [2]unix.CapUserData
	if err := unix.Capset(&header, &none[0]); err != nil {
		return fmt.Errorf("namespace: capabilities: %w", err)
	}
	return nil
}

// installFilter makes the calling thread and all it starts subject to the system
// call filter.
func installFilter(filter []unix.SockFilter) error {
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("namespace: no_new_privs: %w", err)
	}
	if len(filter) == 0 {
		return fmt.Errorf("namespace: no system call filter")
	}
	prog := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	_, _, errno := unix.RawSyscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, 0, uintptr(unsafe.Pointer(&prog)))
	runtime.KeepAlive(filter)
	if errno != 0 {
		return fmt.Errorf("namespace: system call filter: %w", errno)
	}
	return nil
}
