package lambda_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"furl/internal/environment"
	"furl/internal/sandbox"
	"furl/internal/state"
)

// newPool is a pool whose functions of a custom runtime run in this process:
// they answer with what they were told of the invocation, or fail when the
// event says "fail".
func newPool(t *testing.T) *environment.Pool {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "bootstrap"), nil, 0o700); err != nil {
		t.Fatal(err)
	}
	driver := &fakeDriver{t: t}
	pool, err := environment.NewPool(environment.Options{
		Driver: driver, Region: "us-east-1", Logger: slog.New(slog.DiscardHandler),
		CodeDir: func(context.Context, *state.Version) (string, error) { return dir, nil },
		Output:  func(*state.Target, string, []environment.Event) {},
		Format: func(dst []byte, _ *state.Target, e *environment.Event) []byte {
			return fmt.Appendf(dst, "%d %s\n", e.Kind, e.RequestID)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := pool.Close(ctx); err != nil {
			t.Error(err)
		}
		driver.running.Wait()
	})
	return pool
}

type fakeDriver struct {
	t       *testing.T
	running sync.WaitGroup
}

func (d *fakeDriver) Name() string                         { return "fake" }
func (d *fakeDriver) Probe(context.Context) sandbox.Report { return sandbox.Report{Driver: "fake"} }
func (d *fakeDriver) Close() error                         { return nil }

func (d *fakeDriver) Blank(_ context.Context, spec sandbox.Spec) (sandbox.Blank, error) {
	if spec.Path != "" {
		return nil, errors.New("the fake driver runs custom runtimes only")
	}
	return &fakeBlank{d, make(chan struct{})}, nil
}

type fakeBlank struct {
	driver *fakeDriver
	exited chan struct{}
}

func (b *fakeBlank) Listen(ctx context.Context) (net.Listener, error) {
	return new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
}

func (b *fakeBlank) Exited() <-chan struct{} { return b.exited }
func (b *fakeBlank) Discard()                {}

func (b *fakeBlank) Assign(_ context.Context, a sandbox.Assignment) (sandbox.Env, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	e := &fakeEnv{blank: b, layout: sandbox.Layout{Code: a.Code, Temp: os.TempDir()}, out: r, end: w}
	ctx, stop := context.WithCancel(context.Background())
	e.stop = stop
	for _, v := range a.Launch(e.layout).Env {
		if api, ok := strings.CutPrefix(v, "AWS_LAMBDA_RUNTIME_API="); ok {
			b.driver.running.Go(func() { e.run(ctx, "http://"+api+"/2018-06-01/runtime/invocation/") })
		}
	}
	return e, nil
}

type fakeEnv struct {
	blank  *fakeBlank
	layout sandbox.Layout
	out    *os.File
	end    io.Closer
	stop   context.CancelFunc
	once   sync.Once
}

func (e *fakeEnv) Layout() sandbox.Layout        { return e.layout }
func (e *fakeEnv) Channel() *sandbox.Channel     { return nil }
func (e *fakeEnv) Output() *os.File              { return e.out }
func (e *fakeEnv) Freeze() error                 { return sandbox.ErrUnsupported }
func (e *fakeEnv) Thaw() error                   { return sandbox.ErrUnsupported }
func (e *fakeEnv) Stats() (sandbox.Stats, error) { return sandbox.Stats{}, nil }
func (e *fakeEnv) Exited() <-chan struct{}       { return e.blank.exited }
func (e *fakeEnv) Exit() sandbox.Exit            { return sandbox.Exit{} }

func (e *fakeEnv) Retire(time.Duration) {
	e.once.Do(func() {
		e.stop()
		e.end.Close()
		e.out.Close()
		close(e.blank.exited)
	})
}

// run is the program: it speaks the Runtime API until it is ended.
func (e *fakeEnv) run(ctx context.Context, api string) {
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	for {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, api+"next", nil)
		if err != nil {
			return
		}
		next, err := client.Do(r)
		if err != nil {
			return
		}
		event, err := io.ReadAll(next.Body)
		next.Body.Close()
		if err != nil {
			return
		}
		where, answer := "/response", fmt.Sprintf(`{"event": %s,  "arn":%q,"trace":%q,"context":%q}`, event,
			next.Header.Get("Lambda-Runtime-Invoked-Function-Arn"), next.Header.Get("Lambda-Runtime-Trace-Id"),
			next.Header.Get("Lambda-Runtime-Client-Context"))
		if string(event) == `"fail"` {
			where, answer = "/error", `{"errorMessage":"as told","errorType":"Told"}`
		}
		id := next.Header.Get("Lambda-Runtime-Aws-Request-Id")
		r, err = http.NewRequestWithContext(ctx, http.MethodPost, api+id+where, bytes.NewReader([]byte(answer)))
		if err != nil {
			return
		}
		done, err := client.Do(r)
		if err != nil {
			return
		}
		done.Body.Close()
	}
}
