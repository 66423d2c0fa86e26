package namespace

import (
	"context"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"furl/internal/sandbox"
)

// confine puts the sandbox under its limits, as far as it was not born there, and
// lets it complete itself.
func (b *box) confine(r reply) error {
	s := setup{User: b.d.users.user(b.id)}
	var err error
	if !r.Forked {
		if s.Steps, err = b.d.completion(b.link.noProc); err != nil {
			return err
		}
	}
	if g := b.group; g != nil {
		if err := g.Limit(withGuard(sandbox.Limits{Processes: b.d.opts.Processes})); err != nil {
			return err
		}
		switch {
		case !r.Forked:
			err = g.Add(b.pid)
		case !r.Born:
			err = g.AddUnborn(b.pid)
		}
		if err != nil {
			return err
		}
		g.OnOOM(b.outOfMemory)
	}
	return send(b.control, s)
}

// Limit sets limits; see sandbox.Limiter.
func (b *box) Limit(l sandbox.Limits) error {
	var errs []error
	if l.Temp > 0 && l.Temp != b.temp { // it is mostly what it is
		ctx, cancel := context.WithTimeout(context.Background(), callWait)
		defer cancel()
		_, err := b.link.call(ctx, order{Resize: &resizeOrder{ID: b.id, Bytes: l.Temp}})
		if err == nil {
			b.temp = l.Temp
		}
		errs = append(errs, err)
	}
	if b.group != nil {
		errs = append(errs, b.limitGroup(withGuard(l)))
	}
	if l.Memory > 0 && (b.group == nil || !b.group.LimitsMemory()) {
		errs = append(errs, b.limitData(uint64(l.Memory)))
	}
	return errors.Join(errs...)
}

// limitGroup limits the sandbox's cgroup while it is this one's: once it has ended,
// the next one may have it.
func (b *box) limitGroup(l sandbox.Limits) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return nil
	}
	return b.group.Limit(l)
}

// withGuard allows for the process that is not the program's.
func withGuard(l sandbox.Limits) sandbox.Limits {
	if l.Processes > 0 {
		l.Processes++
	}
	return l
}

// limitData limits the memory of each process by itself: there is no cgroup to
// limit all together.
func (b *box) limitData(bytes uint64) error {
	pids := []int{b.pid}
	if program := b.program(); program != 0 {
		pids = append(pids, program)
	}
	for _, pid := range pids {
		if err := unix.Prlimit(pid, unix.RLIMIT_DATA, &unix.Rlimit{Cur: bytes, Max: bytes}, nil); err != nil {
			return fmt.Errorf("namespace: %w", os.NewSyscallError("prlimit", err))
		}
	}
	return nil
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
	case <-b.exited:
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
