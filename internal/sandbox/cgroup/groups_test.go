//go:build linux

package cgroup

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const v1Mounts = `30 20 0:20 / /sys/fs/cgroup/memory rw,relatime shared:1 - cgroup cgroup rw,memory
31 20 0:21 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct
32 20 0:22 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids
33 20 0:23 / /sys/fs/cgroup/freezer rw - cgroup cgroup rw,freezer
34 20 0:24 / /sys/fs/cgroup/blkio rw - cgroup cgroup rw,blkio
35 20 0:25 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw
36 20 0:26 / /tmp rw - tmpfs tmpfs rw
`

func TestParseHierarchies(t *testing.T) {
	tests := []struct {
		name, own, mounts, place string
		want                     []string
	}{
		{"version 1", "9:memory:/a/b\n8:cpu,cpuacct:/\n7:pids:/c\n6:freezer:/\n5:blkio:/\n0::/u\n", v1Mounts, "", []string{
			"/sys/fs/cgroup/memory/a/b [memory]", "/sys/fs/cgroup/cpu,cpuacct [cpu]", "/sys/fs/cgroup/pids/c [pids]",
			"/sys/fs/cgroup/freezer [freezer]", "/sys/fs/cgroup/unified/u [] 2",
		}},
		{"version 2", "0::/user.slice/furl.service\n", "30 20 0:20 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw,nsdelegate\n", "",
			[]string{"/sys/fs/cgroup/user.slice/furl.service [] 2"}},
		{"a part is mounted", "0::/docker/abc/x\n", "30 20 0:20 /docker/abc /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n", "",
			[]string{"/sys/fs/cgroup/x [] 2"}},
		{"chosen", "0::/a\n", "30 20 0:20 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n", "/chosen",
			[]string{"/sys/fs/cgroup/chosen [] 2"}},
		{"nothing", "", "", "", nil},
		{"nonsense", "x\n::\n1:memory\n", "a b c - cgroup\n1 2 3 4 5 - cgroup x memory\n", "", nil},
	}
	for _, tt := range tests {
		var got []string
		for _, h := range parseHierarchies(tt.own, tt.mounts, tt.place) {
			s := h.dir + " [" + strings.Join(h.has, " ") + "]"
			if h.unified {
				s += " 2"
			}
			got = append(got, s)
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}

func FuzzParseHierarchies(f *testing.F) {
	f.Add("9:memory:/a\n0::/b\n", v1Mounts, "")
	f.Add("0::/../x\n", "1 2 3 /y /sys/fs/cgroup rw - cgroup2 c rw\n", "/z")
	f.Add(":::\n", " - cgroup \n - - \n", "..")
	f.Fuzz(func(t *testing.T, own, mounts, place string) {
		for _, h := range parseHierarchies(own, mounts, place) {
			if !h.unified && len(h.has) == 0 {
				t.Errorf("a hierarchy without use: %+v", h)
			}
		}
	})
}

// fakeV2 is a directory with the files of a version 2 group, of which this
// system may have none with controllers.
func fakeV2(t *testing.T) *Group {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"memory.max": "", "memory.oom.group": "", "memory.events": "low 0\nmax 7\noom 2\noom_kill 2\noom_group_kill 1\n",
		"pids.max": "", "cpu.max": "", "cpu.weight": "", "cgroup.freeze": "", "cgroup.procs": "",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return &Group{dirs: []string{dir}, memory: dir, memory2: true, pids: dir, pids2: true, cpu: dir, cpu2: true, freezer: dir, freezer2: true}
}

func TestVersion2(t *testing.T) {
	g := fakeV2(t)
	want := func(name, value string) {
		t.Helper()
		b, err := os.ReadFile(filepath.Join(g.memory, name))
		if err != nil || string(b) != value {
			t.Errorf("%s is %q, %v; want %q", name, b, err, value)
		}
		if err := os.Truncate(filepath.Join(g.memory, name), 0); err != nil {
			t.Fatal(err)
		}
	}
	if err := g.limitMemory(128 << 20); err != nil {
		t.Fatal(err)
	}
	want("memory.max", "134217728")
	want("memory.oom.group", "1")
	if err := g.quota(0.5); err != nil {
		t.Fatal(err)
	}
	want("cpu.max", "50000 100000")
	if err := g.Weight(0.5); err != nil {
		t.Fatal(err)
	}
	want("cpu.weight", "50")
	if err := g.Freeze(); err != nil {
		t.Fatal(err)
	}
	want("cgroup.freeze", "1")
	if !g.RanOut() {
		t.Error("memory has run out")
	}
	for name := range map[string]bool{"memory.max": true, "cpu.weight": true, "cgroup.freeze": true} {
		if err := os.Truncate(filepath.Join(g.memory, name), 0); err != nil {
			t.Fatal(err)
		}
	}
	if err := g.reset(); err != nil {
		t.Fatal(err)
	}
	if g.RanOut() {
		t.Error("what the last one used up counts for the next")
	}
	want("memory.max", "max")
	want("cpu.max", "max 100000")
	want("cgroup.freeze", "0")
	want("cpu.weight", "5")
}
