package sandbox

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
)

// RemoveTree deletes a directory of a sandbox, in which nothing runs any more; that
// there is none is no error. A program can nest directories without limit, and take
// from itself the rights that it takes to delete them. So directories are emptied
// where the tree begins, to where those below are moved: os.RemoveAll would hold a
// descriptor for each level, and the server has others to serve with them.
func RemoveTree(dir string) error {
	parent, err := os.OpenRoot(filepath.Dir(dir))
	if err == nil {
		defer parent.Close()
		err = removeTree(parent, filepath.Base(dir))
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("sandbox: remove %s: %w", dir, err)
	}
	return nil
}

func removeTree(parent *os.Root, name string) error {
	if err := parent.Remove(name); err == nil || errors.Is(err, fs.ErrNotExist) {
		return nil // it was empty, or no directory
	}
	top, err := openOwn(parent, name)
	if err != nil {
		return err
	}
	defer top.Close()
	r := remover{top: top, prefix: rand.Text()}
	for {
		entries, err := fs.ReadDir(top.FS(), ".")
		if err != nil {
			return err
		}
		if len(entries) == 0 {
			return parent.Remove(name)
		}
		before := r.done
		r.err = nil
		for _, e := range entries {
			r.remove(e)
		}
		if r.done == before {
			return r.err
		}
	}
}

// openOwn opens a directory after its owner, or root, took all rights to it.
func openOwn(parent *os.Root, name string) (*os.Root, error) {
	if err := parent.Chmod(name, 0o700); err != nil {
		return nil, err
	}
	return parent.OpenRoot(name)
}

// remover empties a directory.
type remover struct {
	top    *os.Root
	prefix string // of names that nothing in it has
	moved  int
	done   int   // entries that are gone, or moved
	err    error // the last one
}

func (r *remover) note(err error) bool {
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		r.err = err
		return false
	}
	r.done++
	return true
}

// remove deletes an entry of the directory. What it holds that is not empty itself is
// moved beside it, where the next round finds it.
func (r *remover) remove(e fs.DirEntry) {
	if err := r.top.Remove(e.Name()); err == nil || !e.IsDir() {
		r.note(err)
		return
	}
	dir, err := openOwn(r.top, e.Name())
	if err != nil {
		r.err = err
		return
	}
	defer dir.Close()
	entries, err := fs.ReadDir(dir.FS(), ".")
	if err != nil {
		r.err = err
		return
	}
	for _, below := range entries {
		err := dir.Remove(below.Name())
		if err == nil || !below.IsDir() {
			r.note(err)
			continue
		}
		// To move a directory takes the right to write to it.
		if err := dir.Chmod(below.Name(), 0o700); err != nil {
			r.err = err
			continue
		}
		to := r.prefix + strconv.Itoa(r.moved)
		if r.note(r.top.Rename(filepath.Join(e.Name(), below.Name()), to)) {
			r.moved++
		}
	}
	r.note(r.top.Remove(e.Name()))
}
