//go:build linux

package escape_test

import (
	"context"
	"encoding/json"
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

const (
	// hostVar names the program that drivers start again, attackerVar the static attacker.
	hostVar     = "FURL_TEST_HOST"
	attackerVar = "FURL_TEST_ATTACKER"
	// secretVar is in the environment of the server, where no function may see it.
	secretVar = "FURL_TEST_SECRET"
)

func TestMain(m *testing.M) {
	if os.Getenv(hostVar) != "" { // a test of this package started us as another user
		os.Exit(m.Run())
	}
	code, err := prepared(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(code)
}

func prepared(m *testing.M) (int, error) {
	dir, err := os.MkdirTemp("", "furl-escape-test-")
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o755); err != nil {
		return 1, err
	}
	for name, variable := range map[string]string{"host": hostVar, "attacker": attackerVar} {
		path := filepath.Join(dir, name)
		cmd := exec.Command("go", "build", "-o", path, "./testdata/"+name)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			return 1, fmt.Errorf("%w\n%s", err, out)
		}
		if err := os.Setenv(variable, path); err != nil {
			return 1, err
		}
	}
	if err := prepareProgram(filepath.Join(dir, "program")); err != nil {
		return 1, err
	}
	return m.Run(), nil
}

// prepareProgram puts the attackers' program beside what makes a zygote of it.
func prepareProgram(dir string) error {
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	for name, source := range map[string]string{
		"program.py":      "../../internal/sandbox/namespace/testdata/program/program.py",
		"_furl_zygote.py": "../../internal/environment/runtime/python/zygote.py",
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

// needed skips a test where it cannot run, except in CI, where it must.
func needed(t testing.TB, err error) {
	t.Helper()
	switch {
	case err == nil:
	case os.Getenv("CI") == "true":
		t.Fatal(err)
	default:
		t.Skip("SKIPPED, the escape suite did not run: ", err)
	}
}

func namespaceDriver(t testing.TB, change ...func(*namespace.Options)) *namespace.Driver {
	t.Helper()
	opts := namespace.Options{Command: []string{os.Getenv(hostVar)}, TempSize: 32 << 20, TempFiles: 2000, Processes: 64}
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

// way is how a driver's blanks are made.
type way func(*namespace.Driver) sandbox.Driver

// forking is a driver of which function wants forked blanks only.
type forking struct{ *namespace.Driver }

// eachWay runs a test with blanks that are started and with blanks that are forked.
func eachWay(t *testing.T, f func(*testing.T, way)) {
	t.Run("exec", func(t *testing.T) { f(t, func(d *namespace.Driver) sandbox.Driver { return d }) })
	t.Run("fork", func(t *testing.T) { f(t, func(d *namespace.Driver) sandbox.Driver { return forking{d} }) })
}

func processDriver(t testing.TB) sandbox.Driver {
	t.Helper()
	d, err := sandbox.NewProcess(sandbox.ProcessOptions{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error("close:", err)
		}
	})
	return d
}

func within(t testing.TB, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), d)
	t.Cleanup(cancel)
	return ctx
}

// codeDir is a directory with a function's code that any user may read.
func codeDir(t testing.TB, files map[string]string) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "furl-escape-code-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func read(t testing.TB, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// function starts a sandbox that runs Python code on request.
func function(t testing.TB, d sandbox.Driver, code string, limits sandbox.Limits) sandbox.Env {
	t.Helper()
	return functionBeyond(t, d, code, limits, nil)
}

// functionBeyond is one with something beyond it.
func functionBeyond(t testing.TB, d sandbox.Driver, code string, limits sandbox.Limits, n sandbox.Network) sandbox.Env {
	t.Helper()
	const python = "/usr/bin/python3"
	if _, err := os.Stat(python); err != nil {
		needed(t, err)
	}
	e := assigned(t, d, attacker(t, d, python), code, limits, n)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for range 500 {
		got := run(t, e, fmt.Sprintf("import sys; sys.path.insert(0, %q); result = '_furl_zygote' in sys.modules", e.Layout().Code))
		if _, forks := d.(forking); got == "True" || got == "False" && !forks {
			return e
		}
		// Before its zygote is ready, a program is started.
		e.Retire(0)
		<-tick.C
		e = assigned(t, d, attacker(t, d, python), code, limits, n)
	}
	t.Fatal("no blank was forked")
	return nil
}

// attacker is the program of a function. It is the same for all of a driver, as the
// zygote has to be.
func attacker(t testing.TB, d sandbox.Driver, python string) sandbox.Spec {
	t.Helper()
	program := filepath.Join(filepath.Dir(os.Getenv(hostVar)), "program")
	spec := sandbox.Spec{
		Name: "attacker", Path: python, Env: []string{"LANG=C.UTF-8", "PYTHONDONTWRITEBYTECODE=1"},
		Args: []string{"-I", "-c", "import sys; sys.path.insert(0, sys.argv[1]); import program; program.run()", program, mark()},
	}
	if _, forks := d.(forking); forks {
		spec.Owner = "attacker"
		spec.Zygote = slices.Clone(spec.Args)
		spec.Zygote[2] = "import sys; sys.path.insert(0, sys.argv[1]); import _furl_zygote as z, program; z.main(program)"
	}
	return spec
}

func assigned(t testing.TB, d sandbox.Driver, spec sandbox.Spec, code string, limits sandbox.Limits, n sandbox.Network) sandbox.Env {
	t.Helper()
	b, err := d.Blank(within(t, 20*time.Second), spec)
	if err != nil {
		t.Fatal(err)
	}
	if l, ok := b.(sandbox.Limiter); ok {
		if err := l.Limit(limits); err != nil {
			t.Fatal(err)
		}
	}
	e, err := b.Assign(within(t, 20*time.Second), sandbox.Assignment{Code: code, Network: n})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Retire(0) })
	return e
}

// mark tells this test's processes from those of others.
func mark() string { return "furl-test-" + strconv.Itoa(os.Getpid()) }

// try has the program run code. The answer is what the code left in result.
func try(e sandbox.Env, code string) (string, error) {
	a, err := e.Channel().Exchange(10, 0, nil, []byte(code), time.Now().Add(60*time.Second), 1<<20, nil)
	return string(a.Body), err
}

func run(t testing.TB, e sandbox.Env, code string) string {
	t.Helper()
	got, err := try(e, code)
	if err != nil {
		t.Fatalf("%v (%v)\n%s", err, e.Exit(), code)
	}
	return got
}

func ended(t testing.TB, e sandbox.Env) sandbox.Exit {
	t.Helper()
	select {
	case <-e.Exited():
	case <-time.After(30 * time.Second):
		t.Fatal("the sandbox has not ended")
	}
	return e.Exit()
}

// assault runs all attacks and returns their results by name.
func assault(t testing.TB, e sandbox.Env, args map[string]any) map[string]string {
	t.Helper()
	return assaultBy(t, e, "attack", args)
}

// assaultBy runs the attacks of a Python module.
func assaultBy(t testing.TB, e sandbox.Env, module string, args map[string]any) map[string]string {
	t.Helper()
	b, err := json.Marshal(args)
	if err != nil {
		t.Fatal(err)
	}
	text := run(t, e, fmt.Sprintf("import json, %[1]s; result = %[1]s.run(json.loads(%[2]q))", module, b))
	results := make(map[string]string)
	for line := range strings.Lines(text) {
		name, what, ok := strings.Cut(strings.TrimSpace(line), " ")
		if !ok {
			t.Fatalf("not a result: %q in\n%s", line, text)
		}
		results[name] = what
	}
	return results
}
