//go:build linux

package namespace_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"furl/internal/sandbox"
	"furl/internal/sandbox/namespace"
)

func TestProbe(t *testing.T) {
	d := newDriver(t)
	r := d.Probe(within(t, 20*time.Second))
	if r.Driver != d.Name() || len(r.Features) < 8 {
		t.Errorf("report is %+v", r)
	}
	for _, f := range r.Features {
		optional := strings.HasPrefix(f.Name, "limits") || strings.HasPrefix(f.Name, "a user of") || strings.HasPrefix(f.Name, "freezing")
		if !f.OK && !optional {
			t.Errorf("%s: %s (%s)", f.Name, f.Detail, f.Hint)
		}
	}
}

func TestNewNeedsMain(t *testing.T) {
	_, err := namespace.New(namespace.Options{Command: []string{"/bin/true"}})
	if err == nil || !strings.Contains(err.Error(), "namespace.Main") {
		t.Errorf("got %v", err)
	}
}

func TestWhatAProgramSees(t *testing.T) { eachKind(t, whatAProgramSees) }

func whatAProgramSees(t *testing.T, d *namespace.Driver, s sandbox.Spec) {
	e := envOf(t, d, s, sandbox.Limits{}, "app.py", "hello")
	if l := e.Layout(); l != (sandbox.Layout{Code: "/var/task", Layers: "/opt", Temp: "/tmp"}) {
		t.Errorf("layout is %+v", l)
	}
	tests := []struct{ code, want string }{
		{"import os; result = open('/var/task/app.py').read()", "hello"},
		{"result = sorted(os.environ.items())", "[('HOME', '/tmp'), ('LANG', 'C.UTF-8'), ('TMPDIR', '/tmp')]"},
		{"result = os.getcwd(), os.listdir('.')", "('/tmp', [])"},
		{"result = sorted(os.listdir('/'))", "*'bin', 'dev', 'etc'"},
		{"result = sorted(os.listdir('/dev'))", "['fd', 'full', 'null', 'random', 'stderr', 'stdin', 'stdout', 'urandom', 'zero']"},
		{"import socket; result = socket.gethostname(), socket.gethostbyname('localhost')", "('sandbox', '127.0.0.1')"},
		{"import getpass; result = getpass.getuser()", "sbx_user1051"},
		{"open('/dev/null', 'w').write('x'); result = len(os.urandom(8)), open('/dev/zero', 'rb').read(2)", "(8, b'\\x00\\x00')"},
		{"open('/tmp/x', 'w').write('y'); result = open('/tmp/x').read()", "y"},
		{"result = os.stat('/tmp').st_mode & 0o777, os.stat('/tmp').st_uid == os.getuid()", "(448, True)"},
		{"import sys; result = sys.path[0], sys.argv[1]", "*/var/runtime/program"},
		{"import sys; result = sys.modules['program'].__file__", "/var/runtime/program/program.py"},
		{"import ssl; result = len(ssl.create_default_context().get_ca_certs()) > 0 or not os.path.exists('/etc/ssl/certs/ca-certificates.crt')", "True"},
		{"import subprocess; result = subprocess.run(['sh', '-c', 'exit 3']).returncode", "3"},
		{"import threading; t = threading.Thread(target=lambda: None); t.start(); t.join(); result = 'ran'", "ran"},
		{"import asyncio; result = asyncio.run(asyncio.sleep(0, 'slept'))", "slept"},
	}
	for _, tt := range tests {
		got := run(t, e, tt.code)
		if part, ok := strings.CutPrefix(tt.want, "*"); ok && strings.Contains(got, part) {
			continue
		}
		if got != tt.want {
			t.Errorf("%s\ngot  %s\nwant %s", tt.code, got, tt.want)
		}
	}
	if st, err := e.Stats(); err != nil || st.MaxRSS < 4<<20 {
		t.Errorf("stats are %+v, %v", st, err)
	}
}

