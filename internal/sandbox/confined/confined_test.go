//go:build linux

package confined_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"furl/internal/sandbox"
	"furl/internal/sandbox/confined"
	"furl/internal/sandbox/sandboxtest"
)

func suite(change func(*confined.Options)) sandboxtest.Suite {
	return sandboxtest.Suite{Program: os.Getenv(hostVar), New: func(t testing.TB) sandbox.Driver { return newDriver(t, change) }}
}

func TestSuite(t *testing.T) {
	for name, change := range kinds {
		t.Run(name, suite(change).Run)
	}
}

func TestSuiteWithoutRoot(t *testing.T) {
	if !asNobody(t) {
		suite(kinds["everything"]).Run(t)
	}
}

func TestWhatAProgramSees(t *testing.T) {
	for name, change := range kinds {
		t.Run(name, func(t *testing.T) { testSees(t, newDriver(t, change)) })
	}
}

func testSees(t *testing.T, d *confined.Driver) {
	e := env(t, d, sandbox.Limits{}, "app.py", "answer = 42")
	l := e.Layout()
	tests := []struct{ code, want string }{
		{"import sys; sys.path.insert(0, '" + l.Code + "'); import app; result = app.answer", "42"},
		{"import os; result = sorted(os.environ.items())", "[('HOME', '" + l.Temp + "'), ('LANG', 'C.UTF-8'), ('PYTHONDONTWRITEBYTECODE', '1'), ('TMPDIR', '" + l.Temp + "')]"},
		{"result = os.getcwd(), os.listdir('.')", "('" + l.Temp + "', [])"},
		{"result = os.listdir('/')", "PermissionError: [Errno 13] Permission denied: '/'"},
		{"result = os.listdir('/tmp')", "PermissionError: [Errno 13] Permission denied: '/tmp'"},
		{"open('" + l.Code + "/app.py', 'a')", "PermissionError: [Errno 13] Permission denied: '" + l.Code + "/app.py'"},
		{"import socket; result = socket.gethostbyname('localhost')", "127.0.0.1"},
		{"open('/dev/null', 'w').write('x'); result = len(os.urandom(8)), open('/dev/zero', 'rb').read(2)", "(8, b'\\x00\\x00')"},
		{"import tempfile; f = tempfile.NamedTemporaryFile('w+'); f.write('y'); f.seek(0); result = f.read(), f.name.startswith('" + l.Temp + "'); f.close()", "('y', True)"},
		{"os.mkdir('a'); os.mkdir('b'); open('a/x', 'w').close(); os.rename('a/x', 'b/x'); os.symlink('x', 'b/y'); result = sorted(os.listdir('b'))", "['x', 'y']"},
		{"import shutil; shutil.copy('b/x', 'c'); shutil.rmtree('b'); result = sorted(os.listdir('.'))", "['a', 'c']"},
		{"import ssl; result = len(ssl.create_default_context().get_ca_certs()) > 0 or not os.path.exists('/etc/ssl/certs/ca-certificates.crt')", "True"},
		{"import subprocess; result = subprocess.run(['sh', '-c', 'echo out; exit 3'], stdout=subprocess.PIPE)", "CompletedProcess(args=['sh', '-c', 'echo out; exit 3'], returncode=3, stdout=b'out\\n')"},
		{"result = subprocess.run(['sh', '-c', 'cat /dev/stdin'], input=b'in', stdout=subprocess.PIPE).stdout", "b'in'"},
		{"import threading; t = threading.Thread(target=lambda: None); t.start(); t.join(); result = 'ran'", "ran"},
		{"import asyncio; result = asyncio.run(asyncio.sleep(0, 'slept'))", "slept"},
		{"result = len(os.sched_getaffinity(0)) >= 1 and os.cpu_count() >= 1, 'MemTotal' in open('/proc/meminfo').read()", "(True, True)"},
		{"result = sorted(int(n) for n in os.listdir('/proc/self/fd'))[:5]", "[0, 1, 2, 3, 4]"},
	}
	for _, tt := range tests {
		if got := run(t, e, tt.code); got != tt.want {
			t.Errorf("%s\ngot  %s\nwant %s", tt.code, got, tt.want)
		}
	}
	if s, err := e.Stats(); err != nil || s.MaxRSS < 4<<20 {
		t.Errorf("stats are %+v, %v", s, err)
	}
}

// What differs from a system without confinement, on purpose.
func TestNetwork(t *testing.T) {
	d := newDriver(t)
	e := env(t, d, sandbox.Limits{})
	tests := []struct{ code, want string }{
		{"import socket; s = socket.create_server(('127.0.0.1', 0)); c = socket.create_connection(s.getsockname()); result = 'connected'", "connected"},
		{"s = socket.socket(); s.bind(('127.0.0.1', 18080)); result = 'bound'", "PermissionError: [Errno 13] Permission denied"},
		{"a, b = socket.socketpair(); a.send(b'x'); result = b.recv(1)", "b'x'"},
	}
	if version(t, d) < 4 {
		tests = tests[:1]
	}
	for _, tt := range tests {
		if got := run(t, e, tt.code); got != tt.want {
			t.Errorf("%s\ngot  %s\nwant %s", tt.code, got, tt.want)
		}
	}
}

