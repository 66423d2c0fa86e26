package namespace

import (
	"fmt"
	"os"
)

// roleVar marks a process that this package started; its value says as what.
const roleVar = "FURL_SANDBOX_NAMESPACE"

const (
	roleSupervisor = "supervisor"
	roleBuild      = "build"
	roleGuard      = "guard"
	roleProbe      = "probe"
	roleNothing    = "nothing"
)

// Main is called first in the main of the program that the driver starts again.
// It reports whether the process is one of the driver's own; then it has done
// all its work, and main must return.
func Main() bool {
	role, ok := os.LookupEnv(roleVar)
	if !ok {
		return false
	}
	if err := act(role); err != nil {
		fmt.Fprintln(os.Stderr, "furl:", err)
	}
	return true
}

// act does what a process was started for.
func act(role string) error {
	if err := awaitIDs(); err != nil {
		return err
	}
	switch role {
	case roleSupervisor:
		return supervise()
	case roleBuild:
		return build()
	case roleGuard:
		return guard()
	case roleProbe:
		return probe()
	case roleNothing:
		return nil
	default:
		return fmt.Errorf("namespace: %s=%s is unknown", roleVar, role)
	}
}
