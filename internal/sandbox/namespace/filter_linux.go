package namespace

import (
	"fmt"
	"maps"
	"runtime"
	"slices"

	"github.com/elastic/go-seccomp-bpf/arch"
	"github.com/moby/profiles/seccomp"
	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// The system call filter. What a program may call is the list that Docker gives
// to containers without capabilities, less what follows. Calls that the list does
// not have answer EPERM; calls that are newer than the table of names answer ENOSYS, so
// that libraries fall back. Calls of another architecture end the process.

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

// condition compares the lower half of an argument, which is all of an int.
type condition struct {
	arg    uint32
	mask   uint32
	values []uint32
}

// conditional are calls that depend on their arguments: each alternative is a
// list of conditions that must all hold. Raw, packet and hypervisor sockets and
// those of rarely used protocols, whose modules the kernel would load, are refused.
func conditional() map[string][][]condition {
	const all = 0xffffffff
	internet := []condition{
		{0, all, []uint32{unix.AF_INET, unix.AF_INET6}},
		{1, 0xff, []uint32{unix.SOCK_STREAM, unix.SOCK_DGRAM}},
		{2, all, []uint32{0, unix.IPPROTO_TCP, unix.IPPROTO_UDP}},
	}
	return map[string][][]condition{
		"socket": {
			{{0, all, []uint32{unix.AF_UNIX}}},
			internet,
			// The list of interfaces, which C libraries ask for.
			{{0, all, []uint32{unix.AF_NETLINK}}, {2, all, []uint32{unix.NETLINK_ROUTE}}},
		},
		"socketpair":  {{{0, all, []uint32{unix.AF_UNIX}}}},
		"clone":       {{{0, namespaces, []uint32{0}}}},
		"personality": {{{0, all, []uint32{0, 0xffffffff}}}},
	}
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
func rules(info *arch.Info) map[int]rule {
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
	for name, when := range conditional() {
		set(name, rule{answer: answerEPERM, when: when})
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

// buildFilter assembles the filter.
func buildFilter() ([]unix.SockFilter, error) {
	info, err := arch.GetInfo(runtime.GOARCH)
	if err != nil {
		return nil, fmt.Errorf("namespace: system call filter: %w", err)
	}
	if len(info.SyscallNumbers) == 0 {
		return nil, fmt.Errorf("namespace: system call filter: no table for %s", runtime.GOARCH)
	}
	return assemble(uint32(info.ID), rules(info)), nil
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
