package sandbox_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"furl/internal/sandbox"
	"furl/internal/sandbox/sandboxtest"
)

var background = context.Background()

// modes are the two ways to run the driver.
var modes = map[string]bool{"own children": false, "supervised": true}

// newDriver makes a driver that is closed, and inspected, at the test's end.
func newDriver(t testing.TB, supervised bool) (*sandbox.Process, string) {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("looks into /proc")
	}
	dir := t.TempDir()
	opts := sandbox.ProcessOptions{Dir: dir}
	if supervised {
		var err error
		if opts.Supervisor, err = sandbox.SelfSupervisor(); err != nil {
			t.Fatal(err)
		}
	}
	files := openFiles(t)
	d, err := sandbox.NewProcess(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error("close:", err)
		}
		if err := d.Close(); err != nil {
			t.Error("second close:", err)
		}
		if left := processesOf(t, dir); len(left) > 0 {
			t.Errorf("processes left: %q", left)
		}
		if left, _ := filepath.Glob(dir + "/*"); len(left) > 0 {
			t.Errorf("directories left: %q", left)
		}
		if now := openFiles(t); now > files {
			t.Errorf("%d descriptors open, %d before", now, files)
		}
	})
	return d, dir
}

func openFiles(t testing.TB) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, e := range entries { // the runtime's poller stays open once it is used
		if target, _ := os.Readlink("/proc/self/fd/" + e.Name()); !strings.Contains(target, "anon_inode") {
			n++
		}
	}
	return n
}

// suite is the driver's, with a program that this test binary is.
func suite(t testing.TB, supervised bool) sandboxtest.Suite {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return sandboxtest.Suite{Program: exe, LeavesOrphans: !supervised, New: func(t testing.TB) sandbox.Driver {
		d, _ := newDriver(t, supervised)
		return d
	}}
}

func TestProcess(t *testing.T) {
	for name, supervised := range modes {
		t.Run(name, suite(t, supervised).Run)
	}
}

func TestWorkingDirectories(t *testing.T) {
	d, dir := newDriver(t, true)
	env := suite(t, true).Env(t, d)
	if temp := env.Layout().Temp; !strings.HasPrefix(temp, dir+"/") {
		t.Errorf("working directory is %s, not below %s", temp, dir)
	}
}

// A server that is killed leaves nothing, even of programs that do not look at
// their channel.
func TestKilledServerLeavesNothing(t *testing.T) {
	for name, supervised := range modes {
		t.Run(name, func(t *testing.T) {
			if runtime.GOOS != "linux" {
				t.Skip("looks into /proc")
			}
			dir := t.TempDir()
			exe, err := os.Executable()
			if err != nil {
				t.Fatal(err)
			}
			server := exec.Command(exe)
			server.Env = []string{"SANDBOX_TEST_SERVER=" + dir}
			if supervised {
				server.Env = append(server.Env, "SANDBOX_TEST_SUPERVISED=1")
			}
			out, err := server.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := server.Start(); err != nil {
				t.Fatal(err)
			}
			defer server.Wait()
			if line, err := bufio.NewReader(out).ReadString('\n'); line != "ready\n" {
				server.Process.Kill()
				t.Fatal(line, err)
			}
			if n := len(processesOf(t, dir)); n < 2 {
				t.Errorf("%d processes", n)
			}
			server.Process.Kill()
			sandboxtest.Eventually(t, "no process", func() bool { return len(processesOf(t, dir)) == 0 })
			if supervised {
				sandboxtest.Eventually(t, "no directory", func() bool {
					left, _ := filepath.Glob(dir + "/*")
					return len(left) == 0
				})
			}
		})
	}
}

// A supervisor that dies takes its programs along; the driver goes on.
func TestSupervisorDies(t *testing.T) {
	d, dir := newDriver(t, true)
	env := suite(t, true).Env(t, d)
	got, err := sandboxtest.Ask(env, sandboxtest.AskShell, "kill -9 $(ps -o ppid= -p $PPID); sleep 100")
	if err == nil {
		t.Errorf("the program outlived its supervisor: %s", got)
	}
	<-env.Exited()
	if exit := env.Exit(); !exit.Lost {
		t.Errorf("exit: %v", exit)
	}
	env.Retire(0)
	sandboxtest.Eventually(t, "no process", func() bool { return len(processesOf(t, dir)) == 0 })
	if got, err := sandboxtest.Ask(suite(t, true).Env(t, d), sandboxtest.AskEcho, "again"); got != "again" {
		t.Errorf("after the supervisor's death: %q, %v", got, err)
	}
}

func TestSupervisorIsAnotherProgram(t *testing.T) {
	if _, err := sandbox.NewProcess(sandbox.ProcessOptions{Dir: t.TempDir(), Supervisor: []string{"/bin/true"}}); err == nil ||
		!strings.Contains(err.Error(), "sandbox.Supervise") {
		t.Errorf("got %v", err)
	}
	d, err := sandbox.NewProcess(sandbox.ProcessOptions{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	d.Close()
	if _, err := d.Blank(t.Context(), sandbox.Spec{}); !errors.Is(err, sandbox.ErrClosed) {
		t.Errorf("closed driver: %v", err)
	}
}

func TestProbe(t *testing.T) {
	d, _ := newDriver(t, true)
	r := d.Probe(t.Context())
	if r.Driver != "process" || len(r.Features) < 3 || !r.Features[0].OK || !r.Features[1].OK || r.Features[2].OK {
		t.Errorf("%+v", r)
	}
}

func FuzzFrame(f *testing.F) {
	f.Add(sandbox.AppendHeader(nil, sandbox.Header{Length: 5, Kind: 3, ID: sandbox.ID{1, 2}, Aux: 1 << 40}))
	f.Add(sandbox.AppendHeader(nil, sandbox.Header{Length: 1001}))
	f.Add(bytes.Repeat([]byte{0xff}, 40))
	f.Add([]byte("short"))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := sandbox.ParseHeader(b, 1000)
		if err != nil {
			if !errors.Is(err, sandbox.ErrProtocol) {
				t.Errorf("error %v", err)
			}
			return
		}
		if h.Length < 0 || h.Length > 1000 {
			t.Errorf("length %d", h.Length)
		}
		if again := sandbox.AppendHeader(nil, h); !bytes.Equal(again, b[:sandbox.HeaderSize]) {
			t.Errorf("% x became % x", b[:sandbox.HeaderSize], again)
		}
	})
}
