package cli_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"furl"
	"furl/internal/cli"
)

// TestMain lets the test binary be the supervisor that servers start.
func TestMain(m *testing.M) {
	if furl.Supervise() {
		return
	}
	os.Exit(m.Run())
}

// result is how a command ended.
type result struct {
	code           int
	stdout, stderr string
}

// furlWith runs a command with an environment of its own.
func furlWith(t *testing.T, environ []string, args ...string) result {
	t.Helper()
	return furlIn(t, "", environ, args...)
}

func furlIn(t *testing.T, stdin string, environ []string, args ...string) result {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code := cli.Run(t.Context(), environ, args, strings.NewReader(stdin), &stdout, &stderr)
	return result{code, stdout.String(), stderr.String()}
}

// ok fails the test unless the command worked, and returns what it printed.
func (r result) ok(t *testing.T) string {
	t.Helper()
	if r.code != 0 {
		t.Fatalf("exit code %d\n%s%s", r.code, r.stdout, r.stderr)
	}
	return r.stdout
}

// matches checks the exit code and what was printed against regular
// expressions; an empty one wants nothing printed.
func (r result) matches(t *testing.T, code int, stdout, stderr string) {
	t.Helper()
	if r.code != code {
		t.Errorf("exit code %d, want %d\n%s%s", r.code, code, r.stdout, r.stderr)
	}
	for _, one := range []struct{ what, text, want string }{{"stdout", r.stdout, stdout}, {"stderr", r.stderr, stderr}} {
		if one.want == "" && one.text != "" || one.want != "" && !regexp.MustCompile("(?m)"+one.want).MatchString(one.text) {
			t.Errorf("%s is %q, want a match of %q", one.what, one.text, one.want)
		}
	}
}

// serve runs a server until the test ends, and returns the environment of a
// user of it.
func serve(t *testing.T) (environ []string, info furl.ServerInfo) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "data")
	ctx, stop := context.WithCancel(context.Background())
	node, err := furl.New(ctx, furl.Config{DataDir: dir, Listen: []string{"127.0.0.1:0"}})
	if err != nil {
		stop()
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- node.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
		if err := node.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	environ = []string{"HOME=" + t.TempDir(), "PATH=" + os.Getenv("PATH"), "FURL_DATA_DIR=" + dir}
	// Until server.json is there nobody finds the server.
	for range waitFor(t, func() bool { _, err := furl.ReadServerInfo(dir); return err == nil }) {
	}
	return environ, node.Info()
}

// write makes a directory with files, by name; executable where the name ends
// in "*".
func write(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "app")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		name, exec := strings.CutSuffix(name, "*")
		mode := os.FileMode(0o644)
		if exec {
			mode = 0o755
		}
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// output gathers what a command prints while it runs, and tells when that
// contains something.
type output struct {
	mu      sync.Mutex
	text    strings.Builder
	changed chan struct{}
}

func newOutput() *output { return &output{changed: make(chan struct{})} }

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.text.Write(p)
	close(o.changed)
	o.changed = make(chan struct{})
	return len(p), nil
}

func (o *output) now() (string, <-chan struct{}) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String(), o.changed
}

// wait returns the first match of a regular expression.
func (o *output) wait(t *testing.T, pattern string) string {
	t.Helper()
	re := regexp.MustCompile("(?m)" + pattern)
	for {
		text, changed := o.now()
		if m := re.FindString(text); m != "" {
			return m
		}
		select {
		case <-changed:
		case <-deadline(t):
			t.Fatalf("no match of %q in time; there is %q", pattern, text)
		}
	}
}
