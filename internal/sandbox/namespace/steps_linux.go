package namespace

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A sandbox is completed from within, by a process that still has privileges over
// it and gives them up on the way. What that process does is a list of system calls
// that the server writes down. Two kinds of processes go through it: one of this
// program before it turns into the guard, and one of an interpreter that was forked
// from a zygote, see runtime/python/zygote.py. So there is one truth about what a
// finished sandbox is, and the interpreter's part is a loop.

// syscallStep is one of those system calls. Without Accept any errno but zero ends
// the sandbox.
type syscallStep struct {
	Name   string // for messages
	Number int
	Args   []argument      `json:",omitempty"`
	Accept []syscall.Errno `json:",omitempty"`
}

// argument is a number, or what one of the other fields says.
type argument struct {
	Number int64   `json:"n,omitempty"`
	Text   *string `json:"s,omitempty"` // a pointer to it; a zero ends it
	Bytes  []byte  `json:"b,omitempty"` // a pointer to them
	Filter []byte  `json:"f,omitempty"` // a pointer to a sock_fprog of it
	Result *int    `json:"r,omitempty"` // what the step with this index returned
	User   bool    `json:"u,omitempty"` // the sandbox's user
	Length bool    `json:"l,omitempty"` // with Text: not the pointer but its length
}

// userMark stands in a Text for the number of the sandbox's user. It is the only
// thing in which the sandboxes of a driver differ.
const userMark = "{user}"

// maxArgs is how many arguments a system call has.
const maxArgs = 6

func number[N ~int | ~int64 | ~uint64 | ~uintptr](n N) argument { return argument{Number: int64(n)} }
func cstring(s string) argument                                 { return argument{Text: &s} }

// recipe collects steps.
type recipe struct{ steps []syscallStep }

// add appends a step and returns its index.
func (r *recipe) add(name string, number int, args ...argument) int {
	r.steps = append(r.steps, syscallStep{Name: name, Number: number, Args: args})
	return len(r.steps) - 1
}

// accept lets the last step fail in these ways.
func (r *recipe) accept(errnos ...syscall.Errno) { r.steps[len(r.steps)-1].Accept = errnos }

func (r *recipe) mount(source, target, kind string, flags uintptr, options string) {
	r.add("mount "+target, unix.SYS_MOUNT, cstring(source), cstring(target), cstring(kind), number(flags), cstring(options))
}

// completion is what completes a sandbox, perhaps one without a /proc.
func (d *Driver) completion(noProc bool) ([]syscallStep, error) {
	own := d.users.count > 0
	r := new(recipe)
	r.add("umask", unix.SYS_UMASK, number(0o022))
	r.add("cgroup namespace", unix.SYS_UNSHARE, number(unix.CLONE_NEWCGROUP))
	// The server's session keyring stays behind; a kernel without keys has none.
	r.add("session keyring", unix.SYS_KEYCTL, number(unix.KEYCTL_JOIN_SESSION_KEYRING))
	r.accept(unix.ENOSYS)
	r.add("host name", unix.SYS_SETHOSTNAME, cstring(hostName), number(len(hostName)))
	if noProc {
		r.leaveProc()
	} else if err := r.mountProc(); err != nil {
		return nil, err
	}
	r.mountTemp(d.opts.TempSize, d.opts.TempFiles)
	r.mountRun(own)
	r.limit(own, d.opts.Processes)
	if err := r.surrender(own); err != nil {
		return nil, err
	}
	return r.steps, r.filter(d.filter)
}

// hidden are the entries of /proc that tell about the host.
var hidden = [...]string{
	"/proc/acpi", "/proc/asound", "/proc/bus", "/proc/driver", "/proc/fs", "/proc/interrupts", "/proc/irq",
	"/proc/kcore", "/proc/key-users", "/proc/keys", "/proc/kmsg", "/proc/latency_stats", "/proc/sched_debug",
	"/proc/scsi", "/proc/sysrq-trigger", "/proc/timer_list", "/proc/timer_stats", "/proc/kallsyms", "/proc/modules",
	"/proc/softirqs", "/proc/vmallocinfo", "/proc/pagetypeinfo", "/proc/config.gz", "/proc/partitions", "/proc/diskstats",
}

const (
	inert    = unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC
	readOnly = unix.MS_RDONLY | inert
)

