package sqlite

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"furl/internal/store"
)

// blobs keeps each blob in the file blobs/ab/abcdef…, named by its hash. A
// file gets that name when it is complete and on disk; its modification time
// is when it was last put.
type blobs struct {
	dir string // …/blobs
	now func() time.Time

	// mu keeps a blob that is put again from being swept meanwhile.
	mu sync.Mutex
}

// unfinishedName is the directory for blobs that are being written.
const unfinishedName = "tmp"

// openBlobs creates the directory and removes what was not finished.
func openBlobs(data string, now func() time.Time) (*blobs, error) {
	b := &blobs{dir: filepath.Join(data, blobName), now: now}
	unfinished := filepath.Join(b.dir, unfinishedName)
	if err := makeDir(unfinished); err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(unfinished)
	if err != nil {
		return nil, cannotUse(unfinished, err)
	}
	for _, e := range entries {
		if err := os.RemoveAll(filepath.Join(unfinished, e.Name())); err != nil {
			return nil, cannotUse(unfinished, err)
		}
	}
	return b, nil
}

// anyBlob tells whether there is a blob in a directory that may be missing.
func anyBlob(dir string) (bool, error) {
	found := false
	err := eachBlob(dir, func(string, string) error {
		found = true
		return fs.SkipAll
	})
	return found, err
}

// eachBlob calls f with the hash and path of every blob, until f fails;
// fs.SkipAll is no failure.
func eachBlob(dir string, f func(sha, path string) error) error {
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil
		case err != nil:
			return err
		case e.IsDir() || !isSHA(e.Name()) || e.Name()[:2] != filepath.Base(filepath.Dir(path)):
			return nil
		}
		return f(e.Name(), path)
	})
	if err != nil {
		return fmt.Errorf("sqlite: walk blobs: %w", err)
	}
	return nil
}

// isSHA tells whether name is a SHA-256 in lower-case hex.
func isSHA(name string) bool {
	if len(name) != hex.EncodedLen(sha256.Size) {
		return false
	}
	for _, c := range []byte(name) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

func (b *blobs) path(sha string) (string, error) {
	if !isSHA(sha) {
		return "", fmt.Errorf("sqlite: blob %q: not a SHA-256 in lower-case hex", sha)
	}
	return filepath.Join(b.dir, sha[:2], sha), nil
}

// Put implements store.Blobs.
func (s *Store) Put(ctx context.Context, sha string, size int64, r io.Reader) error {
	ctx, leave, err := s.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	path, err := s.blobs.path(sha)
	if err != nil {
		return err
	}
	there, err := s.blobs.renew(path, size)
	if there || err != nil {
		return err
	}
	unfinished, err := s.blobs.write(ctx, sha, size, r)
	if err != nil {
		return ended(ctx, fmt.Errorf("sqlite: put blob %s: %w", sha, err))
	}
	if err := s.blobs.name(unfinished, path); err != nil {
		return errors.Join(fmt.Errorf("sqlite: put blob %s: %w", sha, err), removeIfThere(unfinished))
	}
	return nil
}

// renew makes a blob that is there count as put now.
func (b *blobs) renew(path string, size int64) (there bool, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && info.Size() != size {
		return false, nil // a file of another size is damaged: it is replaced
	}
	if err == nil {
		now := b.now()
		err = os.Chtimes(path, now, now)
	}
	if err != nil {
		return false, fmt.Errorf("sqlite: blob: %w", err)
	}
	return true, b.sync(path) // whoever named it may not have come to that
}

// write copies the content to a new file, on disk when it returns its path.
func (b *blobs) write(ctx context.Context, sha string, size int64, r io.Reader) (path string, err error) {
	f, err := os.CreateTemp(filepath.Join(b.dir, unfinishedName), sha[:8]+"-*")
	if err != nil {
		return "", err
	}
	defer func() {
		if cerr := f.Close(); err == nil {
			err = cerr
		}
		if err != nil {
			err = errors.Join(err, removeIfThere(f.Name()))
		}
	}()
	hash := sha256.New()
	// One byte more than announced is enough to see that it is too long.
	n, err := io.Copy(io.MultiWriter(f, hash), io.LimitReader(readerContext{ctx, r}, size+1))
	if err != nil {
		return "", err
	}
	if sum := hex.EncodeToString(hash.Sum(nil)); n != size || sum != sha {
		return "", fmt.Errorf("%w: %d of %d bytes, SHA-256 %s", store.ErrMismatch, n, size, sum)
	}
	now := b.now()
	if err := os.Chtimes(f.Name(), now, now); err != nil {
		return "", err
	}
	return f.Name(), f.Sync()
}

// name gives a finished file its name, durably.
func (b *blobs) name(unfinished, path string) error {
	if err := makeDir(filepath.Dir(path)); err != nil {
		return err
	}
	b.mu.Lock()
	err := os.Rename(unfinished, path)
	b.mu.Unlock()
	if err != nil {
		return err
	}
	return b.sync(path)
}

// sync makes the name of a blob durable.
func (b *blobs) sync(path string) error {
	if err := syncDir(filepath.Dir(path)); err != nil {
		return err
	}
	return syncDir(b.dir)
}

func removeIfThere(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// readerContext fails when its context ends.
type readerContext struct {
	ctx context.Context
	r   io.Reader
}

func (r readerContext) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(p)
}

// Open implements store.Blobs; what it returns is an *os.File.
func (s *Store) Open(ctx context.Context, sha string) (io.ReadCloser, error) {
	_, leave, err := s.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	path, err := s.blobs.path(sha)
	if err != nil {
		return nil, err
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("sqlite: open blob: %w", err)
	}
	return f, nil
}

// Sweep implements store.Blobs.
func (s *Store) Sweep(ctx context.Context, keep func(sha string) bool, olderThan time.Duration) error {
	ctx, leave, err := s.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	limit := s.now().Add(-olderThan)
	return eachBlob(s.blobs.dir, func(sha, path string) error {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if keep(sha) {
			return nil
		}
		return s.blobs.removeOlder(path, limit)
	})
}

// removeOlder removes a blob that was put before limit.
func (b *blobs) removeOlder(path string, limit time.Time) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case !info.ModTime().Before(limit):
		return nil
	}
	return removeIfThere(path)
}
