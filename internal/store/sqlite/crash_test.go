package sqlite_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"furl/internal/store"
	"furl/internal/store/sqlite"
	"furl/internal/store/storetest"
	"furl/internal/store/storetest/lossyfs"
)

// What makes the test binary a child that writes until it is killed.
const (
	childDir  = "FURL_TEST_CHILD_DIR"  // the data directory
	childName = "FURL_TEST_CHILD_NAME" // tells its writes from others'
	childSync = "FURL_TEST_CHILD_SYNC" // SQLite's synchronous
	childThen = "FURL_TEST_CHILD_THEN" // "write": after a failure and a word, write once more
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		if err := child(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// child writes and prints what is acknowledged until a write fails.
func child(dir string) error {
	ctx := context.Background()
	// Frequent checkpoints: a crash must also meet them.
	s, err := sqlite.Open(ctx, dir, sqlite.Tuned(sqlite.Options{}, sqlite.Tuning{Synchronous: os.Getenv(childSync), Autocheckpoint: 100}))
	if err != nil {
		return err
	}
	err = storetest.WriteUntilCrash(ctx, s, os.Getenv(childName), os.Stdout)
	if os.Getenv(childThen) != "write" {
		return err
	}
	word := "failed"
	if errors.Is(err, store.ErrUnknown) {
		word = "unknown"
	}
	fmt.Printf("! %s %q\n", word, err.Error())
	if _, err := bufio.NewReader(os.Stdin).ReadString('\n'); err != nil {
		return err
	}
	rev, err := s.Commit(ctx, store.Txn{Do: []store.Op{{Key: "again", Val: []byte("1")}}})
	fmt.Println("!", rev, err)
	return nil
}

// writer is a running child.
type writer struct {
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	lines  *bufio.Scanner
	stderr bytes.Buffer
}

func startWriter(t *testing.T, dir, name string, env ...string) *writer {
	t.Helper()
	w := &writer{cmd: exec.Command(os.Args[0])}
	w.cmd.Env = append(append(os.Environ(), childDir+"="+dir, childName+"="+name), env...)
	w.cmd.Stderr = &w.stderr
	var err error
	if w.stdin, err = w.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := w.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	w.lines = bufio.NewScanner(out)
	if err := w.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if w.cmd.ProcessState == nil {
			_ = w.cmd.Process.Kill() // the test has failed already
			_ = w.cmd.Wait()
		}
	})
	return w
}

// until collects lines up to the n-th, or all if n is negative.
func (w *writer) until(n int, acks *bytes.Buffer) (read int) {
	for read != n && w.lines.Scan() {
		read++
		acks.WriteString(w.lines.Text() + "\n")
	}
	return read
}

// kill ends the child at once.
func (w *writer) kill(t *testing.T) {
	t.Helper()
	if err := w.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Fatal(err)
	}
}

