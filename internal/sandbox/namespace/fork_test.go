//go:build linux

package namespace_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"furl/internal/sandbox"
	"furl/internal/sandbox/namespace"
)

const isForked = "import sys; result = '_furl_zygote' in sys.modules"

// forkedEnv is one that was forked for sure.
func forkedEnv(t testing.TB, d *namespace.Driver, s sandbox.Spec) sandbox.Env {
	t.Helper()
	e := envOf(t, d, s, sandbox.Limits{})
	if got := run(t, e, isForked); got != "True" {
		t.Fatal("it was not forked")
	}
	return e
}

// observations are what a program sees of the state in which it was left.
const observations = `
import locale, os, re, resource, signal, stat, sys, threading
def status(pid, *names):
    text = open("/proc/%s/status" % pid).read()
    return [re.search(r"^%s:[ \t]*(.*)$" % n, text, re.M).group(1) for n in names]
def thread_state():
    import ctypes, time
    libc, head, size = ctypes.CDLL(None, use_errno=True), ctypes.c_void_p(), ctypes.c_size_t()
    ours = ~(time.pthread_getcpuclockid(threading.get_ident())) >> 3 == threading.get_native_id()
    if os.uname().machine != "x86_64":
        return ours
    libc.syscall(274, 0, ctypes.byref(head), ctypes.byref(size)) # get_robust_list
    try:
        area = threading.get_ident() + ctypes.c_ssize_t.in_dll(libc, "__rseq_offset").value
        ctypes.set_errno(0)
        libc.syscall(334, ctypes.c_void_p(area), 32, 0, 0x53053053) # rseq, which is EBUSY when it is registered
    except ValueError:
        pass
    return ours, head.value is not None, size.value, ctypes.get_errno()
seen = {
    "files": sorted((int(n), stat.S_IFMT(os.fstat(int(n)).st_mode)) for n in os.listdir("/proc/self/fd") if int(n) < 5),
    "more files": [n for n in range(5, 1024) if os.path.lexists("/proc/self/fd/%d" % n)],
    "signals": status("self", "SigBlk", "SigIgn", "SigCgt"),
    "rights": status("self", "Groups", "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp", "Threads"),
    "user": len(set(os.getresuid() + os.getresgid())),
    "process": (os.getppid(), os.getpgrp() == os.getpid() == os.getsid(0), os.getsid(1)),
    "place": (os.getcwd(), os.umask(0o22)),
    "limits": [(n, resource.getrlimit(getattr(resource, n))) for n in dir(resource) if n.startswith("RLIMIT")
        and n not in ("RLIMIT_STACK",)],
    "mounts": [re.sub(r"^\d+ \d+ \S+ ", "", re.sub(r"(shared|master):\d+ ", "", l)) for l in open("/proc/self/mountinfo")
        if " /tmp " not in l and " /var/task " not in l],
    "host": os.uname()[:2],
    "cgroup": open("/proc/self/cgroup").read(),
    "namespaces": len({os.readlink("/proc/self/ns/" + n) for n in os.listdir("/proc/self/ns")}) > 6,
    "passwd": re.sub(r"\d+", "N", open("/etc/passwd").read() + open("/etc/group").read()),
    "environ": sorted(open("/proc/self/environ").read().split("\0")),
    "variables": sorted(os.environ.items()),
    "interpreter": (sys.executable, sys.flags, sys.path[1:], locale.getlocale(), sys.getfilesystemencoding()),
    "output": (sys.stdout.encoding, sys.stdout.errors, sys.stderr.errors, sys.stdin.fileno()),
    "dumpable": os.access("/proc/self/mem", os.R_OK) and os.stat("/proc/self").st_uid == os.getuid(),
    "first process": [os.path.exists("/proc/1/" + n) for n in ("status", "mem")],
    "niceness": (os.nice(0), os.sched_getscheduler(0), len(os.sched_getaffinity(0)) > 0),
    "handler": (str(signal.getsignal(signal.SIGINT)), signal.getsignal(signal.SIGTERM)),
    "thread": (threading.current_thread() is threading.main_thread(), thread_state()),
}
result = "\n".join("%s: %s" % i for i in seen.items())
`

