//go:build linux

// Command lack runs a program on a machine that lacks something:
//
//	lack WHAT… -- PROGRAM ARG…
//
// It takes away what is named from itself, for good, and becomes the program.
// Nothing of the machine is changed: mounts are private, limits those of a user
// namespace of its own, filters its own.
package main

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// insideVar marks the process that is root of a user namespace of its own.
const insideVar = "LACK_INSIDE"

func main() {
	runtime.LockOSThread() // what is taken away is taken from a thread
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "lack:", err)
		os.Exit(125)
	}
}

func run() error {
	end := slices.Index(os.Args, "--")
	if end < 0 || end+1 >= len(os.Args) {
		return fmt.Errorf("usage: lack WHAT… -- PROGRAM ARG…")
	}
	for _, what := range os.Args[1:end] {
		name, value, _ := strings.Cut(what, "=")
		if err := take(name, value); err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
	}
	program, err := exec.LookPath(os.Args[end+1])
	if err != nil {
		return err
	}
	return syscall.Exec(program, os.Args[end+1:], os.Environ())
}

// take takes one thing away.
func take(name, value string) error {
	switch name {
	case "root": // root=UID: become that user
		id, err := strconv.Atoi(value)
		if err != nil {
			return err
		}
		if err := syscall.Setgroups(nil); err != nil {
			return err
		}
		if err := syscall.Setresgid(id, id, id); err != nil {
			return err
		}
		return syscall.Setresuid(id, id, id)
	case "userns": // the kernel refuses them, as Docker has it do
		return filter(refuseUserNamespaces())
	case "netfilter":
		return filter(refuseNetfilter())
	case "usernsleft": // none are left, in a user namespace of our own
		return inside(func() error { return os.WriteFile("/proc/sys/user/max_user_namespaces", []byte("0"), 0) })
	case "proc": // parts of it are hidden, as in a container
		return mounts(func() error { return unix.Mount("tmpfs", "/proc/acpi", "tmpfs", 0, "") })
	case "cgroups":
		return mounts(readOnlyCgroups)
	case "file": // file=PATH:OTHER: the first has the content of the second
		path, other, _ := strings.Cut(value, ":")
		return mounts(func() error { return unix.Mount(other, path, "", unix.MS_BIND, "") })
	}
	return fmt.Errorf("cannot be taken away")
}

// mounts changes mounts where only this process sees it.
func mounts(change func() error) error {
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		return err
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return err
	}
	return change()
}

func readOnlyCgroups() error {
	table, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(table)) {
		before, after, _ := strings.Cut(line, " - ")
		place := strings.Fields(before)[4]
		if !strings.HasPrefix(after, "cgroup") {
			continue
		}
		if err := unix.Mount("", place, "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY, ""); err != nil {
			return fmt.Errorf("%s: %w", place, err)
		}
	}
	return nil
}

// inside starts this program again as root of a user namespace, does something
// there, and goes on there.
func inside(change func() error) error {
	if os.Getenv(insideVar) != "" {
		return change()
	}
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Env = append(os.Environ(), insideVar+"=1")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	ids := []syscall.SysProcIDMap{{ContainerID: 0, HostID: 0, Size: 1 << 20}}
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWUSER, UidMappings: ids, GidMappings: ids, GidMappingsEnableSetgroups: true}
	err := cmd.Run()
	if exit, ok := err.(*exec.ExitError); ok {
		os.Exit(exit.ExitCode())
	}
	if err != nil {
		return err
	}
	os.Exit(0)
	return nil
}

// Where struct seccomp_data has the number and the low halves of arguments.
const (
	number   = 0
	firstArg = 16
	thirdArg = 32
)

func errno(e syscall.Errno) bpf.Instruction {
	return bpf.RetConstant{Val: unix.SECCOMP_RET_ERRNO | uint32(e)}
}

func allow() bpf.Instruction { return bpf.RetConstant{Val: unix.SECCOMP_RET_ALLOW} }

func refuseUserNamespaces() []bpf.Instruction {
	return []bpf.Instruction{
		bpf.LoadAbsolute{Off: number, Size: 4},
		bpf.JumpIf{Val: unix.SYS_CLONE3, SkipFalse: 1},
		errno(unix.ENOSYS), // its flags cannot be seen
		bpf.JumpIf{Val: unix.SYS_CLONE, SkipTrue: 2},
		bpf.JumpIf{Val: unix.SYS_UNSHARE, SkipTrue: 1},
		allow(),
		bpf.LoadAbsolute{Off: firstArg, Size: 4},
		bpf.JumpIf{Cond: bpf.JumpBitsSet, Val: unix.CLONE_NEWUSER, SkipTrue: 1},
		allow(),
		errno(unix.EPERM),
	}
}

func refuseNetfilter() []bpf.Instruction {
	return []bpf.Instruction{
		bpf.LoadAbsolute{Off: number, Size: 4},
		bpf.JumpIf{Val: unix.SYS_SOCKET, SkipTrue: 1},
		allow(),
		bpf.LoadAbsolute{Off: firstArg, Size: 4},
		bpf.JumpIf{Val: unix.AF_NETLINK, SkipTrue: 1},
		allow(),
		bpf.LoadAbsolute{Off: thirdArg, Size: 4},
		bpf.JumpIf{Val: unix.NETLINK_NETFILTER, SkipTrue: 1},
		allow(),
		errno(unix.EPROTONOSUPPORT),
	}
}

// filter installs a system call filter, which what is executed inherits.
func filter(program []bpf.Instruction) error {
	raw, err := bpf.Assemble(program)
	if err != nil {
		return err
	}
	code := make([]unix.SockFilter, len(raw))
	for i, r := range raw {
		code[i] = unix.SockFilter{Code: r.Op, Jt: r.Jt, Jf: r.Jf, K: r.K}
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	return install(code)
}
