package code

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

const (
	// unfinished begins the names of what is being made or removed; whatever has such a name when a cache is opened is
	// left over from a process that was killed.
	unfinished = ".new-"
	// sealed ends the name of the file that says what a finished tree holds.
	sealed = ".seal"
	// sweepGrace spares trees that were asked for so recently that the caller of Sweep may not know of it yet.
	sweepGrace = time.Minute
)

// Cache holds unpacked archives in one directory: {sha}/ is the read-only tree of the archive with that SHA-256,
// {sha}.seal its size. {sha}.{tag}/ is a tree that Derive made of it, with a seal likewise. A directory belongs to one
// Cache of one process at a time. All of it can be rebuilt from the archives, so nothing is synced; instead a tree is
// compared with its seal before its first use in a process, and one that a power cut left incomplete is made again. A
// Cache is safe for concurrent use and holds nothing that needs closing.
type Cache struct {
	dir    string
	limits Limits

	mu     sync.Mutex
	used   map[string]time.Time // trees known to be whole, and when each was last asked for
	flight map[string]chan struct{}
}

// Open opens the cache in a directory, which it creates if need be, and clears away what a killed process left behind.
// limits apply to archives unpacked by Ensure.
func Open(dir string, limits Limits) (*Cache, error) {
	c := &Cache{
		dir:    dir,
		limits: limits.orDefault(),
		used:   map[string]time.Time{},
		flight: map[string]chan struct{}{},
	}
	// Not listed for others, yet passable: sandboxes of other users reach trees whose names they were given.
	if err := os.MkdirAll(dir, 0o711); err != nil {
		return nil, fmt.Errorf("code: open: %w", unusable(dir, err))
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("code: open: %w", unusable(dir, err))
	}
	defer root.Close()
	entries, err := fs.ReadDir(root.FS(), ".")
	if err != nil {
		return nil, fmt.Errorf("code: open: %w", unusable(dir, err))
	}
	for _, entry := range entries {
		if strings.HasPrefix(entry.Name(), unfinished) {
			if err := remove(root, entry.Name()); err != nil {
				return nil, fmt.Errorf("code: open: %w", unusable(dir, err))
			}
		}
	}
	probe := unfinished + rand.Text()
	if err := root.Mkdir(probe, 0o700); err != nil {
		return nil, fmt.Errorf("code: open: %w", unusable(dir, err))
	}
	if err := root.Remove(probe); err != nil {
		return nil, fmt.Errorf("code: open: %w", unusable(dir, err))
	}
	return c, nil
}

// unusable returns the error for a cache directory that cannot be used, with what to do about it.
func unusable(dir string, err error) error {
	return fmt.Errorf("the directory for unpacked code %s cannot be used: %w; "+
		"give the user that furl runs as permission to write there, or choose another data directory", dir, err)
}

// Path returns the tree of an archive if it is unpacked and whole. The tree stays for at least a minute after.
func (c *Cache) Path(sha string) (string, bool) {
	if !validSHA(sha) {
		return "", false
	}
	return c.find(sha)
}

// find returns the tree with a name if it is there and whole.
func (c *Cache) find(name string) (string, bool) {
	path := filepath.Join(c.dir, name)
	c.mu.Lock()
	_, known := c.used[name]
	if known {
		c.used[name] = time.Now()
	}
	c.mu.Unlock()
	if known {
		if info, err := os.Lstat(path); err == nil && info.IsDir() {
			return path, true
		}
		c.forget(name)
		return "", false
	}
	if c.take(name) != nil {
		return "", false
	}
	whole := c.whole(name)
	c.release(name, whole)
	return path, whole
}

