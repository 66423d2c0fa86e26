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

// removeTree deletes a sandbox's directory, in which nothing runs any more. The
// program may have taken from itself the right to delete.
func removeTree(dir string) error {
	if err := os.RemoveAll(dir); err == nil {
		return nil
	}
	root, err := os.OpenRoot(dir) // its links lead nowhere
	if err != nil {
		return fmt.Errorf("confined: %w", err)
	}
	defer root.Close()
	open(root, ".")
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("confined: %w", err)
	}
	return nil
}

// open gives directories back to their owner, as far as it goes: what then cannot
// be deleted says so itself.
func open(root *os.Root, dir string) {
	root.Chmod(dir, 0o700)
	entries, err := fs.ReadDir(root.FS(), dir)
	if err != nil {
		return
	}
	for _, e := range entries {
		if e.IsDir() {
			open(root, filepath.Join(dir, e.Name()))
		}
	}
}

// usage is what a directory holds: bytes on the disk, and files. It stops
// counting beyond a number of files.
func usage(dir string, enough int) (bytes int64, files int) {
	root, err := os.OpenRoot(dir) // the program may replace directories by links
	if err != nil {
		return 0, 0
	}
	defer root.Close()
	fs.WalkDir(root.FS(), ".", func(_ string, e fs.DirEntry, err error) error {
		if err != nil || e == nil {
			return nil // gone, or closed by the program
		}
		files++
		if info, err := e.Info(); err == nil {
			if st, ok := info.Sys().(*syscall.Stat_t); ok {
				bytes += st.Blocks * 512
			}
		}
		if files > enough {
			return fs.SkipAll
		}
		return nil
	})
	return bytes, files
}
