package code_test

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"furl/internal/code"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv("FURL_TEST_KILLED_UNPACK"); dir != "" {
		killedUnpack(dir)
	}
	if dir := os.Getenv("FURL_TEST_KILLED_DERIVE"); dir != "" {
		killedDerive(dir)
	}
	os.Exit(m.Run())
}

// opener returns what Ensure reads an archive with.
func opener(data []byte) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil }
}

func open(t testing.TB, dir string) *code.Cache {
	t.Helper()
	c, err := code.Open(dir, code.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func ensure(t testing.TB, c *code.Cache, data []byte) string {
	t.Helper()
	path, err := c.Ensure(t.Context(), digest(data), opener(data))
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// tempDir is t.TempDir for read-only trees, which only root can remove without more ado.
func tempDir(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	t.Cleanup(func() {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.IsDir() {
				err = os.Chmod(path, 0o700)
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	})
	return dir
}

// unused is an archive that must not be read.
func unused(t testing.TB) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) {
		t.Error("the archive was read although its tree is there")
		return nil, errors.ErrUnsupported
	}
}

// listing returns what a tree holds, a line for each name.
func listing(t testing.TB, dir string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(dir, path)
		fmt.Fprintf(&b, "%v %s", info.Mode(), filepath.ToSlash(name))
		switch {
		case d.Type() == fs.ModeSymlink:
			target, _ := os.Readlink(path)
			fmt.Fprintf(&b, " -> %s", target)
		case d.Type().IsRegular():
			body, _ := os.ReadFile(path)
			fmt.Fprintf(&b, " %q %s", body, info.ModTime().UTC().Format(time.DateTime))
		}
		b.WriteString("\n")
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestEnsureUnpacks(t *testing.T) {
	dir := tempDir(t)
	data := archive(t,
		entry{name: "lib/x.so.1", body: "elf", mode: 0o600},
		link("lib/x.so", "x.so.1"),
		entry{name: "bootstrap", body: "#!/bin/sh", mode: 0o700 | fs.ModeSetuid},
		entry{name: "empty/", mode: fs.ModeDir | 0o700},
		entry{name: "windows.txt", body: "1", edit: func(h *zip.FileHeader) { h.CreatorVersion = 0; h.ExternalAttrs = 0 }},
		entry{name: "zero", edit: func(h *zip.FileHeader) { h.Modified = time.Time{} }},
	)
	c := open(t, filepath.Join(dir, "code"))
	path := ensure(t, c, data)
	want := `dr-xr-xr-x .
-r-xr-xr-x bootstrap "#!/bin/sh" 2025-06-07 08:09:10
dr-xr-xr-x empty
dr-xr-xr-x lib
Lrwxrwxrwx lib/x.so -> x.so.1
-r--r--r-- lib/x.so.1 "elf" 2025-06-07 08:09:10
-r--r--r-- windows.txt "1" 2025-06-07 08:09:10
-r--r--r-- zero "" 1980-01-01 00:00:00
`
	if got := listing(t, path); got != want {
		t.Errorf("unpacked:\n%swant:\n%s", got, want)
	}
	if path != filepath.Join(dir, "code", digest(data)) {
		t.Errorf("path %s", path)
	}
	if again, ok := c.Path(digest(data)); !ok || again != path {
		t.Errorf("Path = %q, %t", again, ok)
	}
	if _, err := c.Ensure(t.Context(), digest(data), unused(t)); err != nil {
		t.Error(err)
	}
	if _, err := open(t, filepath.Join(dir, "code")).Ensure(t.Context(), digest(data), unused(t)); err != nil {
		t.Error(err)
	}
}

// An archive may be exactly as large as allowed, and there may be no bound worth the name.
func TestEnsureLimits(t *testing.T) {
	data := archive(t, entry{name: "f", body: "contents"})
	for _, zipped := range []int64{int64(len(data)), math.MaxInt64, int64(len(data)) - 1} {
		c, err := code.Open(tempDir(t), code.Limits{Zipped: zipped})
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.Ensure(t.Context(), digest(data), opener(data))
		var large *code.TooLargeError
		if errors.As(err, &large) != (zipped < int64(len(data))) || err != nil && large == nil {
			t.Errorf("limit %d, size %d: %v", zipped, len(data), err)
		}
	}
}

func TestEnsureRefuses(t *testing.T) {
	good := archive(t, entry{name: "f", body: "contents"})
	hostile := archive(t, link("a", ".."), entry{name: "a/x", body: "1"})
	damaged := put32(bytes.Clone(good), central(t, good, "f")+atCRC, 1)
	errOpen := errors.New("blob is gone")
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	var invalid *code.InvalidError
	var large *code.TooLargeError
	tests := map[string]struct {
		ctx  context.Context
		sha  string
		open func() (io.ReadCloser, error)
		is   func(error) bool
	}{
		"other archive": {t.Context(), digest(hostile), opener(good), func(err error) bool { return errors.Is(err, code.ErrDigest) }},
		"hostile":       {t.Context(), digest(hostile), opener(hostile), func(err error) bool { return errors.As(err, &invalid) }},
		"damaged":       {t.Context(), digest(damaged), opener(damaged), func(err error) bool { return errors.As(err, &invalid) }},
		"no archive": {t.Context(), digest(good), func() (io.ReadCloser, error) { return nil, errOpen },
			func(err error) bool { return errors.Is(err, errOpen) }},
		"context ended": {ended, digest(good), opener(good), func(err error) bool { return errors.Is(err, context.Canceled) }},
		"traversal":     {t.Context(), "../" + digest(good)[3:], opener(good), func(err error) bool { return strings.Contains(err.Error(), "no SHA-256") }},
		"upper case":    {t.Context(), strings.ToUpper(digest(good)), opener(good), func(err error) bool { return strings.Contains(err.Error(), "no SHA-256") }},
		"endless": {t.Context(), digest(good), func() (io.ReadCloser, error) { return io.NopCloser(zeros{}), nil },
			func(err error) bool { return errors.As(err, &large) && large.Zipped }},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			dir := tempDir(t)
			c := open(t, dir)
			if path, err := c.Ensure(test.ctx, test.sha, test.open); err == nil || path != "" || !test.is(err) {
				t.Errorf("Ensure = %q, %v", path, err)
			}
			if left := listing(t, dir); strings.Count(left, "\n") != 1 {
				t.Errorf("left behind:\n%s", left)
			}
			if _, ok := c.Path(test.sha); ok {
				t.Error("Path knows it")
			}
		})
	}
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }

func TestEnsureOnceForAll(t *testing.T) {
	data := archive(t, entry{name: "f", body: strings.Repeat("x", 1<<20)})
	c := open(t, tempDir(t))
	var reads atomic.Int32
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			path, err := c.Ensure(t.Context(), digest(data), func() (io.ReadCloser, error) {
				reads.Add(1)
				return opener(data)()
			})
			if err != nil {
				t.Error(err)
				return
			}
			if info, err := os.Stat(filepath.Join(path, "f")); err != nil || info.Size() != 1<<20 {
				t.Errorf("a caller sees an unfinished tree: %v, %v", info, err)
			}
		})
	}
	wg.Wait()
	if reads.Load() != 1 {
		t.Errorf("the archive was read %d times", reads.Load())
	}
}

