package code_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"furl/internal/code"
)

func TestMerge(t *testing.T) {
	c := open(t, tempDir(t))
	low := archive(t, entry{name: "python/a.py", body: "low"}, entry{name: "python/b.py", body: "b"}, link("to", "python"))
	high := archive(t, entry{name: "python/a.py", body: "high"}, entry{name: "bin/run", body: "#!/bin/sh", mode: 0o755}, entry{name: "to", body: "a file"})
	shas := []string{digest(low), digest(high)}
	if _, err := c.Merge(t.Context(), shas); !errors.Is(err, code.ErrNotUnpacked) {
		t.Errorf("before they are unpacked: %v", err)
	}
	lowTree := ensure(t, c, low)
	ensure(t, c, high)
	path, err := c.Merge(t.Context(), shas)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"python/a.py": "high", "python/b.py": "b", "bin/run": "#!/bin/sh", "to": "a file"} {
		if got, err := os.ReadFile(filepath.Join(path, name)); err != nil || string(got) != want {
			t.Errorf("%s: %q, %v; want %q", name, got, err, want)
		}
	}
	if got, err := os.ReadFile(filepath.Join(lowTree, "python/a.py")); err != nil || string(got) != "low" {
		t.Errorf("the lower tree has %q, %v", got, err)
	}
	if info, err := os.Stat(filepath.Join(path, "bin/run")); err != nil || info.Mode().Perm()&0o111 == 0 {
		t.Errorf("bin/run: %v, %v", info, err)
	}
	if again, ok := c.Merged(shas); !ok || again != path {
		t.Errorf("Merged = %q, %v", again, ok)
	}
	if _, ok := c.Merged([]string{shas[1], shas[0]}); ok {
		t.Error("the other order is the same tree")
	}
}

func TestMergeRefusesFileOverDirectory(t *testing.T) {
	c := open(t, tempDir(t))
	dir, file := archive(t, entry{name: "x/y", body: "1"}), archive(t, entry{name: "x", body: "2"})
	ensure(t, c, dir)
	ensure(t, c, file)
	for _, shas := range [][]string{{digest(dir), digest(file)}, {digest(file), digest(dir)}} {
		var invalid *code.InvalidError
		if _, err := c.Merge(t.Context(), shas); !errors.As(err, &invalid) || invalid.Entry != "x" {
			t.Errorf("%v", err)
		}
	}
}
