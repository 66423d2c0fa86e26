//go:build linux

package namespace

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"furl/internal/sandbox"
)

func TestPlan(t *testing.T) {
	dir := t.TempDir()
	open, shut := filepath.Join(dir, "open"), filepath.Join(dir, "shut")
	for name, mode := range map[string]os.FileMode{open: 0o755, shut: 0o700} {
		if err := os.Mkdir(name, mode); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(name, "f"), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	p, err := newPlan(sandbox.Spec{Path: "/bin/sh", Args: []string{"-c", open, shut, "/does/not/exist"}}, "/proc/self/exe", nil, false)
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"-c", "/var/runtime/open", "/var/runtime/shut", "/does/not/exist"}; !slices.Equal(p.args, want) {
		t.Errorf("arguments are %q", p.args)
	}
	shown := make(map[string]string)
	for _, f := range p.files {
		if f.Kind == mounted {
			shown[f.Path] = f.Source
		}
	}
	for path, source := range map[string]string{"/usr": "/usr", "/var/runtime/init": "/proc/self/exe",
		"/var/runtime/open": open, "/var/runtime/shut/f": filepath.Join(shut, "f")} {
		if shown[path] != source {
			t.Errorf("%s shows %q, want %q", path, shown[path], source)
		}
	}
	for path := range shown {
		for _, never := range []string{"/home", "/root", "/etc/shadow", "/etc/passwd", "/var/lib", "/sys", "/"} {
			if path == never {
				t.Errorf("%s is shown", path)
			}
		}
	}
	if _, err := newPlan(sandbox.Spec{}, "/proc/self/exe", []string{open}, false); err == nil || !strings.Contains(err.Error(), "/tmp of their own") {
		if strings.HasPrefix(open, "/tmp/") {
			t.Errorf("a file of /tmp: %v", err)
		}
	}
}
