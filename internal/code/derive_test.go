package code_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"furl/internal/code"
)

const tag = "cpython-312-3.12.1"

// adds returns a Fill that adds files, given as name and content in turn.
func adds(files ...string) code.Fill {
	return func(_ context.Context, _ string, add func(string, []byte) error) error {
		for i := 0; i < len(files); i += 2 {
			if err := add(files[i], []byte(files[i+1])); err != nil {
				return err
			}
		}
		return nil
	}
}

// unfilled is a Fill that must not be called.
func unfilled(t testing.TB) code.Fill {
	return func(context.Context, string, func(string, []byte) error) error {
		t.Error("a tree that is there is derived once more")
		return nil
	}
}

func derive(t testing.TB, c *code.Cache, data []byte, fill code.Fill) string {
	t.Helper()
	path, err := c.Derive(t.Context(), digest(data), tag, fill)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// app is an archive with something of everything that a tree can hold.
func app(t testing.TB) []byte {
	return archive(t,
		entry{name: "app.py", body: "x = 1"},
		entry{name: "bin/run", body: "#!/bin/sh", mode: 0o755},
		entry{name: "lib/__pycache__/m.cpython-312.pyc", body: "stale"},
		entry{name: "lib/m.py", body: "y = 2"},
		link("main.py", "app.py"),
		link("here", "."),
		entry{name: "empty/", mode: fs.ModeDir | 0o700},
	)
}

func TestDerive(t *testing.T) {
	dir := tempDir(t)
	data := app(t)
	c := open(t, dir)
	base := ensure(t, c, data)
	before := listing(t, base)
	if path, ok := c.Derived(digest(data), tag); ok {
		t.Errorf("Derived = %q before there is one", path)
	}
	path := derive(t, c, data, func(ctx context.Context, tree string, add func(string, []byte) error) error {
		if tree != base {
			t.Errorf("derived from %s, want %s", tree, base)
		}
		return adds("__pycache__/app.pyc", "new", "lib/__pycache__/m.cpython-312.pyc", "fresh", "top", "1")(ctx, tree, add)
	})
	var got strings.Builder
	for line := range strings.Lines(listing(t, path)) {
		fields := strings.Fields(line)
		fmt.Fprintln(&got, strings.Join(fields[:min(len(fields), 3)], " ")) // times of files that were added are those of the test
	}
	want := `dr-xr-xr-x .
dr-xr-xr-x __pycache__
-r--r--r-- __pycache__/app.pyc "new"
-r--r--r-- app.py "x
dr-xr-xr-x bin
-r-xr-xr-x bin/run "#!/bin/sh"
dr-xr-xr-x empty
Lrwxrwxrwx here ->
dr-xr-xr-x lib
dr-xr-xr-x lib/__pycache__
-r--r--r-- lib/__pycache__/m.cpython-312.pyc "fresh"
-r--r--r-- lib/m.py "y
Lrwxrwxrwx main.py ->
-r--r--r-- top "1"
`
	if got.String() != want {
		t.Errorf("derived:\n%swant:\n%s", got.String(), want)
	}
	if after := listing(t, base); after != before {
		t.Errorf("the tree that was derived from became\n%swas\n%s", after, before)
	}
	for name, same := range map[string]bool{"app.py": true, "bin/run": true, "lib/__pycache__/m.cpython-312.pyc": false} {
		a, errA := os.Stat(filepath.Join(base, name))
		b, errB := os.Stat(filepath.Join(path, name))
		if err := errors.Join(errA, errB); err != nil || os.SameFile(a, b) != same {
			t.Errorf("%s: %v; is shared: %t, want %t", name, err, !same, same)
		}
	}
	again := open(t, dir)
	for _, c := range []*code.Cache{c, again} {
		if found, ok := c.Derived(digest(data), tag); !ok || found != path {
			t.Errorf("Derived = %q, %t", found, ok)
		}
		derive(t, c, data, unfilled(t))
	}
}

func TestDeriveRefuses(t *testing.T) {
	data := app(t)
	errFill := errors.New("interpreter is gone")
	ended, cancel := context.WithCancel(t.Context())
	tests := map[string]struct {
		sha, tag string
		fill     code.Fill
		reason   string
	}{
		"not unpacked":        {strings.Repeat("0", 64), tag, adds(), "not unpacked"},
		"not a SHA-256":       {"../x", tag, adds(), "not the name"},
		"no tag":              {digest(data), "", adds(), "not the name"},
		"tag with a slash":    {digest(data), "../x", adds(), "not the name"},
		"long tag":            {digest(data), strings.Repeat("x", 65), adds(), "not the name"},
		"seal":                {digest(data), "seal", adds(), "not the name"},
		"seal of another":     {digest(data), "x.seal", adds(), "not the name"},
		"fill fails":          {digest(data), tag, func(context.Context, string, func(string, []byte) error) error { return errFill }, "is gone"},
		"absolute":            {digest(data), tag, adds("/etc/x", ""), "absolute"},
		"parent":              {digest(data), tag, adds("../x", ""), `".."`},
		"not clean":           {digest(data), tag, adds("lib//x", ""), "clean"},
		"the tree":            {digest(data), tag, adds(".", ""), "clean"},
		"no name":             {digest(data), tag, adds("", ""), "no name"},
		"two new directories": {digest(data), tag, adds("a/b/c", ""), "no such file"},
		"through a link":      {digest(data), tag, adds("here/x", ""), "not a directory"},
		"below a link":        {digest(data), tag, adds("here/lib/x", ""), "not a directory"},
		"below a file":        {digest(data), tag, adds("app.py/x", ""), "not a directory"},
		"over a directory":    {digest(data), tag, adds("empty", ""), "directory of this name"},
		"too many bytes":      {digest(data), tag, adds("x", strings.Repeat("x", 600), "y", strings.Repeat("x", 600)), "too many bytes"},
		"too many files": {digest(data), tag, func(_ context.Context, _ string, add func(string, []byte) error) error {
			for i := range 21 {
				if err := add(fmt.Sprint("f", i), nil); err != nil {
					return err
				}
			}
			return nil
		}, "too many files"},
		"context ends": {digest(data), tag, func(context.Context, string, func(string, []byte) error) error { cancel(); return nil }, "canceled"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			dir := tempDir(t)
			c, err := code.Open(dir, code.Limits{Unzipped: 1000, Entries: 20})
			if err != nil {
				t.Fatal(err)
			}
			before := listing(t, ensure(t, c, data))
			ctx := t.Context()
			if name == "context ends" {
				ctx = ended
			}
			path, err := c.Derive(ctx, test.sha, test.tag, test.fill)
			if err == nil || path != "" || !strings.Contains(err.Error(), test.reason) {
				t.Errorf("Derive = %q, %v; want %q in the error", path, err, test.reason)
			}
			if errors.Is(err, code.ErrNotUnpacked) != (name == "not unpacked") || errors.Is(err, errFill) != (name == "fill fails") {
				t.Errorf("Derive: %v", err)
			}
			if _, ok := c.Derived(test.sha, test.tag); ok {
				t.Error("Derived knows it")
			}
			if left := names(t, dir); len(left) != 2 {
				t.Errorf("left behind: %q", left)
			}
			if after := listing(t, filepath.Join(dir, digest(data))); after != before {
				t.Errorf("the tree that was derived from became\n%swas\n%s", after, before)
			}
		})
	}
}

