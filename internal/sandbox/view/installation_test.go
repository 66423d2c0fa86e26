//go:build linux

package view

import (
	"os"
	"path/filepath"
	"testing"
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