// Who waits for another's attempt is not harmed by the reasons for which that one gives up.
func TestEnsureOutlivesTheFirstCaller(t *testing.T) {
	data := archive(t, entry{name: "f", body: "contents"})
	dir := tempDir(t)
	synctest.Test(t, func(t *testing.T) {
		c := open(t, dir)
		first, cancel := context.WithCancel(t.Context())
		waiting := make(chan error)
		_, err := c.Ensure(first, digest(data), func() (io.ReadCloser, error) {
			go func() {
				_, err := c.Ensure(t.Context(), digest(data), opener(data))
				waiting <- err
			}()
			impatient, cancelNow := context.WithTimeout(t.Context(), time.Second)
			defer cancelNow()
			if _, err := c.Ensure(impatient, digest(data), unused(t)); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("waiting with a deadline: %v", err)
			}
			synctest.Wait()
			if _, ok := c.Path(digest(data)); ok {
				t.Error("Path knows an unfinished tree")
			}
			cancel()
			return opener(data)()
		})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("first: %v; want canceled", err)
		}
		if err := <-waiting; err != nil {
			t.Errorf("second: %v", err)
		}
	})
}

// A tree that a power cut or a person has damaged is not used.
func TestDamagedTreeIsRebuilt(t *testing.T) {
	data := archive(t, entry{name: "a/f", body: "contents"}, entry{name: "a/g", body: "more"})
	damages := map[string]func(t *testing.T, tree string) error{
		"truncated file": func(_ *testing.T, tree string) error {
			return errors.Join(os.Chmod(tree+"/a/f", 0o600), os.Truncate(tree+"/a/f", 0))
		},
		"missing file": func(_ *testing.T, tree string) error {
			return errors.Join(os.Chmod(tree+"/a", 0o700), os.Remove(tree+"/a/f"))
		},
		"no seal":        func(_ *testing.T, tree string) error { return os.Remove(tree + ".seal") },
		"truncated seal": func(_ *testing.T, tree string) error { return os.Truncate(tree+".seal", 3) },
		"no tree":        func(t *testing.T, tree string) error { return removeTree(t, tree) },
		"file for a tree": func(t *testing.T, tree string) error {
			return errors.Join(removeTree(t, tree), os.WriteFile(tree, nil, 0o600))
		},
	}
	for name, damage := range damages {
		t.Run(name, func(t *testing.T) {
			dir := tempDir(t)
			want := listing(t, ensure(t, open(t, dir), data))
			if err := damage(t, filepath.Join(dir, digest(data))); err != nil {
				t.Fatal(err)
			}
			c := open(t, dir)
			if path, ok := c.Path(digest(data)); ok {
				t.Errorf("Path = %q for a damaged tree", path)
			}
			if got := listing(t, ensure(t, c, data)); got != want {
				t.Errorf("rebuilt:\n%swant:\n%s", got, want)
			}
			if names := names(t, dir); len(names) != 2 {
				t.Errorf("left behind: %q", names)
			}
		})
	}
}

