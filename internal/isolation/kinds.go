package isolation

import (
	"context"

	"furl/internal/sandbox"
	"furl/internal/sandbox/confined"
	"furl/internal/sandbox/namespace"
)

// kinds are all drivers, strongest first.
func kinds() []kind {
	return []kind{
		{
			name:    Namespace,
			meaning: "functions see neither the host's files, processes and network nor each other",
			open: func(o Options) (sandbox.Driver, error) {
				if len(o.Command) == 0 {
					return nil, errNoCommand
				}
				return namespace.New(namespace.Options{Command: o.Command, Logger: o.Logger})
			},
			diagnose: func(ctx context.Context, o Options) sandbox.Report {
				return namespace.Diagnose(ctx, namespace.Options{Command: o.Command, Logger: o.Logger})
			},
		},
		{
			name:    Confined,
			meaning: "functions cannot read the host's data or each other's, but they share the server's network, and memory without cgroups is only watched",
			open: func(o Options) (sandbox.Driver, error) {
				if len(o.Command) == 0 {
					return nil, errNoCommand
				}
				return confined.New(confined.Options{Command: o.Command, Dir: o.Dir, Logger: o.Logger})
			},
			diagnose: func(ctx context.Context, o Options) sandbox.Report {
				return confined.Diagnose(ctx, confined.Options{Command: o.Command, Dir: o.Dir, Logger: o.Logger})
			},
		},
		{
			name:    Process,
			meaning: "functions run as the user who runs furl, with that user's files and network",
			open: func(o Options) (sandbox.Driver, error) {
				return sandbox.NewProcess(sandbox.ProcessOptions{Dir: o.Dir, Supervisor: o.Command})
			},
		},
	}
}
