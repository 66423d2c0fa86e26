package cgroup

import (
	"strings"

	"furl/internal/sandbox"
)

// Hint says how a server comes to cgroups that it may write.
const Hint = "let the service own its cgroup: Delegate=yes in the unit, or systemd-run --user --scope -p Delegate=yes"

// Features are what a driver's Report says of its groups: of g, or of the error with
// which there are none. Instead says what limits there are then, and running what
// follows where nothing can be frozen.
func Features(g *Groups, err error, instead, running string) []sandbox.Feature {
	limits := sandbox.Feature{Name: "limits of memory, processes and CPU", OK: g != nil, Optional: true}
	switch {
	case g == nil:
		limits.Detail, limits.Hint = err.Error()+"; "+instead, Hint
	case len(g.Missing()) > 0:
		limits.OK = false
		limits.Detail, limits.Hint = "missing: "+strings.Join(g.Missing(), ", "), Hint
	}
	freeze := sandbox.Feature{Name: "freezing between invocations", OK: g != nil && g.CanFreeze(), Optional: true}
	if !freeze.OK {
		freeze.Detail, freeze.Hint = running, Hint
	}
	return []sandbox.Feature{limits, freeze}
}