// inspect compares the data directory with what was acknowledged, on a copy.
func inspect(t *testing.T, dir string, acks *bytes.Buffer) (*storetest.Damage, error) {
	t.Helper()
	copied := t.TempDir()
	if err := os.CopyFS(copied, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	s, err := sqlite.Open(t.Context(), copied, sqlite.Tuned(sqlite.Options{}, sqlite.Tuning{Synchronous: "OFF"}))
	if err != nil {
		return nil, err
	}
	defer s.Close()
	return storetest.Inspect(t.Context(), s, bytes.NewReader(acks.Bytes()))
}

// unharmed fails the test if anything was lost or torn.
func unharmed(t *testing.T, dir string, acks *bytes.Buffer) {
	t.Helper()
	d, err := inspect(t, dir, acks)
	if err != nil {
		t.Fatalf("opening again: %v", err)
	}
	t.Logf("%d acknowledged, %d lost, %d torn", d.Acked, len(d.Lost), len(d.Torn))
	if len(d.Lost)+len(d.Torn) > 0 {
		t.Fatalf("lost %d, first %.3q; torn %d, first %.3q", len(d.Lost), d.Lost, len(d.Torn), d.Torn)
	}
}

// newChance returns a source of chance whose seed is logged.
func newChance(t *testing.T) *rand.Rand {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// chain is how many rounds go on with what the one before has left.
const chain = 3

// TestKill kills the process again and again while it writes.
func TestKill(t *testing.T) {
	t.Parallel()
	chance := newChance(t)
	var dir string
	var acks bytes.Buffer
	for round := range 9 {
		if round%chain == 0 {
			dir = filepath.Join(t.TempDir(), "data")
			acks.Reset()
		}
		w := startWriter(t, dir, fmt.Sprint("round", round))
		moment := storetest.Moment(chance)
		if got := w.until(moment, &acks); got != moment {
			t.Fatalf("the writer ended: %s", w.stderr.String())
		}
		w.kill(t)
		w.until(-1, &acks)
		_ = w.cmd.Wait() // says that it was killed
		unharmed(t, dir, &acks)
	}
}

// mount shows a disk that begins with what is below dir.
func mount(t *testing.T, dir string) (disk *lossyfs.Disk, at string, unmount func()) {
	t.Helper()
	if err := lossyfs.Available(); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("power cuts cannot be tested: %v", err)
		}
		t.Skipf("POWER CUTS ARE NOT TESTED: %v", err)
	}
	disk, err := lossyfs.New(dir)
	if err != nil {
		t.Fatal(err)
	}
	at = t.TempDir()
	un, err := disk.Mount(at)
	if err != nil {
		t.Fatal(err)
	}
	mounted := true
	unmount = func() {
		if !mounted {
			return
		}
		mounted = false
		if err := un(); err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(unmount)
	return disk, at, unmount
}

// powerCut lets a writer write to the disk that is below dir, cuts the power, and
// returns what is left.
func powerCut(t *testing.T, dir, name string, loss lossyfs.Loss, chance *rand.Rand, acks *bytes.Buffer, env ...string) string {
	t.Helper()
	disk, at, unmount := mount(t, dir)
	w := startWriter(t, filepath.Join(at, "data"), name, env...)
	moment := storetest.Moment(chance)
	if got := w.until(moment, acks); got != moment {
		t.Fatalf("the writer ended: %s", w.stderr.String())
	}
	disk.Cut()
	w.kill(t)
	w.until(-1, acks) // acknowledged before the cut: after it, every sync fails
	_ = w.cmd.Wait()  // says that it was killed
	unmount()
	left := t.TempDir()
	if err := disk.Save(loss, chance, left); err != nil {
		t.Fatal(err)
	}
	return left
}

// TestPowerCut cuts the power while the store writes.
func TestPowerCut(t *testing.T) {
	for name, loss := range map[string]lossyfs.Loss{"all": lossyfs.All, "some": lossyfs.Some} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			chance := newChance(t)
			var dir string
			var acks bytes.Buffer
			for round := range 9 {
				if round%chain == 0 {
					dir = t.TempDir()
					acks.Reset()
				}
				dir = powerCut(t, dir, fmt.Sprint("round", round), loss, chance, &acks)
				unharmed(t, filepath.Join(dir, "data"), &acks)
			}
		})
	}
}

// TestPowerCutControl shows that the harness sees a missing sync: without one
// at each commit, what was acknowledged is lost, or found damaged.
func TestPowerCutControl(t *testing.T) {
	t.Parallel()
	chance := newChance(t)
	for round := range 8 {
		var acks bytes.Buffer
		left := powerCut(t, t.TempDir(), fmt.Sprint("round", round), lossyfs.Some, chance, &acks, childSync+"=NORMAL")
		d, err := inspect(t, filepath.Join(left, "data"), &acks)
		var refused *store.RefusedError
		switch {
		case errors.As(err, &refused):
			t.Logf("round %d: refused: %v", round, err)
			return
		case err != nil:
			t.Fatal(err)
		case len(d.Lost) > 0:
			t.Logf("round %d: %d of %d lost", round, len(d.Lost), d.Acked)
			return
		}
	}
	t.Error("nothing was lost without syncs")
}

