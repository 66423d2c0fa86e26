// Package furl is AWS Lambda function URLs on one's own machine, as a library:
// a Node serves the AWS-compatible control plane and the function URLs from
// one data directory.
//
//	node, err := furl.New(ctx, furl.Config{DataDir: dir})
//	if err != nil { … }
//	defer node.Close()
//	err = node.Run(ctx) // until ctx ends
//
// The command furl is a thin shell around it. Everything else is internal.
package furl

import (
	"furl/internal/sandbox"
	"furl/internal/sandbox/confined"
	"furl/internal/sandbox/namespace"
)

// Supervise is called first in the main of a program that serves as its own
// Config.Supervisor. It reports whether the process was started as one, or as a
// part of a sandbox: then its work is done, and main must return.
func Supervise() bool { return namespace.Main() || confined.Main() || sandbox.Supervise() }

// SelfSupervisor is the command line that runs this very program as a
// supervisor, for Config.Supervisor.
func SelfSupervisor() ([]string, error) { return sandbox.SelfSupervisor() }
