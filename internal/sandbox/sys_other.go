//go:build !linux

package sandbox

import (
	"syscall"
)

// forkThread runs functions one after the other.
func forkThread(work <-chan func()) {
	for f := range work {
		f()
	}
}

func childAttr() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setsid: true} }

// limit does nothing: only Linux can set the limits of another process.
func limit(int) {}

func maxRSS(ru *syscall.Rusage) int64 { return ru.Maxrss }

func processStats(int) (Stats, error) { return Stats{}, ErrUnsupported }

// becomeReaper does nothing: orphans go to the system's first process.
func becomeReaper() error { return nil }

// children and sandboxOf find orphans, of which there are none here.
func children() []int              { return nil }
func sandboxOf(int, string) string { return "" }

// widen does nothing: elsewhere pipes grow by themselves.
func widen(uintptr, int) {}
