//go:build linux

package seccomp

import (
	"runtime"
	"testing"

	"github.com/elastic/go-seccomp-bpf/arch"
	"golang.org/x/sys/unix"
)

// simulate runs a filter as the kernel does.
func simulate(t *testing.T, filter []unix.SockFilter, auditArch, nr uint32, args ...uint64) uint32 {
	t.Helper()
	words := map[uint32]uint32{dataNumber: nr, dataArch: auditArch}
	for i, a := range args {
		words[dataArgs+8*uint32(i)] = uint32(a)
		words[dataArgs+8*uint32(i)+4] = uint32(a >> 32)
	}
	var acc uint32
	for pc := 0; pc < len(filter); pc++ {
		f := filter[pc]
		var yes bool
		switch f.Code {
		case unix.BPF_LD | unix.BPF_W | unix.BPF_ABS:
			acc = words[f.K]
			continue
		case unix.BPF_ALU | unix.BPF_AND | unix.BPF_K:
			acc &= f.K
			continue
		case unix.BPF_RET | unix.BPF_K:
			return f.K
		case unix.BPF_JMP | unix.BPF_JA:
			pc += int(f.K)
			continue
		case unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K:
			yes = acc == f.K
		case unix.BPF_JMP | unix.BPF_JGE | unix.BPF_K:
			yes = acc >= f.K
		default:
			t.Fatalf("instruction %d has code %#x", pc, f.Code)
		}
		if yes {
			pc += int(f.Jt)
		} else {
			pc += int(f.Jf)
		}
	}
	t.Fatal("the filter has no end")
	return 0
}

func TestFilter(t *testing.T) {
	info, err := arch.GetInfo(runtime.GOARCH)
	if err != nil {
		t.Skip("NOT TESTED: ", err)
	}
	filter, err := Build(Options{})
	if err != nil {
		t.Fatal(err)
	}
	if len(filter) > 1000 {
		t.Errorf("the filter has %d instructions", len(filter))
	}
	all := rules(info, Options{})
	allowed := 0
	for nr, r := range all {
		if r.when != nil {
			continue
		}
		if r.answer == answerAllow {
			allowed++
		}
		if got := simulate(t, filter, uint32(info.ID), uint32(nr)); got != r.answer {
			t.Errorf("%s: filter says %#x, rule %#x", info.SyscallNumbers[nr], got, r.answer)
		}
	}
	if allowed < 250 || allowed > 350 {
		t.Errorf("%d calls are allowed", allowed)
	}
	number := func(name string) uint32 {
		nr, ok := info.SyscallNames[name]
		if !ok {
			t.Fatalf("no system call %s", name)
		}
		return uint32(nr)
	}
	tests := []struct {
		name string
		args []uint64
		want uint32
	}{
		{"read", nil, answerAllow},
		{"execve", nil, answerAllow},
		{"futex", nil, answerAllow},
		{"clone3", nil, answerENOSYS},
		{"unshare", nil, answerEPERM},
		{"mount", nil, answerEPERM},
		{"ptrace", nil, answerEPERM},
		{"io_uring_setup", nil, answerEPERM},
		{"clone", []uint64{unix.CLONE_VM | unix.CLONE_THREAD}, answerAllow},
		{"clone", []uint64{unix.CLONE_NEWUSER}, answerEPERM},
		{"clone", []uint64{unix.CLONE_VM | unix.CLONE_NEWNET}, answerEPERM},
		{"socket", []uint64{unix.AF_UNIX, unix.SOCK_SEQPACKET | unix.SOCK_CLOEXEC, 0}, answerAllow},
		{"socket", []uint64{unix.AF_INET, unix.SOCK_STREAM | unix.SOCK_NONBLOCK, unix.IPPROTO_TCP}, answerAllow},
		{"socket", []uint64{unix.AF_INET6, unix.SOCK_DGRAM, 0}, answerAllow},
		{"socket", []uint64{unix.AF_INET6, unix.SOCK_DGRAM, unix.IPPROTO_UDP}, answerAllow},
		{"socket", []uint64{unix.AF_INET, unix.SOCK_RAW, unix.IPPROTO_ICMP}, answerEPERM},
		{"socket", []uint64{unix.AF_INET, unix.SOCK_RAW, 0}, answerEPERM},
		{"socket", []uint64{unix.AF_INET, unix.SOCK_STREAM, unix.IPPROTO_SCTP}, answerEPERM},
		{"socket", []uint64{unix.AF_INET, unix.SOCK_STREAM, unix.IPPROTO_MPTCP}, answerEPERM},
		{"socket", []uint64{unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_ROUTE}, answerAllow},
		{"socket", []uint64{unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_AUDIT}, answerEPERM},
		{"socket", []uint64{unix.AF_PACKET, unix.SOCK_RAW, 0}, answerEPERM},
		{"socket", []uint64{1<<32 | unix.AF_PACKET, unix.SOCK_RAW, 0}, answerEPERM},
		{"socket", []uint64{unix.AF_ALG, unix.SOCK_SEQPACKET, 0}, answerEPERM},
		{"socketpair", []uint64{unix.AF_UNIX}, answerAllow},
		{"socketpair", []uint64{unix.AF_TIPC}, answerEPERM},
		{"personality", []uint64{0}, answerAllow},
		{"personality", []uint64{0xffffffff}, answerAllow},
		{"personality", []uint64{0x40000}, answerEPERM},
		{"setrlimit", []uint64{unix.RLIMIT_NOFILE}, answerAllow},
		{"setrlimit", []uint64{unix.RLIMIT_RTTIME}, answerEPERM},
		{"prlimit64", []uint64{77, unix.RLIMIT_NOFILE, 0x7000}, answerAllow},
		{"prlimit64", []uint64{0, unix.RLIMIT_RTTIME, 0}, answerAllow},
		{"prlimit64", []uint64{0, unix.RLIMIT_RTTIME, 0x7000}, answerEPERM},
		{"prlimit64", []uint64{0, unix.RLIMIT_RTTIME, 0x7_0000_0000}, answerEPERM},
		{"setpriority", []uint64{unix.PRIO_USER, 0}, answerAllow},
		{"shmget", nil, answerAllow},
	}
	for _, tt := range tests {
		if got := simulate(t, filter, uint32(info.ID), number(tt.name), tt.args...); got != tt.want {
			t.Errorf("%s%v: %#x, want %#x", tt.name, tt.args, got, tt.want)
		}
	}
	if got := simulate(t, filter, uint32(info.ID), 0x40000000|number("read")); got != answerENOSYS {
		t.Errorf("x32: %#x", got)
	}
	if got := simulate(t, filter, uint32(info.ID), 0xffffffff); got != answerENOSYS {
		t.Errorf("no number: %#x", got)
	}
	if got := simulate(t, filter, 0x40000003, number("read")); got != unix.SECCOMP_RET_KILL_PROCESS {
		t.Errorf("another architecture: %#x", got)
	}
}

