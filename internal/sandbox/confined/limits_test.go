//go:build linux

package confined_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
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

// everyKind runs a test on each of the driver's ways, and as a user without rights.
func everyKind(t *testing.T, test func(t *testing.T, change func(*confined.Options))) {
	if os.Getuid() == 0 {
		for name, change := range kinds {
			t.Run(name, func(t *testing.T) { test(t, change) })
		}
		asNobody(t)
		return
	}
	test(t, kinds["everything"])
}

// commands are the command lines of all living processes that mention text.
func commands(t *testing.T, text string) []string {
	t.Helper()
	names, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err == nil && strings.Contains(string(b), text) {
			found = append(found, strings.TrimSuffix(name, "/cmdline")+" "+string(b))
		}
	}
	return found
}

// lingers starts a process that leaves group, session, parent and environment of
// the program.
const lingers = `
import os, time, signal
for s in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
    signal.signal(s, signal.SIG_IGN)
r, w = os.pipe()
os.set_inheritable(w, True)
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.setsid()
        for i in range(3, 10):
            if i != w:
                try:
                    os.close(i)
                except OSError:
                    pass
        os.execve("/bin/sh", ["sh", "-c", "echo x >&%%d; exec sleep %s" %% w], {})
    os._exit(0)
os.wait()
os.read(r, 1)
result = "started"
`

// hops starts a process that has another id whenever it is looked for.
const hops = `
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.execve("/usr/bin/python3", ["python3", "-I", "-S", "-c", "import os, time; e = time.time() + 20\nwhile time.time() < e:\n    if os.fork(): os._exit(0)\n    os.setsid()\n", "%s"], {})
    os._exit(0)
time.sleep(0.5)
result = "started"
`

func TestNothingLingers(t *testing.T) {
	everyKind(t, func(t *testing.T, change func(*confined.Options)) {
		d := newDriver(t, change)
		other := env(t, d, sandbox.Limits{})
		for name, end := range map[string]func(sandbox.Env){
			"retired":        func(e sandbox.Env) { e.Retire(0) },
			"retired asking": func(e sandbox.Env) { e.Retire(50 * time.Millisecond) },
			"program exits":  func(e sandbox.Env) { try(e, "import os; os._exit(0)") },
			"program killed": func(e sandbox.Env) { try(e, "import os, signal; os.kill(os.getpid(), signal.SIGKILL)") },
			"frozen":         func(e sandbox.Env) { e.Freeze(); e.Retire(0) },
		} {
			mark := fmt.Sprint(100_000_000 + time.Now().UnixNano()%1_000_000)
			e := env(t, d, sandbox.Limits{})
			if got := run(t, e, fmt.Sprintf(lingers, mark)); got != "started" {
				t.Fatal(got)
			}
			sandboxtest.Eventually(t, "a process lingers", func() bool { return len(commands(t, mark)) > 0 })
			end(e)
			ended(t, e)
			if left := commands(t, mark); len(left) > 0 {
				t.Errorf("%s: left behind: %q", name, left)
			}
			e.Retire(0)
		}
		if got := run(t, other, "result = 6 * 7"); got != "42" {
			t.Errorf("the other sandbox answers %s", got)
		}
	})
}

// Whoever forks and ends all the time is ended at once where there is a way: by
// cgroup or by user.
func TestNothingGetsAway(t *testing.T) {
	if os.Geteuid() != 0 {
		needed(t, errors.New("only root has users and cgroups for sure"))
	}
	for _, name := range []string{"everything", "no cgroups"} {
		t.Run(name, func(t *testing.T) {
			d := newDriver(t, kinds[name])
			mark := fmt.Sprint("hops-", time.Now().UnixNano())
			e := env(t, d, sandbox.Limits{})
			if got := run(t, e, fmt.Sprintf(hops, mark)); got != "started" {
				t.Fatal(got)
			}
			sandboxtest.Eventually(t, "a process is on its way", func() bool { return len(commands(t, mark)) > 0 })
			e.Retire(0)
			for range 50 { // they are hard to see
				if left := commands(t, mark); len(left) > 0 {
					t.Fatalf("left behind: %q", left)
				}
			}
		})
	}
}

func TestMemory(t *testing.T) {
	bombs := map[string]string{
		"program": "x = b'x' * (300 << 20); import time; time.sleep(20)",
		"child":   "import os, time\nif os.fork() == 0:\n    x = b'x' * (300 << 20)\n    time.sleep(20)\ntime.sleep(20)",
		"many":    "import os, time\nfor i in range(8):\n    if os.fork() == 0:\n        x = b'x' * (20 << 20)\n        time.sleep(20)\ntime.sleep(20)",
		"away":    "import os, time\nif os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n        x = b'x' * (300 << 20)\n        time.sleep(20)\n    os._exit(0)\ntime.sleep(20)",
	}
	everyKind(t, func(t *testing.T, change func(*confined.Options)) {
		d := newDriver(t, change)
		for name, bomb := range bombs {
			e := env(t, d, sandbox.Limits{Memory: 96 << 20})
			if _, err := try(e, bomb); err == nil {
				t.Errorf("%s: the program survived", name)
			}
			if x := ended(t, e); x.Signal != syscall.SIGKILL {
				t.Errorf("%s: it ended with %v", name, x)
			}
			if !e.(sandbox.OutOfMemory).OutOfMemory() {
				t.Errorf("%s: the driver does not know that memory ran out", name)
			}
			e.Retire(0)
		}
		// What many share counts once, and who stays below lives.
		e := env(t, d, sandbox.Limits{Memory: 96 << 20})
		got := run(t, e, "import os, time\nx = b'x' * (50 << 20)\nfor i in range(4):\n    if os.fork() == 0:\n        time.sleep(0.7)\n        os._exit(0)\ntime.sleep(0.5)\nresult = len(x)")
		if got != "52428800" || e.(sandbox.OutOfMemory).OutOfMemory() {
			t.Errorf("50 MB shared by five: %s", got)
		}
	})
}

