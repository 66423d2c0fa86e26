//go:build linux

package doctor_test

import (
	"bufio"
	"context"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// serve starts a server, gives what it printed and logged until it was ready to
// look, and stops it.
func (m machine) serve(t *testing.T, args ...string) (log string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	command := append(append([]string{}, m.lacks...), "--", filepath.Join(programs, "furl"), "serve", "--data-dir", filepath.Join(open(t), "data"))
	cmd := exec.CommandContext(ctx, filepath.Join(programs, "lack"), append(command, args...)...)
	cmd.Env = append([]string{"PATH=" + filepath.Join(programs, "bin") + ":/usr/bin:/bin", "HOME=" + open(t)}, m.env...)
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
	line, err := bufio.NewReader(stdout).ReadString('\n')
	cancel()
	cmd.Wait() // ended by our own signal
	if err != nil || !strings.HasPrefix(line, "furl serves on ") {
		t.Fatalf("%q, %v\n%s", line, err, errs.String())
	}
	return errs.String()
}

// TestBestEffort: what is less than it could be is logged once, with the reason
// and what helps; what was asked for is not lamented.
func TestBestEffort(t *testing.T) {
	needRoot(t)
	const warning = `"level":"WARN","msg":"functions are not fully isolated from this machine"`
	lacking := machine{lacks: []string{"userns"}}
	tests := []struct {
		name string
		machine
		args []string
		want []string // in the log; none: no such warning
	}{
		{"all there", machine{}, []string{"--listen", "127.0.0.1:0"}, nil},
		{"beyond loopback", machine{}, []string{"--listen", "0.0.0.0:0"}, nil},
		{"lacking", lacking, []string{"--listen", "127.0.0.1:0"},
			[]string{`"reason":"namespace: user namespaces: operation not permitted"`, `"remedy":"`}},
		{"lacking, beyond loopback", lacking, []string{"--listen", "0.0.0.0:0", "--isolation", "best-effort"},
			[]string{`"reason":"namespace: user namespaces: operation not permitted"`}},
		{"asked for", machine{}, []string{"--listen", "0.0.0.0:0", "--isolation", "process", "--egress", "none"},
			[]string{`"isolation":"process"`, `files and network"`, `the egress settings have no effect`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			log := tt.serve(t, append(tt.args, "--log-format", "json")...)
			if got, want := strings.Count(log, warning), min(len(tt.want), 1); got != want {
				t.Errorf("%d warnings, want %d", got, want)
			}
			for _, want := range tt.want {
				if !strings.Contains(log, want) {
					t.Errorf("no %s", want)
				}
			}
			if t.Failed() {
				t.Log(log)
			}
		})
	}
}
