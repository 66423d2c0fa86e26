package environment_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime/pprof"
	"strings"
	"sync"
	"testing"
	"time"

	"furl/internal/environment"
	"furl/internal/sandbox"
	"furl/internal/state"
)

// house is a pool on the process driver with one function's code and its log.
type house struct {
	t    testing.TB
	pool *environment.Pool
	code string

	mu     sync.Mutex
	events []environment.Event
	quiet  bool
}

// newHouse makes a pool and, at the test's end, closes it and looks for what it
// left behind.
func newHouse(t testing.TB, change ...func(*environment.Options)) *house {
	t.Helper()
	command, err := sandbox.SelfSupervisor()
	if err != nil {
		t.Fatal(err)
	}
	work := t.TempDir()
	files := openFiles()
	driver, err := sandbox.NewProcess(sandbox.ProcessOptions{Dir: work, Supervisor: command})
	if err != nil {
		t.Fatal(err)
	}
	return openHouse(t, driver, work, files, change)
}

// openHouse is newHouse on a driver that works in a directory, of a process that had
// so many files open before.
func openHouse(t testing.TB, driver sandbox.Driver, work string, files int, change []func(*environment.Options)) *house {
	t.Helper()
	h := &house{t: t, code: t.TempDir()}
	runtimes := make(map[string]string) // so that no test searches again
	for _, i := range installed() {
		if i.Err == nil {
			runtimes[i.Runtime] = i.Path
		}
	}
	opts := environment.Options{
		Runtimes: runtimes,
		Driver:   driver, Region: "eu-central-1",
		CodeDir: func(context.Context, *state.Version) (string, error) { return h.code, nil },
		Output:  h.output,
		Format: func(dst []byte, _ *state.Target, e *environment.Event) []byte {
			return fmt.Appendf(dst, "%d %s %s\n", e.Kind, e.RequestID, e.Text)
		},
	}
	for _, c := range change {
		c(&opts)
	}
	var err error
	if h.pool, err = environment.NewPool(opts); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := h.pool.Close(ctx); err != nil {
			t.Error("close:", err)
		}
		if err := driver.Close(); err != nil {
			t.Error("close:", err)
		}
		if left, _ := filepath.Glob(filepath.Join(work, "*")); len(left) > 0 {
			t.Error("working directories left:", left)
		}
		if left := processesWith(work); len(left) > 0 {
			t.Error("processes left:", left)
		}
		await(t, func() bool { return len(ours()) == 0 }, func() any { return ours() })
		if now := openFiles(); now > files {
			t.Errorf("%d descriptors open, %d before", now, files)
		}
	})
	return h
}

// openFiles counts this process's descriptors, except those of Go's poller.
func openFiles() int {
	n := 0
	entries, _ := os.ReadDir("/proc/self/fd")
	for _, e := range entries {
		if target, _ := os.Readlink("/proc/self/fd/" + e.Name()); !strings.Contains(target, "anon_inode") {
			n++
		}
	}
	return n
}

// ours are the goroutines that run code of this house.
func ours() []string {
	var b strings.Builder
	pprof.Lookup("goroutine").WriteTo(&b, 2)
	var found []string
	for g := range strings.SplitSeq(b.String(), "\n\n") {
		if strings.Contains(g, "furl/internal/") && !strings.Contains(g, "environment_test.") {
			found = append(found, g)
		}
	}
	return found
}

// await waits for a condition that comes about outside of the test.
func await(t testing.TB, ok func() bool, state func() any) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	deadline := time.After(10 * time.Second)
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal("did not happen within ten seconds:", state())
		}
	}
}

// processesWith are the processes whose environment mentions text.
func processesWith(text string) []string {
	var found []string
	environs, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, name := range environs {
		env, err := os.ReadFile(name)
		if err != nil || !strings.Contains(string(env), text) {
			continue
		}
		if stat, _ := os.ReadFile(filepath.Join(filepath.Dir(name), "stat")); !strings.Contains(string(stat), ") Z ") {
			cmd, _ := os.ReadFile(filepath.Join(filepath.Dir(name), "cmdline"))
			found = append(found, name+" "+string(cmd))
		}
	}
	return found
}

func (h *house) output(_ *state.Target, _ string, events []environment.Event) {
	if h.quiet {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.events = append(h.events, events...)
}

// lines are the texts that were printed in the invocation with the given id.
func (h *house) lines(id string) []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	var out []string
	for _, e := range h.events {
		if e.Kind == environment.Line && e.RequestID == id {
			out = append(out, e.Text)
		}
	}
	return out
}

func (h *house) write(name, text string) {
	h.t.Helper()
	path := filepath.Join(h.code, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		h.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
		h.t.Fatal(err)
	}
}

// target is $LATEST of a function whose code is the house's.
func (h *house) target(name, runtime, handler string, change ...func(*state.Target)) *state.Target {
	f := &state.Function{Account: "123456789012", Region: "eu-central-1", Name: name}
	f.Latest = state.Version{Number: state.LatestVersion, Runtime: runtime, Handler: handler, Timeout: 3, MemorySize: 128}
	t := &state.Target{Function: f, Version: &f.Latest, ARN: "arn:aws:lambda:eu-central-1:123456789012:function:" + name,
		Key: "123456789012/eu-central-1/" + name + "/$LATEST", Digest: "1"}
	for _, c := range change {
		c(t)
	}
	return t
}

func (h *house) invoke(t *state.Target, id, event string) environment.Result {
	h.t.Helper()
	res, err := h.pool.Invoke(h.t.Context(), t, &environment.Invocation{
		RequestID: id, InvokedARN: t.ARN, Event: []byte(event),
	})
	if err != nil {
		h.t.Fatalf("invoke: %v", err)
	}
	return res
}

// errorOf reads an error payload.
func errorOf(t testing.TB, payload []byte) (e struct {
	ErrorMessage, ErrorType, RequestID string
	StackTrace                         []string
}) {
	t.Helper()
	if err := json.Unmarshal(payload, &e); err != nil {
		t.Fatalf("payload %s: %v", payload, err)
	}
	return e
}

// forget empties the log.
func (h *house) forget() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.events = nil
}

func credentials(context.Context, *state.Target) map[string]string {
	return map[string]string{"AWS_ACCESS_KEY_ID": "ASIA1", "AWS_SECRET_ACCESS_KEY": "s", "AWS_SESSION_TOKEN": "t"}
}