// A forked program finds what one that was started finds.
func TestForkedIsAsStarted(t *testing.T) {
	asNobody(t)
	d := newDriver(t)
	started := run(t, envOf(t, d, spec(t), sandbox.Limits{}), observations)
	forkedSeen := run(t, forkedEnv(t, d, forked(t, d)), observations)
	if !strings.Contains(started, "\nenviron: ") {
		t.Fatal(started)
	}
	want, got := strings.Split(started, "\n"), strings.Split(forkedSeen, "\n")
	for i := range max(len(want), len(got)) {
		if i >= len(want) || i >= len(got) || want[i] != got[i] {
			t.Errorf("started\n%.400s\nforked\n%.400s", strings.Join(want[i:min(i+1, len(want))], ""), strings.Join(got[i:min(i+1, len(got))], ""))
		}
	}
}

// What a function sees of the runtime's own doings, such as its rehearsals.
const traces = `
import gc, json, logging, os, sys, time, warnings
def handler(event, context):
    logging.getLogger().warning("once")
    return {
        "variables": sorted(k for k in os.environ),
        "path": sys.path,
        "place": os.getcwd(),
        "argv": sys.argv,
        "own modules": sorted(m for m in sys.modules if m.startswith("_furl") and m != "_furl_zygote"),
        "logging": [len(logging.getLogger().handlers), logging.getLogger().level],
        "context": repr(context).split("identity")[0],
        "files": [n for n in range(1024) if os.path.lexists("/proc/self/fd/%d" % n)],
        "bytecode": sys.dont_write_bytecode,
        "time": time.tzname,
        "collector": [gc.isenabled(), gc.get_threshold()],
        "warnings": len(warnings.filters),
        "main": sorted(k for k in vars(sys.modules["__main__"]) if k not in ("b", "z")),
    }
`

func TestForkedRuntime(t *testing.T) {
	asNobody(t)
	d := newDriver(t)
	s, code := runtimeSpec(t, d), handlerDir(t, traces)
	started := s
	started.Zygote = nil
	see := func(s sandbox.Spec, rest time.Duration) string {
		b, err := d.Blank(within(t, 20*time.Second), s)
		if err != nil {
			t.Fatal(err)
		}
		<-time.After(rest) // it rehearses when it is left alone
		e := firstAnswer(t, b, code)
		defer e.Retire(0)
		seen := ask(t, e, 2, []byte("id\n\narn\n\n\n{}"))
		out := make([]byte, 4096) // it was flushed before the answer
		n, err := e.Output().Read(out)
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprintf("%s\n%d", seen, strings.Count(string(out[:n]), "once"))
	}
	want := see(started, 0)
	for _, rest := range []time.Duration{0, 100 * time.Millisecond} {
		if got := see(s, rest); got != want {
			t.Errorf("after %v a forked one sees\n%s\none that was started\n%s", rest, got, want)
		}
	}
}

// What programs do that depends on a fork having been tidied up after.
const habits = `
import asyncio, concurrent.futures, multiprocessing, os, random, subprocess, sys, threading
results = []
t = threading.Thread(target=lambda: results.append("thread"))
t.start(); t.join()
with concurrent.futures.ThreadPoolExecutor(3) as p:
    results += list(p.map(str, range(3)))
results.append(asyncio.run(asyncio.sleep(0.01, "slept")))
async def away():
    return await asyncio.get_running_loop().run_in_executor(None, lambda: "ran")
results.append(asyncio.run(away()))
results.append(subprocess.run([sys.executable, "-c", "print('child')"], stdout=subprocess.PIPE).stdout.decode().strip())
r, w = multiprocessing.Pipe()
c = multiprocessing.get_context("fork").Process(target=w.send, args=("forked",))
c.start(); results.append(r.recv()); c.join()
pid = os.fork()
if pid == 0:
    os._exit(9)
results.append(os.waitpid(pid, 0)[1] >> 8)
results.append(threading.main_thread().ident == threading.get_ident())
result = results
`