// Ensure returns the path of the tree of the archive with the given SHA-256 (64 lower-case hexadecimal digits). If it is
// not there yet, the archive is read from open, verified and unpacked, once however many callers wait for it. It returns
// an *InvalidError or a *TooLargeError for an archive that may not be unpacked, an error that is ErrDigest for one that is
// not the one asked for, and ctx's error if ctx ended first. The tree stays for at least a minute after.
func (c *Cache) Ensure(ctx context.Context, sha string, open func() (io.ReadCloser, error)) (string, error) {
	if !validSHA(sha) {
		return "", fmt.Errorf("code: %q is no SHA-256 in hexadecimal", sha)
	}
	path, err := c.once(ctx, sha, func(root *os.Root) error { return c.unpack(ctx, root, sha, open) })
	if err != nil {
		return "", fmt.Errorf("code: unpack %s: %w", sha, err)
	}
	return path, nil
}

// once returns the path of the tree with a name, which build makes if it is not there, once however many callers wait
// for it.
func (c *Cache) once(ctx context.Context, name string, build func(root *os.Root) error) (string, error) {
	for {
		if path, ok := c.find(name); ok {
			return path, nil
		}
		if err := ctx.Err(); err != nil {
			return "", err
		}
		if busy := c.take(name); busy != nil {
			// Whoever is at it may fail for reasons of its own (a context that ends): look again, then try it here.
			select {
			case <-busy:
			case <-ctx.Done():
			}
			continue
		}
		return c.buildTaken(name, build)
	}
}

// buildTaken makes a tree whose name this caller has taken, and releases the name.
func (c *Cache) buildTaken(name string, build func(root *os.Root) error) (path string, err error) {
	done := false
	defer func() { c.release(name, done) }()
	if c.whole(name) { // made while this caller was not looking
		done = true
		return filepath.Join(c.dir, name), nil
	}
	root, err := os.OpenRoot(c.dir)
	if err != nil {
		return "", unusable(c.dir, err)
	}
	defer root.Close()
	if err := build(root); err != nil {
		return "", err
	}
	done = true
	return filepath.Join(c.dir, name), nil
}

// unpack fetches, checks and unpacks an archive, as publish wants it.
func (c *Cache) unpack(ctx context.Context, root *os.Root, sha string, open func() (io.ReadCloser, error)) error {
	archive, size, err := c.fetch(ctx, root, sha, open)
	if err != nil {
		return err
	}
	defer archive.Close()
	p, err := newPlan(archive, size, c.limits)
	if err != nil {
		return err
	}
	return c.publish(root, sha, func(tree *os.Root) (string, error) { return p.seal(), p.extract(ctx, tree) })
}

// publish has write make a tree beneath a name that nobody uses, and renames the finished one. The name is in the same
// directory as the final one: a read-only directory cannot be moved to another. write returns the seal.
func (c *Cache) publish(root *os.Root, name string, write func(tree *os.Root) (seal string, err error)) (err error) {
	temp := unfinished + rand.Text()
	if err := root.Mkdir(temp, 0o700); err != nil {
		return unusable(c.dir, err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, remove(root, temp))
		}
	}()
	tree, err := root.OpenRoot(temp)
	if err != nil {
		return err
	}
	defer tree.Close()
	seal, err := write(tree)
	if err != nil {
		return err
	}
	if err := discard(root, name); err != nil { // an incomplete tree of this name
		return err
	}
	if err := root.WriteFile(name+sealed, []byte(seal), 0o600); err != nil {
		return err
	}
	return root.Rename(temp, name)
}

// fetch copies an archive into a file that has no name any more, and verifies its digest.
func (c *Cache) fetch(ctx context.Context, root *os.Root, sha string,
	open func() (io.ReadCloser, error)) (_ *os.File, size int64, err error) {
	r, err := open()
	if err != nil {
		return nil, 0, err
	}
	defer r.Close()
	temp := unfinished + rand.Text()
	archive, err := root.OpenFile(temp, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, 0, unusable(c.dir, err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, archive.Close())
		}
	}()
	if err := root.Remove(temp); err != nil {
		return nil, 0, err
	}
	sum := sha256.New()
	size, err = io.CopyN(io.MultiWriter(archive, sum), contextReader{ctx, r}, c.limits.Zipped)
	if err == nil { // there may be more
		_, err = io.ReadFull(r, make([]byte, 1))
	}
	switch {
	case err == nil:
		return nil, 0, &TooLargeError{Zipped: true, Limit: c.limits.Zipped}
	case err != io.EOF:
		return nil, 0, err
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != sha {
		return nil, 0, fmt.Errorf("%w: it has %s", ErrDigest, got)
	}
	return archive, size, nil
}

