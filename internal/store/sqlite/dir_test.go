package sqlite_test

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"furl/internal/store"
	"furl/internal/store/sqlite"
)

// files returns the content of the files below dir, by name.
func files(t testing.TB, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		name, _ := filepath.Rel(dir, path)
		all[name] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// write writes files below dir.
func write(t testing.TB, dir string, content map[string]string) {
	t.Helper()
	for name, text := range content {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// refused opens a directory that must be refused, for a reason that contains
// why, and checks that nothing in it was changed.
func refused(t testing.TB, dir, why string) *store.RefusedError {
	t.Helper()
	before := files(t, dir)
	s, err := sqlite.Open(t.Context(), dir, sqlite.Options{})
	if err == nil {
		s.Close()
	}
	var refused *store.RefusedError
	if !errors.As(err, &refused) {
		t.Fatalf("got %v, want a refusal", err)
	}
	if !strings.Contains(err.Error(), why) || !strings.Contains(err.Error(), dir) || refused.Hint() == "" {
		t.Errorf("got %q, hint %q, want %q", err, refused.Hint(), why)
	}
	after := files(t, dir)
	delete(before, "LOCK")
	delete(after, "LOCK")
	delete(after, "furl.db-shm") // only an index of the log
	if !maps.Equal(before, after) {
		t.Errorf("files were changed: %d before, %d after", len(before), len(after))
	}
	return refused
}

func TestNewDirectory(t *testing.T) {
	for name, path := range map[string]string{
		"missing":            "a/b/c",
		"empty":              "",
		"strange characters": "d%20 ?x=1&y#ü'\"",
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), path)
			s := openAt(t, dir, sqlite.Options{})
			if _, err := s.Commit(t.Context(), store.Txn{Do: []store.Op{{Key: "a", Val: []byte("1")}}}); err != nil {
				t.Fatal(err)
			}
			for _, file := range []string{"furl.db", "furl.db-wal", "furl.db-shm", "LOCK"} {
				info, err := os.Stat(filepath.Join(dir, file))
				if err != nil || info.Mode().Perm() != 0o600 {
					t.Errorf("%s: %v, %v", file, info.Mode(), err)
				}
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			got := files(t, dir)
			delete(got, "furl.db")
			delete(got, "LOCK")
			if len(got) != 0 {
				t.Errorf("after Close there is more than the database: %d files", len(got))
			}
		})
	}
	dir := filepath.Join(t.TempDir(), "data")
	openAt(t, dir, sqlite.Options{})
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the directory: %v, %v", info.Mode(), err)
	}
}

func TestForeignDirectory(t *testing.T) {
	known := map[string]string{
		"root-access-key": "AKIA", "config.toml": "", "ca/root.pem": "pem", "logs/g/1.jsonl": "{}", "blobs/readme": "",
	}
	dir := t.TempDir()
	write(t, dir, known)
	openAt(t, dir, sqlite.Options{})

	dir = t.TempDir()
	write(t, dir, map[string]string{"thesis.txt": "Chapter 1"})
	refused(t, dir, `"thesis.txt"`)
	if _, err := os.Stat(filepath.Join(dir, "LOCK")); err == nil {
		t.Error("a LOCK was left in a foreign directory")
	}
	openAt(t, dir, sqlite.Options{Names: []string{"thesis.*", "thesis*"}})

	dir = t.TempDir()
	write(t, dir, map[string]string{"LOCK": "", "000001.log": "of another program"})
	refused(t, dir, `"000001.log"`)

	dir = t.TempDir()
	write(t, dir, map[string]string{"LOCK": "furl 17\n", "cache": "of a furl to come"})
	openAt(t, dir, sqlite.Options{})

	dir = t.TempDir()
	write(t, dir, map[string]string{"file": ""})
	if _, err := sqlite.Open(t.Context(), filepath.Join(dir, "file"), sqlite.Options{}); !strings.Contains(err.Error(), "not a directory") {
		t.Errorf("a file: %v", err)
	}
}

func TestLocked(t *testing.T) {
	dir := t.TempDir()
	first := openAt(t, dir, sqlite.Options{})
	_, err := sqlite.Open(t.Context(), dir, sqlite.Options{})
	var locked *store.LockedError
	if !errors.As(err, &locked) || locked.PID != os.Getpid() || locked.Dir != dir || locked.Hint() == "" {
		t.Fatalf("got %v", err)
	}
	if _, err := first.Commit(t.Context(), store.Txn{Do: []store.Op{{Key: "a", Val: []byte("1")}}}); err != nil {
		t.Errorf("the first one: %v", err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	openAt(t, dir, sqlite.Options{})
}

// TestMissingDatabase: an empty database must not take the place of a lost one.
func TestMissingDatabase(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"LOCK": "furl 17\n", "furl.db-wal": "log"})
	refused(t, dir, "the database is missing")

	dir = t.TempDir()
	sha := strings.Repeat("ab", 32)
	write(t, dir, map[string]string{"LOCK": "furl 17\n", filepath.Join("blobs", sha[:2], sha): "zip"})
	refused(t, dir, "blobs is still there")

	dir = t.TempDir()
	write(t, dir, map[string]string{"furl.db.new": "half made", "furl.db.new-journal": "", "furl.db-wal": ""})
	openAt(t, dir, sqlite.Options{})
	if _, err := os.Stat(filepath.Join(dir, "furl.db.new")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("what was half made: %v", err)
	}
}

func FuzzLock(f *testing.F) {
	for _, seed := range []string{"", "furl", "furl 1\n", "furl -1", "furl 99999999999999999999", "other 1"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, content string) {
		pid, ours := sqlite.ParseLock(content)
		if pid < 0 || pid > 0 && !ours || ours && !strings.Contains(content, "furl") {
			t.Errorf("%q: %d, %v", content, pid, ours)
		}
	})
}
