package sqlite_test

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"furl/internal/store"
	"furl/internal/store/sqlite"
)

func set(key string) store.Txn {
	return store.Txn{Do: []store.Op{{Key: key, Val: []byte("1")}}}
}

// eventually waits for something that must become true.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	ticker := time.NewTicker(time.Millisecond)
	defer ticker.Stop()
	deadline := time.NewTimer(30 * time.Second)
	defer deadline.Stop()
	for !is() {
		select {
		case <-ticker.C:
		case <-deadline.C:
			t.Fatal("never: " + what)
		}
	}
}

// commitLater commits in the background and returns when that waits.
func commitLater(t *testing.T, ctx context.Context, s *sqlite.Store, txn store.Txn) <-chan error {
	t.Helper()
	done := make(chan error, 1)
	waiting := s.Waiting()
	go func() {
		_, err := s.Commit(ctx, txn)
		done <- err
	}()
	eventually(t, "the write waits", func() bool { return s.Waiting() > waiting })
	return done
}

func exists(t *testing.T, s *sqlite.Store, key string) bool {
	t.Helper()
	recs, err := s.Get(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	return recs[0].Val != nil
}

func TestBusy(t *testing.T) {
	s := openAt(t, t.TempDir(), sqlite.Tuned(sqlite.Options{}, sqlite.Tuning{Queue: 2}))
	running, release := s.Stall()
	<-running
	first := commitLater(t, t.Context(), s, set("a"))
	second := commitLater(t, t.Context(), s, set("b"))
	if _, err := s.Commit(t.Context(), set("c")); !errors.Is(err, store.ErrBusy) {
		t.Errorf("one too many: %v", err)
	}
	release()
	if err := errors.Join(<-first, <-second); err != nil {
		t.Error(err)
	}
	if exists(t, s, "c") {
		t.Error("what was refused is there")
	}
	if _, err := s.Commit(t.Context(), set("c")); err != nil {
		t.Error(err)
	}
}

// TestWithdrawn: whose context ends while it waits has written nothing.
func TestWithdrawn(t *testing.T) {
	s := openAt(t, t.TempDir(), sqlite.Options{})
	running, release := s.Stall()
	<-running
	ctx, cancel := context.WithCancel(t.Context())
	done := commitLater(t, ctx, s, set("a"))
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) || errors.Is(err, store.ErrUnknown) {
		t.Errorf("got %v", err)
	}
	release()
	if _, err := s.Commit(t.Context(), set("b")); err != nil {
		t.Fatal(err)
	}
	if exists(t, s, "a") {
		t.Error("what was withdrawn is there")
	}
}

// TestUnknown: whose context ends while it is written does not know.
func TestUnknown(t *testing.T) {
	s := openAt(t, t.TempDir(), sqlite.Options{})
	running, release := s.Stall()
	<-running
	running, releaseSame := s.Stall() // in the same transaction as what follows
	ctx, cancel := context.WithCancel(t.Context())
	done := commitLater(t, ctx, s, set("a"))
	release()
	<-running
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) || !errors.Is(err, store.ErrUnknown) {
		t.Errorf("got %v", err)
	}
	releaseSame()
	if _, err := s.Commit(t.Context(), set("b")); err != nil {
		t.Fatal(err)
	}
	if !exists(t, s, "a") {
		t.Error("it was written, but is not there")
	}
}

// TestTooLargeForTheDisk: a write that there is no room for fails alone.
func TestTooLargeForTheDisk(t *testing.T) {
	s := openAt(t, t.TempDir(), sqlite.Options{})
	if err := s.LimitPages(100); err != nil {
		t.Fatal(err)
	}
	large := store.Txn{Do: []store.Op{{Key: "large", Val: []byte(strings.Repeat("x", store.MaxVal))}}}
	running, release := s.Stall()
	<-running
	before := commitLater(t, t.Context(), s, set("a"))
	failing := commitLater(t, t.Context(), s, large)
	after := commitLater(t, t.Context(), s, set("b"))
	release()
	if err := errors.Join(<-before, <-after); err != nil {
		t.Errorf("the neighbours: %v", err)
	}
	if err := <-failing; err == nil || errors.Is(err, store.ErrUnknown) || exists(t, s, "large") {
		t.Errorf("the large one: %v", err)
	}
	if err := s.LimitPages(1 << 20); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Commit(t.Context(), large); err != nil {
		t.Errorf("with room: %v", err)
	}
}

// TestLockedByAnotherProgram: the sqlite3 shell may hold the database for a while.
func TestLockedByAnotherProgram(t *testing.T) {
	dir := t.TempDir()
	s := openAt(t, dir, sqlite.Tuned(sqlite.Options{}, sqlite.Tuning{LockWait: time.Millisecond}))
	other, err := sql.Open("sqlite", "file:"+filepath.Join(dir, "furl.db")+"?_txlock=immediate")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	tx, err := other.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Commit(t.Context(), set("a")); !errors.Is(err, store.ErrBusy) {
		t.Errorf("while it is locked: %v", err)
	}
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Commit(t.Context(), set("a")); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

// TestIdle: without writes the log is emptied, unless a reader still needs it.
func TestIdle(t *testing.T) {
	dir := t.TempDir()
	s := openAt(t, dir, sqlite.Tuned(sqlite.Options{}, sqlite.Tuning{Idle: time.Millisecond}))
	if _, err := s.Commit(t.Context(), set("a")); err != nil {
		t.Fatal(err)
	}
	logSize := func() int64 {
		info, err := os.Stat(filepath.Join(dir, "furl.db-wal"))
		if err != nil {
			t.Fatal(err)
		}
		return info.Size()
	}
	eventually(t, "the log is empty", func() bool { return logSize() == 0 })
	_, err := s.Load(t.Context(), "", func(store.Rec) error {
		_, err := s.Commit(t.Context(), set("b"))
		ticks := 0 // time for it to be tried in vain
		eventually(t, "time passes", func() bool { ticks++; return ticks > 30 })
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the log is empty again", func() bool { return logSize() == 0 })
	if !exists(t, s, "a") || !exists(t, s, "b") {
		t.Error("a record is gone")
	}
}

// TestCompactor: old tombstones go by themselves.
func TestCompactor(t *testing.T) {
	var c clock
	s := openAt(t, t.TempDir(), sqlite.Tuned(sqlite.Options{Now: c.Now}, sqlite.Tuning{Compact: time.Millisecond}))
	for _, txn := range []store.Txn{set("a"), {Do: []store.Op{{Key: "a"}}}} {
		if _, err := s.Commit(t.Context(), txn); err != nil {
			t.Fatal(err)
		}
	}
	c.Advance(2 * time.Hour)
	eventually(t, "the tombstone goes", func() bool {
		told := errors.New("told")
		err := s.Watch(t.Context(), 0, func(store.Rev, []store.Rec) error { return told })
		return errors.Is(err, store.ErrCompacted)
	})
}