// An interpreter below a home directory that others may not enter.
func TestInterpretersElsewhere(t *testing.T) {
	found, err := filepath.Glob("/root/.pyenv/versions/3*/bin/python3.[0-9]*")
	if err != nil || len(found) == 0 || os.Geteuid() != 0 {
		t.Skip("there is no interpreter in a home directory here")
	}
	d := newDriver(t)
	for _, path := range found {
		if strings.HasSuffix(path, "-config") || strings.HasSuffix(path, ".py") {
			continue
		}
		s := spec(t)
		s.Path = path
		b, err := d.Blank(within(t, 20*time.Second), s)
		if err != nil {
			t.Error(path, err)
			continue
		}
		e, err := b.Assign(within(t, 20*time.Second), sandbox.Assignment{Code: t.TempDir()})
		if err != nil {
			t.Fatal(err)
		}
		if got := run(t, e, "import sys, os; result = sys.executable, os.listdir('/root'), os.listdir('/root/.pyenv')"); got != fmt.Sprintf("('%s', ['.pyenv'], ['versions'])", path) {
			t.Error(got)
		}
		e.Retire(0)
	}
}

func TestExit(t *testing.T) { eachKind(t, exits) }

func exits(t *testing.T, d *namespace.Driver, s sandbox.Spec) {
	tests := []struct{ code, want string }{
		{"import os; os._exit(0)", "exit status 0"},
		{"import os; os._exit(3)", "exit status 3"},
		{"import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "signal: killed"},
		{"import os, signal; os.kill(os.getpid(), signal.SIGTERM)", "signal: terminated"},
		{"import os; os.abort()", "signal: aborted"},
		{"import ctypes; ctypes.string_at(0)", "signal: segmentation fault"},
	}
	for _, tt := range tests {
		e := envOf(t, d, s, sandbox.Limits{})
		if got := e.Exit(); !got.Lost {
			t.Errorf("a living program has exit %v", got)
		}
		_, err := e.Channel().Exchange(10, 0, nil, []byte(tt.code), time.Now().Add(20*time.Second), 1<<20, nil)
		if !errors.Is(err, io.EOF) {
			t.Errorf("%s: %v", tt.code, err)
		}
		x := ended(t, e)
		if x.String() != tt.want || x.MaxRSS == 0 || x.CPU == 0 {
			t.Errorf("%s: %v, %+v", tt.code, x, x)
		}
		e.Retire(0)
	}
}

func TestRetireAsksFirst(t *testing.T) { eachKind(t, retireAsksFirst) }

func retireAsksFirst(t *testing.T, d *namespace.Driver, s sandbox.Spec) {
	e := envOf(t, d, s, sandbox.Limits{})
	run(t, e, `
import os, signal
def stop(*_):
    print("asked", flush=True)
    os._exit(9)
signal.signal(signal.SIGTERM, stop)
`)
	done := make(chan string)
	go func() {
		b, _ := io.ReadAll(e.Output()) // ends with the pipe, or with Retire
		done <- string(b)
	}()
	e.Retire(10 * time.Second)
	if got := <-done; got != "asked\n" {
		t.Errorf("it printed %q", got)
	}
	if x := e.Exit(); x.Code != 9 {
		t.Errorf("it ended with %v", x)
	}
	e.Retire(0)
}

// provided starts a function's own bootstrap.
func provided(t *testing.T, d *namespace.Driver, bootstrap string) (sandbox.Env, error) {
	t.Helper()
	code := t.TempDir()
	if err := os.WriteFile(filepath.Join(code, "bootstrap"), []byte(bootstrap), 0o755); err != nil {
		t.Fatal(err)
	}
	b, err := d.Blank(within(t, 20*time.Second), sandbox.Spec{Name: "provided"})
	if err != nil {
		t.Fatal(err)
	}
	ln, err := b.Listen(within(t, 20*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		c, err := ln.Accept()
		if err != nil {
			return
		}
		io.WriteString(c, "from the server\n")
		c.Close()
	}()
	e, err := b.Assign(within(t, 20*time.Second), sandbox.Assignment{Code: code, Launch: func(l sandbox.Layout) sandbox.Launch {
		return sandbox.Launch{Path: l.Code + "/bootstrap", Env: []string{"API=" + ln.Addr().String(), "PATH=/usr/bin:/bin"}}
	}})
	if err == nil {
		t.Cleanup(func() { e.Retire(0) })
	}
	return e, err
}

func TestProvided(t *testing.T) {
	d := newDriver(t)
	e, err := provided(t, d, `#!/usr/bin/python3
import os, socket
host, _, port = os.environ["API"].partition(":")
s = socket.create_connection((host, int(port)))
print(os.getcwd(), host, port, s.makefile().read(), end="")
`)
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(e.Output())
	if err != nil || string(got) != "/var/task 127.0.0.1 9001 from the server\n" {
		t.Errorf("it printed %q, %v", got, err)
	}
	if x := ended(t, e); x.Code != 0 || e.Channel() != nil {
		t.Errorf("it ended with %v", x)
	}
}

func TestProvidedThatCannotStart(t *testing.T) {
	d := newDriver(t)
	for bootstrap, want := range map[string]error{
		"not a program":         syscall.ENOEXEC,
		"#!/does/not/exist\n":   syscall.ENOENT,
		"\x7fELF and then none": syscall.ENOEXEC,
	} {
		_, err := provided(t, d, bootstrap)
		refused, ok := errors.AsType[*os.PathError](err)
		if !ok || refused.Path != "/var/task/bootstrap" || refused.Err != want {
			t.Errorf("%q: %v, want %v", bootstrap, err, want)
		}
	}
}

func TestBlankThatCannotStart(t *testing.T) {
	d := newDriver(t)
	for name, tt := range map[string]struct {
		spec sandbox.Spec
		want string
	}{
		"no program":   {sandbox.Spec{Name: "x", Path: "/does/not/exist"}, "no such file"},
		"says why":     {sandbox.Spec{Name: "x", Path: "/bin/sh", Args: []string{"-c", "echo cannot today; exit 4"}}, "exit status 4)\ncannot today"},
		"not absolute": {sandbox.Spec{Name: "x", Path: "python3"}, "not an absolute path"},
	} {
		if _, err := d.Blank(within(t, 20*time.Second), tt.spec); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	short := within(t, 300*time.Millisecond)
	if _, err := d.Blank(short, sandbox.Spec{Name: "x", Path: "/bin/sleep", Args: []string{"100"}}); !errors.Is(err, short.Err()) {
		t.Errorf("a program that never says hello: %v", err)
	}
}

func TestClose(t *testing.T) {
	d := newDriver(t)
	e := env(t, d, sandbox.Limits{})
	b, err := d.Blank(within(t, 20*time.Second), spec(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	ended(t, e)
	<-b.Exited()
	b.Discard()
	if _, err := d.Blank(within(t, 20*time.Second), spec(t)); !errors.Is(err, sandbox.ErrClosed) {
		t.Errorf("got %v", err)
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
}

// What a program's standard input is open on is the sandbox's own, and not seen by
// way of the host's mounts.
const ownInput = `
import re
mount = re.search("mnt_id:[ \t]*([0-9]+)", open("/proc/self/fdinfo/0").read()).group(1)
result = [l.split()[4] for l in open("/proc/self/mountinfo") if l.split()[0] == mount]
`

// What the kernel counts as the server's user's too, each sandbox has a part of.
const parts = `
import ctypes, os, resource
libc = ctypes.CDLL(None)
watches = []
while libc.inotify_init1(0) >= 0 and len(watches) < 1000:
    watches.append(0)
result = len(watches), resource.getrlimit(resource.RLIMIT_SIGPENDING), resource.getrlimit(resource.RLIMIT_MSGQUEUE)
`

func TestShared(t *testing.T) {
	eachKind(t, func(t *testing.T, d *namespace.Driver, s sandbox.Spec) {
		e := envOf(t, d, s, sandbox.Limits{})
		if got := run(t, e, ownInput); got != "['/dev/null']" {
			t.Errorf("the input is at %s", got)
		}
		if os.Geteuid() != 0 {
			return
		}
		if got := run(t, e, parts); got != "(16, (1024, 1024), (131072, 131072))" {
			t.Errorf("instances of inotify, signals, queues: %s", got)
		}
	})
}
