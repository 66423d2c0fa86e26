package sqlite

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"furl/internal/store"
)

// Names in the data directory.
const (
	dbName   = "furl.db"
	newName  = "furl.db.new" // a database that is being created
	lockName = "LOCK"
	blobName = "blobs"
)

// lockWord begins a LOCK file; it marks a directory as furl's.
const lockWord = "furl"

// knownNames are what a directory without a database may contain and still be
// taken for furl's. A name that ends in "*" stands for all that begin so.
func knownNames() []string {
	return []string{
		dbName + "*", lockName, blobName, "logs", "ca", "root-access-key", "config.toml",
		"lost+found", // of a file system mounted at the directory
		".DS_Store",
	}
}

// makeDir creates the directory, durably, for its owner only.
func makeDir(dir string) error {
	var missing []string
	for d := dir; ; d = filepath.Dir(d) {
		info, err := os.Stat(d)
		if err == nil && info.IsDir() {
			break
		}
		if err == nil {
			return &store.RefusedError{Path: d, Why: "not a directory", Fix: "name another data directory"}
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return cannotUse(d, err)
		}
		missing = append(missing, d)
	}
	for _, d := range slices.Backward(missing) {
		if err := os.Mkdir(d, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return cannotUse(d, err)
		}
		if err := syncDir(filepath.Dir(d)); err != nil {
			return err
		}
	}
	return nil
}

func cannotUse(path string, err error) error {
	return &store.RefusedError{
		Path: path, Why: "cannot be used", Err: err,
		Fix: "run furl as the user who owns the data directory, or name another data directory",
	}
}

// refuseForeign refuses a directory that has files but none of furl's making:
// most likely it was named by mistake.
func refuseForeign(dir string, more []string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return cannotUse(dir, err)
	}
	known := append(knownNames(), more...)
	var foreign string
	for _, e := range entries {
		switch {
		case e.Name() == dbName:
			return nil
		case e.Name() == lockName:
			if _, ours := readLock(filepath.Join(dir, lockName)); ours {
				return nil
			}
		case foreign == "" && !matches(known, e.Name()):
			foreign = e.Name()
		}
	}
	if foreign == "" {
		return nil
	}
	return &store.RefusedError{
		Path: dir,
		Why:  fmt.Sprintf("not a data directory of furl: it has no %s but other files, such as %q", dbName, foreign),
		Fix:  "name a directory that is empty or does not exist",
	}
}

func matches(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		if prefix, ok := strings.CutSuffix(p, "*"); ok {
			return strings.HasPrefix(name, prefix)
		}
		return p == name
	})
}

// lockDir takes the directory for this process, until the file is closed or
// the process ends, however it ends.
func lockDir(dir string) (*os.File, error) {
	path := filepath.Join(dir, lockName)
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, cannotUse(path, err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		if errors.Is(err, unix.EWOULDBLOCK) {
			pid, _ := readLock(path)
			return nil, errors.Join(&store.LockedError{Dir: dir, PID: pid}, f.Close())
		}
		return nil, errors.Join(cannotUse(path, err), f.Close())
	}
	if err := writeLock(f); err != nil {
		return nil, errors.Join(fmt.Errorf("sqlite: write %s: %w", path, err), f.Close())
	}
	return f, nil
}

func writeLock(f *os.File) error {
	content := fmt.Sprintf("%s %d\n", lockWord, os.Getpid())
	if _, err := f.WriteAt([]byte(content), 0); err != nil {
		return err
	}
	return f.Truncate(int64(len(content)))
}

// readLock returns the process that wrote the LOCK file, 0 if it cannot be
// told, and whether the file is one of furl's.
func readLock(path string) (pid int, ours bool) {
	b, err := os.ReadFile(path)
	if err != nil {
		return 0, false
	}
	return parseLock(string(b))
}

func parseLock(content string) (pid int, ours bool) {
	word, number, _ := strings.Cut(strings.TrimSpace(content), " ")
	if word != lockWord {
		return 0, false
	}
	pid, err := strconv.Atoi(number)
	if err != nil || pid < 0 {
		return 0, true
	}
	return pid, true
}

// syncDir makes the names in a directory durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("sqlite: sync directory: %w", err)
	}
	err = d.Sync()
	if cerr := d.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return fmt.Errorf("sqlite: sync directory: %w", err)
	}
	return nil
}
