package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"furl/internal/sandbox/namespace"
	"furl/test/bench/measure"
)

// TestColdStartsLeaveNothing makes cold starts in sandboxes and counts what the machine has more afterwards.
func TestColdStartsLeaveNothing(t *testing.T) {
	const interpreter = "/usr/bin/python3"
	if _, err := os.Stat(interpreter); err != nil || os.Getuid() != 0 {
		if os.Getenv("CI") == "true" {
			t.Fatal("needs root and ", interpreter)
		}
		t.Skip("NOT TESTED: cold starts in sandboxes need root here, and ", interpreter)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	dir := t.TempDir()
	for _, d := range []string{dir, filepath.Dir(dir)} { // the sandboxes' users must reach binary and code
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	binary, code := filepath.Join(dir, "furl"), filepath.Join(dir, "code")
	build := exec.CommandContext(ctx, "go", "build", "-o", binary, "furl/cmd/furl")
	build.Env = append(os.Environ(), "CGO_ENABLED=0") // the sandboxes' programs are furl itself, which must be static
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if err := copySources(code, "testdata/python"); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(ctx, interpreter, "-c", "import sys; print('python%d.%d' % sys.version_info[:2], end='')").Output()
	if err != nil {
		t.Fatal(err)
	}
	d, err := namespace.New(namespace.Options{Command: []string{binary}})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close() // again, after a failure
	e, err := newEngine(ctx, d, string(out), interpreter, false, nil)
	if err != nil {
		t.Fatal(err)
	}
	if grown := leftovers(t, ctx, e, code); len(grown) > 0 {
		t.Errorf("cold starts leave %v", grown)
	}
	if err := e.close(); err != nil {
		t.Error(err)
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	if n, err := countCgroups(os.Getpid()); n > 0 || err != nil {
		t.Errorf("%d cgroups are left when all is closed, %v", n, err)
	}
	if tree, err := measure.Tree(os.Getpid()); len(tree) != 1 {
		t.Errorf("%d processes are left when all is closed, %v", len(tree)-1, err)
	}
}

// leftovers tries more than once: other tests use the machine at the same time, and the kernel's memory is everybody's.
// What leaks does so each time.
func leftovers(t *testing.T, ctx context.Context, e *engine, code string) (left []growth) {
	for range 3 {
		grown, err := leaks(ctx, e, code, 60)
		if err != nil {
			t.Fatal(err)
		}
		left = nil
		for _, g := range grown {
			if g.count > g.most {
				left = append(left, g)
			}
		}
		if len(left) == 0 {
			break
		}
		t.Log("grown:", left)
	}
	return left
}

func TestInventoryCounts(t *testing.T) {
	before, err := takeInventory()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "sleep", "60")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer cmd.Process.Kill()
	var files []*os.File
	for range 20 {
		f, err := os.Open(os.DevNull)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		files = append(files, f)
	}
	after, err := takeInventory()
	if err != nil {
		t.Fatal(err)
	}
	if n := after.files - before.files; n < len(files) {
		t.Errorf("%d more files after %d were opened", n, len(files))
	}
	if n := after.processes - before.processes; n < 1 {
		t.Errorf("%d more processes after one was started", n)
	}
}