// Names need not be UTF-8; such a tree is found again, shared and removed like others.
func TestForeignNames(t *testing.T) {
	data := archive(t, entry{name: "caf\xe9/\xff.txt", body: "1"})
	dir := tempDir(t)
	c := open(t, dir)
	path, err := c.Ensure(t.Context(), digest(data), opener(data))
	if runtime.GOOS == "darwin" {
		t.Skipf("file systems of macOS take no such names: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	derive(t, c, data, adds("caf\xe9/new", "2"))
	// What a killed process leaves behind may have such names too.
	for _, name := range []string{".new-left", ".new-left/\xff", ".new-left/\xff/\xfe"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	c = open(t, dir)
	if found, ok := c.Path(digest(data)); !ok || found != path {
		t.Errorf("Path = %q, %t in another process", found, ok)
	}
	if _, ok := c.Derived(digest(data), tag); !ok {
		t.Error("the derived tree is not found in another process")
	}
	if err := open(t, dir).Sweep(func(string, string) bool { return false }); err != nil {
		t.Error(err)
	}
	if left := names(t, dir); len(left) != 0 {
		t.Errorf("left: %q", left)
	}
}

// A directory that is wiped while the cache is open costs an unpacking, nothing else.
func TestWipedCache(t *testing.T) {
	data := archive(t, entry{name: "f", body: "contents"})
	dir := tempDir(t)
	c := open(t, dir)
	if err := removeTree(t, ensure(t, c, data)); err != nil {
		t.Fatal(err)
	}
	if _, ok := c.Path(digest(data)); ok {
		t.Error("Path knows a tree that is gone")
	}
	if _, err := os.Stat(filepath.Join(ensure(t, c, data), "f")); err != nil {
		t.Error(err)
	}
}

// removeTree removes a read-only tree.
func removeTree(t *testing.T, tree string) error {
	t.Helper()
	err := filepath.WalkDir(tree, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			err = os.Chmod(path, 0o700)
		}
		return err
	})
	return errors.Join(err, os.RemoveAll(tree))
}

// names returns what is in a directory.
func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return out
}

