//go:build !linux

package confined

import (
	"context"
	"fmt"

	"furl/internal/sandbox"
)

// Driver does not exist here.
type Driver struct{ sandbox.Driver }

// New returns sandbox.ErrUnsupported.
func New(Options) (*Driver, error) {
	return nil, fmt.Errorf("confined: only Linux has Landlock: %w", sandbox.ErrUnsupported)
}

// Try returns sandbox.ErrUnsupported.
func (*Driver) Try(context.Context) error { return sandbox.ErrUnsupported }

// Diagnose reports that only Linux has Landlock.
func Diagnose(context.Context, Options) sandbox.Report {
	return sandbox.Report{Driver: "confined", Features: []sandbox.Feature{{
		Name: "Landlock", Detail: "only Linux has it", Hint: "use the process driver",
	}}}
}

// Main does nothing and reports false: no process is the driver's own.
func Main() bool { return false }