// Interpreters of every version that is installed here.
func TestForkedVersions(t *testing.T) {
	found := []string{python(t)}
	if os.Geteuid() == 0 {
		more, err := filepath.Glob("/root/.pyenv/versions/3.*/bin/python3.[0-9]*")
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, more...)
	}
	d := newDriver(t)
	for _, path := range found {
		minor, err := strconv.Atoi(strings.TrimPrefix(filepath.Base(path), "python3."))
		if path != found[0] && (err != nil || minor < 8) {
			continue
		}
		t.Run(strings.ReplaceAll(path[1:], "/", "_"), func(t *testing.T) {
			s := forked(t, d, func(s *sandbox.Spec) { s.Path = path })
			e := forkedEnv(t, d, s)
			if got := run(t, e, habits); got != "['thread', '0', '1', '2', 'slept', 'ran', 'child', 'forked', 9, True]" {
				t.Error(got)
			}
			if got := run(t, e, "import sys; result = sys.executable"); got != path {
				t.Error(got)
			}
			e.Retire(0)
		})
	}
}

// chances are what has to differ between programs that were forked from one.
var chances = []string{
	"import random; result = random.random()",
	"import random; result = random.Random().random()",
	"import uuid; result = uuid.uuid4()",
	"import uuid; result = uuid.uuid1()",
	"import ssl; result = ssl.RAND_bytes(8)",
	"import secrets; result = secrets.token_hex()",
	"import os; result = os.urandom(8)",
	"import tempfile; result = tempfile.mktemp()",
	"import email.utils; result = email.utils.make_msgid(domain='x')",
}

func TestSiblings(t *testing.T) {
	d := newDriver(t)
	s := forked(t, d)
	other := forked(t, d, func(s *sandbox.Spec) { s.Owner = "two" })
	one, two, stranger := forkedEnv(t, d, s), forkedEnv(t, d, s), forkedEnv(t, d, other)
	for _, code := range chances {
		if a, b, c := run(t, one, code), run(t, two, code), run(t, stranger, code); a == b || a == c || b == c {
			t.Errorf("%s: %s, %s, %s", code, a, b, c)
		}
	}
	// Shared among an owner's, and among those only.
	for _, code := range []string{"result = hash('x')", "import json; result = id(json), id(type), open('/proc/self/maps').readline().split()[0]"} {
		if a, b, c := run(t, one, code), run(t, two, code), run(t, stranger, code); a != b || a == c {
			t.Errorf("%s: %s, %s; another owner's %s", code, a, b, c)
		}
	}
	if a, b := run(t, one, "import os; result = os.getuid()"), run(t, two, "import os; result = os.getuid()"); os.Geteuid() == 0 && a == b {
		t.Errorf("both run as user %s", a)
	}
}

// zygotes are the process ids of this test's zygotes, as they are before they fork.
func zygotes(t testing.TB) []int {
	t.Helper()
	var found []int
	for pid := range processes(t, mark()) {
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		if err != nil {
			continue
		}
		// The supervisor's process namespace, and no further one.
		for line := range strings.Lines(string(status)) {
			if ids, ok := strings.CutPrefix(line, "NSpid:"); ok && len(strings.Fields(ids)) == 2 {
				found = append(found, pid)
			}
		}
	}
	return found
}

