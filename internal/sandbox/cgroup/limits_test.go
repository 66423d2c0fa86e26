//go:build linux

package cgroup

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"furl/internal/sandbox"
)

// Limits go up and down, in whatever order the kernel wants its files written, and the
// next user of a group begins without.
func TestLimits(t *testing.T) {
	groups, err := Open("")
	if err != nil {
		if os.Getenv("CI") == "true" && os.Geteuid() == 0 {
			t.Fatal(err)
		}
		t.Skip("no cgroups of its own: ", err)
	}
	defer groups.Close()
	g, err := groups.Take()
	if err != nil {
		t.Fatal(err)
	}
	file := "memory.limit_in_bytes"
	if g.memory2 {
		file = "memory.max"
	}
	inForce := func() string {
		b, err := os.ReadFile(filepath.Join(g.memory, file))
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(string(b))
	}
	without := inForce()
	for _, mb := range []int64{128, 512, 512, 256, 1024, 128} {
		if err := g.Limit(sandbox.Limits{Memory: mb << 20, Processes: 7}); err != nil {
			t.Fatalf("%d MB: %v", mb, err)
		}
		if got, want := inForce(), map[int64]string{128: "134217728", 256: "268435456", 512: "536870912", 1024: "1073741824"}[mb]; got != want {
			t.Errorf("%s is %s, want %s", file, got, want)
		}
	}
	if err := groups.Give(g); err != nil {
		t.Fatal(err)
	}
	if again, err := groups.Take(); err != nil || again != g || inForce() != without {
		t.Errorf("the next user of the group has %s of memory, want %s; %v", inForce(), without, err)
	}
}
