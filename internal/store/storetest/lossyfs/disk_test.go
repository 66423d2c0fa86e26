package lossyfs

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// cut cuts the power and returns the names and content that are left.
func cut(t *testing.T, d *Disk, loss Loss, seed uint64) map[string]string {
	t.Helper()
	dir := t.TempDir()
	d.Cut()
	if err := d.Save(loss, rand.New(rand.NewPCG(seed, 0)), dir); err != nil {
		t.Fatal(err)
	}
	left := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		name, _ := filepath.Rel(dir, path)
		left[name] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return left
}

func newDisk(t *testing.T) *Disk {
	t.Helper()
	d, err := New(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func must(t *testing.T, errno syscall.Errno) {
	t.Helper()
	if errno != 0 {
		t.Fatal(errno)
	}
}

func TestOnlySyncedContentSurvives(t *testing.T) {
	d := newDisk(t)
	f := newFile()
	must(t, d.add(d.root, "f", f))
	must(t, d.write(f, []byte("synced"), 0))
	must(t, d.sync(f))
	must(t, d.sync(d.root))
	must(t, d.write(f, []byte("not"), 0))
	must(t, d.write(f, []byte("x"), 3*pageSize))
	if got := cut(t, d, All, 0); got["f"] != "synced" {
		t.Errorf("got %q", got)
	}
	if errno := d.write(f, []byte("late"), 0); errno != syscall.EIO {
		t.Errorf("a write after the cut: %v", errno)
	}
}

func TestOnlySyncedNamesSurvive(t *testing.T) {
	d := newDisk(t)
	old, fresh := newFile(), newFile()
	must(t, d.add(d.root, "old", old))
	must(t, d.write(old, []byte("old"), 0))
	must(t, d.sync(old))
	must(t, d.sync(d.root))
	must(t, d.add(d.root, "fresh", fresh))
	must(t, d.write(fresh, []byte("fresh"), 0))
	must(t, d.sync(fresh))
	must(t, d.rename(d.root, "old", d.root, "renamed"))
	if got := cut(t, d, All, 0); len(got) != 1 || got["old"] != "old" {
		t.Errorf("got %q", got)
	}
}

func TestTruncation(t *testing.T) {
	d := newDisk(t)
	f := newFile()
	must(t, d.add(d.root, "f", f))
	must(t, d.sync(d.root))
	must(t, d.write(f, bytes.Repeat([]byte("a"), 2*pageSize), 0))
	must(t, d.sync(f))
	must(t, d.truncate(f, 3))
	must(t, d.truncate(f, pageSize))
	must(t, d.sync(f))
	want := "aaa" + string(make([]byte, pageSize-3))
	if got := cut(t, d, All, 0); got["f"] != want {
		t.Errorf("got %d bytes", len(got["f"]))
	}
}

func TestSomePagesSurvive(t *testing.T) {
	survived := 0
	for seed := range uint64(50) {
		d := newDisk(t)
		f := newFile()
		must(t, d.add(d.root, "f", f))
		must(t, d.sync(d.root))
		must(t, d.write(f, bytes.Repeat([]byte("o"), 4*pageSize), 0))
		must(t, d.sync(f))
		must(t, d.write(f, bytes.Repeat([]byte("n"), 4*pageSize), 0))
		got := cut(t, d, Some, seed)["f"]
		for page := range 4 {
			b := got[page*pageSize : (page+1)*pageSize]
			switch b {
			case string(bytes.Repeat([]byte("n"), pageSize)):
				survived++
			case string(bytes.Repeat([]byte("o"), pageSize)):
			default:
				t.Fatal("a page is torn")
			}
		}
	}
	if survived < 60 || survived > 140 { // of 200, with fixed seeds
		t.Errorf("%d of 200 pages survived", survived)
	}
}

func TestFullAndFailing(t *testing.T) {
	d := newDisk(t)
	f := newFile()
	must(t, d.add(d.root, "f", f))
	d.SetQuota(10)
	must(t, d.write(f, make([]byte, 10), 0))
	if errno := d.write(f, make([]byte, 11), 0); errno != syscall.ENOSPC {
		t.Errorf("a write beyond the quota: %v", errno)
	}
	must(t, d.truncate(f, 0))
	must(t, d.write(f, make([]byte, 10), 0))
	d.FailSync(true)
	if errno := d.sync(f); errno != syscall.EIO {
		t.Errorf("a failing sync: %v", errno)
	}
}

func TestCutAfter(t *testing.T) {
	d := newDisk(t)
	f := newFile()
	d.CutAfter(2)
	must(t, d.add(d.root, "f", f))
	if d.IsCut() {
		t.Error("cut too early")
	}
	must(t, d.write(f, []byte("x"), 0))
	if errno := d.write(f, []byte("y"), 0); errno != syscall.EIO || !d.IsCut() {
		t.Errorf("the third operation: %v", errno)
	}
	if got := cut(t, d, None, 0); got["f"] != "x" {
		t.Errorf("left: %q", got)
	}
}
