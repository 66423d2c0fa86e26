//go:build linux

package escape_test

import (
	"maps"
	"os"
	"slices"
	"testing"

	"furl/internal/sandbox/confined"
)

func confinedDriver(t testing.TB, change ...func(*confined.Options)) *confined.Driver {
	t.Helper()
	opts := confined.Options{Command: []string{os.Getenv(hostVar)}, TempSize: 32 << 20, TempFiles: 2000, Processes: 64}
	for _, c := range change {
		c(&opts)
	}
	d, err := confined.New(opts)
	needed(t, err)
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error("close:", err)
		}
	})
	return d
}

// confinedOpen are the attacks that neither Landlock nor the filter can stop.
var confinedOpen = []string{
	// The network is the host's, and Landlock knows no addresses.
	"connect_to_host", "connect_to_host_6", "see_interfaces",
}

// oneUserOpen are those that get through besides when sandboxes run as the
// server's user. Landlock does not restrict to look up files, and to change what
// is not their content, which is then left to whom they belong.
var oneUserOpen = []string{"change_mode_of_host_file", "change_times_of_host_file", "look_up_host_file"}

// unprivilegedOpen are those that get through besides without root, who alone can
// take capabilities from the bounding set. no_new_privs makes them useless.
var unprivilegedOpen = []string{"have_bounding_set"}

func TestConfined(t *testing.T) {
	if os.Geteuid() != 0 {
		needed(t, os.ErrPermission)
	}
	compare(t, attackOn(t, confinedDriver(t)), confinedOpen)
}

func TestConfinedWithoutRoot(t *testing.T) {
	if os.Geteuid() == 0 {
		asNobody(t)
		return
	}
	compare(t, attackOn(t, confinedDriver(t)), slices.Concat(confinedOpen, oneUserOpen, unprivilegedOpen))
}

// compare fails when an attack gets through that is not known to, and when one
// is stopped that is: then the documentation has to change.
func compare(t *testing.T, results map[string]string, known []string) {
	t.Helper()
	found := open(results)
	for _, name := range found {
		if !slices.Contains(known, name) {
			t.Errorf("%s: %s", name, results[name])
		}
	}
	for _, name := range known {
		if !slices.Contains(found, name) {
			t.Errorf("%s is known to be open: %s", name, results[name])
		}
	}
	if n := closed(results); n < atLeast {
		t.Errorf("%d attacks were tried and failed, want %d", n, atLeast)
	}
	for _, name := range slices.Sorted(maps.Keys(results)) {
		t.Log(name, results[name])
	}
}

// rootUserOpen are those that get through besides when that user is root, which it
// is where root may not become another user: in some containers.
var rootUserOpen = []string{"be_root", "become_root"}

func TestConfinedAsRootItself(t *testing.T) {
	if os.Geteuid() != 0 {
		needed(t, os.ErrPermission)
	}
	one := func(o *confined.Options) { o.OneUser = true }
	compare(t, attackOn(t, confinedDriver(t, one)), slices.Concat(confinedOpen, oneUserOpen, rootUserOpen))
}