func TestTemp(t *testing.T) {
	d := newDriver(t, func(o *confined.Options) { o.TempFiles = 100 })
	e := env(t, d, sandbox.Limits{Temp: 4 << 20})
	if got := run(t, e, "open('a', 'wb').write(b'x' * (3 << 20)); result = 'kept'"); got != "kept" {
		t.Error(got)
	}
	run(t, e, "open('b', 'wb').write(b'x' * (3 << 20))")
	if x := ended(t, e); x.Signal != syscall.SIGKILL || e.(sandbox.OutOfMemory).OutOfMemory() {
		t.Errorf("too much: %v", x)
	}
	e = env(t, d, sandbox.Limits{})
	run(t, e, "import os\nos.makedirs('x/y')\nfor i in range(120): open('x/y/%d' % i, 'w').close()\nos.chmod('x', 0)")
	if os.Geteuid() == 0 { // a server with rights sees them even so
		if x := ended(t, e); x.Signal != syscall.SIGKILL {
			t.Errorf("too many: %v", x)
		}
	}
	e.Retire(0)
	if _, err := os.Stat(e.Layout().Temp); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the directory is left: %v", err)
	}
}

// Directories in one another keep neither the watch nor the end of a sandbox busy.
func TestDeepTemp(t *testing.T) {
	d := newDriver(t)
	e := env(t, d, sandbox.Limits{})
	try(e, "import os\nfor i in range(5000):\n os.mkdir('d')\n os.chdir('d')") // it may not live to answer
	if x := ended(t, e); x.Signal != syscall.SIGKILL {
		t.Errorf("it ended with %v", x)
	}
	e.Retire(0)
	if _, err := os.Stat(e.Layout().Temp); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the directory is left: %v", err)
	}
}

