package confined

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// mirror makes a tree like another: its directories and links, and hard links of
// its files. Where files cannot be linked, they are copied if that is allowed. Every
// user may read it.
func mirror(from, to string, mayCopy bool) error {
	copies := false
	err := filepath.WalkDir(from, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		place := to + strings.TrimPrefix(path, from)
		switch {
		case e.IsDir():
			if err := os.Mkdir(place, 0o755); err != nil && path != from {
				return err
			}
			return os.Chmod(place, 0o755) // whatever the umask is
		case e.Type() == fs.ModeSymlink:
			target, err := os.Readlink(path)
			if err != nil {
				return err
			}
			return os.Symlink(target, place)
		case !e.Type().IsRegular():
			return nil // functions' code has nothing else
		}
		if !copies {
			err := os.Link(path, place)
			if err == nil {
				return nil
			}
			// Another file system, or files of somebody else, or too many links.
			if !mayCopy || !errors.Is(err, unix.EXDEV) && !errors.Is(err, unix.EPERM) && !errors.Is(err, unix.EMLINK) {
				return err
			}
			copies = !errors.Is(err, unix.EMLINK)
		}
		return copyFile(path, place)
	})
	if err != nil {
		return fmt.Errorf("confined: code: %w", err)
	}
	return nil
}

func copyFile(from, to string) error {
	r, err := os.Open(from)
	if err != nil {
		return err
	}
	defer r.Close()
	info, err := r.Stat()
	if err != nil {
		return err
	}
	w, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(w, r)
	if err == nil {
		err = w.Chmod(info.Mode().Perm() | 0o444)
	}
	return errors.Join(err, w.Close())
}

// maxDepth is how deep directories may be in one another: no path reaches much
// farther, and each level of them costs a descriptor to look at.
const maxDepth = 256

// usage is what a directory holds: bytes on the disk, and files. It stops
// counting beyond a number of files, and where directories are too deep, which
// counts as too many.
func usage(dir string, enough int) (bytes int64, files int) {
	root, err := os.OpenRoot(dir) // the program may replace directories by links
	if err != nil {
		return 0, 0
	}
	defer root.Close()
	c := census{enough: enough}
	c.count(root, ".")
	c.dir(root, 0)
	return c.bytes, c.files
}

type census struct {
	enough int
	bytes  int64
	files  int
}

// dir counts what is in a directory. What it cannot look at is gone, or was closed
// by the program.
func (c *census) dir(dir *os.Root, depth int) {
	if depth == maxDepth {
		c.files = c.enough + 1
		return
	}
	f, err := dir.Open(".")
	if err != nil {
		return
	}
	defer f.Close()
	for c.files <= c.enough {
		entries, err := f.ReadDir(1024)
		for _, e := range entries {
			if c.files > c.enough {
				return
			}
			c.count(dir, e.Name())
			if !e.IsDir() {
				continue
			}
			if below, err := dir.OpenRoot(e.Name()); err == nil {
				c.dir(below, depth+1)
				below.Close()
			}
		}
		if err != nil {
			return
		}
	}
}

func (c *census) count(dir *os.Root, name string) {
	c.files++
	if info, err := dir.Lstat(name); err == nil {
		if st, ok := info.Sys().(*syscall.Stat_t); ok {
			c.bytes += st.Blocks * 512
		}
	}
}
