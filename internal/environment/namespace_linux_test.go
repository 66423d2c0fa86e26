package environment_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"furl/internal/environment"
	"furl/internal/sandbox"
	"furl/internal/sandbox/namespace"
)

// hostProgram builds the program that the namespace driver starts again: a static
// one, which a test binary with the race detector is not.
var hostProgram = sync.OnceValues(func() (string, error) {
	host := filepath.Join(os.Getenv(dirVar), "host")
	cmd := exec.Command("go", "build", "-o", host, "../sandbox/namespace/testdata/host")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w\n%s", err, out)
	}
	return host, nil
})

// newIsolated is newHouse on the namespace driver. What needs it is skipped where
// there is none, except in CI.
func newIsolated(t testing.TB, change ...func(*environment.Options)) *house {
	t.Helper()
	driver, files, err := isolated(t)
	switch {
	case err == nil:
	case os.Getenv("CI") == "true":
		t.Fatal(err)
	default:
		t.Skip("NOT TESTED on real sandboxes: ", err)
	}
	return openIsolated(t, driver, files, change)
}

// isolated is a namespace driver, and how many files were open before it.
func isolated(t testing.TB) (sandbox.Driver, int, error) {
	t.Helper()
	if os.Getuid() != 0 {
		return nil, 0, errors.New("needs root")
	}
	host, err := hostProgram()
	if err != nil {
		return nil, 0, err
	}
	files := openFiles()
	driver, err := namespace.New(namespace.Options{Command: []string{host}})
	return driver, files, err
}

func openIsolated(t testing.TB, driver sandbox.Driver, files int, change []func(*environment.Options)) *house {
	t.Helper()
	runtimes := publicDir(t)
	change = append([]func(*environment.Options){func(o *environment.Options) { o.Dir = runtimes }}, change...)
	// Cleanups run last first: this one after the house's.
	t.Cleanup(func() {
		if left := descendants(os.Getpid()); len(left) > 0 {
			t.Error("processes left:", left)
		}
	})
	h := openHouse(t, driver, t.TempDir(), files, change)
	h.code = publicDir(t)
	return h
}

// publicDir is a directory where a sandbox's user may look.
func publicDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp(os.Getenv(dirVar), "")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// children are the living processes that a process started.
func children(pid int) []int {
	var found []int
	lists, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, name := range lists {
		text, _ := os.ReadFile(name) // gone meanwhile
		for field := range strings.FieldsSeq(string(text)) {
			child, err := strconv.Atoi(field)
			if err != nil {
				continue
			}
			if stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", child)); err == nil && !strings.Contains(string(stat), ") Z ") {
				found = append(found, child)
			}
		}
	}
	return found
}

// descendants are those, and what they started in turn, nearest first.
func descendants(pid int) []int {
	found := children(pid)
	for _, child := range found[:len(found):len(found)] {
		found = append(found, descendants(child)...)
	}
	return found
}
