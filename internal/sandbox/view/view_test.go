//go:build linux

package view_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"furl/internal/sandbox/view"
)

func TestInstallations(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"venv/bin", "real/bin", "real/lib", "bin"} {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range map[string]string{"venv/pyvenv.cfg": "", "real/bin/python3.9": "", "alone": ""} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for name, to := range map[string]string{"real/bin/python": "python3.9", "venv/bin/python": filepath.Join(dir, "real/bin/python")} {
		if err := os.Symlink(to, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	tests := map[string][]string{
		"venv/bin/python":    {"venv", "real"},
		"real/bin/python3.9": {"real"},
		"alone":              {"alone"},
	}
	for path, want := range tests {
		got, err := view.Installations(filepath.Join(dir, path))
		if err != nil {
			t.Errorf("%s: %v", path, err)
		}
		for i := range want {
			want[i] = filepath.Join(dir, want[i])
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
	for _, path := range []string{"python", filepath.Join(dir, "none")} {
		if got, err := view.Installations(path); err == nil {
			t.Errorf("%s: %q", path, got)
		}
	}
}

func TestSystemFilesExist(t *testing.T) {
	files, err := view.SystemFiles()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		if _, err := os.Stat(name); err != nil {
			t.Error(err)
		}
	}
}
