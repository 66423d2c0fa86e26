package cli_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"furl/internal/cli"
)

func TestWatcher(t *testing.T) {
	dir := write(t, map[string]string{"a.py": "1", "sub/b.py": "1", "__pycache__/x.pyc": "1"})
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	changes, err := cli.Watch(ctx, dir)
	if err != nil {
		t.Fatal(err)
	}
	expect := func(what string) {
		t.Helper()
		select {
		case <-changes:
		case <-deadline(t):
			t.Fatalf("%s was not noticed", what)
		}
	}
	put := func(name string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte("2"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	put("a.py")
	expect("a file")
	put("sub/b.py")
	expect("a file below")
	if err := os.MkdirAll(filepath.Join(dir, "new/deep"), 0o755); err != nil {
		t.Fatal(err)
	}
	expect("a new directory")
	put("new/deep/c.py")
	expect("a file in a new directory")
	if err := os.Chmod(filepath.Join(dir, "a.py"), 0o755); err != nil {
		t.Fatal(err)
	}
	expect("a mode")
	if err := os.RemoveAll(filepath.Join(dir, "new")); err != nil {
		t.Fatal(err)
	}
	expect("a removal")
	stop()
	if _, open := <-changes; open {
		t.Error("a change after the end")
	}
}

// TestWatchFile: editors replace a file by another one.
func TestWatchFile(t *testing.T) {
	dir := write(t, map[string]string{"f.py": "1", "g.py": "1"})
	changes, err := cli.Watch(t.Context(), filepath.Join(dir, "f.py"))
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"2", "3"} {
		if err := os.WriteFile(filepath.Join(dir, "tmp"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(filepath.Join(dir, "tmp"), filepath.Join(dir, "f.py")); err != nil {
			t.Fatal(err)
		}
		select {
		case <-changes:
		case <-deadline(t):
			t.Fatal("the new file was not noticed")
		}
	}
}

// TestUnwatched: what is not in the package does not matter.
func TestUnwatched(t *testing.T) {
	dir := write(t, map[string]string{"f.py": "1", "sub/g.py": "1", "__pycache__/x.pyc": "1", ".git/HEAD": "1"})
	file := filepath.Join(dir, "f.py")
	tests := []struct {
		path, changed string
		want          bool
	}{
		{dir, "f.py", true}, {dir, "sub/g.py", true}, {dir, "gone.py", true},
		{dir, "__pycache__", false}, {dir, ".git", false},
		{file, "f.py", true}, {file, "g.py", false},
	}
	for _, tt := range tests {
		if got := cli.Concerns(t, tt.path, filepath.Join(dir, tt.changed)); got != tt.want {
			t.Errorf("%s in %s: %v, want %v", tt.changed, tt.path, got, tt.want)
		}
	}
	if watched := cli.Watched(t, dir); len(watched) != 2 {
		t.Errorf("watched are %q, want the directory and sub", watched)
	}
}