// mountProc replaces the supervisor's /proc by one of the sandbox's own process
// namespace, read-only as a whole.
func (r *recipe) mountProc() error {
	// The kernel mounts one only while another is in sight.
	const aside = tempDir
	r.mount("proc", aside, "proc", readOnly, "hidepid=2")
	r.leaveProc()
	r.mount(aside, "/proc", "", unix.MS_MOVE, "")
	for _, name := range hidden {
		// What is there is the same in every process namespace.
		info, err := os.Lstat(name)
		switch {
		case errors.Is(err, os.ErrNotExist):
			continue
		case err != nil:
			return fmt.Errorf("namespace: %w", err)
		case info.IsDir():
			r.mount("tmpfs", name, "tmpfs", readOnly, "size=4096,nr_inodes=1")
		default:
			// The device is shown read-only and without rights, and so is this.
			r.mount(os.DevNull, name, "", unix.MS_BIND, "")
		}
		r.accept(unix.ENOENT) // gone since we looked
	}
	return nil
}

// leaveProc takes away the supervisor's /proc, which shows more than a sandbox may
// see.
func (r *recipe) leaveProc() {
	r.add("umount /proc", unix.SYS_UMOUNT2, cstring("/proc"), number(unix.MNT_DETACH))
}

func (r *recipe) mountTemp(size int64, files int) {
	r.mount("tmpfs", tempDir, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV,
		fmt.Sprintf("size=%d,nr_inodes=%d,mode=0700,uid=%s,gid=%s", size, files, userMark, userMark))
}

// mountRun makes /run, which names the sandbox's user as AWS's is named.
func (r *recipe) mountRun(own bool) {
	r.mount("tmpfs", "/run", "tmpfs", inert, "size=65536,nr_inodes=16,mode=0755")
	passwd := "sbx_user1051:x:" + userMark + ":" + userMark + "::" + tempDir + ":/sbin/nologin\n"
	if own {
		passwd = "root:x:0:0:root:/:/sbin/nologin\n" + passwd
	}
	r.write("/run/passwd", passwd)
	r.write("/run/group", "sbx_user1051:x:"+userMark+":\n")
	r.add("mount /run", unix.SYS_MOUNT, number(0), cstring("/run"), number(0), number(unix.MS_REMOUNT|unix.MS_BIND|readOnly), number(0))
}

// write makes a small file.
func (r *recipe) write(path, content string) {
	fd := r.add("create "+path, unix.SYS_OPENAT, number(unix.AT_FDCWD), cstring(path),
		number(unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_CLOEXEC), number(0o644))
	r.add("write "+path, unix.SYS_WRITE, argument{Result: &fd}, cstring(content), argument{Text: &content, Length: true})
	r.add("close "+path, unix.SYS_CLOSE, argument{Result: &fd})
}

// limit sets the resource limits that every process of the sandbox inherits.
func (r *recipe) limit(own bool, processes int) {
	if !own {
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
		// The kernel counts these as the server's user's too. The second one, in
		// bytes, is enough for a queue as it is by default.
		{unix.RLIMIT_SIGPENDING, uint64(processes)},
		{unix.RLIMIT_MSGQUEUE, 128 << 10},
	}
	for _, l := range limits {
		both := binary.NativeEndian.AppendUint64(nil, l.value)
		both = binary.NativeEndian.AppendUint64(both, l.value)
		r.add("resource limit "+strconv.Itoa(l.what), unix.SYS_PRLIMIT64,
			number(0), number(l.what), argument{Bytes: both}, number(0))
	}
}

// secureBits, from linux/securebits.h: no privileges by being user 0, by becoming
// it or by keeping capabilities over a change of user; each with its lock.
const secureBits = 1<<0 | 1<<1 | 1<<2 | 1<<3 | 1<<5 | 1<<6 | 1<<7

// surrender gives up every capability of the process for good, and makes it the
// sandbox's user.
func (r *recipe) surrender(own bool) error {
	last, err := lastCapability()
	if err != nil {
		return err
	}
	for c := 0; c <= last; c++ {
		r.add("capability "+strconv.Itoa(c), unix.SYS_PRCTL, number(unix.PR_CAPBSET_DROP), number(c), number(0), number(0), number(0))
	}
	r.add("secure bits", unix.SYS_PRCTL, number(unix.PR_SET_SECUREBITS), number(secureBits), number(0), number(0), number(0))
	if own {
		id := argument{User: true}
		r.add("groups", unix.SYS_SETGROUPS, number(0), number(0))
		r.add("group", unix.SYS_SETRESGID, id, id, id)
		r.add("user", unix.SYS_SETRESUID, id, id, id)
	}
	// Version and the calling process, then no capability of any kind.
	header := binary.NativeEndian.AppendUint32(nil, unix.LINUX_CAPABILITY_VERSION_3)
	r.add("capabilities", unix.SYS_CAPSET, argument{Bytes: append(header, 0, 0, 0, 0)}, argument{Bytes: make([]byte, 24)})
	return nil
}

