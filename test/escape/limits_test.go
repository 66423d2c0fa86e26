//go:build linux

package escape_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"furl/internal/sandbox"
	"furl/internal/sandbox/namespace"
)

// rooted is a driver whose sandboxes have limits by cgroup, and a victim.
func rooted(t *testing.T, made way) (d sandbox.Driver, healthy func()) {
	t.Helper()
	if os.Geteuid() != 0 {
		needed(t, errors.New("limits need root or a cgroup of one's own"))
	}
	d = made(namespaceDriver(t))
	for _, f := range d.Probe(within(t, 20*time.Second)).Features {
		if strings.HasPrefix(f.Name, "limits") && !f.OK {
			needed(t, errors.New(f.Detail))
		}
	}
	victim := function(t, d, codeDir(t, nil), sandbox.Limits{})
	return d, func() {
		t.Helper()
		if got := run(t, victim, "result = len(bytearray(1 << 20))"); got != "1048576" {
			t.Errorf("the victim answers %q", got)
		}
	}
}

func number(t *testing.T, text string) int {
	t.Helper()
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestForkBomb(t *testing.T) { eachWay(t, forkBomb) }

func forkBomb(t *testing.T, made way) {
	d, healthy := rooted(t, made)
	e := function(t, d, codeDir(t, nil), sandbox.Limits{Memory: 256 << 20})
	got := run(t, e, `
import os, time
n = 0
try:
    while n < 1000:
        if os.fork() == 0:
            time.sleep(1000)
            os._exit(0)
        n += 1
except OSError as e:
    print(e)
result = n
`)
	if n := number(t, got); n < 50 || n > 64 {
		t.Errorf("%d processes were made, the limit is 64", n)
	}
	healthy()
	e.Retire(0)
	most := 1 // the victim's
	if _, forks := d.(forking); forks {
		most = 3 // the zygote's, and that which is prepared
	}
	if left := processes(t, mark()); len(left) > most {
		t.Errorf("left behind: %q", left)
	}
}

func TestThreadBomb(t *testing.T) { eachWay(t, threadBomb) }

func threadBomb(t *testing.T, made way) {
	d, healthy := rooted(t, made)
	e := function(t, d, codeDir(t, nil), sandbox.Limits{Memory: 256 << 20})
	got := run(t, e, `
import threading
done = threading.Event()
n = 0
try:
    while n < 1000:
        threading.Thread(target=done.wait, daemon=True).start()
        n += 1
except RuntimeError as e:
    pass
result = n
done.set()
`)
	if n := number(t, got); n < 50 || n > 64 {
		t.Errorf("%d threads were made, the limit is 64", n)
	}
	healthy()
}

func TestMemoryBomb(t *testing.T) { eachWay(t, memoryBomb) }

func memoryBomb(t *testing.T, made way) {
	d, healthy := rooted(t, made)
	bombs := map[string]string{
		"program": "x = bytearray(600 << 20)",
		"child":   "import os, time\nif os.fork() == 0:\n    x = bytearray(600 << 20)\ntime.sleep(30)",
		"files":   "for i in range(28):\n    open('/tmp/%d' % i, 'wb').write(bytes(1 << 20))\nx = bytearray(60 << 20)",
		"many":    "import os, time\nfor i in range(20):\n    if os.fork() == 0:\n        x = bytearray(20 << 20)\n        time.sleep(30)\ntime.sleep(30)",
	}
	for name, bomb := range bombs {
		t.Run(name, func(t *testing.T) {
			e := function(t, d, codeDir(t, nil), sandbox.Limits{Memory: 64 << 20})
			_, err := try(e, bomb)
			if err == nil {
				t.Error("the program survived")
			}
			if x := ended(t, e); x.Signal != syscall.SIGKILL {
				t.Errorf("it ended with %v", x)
			}
			if !e.(sandbox.OutOfMemory).OutOfMemory() {
				t.Error("the driver does not know that memory ran out")
			}
			healthy()
			e.Retire(0)
		})
	}
}

// What one sandbox used up is not missing in the next one with the same cgroup.
func TestLimitsOfTheNext(t *testing.T) { eachWay(t, limitsOfTheNext) }

func limitsOfTheNext(t *testing.T, made way) {
	d, _ := rooted(t, made)
	for range 3 {
		e := function(t, d, codeDir(t, nil), sandbox.Limits{Memory: 64 << 20})
		try(e, "x = bytearray(600 << 20)")
		ended(t, e)
		e.Retire(0)
		e = function(t, d, codeDir(t, nil), sandbox.Limits{Memory: 64 << 20})
		if got := run(t, e, "x = bytearray(32 << 20); result = len(x)"); got != "33554432" {
			t.Error(got)
		}
		if e.(sandbox.OutOfMemory).OutOfMemory() {
			t.Error("memory ran out")
		}
		e.Retire(0)
		if e.(sandbox.OutOfMemory).OutOfMemory() {
			t.Error("memory ran out by retiring")
		}
	}
}

func TestDiskAndInodes(t *testing.T) { eachWay(t, diskAndInodes) }

func diskAndInodes(t *testing.T, made way) {
	d, healthy := rooted(t, made)
	e := function(t, d, codeDir(t, nil), sandbox.Limits{})
	got := run(t, e, `
n = 0
try:
    with open("/tmp/big", "wb") as f:
        while n < 1 << 30:
            n += f.write(bytes(1 << 20))
except OSError as e:
    why = e.strerror
import os
os.unlink("/tmp/big")
result = "%d %s" % (n >> 20, why)
`)
	if got != "32 No space left on device" && got != "31 No space left on device" {
		t.Errorf("/tmp of 32 MB held %s", got)
	}
	got = run(t, e, `
n = 0
try:
    while n < 1 << 20:
        open("/tmp/%d" % n, "w").close()
        n += 1
except OSError as e:
    result = "%d %s" % (n, e.strerror)
`)
	if n, why, _ := strings.Cut(got, " "); number(t, n) > 2000 || why != "No space left on device" {
		t.Errorf("/tmp of 2000 files held %s", got)
	}
	healthy()
	f := function(t, d, codeDir(t, nil), sandbox.Limits{Temp: 2 << 20})
	got = run(t, f, "import os; s = os.statvfs('/tmp'); result = s.f_blocks * s.f_frsize")
	if got != "2097152" {
		t.Errorf("/tmp of 2 MB has %s bytes", got)
	}
}

// lingers starts a process that leaves the program's group and session.
const lingers = `
import os, time, signal
for s in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
    signal.signal(s, signal.SIG_IGN)
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.execv("/bin/sleep", ["sleep", "%s"])
    os._exit(0)
time.sleep(0.2)
result = "started"
`

func TestLingeringChildren(t *testing.T) { eachWay(t, lingeringChildren) }

func lingeringChildren(t *testing.T, made way) {
	d, _ := rooted(t, made)
	for name, end := range map[string]func(sandbox.Env){
		"retired":          func(e sandbox.Env) { e.Retire(0) },
		"retired asking":   func(e sandbox.Env) { e.Retire(50 * time.Millisecond) },
		"program exits":    func(e sandbox.Env) { try(e, "import os; os._exit(0)") },
		"program killed":   func(e sandbox.Env) { try(e, "import os, signal; os.kill(os.getpid(), signal.SIGKILL)") },
		"while it freezes": func(e sandbox.Env) { e.Freeze(); e.Retire(0) },
	} {
		t.Run(name, func(t *testing.T) {
			mark := fmt.Sprint(100_000_000 + time.Now().UnixNano()%1_000_000)
			e := function(t, d, codeDir(t, nil), sandbox.Limits{})
			if got := run(t, e, fmt.Sprintf(lingers, mark)); got != "started" {
				t.Fatal(got)
			}
			if len(processes(t, mark)) != 1 {
				t.Fatal("no process lingers")
			}
			end(e)
			ended(t, e)
			if left := processes(t, mark); len(left) > 0 {
				t.Errorf("left behind: %q", left)
			}
		})
	}
}

// processes are the command lines of all living processes that mention text.
func processes(t *testing.T, text string) []string {
	t.Helper()
	names, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err == nil && strings.Contains(string(b), text) {
			found = append(found, string(b))
		}
	}
	return found
}

