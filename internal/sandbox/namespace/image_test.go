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

func TestInstallation(t *testing.T) {
	home := t.TempDir()
	t.Setenv("HOME", home)
	at := func(name string) string { return filepath.Join(home, name) }
	for _, dir := range []string{"venv/bin", "python/bin", "python/lib", "tools/bin", "bin", "lib"} {
		if err := os.MkdirAll(at(dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(at("venv/pyvenv.cfg"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	tests := []struct{ path, want string }{
		{at("venv/bin/python"), at("venv")},
		{at("python/bin/python3"), at("python")},
		{at("tools/bin/run"), at("tools/bin/run")}, // no installation
		{at("bin/python"), at("bin/python")},       // not the whole home
		{at("python3"), at("python3")},
		{"/opt/bin/python3", "/opt/bin/python3"},
		{"/bin/sh", "/bin/sh"},
		{"/home/me/bin/python", "/home/me/bin/python"},
		{"/nix/store/abc-python/bin/python3", "/nix/store"},
	}
	for _, tt := range tests {
		if got := installation(tt.path); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.path, got, tt.want)
		}
	}
}

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
	p, err := newPlan(sandbox.Spec{Path: "/bin/sh", Args: []string{"-c", open, shut, "/does/not/exist"}}, "/proc/self/exe", nil)
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
	if _, err := newPlan(sandbox.Spec{}, "/proc/self/exe", []string{open}); err == nil || !strings.Contains(err.Error(), "/tmp of their own") {
		if strings.HasPrefix(open, "/tmp/") {
			t.Errorf("a file of /tmp: %v", err)
		}
	}
}
