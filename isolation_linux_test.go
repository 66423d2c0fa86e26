package furl_test

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestFunctionInNamespaces serves the hello function from a sandbox. The
// sandbox's programs are furl itself, which must be static even under -race.
func TestFunctionInNamespaces(t *testing.T) {
	if os.Getuid() != 0 {
		if os.Getenv("CI") == "true" {
			t.Fatal("needs root")
		}
		t.Skip("NOT TESTED: a function in a namespace sandbox needs root here")
	}
	dir := t.TempDir()
	binary, err := staticBinary()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary, "up", "examples/hello", "--data-dir", filepath.Join(dir, "data"))
	cmd.Env = append(os.Environ(), "FURL_LISTEN=127.0.0.1:0", "FURL_ISOLATION=namespace")
	var log strings.Builder
	cmd.Stderr = &log
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 20 * time.Second
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		cancel()
		cmd.Wait()
		t.Fatalf("furl up printed no URL: %v\n%s", err, log.String())
	}
	if got := call(t, strings.TrimSpace(line)+"?name=John"); got != `200 {"message": "Hello, John!"}` {
		t.Errorf("the function in its sandbox answers %s", got)
	}
	cancel()
	cmd.Wait() // ended by our own signal
	if t.Failed() {
		t.Log(log.String())
	}
}

// call gets a function URL, whose host is looked up here: below localhost.
func call(t *testing.T, url string) string {
	t.Helper()
	scheme, rest, _ := strings.Cut(url, "://")
	host, path, _ := strings.Cut(rest, "/")
	_, port, _ := strings.Cut(host, ":")
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, scheme+"://127.0.0.1:"+port+"/"+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Host = host
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSuffix(resp.Status, " "+http.StatusText(resp.StatusCode)) + " " + string(body)
}