func TestDeriveOnceForAll(t *testing.T) {
	data := app(t)
	c := open(t, tempDir(t))
	ensure(t, c, data)
	var fills atomic.Int32
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			path, err := c.Derive(t.Context(), digest(data), tag, func(ctx context.Context, tree string, add func(string, []byte) error) error {
				fills.Add(1)
				return adds("x", "1")(ctx, tree, add)
			})
			if err != nil {
				t.Error(err)
				return
			}
			if body, err := os.ReadFile(filepath.Join(path, "x")); err != nil || string(body) != "1" {
				t.Errorf("a caller sees an unfinished tree: %q, %v", body, err)
			}
		})
	}
	wg.Wait()
	if fills.Load() != 1 {
		t.Errorf("it was derived %d times", fills.Load())
	}
}

// A derived tree that a power cut or a person has damaged is made again, and does without the tree that it came from.
func TestDamagedDerivedTree(t *testing.T) {
	data := app(t)
	dir := tempDir(t)
	c := open(t, dir)
	ensure(t, c, data)
	path := derive(t, c, data, adds("x", "1234"))
	if err := errors.Join(os.Chmod(path+"/x", 0o600), os.Truncate(path+"/x", 0)); err != nil {
		t.Fatal(err)
	}
	c = open(t, dir)
	if _, ok := c.Derived(digest(data), tag); ok {
		t.Error("a damaged tree is used")
	}
	derive(t, c, data, adds("x", "1234"))
	if body, err := os.ReadFile(path + "/x"); err != nil || string(body) != "1234" {
		t.Errorf("x holds %q, %v", body, err)
	}
	if err := removeTree(t, filepath.Join(dir, digest(data))); err != nil {
		t.Fatal(err)
	}
	if _, ok := open(t, dir).Derived(digest(data), tag); !ok {
		t.Error("not there without the tree that it came from")
	}
	if body, err := os.ReadFile(path + "/app.py"); err != nil || string(body) != "x = 1" {
		t.Errorf("app.py holds %q, %v", body, err)
	}
}

