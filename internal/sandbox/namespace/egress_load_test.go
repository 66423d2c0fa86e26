//go:build linux

package namespace_test

import (
	"context"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"furl/internal/sandbox"
)

// heap is the memory that is in use in bytes.
func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapInuse + m.StackInuse)
}

// What a sandbox holds beyond itself ends with it.
func TestEgressEndsWithTheSandbox(t *testing.T) {
	d := newDriver(t)
	outside(t, d, &world{}).Retire(0) // the first one leaves what is kept
	files, routines := count(t, "/proc/self/fd"), runtime.NumGoroutine()
	for _, end := range []string{"retired", "exits", "killed"} {
		w := &world{silent: true}
		e := outside(t, d, w)
		run(t, e, `
held = []
for i in range(40):
    held.append(socket.create_connection(("192.0.2.1" if i % 2 else "2001:db8::1", 80), 5))
held.append(socket.create_connection(("169.254.100.5", 53), 5))
`)
		eventually(t, "40 connections", func() bool { _, _, open := w.seen(); return open == 40 })
		switch end {
		case "exits", "killed":
			code := map[string]string{"exits": "os._exit(0)", "killed": "os.kill(os.getpid(), 9)"}[end]
			e.Channel().Exchange(10, 0, nil, []byte(code), time.Now().Add(20*time.Second), 1<<20, nil)
			ended(t, e)
			eventually(t, "the connections end with the program", func() bool { _, _, open := w.seen(); return open == 0 })
		}
		e.Retire(0)
		if _, _, open := w.seen(); open != 0 {
			t.Errorf("%s: %d connections are left", end, open)
		}
		eventually(t, end+": nothing is left", func() bool {
			return runtime.NumGoroutine() <= routines && count(t, "/proc/self/fd") <= files
		})
	}
	asNobody(t)
}

// A network that goes from one sandbox to the next takes nothing along.
func TestEgressOfTheLastSandbox(t *testing.T) {
	d := newDriver(t)
	const which = `result = os.readlink("/proc/self/ns/net")`
	first := &world{silent: true}
	e := outside(t, d, first)
	old := run(t, e, which)
	run(t, e, `
held = []
def connections():
    # Not so many that the network is not used again.
    for _ in range(150):
        s = socket.socket()
        held.append(s)
        s.setblocking(False)
        s.connect_ex(("203.0.113.1", 80))
        try:
            s.send(b"of the last one")
        except OSError:
            pass
    time.sleep(1000)
def questions():
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    while True:
        try:
            s.sendto(question("of.the.last.one"), ("203.0.113.1", 53))
        except OSError:
            pass
for f in (connections, connections, questions):
    for _ in range(2):
        if os.fork() == 0:
            f()
`)
	eventually(t, "the flood begins", func() bool { c, a, _ := first.seen(); return len(c) > 20 && len(a) > 20 })
	e.Retire(0)
	before, asked, _ := first.seen()
	<-time.After(1100 * time.Millisecond) // then it may be used again
	second := &world{}
	for tries := 0; ; tries++ { // others are taken before it
		e = outside(t, d, second)
		if run(t, e, which) == old {
			break
		}
		if tries == 8 {
			t.Fatal("its network is not used again; nothing is tested")
		}
	}
	if got := run(t, e, `time.sleep(1.5); result = first("192.0.2.1", 80)`); got != "192.0.2.1:80" {
		t.Error(got)
	}
	connected, questions, _ := second.seen()
	if len(connected) != 1 || len(questions) != 0 {
		t.Errorf("of the last sandbox: %v, %v", connected, questions)
	}
	if c, a, _ := first.seen(); len(c) != len(before) || len(a) != len(asked) {
		t.Errorf("after its end there were %d more connections and %d more questions", len(c)-len(before), len(a)-len(asked))
	}
	e.Retire(0)
	asNobody(t)
}

func TestEgressFlood(t *testing.T) {
	d := newDriver(t)
	w, calm := &world{}, &world{}
	e, victim := outside(t, d, w), outside(t, d, calm)
	before := heap()
	got := run(t, e, `
# A process has 1024 descriptors, so there are several.
ready, go = os.pipe()
pids = []
r, report = os.pipe()
for i in range(4):
    pid = os.fork()
    if pid == 0:
        held, served = [], 0
        for _ in range(500):
            s = socket.socket()
            s.settimeout(10)
            try:
                s.connect(("192.0.2.1", 80))
                if s.recv(100):
                    served += 1
                    held.append(s)
                else:
                    s.close()
            except OSError:
                s.close()
        os.write(report, b"%d " % served)
        os.read(ready, 1)
        os._exit(0)
    pids.append(pid)
served, done = 0, ""
while len(done.split()) < 4 or not done.endswith(" "):
    done += os.read(r, 100).decode()
result = sum(map(int, done.split()))
`)
	served, err := strconv.Atoi(got)
	if err != nil || served < 500 || served > 512 {
		t.Errorf("%s of 2000 connections are served at once, %v", got, err)
	}
	if w.most > 512 {
		t.Errorf("%d connections were open at once", w.most)
	}
	if grown := heap() - before; grown > 64<<20 {
		t.Errorf("%d bytes are held", grown)
	}
	if got := run(t, victim, `result = first("192.0.2.9", 80)`); got != "192.0.2.9:80" {
		t.Error("another sandbox:", got)
	}
	// When they are gone there is room again.
	run(t, e, `
os.close(go)
for pid in pids:
    os.write(ready, b"") if False else os.kill(pid, 9)
    os.waitpid(pid, 0)
`)
	eventually(t, "the connections end", func() bool { _, _, open := w.seen(); return open == 0 })
	eventually(t, "there is room", func() bool { return run(t, e, `result = first("192.0.2.2", 80)`) == "192.0.2.2:80" })
}

// slow is a Network whose name server takes its time.
type slow struct {
	world
	asking, most atomic.Int64
	hurry        chan struct{}
}

func (s *slow) Resolve(ctx context.Context, query []byte) []byte {
	s.most.Store(max(s.most.Load(), s.asking.Add(1)))
	defer s.asking.Add(-1)
	select {
	case <-s.hurry:
		return s.world.Resolve(ctx, query)
	case <-ctx.Done():
		return nil
	}
}

var _ sandbox.Network = (*slow)(nil)

func TestEgressQuestionFlood(t *testing.T) {
	d := newDriver(t)
	s := &slow{hurry: make(chan struct{})}
	e := outside(t, d, s)
	before, routines := heap(), runtime.NumGoroutine()
	got := run(t, e, `
q = question("x.y") + bytes(60000)
failed = 0
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
    for i in range(100000):
        try:
            s.sendto(q[:24 if i % 10 else 40000], ("192.0.2.%d" % (i % 250), 53))
        except OSError as e:
            failed += 1
result = "sent"
`)
	if got != "sent" {
		t.Fatal(got)
	}
	eventually(t, "questions arrive", func() bool { return s.asking.Load() > 30 })
	if n := runtime.NumGoroutine() - routines; n > 80 {
		t.Errorf("%d goroutines serve them", n)
	}
	if grown := heap() - before; grown > 16<<20 {
		t.Errorf("%d bytes are held", grown)
	}
	close(s.hurry)
	if got := run(t, e, `result = socket.gethostbyname("after.example.com")`); !strings.HasPrefix(got, "192.0.2.7") {
		t.Error("after the flood:", got)
	}
	if most := s.most.Load(); most > 64 {
		t.Errorf("%d questions were asked at once", most)
	}
	e.Retire(0)
}
