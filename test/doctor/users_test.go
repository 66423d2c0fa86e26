//go:build linux

package doctor_test

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// up serves functions of the same code with `furl up` and `furl deploy`, and
// returns what each answers.
func (m machine) up(t *testing.T, code string, names ...string) []string {
	t.Helper()
	dir, data := filepath.Join(open(t), "app"), filepath.Join(open(t), "data")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "lambda_function.py"), []byte(code), 0o644); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	command := append(append([]string{}, m.lacks...), "--", filepath.Join(programs, "furl"), "up", dir, "--data-dir", data, "--name", names[0])
	cmd := exec.CommandContext(ctx, filepath.Join(programs, "lack"), command...)
	cmd.Env = append([]string{"PATH=" + filepath.Join(programs, "bin") + ":/usr/bin:/bin", "HOME=" + open(t),
		"FURL_LISTEN=127.0.0.1:0", "FURL_ISOLATION=required"}, m.env...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 20 * time.Second
	var errs strings.Builder
	cmd.Stderr = &errs
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait() // ended by our own signal
	defer cancel()
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		cancel()
		cmd.Wait()
		t.Fatalf("furl up printed no URL: %v\n%s", err, errs.String())
	}
	answers := []string{get(t, line)}
	for _, name := range names[1:] {
		out, stderr, code := m.furl(t, "deploy", dir, "--data-dir", data, "--name", name, "--url", "NONE")
		if code != 0 {
			t.Fatalf("furl deploy: %d\n%s", code, stderr)
		}
		answers = append(answers, get(t, out))
	}
	return answers
}

// get calls a function URL, whose host is looked up here.
func get(t *testing.T, url string) string {
	t.Helper()
	_, rest, _ := strings.Cut(strings.TrimSpace(url), "://")
	host, _, _ := strings.Cut(rest, "/")
	_, port, _ := strings.Cut(host, ":")
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://127.0.0.1:"+port+"/", nil)
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
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: %d %s %v", url, resp.StatusCode, body, err)
	}
	return string(body)
}

// TestUsers: what functions run as, seen from the host: each sandbox as a user of
// its own where there are some, and none as root.
func TestUsers(t *testing.T) {
	needRoot(t)
	const code = `import os

def lambda_handler(event, context):
    return {"statusCode": 200, "body": str(os.getuid()) + " " + open("/proc/self/uid_map").read()}
`
	tests := []struct {
		name string
		machine
		first, count int // ids on the host that sandboxes may have
		apart        bool
	}{
		{"root", machine{}, 1 << 20, 1<<32 - 1<<20, true},
		{"a user with subordinate ids", machine{lacks: subordinate(t)}, 200000, 65536, true},
		{"a user with one id", machine{lacks: []string{"root=" + nobody}}, 12345, 1, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var ids []int
			for _, answer := range tt.up(t, code, "one", "two") {
				id := hostID(t, answer)
				if id < tt.first || id >= tt.first+tt.count {
					t.Errorf("a function runs as user %d (%q), want one of %d from %d", id, answer, tt.count, tt.first)
				}
				ids = append(ids, id)
			}
			if (ids[0] != ids[1]) != tt.apart {
				t.Errorf("two functions run as %v; apart is %v", ids, tt.apart)
			}
		})
	}
}

// TestWithoutProc: where the kernel mounts no /proc, functions have none, and above
// all not the server's.
func TestWithoutProc(t *testing.T) {
	needRoot(t)
	const code = `import os, subprocess

def lambda_handler(event, context):
    said = subprocess.run(["/bin/sh", "-c", "echo a child"], capture_output=True, text=True).stdout
    return {"statusCode": 200, "body": said + str(os.listdir("/proc"))}
`
	for _, lacks := range [][]string{{"proc"}, {"proc", "root=" + nobody}} {
		m := machine{lacks: lacks}
		for _, answer := range m.up(t, code, "one", "two") {
			if answer != "a child\n[]" {
				t.Errorf("%v: %q", lacks, answer)
			}
		}
	}
}

// hostID is the user on the host of a function that answered its user and the
// table of its user namespace.
func hostID(t *testing.T, answer string) int {
	t.Helper()
	var f []int
	for _, s := range strings.Fields(answer) {
		n, err := strconv.Atoi(s)
		if err != nil {
			t.Fatalf("%q: %v", answer, err)
		}
		f = append(f, n)
	}
	for i := 1; i+2 < len(f); i += 3 {
		if inside, outside, count := f[i], f[i+1], f[i+2]; f[0] >= inside && f[0] < inside+count {
			return outside + f[0] - inside
		}
	}
	t.Fatalf("%q: the user is not in the table", answer)
	return 0
}