func TestKilledWhileUnpacking(t *testing.T) {
	dir := tempDir(t)
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), "FURL_TEST_KILLED_UNPACK="+dir)
	out, err := child.CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Fatalf("child: %v\n%s", err, out)
	}
	left := names(t, dir)
	if len(left) == 0 || slices.ContainsFunc(left, func(name string) bool { return !strings.HasPrefix(name, ".new-") }) {
		t.Fatalf("a killed unpacking leaves %q; want only something unfinished", left)
	}
	c := open(t, dir)
	if left := names(t, dir); len(left) != 0 {
		t.Errorf("after Open there is still %q", left)
	}
	data := killedArchive(t)
	if _, ok := c.Path(digest(data)); ok {
		t.Error("Path knows an unfinished tree")
	}
	if got := names(t, ensure(t, c, data)); len(got) != 50 {
		t.Errorf("%d files after a second attempt", len(got))
	}
}

// killedUnpack is the child of TestKilledWhileUnpacking: its context kills it when half of the files are unpacked.
func killedUnpack(dir string) {
	data := killedArchive(&testing.T{})
	c, err := code.Open(dir, code.Limits{})
	if err == nil {
		_, err = c.Ensure(&fatalContext{Context: context.Background(), dir: dir}, digest(data), opener(data))
	}
	fmt.Fprintln(os.Stderr, "not killed:", err)
	os.Exit(1)
}

func killedArchive(t testing.TB) []byte { return many(t, 50) }

type fatalContext struct {
	context.Context
	dir string
}

func (c *fatalContext) Err() error {
	if found, _ := filepath.Glob(filepath.Join(c.dir, ".new-*", "*")); len(found) > 25 {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	}
	return nil
}

func TestSweep(t *testing.T) {
	var archives [3][]byte
	for i := range archives {
		archives[i] = archive(t, entry{name: "d/f", body: fmt.Sprint(i)})
	}
	dir := tempDir(t)
	synctest.Test(t, func(t *testing.T) {
		c := open(t, dir)
		for _, data := range archives {
			ensure(t, c, data)
		}
		<-time.After(2 * time.Minute)
		if _, ok := c.Path(digest(archives[1])); !ok { // asked for just now
			t.Fatal("not there")
		}
		var asked []string
		err := c.Sweep(func(sha, _ string) bool {
			asked = append(asked, sha)
			return sha == digest(archives[2])
		})
		if err != nil || len(asked) != 3 {
			t.Errorf("Sweep: %v, asked for %q", err, asked)
		}
		for i, want := range []bool{false, true, true} {
			if _, ok := c.Path(digest(archives[i])); ok != want {
				t.Errorf("tree %d is there: %t, want %t", i, ok, want)
			}
		}
		if got := names(t, dir); len(got) != 4 {
			t.Errorf("left: %q", got)
		}
		ensure(t, c, archives[0])
		<-time.After(2 * time.Minute)
		if err := c.Sweep(func(string, string) bool { return false }); err != nil {
			t.Error(err)
		}
		if got := names(t, dir); len(got) != 0 {
			t.Errorf("left: %q", got)
		}
	})
}

