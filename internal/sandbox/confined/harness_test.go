//go:build linux

package confined_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"furl/internal/sandbox"
	"furl/internal/sandbox/confined"
	"furl/internal/sandbox/sandboxtest"
)

// hostVar names the program that drivers under test start again, and that their
// sandboxes run.
const hostVar = "FURL_TEST_HOST"

func TestMain(m *testing.M) {
	if os.Getenv(hostVar) != "" { // a test of this package started us as another user
		os.Exit(m.Run())
	}
	dir, err := os.MkdirTemp("", "furl-confined-test-")
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

// kinds are the driver's ways: what it uses of what is there.
var kinds = map[string]func(*confined.Options){
	"everything": func(*confined.Options) {},
	"no cgroups": func(o *confined.Options) { o.NoCgroups = true },
	"one user":   func(o *confined.Options) { o.NoCgroups, o.OneUser = true, true },
}

// newDriver makes a driver that is closed, and inspected, at the test's end.
func newDriver(t testing.TB, change ...func(*confined.Options)) *confined.Driver {
	t.Helper()
	dir := t.TempDir()
	open(t, dir)
	opts := confined.Options{Command: []string{os.Getenv(hostVar)}, Dir: dir}
	for _, c := range change {
		c(&opts)
	}
	d, err := confined.New(opts)
	needed(t, err)
	t.Cleanup(func() {
		for range 2 {
			if err := d.Close(); err != nil {
				t.Error("close:", err)
			}
		}
		if left := sandboxtest.Processes(t, "TMPDIR="+dir+"/"); len(left) > 0 {
			t.Errorf("processes left: %q", left)
		}
		if left, _ := filepath.Glob(dir + "/*"); len(left) > 0 {
			t.Errorf("directories left: %q", left)
		}
	})
	return d
}

// open lets every user enter a directory of the test.
func open(t testing.TB, dir string) {
	t.Helper()
	for ; dir != os.TempDir() && dir != "/"; dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
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
	dir, err := filepath.Abs("testdata/program")
	if err != nil {
		t.Fatal(err)
	}
	return sandbox.Spec{Name: "program", Path: python(t), Env: []string{"LANG=C.UTF-8", "PYTHONDONTWRITEBYTECODE=1"},
		Args: []string{"-I", "-c", "import sys; sys.path.insert(0, sys.argv[1]); import program", dir, mark()}}
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
func env(t testing.TB, d *confined.Driver, limits sandbox.Limits, files ...string) sandbox.Env {
	t.Helper()
	code := t.TempDir()
	for i := 0; i+1 < len(files); i += 2 {
		if err := os.WriteFile(filepath.Join(code, files[i]), []byte(files[i+1]), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	b, err := d.Blank(within(t, 20*time.Second), spec(t))
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

// try has the program execute Python code and returns what it assigned to result.
func try(e sandbox.Env, code string) (string, error) {
	a, err := e.Channel().Exchange(10, 0, nil, []byte(code), time.Now().Add(30*time.Second), 1<<20, nil)
	return string(a.Body), err
}

func run(t testing.TB, e sandbox.Env, code string) string {
	t.Helper()
	got, err := try(e, code)
	if err != nil {
		t.Fatalf("%v (%v)\n%s", err, e.Exit(), strings.TrimSpace(code))
	}
	return got
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

// asNobody runs this very test as a user without rights, and reports whether it
// did, which it does only as root.
func asNobody(t *testing.T) bool {
	t.Helper()
	if os.Geteuid() != 0 {
		return false
	}
	cmd := exec.Command("/proc/self/exe", "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), "TMPDIR=/tmp", "HOME=/nonexistent")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 12345, Gid: 12345}}
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(out), "--- SKIP") {
		needed(t, errors.New("it was skipped as another user"))
	}
	return true
}
