package sandbox_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"furl/internal/sandbox"
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

func newEnv(t testing.TB, d *sandbox.Process) sandbox.Env {
	t.Helper()
	b, err := d.Blank(t.Context(), spec(t, "1"))
	if err != nil {
		t.Fatal(err)
	}
	env, err := b.Assign(t.Context(), sandbox.Assignment{Code: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	return env
}

func ask(env sandbox.Env, kind byte, text string) (string, error) {
	a, err := env.Channel().Exchange(kind, 1, nil, []byte(text), time.Now().Add(20*time.Second), 16<<20, nil)
	return string(a.Body), err
}

func TestProcess(t *testing.T) {
	t.Setenv("SECRET_OF_THE_SERVER", "1")
	for name, supervised := range modes {
		t.Run(name, func(t *testing.T) {
			d, dir := newDriver(t, supervised)
			env := newEnv(t, d)
			temp := env.Layout().Temp
			for _, tt := range []struct {
				name string
				kind byte
				text string
				want string
			}{
				{"answers", askEcho, "hello", "hello"},
				{"answers with much", askEcho, strings.Repeat("x", 5<<20), strings.Repeat("x", 5<<20)},
				{"answers with nothing", askEcho, "", ""},
				{"has an environment of its own", askEnv, "", "HOME=" + temp + "\nTMPDIR=" + temp + "\nSANDBOX_TEST_PROGRAM=1"},
				{"has five descriptors", askFiles, "", "0 1 2 3 4"},
				{"has a private directory", askDir, "", temp + " -rwx------"},
				{"has limits", askLimits, "", "1024 1"},
			} {
				t.Run(tt.name, func(t *testing.T) {
					got, err := ask(env, tt.kind, tt.text)
					if err != nil || got != tt.want {
						t.Errorf("got %.200q (%d bytes), %v; want %.200q", got, len(got), err, tt.want)
					}
				})
			}
			if !strings.HasPrefix(temp, dir+"/") {
				t.Errorf("working directory is %s, not below %s", temp, dir)
			}
			if s, err := env.Stats(); err != nil || s.MaxRSS < 1<<20 {
				t.Errorf("stats: %+v, %v", s, err)
			}
		})
	}
}

func TestProcessExit(t *testing.T) {
	for name, supervised := range modes {
		t.Run(name, func(t *testing.T) {
			d, _ := newDriver(t, supervised)
			for text, want := range map[string]string{"": "exit status 0", "abc": "exit status 3", "kill": "signal: killed"} {
				env := newEnv(t, d)
				if _, err := ask(env, askExit, text); !errors.Is(err, io.EOF) {
					t.Errorf("exchange with one that ends: %v", err)
				}
				<-env.Exited()
				if got := env.Exit().String(); got != want {
					t.Errorf("exit is %q, want %q", got, want)
				}
				said := make([]byte, 100)
				n, err := env.Output().Read(said)
				if string(said[:n]) != "last words" {
					t.Errorf("output is %q, %v", said[:n], err)
				}
				if _, err := ask(env, askEcho, ""); !errors.Is(err, sandbox.ErrNotSent) {
					t.Errorf("exchange with a dead one: %v", err)
				}
				env.Retire(0)
				env.Retire(0)
			}
		})
	}
}

func TestProcessDoesNotBecomeReady(t *testing.T) {
	d, _ := newDriver(t, true)
	if _, err := d.Blank(t.Context(), spec(t, "broken")); err == nil || !strings.Contains(err.Error(), "cannot start today") ||
		!strings.Contains(err.Error(), "exit status 3") {
		t.Errorf("a broken program: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := d.Blank(ctx, spec(t, "mute")); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a mute program: %v", err)
	}
	ctx, stop := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, stop)
	if _, err := d.Blank(ctx, spec(t, "mute")); !errors.Is(err, context.Canceled) {
		t.Errorf("a mute program, cancelled: %v", err)
	}
	if _, err := d.Blank(t.Context(), sandbox.Spec{Path: "/does/not/exist"}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no program: %v", err)
	}
}

func TestProcessMisbehaves(t *testing.T) {
	d, _ := newDriver(t, false)
	env := newEnv(t, d)
	if _, err := ask(env, askGarbage, ""); !errors.Is(err, sandbox.ErrProtocol) {
		t.Errorf("garbage: %v", err)
	}
	env = newEnv(t, d)
	if _, err := ask(env, askOther, ""); !errors.Is(err, sandbox.ErrProtocol) {
		t.Errorf("an answer to another question: %v", err)
	}
	env = newEnv(t, d)
	if _, err := env.Channel().Exchange(askEcho, 0, nil, make([]byte, 101), time.Now().Add(time.Minute), 100, nil); !errors.Is(err, sandbox.ErrProtocol) {
		t.Errorf("an answer beyond the limit: %v", err)
	}
	env = newEnv(t, d)
	if _, err := env.Channel().Exchange(askSilence, 0, nil, nil, time.Now().Add(20*time.Millisecond), 100, nil); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("no answer: %v", err)
	}
}

