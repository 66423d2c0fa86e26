package seccomp

import (
	"fmt"
	"maps"
	"runtime"
	"slices"
	"unsafe"

	"github.com/elastic/go-seccomp-bpf/arch"
	"github.com/moby/profiles/seccomp"
	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// dropped are calls of the list that read or change other processes, tell about
// mounts of the host, or that only kernel exploits have a use for.
var dropped = [...]string{
	"ptrace", "process_vm_readv", "process_vm_writev", "process_mrelease",
	"name_to_handle_at", "fanotify_mark", "listmount", "statmount", "modify_ldt",
	"io_setup", "io_submit", "io_cancel", "io_destroy", "io_getevents", "io_pgetevents",
	"memfd_secret", "uretprobe", "remap_file_pages", "vmsplice",
	"sched_setattr", "clock_adjtime", "adjtimex",
}

// namespaces are the flags of clone that make namespaces.
const namespaces = unix.CLONE_NEWNS | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC | unix.CLONE_NEWUSER |
	unix.CLONE_NEWPID | unix.CLONE_NEWNET | unix.CLONE_NEWCGROUP

// Options say what a sandbox shares with the host. What it does not have of its own
// the filter keeps it from.
type Options struct {
	// IPC: System V's shared memory, semaphores and queues, and POSIX's queues, which
	// the filter then says do not exist.
	IPC bool
	// User: the sandbox runs as a user who has other processes, of which it could
	// change priority, processors and limits, and other files, which it could watch
	// being used. It may then change its own processes only, and watch nothing.
	User bool
	// LocalSockets: it could connect to the sockets in the host's file system as
	// that user. It then has none but connected pairs.
	LocalSockets bool
}

// condition compares the lower half of an argument, which is all of an int. The
// upper half of an argument n is 6+n.
type condition struct {
	arg    uint32
	mask   uint32
	values []uint32
}

// conditional are calls that depend on their arguments: each alternative is a
// list of conditions that must all hold. Raw, packet and hypervisor sockets and
// those of rarely used protocols, whose modules the kernel would load, are refused.
func conditional(o Options) map[string][][]condition {
	const all = 0xffffffff
	self := condition{0, all, []uint32{0}} // instead of a process id
	// The time limit is what a sandbox is known by: see sandbox.Command.Mark.
	limit := condition{1, all, below(unix.RLIMIT_RTTIME)}
	when := map[string][][]condition{
		"setrlimit": {{{0, all, below(unix.RLIMIT_RTTIME)}}},
		// Only to read: without new limits.
		"prlimit64":   {{limit}, {{2, all, []uint32{0}}, {6 + 2, all, []uint32{0}}}},
		"clone":       {{{0, namespaces, []uint32{0}}}},
		"personality": {{{0, all, []uint32{0, 0xffffffff}}}},
	}
	if o.User {
		when["prlimit64"][0] = []condition{limit, self}
		// Of processes or groups, but not of a user.
		when["setpriority"] = [][]condition{{{0, all, []uint32{unix.PRIO_PROCESS, unix.PRIO_PGRP}}, {1, all, []uint32{0}}}}
		when["ioprio_set"] = [][]condition{{{0, all, []uint32{1, 2}}, {1, all, []uint32{0}}}}
		for _, name := range [...]string{"sched_setaffinity", "sched_setscheduler", "sched_setparam"} {
			when[name] = [][]condition{{self}}
		}
	}
	sockets(when, o)
	return when
}

// below are the numbers less than n.
func below(n int) []uint32 {
	var numbers []uint32
	for i := range n {
		numbers = append(numbers, uint32(i))
	}
	return numbers
}

// sockets adds the rules for sockets.
func sockets(when map[string][][]condition, o Options) {
	const all = 0xffffffff
	local := []condition{{0, all, []uint32{unix.AF_UNIX}}}
	internet := []condition{
		{0, all, []uint32{unix.AF_INET, unix.AF_INET6}},
		{1, 0xff, []uint32{unix.SOCK_STREAM, unix.SOCK_DGRAM}},
		{2, all, []uint32{0, unix.IPPROTO_TCP, unix.IPPROTO_UDP}},
	}
	when["socket"] = [][]condition{
		internet,
		// The list of interfaces, which C libraries ask for.
		{{0, all, []uint32{unix.AF_NETLINK}}, {2, all, []uint32{unix.NETLINK_ROUTE}}},
	}
	if o.LocalSockets {
		// One of datagrams could be connected anew, or send elsewhere.
		local = append(local, condition{1, 0xff, []uint32{unix.SOCK_STREAM, unix.SOCK_SEQPACKET}})
	} else {
		when["socket"] = append(when["socket"], local)
	}
	when["socketpair"] = [][]condition{local}
}

// interprocess are the calls of Options.IPC.
var interprocess = [...]string{
	"ipc", "shmget", "shmat", "shmctl", "shmdt", "semget", "semop", "semtimedop", "semtimedop_time64", "semctl",
	"msgget", "msgsnd", "msgrcv", "msgctl", "mq_open", "mq_unlink", "mq_timedsend", "mq_timedreceive", "mq_notify", "mq_getsetattr",
}

// rule is what the filter does with one system call: an answer, or the
// alternatives that allow it.
type rule struct {
	answer uint32
	when   [][]condition
}

func (r rule) equal(o rule) bool { return r.answer == o.answer && r.when == nil && o.when == nil }

const (
	answerAllow = unix.SECCOMP_RET_ALLOW
	answerEPERM = unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM)
	// ENOSYS for clone3, whose flags a filter cannot see: C libraries then use clone.
	answerENOSYS = unix.SECCOMP_RET_ERRNO | uint32(unix.ENOSYS)
)

