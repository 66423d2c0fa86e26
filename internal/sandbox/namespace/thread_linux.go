package namespace

import (
	"fmt"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// apart runs f on an operating system thread of its own, whose root, working
// directory and namespaces f may change: the thread ends with f. What f starts there
// lives on in those namespaces.
func apart(f func() error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked, so the runtime ends the thread
		if err := unix.Unshare(unix.CLONE_FS); err != nil {
			done <- fmt.Errorf("namespace: %w", os.NewSyscallError("unshare", err))
			return
		}
		done <- f()
	}()
	return <-done
}

// worker is a thread of its own that works through tasks, one at a time. Each task
// begins in the namespaces in which the previous one ended.
type worker struct{ tasks chan func() }

func newWorker() (*worker, error) {
	w := &worker{tasks: make(chan func())}
	ready := make(chan error)
	go func() {
		runtime.LockOSThread()
		err := unix.Unshare(unix.CLONE_FS)
		ready <- os.NewSyscallError("unshare", err)
		if err != nil {
			return
		}
		for f := range w.tasks {
			f()
		}
	}()
	if err := <-ready; err != nil {
		return nil, fmt.Errorf("namespace: %w", err)
	}
	return w, nil
}

func (w *worker) do(f func() error) error {
	done := make(chan error, 1)
	w.tasks <- func() { done <- f() }
	return <-done
}

// enter moves the calling thread into a namespace.
func enter(ns *os.File, kind int) error {
	if err := unix.Setns(int(ns.Fd()), kind); err != nil {
		return fmt.Errorf("namespace: %w", os.NewSyscallError("setns", err))
	}
	return nil
}

// ownNamespace opens one of the calling thread's namespaces.
func ownNamespace(kind string) (*os.File, error) {
	fd, err := unix.Open("/proc/thread-self/ns/"+kind, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("namespace: own %s namespace: %w", kind, err)
	}
	return os.NewFile(uintptr(fd), kind), nil
}
