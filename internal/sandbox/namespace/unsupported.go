//go:build !linux

package namespace

import (
	"context"
	"fmt"

	"furl/internal/sandbox"
)

// Driver does not exist here.
type Driver struct{ sandbox.Driver }

// New returns sandbox.ErrUnsupported.
func New(Options) (*Driver, error) {
	return nil, fmt.Errorf("namespace: only Linux has namespaces: %w", sandbox.ErrUnsupported)
}

// Try returns sandbox.ErrUnsupported.
func (*Driver) Try(context.Context) error { return sandbox.ErrUnsupported }

// Diagnose reports that only Linux has namespaces.
func Diagnose(context.Context, Options) sandbox.Report {
	return sandbox.Report{Driver: "namespace", Features: []sandbox.Feature{{
		Name: "namespaces", Detail: "only Linux has them", Hint: "use the process driver",
	}}}
}

// Main does nothing and reports false: no process is the driver's own.
func Main() bool { return false }