// What is shared with the host is closed.
func TestShared(t *testing.T) {
	info, err := arch.GetInfo(runtime.GOARCH)
	if err != nil {
		t.Skip("NOT TESTED: ", err)
	}
	filter, err := Build(Options{IPC: true, User: true, LocalSockets: true})
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name string
		args []uint64
		want uint32
	}{
		{"read", nil, answerAllow},
		{"shmget", nil, answerENOSYS},
		{"mq_open", nil, answerENOSYS},
		{"prlimit64", []uint64{0, unix.RLIMIT_NOFILE, 0x7000}, answerAllow},
		{"prlimit64", []uint64{77, unix.RLIMIT_NOFILE, 0x7000}, answerEPERM},
		{"prlimit64", []uint64{77, unix.RLIMIT_NOFILE, 0}, answerAllow},
		{"setpriority", []uint64{unix.PRIO_PROCESS, 0}, answerAllow},
		{"setpriority", []uint64{unix.PRIO_PROCESS, 77}, answerEPERM},
		{"setpriority", []uint64{unix.PRIO_USER, 0}, answerEPERM},
		{"ioprio_set", []uint64{3, 0}, answerEPERM},
		{"sched_setaffinity", []uint64{0}, answerAllow},
		{"sched_setaffinity", []uint64{77}, answerEPERM},
		{"socket", []uint64{unix.AF_UNIX, unix.SOCK_STREAM, 0}, answerEPERM},
		{"socket", []uint64{unix.AF_INET, unix.SOCK_STREAM, 0}, answerAllow},
		{"socketpair", []uint64{unix.AF_UNIX, unix.SOCK_STREAM | unix.SOCK_CLOEXEC}, answerAllow},
		{"socketpair", []uint64{unix.AF_UNIX, unix.SOCK_DGRAM}, answerEPERM},
	}
	for _, tt := range tests {
		if got := simulate(t, filter, uint32(info.ID), uint32(info.SyscallNames[tt.name]), tt.args...); got != tt.want {
			t.Errorf("%s%v: %#x, want %#x", tt.name, tt.args, got, tt.want)
		}
	}
}
