package environment_test

import (
	"context"
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
	var names []string
	for _, i := range installed() {
		if i.Err == nil {
			names = append(names, i.Runtime)
		}
	}
	if len(names) == 0 {
		t.Skip("no Python here")
	}
	return names
}

// anyPython is one of them, the newest.
func anyPython(t testing.TB) string {
	names := pythons(t)
	return names[len(names)-1]
}
