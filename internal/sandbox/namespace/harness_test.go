//go:build linux

package namespace_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"furl/internal/sandbox"
	"furl/internal/sandbox/namespace"
)

// hostVar names the program that drivers under test start again: a static one,
// which a test binary with the race detector is not.
const hostVar = "FURL_TEST_HOST"

func TestMain(m *testing.M) {
	if os.Getenv(hostVar) != "" { // a test of this package started us as another user
		os.Exit(m.Run())
	}
	dir, err := os.MkdirTemp("", "furl-namespace-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := 1
	if err := buildHost(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
	} else {
		code = m.Run()
	}
	os.RemoveAll(dir)
	os.Exit(code)
}

func buildHost(dir string) error {
	if err := os.Chmod(dir, 0o755); err != nil {
		return err
	}
	os.Setenv(hostVar, filepath.Join(dir, "host"))
	cmd := exec.Command("go", "build", "-o", os.Getenv(hostVar), "./testdata/host")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	return buildProgram(filepath.Join(dir, "program"))
}

// buildProgram puts the program beside what makes a zygote of it.
func buildProgram(dir string) error {
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	for name, source := range map[string]string{
		"program.py":      "testdata/program/program.py",
		"_furl_zygote.py": "../../environment/runtime/python/zygote.py",
	} {
		b, err := os.ReadFile(source)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// needed skips a test where the driver cannot work, except in CI, where it must.
func needed(t testing.TB, err error) {
	t.Helper()
	switch {
	case err == nil:
	case os.Getenv("CI") == "true":
		t.Fatal(err)
	default:
		t.Skip("SKIPPED, sandboxes are not tested here: ", err)
	}
}

func newDriver(t testing.TB, change ...func(*namespace.Options)) *namespace.Driver {
	t.Helper()
	opts := namespace.Options{Command: []string{os.Getenv(hostVar)}}
	for _, c := range change {
		c(&opts)
	}
	d, err := namespace.New(opts)
	needed(t, err)
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error("close:", err)
		}
	})
	return d
}

// python is the system's interpreter, and not a shim of some version manager.
func python(t testing.TB) string {
	t.Helper()
	const path = "/usr/bin/python3"
	if _, err := os.Stat(path); err != nil {
		needed(t, err)
	}
	return path
}

func spec(t testing.TB) sandbox.Spec {
	t.Helper()
	dir := filepath.Join(filepath.Dir(os.Getenv(hostVar)), "program")
	return sandbox.Spec{Name: "program", Path: python(t), Env: []string{"LANG=C.UTF-8"},
		Args: []string{"-I", "-c", "import sys; sys.path.insert(0, sys.argv[1]); import program; program.run()", dir, mark()}}
}

// forked is the same program, made by fork. It waits for the zygote: before that is
// ready, programs are started.
func forked(t testing.TB, d *namespace.Driver, change ...func(*sandbox.Spec)) sandbox.Spec {
	t.Helper()
	s := spec(t)
	s.Zygote = slices.Clone(s.Args)
	s.Zygote[2] = "import sys; sys.path.insert(0, sys.argv[1]); import _furl_zygote as z, program; z.main(program)"
	s.Owner = "one"
	for _, c := range change {
		c(&s)
	}
	if err := d.Warm(within(t, 20*time.Second), s); err != nil {
		t.Fatal(err)
	}
	return s
}

// kinds are the ways in which blanks are made.
var kinds = map[string]func(testing.TB, *namespace.Driver) sandbox.Spec{
	"exec": func(t testing.TB, _ *namespace.Driver) sandbox.Spec { return spec(t) },
	"fork": func(t testing.TB, d *namespace.Driver) sandbox.Spec { return forked(t, d) },
}

// eachKind runs a test with both kinds of blanks.
func eachKind(t *testing.T, f func(*testing.T, *namespace.Driver, sandbox.Spec)) {
	for name, kind := range kinds {
		t.Run(name, func(t *testing.T) {
			d := newDriver(t)
			f(t, d, kind(t, d))
		})
	}
}

// mark tells this test's processes from those of others.
func mark() string { return "furl-test-" + strconv.Itoa(os.Getpid()) }

func within(t testing.TB, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), d)
	t.Cleanup(cancel)
	return ctx
}

// env is a sandbox that runs the program with the given files as its code.
func env(t testing.TB, d *namespace.Driver, limits sandbox.Limits, files ...string) sandbox.Env {
	t.Helper()
	return envOf(t, d, spec(t), limits, files...)
}

func envOf(t testing.TB, d *namespace.Driver, s sandbox.Spec, limits sandbox.Limits, files ...string) sandbox.Env {
	t.Helper()
	code := t.TempDir()
	for i := 0; i+1 < len(files); i += 2 {
		if err := os.WriteFile(filepath.Join(code, files[i]), []byte(files[i+1]), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	b, err := d.Blank(within(t, 20*time.Second), s)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.(sandbox.Limiter).Limit(limits); err != nil {
		t.Fatal(err)
	}
	e, err := b.Assign(within(t, 10*time.Second), sandbox.Assignment{Code: code})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Retire(0) })
	return e
}

// run has the program execute Python code and returns what it assigned to
// result.
func run(t testing.TB, e sandbox.Env, code string) string {
	t.Helper()
	a, err := e.Channel().Exchange(10, 0, nil, []byte(code), time.Now().Add(20*time.Second), 1<<20, nil)
	if err != nil {
		t.Fatalf("%v (%v)\n%s", err, e.Exit(), strings.TrimSpace(code))
	}
	return string(a.Body)
}

func ended(t testing.TB, e sandbox.Env) sandbox.Exit {
	t.Helper()
	select {
	case <-e.Exited():
	case <-time.After(20 * time.Second):
		t.Fatal("the sandbox has not ended")
	}
	return e.Exit()
}