// lastCapability is the highest number that the kernel knows.
func lastCapability() (int, error) {
	b, err := os.ReadFile("/proc/sys/kernel/cap_last_cap")
	if err != nil {
		return 0, fmt.Errorf("namespace: %w", err)
	}
	n, err := strconv.Atoi(string(bytes.TrimSpace(b)))
	if err != nil || n < unix.CAP_BPF {
		return 0, fmt.Errorf("namespace: the last capability is %q", b)
	}
	return n, nil
}

// filter makes the process and all it starts subject to the system call filter.
func (r *recipe) filter(filter []unix.SockFilter) error {
	if len(filter) == 0 {
		return errors.New("namespace: no system call filter")
	}
	r.add("no_new_privs", unix.SYS_PRCTL, number(unix.PR_SET_NO_NEW_PRIVS), number(1), number(0), number(0), number(0))
	var b []byte
	for _, f := range filter {
		b = binary.NativeEndian.AppendUint16(b, f.Code)
		b = append(b, f.Jt, f.Jf)
		b = binary.NativeEndian.AppendUint32(b, f.K)
	}
	r.add("system call filter", unix.SYS_SECCOMP, number(unix.SECCOMP_SET_MODE_FILTER), number(0), argument{Filter: b})
	return nil
}

// take goes through the steps for a user, on the calling thread.
func take(steps []syscallStep, user int) error {
	results := make([]uintptr, len(steps))
	for i, s := range steps {
		r, err := s.take(user, results[:i])
		if err != nil {
			return err
		}
		results[i] = r
	}
	return nil
}

func (s *syscallStep) take(user int, results []uintptr) (uintptr, error) {
	if len(s.Args) > maxArgs {
		return 0, fmt.Errorf("namespace: %s: too many arguments", s.Name)
	}
	// What the arguments point to stays where it is until the call is done.
	var pin runtime.Pinner
	defer pin.Unpin()
	var args [maxArgs]uintptr
	for i := range s.Args {
		v, err := s.Args[i].value(&pin, user, results)
		if err != nil {
			return 0, fmt.Errorf("namespace: %s: %w", s.Name, err)
		}
		args[i] = v
	}
	// By number: Go's own functions change the users of all threads, by signals
	// that would race with the end of this process.
	r, _, errno := unix.RawSyscall6(uintptr(s.Number), args[0], args[1], args[2], args[3], args[4], args[5])
	if errno == 0 {
		return r, nil
	}
	for _, accepted := range s.Accept {
		if errno == accepted {
			return 0, nil
		}
	}
	return 0, fmt.Errorf("namespace: %s: %w", s.Name, errno)
}

func (a *argument) value(pin *runtime.Pinner, user int, results []uintptr) (uintptr, error) {
	switch {
	case a.Text != nil:
		b, err := unix.ByteSliceFromString(strings.ReplaceAll(*a.Text, userMark, strconv.Itoa(user)))
		if err != nil {
			return 0, err
		}
		if a.Length {
			return uintptr(len(b) - 1), nil
		}
		return pinned(pin, b), nil
	case a.User:
		return uintptr(user), nil
	case len(a.Bytes) > 0:
		return pinned(pin, a.Bytes), nil
	case len(a.Filter) > 0:
		program := &unix.SockFprog{Len: uint16(len(a.Filter) / unix.SizeofSockFilter)}
		pin.Pin(&a.Filter[0])
		program.Filter = (*unix.SockFilter)(unsafe.Pointer(&a.Filter[0]))
		pin.Pin(program)
		return uintptr(unsafe.Pointer(program)), nil
	case a.Result != nil:
		if *a.Result < 0 || *a.Result >= len(results) {
			return 0, errors.New("no such result")
		}
		return results[*a.Result], nil
	}
	return uintptr(a.Number), nil
}

func pinned(pin *runtime.Pinner, b []byte) uintptr {
	pin.Pin(&b[0])
	return uintptr(unsafe.Pointer(&b[0]))
}
