package namespace

import (
	"fmt"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// Where the program finds its channel, and a sandbox's first process the server.
const (
	questionsFD = 3
	answersFD   = 4
	controlFD   = 5
)

// build completes a sandbox from within, as its first process and still with
// privileges over it, gives those up and turns into the guard. Only the calling
// thread gives them up; that it then executes a program ends the others.
func build() error {
	runtime.LockOSThread()
	err := unix.CloseRange(controlFD+1, ^uint(0), unix.CLOSE_RANGE_CLOEXEC)
	if err == nil {
		err = become()
	}
	if err != nil {
		if sent := tell(controlFD, news{Error: err.Error()}); sent != nil {
			return err // so say it on the output
		}
	}
	return nil
}

func become() error {
	// The server sends this after it has put the process into its cgroups.
	var s setup
	if err := hear(controlFD, &s); err != nil {
		return err
	}
	if err := take(s.Steps, s.User); err != nil {
		return err
	}
	err := syscall.Exec(guardPath, []string{"furl-guard"}, []string{roleVar + "=" + roleGuard, "GOMAXPROCS=1"})
	return fmt.Errorf("namespace: start %s: %w", guardPath, err)
}
