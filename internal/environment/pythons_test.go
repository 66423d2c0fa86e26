package environment_test

import (
	"context"
	"os"
	"strings"
	"sync"
	"testing"

	"furl/internal/environment"
)

// installed is found once: it runs every interpreter there is.
var installed = sync.OnceValue(func() []environment.Interpreter {
	return environment.NewInterpreters(nil).List(context.Background())
})

// pythons are the runtimes that this machine has interpreters for.
func pythons(t testing.TB) []string {
	t.Helper()
	names := have("python")
	if len(names) == 0 {
		t.Skip("NOTHING OF THE PYTHON RUNTIME IS TESTED: no Python here")
	}
	return names
}

// have are the runtimes of a family that this machine has interpreters for.
func have(family string) []string {
	var names []string
	for _, i := range installed() {
		if i.Err == nil && strings.HasPrefix(i.Runtime, family) {
			names = append(names, i.Runtime)
		}
	}
	return names
}

// nodes are the Node.js runtimes that this machine has interpreters for. In CI
// there must be one: what CI skips, nobody runs.
func nodes(t testing.TB) []string {
	t.Helper()
	names := have("nodejs")
	switch {
	case len(names) > 0:
	case os.Getenv("CI") == "true":
		t.Fatal("no Node.js here")
	default:
		t.Skip("NOTHING OF THE NODE.JS RUNTIME IS TESTED: no Node.js here")
	}
	return names
}

// anyNode is one of them, the newest.
func anyNode(t testing.TB) string {
	names := nodes(t)
	return names[len(names)-1]
}

// anyPython is one of them, the newest.
func anyPython(t testing.TB) string {
	names := pythons(t)
	return names[len(names)-1]
}
