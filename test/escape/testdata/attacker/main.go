//go:build linux

// Command attacker tries by raw system calls what a sandbox must refuse: no
// library stands between it and the kernel. It prints a line for each attack: its
// name, and OPEN or closed.
package main

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"unsafe"
)

type attack struct {
	name string
	try  func() syscall.Errno
}

func call(nr uintptr, args ...uintptr) func() syscall.Errno {
	return func() syscall.Errno {
		var a [6]uintptr
		copy(a[:], args)
		_, _, errno := syscall.RawSyscall6(nr, a[0], a[1], a[2], a[3], a[4], a[5])
		return errno
	}
}

// fork makes a process with namespaces. The child has nothing to do.
func fork(flags uintptr) func() syscall.Errno {
	return func() syscall.Errno {
		pid, _, errno := syscall.RawSyscall6(syscall.SYS_CLONE, flags|uintptr(syscall.SIGCHLD), 0, 0, 0, 0, 0)
		if errno == 0 && pid == 0 {
			for {
				syscall.RawSyscall(syscall.SYS_EXIT_GROUP, 0, 0, 0)
			}
		}
		if errno == 0 {
			syscall.Wait4(int(pid), nil, 0, nil)
		}
		return errno
	}
}

func name(s string) uintptr {
	b, _ := syscall.BytePtrFromString(s)
	return uintptr(unsafe.Pointer(b))
}

func attacks() []attack {
	const here = ^uintptr(99) // AT_FDCWD
	all := []attack{
		{"raw_clone_user", fork(syscall.CLONE_NEWUSER)},
		{"raw_clone_mount", fork(syscall.CLONE_NEWNS)},
		{"raw_clone_pid", fork(syscall.CLONE_NEWPID)},
		{"raw_clone_net", fork(syscall.CLONE_NEWNET)},
		{"raw_clone_cgroup", fork(0x02000000)},
		{"raw_chroot", call(syscall.SYS_CHROOT, name("/usr"))},
		{"raw_pivot_root", call(syscall.SYS_PIVOT_ROOT, name("/furl/none"), name("/furl/none"))},
		{"raw_umount", call(syscall.SYS_UMOUNT2, name("/furl/none"), 0)},
		{"raw_move_mount", call(429, 0, name("/furl/none"), 0, name("/furl/none"), 0)},
		{"raw_fsmount", call(432, ^uintptr(0), 0, 0)},
		{"raw_ptrace_traceme", call(syscall.SYS_PTRACE, 0)},
		{"raw_socket_packet", call(syscall.SYS_SOCKET, 17, 3, 0x300)},
		{"raw_socket_vsock", call(syscall.SYS_SOCKET, 40, 1, 0)},
		// The kernel takes the low half of the number for the family.
		{"raw_socket_high_bits", call(syscall.SYS_SOCKET, 1<<32|17, 3, 0x300)},
		{"raw_unknown_call", call(4095)},
		{"raw_lsm_set_self", call(460, ^uintptr(0), 0, 0, 0)},
		{"raw_open_tree_attr", call(467, here, name("/usr"), 1, 0, 0)},
	}
	return append(all, ofThisArchitecture()...)
}

func main() {
	if len(os.Args) == 3 && os.Args[1] == "only" {
		only(os.Args[2])
		return
	}
	// Each on its own: the filter may end who tries.
	for _, a := range attacks() {
		out, err := exec.Command("/proc/self/exe", "only", a.name).Output()
		if err != nil {
			fmt.Println(a.name, "closed", err)
			continue
		}
		fmt.Printf("%s %s", a.name, out)
	}
	if len(os.Args) == 2 && os.Args[1] == "stay" {
		fmt.Println("end")
		select {}
	}
}

func only(name string) {
	runtime.LockOSThread()
	for _, a := range attacks() {
		if a.name != name {
			continue
		}
		switch errno := a.try(); errno {
		case syscall.EPERM, syscall.EACCES, syscall.ENOSYS:
			fmt.Println("closed", errno)
		default: // the kernel went on to look at the arguments
			fmt.Println("OPEN", errno)
		}
	}
}