// The program shares a user with the first process of its sandbox, and must not
// be able to end it: that would pass for a crash of the platform.
func TestGuardSurvives(t *testing.T) { eachWay(t, guardSurvives) }

func guardSurvives(t *testing.T, made way) {
	d := made(namespaceDriver(t))
	e := function(t, d, codeDir(t, nil), sandbox.Limits{})
	got := run(t, e, `
import os
for s in range(1, 65):
    try:
        os.kill(1, s)
    except OSError:
        pass
# It still collects processes that nobody waits for.
import time
for _ in range(5):
    if os.fork() == 0:
        if os.fork() == 0:
            os._exit(0)
        os._exit(0)
    os.wait()
time.sleep(0.3)
result = [p for p in os.listdir("/proc") if p.isdigit() and int(p) != os.getpid()]
`)
	if got != "[]" {
		t.Errorf("not collected: %s", got)
	}
	if _, err := try(e, "import os; os._exit(7)"); err == nil {
		t.Error("it answered")
	}
	if x := ended(t, e); x.Code != 7 {
		t.Errorf("it ended with %v", x)
	}
}

func TestForgedFrames(t *testing.T) { eachWay(t, forgedFrames) }

func forgedFrames(t *testing.T, made way) {
	d := made(namespaceDriver(t))
	for _, forged := range []string{
		`os.write(4, b"garbage" * 100)`,
		`os.write(4, bytes(32))`,
		`os.write(4, struct.pack("<IB3x16sQ", 1 << 31, 1, bytes(16), 0))`,
	} {
		e := function(t, d, codeDir(t, nil), sandbox.Limits{})
		if _, err := try(e, "import os, struct\n"+forged); !errors.Is(err, sandbox.ErrProtocol) {
			t.Errorf("%s: %v", forged, err)
		}
		e.Retire(0)
	}
}