// A program that starts with its code has the memory limit that was set before.
func TestMemoryOfLaunched(t *testing.T) {
	d := newDriver(t, func(o *confined.Options) { o.NoCgroups = true })
	b, err := d.Blank(within(t, 20*time.Second), sandbox.Spec{Name: "custom"})
	if err != nil {
		t.Fatal(err)
	}
	if err := b.(sandbox.Limiter).Limit(sandbox.Limits{Memory: 128 << 20}); err != nil {
		t.Fatal(err)
	}
	e, err := b.Assign(within(t, 10*time.Second), sandbox.Assignment{Code: t.TempDir(), Launch: func(sandbox.Layout) sandbox.Launch {
		return sandbox.Launch{Path: "/bin/sh", Args: []string{"-c", "ulimit -Hd"}}
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Retire(0)
	if err := e.Output().SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(e.Output())
	if want := "655360\n"; string(got) != want { // in KB: 128 MB and the slack
		t.Errorf("the limit is %q (%v), want %q", got, err, want)
	}
}

const forkBomb = `
import os, time
n = 0
try:
    while n < 1000:
        if os.fork() == 0:
            time.sleep(1000)
            os._exit(0)
        n += 1
except OSError as e:
    pass
time.sleep(0.5)
result = n
`

func TestProcesses(t *testing.T) {
	everyKind(t, func(t *testing.T, change func(*confined.Options)) {
		d := newDriver(t, change, func(o *confined.Options) { o.Processes = 50 })
		e := env(t, d, sandbox.Limits{})
		got, err := try(e, forkBomb)
		if err != nil { // who shares a user is ended
			if x := ended(t, e); x.Signal != syscall.SIGKILL {
				t.Errorf("it ended with %v", x)
			}
			e.Retire(0)
		} else if n, err := strconv.Atoi(got); err != nil || n < 40 || n > 50 {
			t.Errorf("%s processes of 50 were made", got)
		}
	})
}

// What multiplies as fast as it can is bounded, and ended.
func TestForkBomb(t *testing.T) {
	if asNobody(t) {
		return // of root the kernel counts no processes
	}
	const bomb = "import os\nwhile True:\n    try:\n        if os.fork() == 0: %s\n    except OSError: pass"
	for name, child := range map[string]string{"group": "pass", "sessions": "os.setsid()"} {
		t.Run(name, func(t *testing.T) {
			d := newDriver(t, kinds["one user"], func(o *confined.Options) { o.Processes = 20 })
			e := env(t, d, sandbox.Limits{})
			all, err := filepath.Glob("/proc/[0-9]*/task/*")
			limit, notNumber := strconv.Atoi(run(t, e, "import resource; result = resource.getrlimit(resource.RLIMIT_NPROC)[1]"))
			if err != nil || notNumber != nil || limit < 80 || limit > 80+2*len(all) {
				t.Fatalf("the limit is %d of %d, %v, %v", limit, len(all), err, notNumber)
			}
			go try(e, fmt.Sprintf(bomb, child))
			most, late := 0, time.After(20*time.Second)
			for over := false; !over; {
				select {
				case <-e.Exited():
					over = true
				case <-late:
					t.Fatal("the sandbox has not ended")
				default:
					most = max(most, len(commands(t, mark())))
				}
			}
			if x := e.Exit(); x.Signal != syscall.SIGKILL || x.Strays {
				t.Errorf("it ended with %v", x)
			}
			if left := commands(t, mark()); most > limit || len(left) > 0 {
				t.Errorf("there were %d processes, and %d are left", most, len(left))
			}
		})
	}
}

// A signal to everybody reaches nobody outside.
func TestSignals(t *testing.T) {
	everyKind(t, func(t *testing.T, change func(*confined.Options)) {
		d := newDriver(t, change)
		if version(t, d) < 6 {
			t.Skip("Landlock restricts no signals here")
		}
		got := make(chan os.Signal, 1)
		signal.Notify(got, syscall.SIGWINCH) // which harms nobody
		defer signal.Stop(got)
		e := env(t, d, sandbox.Limits{})
		code := fmt.Sprintf(`
import os, signal
result = []
for target in (-1, %d, %d):
    try:
        os.kill(target, signal.SIGWINCH)
        result.append('sent')
    except OSError as e:
        result.append(e.strerror)
`, os.Getpid(), os.Getppid())
		if said := run(t, e, code); !strings.HasSuffix(said, "'Operation not permitted', 'Operation not permitted']") {
			t.Error(said)
		}
		select {
		case <-got:
			t.Error("a signal got out of the sandbox")
		default:
		}
		// Its own children it may.
		if said := run(t, e, "import subprocess; p = subprocess.Popen(['sleep', '9']); p.kill(); result = p.wait()"); said != "-9" {
			t.Error(said)
		}
	})
}

func version(t *testing.T, d *confined.Driver) int {
	t.Helper()
	for _, f := range d.Probe(within(t, 20*time.Second)).Features {
		if words := strings.Fields(f.Detail); f.Name == "Landlock" && len(words) > 1 {
			n, err := strconv.Atoi(words[1])
			if err != nil {
				t.Fatal(f.Detail)
			}
			return n
		}
	}
	t.Fatal("no version of Landlock is reported")
	return 0
}

// Programs that the driver's host kills go with their children.
func TestKilledServerLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	open(t, dir)
	server := exec.Command(os.Getenv(hostVar), "serve", dir, t.TempDir(), python(t))
	out, err := server.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	server.Stderr = os.Stderr
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	line := make([]byte, 64)
	n, err := out.Read(line)
	if string(line[:n]) != "ready\n" {
		needed(t, fmt.Errorf("the server said %q, %w", line[:n], err))
	}
	if n := len(commands(t, dir)); n < 2 {
		t.Errorf("%d processes", n)
	}
	if err := server.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := server.Wait(); err == nil {
		t.Error("it was not killed")
	}
	sandboxtest.Eventually(t, "nothing is left", func() bool {
		left, err := filepath.Glob(dir + "/*")
		return err == nil && len(left) == 0 && len(commands(t, dir)) == 0
	})
}

// What a server left that was killed with its supervisor, the next one removes, and
// nothing of one that lives.
func TestLeftDirectories(t *testing.T) {
	hour := time.Now().Add(-time.Hour)
	var left, alive, fresh, other string
	newDriver(t, func(o *confined.Options) {
		dir := func(name string) string {
			path := filepath.Join(o.Dir, name)
			if err := errors.Join(os.MkdirAll(filepath.Join(path, "1", "code"), 0o755), os.Chtimes(path, hour, hour)); err != nil {
				t.Fatal(err)
			}
			return path
		}
		left, alive, other = dir("furl-confined-1"), dir("furl-confined-2"), dir("mine")
		fresh = dir("furl-confined-3")
		if err := os.Chtimes(fresh, time.Time{}, time.Now()); err != nil {
			t.Fatal(err)
		}
		lock, err := os.Open(alive)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { lock.Close() })
		if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_SH); err != nil {
			t.Fatal(err)
		}
	})
	t.Cleanup(func() { // before the driver's own look
		for _, dir := range []string{alive, fresh, other} {
			if _, err := os.Stat(filepath.Join(dir, "1")); err != nil {
				t.Error(err)
			}
			if err := os.RemoveAll(dir); err != nil {
				t.Error(err)
			}
		}
	})
	sandboxtest.Eventually(t, "the directory is removed", func() bool {
		_, err := os.Stat(left)
		return errors.Is(err, os.ErrNotExist)
	})
}
