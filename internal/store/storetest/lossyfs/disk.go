// Package lossyfs is a file system for tests that loses at a power cut what was
// not synced, as a disk with a cache may. Content becomes durable when its file
// is synced, names when their directory is. It lives in memory and is mounted
// with FUSE; it knows just enough of a file system for a data directory.
package lossyfs

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
)

// pageSize is what survives a power cut, or does not, as a whole.
const pageSize = 4096

// Loss says what a power cut does to what was not synced.
type Loss int

const (
	// None: all of it survives, as when only the process ends.
	None Loss = iota
	// Some: each page, each truncation and each directory's changes survive
	// with probability 1/2.
	Some
	// All: nothing of it survives.
	All
)

// Disk is a disk with one directory tree.
type Disk struct {
	mu       sync.Mutex
	root     *node
	off      bool  // since the power cut
	left     int   // operations until it, if not 0
	used     int64 // bytes in files
	quota    int64 // 0 is none
	failSync bool
}

// node is a file or a directory: as programs see it, and as it is durable.
type node struct {
	dir bool

	// Of a file.
	live, kept []byte
	dirty      map[int]bool // pages written since the last sync
	low        int          // the least size since then

	// Of a directory.
	names, keptNames map[string]*node
}

func newFile() *node { return &node{dirty: map[int]bool{}} }

func newDir() *node {
	return &node{dir: true, names: map[string]*node{}, keptNames: map[string]*node{}}
}

// New returns a disk whose durable content is a copy of the files below dir.
func New(dir string) (*Disk, error) {
	root, err := load(dir)
	if err != nil {
		return nil, fmt.Errorf("lossyfs: %w", err)
	}
	return &Disk{root: root}, nil
}

func load(path string) (*node, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		n := newFile()
		if n.kept, err = os.ReadFile(path); err != nil {
			return nil, err
		}
		n.live, n.low = slices.Clone(n.kept), len(n.kept)
		return n, nil
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, err
	}
	n := newDir()
	for _, e := range entries {
		if n.names[e.Name()], err = load(filepath.Join(path, e.Name())); err != nil {
			return nil, err
		}
	}
	n.keptNames = maps.Clone(n.names)
	return n, nil
}

// SetQuota bounds the bytes in files; a write beyond it fails as on a full
// disk. Zero takes the bound away.
func (d *Disk) SetQuota(bytes int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.quota = bytes
}

// FailSync makes every sync fail, or succeed again.
func (d *Disk) FailSync(fail bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.failSync = fail
}

// Cut cuts the power: from now on every operation fails.
func (d *Disk) Cut() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.off = true
}

// CutAfter cuts the power after so many more operations.
func (d *Disk) CutAfter(operations int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.left = operations
}

// IsCut tells whether the power is cut.
func (d *Disk) IsCut() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.off
}

// Save writes below dir what a power cut at this moment leaves: what is durable
// and what chance decides to survive.
func (d *Disk) Save(loss Loss, chance *rand.Rand, dir string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	survives := func() bool { return loss == None || loss == Some && chance.IntN(2) == 0 }
	if err := d.root.save(dir, survives); err != nil {
		return fmt.Errorf("lossyfs: %w", err)
	}
	return nil
}

func (n *node) save(path string, survives func() bool) error {
	if !n.dir {
		return os.WriteFile(path, n.afterCut(survives), 0o600)
	}
	names := n.keptNames
	if survives() {
		names = n.names
	}
	if err := os.MkdirAll(path, 0o700); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if err := names[name].save(filepath.Join(path, name), survives); err != nil {
			return err
		}
	}
	return nil
}

// afterCut returns a file's durable content with the changes that survive.
func (n *node) afterCut(survives func() bool) []byte {
	b := slices.Clone(n.kept)
	if n.low < len(b) && survives() {
		b = b[:n.low]
	}
	for _, page := range slices.Sorted(maps.Keys(n.dirty)) {
		if !survives() {
			continue
		}
		start, end := page*pageSize, min((page+1)*pageSize, len(n.live))
		b = resize(b, max(len(b), end))
		copy(b[start:end], n.live[start:end])
	}
	return b
}

func resize(b []byte, size int) []byte {
	if size <= len(b) {
		return b[:size]
	}
	return append(b, make([]byte, size-len(b))...)
}

// do runs an operation of the mounted file system.
func (d *Disk) do(f func() syscall.Errno) syscall.Errno {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.off {
		return syscall.EIO
	}
	if d.left > 0 {
		d.left--
		d.off = d.left == 0
	}
	return f()
}

func (d *Disk) add(parent *node, name string, n *node) syscall.Errno {
	return d.do(func() syscall.Errno {
		parent.names[name] = n
		return 0
	})
}

func (d *Disk) remove(parent *node, name string) syscall.Errno {
	return d.do(func() syscall.Errno {
		if n := parent.names[name]; n.dir && len(n.names) > 0 {
			return syscall.ENOTEMPTY
		}
		d.used -= int64(len(parent.names[name].live))
		delete(parent.names, name)
		return 0
	})
}

func (d *Disk) rename(from *node, name string, to *node, newName string) syscall.Errno {
	return d.do(func() syscall.Errno {
		to.names[newName] = from.names[name]
		delete(from.names, name)
		return 0
	})
}

func (d *Disk) size(n *node) (size int, errno syscall.Errno) {
	errno = d.do(func() syscall.Errno {
		size = len(n.live)
		return 0
	})
	return size, errno
}

func (d *Disk) read(n *node, dest []byte, off int64) (read int, errno syscall.Errno) {
	errno = d.do(func() syscall.Errno {
		if off < int64(len(n.live)) {
			read = copy(dest, n.live[off:])
		}
		return 0
	})
	return read, errno
}

func (d *Disk) write(n *node, data []byte, off int64) syscall.Errno {
	return d.do(func() syscall.Errno {
		end := int(off) + len(data)
		if errno := d.grow(n, max(len(n.live), end)); errno != 0 {
			return errno
		}
		copy(n.live[off:], data)
		for page := int(off) / pageSize; page*pageSize < end; page++ {
			n.dirty[page] = true
		}
		return 0
	})
}

func (d *Disk) truncate(n *node, size int) syscall.Errno {
	return d.do(func() syscall.Errno {
		if errno := d.grow(n, size); errno != 0 {
			return errno
		}
		n.low = min(n.low, size)
		maps.DeleteFunc(n.dirty, func(page int, _ bool) bool { return page*pageSize >= size })
		return 0
	})
}

// grow changes the size that programs see, in either direction.
func (d *Disk) grow(n *node, size int) syscall.Errno {
	more := int64(size - len(n.live))
	if more > 0 && d.quota > 0 && d.used+more > d.quota {
		return syscall.ENOSPC
	}
	d.used += more
	n.live = resize(n.live, size)
	return 0
}

// sync makes a file's content or a directory's names durable.
func (d *Disk) sync(n *node) syscall.Errno {
	return d.do(func() syscall.Errno {
		if d.failSync {
			return syscall.EIO
		}
		if n.dir {
			n.keptNames = maps.Clone(n.names)
			return 0
		}
		n.kept = resize(n.kept[:min(n.low, len(n.kept))], len(n.live))
		for page := range n.dirty {
			start, end := page*pageSize, min((page+1)*pageSize, len(n.live))
			copy(n.kept[start:end], n.live[start:end])
		}
		clear(n.dirty)
		n.low = len(n.live)
		return 0
	})
}