// As on AWS there are processes and pipes, and nothing that needs /dev/shm.
func TestMultiprocessing(t *testing.T) {
	everyKind(t, func(t *testing.T, change func(*confined.Options)) {
		e := env(t, newDriver(t, change), sandbox.Limits{})
		for _, tt := range []struct{ code, want string }{
			{`
import multiprocessing
context = multiprocessing.get_context("fork")
ours, theirs = context.Pipe()
p = context.Process(target=lambda: theirs.send(6 * 7))
p.start()
result = ours.recv()
p.join()
`, "42"},
			{"context.Lock()", "PermissionError"},
			{"import concurrent.futures; result = list(concurrent.futures.ThreadPoolExecutor(4).map(abs, [-1, -2]))", "[1, 2]"},
			{"import asyncio, sys\nasync def f():\n    p = await asyncio.create_subprocess_exec('echo', 'hi', stdout=asyncio.subprocess.PIPE)\n    return (await p.communicate())[0]\nresult = asyncio.run(f())", "b'hi\\n'"},
		} {
			if got := run(t, e, tt.code); !strings.HasPrefix(got, tt.want) {
				t.Errorf("%s\ngot  %s\nwant %s", tt.code, got, tt.want)
			}
		}
	})
}

func TestNode(t *testing.T) {
	path, err := exec.LookPath("node")
	needed(t, err)
	everyKind(t, func(t *testing.T, change func(*confined.Options)) {
		d := newDriver(t, change)
		b, err := d.Blank(t.Context(), sandbox.Spec{Name: "node"})
		if err != nil {
			t.Fatal(err)
		}
		if err := b.(sandbox.Limiter).Limit(sandbox.Limits{Memory: 256 << 20}); err != nil {
			t.Fatal(err)
		}
		code := t.TempDir()
		const program = `
const fs = require('fs'), os = require('os'), path = require('path'), { execFileSync } = require('child_process');
fs.writeFileSync(path.join(os.tmpdir(), 'x'), 'y');
console.log(require('./m').answer, fs.readdirSync(os.tmpdir()), execFileSync('echo', ['child']).toString().trim(),
  process.memoryUsage().rss > 1e6, os.cpus().length > 0);
require('http').createServer((q, r) => r.end('served')).listen(0, '127.0.0.1', async function () {
  console.log(await (await fetch('http://127.0.0.1:' + this.address().port)).text());
  try { fs.readdirSync('/'); } catch (e) { console.log(e.code); }
  process.exit(7);
});`
		for name, text := range map[string]string{"main.js": program, "m.js": "exports.answer = 42"} {
			if err := os.WriteFile(filepath.Join(code, name), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		e, err := b.Assign(t.Context(), sandbox.Assignment{Code: code, Launch: func(l sandbox.Layout) sandbox.Launch {
			return sandbox.Launch{Path: path, Args: []string{filepath.Join(l.Code, "main.js")}, Env: []string{"TMPDIR=" + l.Temp}}
		}})
		if err != nil {
			t.Fatal(err)
		}
		defer e.Retire(0)
		ended(t, e)
		if err := e.Output().SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
			t.Fatal(err)
		}
		out, err := io.ReadAll(e.Output())
		if want := "42 [ 'x' ] child true true\nserved\nEACCES\n"; string(out) != want || err != nil || e.Exit().Code != 7 {
			t.Errorf("%v, %v, output\n%swant\n%s", e.Exit(), err, out, want)
		}
	})
}

// Directories that others may not enter are shown nevertheless, and code from
// another file system.
func TestShownElsewhere(t *testing.T) {
	if os.Geteuid() != 0 {
		needed(t, errors.New("only root has other users"))
	}
	d := newDriver(t)
	shut := filepath.Join(t.TempDir(), "shut")
	s := spec(t)
	if err := os.CopyFS(shut, os.DirFS(s.Args[3])); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(shut, 0o700); err != nil {
		t.Fatal(err)
	}
	s.Args[3] = shut
	code, err := os.MkdirTemp("/dev/shm", "furl-confined-test-")
	if err != nil {
		code = t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(code) })
	if err := os.Mkdir(filepath.Join(code, "package"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(code, "package/app.py"), []byte("answer = 42"), 0o444); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("package/app.py", filepath.Join(code, "app.py")); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		b, err := d.Blank(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		e, err := b.Assign(t.Context(), sandbox.Assignment{Code: code})
		if err != nil {
			t.Fatal(err)
		}
		if got := run(t, e, "import sys; sys.path.insert(0, '"+e.Layout().Code+"'); import app, package.app; result = app.answer"); got != "42" {
			t.Error(got)
		}
		e.Retire(0)
		if _, err := os.Stat(e.Layout().Code); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the code is left: %v", err)
		}
	}
	// So is a program, with what belongs to it.
	home := filepath.Join(t.TempDir(), "closed/tool")
	for _, dir := range []string{"bin", "lib"} {
		if err := os.MkdirAll(filepath.Join(home, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(home, "bin/run"), []byte("#!/bin/sh\ncat $(dirname $0)/../lib/text\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(home, "lib/text"), []byte("found"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Dir(home), 0o700); err != nil {
		t.Fatal(err)
	}
	b, err := d.Blank(t.Context(), sandbox.Spec{Name: "closed"})
	if err != nil {
		t.Fatal(err)
	}
	e, err := b.Assign(t.Context(), sandbox.Assignment{Code: code, Launch: func(sandbox.Layout) sandbox.Launch {
		return sandbox.Launch{Path: filepath.Join(home, "bin/run"), Env: []string{"PATH=/usr/bin:/bin"}}
	}})
	if err != nil {
		t.Fatal(err)
	}
	if out, err := io.ReadAll(e.Output()); string(out) != "found" || err != nil {
		t.Errorf("the program printed %q, %v", out, err)
	}
}

func TestUsersAreApart(t *testing.T) {
	if os.Geteuid() != 0 {
		needed(t, errors.New("only root has other users"))
	}
	seen := make(map[string]bool)
	for range 2 {
		d := newDriver(t)
		for range 2 {
			seen[run(t, env(t, d, sandbox.Limits{}), "import os; result = os.getresuid(), os.getresgid(), os.getgroups()")] = true
		}
	}
	if len(seen) != 4 {
		t.Errorf("four sandboxes are %v", seen)
	}
}

// Who takes the ids' names, which any user can, does not make sandboxes run as root.
func TestUsersAreTaken(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("SKIPPED, the test is not root")
	}
	newDriver(t) // it works here
	opts := confined.Options{Command: []string{os.Getenv(hostVar)}, Dir: t.TempDir(), FirstUser: 1_900_100_000, Users: 1024}
	open(t, opts.Dir)
	thief, err := net.Listen("unix", "@furl-confined-users-1900100000")
	if err != nil {
		t.Fatal(err)
	}
	d, err := confined.New(opts)
	if err == nil {
		t.Error("the driver has sandboxes of one user", d.Close())
	}
	if err := thief.Close(); err != nil {
		t.Fatal(err)
	}
	if d, err = confined.New(opts); err != nil {
		needed(t, err)
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
}

func TestDiagnose(t *testing.T) {
	d := newDriver(t)
	r := confined.Diagnose(t.Context(), confined.Options{Command: []string{os.Getenv(hostVar)}})
	if r.Driver != d.Name() || !r.Works() {
		t.Errorf("%+v", r)
	}
	whole := d.Probe(t.Context())
	if !whole.Works() || len(whole.Features) < len(r.Features)+4 {
		t.Errorf("%+v", whole)
	}
	for _, f := range whole.Features {
		if !f.OK && (f.Detail == "" || f.Hint == "") {
			t.Errorf("%s says neither why nor what helps", f.Name)
		}
	}
	if _, err := confined.New(confined.Options{Command: []string{"/bin/true"}, OneUser: true}); err == nil || !strings.Contains(err.Error(), "sandbox.Supervise") {
		t.Errorf("another program: %v", err)
	}
}

// A supervisor that dies takes everything along; the driver goes on.
func TestSupervisorDies(t *testing.T) {
	d := newDriver(t)
	e := env(t, d, sandbox.Limits{})
	mark := fmt.Sprint(100_000_000 + time.Now().UnixNano()%1_000_000)
	if got := run(t, e, fmt.Sprintf(lingers, mark)); got != "started" {
		t.Fatal(got)
	}
	parent := run(t, e, "result = os.getppid()")
	pid, err := strconv.Atoi(parent)
	if err != nil {
		t.Fatal(parent)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if x := ended(t, e); !x.Lost {
		t.Errorf("it ended with %v", x)
	}
	e.Retire(0)
	if got := run(t, env(t, d, sandbox.Limits{}), "result = 6 * 7"); got != "42" {
		t.Error(got)
	}
	sandboxtest.Eventually(t, "what the first left has ended", func() bool { return len(commands(t, mark)) == 0 })
}

// A sandbox takes nothing with it.
func TestNothingIsLost(t *testing.T) {
	d := newDriver(t)
	count := func(dir string) int {
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		return len(entries)
	}
	var before int
	for i := range 12 {
		e := env(t, d, sandbox.Limits{Memory: 64 << 20})
		if got := run(t, e, "result = 6 * 7"); got != "42" {
			t.Fatal(got)
		}
		e.Retire(0)
		if i == 3 { // the pollers and pools are there
			before = count("/proc/self/fd")
		}
	}
	if now := count("/proc/self/fd"); now > before {
		t.Errorf("%d descriptors are open, %d before", now, before)
	}
}

func BenchmarkColdStart(b *testing.B) {
	d := newDriver(b)
	s := spec(b)
	code := b.TempDir()
	for _, name := range []string{"blank", "assign"} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if name == "assign" {
					b.StopTimer()
				}
				blank, err := d.Blank(b.Context(), s)
				if err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
				e, err := blank.Assign(b.Context(), sandbox.Assignment{Code: code})
				if err != nil {
					b.Fatal(err)
				}
				run(b, e, "result = 1")
				b.StopTimer()
				e.Retire(0)
				b.StartTimer()
			}
		})
	}
}
