package confined

import (
	"golang.org/x/sys/unix"

	"furl/internal/sandbox"
)

// slack is what a process may have beyond the memory of its sandbox, where no
// cgroup keeps that: interpreters ask for more than they use. It bounds what is
// taken between two looks.
const slack = 512 << 20

// sharedProcesses is how many sandboxes' worth of processes all sandboxes of one user
// may add to what the user ran when they began: enough for some, and an end to what
// one of them could do to the host before it is ended.
const sharedProcesses = 4

// resources are the resource limits that every process of the sandbox inherits.
func (b *box) resources() []limit {
	limits := []limit{
		// A core limit of zero would not keep a crash away from a core_pattern
		// that is a pipe to a program of the host's; a limit of one byte does.
		{What: unix.RLIMIT_CORE, Value: 1},
		{What: unix.RLIMIT_NOFILE, Value: 1024},
		{What: unix.RLIMIT_MEMLOCK, Value: 64 << 10},
		{What: unix.RLIMIT_RTPRIO},
		{What: unix.RLIMIT_NICE},
		{What: unix.RLIMIT_RTTIME, Value: b.mark, Exact: true}, // see sandbox.Command.Mark
	}
	processes := uint64(b.d.opts.Processes)
	if b.user == 0 { // all that the user runs counts
		processes = sharedProcesses*processes + uint64(b.d.threads.Load())
	}
	limits = append(limits, limit{What: unix.RLIMIT_NPROC, Value: processes})
	b.mu.Lock()
	memory := b.limits.Memory
	b.mu.Unlock()
	if memory > 0 && !b.memoryLimited() { // it was set before there was a program
		limits = append(limits, limit{What: unix.RLIMIT_DATA, Value: uint64(memory) + slack})
	}
	return limits
}

// Limit sets limits; see sandbox.Limiter. What no cgroup limits is watched.
func (b *box) Limit(l sandbox.Limits) error {
	b.mu.Lock()
	if l.Memory > 0 {
		b.limits.Memory = l.Memory
	}
	if l.Temp > 0 {
		b.limits.Temp = l.Temp
	}
	if l.Processes > 0 {
		b.limits.Processes = l.Processes
	}
	b.mu.Unlock()
	if l.Memory > 0 && !b.memoryLimited() {
		b.limitData(uint64(l.Memory) + slack)
	}
	if b.group == nil {
		return nil
	}
	return b.group.Limit(l)
}

// memoryLimited reports whether a cgroup limits the memory.
func (b *box) memoryLimited() bool { return b.group != nil && b.group.LimitsMemory() }

// limitData limits the program by itself, where the server may: root without the
// capability to do so cannot, and then watching alone must do.
func (b *box) limitData(bytes uint64) {
	if p := b.running(); p != nil {
		unix.Prlimit(p.Pid(), unix.RLIMIT_DATA, &unix.Rlimit{Cur: bytes, Max: bytes}, nil)
	}
}

// outOfMemory ends everything at once: a program of which the kernel ended one
// process is of no use to anybody.
func (b *box) outOfMemory() {
	b.oom.Store(true)
	b.kill()
}

// OutOfMemory reports whether the end came for want of memory.
func (b *box) OutOfMemory() bool {
	select {
	case <-b.Exited():
		return b.oom.Load()
	default:
		return false
	}
}

// Freeze stops all processes of the sandbox.
func (b *box) Freeze() error {
	if b.group == nil {
		return sandbox.ErrUnsupported
	}
	return b.group.Freeze()
}

// Thaw lets them run on.
func (b *box) Thaw() error {
	if b.group == nil {
		return sandbox.ErrUnsupported
	}
	return b.group.Thaw()
}
