package cli_test

import (
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"furl/internal/doctor"
)

// TestDoctor: what is asked for decides the exit code, and the text says what a
// check found. What machines lack is the matter of test/doctor.
func TestDoctor(t *testing.T) {
	// Interpreters on the way of this machine's user may be shims, which take long.
	t.Setenv("PATH", "")
	t.Setenv("HOME", t.TempDir())
	environ := []string{"HOME=" + t.TempDir(), "PATH=" + os.Getenv("PATH")}
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { busy.Close() })
	open := filepath.Join(t.TempDir(), "open")
	if err := os.Mkdir(open, 0o755); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name   string
		args   []string
		code   int
		stdout []string
	}{
		{"works", []string{"--listen", "127.0.0.1:0", "--data-dir", open, "--runtime", "python3.12=/bin/true"}, 0, []string{`^process: works$`, `^  ok +listen on 127.0.0.1:0$`,
			`^  without +data directory .*open to others \(mode 0755\)$`, `hint: close it: chmod 700 `,
			`^  without +python3.12 +/bin/true: is not an interpreter`, `hint: .*python`,
			`^furl serve starts here\.$`, `^functions run in: process \(functions run as the user who runs furl`, `^\(With --isolation required a server would `,
			`^  without  nodejs16.x, .*python3.8, .*: not installed`}},
		{"taken metrics address", []string{"--listen", "127.0.0.1:0", "--egress", "none", "--metrics", busy.Addr().String()}, 1, []string{`hint: .* another address with --metrics$`}},
		{"taken address", []string{"--listen", busy.Addr().String()}, 1, []string{`^server: does not work$`, `^  missing +listen on 127.0.0.1:\d+ +address already in use$`, `hint: another program serves on it`, `^furl serve does not start`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel() // under -race each process that a driver is tried with takes a second to end
			out := furlWith(t, environ, append([]string{"doctor", "--isolation", "process"}, tt.args...)...)
			for _, want := range tt.stdout {
				out.matches(t, tt.code, want, "")
			}
			if strings.Contains(out.stdout, " \n") {
				t.Error("lines end with spaces")
			}
		})
	}
	t.Run("json", func(t *testing.T) {
		t.Parallel()
		out := furlWith(t, environ, "doctor", "--isolation", "process", "--listen", busy.Addr().String(), "--json")
		var r doctor.Report
		if err := json.Unmarshal([]byte(out.stdout), &r); err != nil {
			t.Fatal(err)
		}
		if out.code != 1 || r.Isolation != "process" || r.Level != "process" || r.Starts || len(r.Sections) < 4 {
			t.Errorf("%d, %+v", out.code, r)
		}
	})
}