// TestPowerCutAtBirth cuts the power at some operation on the disk while the
// data directory is being made: it must always be possible to go on.
func TestPowerCutAtBirth(t *testing.T) {
	t.Parallel()
	chance := newChance(t)
	for range 15 {
		disk, at, unmount := mount(t, t.TempDir())
		after := 1 + chance.IntN(400)
		disk.CutAfter(after)
		w := startWriter(t, filepath.Join(at, "data"), "birth")
		var acks bytes.Buffer
		w.until(20, &acks)
		disk.Cut()
		w.kill(t)
		w.until(-1, &acks)
		_ = w.cmd.Wait() // says that it was killed, or that the disk failed
		unmount()
		for _, loss := range []lossyfs.Loss{lossyfs.None, lossyfs.Some, lossyfs.All} {
			left := t.TempDir()
			if err := disk.Save(loss, chance, left); err != nil {
				t.Fatal(err)
			}
			dir := filepath.Join(left, "data")
			if err := os.MkdirAll(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			t.Logf("after %d operations, loss %d", after, loss)
			unharmed(t, dir, &acks)
		}
	}
}

// TestFullDisk: a full disk refuses writes; with room again they go on.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	disk, at, unmount := mount(t, t.TempDir())
	w := startWriter(t, filepath.Join(at, "data"), "full", childThen+"=write")
	disk.SetQuota(2 << 20)
	acks, failure := w.untilFailure(t)
	if !bytes.HasPrefix(failure, []byte("! failed ")) {
		t.Errorf("on a full disk: %s", failure)
	}
	disk.SetQuota(0)
	if got := w.again(t); bytes.HasSuffix(got, []byte("<nil>")) == false {
		t.Errorf("with room again: %s", got)
	}
	finish(t, w, disk, unmount, acks)
}

// TestFailingSync: after a failed sync nobody knows what is on the disk, so the
// store writes nothing more; a restart finds all that was acknowledged.
func TestFailingSync(t *testing.T) {
	t.Parallel()
	disk, at, unmount := mount(t, t.TempDir())
	w := startWriter(t, filepath.Join(at, "data"), "sync", childThen+"=write")
	var acks bytes.Buffer
	w.until(50, &acks)
	disk.FailSync(true)
	more, failure := w.untilFailure(t)
	if !bytes.HasPrefix(failure, []byte("! unknown ")) {
		t.Errorf("when a sync fails: %s", failure)
	}
	disk.FailSync(false)
	if got := w.again(t); !bytes.Contains(got, []byte("restart furl")) {
		t.Errorf("after a failed sync: %s", got)
	}
	acks.Write(more.Bytes())
	finish(t, w, disk, unmount, &acks)
}

// untilFailure collects what is acknowledged until the child says that a write
// has failed.
func (w *writer) untilFailure(t *testing.T) (acks *bytes.Buffer, failure []byte) {
	t.Helper()
	acks = &bytes.Buffer{}
	for w.lines.Scan() {
		if bytes.HasPrefix(w.lines.Bytes(), []byte("!")) {
			return acks, bytes.Clone(w.lines.Bytes())
		}
		acks.WriteString(w.lines.Text() + "\n")
	}
	t.Fatalf("the writer ended: %s", w.stderr.String())
	return nil, nil
}

// again has the child write once more and returns what came of it.
func (w *writer) again(t *testing.T) []byte {
	t.Helper()
	if _, err := io.WriteString(w.stdin, "go on\n"); err != nil {
		t.Fatal(err)
	}
	if !w.lines.Scan() {
		t.Fatalf("the writer ended: %s", w.stderr.String())
	}
	return w.lines.Bytes()
}

// finish cuts the power when the child has ended and inspects what is left.
func finish(t *testing.T, w *writer, disk *lossyfs.Disk, unmount func(), acks *bytes.Buffer) {
	t.Helper()
	if err := w.cmd.Wait(); err != nil {
		t.Errorf("%v: %s", err, w.stderr.String())
	}
	disk.Cut()
	unmount()
	left := t.TempDir()
	if err := disk.Save(lossyfs.All, newChance(t), left); err != nil {
		t.Fatal(err)
	}
	unharmed(t, filepath.Join(left, "data"), acks)
}
