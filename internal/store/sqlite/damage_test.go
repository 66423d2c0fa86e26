package sqlite_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"furl/internal/store"
	"furl/internal/store/sqlite"
)

// sample makes a data directory with some of everything and returns the
// content of its database.
func sample(t testing.TB) []byte {
	t.Helper()
	dir := t.TempDir()
	s, err := sqlite.Open(t.Context(), dir, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 120 {
		txn := store.Txn{Do: []store.Op{{Key: fmt.Sprintf("fn/%03d", i), Val: []byte(strings.Repeat(fmt.Sprint("v", i), i))}}}
		if i%3 == 0 {
			txn.Enqueue = []store.Job{{ID: fmt.Sprint("job", i), Fn: "f", Body: []byte(strings.Repeat("b", 10*i))}}
		}
		if i%5 == 4 {
			txn.Do = append(txn.Do, store.Op{Key: fmt.Sprintf("fn/%03d", i-2)})
		}
		if _, err := s.Commit(t.Context(), txn); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(dir, "furl.db"))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// directory returns a data directory with the database db.
func directory(t testing.TB, db []byte) string {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, map[string]string{"furl.db": string(db)})
	return dir
}

func TestRefused(t *testing.T) {
	db := sample(t)
	with := func(offset int, b ...byte) []byte {
		changed := append([]byte(nil), db...)
		copy(changed[offset:], b)
		return changed
	}
	for _, tt := range []struct {
		name string
		db   []byte
		why  string
	}{
		{"empty", nil, "the database is empty"},
		{"text", []byte("these are not the bytes of a database"), "not a SQLite database"},
		{"cut in the header", db[:50], "not a SQLite database"},
		{"cut in the first page", db[:1000], "damaged"},
		{"cut in half", db[:len(db)/2], "damaged"},
		{"last page missing", db[:len(db)-4096], "damaged"},
		{"another program's", with(68, 0, 0, 0, 0), "not one of furl's"},
		{"without a schema version", with(60, 0, 0, 0, 0), "not one of furl's"},
		{"newer", with(60, 0, 0, 0, 9), "written by a newer furl (schema 9; this one knows 1)"},
		{"first page lost", with(100, make([]byte, 3996)...), "damaged"},
		{"a page lost", with(3*4096, make([]byte, 4096)...), "damaged"},
	} {
		t.Run(tt.name, func(t *testing.T) { refused(t, directory(t, tt.db), tt.why) })
	}
}

func TestRefusedForeignTables(t *testing.T) {
	db := sample(t)
	for name, statement := range map[string]string{
		"table dropped": "DROP TABLE job",
		"index dropped": "DROP INDEX kv_rev",
		"head missing":  "DELETE FROM head",
		"head changed":  "UPDATE head SET rev = rev + 1",
		"head rewound":  "UPDATE kv SET rev = 1000000 WHERE id = 1",
	} {
		t.Run(name, func(t *testing.T) {
			dir := directory(t, db)
			tamper(t, dir, statement)
			refused(t, dir, "damaged")
		})
	}
}

// tamper changes the database behind the store's back.
func tamper(t *testing.T, dir, statement string) {
	t.Helper()
	d, err := sql.Open("sqlite", filepath.Join(dir, "furl.db"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Exec(statement); err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestDamagedRecord: a record that is not what was written is named, and never
// served.
func TestDamagedRecord(t *testing.T) {
	for name, statement := range map[string]string{
		"value":   "UPDATE kv SET val = x'00' WHERE key = 'fn/003'",
		"rev":     "UPDATE kv SET rev = 2 WHERE key = 'fn/003'",
		"revived": "UPDATE kv SET gone = NULL WHERE key = 'fn/002'",
		"gone":    "UPDATE kv SET gone = 1, val = NULL WHERE key = 'fn/003'",
	} {
		t.Run(name, func(t *testing.T) {
			dir := directory(t, sample(t))
			tamper(t, dir, statement)
			s := openAt(t, dir, sqlite.Options{})
			key := "fn/003"
			if name == "revived" {
				key = "fn/002"
			}
			named := func(err error) bool {
				var damaged *store.DamagedError
				return errors.As(err, &damaged) && strings.Contains(err.Error(), key) && damaged.Hint() != ""
			}
			_, err := s.Get(t.Context(), key)
			if !named(err) {
				t.Errorf("get: %v", err)
			}
			if _, err := s.Get(t.Context(), "fn/000"); err != nil {
				t.Errorf("another record: %v", err)
			}
			err = s.Watch(t.Context(), 0, func(store.Rev, []store.Rec) error { return errors.New("told") })
			if !named(err) {
				t.Errorf("watch: %v", err)
			}
			if name == "gone" {
				return // Load does not look at tombstones
			}
			if _, err := s.Load(t.Context(), "", func(store.Rec) error { return nil }); !named(err) {
				t.Errorf("load: %v", err)
			}
			if _, err := s.List(t.Context(), "fn/", "", 100); !named(err) {
				t.Errorf("list: %v", err)
			}
		})
	}
}

// TestDamagedJob: a job that is not what was written is set aside and named; those
// beside it go on.
func TestDamagedJob(t *testing.T) {
	dir := directory(t, sample(t))
	tamper(t, dir, "UPDATE job SET body = x'00' WHERE id = 'job9'")
	var log bytes.Buffer
	s := openAt(t, dir, sqlite.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	const sound = 39 // of 40
	for claimed := 0; claimed < sound; claimed++ {
		jobs, err := s.Claim(t.Context(), "node", nil, 1, time.Minute)
		if err != nil || len(jobs) != 1 || jobs[0].ID == "job9" {
			t.Fatalf("after %d: %v, %v", claimed, jobs, err)
		}
	}
	if err := s.Release(t.Context(), "node"); err != nil {
		t.Fatal(err)
	}
	if jobs, err := s.Claim(t.Context(), "node", nil, 100, time.Minute); err != nil || len(jobs) != sound {
		t.Errorf("claimed again: %d, %v", len(jobs), err)
	}
	if n, err := s.Jobs(t.Context()); err != nil || n != sound+1 {
		t.Errorf("%d jobs in the queue, %v", n, err)
	}
	if n := strings.Count(log.String(), "job9"); n != 1 {
		t.Errorf("named %d times:\n%s", n, log.String())
	}
}

// everything describes all that a store serves; an error if it is damaged.
func everything(ctx context.Context, s *sqlite.Store) (string, error) {
	var b strings.Builder
	rev, err := s.Load(ctx, "", func(r store.Rec) error {
		fmt.Fprintf(&b, "%s@%d=%q\n", r.Key, r.Rev, r.Val)
		return nil
	})
	if err != nil {
		return "", err
	}
	fmt.Fprintln(&b, rev)
	told := errors.New("told")
	err = s.Watch(ctx, 0, func(rev store.Rev, recs []store.Rec) error {
		fmt.Fprintln(&b, rev, recs)
		return told
	})
	if !errors.Is(err, told) {
		return "", err
	}
	for i := range 120 {
		recs, err := s.Get(ctx, fmt.Sprintf("fn/%03d", i))
		if err != nil {
			return "", err
		}
		fmt.Fprintln(&b, recs)
	}
	jobs, err := s.Claim(ctx, "node", nil, 1000, time.Minute)
	for _, j := range jobs {
		fmt.Fprintln(&b, j.ID, j.Fn, j.Expires, j.Body)
	}
	if n, jobsErr := s.Jobs(ctx); err == nil && jobsErr == nil && n != len(jobs) {
		err = fmt.Errorf("%d of %d jobs are set aside", n-len(jobs), n)
	}
	return b.String(), err
}

// TestFlippedBits: whatever bits of the database change on the disk, the store
// serves what was written or nothing.
func TestFlippedBits(t *testing.T) {
	db := sample(t)
	s := openAt(t, directory(t, db), sqlite.Options{})
	want, err := everything(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	chance := newChance(t)
	counts := map[string]int{}
	for range 100 {
		counts[flip(t, db, want, chance)]++
	}
	t.Logf("%v", counts)
	if counts["refused"]+counts["damaged"] == 0 {
		t.Error("no change was noticed")
	}
}

// flip changes a few bits of a database and returns how that was noticed.
func flip(t *testing.T, db []byte, want string, chance *rand.Rand) string {
	t.Helper()
	changed := append([]byte(nil), db...)
	var where []int
	for range 1 + chance.IntN(3) {
		at := chance.IntN(len(db))
		changed[at] ^= 1 << chance.IntN(8)
		where = append(where, at)
	}
	s, err := sqlite.Open(t.Context(), directory(t, changed), sqlite.Tuned(sqlite.Options{}, sqlite.Tuning{Synchronous: "OFF"}))
	if err != nil {
		return "refused"
	}
	defer s.Close()
	got, err := everything(t.Context(), s)
	if err != nil {
		return "damaged"
	}
	if got != want {
		t.Errorf("bits changed at %v: other content is served", where)
	}
	return "harmless"
}

// TestDamagedIndex: in a database that is too large to be checked as a whole
// at the start, a damaged index must not hide what is there.
func TestDamagedIndex(t *testing.T) {
	original := t.TempDir()
	s := openAt(t, original, sqlite.Options{})
	for i := range 20 {
		txn := store.Txn{
			Do:      []store.Op{{Key: fmt.Sprintf("unique-key-%02d", i), Val: make([]byte, store.MaxVal)}},
			Enqueue: []store.Job{{ID: fmt.Sprintf("unique-job-%02d", i), Fn: "f"}},
		}
		if _, err := s.Commit(t.Context(), txn); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	db, err := os.ReadFile(filepath.Join(original, "furl.db"))
	if err != nil {
		t.Fatal(err)
	}
	for _, what := range []string{"key", "job"} {
		pages := 0
		for at := 0; at < len(db); at += 4096 {
			const indexLeaf = 10 // https://www.sqlite.org/fileformat.html#b_tree_pages
			in := bytes.Index(db[at:at+4096], []byte("unique-"+what+"-07"))
			if db[at] != indexLeaf || in < 0 {
				continue
			}
			pages++
			damaged := bytes.Clone(db)
			damaged[at+in] ^= 1
			s, err := sqlite.Open(t.Context(), directory(t, damaged), sqlite.Options{})
			if err != nil {
				continue
			}
			if _, err := s.Load(t.Context(), "", func(store.Rec) error { return nil }); err == nil {
				t.Errorf("the index on page %d is damaged, and nothing was noticed", at/4096)
			}
			s.Close()
		}
		if pages == 0 {
			t.Errorf("no index of %ss", what)
		}
	}
}

// FuzzOpen opens a database and a log that were changed anywhere: patch is a
// sequence of an offset, in three bytes, and the byte to put there; the files
// then are cut.
func FuzzOpen(f *testing.F) {
	crash, log := crashed(f, 3)
	db, err := os.ReadFile(filepath.Join(crash, "furl.db"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte{}, []byte{}, len(db), len(log))
	f.Add([]byte{0, 0, 0, 'X'}, []byte{0, 0, 0, 'X'}, len(db), len(log))
	f.Add([]byte{0, 0, 28, 1, 0, 16, 3, 200}, []byte{0, 0, 40, 1}, len(db)-1, 4096)
	f.Add([]byte{}, []byte{}, 0, 0)
	f.Fuzz(func(t *testing.T, dbPatch, logPatch []byte, dbSize, logSize int) {
		changedDB, changedLog := patched(db, dbPatch, dbSize), patched(log, logPatch, logSize)
		dir := t.TempDir()
		write(t, dir, map[string]string{"furl.db": changedDB, "furl.db-wal": changedLog})
		s, err := sqlite.Open(t.Context(), dir, sqlite.Tuned(sqlite.Options{}, sqlite.Tuning{Synchronous: "OFF"}))
		if err != nil {
			if got := files(t, dir); got["furl.db"] != changedDB || got["furl.db-wal"] != changedLog {
				t.Error("the files of a refused directory were changed")
			}
			return
		}
		_, err = s.Load(t.Context(), "", func(r store.Rec) error {
			if string(r.Val) != strings.Repeat("x", 300) {
				t.Errorf("served %s: %q", r.Key, r.Val)
			}
			return nil
		})
		if err == nil {
			_, _ = s.Claim(t.Context(), "node", nil, 10, time.Minute)
			_, _ = s.Commit(t.Context(), set("k0"))
		}
		_ = s.Close()
	})
}

// patched returns a changed copy of b, cut to size.
func patched(b []byte, patch []byte, size int) string {
	changed := append([]byte(nil), b...)
	for ; len(patch) >= 4; patch = patch[4:] {
		changed[(int(patch[0])<<16|int(patch[1])<<8|int(patch[2]))%len(changed)] = patch[3]
	}
	if size >= 0 && size < len(changed) {
		changed = changed[:size]
	}
	return string(changed)
}
