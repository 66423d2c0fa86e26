package confined

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"

	"furl/internal/sandbox/cgroup"
	"furl/internal/sandbox/seccomp"
)

// setupVar tells the descriptor on which a process of roleEnter finds its setup, and
// on which it says what went wrong.
const setupVar = "FURL_SANDBOX_SETUP"

// setup is what becomes of a process that enters a sandbox.
type setup struct {
	Path      string
	Args, Env []string
	Dir       string
	// User is the id to become; zero to stay who the server is.
	User     int `json:",omitempty"`
	Groups   []string
	Limits   []limit
	Landlock int // version
	Places   []place
	Filter   []byte // the instructions, eight bytes each
}

// limit is a resource limit. Where the limit is lower already, it stays, but for
// an exact one.
type limit struct {
	What  int
	Value uint64
	Exact bool `json:",omitempty"`
}

// refusal is why a sandbox was not entered.
type refusal struct {
	Text  string
	Errno syscall.Errno
}

// enter turns this process into a sandbox's program. What it gives up only the
// calling thread gives up; that it then executes the program ends the others.
func enter() error {
	runtime.LockOSThread()
	parent := os.Getppid()
	fd, err := strconv.Atoi(os.Getenv(setupVar))
	if err != nil {
		return fmt.Errorf("confined: a sandbox is started by the server only: %w", err)
	}
	// The program keeps what is below, and nothing that our parent left open.
	if err := unix.CloseRange(uint(fd), ^uint(0), unix.CLOSE_RANGE_CLOEXEC); err != nil {
		return fmt.Errorf("confined: %w", os.NewSyscallError("close_range", err))
	}
	server := os.NewFile(uintptr(fd), "server")
	b, err := io.ReadAll(server)
	if err != nil {
		return fmt.Errorf("confined: setup: %w", err)
	}
	var s setup
	if err := json.Unmarshal(b, &s); err != nil {
		return fmt.Errorf("confined: setup: %w", err)
	}
	err = s.become(parent)
	r := refusal{Text: err.Error()}
	errors.As(err, &r.Errno)
	if b, err = json.Marshal(r); err == nil {
		_, err = server.Write(b)
	}
	if err != nil {
		return fmt.Errorf("confined: %s", r.Text) // so say it on the output
	}
	return nil
}

// become returns only if it failed.
func (s *setup) become(parent int) error {
	if err := cgroup.Enter(s.Groups); err != nil {
		return err
	}
	unix.Umask(0o022)
	// The server's keys stay behind, where there are any. The filter keeps the
	// program from using keys at all.
	unix.KeyctlInt(unix.KEYCTL_JOIN_SESSION_KEYRING, 0, 0, 0, 0)
	domain, err := newDomain(s.Landlock, s.Places)
	if err != nil {
		return err
	}
	for _, l := range s.Limits {
		if err := l.set(); err != nil {
			return err
		}
	}
	if err := surrender(s.User); err != nil {
		return err
	}
	// To become another user cleared this. The parent may have ended meanwhile.
	if err := unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0); err != nil {
		return fmt.Errorf("confined: parent's death signal: %w", err)
	}
	if os.Getppid() != parent {
		return errors.New("confined: the supervisor is gone")
	}
	if err := unix.Chdir(s.Dir); err != nil {
		return &os.PathError{Op: "chdir", Path: s.Dir, Err: err}
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("confined: no_new_privs: %w", err)
	}
	if err := enterDomain(domain); err != nil {
		return err
	}
	if err := seccomp.Install(unpackFilter(s.Filter)); err != nil {
		return err
	}
	err = syscall.Exec(s.Path, append([]string{s.Path}, s.Args...), s.Env)
	return &os.PathError{Op: "fork/exec", Path: s.Path, Err: err}
}

func (l limit) set() error {
	var now syscall.Rlimit
	err := syscall.Getrlimit(l.What, &now)
	if err == nil {
		value := min(l.Value, now.Max)
		if l.Exact {
			value = l.Value
		}
		err = syscall.Setrlimit(l.What, &syscall.Rlimit{Cur: value, Max: value})
	}
	if err != nil {
		return fmt.Errorf("confined: resource limit %d: %w", l.What, err)
	}
	return nil
}

// secureBits, from linux/securebits.h: no privileges by being user 0, by becoming
// it or by keeping capabilities over a change of user; each with its lock.
const secureBits = 1<<0 | 1<<1 | 1<<2 | 1<<3 | 1<<5 | 1<<6 | 1<<7

// surrender gives up every capability of the calling thread for good, and makes
// it the given user unless that is zero.
func surrender(user int) error {
	if err := dropBounding(user != 0); err != nil {
		return err
	}
	if user != 0 {
		if err := becomeUser(user); err != nil {
			return err
		}
	}
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var none [2]unix.CapUserData
	if err := unix.Capset(&header, &none[0]); err != nil {
		return fmt.Errorf("confined: capabilities: %w", err)
	}
	return nil
}

// dropBounding takes away what a program could gain by executing another. Without
// privileges nothing can be taken, and no_new_privs must do.
func dropBounding(must bool) error {
	for c := uintptr(0); ; c++ {
		err := unix.Prctl(unix.PR_CAPBSET_DROP, c, 0, 0, 0)
		if err == unix.EINVAL && c > unix.CAP_BPF {
			break // there are no more
		}
		if err == unix.EPERM && !must {
			return nil
		}
		if err != nil {
			return fmt.Errorf("confined: capability %d: %w", c, err)
		}
	}
	if err := unix.Prctl(unix.PR_SET_SECUREBITS, secureBits, 0, 0, 0); err != nil && must {
		return fmt.Errorf("confined: secure bits: %w", err)
	}
	return nil
}

// becomeUser changes the calling thread only: Go's own functions change all, by
// signals that would race with the end of this process.
func becomeUser(user int) error {
	id := uintptr(user)
	for _, call := range [...][4]uintptr{{unix.SYS_SETGROUPS}, {unix.SYS_SETRESGID, id, id, id}, {unix.SYS_SETRESUID, id, id, id}} {
		if _, _, errno := unix.RawSyscall(call[0], call[1], call[2], call[3]); errno != 0 {
			return fmt.Errorf("confined: user %d: system call %d: %w", user, call[0], errno)
		}
	}
	return nil
}

func packFilter(filter []unix.SockFilter) []byte {
	b := make([]byte, 0, 8*len(filter))
	for _, f := range filter {
		b = binary.LittleEndian.AppendUint16(b, f.Code)
		b = append(b, f.Jt, f.Jf)
		b = binary.LittleEndian.AppendUint32(b, f.K)
	}
	return b
}

func unpackFilter(b []byte) []unix.SockFilter {
	var filter []unix.SockFilter
	for ; len(b) >= 8; b = b[8:] {
		filter = append(filter, unix.SockFilter{
			Code: binary.LittleEndian.Uint16(b), Jt: b[2], Jf: b[3], K: binary.LittleEndian.Uint32(b[4:]),
		})
	}
	return filter
}
