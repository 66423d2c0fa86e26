package confined

import (
	"fmt"
	"os"
)

// roleVar marks a process that this package started; its value says as what.
const roleVar = "FURL_SANDBOX_CONFINED"

const (
	roleEnter   = "enter"
	roleLast    = "last"
	roleProbe   = "probe"
	roleNothing = "nothing"
)

// Main is called first in the main of the program that the driver starts again.
// It reports whether the process is one of the driver's own; then it has done
// all its work, and main must return.
func Main() bool {
	role, ok := os.LookupEnv(roleVar)
	if !ok {
		return false
	}
	var err error
	switch role {
	case roleEnter:
		err = enter()
	case roleLast:
		err = last()
	case roleProbe:
		err = probe()
	case roleNothing:
	default:
		err = fmt.Errorf("confined: %s=%s is unknown", roleVar, role)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "furl:", err)
	}
	return true
}
