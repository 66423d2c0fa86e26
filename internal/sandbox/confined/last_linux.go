package confined

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime"

	"golang.org/x/sys/unix"

	"furl/internal/sandbox/cgroup"
)

// lastVar tells a process of roleLast whom to end.
const lastVar = "FURL_SANDBOX_LAST"

// remains are the processes of a sandbox whose program has ended. Some of them fork
// faster than they can be killed one by one.
type remains struct {
	User   int      `json:",omitempty"`
	Groups []string `json:",omitempty"`
}

// environment starts a process of roleLast; nil when there is no way to end all
// at once.
func (r remains) environment() ([]string, error) {
	if r.User == 0 && len(r.Groups) == 0 {
		return nil, nil
	}
	b, err := json.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("confined: %w", err)
	}
	return []string{roleVar + "=" + roleLast, lastVar + "=" + string(b)}, nil
}

// last ends all processes of a sandbox at once.
func last() error {
	var r remains
	if err := json.Unmarshal([]byte(os.Getenv(lastVar)), &r); err != nil {
		return fmt.Errorf("confined: %s: %w", lastVar, err)
	}
	if len(r.Groups) > 0 {
		return cgroup.Kill(r.Groups)
	}
	if r.User == 0 { // it would be everybody
		return fmt.Errorf("confined: %s names nobody", lastVar)
	}
	runtime.LockOSThread()
	if err := becomeUser(r.User); err != nil {
		return err
	}
	real, effective, saved := unix.Getresuid()
	if real != r.User || effective != r.User || saved != r.User {
		return fmt.Errorf("confined: user %d: still %d", r.User, real)
	}
	// To everybody whom this user may signal: the kernel does it in one go.
	if err := unix.Kill(-1, unix.SIGKILL); err != nil && err != unix.ESRCH {
		return fmt.Errorf("confined: user %d: %w", r.User, err)
	}
	return nil
}
