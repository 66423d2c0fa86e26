package namespace

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// guard is the first process of a finished sandbox. It starts the program when it
// is told to, collects processes that lost their parent, and tells the server how
// the program ended. Its own end, when the program has ended or the server wants it,
// is by the kernel's rule the end of everything in the sandbox. For one that is forked
// with the program see runtime/python/zygote.py; the two do the same.
//
// It has no more rights than the program. The program cannot look into it,
// trace it or end it.
func guard() error {
	err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0)
	if err == nil {
		err = unix.CloseRange(questionsFD, ^uint(0), unix.CLOSE_RANGE_CLOEXEC)
	}
	if err == nil {
		err = ownInput()
	}
	if err != nil {
		return fmt.Errorf("namespace: guard: %w", err)
	}
	// Go's own way with a signal would be to end, and to ignore signals would be
	// inherited by the program.
	signal.Notify(make(chan os.Signal, 1))
	asked := make(chan os.Signal, 1)
	signal.Notify(asked, unix.SIGTERM)

	if err := tell(controlFD, news{Ready: true}); err != nil {
		return err
	}
	var c command
	err = hear(controlFD, &c)
	if errors.Is(err, io.EOF) {
		return nil
	}
	if err != nil || c.Start == nil {
		return errors.Join(err, errors.New("namespace: guard: no program"))
	}
	pid, err := launch(c.Start)
	if err != nil {
		var errno syscall.Errno
		errors.As(err, &errno)
		return tell(controlFD, news{Error: err.Error(), Errno: errno})
	}
	if reaper() != nil {
		return replace(pid)
	}
	if err := tell(controlFD, news{Started: true}); err != nil {
		return err
	}
	ended := make(chan end, 1)
	go func() { ended <- collect(pid) }()
	for {
		select {
		case e := <-ended:
			return tell(controlFD, news{End: &e})
		case <-asked:
			// It fails when the program has ended at this moment.
			syscall.Kill(-pid, syscall.SIGTERM)
		}
	}
}

// ownInput replaces the standard input that the guard was started with, which is open
// for all sandboxes and by way of the host's mounts.
func ownInput() error {
	fd, err := unix.Open(os.DevNull, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return &os.PathError{Op: "open", Path: os.DevNull, Err: err}
	}
	defer unix.Close(fd)
	return os.NewSyscallError("dup3", unix.Dup3(fd, 0, 0))
}

// replace has a smaller program do what is left to do. It inherits the mask of
// signals, in which none is delivered but waits, and looks first for what has ended.
func replace(pid int) error {
	runtime.LockOSThread()
	var all unix.Sigset_t
	for i := range all.Val {
		all.Val[i] = ^all.Val[i]
	}
	err := unix.PthreadSigmask(unix.SIG_BLOCK, &all, nil)
	if err == nil {
		_, err = unix.FcntlInt(controlFD, unix.F_SETFD, 0)
	}
	if err == nil {
		err = syscall.Exec(reaperPath, []string{"furl-guard", strconv.Itoa(pid)}, nil)
	}
	return fmt.Errorf("namespace: guard: %w", err)
}

// launch starts the program and lets go of what is the program's.
func launch(p *program) (int, error) {
	files := []uintptr{0, 1, 2}
	if p.Channel {
		files = append(files, questionsFD, answersFD)
	}
	env := p.Env
	if env == nil {
		env = []string{} // nil would mean ours
	}
	pid, err := syscall.ForkExec(p.Path, append([]string{p.Path}, p.Args...), &syscall.ProcAttr{
		Dir: p.Dir, Env: env, Files: files, Sys: &syscall.SysProcAttr{Setsid: true},
	})
	if err != nil {
		return 0, &os.PathError{Op: "start", Path: p.Path, Err: err}
	}
	// Their ends are to show the program's end.
	for fd := 1; fd <= 2; fd++ {
		if err := unix.Dup3(0, fd, 0); err != nil {
			return 0, fmt.Errorf("namespace: guard: %w", err)
		}
	}
	if p.Channel {
		if err := unix.CloseRange(questionsFD, answersFD, 0); err != nil {
			return 0, fmt.Errorf("namespace: guard: %w", err)
		}
	}
	return pid, nil
}

// collect waits for processes until the program itself has ended.
func collect(program int) end {
	for {
		var ws syscall.WaitStatus
		var ru syscall.Rusage
		pid, err := syscall.Wait4(-1, &ws, 0, &ru)
		switch {
		case err == syscall.EINTR:
		case err != nil: // there is no child, which cannot be
			return end{Status: 0xff << 8}
		case pid == program:
			return end{Status: uint32(ws), MaxRSS: ru.Maxrss << 10, CPU: ru.Utime.Nano() + ru.Stime.Nano()}
		}
	}
}
