package furl

import (
	"context"
	"os"

	"furl/internal/doctor"
)

// Examine tries whether a server with these settings would work on this
// machine, and what its functions would run in. It starts none and keeps
// nothing. progress, if any, is told what is tried next.
func Examine(ctx context.Context, c Config, progress func(what string)) doctor.Report {
	c = c.withDefaults()
	_, err := ReadServerInfo(c.DataDir)
	return doctor.Examine(ctx, doctor.Options{
		Isolation: c.isolation(os.TempDir()),
		Listen:    c.Listen,
		Metrics:   c.metricsAddress(),
		DataDir:   c.DataDir,
		Served:    err == nil,
		Runtimes:  c.Runtimes,
		Progress:  progress,
	})
}
