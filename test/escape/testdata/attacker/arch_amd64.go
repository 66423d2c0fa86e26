package main

import "syscall"

// int80 makes a system call as 32-bit programs do.
func int80(nr uint32) int32

// ofThisArchitecture are the other ways into the kernel that the processor has:
// a filter that knows the numbers of one of them must not be entered by another.
func ofThisArchitecture() []attack {
	const x32 = 0x40000000
	return []attack{
		{"x32_getpid", call(x32 + syscall.SYS_GETPID)},
		{"x32_ptrace", call(x32 + 521)},
		{"int80_getpid", func() syscall.Errno {
			if got := int80(20); got < 0 {
				return syscall.Errno(-got)
			}
			return 0
		}},
	}
}
