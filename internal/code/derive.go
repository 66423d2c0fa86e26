package code

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// Fill adds files to a tree that is derived from the one at the given path. Names are clean and relative to the tree; a
// file replaces the one that the tree has under its name, and its directory, but none above that, may be a new one. An
// error of add, which says that this cannot be, ends the derivation.
type Fill func(ctx context.Context, tree string, add func(name string, content []byte) error) error

// Derived returns the tree that Derive made of an archive's, if it is there and whole. The tree stays for at least a
// minute after.
func (c *Cache) Derived(sha, tag string) (string, bool) {
	if !validSHA(sha) || !validTag(tag) {
		return "", false
	}
	return c.find(treeName(sha, tag))
}

// Derive returns the path of the tree with a tag that is derived from that of an archive, which Ensure has unpacked. If
// it is not there yet it is made, once however many callers wait for it: it shares the files of the archive's tree and
// has those that fill adds. The two trees do not need each other; either may be removed. A tag is at most 64 letters,
// digits, dashes and dots. Derive returns ctx's error if ctx ended first, and an error that is ErrNotUnpacked where there
// is nothing to derive from.
func (c *Cache) Derive(ctx context.Context, sha, tag string, fill Fill) (string, error) {
	if !validSHA(sha) || !validTag(tag) {
		return "", fmt.Errorf("code: %q is not the name of a derived tree", treeName(sha, tag))
	}
	name := treeName(sha, tag)
	made, err := c.once(ctx, name, func(root *os.Root) error {
		base, ok := c.Path(sha)
		if !ok {
			return ErrNotUnpacked
		}
		return c.publish(root, name, func(tree *os.Root) (string, error) {
			d := derivation{tree: tree, files: c.limits.Entries, bytes: c.limits.Unzipped}
			return d.write(ctx, base, fill)
		})
	})
	if err != nil {
		return "", fmt.Errorf("code: derive %s: %w", name, err)
	}
	return made, nil
}

func treeName(sha, tag string) string { return sha + "." + tag }

// validTag tells whether a tag can be part of a name, and no seal's.
func validTag(tag string) bool {
	const maxTag = 64
	const letters = "-.0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	return tag != "" && len(tag) <= maxTag && strings.Trim(tag, letters) == "" && !strings.HasSuffix("."+tag, sealed)
}

// derivation is a tree that is being derived from another one.
type derivation struct {
	tree *os.Root
	dirs []string // parents first
	// files and bytes are how much may still be added.
	files int
	bytes int64
}

// write makes the tree and returns its seal.
func (d *derivation) write(ctx context.Context, base string, fill Fill) (seal string, err error) {
	from, err := os.OpenRoot(base)
	if err != nil {
		return "", err
	}
	defer from.Close()
	if err := d.share(ctx, from, base); err != nil {
		return "", err
	}
	if err := fill(ctx, base, d.add); err != nil {
		return "", err
	}
	if err := ctx.Err(); err != nil {
		return "", err
	}
	return d.finish()
}

// finish makes the tree's directories what they stay, and returns its seal.
func (d *derivation) finish() (seal string, err error) {
	for _, dir := range slices.Backward(d.dirs) {
		if err := d.tree.Chmod(dir, modeDir); err != nil {
			return "", err
		}
	}
	if err := d.tree.Chmod(".", modeDir); err != nil {
		return "", err
	}
	entries, size, err := measure(d.tree, ".")
	return sealText(entries, size), err
}

// share gives the tree all that another one has. Files are the same ones, under a second name.
func (d *derivation) share(ctx context.Context, from *os.Root, base string) error {
	return walk(from, ".", func(name string, entry fs.DirEntry) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		return d.shareEntry(from, base, name, entry)
	})
}

// shareEntry gives the tree one entry of another one.
func (d *derivation) shareEntry(from *os.Root, base, name string, entry fs.DirEntry) error {
	switch entry.Type() {
	case fs.ModeDir:
		d.dirs = append(d.dirs, name)
		return d.tree.Mkdir(name, 0o700)
	case fs.ModeSymlink:
		target, err := from.Readlink(name)
		if err != nil {
			return err
		}
		return d.tree.Symlink(target, name)
	case 0:
		err := os.Link(filepath.Join(base, name), filepath.Join(d.tree.Name(), name))
		if cannotLink(err) {
			return d.copy(from, name)
		}
		return err
	}
	return unsupported(entry.Type())
}

// cannotLink tells whether a file system or a limit of it is what keeps a file from getting a second name.
func cannotLink(err error) bool {
	for _, reason := range []error{syscall.EXDEV, syscall.EPERM, syscall.EMLINK, syscall.EOPNOTSUPP, syscall.ENOSYS} {
		if errors.Is(err, reason) {
			return true
		}
	}
	return false
}

// copy gives the tree a file of its own that is like another tree's.
func (d *derivation) copy(from *os.Root, name string) error {
	r, err := from.Open(name)
	if err != nil {
		return err
	}
	defer r.Close()
	info, err := r.Stat()
	if err != nil {
		return err
	}
	if err := d.create(name, r, info.Mode().Perm()); err != nil {
		return err
	}
	return d.tree.Chtimes(name, info.ModTime(), info.ModTime())
}

// create makes a file that was not there.
func (d *derivation) create(name string, r io.Reader, mode fs.FileMode) error {
	w, err := d.tree.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if _, err = io.Copy(w, r); err == nil {
		err = w.Chmod(mode)
	}
	return cmp.Or(err, w.Close())
}

// add is what Fill calls.
func (d *derivation) add(name string, content []byte) error {
	if d.files--; d.files < 0 {
		return fmt.Errorf("add %s: too many files", name)
	}
	if d.bytes -= int64(len(content)); d.bytes < 0 {
		return fmt.Errorf("add %s: too many bytes", name)
	}
	if clean, err := cleanName(name); err != nil || clean != name || name == "." {
		return cmp.Or(err, fmt.Errorf("add %q: it is not a clean name", name))
	}
	if err := d.addDir(path.Dir(name)); err != nil {
		return fmt.Errorf("add %s: %w", name, err)
	}
	switch err := d.isDir(name); {
	case err == nil:
		return fmt.Errorf("add %s: there is a directory of this name", name)
	case !errors.Is(err, fs.ErrNotExist):
		// The name alone goes away: the file may be another tree's, too.
		if err := d.tree.Remove(name); err != nil {
			return fmt.Errorf("add: %w", err)
		}
	}
	return d.create(name, bytes.NewReader(content), modeFile)
}

// addDir makes the directory of a file that is added, or makes sure that it is one. No link is followed: what is added
// is where its name says.
func (d *derivation) addDir(dir string) error {
	if dir == "." {
		return nil
	}
	for above := path.Dir(dir); above != "."; above = path.Dir(above) {
		if err := d.isDir(above); err != nil {
			return err
		}
	}
	err := d.isDir(dir)
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	d.dirs = append(d.dirs, dir)
	return d.tree.Mkdir(dir, 0o700)
}

func (d *derivation) isDir(name string) error {
	info, err := d.tree.Lstat(name)
	if err == nil && !info.IsDir() {
		err = &fs.PathError{Op: "add", Path: name, Err: syscall.ENOTDIR}
	}
	return err
}
