// Package sandboxtest is the suite that sandbox drivers pass, whatever they
// isolate with: what Driver, Blank and Env promise. It knows no driver.
package sandboxtest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"furl/internal/sandbox"
)

// Suite tests drivers.
type Suite struct {
	// New makes a driver that is closed at the test's end.
	New func(t testing.TB) sandbox.Driver
	// Program is a file that sandboxes can execute and whose main calls Program.
	Program string
	// LeavesOrphans is set for a driver that may leave processes that left the
	// program's group.
	LeavesOrphans bool
}

// Run runs all tests.
func (s Suite) Run(t *testing.T) {
	t.Run("Program", s.testProgram)
	t.Run("Exit", s.testExit)
	t.Run("NotReady", s.testNotReady)
	t.Run("Misbehaves", s.testMisbehaves)
	if !s.LeavesOrphans {
		t.Run("RetireEndsAll", s.testRetireEndsAll)
	}
	t.Run("Assigned", s.testAssigned)
	t.Run("Closed", s.testClosed)
}

// Spec is the program in one of its modes.
func (s Suite) Spec(mode string) sandbox.Spec {
	return sandbox.Spec{Name: "test program", Path: s.Program, Env: []string{ProgramVar + "=" + mode}}
}

// Env is a sandbox that runs the program.
func (s Suite) Env(t testing.TB, d sandbox.Driver) sandbox.Env {
	t.Helper()
	b, err := d.Blank(t.Context(), s.Spec("1"))
	if err != nil {
		t.Fatal(err)
	}
	env, err := b.Assign(t.Context(), sandbox.Assignment{Code: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	return env
}

// Ask asks the program something.
func Ask(env sandbox.Env, kind byte, text string) (string, error) {
	a, err := env.Channel().Exchange(kind, 1, nil, []byte(text), time.Now().Add(20*time.Second), 16<<20, nil)
	return string(a.Body), err
}

func (s Suite) testProgram(t *testing.T) {
	t.Setenv("SECRET_OF_THE_SERVER", "1")
	d := s.New(t)
	env := s.Env(t, d)
	temp := env.Layout().Temp
	for _, tt := range []struct {
		name string
		kind byte
		text string
		want string
	}{
		{"answers", AskEcho, "hello", "hello"},
		{"answers with much", AskEcho, strings.Repeat("x", 5<<20), strings.Repeat("x", 5<<20)},
		{"answers with nothing", AskEcho, "", ""},
		{"has an environment of its own", AskEnv, "", "HOME=" + temp + "\nTMPDIR=" + temp + "\n" + ProgramVar + "=1"},
		{"has five descriptors", AskFiles, "", "0 1 2 3 4"},
		{"has a private directory", AskDir, "", temp + " -rwx------"},
		{"has limits", AskLimits, "", "1024 1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Ask(env, tt.kind, tt.text)
			if err != nil || got != tt.want {
				t.Errorf("got %.200q (%d bytes), %v; want %.200q", got, len(got), err, tt.want)
			}
		})
	}
	if s, err := env.Stats(); err != nil || s.MaxRSS < 1<<20 {
		t.Errorf("stats: %+v, %v", s, err)
	}
}

func (s Suite) testExit(t *testing.T) {
	d := s.New(t)
	for text, want := range map[string]string{"": "exit status 0", "abc": "exit status 3", "kill": "signal: killed"} {
		env := s.Env(t, d)
		if _, err := Ask(env, AskExit, text); !errors.Is(err, io.EOF) {
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
		if _, err := Ask(env, AskEcho, ""); !errors.Is(err, sandbox.ErrNotSent) {
			t.Errorf("exchange with a dead one: %v", err)
		}
		env.Retire(0)
		env.Retire(0)
	}
}

func (s Suite) testNotReady(t *testing.T) {
	d := s.New(t)
	if _, err := d.Blank(t.Context(), s.Spec("broken")); err == nil || !strings.Contains(err.Error(), "cannot start today") ||
		!strings.Contains(err.Error(), "exit status 3") {
		t.Errorf("a broken program: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := d.Blank(ctx, s.Spec("mute")); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a mute program: %v", err)
	}
	ctx, stop := context.WithCancel(t.Context())
	time.AfterFunc(100*time.Millisecond, stop)
	if _, err := d.Blank(ctx, s.Spec("mute")); !errors.Is(err, context.Canceled) {
		t.Errorf("a mute program, cancelled: %v", err)
	}
	if _, err := d.Blank(t.Context(), sandbox.Spec{Path: "/does/not/exist"}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no program: %v", err)
	}
}

func (s Suite) testMisbehaves(t *testing.T) {
	d := s.New(t)
	env := s.Env(t, d)
	if _, err := Ask(env, AskGarbage, ""); !errors.Is(err, sandbox.ErrProtocol) {
		t.Errorf("garbage: %v", err)
	}
	env = s.Env(t, d)
	if _, err := Ask(env, AskOther, ""); !errors.Is(err, sandbox.ErrProtocol) {
		t.Errorf("an answer to another question: %v", err)
	}
	env = s.Env(t, d)
	if _, err := env.Channel().Exchange(AskEcho, 0, nil, make([]byte, 101), time.Now().Add(time.Minute), 100, nil); !errors.Is(err, sandbox.ErrProtocol) {
		t.Errorf("an answer beyond the limit: %v", err)
	}
	env = s.Env(t, d)
	if _, err := env.Channel().Exchange(AskSilence, 0, nil, nil, time.Now().Add(20*time.Millisecond), 100, nil); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("no answer: %v", err)
	}
}

// Daemons starts a background process in the group, and two or three that left
// it, which depends on the shell. Their command lines hold the mark, a number.
func Daemons(mark int64) string {
	return fmt.Sprintf(`sleep 1000.%[1]d >/dev/null 2>&1 & (setsid sh -c 'sleep 1000.%[1]d & sleep 1000.%[1]d' >/dev/null 2>&1 &) ; echo started`, mark)
}

func (s Suite) testRetireEndsAll(t *testing.T) {
	d := s.New(t)
	one, two := s.Env(t, d), s.Env(t, d)
	of := func(env sandbox.Env) func() int {
		mark := time.Now().UnixNano()
		if got, err := Ask(env, AskShell, Daemons(mark)); got != "started\n" {
			t.Fatal(got, err)
		}
		return func() int { return len(commands(t, fmt.Sprint("1000.", mark))) }
	}
	first, second := of(one), of(two)
	Eventually(t, "processes", func() bool { return first() >= 3 && second() >= 3 })
	one.Retire(0)
	Eventually(t, "no process of the first", func() bool { return first() == 0 })
	if n := second(); n < 3 {
		t.Errorf("the second sandbox has %d processes left", n)
	}
	if got, err := Ask(two, AskEcho, "well"); got != "well" {
		t.Errorf("the other sandbox: %q, %v", got, err)
	}
	two.Retire(time.Second)
	Eventually(t, "no process", func() bool { return second() == 0 })
}

// testAssigned tests a program that comes with the code.
func (s Suite) testAssigned(t *testing.T) {
	d := s.New(t)
	code := t.TempDir()
	for name, text := range map[string]string{"run": "#!/bin/sh\npwd; echo $1 $X; echo error >&2\n", "bad": "\x01\x02\x03"} {
		if err := os.WriteFile(filepath.Join(code, name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	assign := func(program string) (sandbox.Env, error) {
		b, err := d.Blank(t.Context(), sandbox.Spec{Name: "empty"})
		if err != nil {
			t.Fatal(err)
		}
		ln, err := b.Listen(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		ln.Close()
		return b.Assign(t.Context(), sandbox.Assignment{Code: code, Launch: func(l sandbox.Layout) sandbox.Launch {
			return sandbox.Launch{Path: filepath.Join(l.Code, program), Args: []string{"argument"}, Env: []string{"X=variable"}}
		}})
	}
	env, err := assign("run")
	if err != nil {
		t.Fatal(err)
	}
	out, err := io.ReadAll(env.Output())
	if want := fmt.Sprintf("%s\nargument variable\nerror\n", env.Layout().Code); string(out) != want || err != nil {
		t.Errorf("output %q, %v; want %q", out, err, want)
	}
	_, err = assign("bad")
	if path, ok := errors.AsType[*os.PathError](err); !ok || path.Err.Error() != "exec format error" {
		t.Errorf("what is no program: %v", err)
	}
}

func (s Suite) testClosed(t *testing.T) {
	d := s.New(t)
	env := s.Env(t, d)
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	select {
	case <-env.Exited():
	case <-time.After(10 * time.Second):
		t.Error("the program outlived its driver")
	}
	if _, err := d.Blank(t.Context(), sandbox.Spec{}); !errors.Is(err, sandbox.ErrClosed) {
		t.Errorf("closed driver: %v", err)
	}
}

// Processes are the living processes in whose environment a text stands.
func Processes(t testing.TB, text string) []string {
	t.Helper()
	var found []string
	environs, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range environs {
		env, err := os.ReadFile(name)
		if err != nil || !strings.Contains(string(env), text) {
			continue
		}
		stat, err := os.ReadFile(filepath.Join(filepath.Dir(name), "stat"))
		if err != nil || strings.Contains(string(stat), ") Z ") {
			continue
		}
		found = append(found, fmt.Sprintf("%s %q", name, stat))
	}
	return found
}

// commands are the command lines of living processes in which a text stands.
func commands(t testing.TB, text string) []string {
	t.Helper()
	names, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, name := range names {
		if line, err := os.ReadFile(name); err == nil && strings.Contains(string(line), text) {
			found = append(found, string(line))
		}
	}
	return found
}

// Eventually waits for a condition that the kernel brings about.
func Eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(10 * time.Second)
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("not within ten seconds: %s", what)
		}
	}
}