// rules are the filter's rules by system call number.
func rules(info *arch.Info, o Options) map[int]rule {
	all := make(map[int]rule, len(info.SyscallNumbers))
	for nr := range info.SyscallNumbers {
		all[nr] = rule{answer: answerEPERM}
	}
	for _, s := range seccomp.DefaultProfile().Syscalls {
		if s.Action != specs.ActAllow || len(s.Args) > 0 || !included(s) {
			continue
		}
		for _, name := range s.Names {
			if nr, ok := info.SyscallNames[name]; ok {
				all[nr] = rule{answer: answerAllow}
			}
		}
	}
	set := func(name string, r rule) {
		if nr, ok := info.SyscallNames[name]; ok {
			all[nr] = r
		}
	}
	for _, name := range dropped {
		set(name, rule{answer: answerEPERM})
	}
	for name, when := range conditional(o) {
		set(name, rule{answer: answerEPERM, when: when})
	}
	if o.IPC {
		for _, name := range interprocess {
			set(name, rule{answer: answerENOSYS})
		}
	}
	if o.User {
		set("inotify_add_watch", rule{answer: answerEPERM})
	}
	set("clone3", rule{answer: answerENOSYS})
	return all
}

// included reports whether an entry of the list holds without capabilities here.
func included(s *seccomp.Syscall) bool {
	if s.Excludes != nil && slices.Contains(s.Excludes.Arches, runtime.GOARCH) {
		return false
	}
	in := s.Includes
	return in == nil || len(in.Caps) == 0 && (len(in.Arches) == 0 || slices.Contains(in.Arches, runtime.GOARCH))
}

// Build assembles the filter for this architecture.
func Build(o Options) ([]unix.SockFilter, error) {
	info, err := arch.GetInfo(runtime.GOARCH)
	if err != nil {
		return nil, fmt.Errorf("seccomp: %w", err)
	}
	if len(info.SyscallNumbers) == 0 {
		return nil, fmt.Errorf("seccomp: no table for %s", runtime.GOARCH)
	}
	return assemble(uint32(info.ID), rules(info, o)), nil
}

// Install makes the calling thread and all it starts subject to the system
// call filter, for good. Before that it gives up gaining privileges by executing a
// program, without which the kernel takes filters from root only.
func Install(filter []unix.SockFilter) error {
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("seccomp: no_new_privs: %w", err)
	}
	if len(filter) == 0 {
		return fmt.Errorf("seccomp: the filter is empty")
	}
	prog := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	_, _, errno := unix.RawSyscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, 0, uintptr(unsafe.Pointer(&prog)))
	runtime.KeepAlive(filter)
	if errno != 0 {
		return fmt.Errorf("seccomp: %w", errno)
	}
	return nil
}

// span is a run of system call numbers with the same rule.
type span struct {
	from uint32
	rule rule
}

func spans(all map[int]rule) []span {
	var out []span
	next := 0
	for _, nr := range slices.Sorted(maps.Keys(all)) {
		r := all[nr]
		if nr > next || len(out) == 0 {
			out = appendSpan(out, span{uint32(next), rule{answer: answerENOSYS}})
		}
		out = appendSpan(out, span{uint32(nr), r})
		next = nr + 1
	}
	// Everything above, the x32 variants of the calls among it.
	return appendSpan(out, span{uint32(next), rule{answer: answerENOSYS}})
}

func appendSpan(out []span, s span) []span {
	if n := len(out); n > 0 {
		if out[n-1].from == s.from {
			out = out[:n-1]
		} else if out[n-1].rule.equal(s.rule) {
			return out
		}
	}
	return append(out, s)
}