// whole tells whether the tree with a name holds what its seal says.
func (c *Cache) whole(name string) bool {
	root, err := os.OpenRoot(c.dir)
	if err != nil {
		return false
	}
	defer root.Close()
	seal, err := root.ReadFile(name + sealed)
	if err != nil {
		return false
	}
	info, err := root.Lstat(name)
	if err != nil || !info.IsDir() {
		return false
	}
	entries, size, err := measure(root, name)
	return err == nil && string(seal) == sealText(entries, size)
}

// seal returns the seal of the plan's tree.
func (p *plan) seal() string {
	var size int64
	for _, f := range p.files {
		size += int64(f.zip.UncompressedSize64)
	}
	return sealText(p.info.Entries, size)
}

func sealText(entries int, size int64) string {
	return fmt.Sprintf("%d entries, %d bytes\n", entries, size)
}

// Sweep removes the trees for which keep answers false, except those asked for within the last minute. keep is called
// with no lock held, once for each tree: with an archive's SHA-256 and the tag of what was derived from it, or "" for the
// archive's own tree.
func (c *Cache) Sweep(keep func(sha, tag string) bool) error {
	root, err := os.OpenRoot(c.dir)
	if err != nil {
		return fmt.Errorf("code: sweep: %w", unusable(c.dir, err))
	}
	defer root.Close()
	entries, err := fs.ReadDir(root.FS(), ".")
	if err != nil {
		return fmt.Errorf("code: sweep: %w", unusable(c.dir, err))
	}
	var failed []error
	asked := map[string]bool{}
	for _, entry := range entries {
		name := strings.TrimSuffix(entry.Name(), sealed) // of a tree that was not finished there may be only the seal
		sha, tag, ok := splitName(name)
		if !ok || asked[name] {
			continue
		}
		asked[name] = true
		if keep(sha, tag) || !c.takeUnused(name) {
			continue
		}
		if err := discard(root, name); err != nil {
			failed = append(failed, fmt.Errorf("code: sweep %s: %w", name, err))
		}
		c.release(name, false)
	}
	return errors.Join(failed...)
}

// discard removes a tree and its seal. The tree loses its name first: no path leads to half a tree.
func discard(root *os.Root, name string) error {
	if err := root.Remove(name + sealed); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	gone := unfinished + rand.Text()
	switch err := root.Rename(name, gone); {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	}
	return remove(root, gone)
}

// take makes the caller the only one to work on a tree, until it calls release. If someone else does, it
// returns a channel that is closed when that is over.
func (c *Cache) take(name string) (busy <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if done, ok := c.flight[name]; ok {
		return done
	}
	c.flight[name] = make(chan struct{})
	return nil
}

// takeUnused is take for a tree that is to be removed; it answers false where the tree is in use.
func (c *Cache) takeUnused(name string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, busy := c.flight[name]; busy || time.Since(c.used[name]) < sweepGrace {
		return false
	}
	delete(c.used, name)
	c.flight[name] = make(chan struct{})
	return true
}

// release ends what take began; whole tells whether the tree can be used now.
func (c *Cache) release(name string, whole bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if whole {
		c.used[name] = time.Now()
	}
	close(c.flight[name])
	delete(c.flight, name)
}

// forget drops a tree that someone has removed from beneath the cache.
func (c *Cache) forget(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.used, name)
}

// splitName returns what the name of a tree is made of: an archive's SHA-256 and, if the tree was derived, its tag.
func splitName(name string) (sha, tag string, ok bool) {
	sha, tag, derived := strings.Cut(name, ".")
	return sha, tag, validSHA(sha) && (!derived || validTag(tag))
}

// validSHA tells whether s is a SHA-256 as 64 lower-case hexadecimal digits.
func validSHA(s string) bool {
	return len(s) == 2*sha256.Size && strings.Trim(s, "0123456789abcdef") == ""
}
