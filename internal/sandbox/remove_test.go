//go:build unix

package sandbox_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"furl/internal/sandbox"
)

// nest makes directories in one another, deeper than any path reaches.
func nest(t *testing.T, dir string, depth int) {
	t.Helper()
	at, err := os.OpenRoot(dir)
	for i := 0; err == nil && i < depth; i++ {
		var next *os.Root
		if err = at.Mkdir("d", 0o755); err == nil {
			err = at.WriteFile("f"+strconv.Itoa(i%3), nil, 0o600)
		}
		if err == nil {
			next, err = at.OpenRoot("d")
		}
		at.Close()
		at = next
	}
	if err != nil {
		t.Fatal(err)
	}
	at.Close()
}

// fewDescriptors lowers their limit until the test's end.
func fewDescriptors(t *testing.T) {
	t.Helper()
	var before syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &before); err != nil {
		t.Fatal(err)
	}
	few := before
	few.Cur = 200
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &few); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Setrlimit(syscall.RLIMIT_NOFILE, &before) })
}

func TestRemoveTree(t *testing.T) {
	base := t.TempDir()
	kept := filepath.Join(base, "kept")
	if err := errors.Join(os.Mkdir(kept, 0o755), os.WriteFile(filepath.Join(kept, "file"), nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	write := func(dir string, names ...string) error {
		var errs []error
		for _, name := range names {
			path := filepath.Join(dir, name)
			errs = append(errs, os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, nil, 0o600))
		}
		return errors.Join(errs...)
	}
	for name, fill := range map[string]func(dir string) error{
		"empty":   func(string) error { return nil },
		"nothing": func(dir string) error { return os.Remove(dir) },
		"a file":  func(dir string) error { return errors.Join(os.Remove(dir), os.WriteFile(dir, nil, 0o600)) },
		"a tree": func(dir string) error {
			return write(dir, "a/b/c/1", "a/b/c/2", "a/b/3", "a/c/b/4", "a/5", "6", "b/b/b/b")
		},
		"a link in its place": func(dir string) error { return errors.Join(os.Remove(dir), os.Symlink("kept", dir)) },
		"links": func(dir string) error {
			return errors.Join(write(dir, "a/b/1"), os.Symlink(kept, dir+"/a/kept"), os.Symlink("../../../kept", dir+"/a/b/kept"), os.Symlink("nowhere", dir+"/c"))
		},
		"no rights": func(dir string) error {
			return errors.Join(write(dir, "a/b/c/1", "d/2"), os.Chmod(dir+"/a/b/c", 0), os.Chmod(dir+"/a/b", 0o500),
				os.Chmod(dir+"/a", 0), os.Chmod(dir+"/d", 0o100), os.Chmod(dir, 0))
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(base, "dir")
			if err := errors.Join(os.Mkdir(dir, 0o755), fill(dir)); err != nil {
				t.Fatal(err)
			}
			if err := sandbox.RemoveTree(dir); err != nil {
				t.Error(err)
			}
			if _, err := os.Lstat(dir); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("it is still there: %v", err)
			}
			if _, err := os.Stat(filepath.Join(kept, "file")); err != nil {
				t.Error(err)
			}
		})
	}
}

// A program's nesting must cost no descriptors, which the server needs.
func TestRemoveTreeDeep(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "dir")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	nest(t, dir, 1000)
	fewDescriptors(t)
	if err := sandbox.RemoveTree(dir); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("it is still there: %v", err)
	}
}