func TestFrozen(t *testing.T) { eachWay(t, frozen) }

func frozen(t *testing.T, made way) {
	d, _ := rooted(t, made)
	e := function(t, d, codeDir(t, nil), sandbox.Limits{})
	run(t, e, `
import threading
n = 0
def count():
    global n
    while True:
        n += 1
threading.Thread(target=count, daemon=True).start()
`)
	if err := e.Freeze(); err != nil {
		needed(t, err)
	}
	cpu := func() time.Duration {
		s, err := e.Stats()
		if err != nil {
			t.Fatal(err)
		}
		return s.CPU
	}
	// It takes effect a moment after it was asked for.
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	before := time.Duration(-1)
	for now := cpu(); now != before; now = cpu() {
		before = now
		<-tick.C
		<-tick.C
	}
	if err := e.Thaw(); err != nil {
		t.Fatal(err)
	}
	if got := run(t, e, "result = 'alive'"); got != "alive" {
		t.Error(got)
	}
}

// Without cgroups each process has a limit of its own, and the user one of
// processes.
func TestLimitsWithoutCgroups(t *testing.T) { eachWay(t, limitsWithoutCgroups) }

func limitsWithoutCgroups(t *testing.T, made way) {
	d := made(namespaceDriver(t, func(o *namespace.Options) { o.NoCgroups = true }))
	e := function(t, d, codeDir(t, nil), sandbox.Limits{Memory: 64 << 20})
	got := run(t, e, `
try:
    x = bytearray(200 << 20)
    result = "it has them"
except MemoryError:
    result = "no"
`)
	if got != "no" {
		t.Error("200 MB of 64:", got)
	}
	got = run(t, e, `
import os, time
n = 0
try:
    while n < 2000:
        if os.fork() == 0:
            time.sleep(1000)
            os._exit(0)
        n += 1
except OSError as e:
    pass
result = n
`)
	if n := number(t, got); n < 30 || n > 4*64 {
		t.Errorf("%d processes were made", n)
	}
	if err := e.Freeze(); !errors.Is(err, sandbox.ErrUnsupported) {
		t.Errorf("freeze: %v", err)
	}
}
