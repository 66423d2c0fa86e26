package environment_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"furl/internal/environment"
)

// Node.js goes by one name in all versions: which one it is, only running it
// tells. It is found where version managers put it, and asked once.
func TestNodeIsFound(t *testing.T) {
	home, bin := t.TempDir(), t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("PATH", bin)
	runs := filepath.Join(home, "runs")
	fake := func(path, version string) string {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		text := "#!/bin/sh\necho " + version + " >>" + runs + "\necho " + path + "; echo " + version + "\n"
		if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
		return path
	}
	first := fake(filepath.Join(bin, "node"), "18.20.8")
	if err := os.Symlink(first, filepath.Join(bin, "nodejs")); err != nil {
		t.Fatal(err)
	}
	fake(filepath.Join(home, ".nvm/versions/node/v22.9.0/bin/node"), "22.9.0")
	newest := fake(filepath.Join(home, ".nvm/versions/node/v22.10.0/bin/node"), "22.10.0")
	volta := fake(filepath.Join(home, ".volta/tools/image/node/24.1.0/bin/node"), "24.1.0")
	i := environment.NewInterpreters(nil)
	for range 2 {
		for runtime, want := range map[string]string{"nodejs18.x": first, "nodejs22.x": newest} {
			if got, err := i.Find(t.Context(), runtime); err != nil || got.Path != want {
				t.Errorf("%s is %+v, %v; want %s", runtime, got, err, want)
			}
		}
	}
	// What the system itself has comes before a version manager's.
	if got, err := i.Find(t.Context(), "nodejs24.x"); err != nil || got.Path != volta && strings.HasPrefix(got.Path, home) {
		t.Errorf("nodejs24.x is %+v, %v", got, err)
	}
	asked, err := os.ReadFile(runs)
	if err != nil || strings.Count(string(asked), "18.20.8") != 1 || strings.Contains(string(asked), "22.9.0") {
		t.Errorf("asked were %q, %v", asked, err)
	}
}

func TestMissingNode(t *testing.T) {
	other := filepath.Join(t.TempDir(), "node")
	if err := os.WriteFile(other, []byte("#!/bin/sh\necho /bin/node; echo 12.22.9\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	_, err := environment.NewInterpreters(map[string]string{"nodejs22.x": other}).Find(t.Context(), "nodejs22.x")
	if want := other + ": is version 12.22.9, not 22; install it ("; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%v, want %s", err, want)
	}
	missing := &environment.InterpreterError{Runtime: "nodejs24.x"}
	for _, want := range []string{"no interpreter for runtime nodejs24.x found on this machine; install it (", "nvm install 24", "--runtime nodejs24.x=/path/to/node"} {
		if !strings.Contains(missing.Error(), want) {
			t.Errorf("%v does not say %s", missing, want)
		}
	}
	if got := environment.ManagedRuntimes(); len(got) != 12 || got[0] != "nodejs16.x" || got[11] != "python3.14" {
		t.Errorf("managed runtimes are %v", got)
	}
}
