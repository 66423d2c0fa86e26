package sqlite_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"furl/internal/store/sqlite"
	"furl/internal/store/storetest"
)

// clock is the real one, moved on by tests.
type clock struct {
	mu    sync.Mutex
	ahead time.Duration
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.ahead)
}

func (c *clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ahead += d
}

// openAt opens a data directory and closes it when the test ends.
func openAt(t testing.TB, dir string, o sqlite.Options) *sqlite.Store {
	t.Helper()
	s, err := sqlite.Open(t.Context(), dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		for _, file := range openFiles(dir) {
			t.Errorf("%s is still open after Close", file)
		}
	})
	return s
}

// openFiles returns which files below dir this process has open, as far as
// the system tells.
func openFiles(dir string) []string {
	const descriptors = "/proc/self/fd"
	entries, err := os.ReadDir(descriptors)
	if err != nil {
		return nil // not Linux
	}
	var open []string
	for _, e := range entries {
		path, err := os.Readlink(filepath.Join(descriptors, e.Name()))
		if err == nil && strings.HasPrefix(path, dir+"/") {
			open = append(open, path)
		}
	}
	return open
}

func TestStore(t *testing.T) {
	storetest.Run(t, func(t *testing.T) storetest.Backend {
		dir := filepath.Join(t.TempDir(), "data")
		var c clock
		s := openAt(t, dir, sqlite.Options{Now: c.Now})
		return storetest.Backend{
			Store: s,
			Reopen: func(t *testing.T) storetest.Store {
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
				s = openAt(t, dir, sqlite.Options{Now: c.Now})
				return s
			},
			Advance: c.Advance,
			Compact: func(ctx context.Context) error { return s.Compact(ctx) },
		}
	})
}