func TestKilledWhileDeriving(t *testing.T) {
	dir := tempDir(t)
	data := app(t)
	before := listing(t, ensure(t, open(t, dir), data))
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), "FURL_TEST_KILLED_DERIVE="+dir)
	out, err := child.CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Fatalf("child: %v\n%s", err, out)
	}
	if left := names(t, dir); len(left) != 3 || !strings.HasPrefix(left[0], ".new-") {
		t.Fatalf("a killed derivation leaves %q; want one unfinished tree", left)
	}
	c := open(t, dir)
	if left := names(t, dir); len(left) != 2 {
		t.Errorf("after Open there is still %q", left)
	}
	if after := listing(t, filepath.Join(dir, digest(data))); after != before {
		t.Errorf("the tree that was derived from became\n%swas\n%s", after, before)
	}
	if _, ok := c.Path(digest(data)); !ok {
		t.Error("the tree that was derived from is gone")
	}
	if _, ok := c.Derived(digest(data), tag); ok {
		t.Error("Derived knows an unfinished tree")
	}
	derive(t, c, data, adds("x", "1"))
}

// killedDerive is the child of TestKilledWhileDeriving: it is killed when some files are added.
func killedDerive(dir string) {
	data := app(&testing.T{})
	c, err := code.Open(dir, code.Limits{})
	if err == nil {
		_, err = c.Derive(context.Background(), digest(data), tag, func(ctx context.Context, tree string, add func(string, []byte) error) error {
			if err := adds("__pycache__/a", "1", "lib/__pycache__/m.cpython-312.pyc", "2")(ctx, tree, add); err != nil {
				return err
			}
			return syscall.Kill(os.Getpid(), syscall.SIGKILL)
		})
	}
	fmt.Fprintln(os.Stderr, "not killed:", err)
	os.Exit(1)
}

func TestSweepDerived(t *testing.T) {
	data, other := app(t), archive(t, entry{name: "f", body: "1"})
	dir := tempDir(t)
	synctest.Test(t, func(t *testing.T) {
		c := open(t, dir)
		ensure(t, c, data)
		ensure(t, c, other)
		for _, sha := range []string{digest(data), digest(other)} {
			for _, tag := range []string{"old", "new"} {
				if _, err := c.Derive(t.Context(), sha, tag, adds("x", "1")); err != nil {
					t.Fatal(err)
				}
			}
		}
		// A process that was killed between two steps leaves a seal without a tree.
		if err := os.WriteFile(filepath.Join(dir, digest(other)+".killed.seal"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "notes.txt"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		everything := names(t, dir)
		if err := c.Sweep(func(string, string) bool { return false }); err != nil {
			t.Error(err)
		}
		if got := names(t, dir); len(got) != len(everything)-1 {
			t.Errorf("trees in use are removed: left %q of %q", got, everything)
		}
		<-time.After(2 * time.Minute)
		asked := map[string]int{}
		err := c.Sweep(func(sha, tag string) bool {
			asked[sha+" "+tag]++
			return sha == digest(data) && tag != "old"
		})
		if err != nil {
			t.Error(err)
		}
		for _, want := range []string{digest(data) + " ", digest(data) + " old", digest(data) + " new", digest(other) + " "} {
			if asked[want] != 1 {
				t.Errorf("asked %d times for %q", asked[want], want)
			}
		}
		want := []string{digest(data), digest(data) + ".new", digest(data) + ".new.seal", digest(data) + ".seal", "notes.txt"}
		if got := names(t, dir); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("left: %q\nwant: %q", got, want)
		}
		if _, ok := c.Derived(digest(data), "old"); ok {
			t.Error("Derived knows a tree that is gone")
		}
		if body, err := os.ReadFile(filepath.Join(dir, digest(data), "app.py")); err != nil || string(body) != "x = 1" {
			t.Errorf("app.py holds %q, %v", body, err)
		}
	})
}

func FuzzDeriveAdds(f *testing.F) {
	f.Add("lib/__pycache__/m.pyc", "here/../x")
	f.Add("main.py", "app.py")
	f.Add("here/here/lib/x", "empty/y")
	f.Add("x/y", "x")
	f.Add("bin/run/../x", "\x00")
	f.Fuzz(func(t *testing.T, first, second string) {
		outer := tempDir(t)
		dir := filepath.Join(outer, "code")
		data := app(t)
		c := open(t, dir)
		before := listing(t, ensure(t, c, data))
		path, err := c.Derive(t.Context(), digest(data), tag, adds(first, "1", second, "2"))
		if err == nil {
			walk(t, path)
			if body, err := os.ReadFile(filepath.Join(path, second)); err != nil || string(body) != "2" {
				t.Fatalf("%q was added, but holds %q: %v", second, body, err)
			}
		}
		if after := listing(t, filepath.Join(dir, digest(data))); after != before {
			t.Fatalf("the tree that was derived from became\n%swas\n%s", after, before)
		}
		if got := names(t, outer); len(got) != 1 {
			t.Fatalf("written beside the cache: %q", got)
		}
		if got := names(t, dir); len(got) != 2 && err != nil || len(got) != 4 && err == nil {
			t.Fatalf("Derive: %v, there is %q", err, got)
		}
	})
}
