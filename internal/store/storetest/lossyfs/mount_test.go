package lossyfs

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestMounted has another process use a mounted disk through the kernel.
func TestMounted(t *testing.T) {
	if err := Available(); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("power cuts cannot be tested: %v", err)
		}
		t.Skipf("POWER CUTS ARE NOT TESTED: %v", err)
	}
	before := t.TempDir()
	if err := os.WriteFile(filepath.Join(before, "was"), []byte("here"), 0o600); err != nil {
		t.Fatal(err)
	}
	d, err := New(before)
	if err != nil {
		t.Fatal(err)
	}
	at := t.TempDir()
	unmount, err := d.Mount(at)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := unmount(); err != nil {
			t.Error(err)
		}
	}()
	script := `set -e
cat was; echo synced >f; mkdir d; echo deep >d/g; mv f d/f
sync d/f d/g d .
echo lost >>d/f; echo lost >h; rm was`
	cmd := exec.CommandContext(t.Context(), "sh", "-c", script)
	cmd.Dir = at
	out, err := cmd.CombinedOutput()
	if err != nil || string(out) != "here" {
		t.Fatalf("%v: %s", err, out)
	}
	got := cut(t, d, All, 0)
	want := map[string]string{"was": "here", "d/f": "synced\n", "d/g": "deep\n"}
	for name, content := range want {
		if got[name] != content {
			t.Errorf("%s: got %q, want %q", name, got[name], content)
		}
	}
	if len(got) != len(want) {
		t.Errorf("left: %q", got)
	}
}
