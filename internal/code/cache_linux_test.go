package code_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"furl/internal/code"
)

// asNobody runs f without the permissions of root, if the test has them: a thread of Linux may give up its rights to
// files for itself alone. The thread ends with f.
func asNobody(t *testing.T, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		if os.Getuid() == 0 {
			runtime.LockOSThread() // and never unlocked
			if _, _, errno := syscall.RawSyscall(syscall.SYS_SETFSUID, 65534, 0, 0); errno != 0 {
				t.Errorf("setfsuid: %v", errno)
				return
			}
		}
		f()
	}()
	<-done
}

// sharedDir returns a directory that nobody can reach too: t.TempDir is beneath one that is closed to others.
func sharedDir(t *testing.T, mode fs.FileMode) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "code")
	if err == nil {
		err = os.Chmod(dir, mode)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

func TestUnwritable(t *testing.T) {
	dir := sharedDir(t, 0o555)
	for _, name := range []string{dir, filepath.Join(dir, "code")} {
		asNobody(t, func() {
			_, err := code.Open(name, code.Limits{})
			if !errors.Is(err, fs.ErrPermission) || !strings.Contains(err.Error(), "permission to write") {
				t.Errorf("Open: %v; want a permission error with a hint", err)
			}
		})
	}
}

// Read-only directories stop everyone but root from moving and removing; an ordinary user must be able to run all of it.
func TestWithoutPrivileges(t *testing.T) {
	dir := sharedDir(t, 0o777)
	data := archive(t, entry{name: "a/b/f", body: "contents"}, entry{name: "g", body: "more"})
	asNobody(t, func() {
		c, err := code.Open(filepath.Join(dir, "code"), code.Limits{})
		if err != nil {
			t.Error(err)
			return
		}
		path, err := c.Ensure(t.Context(), digest(data), opener(data))
		if err != nil {
			t.Error(err)
			return
		}
		if _, err := os.OpenFile(filepath.Join(path, "new"), os.O_CREATE|os.O_WRONLY, 0o600); !errors.Is(err, fs.ErrPermission) {
			t.Errorf("write into a tree: %v; want a permission error", err)
		}
		if _, err := c.Derive(t.Context(), digest(data), tag, adds("a/b/__pycache__/f", "1", "g", "2")); err != nil {
			t.Errorf("derive: %v", err)
		}
		if err := os.Remove(path + ".seal"); err != nil {
			t.Error(err)
		}
		c, err = code.Open(filepath.Join(dir, "code"), code.Limits{})
		if err != nil {
			t.Error(err)
			return
		}
		if _, err := c.Ensure(t.Context(), digest(data), opener(data)); err != nil {
			t.Errorf("rebuild: %v", err)
		}
		c, err = code.Open(filepath.Join(dir, "code"), code.Limits{}) // one that has not been asked for anything
		if err != nil {
			t.Error(err)
			return
		}
		if err := c.Sweep(func(string, string) bool { return false }); err != nil {
			t.Error(err)
		}
	})
}

// Where files cannot have a second name they are copied: the kernel grants nobody one for files of root's.
func TestDeriveByCopying(t *testing.T) {
	dir := sharedDir(t, 0o777)
	data := app(t)
	base := ensure(t, open(t, dir), data)
	if err := os.Chmod(base+".seal", 0o644); err != nil {
		t.Fatal(err)
	}
	var path string
	asNobody(t, func() {
		c, err := code.Open(dir, code.Limits{})
		if err == nil {
			path, err = c.Derive(t.Context(), digest(data), tag, adds())
		}
		if err != nil {
			t.Error(err)
		}
	})
	if t.Failed() {
		return
	}
	if a, b := listing(t, base), listing(t, path); a != b {
		t.Errorf("a copy holds\n%swant\n%s", b, a)
	}
	a, errA := os.Stat(base + "/app.py")
	b, errB := os.Stat(path + "/app.py")
	protected, errC := os.ReadFile("/proc/sys/fs/protected_hardlinks")
	copies := os.Getuid() == 0 && strings.TrimSpace(string(protected)) == "1"
	if err := errors.Join(errA, errB, errC); err != nil || os.SameFile(a, b) == copies {
		t.Errorf("%v; app.py is copied: %t, want %t", err, !copies, copies)
	}
}
