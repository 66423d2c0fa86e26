package code

import (
	"cmp"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"time"
)

// Modes of an unpacked tree. Only the executable bit of an archive counts: set for anyone, it is set for all. Lambda too
// runs the code under another user than the one who packed it; a bootstrap that is not executable fails there and here.
const (
	modeFile       = 0o444
	modeExecutable = 0o555
	modeDir        = 0o555
)

// epoch is the time of files whose archive gives none: the earliest that a zip archive can express.
func epoch() time.Time { return time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC) }

// extract creates the plan's tree beneath an empty directory. Links come last, so nothing is ever written through one.
func (p *plan) extract(ctx context.Context, root *os.Root) error {
	for _, dir := range p.dirs {
		if err := root.Mkdir(dir, 0o700); err != nil {
			return err
		}
	}
	for _, f := range p.files {
		if err := p.extractFile(ctx, root, f); err != nil {
			return err
		}
	}
	for _, l := range p.links {
		if err := root.Symlink(l.target, l.name); err != nil {
			return err
		}
	}
	for _, dir := range slices.Backward(p.dirs) {
		if err := root.Chmod(dir, modeDir); err != nil {
			return err
		}
	}
	return root.Chmod(".", modeDir)
}

// extractFile creates one file with the archive's modification time, by which interpreters tell whether compiled code
// that came with it is current.
func (p *plan) extractFile(ctx context.Context, root *os.Root, f file) error {
	w, err := root.OpenFile(f.name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	err = p.copyFile(ctx, w, f)
	if err == nil {
		err = w.Chmod(f.mode())
	}
	if closeErr := w.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return err
	}
	modified := f.zip.Modified
	if modified.Before(epoch()) {
		modified = epoch()
	}
	return root.Chtimes(f.name, modified, modified)
}

func (f file) mode() fs.FileMode {
	if f.executable {
		return modeExecutable
	}
	return modeFile
}

// measure counts what lies beneath a directory, itself not counted, and the bytes of its files.
func measure(root *os.Root, dir string) (entries int, size int64, err error) {
	err = walk(root, dir, func(_ string, d fs.DirEntry) error {
		entries++
		if d.Type().IsRegular() {
			info, err := d.Info()
			if err != nil {
				return err
			}
			size += info.Size()
		}
		return nil
	})
	return entries, size, err
}

// remove deletes a directory with all that is in it, which takes write permission in read-only trees first.
func remove(root *os.Root, dir string) error {
	info, err := root.Lstat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil && info.IsDir() {
		err = root.Chmod(dir, 0o700)
	}
	if err == nil && info.IsDir() {
		err = walk(root, dir, func(name string, d fs.DirEntry) error {
			if d.IsDir() {
				return root.Chmod(name, 0o700)
			}
			return nil
		})
	}
	if err != nil {
		return err
	}
	return root.RemoveAll(dir)
}

// walk visits all that lies beneath a directory, a directory before what is in it and otherwise in the order of names.
// fs.WalkDir would not do: names in an archive need not be UTF-8, and fs.FS knows no others.
func walk(root *os.Root, dir string, visit func(name string, d fs.DirEntry) error) error {
	f, err := root.Open(dir)
	if err != nil {
		return err
	}
	entries, err := f.ReadDir(-1)
	if err := cmp.Or(err, f.Close()); err != nil {
		return err
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return cmp.Compare(a.Name(), b.Name()) })
	for _, d := range entries {
		name := path.Join(dir, d.Name())
		if err := visit(name, d); err != nil {
			return err
		}
		if d.IsDir() {
			if err := walk(root, name, visit); err != nil {
				return err
			}
		}
	}
	return nil
}

// contextReader fails when its context ends.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (r contextReader) Read(b []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(b)
}