func TestOpenUnusable(t *testing.T) {
	file := filepath.Join(tempDir(t), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := code.Open(file, code.Limits{})
	if err == nil || !strings.Contains(err.Error(), file) || !strings.Contains(err.Error(), "choose another data directory") {
		t.Errorf("Open: %v; want the directory and a hint", err)
	}
}

func FuzzUnpack(f *testing.F) {
	seeds(f)
	f.Fuzz(unpackHolds)
}

// FuzzUnpackNames is FuzzUnpack for archives that are sound in themselves: only names, modes and targets are arbitrary.
func FuzzUnpackNames(f *testing.F) {
	const lnk = uint32(fs.ModeSymlink)
	f.Add("a", "..", lnk, "a/x", "1", uint32(0o644), "b", "a", lnk)
	f.Add("a", ".", lnk, "b", "a/..", lnk, "c/d", "../b/..", lnk)
	f.Add("./x//y", "1", uint32(0o755), "x", "", uint32(fs.ModeDir), "x/z", "../x/y", lnk)
	f.Add("../x", "1", uint32(0), "/x", "1", uint32(0), "c:x", "/etc", lnk)
	f.Add("x", "1", uint32(fs.ModeDevice), "y", "1", uint32(fs.ModeNamedPipe), "z/", "..", lnk)
	f.Fuzz(func(t *testing.T, n1, b1 string, m1 uint32, n2, b2 string, m2 uint32, n3, b3 string, m3 uint32) {
		var b bytes.Buffer
		w := zip.NewWriter(&b)
		for _, e := range []entry{{n1, b1, fs.FileMode(m1), nil}, {n2, b2, fs.FileMode(m2), nil}, {n3, b3, fs.FileMode(m3), nil}} {
			h := &zip.FileHeader{Name: e.name, Method: zip.Deflate}
			h.SetMode(e.mode)
			f, err := w.CreateHeader(h)
			if err == nil {
				_, err = io.WriteString(f, e.body)
			}
			if err != nil {
				return // no archive can hold this
			}
		}
		if err := w.Close(); err != nil {
			return
		}
		unpackHolds(t, b.Bytes())
	})
}

// unpackHolds fails unless an archive is either refused, by Check and by Ensure and with nothing left, or unpacked to a
// tree that nothing leads out of.
func unpackHolds(t *testing.T, data []byte) {
	limits := code.Limits{Zipped: 1 << 20, Unzipped: 1 << 20, Entries: 100}
	outer := tempDir(t)
	c, err := code.Open(filepath.Join(outer, "code"), limits)
	if err != nil {
		t.Fatal(err)
	}
	_, checkErr := code.Check(bytes.NewReader(data), int64(len(data)), limits)
	tree, err := c.Ensure(t.Context(), digest(data), opener(data))
	if (err == nil) != (checkErr == nil) {
		t.Fatalf("Check: %v, Ensure: %v", checkErr, err)
	}
	if got := names(t, outer); len(got) != 1 {
		t.Fatalf("written beside the cache: %q", got)
	}
	if err != nil {
		if got := names(t, filepath.Join(outer, "code")); len(got) != 0 {
			t.Fatalf("a refused archive leaves %q", got)
		}
		return
	}
	walk(t, tree)
	for _, found := range []bool{true, false} { // another process finds it and removes it
		if c, err = code.Open(filepath.Join(outer, "code"), limits); err != nil {
			t.Fatal(err)
		}
		if _, ok := c.Path(digest(data)); ok != found {
			t.Fatalf("Path in another process: %t", ok)
		}
		if c, err = code.Open(filepath.Join(outer, "code"), limits); err != nil {
			t.Fatal(err)
		}
		if err := c.Sweep(func(string, string) bool { return false }); err != nil {
			t.Fatal(err)
		}
	}
	if got := names(t, filepath.Join(outer, "code")); len(got) != 0 {
		t.Fatalf("left: %q", got)
	}
}

// walk fails if a link of the tree leads out of it, or a name is not what a tree may hold.
func walk(t *testing.T, tree string) {
	err := filepath.WalkDir(tree, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Type().IsRegular() {
			return err
		}
		if d.Type() != fs.ModeSymlink {
			return fmt.Errorf("%s is a %v", path, d.Type())
		}
		end, err := filepath.EvalSymlinks(path)
		if err == nil && end != tree && !strings.HasPrefix(end, tree+"/") {
			return fmt.Errorf("%s leads to %s", path, end)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