func TestZygoteIsKilled(t *testing.T) {
	asNobody(t)
	d := newDriver(t)
	s := forked(t, d)
	survivor := forkedEnv(t, d, s)
	killed := zygotes(t)
	if len(killed) != 1 {
		t.Fatalf("zygotes: %v", killed)
	}
	var wg sync.WaitGroup
	errs := make(chan error, 40)
	for range 4 {
		wg.Go(func() {
			for range 5 {
				b, err := d.Blank(context.Background(), s)
				if err != nil {
					errs <- err
					continue
				}
				b.Discard()
			}
		})
	}
	if err := syscall.Kill(killed[0], syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	wg.Wait()
	close(errs)
	for err := range errs {
		t.Error(err)
	}
	if got := run(t, survivor, "result = 'alive'"); got != "alive" {
		t.Error(got)
	}
	if err := d.Warm(within(t, 20*time.Second), s); err != nil {
		t.Fatal(err)
	}
	forkedEnv(t, d, s)
	if now := zygotes(t); len(now) != 1 || now[0] == killed[0] {
		t.Errorf("zygotes: %v, was %v", now, killed)
	}
}

func TestSupervisorIsKilledWhileItForks(t *testing.T) {
	asNobody(t)
	d := newDriver(t)
	s := forked(t, d)
	e := forkedEnv(t, d, s)
	var wg sync.WaitGroup
	wg.Go(func() {
		for range 10 {
			// One that is lost with two supervisors may fail; it must not hang.
			if b, err := d.Blank(within(t, 20*time.Second), s); err == nil {
				b.Discard()
			} else if errors.Is(err, context.DeadlineExceeded) {
				t.Error(err)
			}
		}
	})
	if err := syscall.Kill(supervisor(t), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	ended(t, e)
	wg.Wait()
	if err := d.Warm(within(t, 20*time.Second), s); err != nil {
		t.Fatal(err)
	}
	forkedEnv(t, d, s)
}

func TestForkedSupervisorIsKilled(t *testing.T) {
	d := newDriver(t)
	s := forked(t, d)
	e := forkedEnv(t, d, s)
	if err := syscall.Kill(supervisor(t), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	ended(t, e)
	eventually(t, "all processes end", func() bool { return len(processes(t, mark())) == 0 })
	forkedEnv(t, d, forked(t, d))
}

func TestZygotesThatAreOfNoUse(t *testing.T) {
	var log bytes.Buffer
	var mu sync.Mutex
	d := newDriver(t, func(o *namespace.Options) { o.Logger = slog.New(slog.NewTextHandler(&locked{mu: &mu, b: &log}, nil)) })
	for name, code := range map[string]string{
		"does not start":             "raise ImportError('no ctypes today')",
		"leaves":                     "pass",
		"is not ready":               "import time; time.sleep(0.1); raise SystemExit('not today')",
		"makes programs that fail":   "import sys; sys.path.insert(0, sys.argv[1]); import _furl_zygote as z, program as p; p.run = lambda forked: 1 / 0; z.main(p)",
		"makes sandboxes that fail":  "import sys; sys.path.insert(0, sys.argv[1]); import _furl_zygote as z, program as p; z.take = lambda steps, user: 1 / 0; z.main(p)",
		"makes nothing when told to": "import sys; sys.path.insert(0, sys.argv[1]); import _furl_zygote as z, program as p; z.clone = lambda group: 1 / 0; z.main(p)",
	} {
		t.Run(name, func(t *testing.T) {
			s := spec(t)
			s.Zygote = slices.Clone(s.Args)
			s.Zygote[2], s.Owner = code, name
			d.Warm(within(t, 20*time.Second), s) // which fails, or not yet
			for range 3 {
				b, err := d.Blank(within(t, 20*time.Second), s)
				if err != nil {
					t.Fatal(err)
				}
				e, err := b.Assign(within(t, 10*time.Second), sandbox.Assignment{Code: t.TempDir()})
				if err != nil {
					t.Fatal(err)
				}
				if got := run(t, e, isForked); got != "False" {
					t.Error("forked:", got)
				}
				e.Retire(0)
			}
		})
	}
	mu.Lock()
	defer mu.Unlock()
	if got := strings.Count(log.String(), "started anew and not forked"); got > 6 {
		t.Errorf("it was said %d times\n%s", got, log.String())
	}
	if !strings.Contains(log.String(), "no ctypes today") {
		t.Errorf("the reason is not in\n%s", log.String())
	}
}

type locked struct {
	mu *sync.Mutex
	b  *bytes.Buffer
}

func (l *locked) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

// The sandboxes are in their cgroups although nobody put them there.
func TestForkedInCgroups(t *testing.T) {
	if os.Geteuid() != 0 {
		needed(t, errors.New("it needs root"))
	}
	d := newDriver(t)
	s := forked(t, d)
	forkedEnv(t, d, s)
	started, own := cgroups(t, os.Getpid()), 0
	for pid := range processes(t, mark()) {
		for controller, path := range cgroups(t, pid) {
			if strings.Contains(path, "/furl/"+strconv.Itoa(os.Getpid())+"-") {
				own++
			} else if started[controller] != path {
				t.Errorf("process %d is in %s:%s", pid, controller, path)
			}
		}
	}
	if own < 3 {
		t.Errorf("processes are in %d groups of ours", own)
	}
}

// cgroups are those of a process, by controllers.
func cgroups(t testing.TB, pid int) map[string]string {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid))
	if err != nil {
		t.Fatal(err)
	}
	found := make(map[string]string)
	for line := range strings.Lines(string(b)) {
		f := strings.SplitN(strings.TrimSpace(line), ":", 3)
		found[f[1]] = f[2]
	}
	return found
}

func TestZygotesEnd(t *testing.T) {
	d := newDriver(t)
	d.SetForks(3)
	s := forked(t, d)
	first := zygotes(t)
	held := make([]sandbox.Env, 3)
	for i := range held {
		held[i] = forkedEnv(t, d, s)
	}
	eventually(t, "a zygote that forked often ends", func() bool { return len(zygotes(t)) == 0 })
	for _, e := range held {
		if got := run(t, e, "result = 'alive'"); got != "alive" {
			t.Error(got)
		}
		e.Retire(0)
	}
	if err := d.Warm(within(t, 20*time.Second), s); err != nil {
		t.Fatal(err)
	}
	forkedEnv(t, d, s).Retire(0)
	if now := zygotes(t); len(now) != 1 || now[0] == first[0] {
		t.Errorf("zygotes: %v, were %v", now, first)
	}
	eventually(t, "a zygote that is idle ends, with what it prepared", func() bool {
		if err := d.Neglect(); err != nil { // unless it prepares something just now
			t.Fatal(err)
		}
		return len(processes(t, mark())) == 0
	})
}

// Most wait for a fork at once, and some find no zygote yet.
func TestForksAtOnce(t *testing.T) {
	d := newDriver(t)
	s := forked(t, d)
	other := s
	other.Owner = "two"
	var wg sync.WaitGroup
	for i := range 24 {
		wg.Go(func() {
			s := s
			if i%4 == 0 {
				s = other
			}
			b, err := d.Blank(within(t, 20*time.Second), s)
			if err != nil {
				t.Error(err)
				return
			}
			b.Discard()
		})
	}
	wg.Wait()
}

// A zygote keeps nothing of the sandboxes that it made.
func TestZygoteKeepsNothing(t *testing.T) {
	asNobody(t)
	d := newDriver(t)
	s := forked(t, d)
	forkedEnv(t, d, s).Retire(0)
	files := fmt.Sprintf("/proc/%d/fd", zygotes(t)[0])
	before := count(t, files)
	for range 12 {
		forkedEnv(t, d, s).Retire(0)
	}
	// It has those of what it makes just now, some ten each, for a moment.
	n := 0
	eventually(t, "a zygote's files are as many as before", func() bool {
		n = count(t, files)
		return n <= before+1
	})
	t.Logf("it has %d files, had %d", n, before)
}
