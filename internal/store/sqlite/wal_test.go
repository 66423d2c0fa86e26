package sqlite_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"furl/internal/store"
	"furl/internal/store/sqlite"
)

// A frame of the log: a header of 24 bytes and a page.
const (
	logHeader = 32
	frameSize = 24 + 4096
)

// crashed returns a data directory as a crash leaves it, with n commits in the
// log, and the log.
func crashed(t testing.TB, n int) (dir string, log []byte) {
	t.Helper()
	running := t.TempDir()
	s := openAt(t, running, sqlite.Options{})
	for i := range n {
		op := store.Op{Key: fmt.Sprint("k", i), Val: []byte(strings.Repeat("x", 300))}
		if _, err := s.Commit(t.Context(), store.Txn{Do: []store.Op{op}}); err != nil {
			t.Fatal(err)
		}
	}
	dir = t.TempDir()
	for _, name := range []string{"furl.db", "furl.db-wal"} {
		b, err := os.ReadFile(filepath.Join(running, name))
		if err != nil {
			t.Fatal(err)
		}
		write(t, dir, map[string]string{name: string(b)})
		log = b
	}
	return dir, log
}

// commitEnds returns where in the log the commits end.
func commitEnds(log []byte) []int {
	var ends []int
	for at := logHeader; at+frameSize <= len(log); at += frameSize {
		if binary.BigEndian.Uint32(log[at+4:]) != 0 {
			ends = append(ends, at+frameSize)
		}
	}
	return ends
}

// withLog returns a copy of a data directory with another log.
func withLog(t *testing.T, dir string, log []byte) string {
	t.Helper()
	copied := t.TempDir()
	content := files(t, dir)
	content["furl.db-wal"] = string(log)
	write(t, copied, content)
	return copied
}

func count(t *testing.T, dir string) int {
	t.Helper()
	s := openAt(t, dir, sqlite.Options{})
	n := 0
	if _, err := s.Load(t.Context(), "", func(store.Rec) error { n++; return nil }); err != nil {
		t.Fatal(err)
	}
	return n
}

// TestLogCutShort: a log that ends too soon is what a power cut leaves; what is
// complete in it counts.
func TestLogCutShort(t *testing.T) {
	const commits = 6
	dir, log := crashed(t, commits)
	ends := commitEnds(log)
	if len(ends) != commits {
		t.Fatalf("%d commits in the log", len(ends))
	}
	for i, end := range ends {
		for cut, want := range map[int]int{end: i + 1, end - 1: i, end - frameSize/2: i, end - frameSize: i} {
			if got := count(t, withLog(t, dir, log[:cut])); got != want {
				t.Errorf("cut at %d: %d records, want %d", cut, got, want)
			}
		}
	}
	for _, header := range []int{0, 10, logHeader} {
		if got := count(t, withLog(t, dir, log[:header])); got != 0 {
			t.Errorf("cut at %d: %d records", header, got)
		}
	}
	if got := count(t, withLog(t, dir, make([]byte, len(log)))); got != 0 {
		t.Errorf("a log of zeros: %d records", got)
	}
}

// TestLogTorn: the last commit may be there in part; it was not acknowledged.
func TestLogTorn(t *testing.T) {
	const commits = 6
	dir, log := crashed(t, commits)
	ends := commitEnds(log)
	for at := ends[commits-2]; at < len(log); at += 1000 {
		torn := bytes.Clone(log)
		torn[at] ^= 1
		if got := count(t, withLog(t, dir, torn)); got != commits-1 {
			t.Errorf("torn at %d: %d records", at, got)
		}
	}
}

// TestLogDamaged: SQLite would silently drop what follows a damaged frame.
func TestLogDamaged(t *testing.T) {
	const commits = 6
	dir, log := crashed(t, commits)
	ends := commitEnds(log)
	for at := logHeader; at < ends[commits-3]; at += 500 {
		damaged := bytes.Clone(log)
		damaged[at] ^= 1
		refused(t, withLog(t, dir, damaged), "write-ahead log")
	}
	for _, at := range []int{1, 8, 16, 25} {
		damaged := bytes.Clone(log)
		damaged[at] ^= 1
		refused(t, withLog(t, dir, damaged), "write-ahead log")
	}
}

func FuzzLog(f *testing.F) {
	_, log := crashed(f, 4)
	f.Add(log)
	f.Add(log[:logHeader])
	f.Add(log[:logHeader+2*frameSize+100])
	f.Fuzz(func(t *testing.T, log []byte) {
		_ = sqlite.ScanLog(bytes.NewReader(log))
	})
}