func TestRetireEndsAllProcesses(t *testing.T) {
	d, dir := newDriver(t, true)
	one, two := newEnv(t, d), newEnv(t, d)
	for _, env := range []sandbox.Env{one, two} {
		if got, err := ask(env, askShell, daemons); got != "started\n" {
			t.Fatal(got, err)
		}
	}
	// Each has the program, a process in its group, and two or three outside
	// of it, which depends on the shell.
	of := func(env sandbox.Env) func() int {
		return func() int { return len(processesIn(t, env.Layout().Temp)) }
	}
	first, second := of(one), of(two)
	eventually(t, "processes", func() bool { return first() >= 4 && second() >= 4 })
	one.Retire(0)
	eventually(t, "no process of the first", func() bool { return first() == 0 })
	if n := second(); n < 4 {
		t.Errorf("the second sandbox has %d processes left", n)
	}
	if got, err := ask(two, askEcho, "well"); got != "well" {
		t.Errorf("the other sandbox: %q, %v", got, err)
	}
	two.Retire(time.Second)
	eventually(t, "no process", func() bool { return len(processesOf(t, dir)) == 0 })
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
			eventually(t, "no process", func() bool { return len(processesOf(t, dir)) == 0 })
			if supervised {
				eventually(t, "no directory", func() bool {
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
	env := newEnv(t, d)
	got, err := ask(env, askShell, "kill -9 $(ps -o ppid= -p $PPID); sleep 100")
	if err == nil {
		t.Errorf("the program outlived its supervisor: %s", got)
	}
	<-env.Exited()
	if exit := env.Exit(); !exit.Lost {
		t.Errorf("exit: %v", exit)
	}
	env.Retire(0)
	eventually(t, "no process", func() bool { return len(processesOf(t, dir)) == 0 })
	if got, err := ask(newEnv(t, d), askEcho, "again"); got != "again" {
		t.Errorf("after the supervisor's death: %q, %v", got, err)
	}
}

func TestProgramOfAssignment(t *testing.T) {
	d, _ := newDriver(t, true)
	code := t.TempDir()
	if err := os.WriteFile(code+"/run", []byte("#!/bin/sh\npwd; echo $1 $X; echo error >&2\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	b, err := d.Blank(t.Context(), sandbox.Spec{Name: "empty"})
	if err != nil {
		t.Fatal(err)
	}
	ln, err := b.Listen(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ln.Close()
	env, err := b.Assign(t.Context(), sandbox.Assignment{Code: code, Launch: func(l sandbox.Layout) sandbox.Launch {
		return sandbox.Launch{Path: l.Code + "/run", Args: []string{"argument"}, Env: []string{"X=variable"}}
	}})
	if err != nil {
		t.Fatal(err)
	}
	out, err := io.ReadAll(env.Output())
	if want := code + "\nargument variable\nerror\n"; string(out) != want || err != nil {
		t.Errorf("output %q, %v; want %q", out, err, want)
	}
	b, err = d.Blank(t.Context(), sandbox.Spec{Name: "empty"})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(code+"/bad", []byte{1, 2, 3}, 0o755); err != nil {
		t.Fatal(err)
	}
	_, err = b.Assign(t.Context(), sandbox.Assignment{Code: code, Launch: func(l sandbox.Layout) sandbox.Launch {
		return sandbox.Launch{Path: l.Code + "/bad"}
	}})
	if path, ok := errors.AsType[*os.PathError](err); !ok || path.Err.Error() != "exec format error" {
		t.Errorf("what is no program: %v", err)
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
