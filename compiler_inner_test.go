package furl

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"furl/internal/code"
	"furl/internal/environment"
)

// fakeCompile is a compilation of any package; it adds nothing.
type fakeCompile func(ctx context.Context) (environment.Compiled, error)

func (fakeCompile) CompiledForm(_ context.Context, runtime string) string {
	return strings.TrimPrefix(runtime, "none")
}

func (f fakeCompile) Compile(ctx context.Context, _, _ string, _ func(string, []byte) error) (environment.Compiled, error) {
	return f(ctx)
}

// newFakeCompiler is a compiler with one unpacked package, of the given digest.
func newFakeCompiler(t *testing.T, dir string, f fakeCompile) (c *compiler, sha string, log *lockedBuffer) {
	t.Helper()
	trees, err := code.Open(dir, code.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	_, err = w.Create("app.py")
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(b.Bytes())
	sha = hex.EncodeToString(sum[:])
	if _, err := trees.Ensure(t.Context(), sha, func() (io.ReadCloser, error) { return io.NopCloser(&b), nil }); err != nil {
		t.Fatal(err)
	}
	log = new(lockedBuffer)
	c = newCompiler(trees, nil, slog.New(slog.NewTextHandler(log, nil)))
	c.pool = f
	return c, sha, log
}

// lockedBuffer is a log that is read while it is written.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// openTrees is a directory whose read-only trees can be removed at the test's end.
func openTrees(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	t.Cleanup(func() {
		entries, _ := os.ReadDir(dir)
		for _, e := range entries {
			if e.IsDir() {
				os.Chmod(dir+"/"+e.Name(), 0o700)
			}
		}
	})
	return dir
}

// What many deploy at once is compiled once, and then there.
func TestCompilerSharesWork(t *testing.T) {
	dir := openTrees(t)
	synctest.Test(t, func(t *testing.T) {
		times := 0
		c, sha, _ := newFakeCompiler(t, dir, func(context.Context) (environment.Compiled, error) {
			times++
			time.Sleep(time.Second)
			return environment.Compiled{}, nil
		})
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() {
				c.deploy(t.Context(), "a", sha)
				if _, ok := c.tree(t.Context(), "a", sha); !ok {
					t.Error("deployed, but not there")
				}
			})
		}
		wg.Wait()
		c.deploy(t.Context(), "none", sha)
		if times != 1 {
			t.Errorf("compiled %d times", times)
		}
		if _, ok := c.tree(t.Context(), "none", sha); ok {
			t.Error("there is a tree for a runtime that compiles nothing")
		}
		c.close()
	})
}

// A deployment waits, but not for long; what it waits for goes on.
func TestCompilerTakesLong(t *testing.T) {
	dir := openTrees(t)
	synctest.Test(t, func(t *testing.T) {
		c, sha, log := newFakeCompiler(t, dir, func(ctx context.Context) (environment.Compiled, error) {
			<-ctx.Done() // the pool keeps what was done until the deadline
			if ctx.Err() != context.DeadlineExceeded {
				return environment.Compiled{}, ctx.Err()
			}
			return environment.Compiled{Partial: true}, nil
		})
		begin := time.Now()
		c.deploy(t.Context(), "a", sha)
		if took := time.Since(begin); took != deployWait {
			t.Errorf("a deployment waited %s", took)
		}
		if _, ok := c.tree(t.Context(), "a", sha); ok || !strings.Contains(log.String(), "takes long") {
			t.Errorf("there is a tree: %t, log %s", ok, log)
		}
		<-time.After(compileTime)
		synctest.Wait()
		if _, ok := c.tree(t.Context(), "a", sha); !ok || !strings.Contains(log.String(), "in part") {
			t.Errorf("there is a tree: %t, log %s", ok, log)
		}
		// Who asks meanwhile does not wait; closing ends all.
		if job := c.begin(t.Context(), "b", sha, false); job == nil || job.over() {
			t.Error("nothing is under way")
		}
		c.close()
		if _, ok := c.tree(t.Context(), "b", sha); ok {
			t.Error("there is a tree of what was canceled")
		}
		if c.begin(t.Context(), "c", sha, false) != nil {
			t.Error("a closed compiler begins something")
		}
	})
}

// Packages that take long hold up the deployment of others for a moment only.
func TestCompilerIsBusy(t *testing.T) {
	dir := openTrees(t)
	synctest.Test(t, func(t *testing.T) {
		c, sha, _ := newFakeCompiler(t, dir, func(ctx context.Context) (environment.Compiled, error) {
			<-ctx.Done()
			return environment.Compiled{}, nil
		})
		for i := range compilers {
			c.begin(t.Context(), fmt.Sprint("large", i), sha, false)
		}
		synctest.Wait()
		begin := time.Now()
		c.deploy(t.Context(), "small", sha)
		if took := time.Since(begin); took != turnWait {
			t.Errorf("a deployment waited %s", took)
		}
		<-time.After(2 * compileTime)
		synctest.Wait()
		if _, ok := c.tree(t.Context(), "small", sha); !ok {
			t.Error("what waited for its turn was not compiled")
		}
		c.close()
	})
}

// What fails is tried again in the next deployment, or after a while, not by
// every start.
func TestCompilerFails(t *testing.T) {
	dir := openTrees(t)
	synctest.Test(t, func(t *testing.T) {
		times := 0
		c, sha, log := newFakeCompiler(t, dir, func(context.Context) (environment.Compiled, error) {
			times++
			return environment.Compiled{}, fmt.Errorf("attempt %d fails", times)
		})
		c.deploy(t.Context(), "a", sha)
		for range 3 {
			c.begin(t.Context(), "a", sha, false)
			synctest.Wait()
		}
		if times != 1 || !strings.Contains(log.String(), "attempt 1 fails") {
			t.Errorf("%d attempts, log %s", times, log)
		}
		c.deploy(t.Context(), "a", sha)
		if times != 2 {
			t.Errorf("%d attempts after a second deployment", times)
		}
		c.forget()
		c.begin(t.Context(), "a", sha, false)
		synctest.Wait()
		if times != 3 {
			t.Errorf("%d attempts after a while", times)
		}
		c.close()
	})
}
