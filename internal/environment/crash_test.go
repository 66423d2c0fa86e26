package environment_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"furl/internal/environment"
	"furl/internal/state"
)

// crashes has a handler for each way to break an environment. Every event but
// "well" breaks it.
const crashes = `
import os, signal, subprocess, sys, threading, time

def done(event, context): return "well"

def handler(event, context):
    print("before")
    return globals().get(event, done)(event, context)

def exits(event, context): os._exit(0)
def exits1(event, context): os._exit(1)
def killed(event, context): os.kill(os.getpid(), signal.SIGKILL)
def aborts(event, context): os.abort()
def closes(event, context):
    os.close(4)
    return "unheard"
def deaf(event, context):
    os.close(3)
    return "heard"
def garbage(event, context):
    os.write(4, b"garbage" * 100)
    time.sleep(10)
def late_garbage(event, context):
    os.write(4, b"\0" * 32)
    return "first"
def daemon(event, context):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            time.sleep(1000)
        os._exit(0)
    os._exit(6)
def sleeps(event, context): time.sleep(10)
def spins(event, context):
    while True: pass
def stubborn(event, context):
    for s in (signal.SIGTERM, signal.SIGINT): signal.signal(s, signal.SIG_IGN)
    time.sleep(10)
def sleeps_with_child(event, context):
    subprocess.Popen(["sleep", "1000"])
    time.sleep(10)
def lingering(event, context):
    subprocess.Popen(["sleep", "1000"])
    if os.fork() == 0:
        time.sleep(1000)
    os._exit(5)
`

func TestCrashes(t *testing.T) {
	const exit = `{"errorType":"Runtime.ExitError","errorMessage":"RequestId: id Error: Runtime exited `
	tests := []struct {
		event, want string
	}{
		{"exits", exit + `without providing a reason"}`},
		{"exits1", exit + `with error: exit status 1"}`},
		{"killed", exit + `with error: signal: killed"}`},
		{"aborts", exit + `with error: signal: aborted"}`},
		{"closes", exit + `with error: exit status 1"}`},
		{"lingering", exit + `with error: exit status 5"}`},
		{"daemon", exit + `with error: exit status 6"}`},
		{"garbage", `{"errorType":"Sandbox.Failure","errorMessage":"RequestId: id Error: Runtime sent data that is not an answer"}`},
		{"late_garbage", `{"errorType":"Sandbox.Failure","errorMessage":"RequestId: id Error: Runtime sent data that is not an answer"}`},
	}
	h := newHouse(t)
	h.write("app.py", crashes)
	target := h.target("f", anyPython(t), "app.handler")
	for _, tt := range tests {
		t.Run(tt.event, func(t *testing.T) {
			h.forget()
			res := h.invoke(target, "id", `"`+tt.event+`"`)
			if string(res.Payload) != tt.want || res.FunctionError != "Unhandled" {
				t.Errorf("got %s %s, want %s", res.FunctionError, res.Payload, tt.want)
			}
			if got := h.lines("id"); tt.event != "exits" && (len(got) == 0 || got[0] != "before") {
				t.Errorf("log is %q", got)
			}
			if got := h.lines("id"); len(got) == 0 || !strings.Contains(tt.want, `"`+got[len(got)-1]+`"`) {
				t.Errorf("the log %q does not say why", got)
			}
			report := h.report(t)
			if report.Status != "error" || report.ErrorType != res.ErrorType {
				t.Errorf("report is %+v", report)
			}
			if res := h.invoke(target, "id", `"well"`); string(res.Payload) != `"well"` || res.Init == 0 {
				t.Errorf("afterwards: %s, init %v", res.Payload, res.Init)
			}
		})
	}
}

// A runtime that goes away after its answer does not harm the answer.
func TestDeafAfterAnswer(t *testing.T) {
	h := newHouse(t)
	h.write("app.py", crashes)
	target := h.target("f", anyPython(t), "app.handler")
	for _, event := range []string{"deaf", "well", "deaf", "deaf"} {
		want := `"heard"`
		if event == "well" {
			want = `"well"`
		}
		if res := h.invoke(target, "id", `"`+event+`"`); string(res.Payload) != want {
			t.Errorf("%s: %s", event, res.Payload)
		}
	}
}

// report is the last one in the log.
func (h *house) report(t *testing.T) environment.Figures {
	t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	for i := len(h.events) - 1; i >= 0; i-- {
		if h.events[i].Kind == environment.Report {
			return h.events[i].Figures
		}
	}
	t.Fatal("no report")
	return environment.Figures{}
}

func TestTimeouts(t *testing.T) {
	h := newHouse(t)
	h.write("app.py", crashes)
	h.write("slow.py", "import time\ntime.sleep(20)\n")
	for _, tt := range []struct{ handler, event string }{
		{"app.handler", "sleeps"}, {"app.handler", "spins"}, {"app.handler", "stubborn"}, {"app.handler", "sleeps_with_child"},
	} {
		t.Run(tt.event, func(t *testing.T) {
			t.Parallel()
			target := h.target(tt.event, anyPython(t), tt.handler, func(t *state.Target) { t.Version.Timeout = 1 })
			start := time.Now()
			res := h.invoke(target, tt.event, `"`+tt.event+`"`)
			want := `{"errorType":"Sandbox.Timedout","errorMessage":"RequestId: ` + tt.event + ` Error: Task timed out after 1.00 seconds"}`
			if string(res.Payload) != want || res.FunctionError != "Unhandled" || res.ErrorType != "Sandbox.Timedout" {
				t.Errorf("got %s", res.Payload)
			}
			if res.Duration != time.Second || res.Billed != time.Second {
				t.Errorf("duration %v, billed %v", res.Duration, res.Billed)
			}
			if took := time.Since(start); took > 5*time.Second {
				t.Errorf("it took %v", took)
			}
			if got := h.kinds(tt.event); got != "[start line timeout end report]" {
				t.Errorf("log is %s", got)
			}
		})
	}
}

var kindNames = map[environment.EventKind]string{environment.InitStart: "init", environment.InitReport: "initreport",
	environment.Start: "start", environment.Line: "line", environment.Timeout: "timeout", environment.End: "end", environment.Report: "report"}

// kinds are the events of one invocation.
func (h *house) kinds(id string) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	var out []string
	for _, e := range h.events {
		if e.RequestID == id {
			out = append(out, kindNames[e.Kind])
		}
	}
	return fmt.Sprint(out)
}

// An environment that dies between invocations harms none.
func TestIdleDeath(t *testing.T) {
	h := newHouse(t)
	h.write("app.py", `
import os, threading, time
def handler(event, context):
    if event == "die":
        def die():
            os.write(1, b"dying\n")
            os._exit(1)
        threading.Timer(0.05, die).start()
    return event
`)
	target := h.target("f", anyPython(t), "app.handler")
	for i := range 20 {
		event := `"live"`
		if i%3 == 0 {
			event = `"die"`
		}
		if res := h.invoke(target, "id", event); string(res.Payload) != event && res.ErrorType != "Runtime.ExitError" {
			t.Errorf("got %s", res.Payload)
		}
		if i%3 == 0 {
			await(t, func() bool { return strings.Contains(fmt.Sprint(h.lines("")), "dying") }, func() any { return h.lines("") })
			h.forget()
		}
	}
}

func TestMuchOutput(t *testing.T) {
	h := newHouse(t, func(o *environment.Options) { o.MaxOutput = 1 << 20 })
	h.write("app.py", `
import os, sys, threading, time
def much(event, context):
    block = ("x" * 999 + "\n") * 1000
    for _ in range(100): sys.stdout.write(block)
def long(event, context): print("y" * 600_000)
def child(event, context): os.system("echo from a child; echo to its error stream >&2")
def binary(event, context): os.write(1, b"a\0b\n\0furl\1\xff\xff\xff\xff\n\0furl")
def later(event, context):
    def talk():
        time.sleep(0.02)
        print("after the return")
    threading.Thread(target=talk).start()
`)
	python := anyPython(t)
	run := func(name string) []string {
		t.Helper()
		h.forget()
		res := h.invoke(h.target("f", python, "app."+name, func(t *state.Target) { t.Digest = name; t.Version.Timeout = 60 }), name, `{}`)
		if res.FunctionError != "" {
			t.Fatalf("%s: %s", name, res.Payload)
		}
		return h.lines(name)
	}
	lines := run("much")
	// 8 MiB for lines of 9000 bytes and what each costs beside its text.
	if n := len(lines); n < 900 || n > 950 || !strings.HasPrefix(lines[n-1], "furl: ") ||
		!strings.HasSuffix(lines[n-1], " bytes of output were dropped") {
		t.Errorf("%d lines, the last one %q", n, lines[n-1])
	}
	lines = run("long")
	var lengths []int
	for _, l := range lines {
		lengths = append(lengths, len(l))
	}
	if fmt.Sprint(lengths) != "[262144 262144 75712]" {
		t.Errorf("a long line came as %v", lengths)
	}
	if lines := run("child"); fmt.Sprint(lines) != "[from a child to its error stream]" {
		t.Errorf("children's output is %q", lines)
	}
	if lines := run("binary"); fmt.Sprintf("%q", lines) != `["a\x00b" "\x00furl\x01\xff\xff\xff\xff" "\x00furl"]` {
		t.Errorf("binary output is %q", lines)
	}
	run("later")
	await(t, func() bool { return fmt.Sprint(h.lines("")) == "[after the return]" }, func() any { return h.lines("") })
}

// A child that floods the output holds up neither its function nor others, and
// fills nothing.
func TestFlood(t *testing.T) {
	h := newHouse(t, func(o *environment.Options) { o.MaxOutput, o.OutputRate = 1<<20, 1<<20 })
	h.write("app.py", `
import subprocess
def handler(event, context):
    if event == "flood": subprocess.Popen(["yes", "x" * 1000])
    print("the answer is", event)
    return event
`)
	python := anyPython(t)
	flooding, other := h.target("flooding", python, "app.handler"), h.target("other", python, "app.handler")
	h.invoke(other, "first", `"first"`)
	begin := time.Now()
	h.invoke(flooding, "0", `"flood"`)
	dropping := func() bool {
		h.mu.Lock()
		defer h.mu.Unlock()
		return strings.Contains(fmt.Sprint(h.events), "bytes of output were dropped")
	}
	for i := 0; i < 20 || !dropping() && time.Since(begin) < 10*time.Second; i++ {
		if res := h.invoke(flooding, fmt.Sprint(i+1), `"again"`); string(res.Payload) != `"again"` || res.Init != 0 {
			t.Fatalf("while its child floods the function answers %s, init %v", res.Payload, res.Init)
		}
		if res := h.invoke(other, "other", `"other"`); string(res.Payload) != `"other"` {
			t.Fatalf("another function answers %s", res.Payload)
		}
	}
	took := time.Since(begin)
	if took > 10*time.Second {
		t.Errorf("until the flood was noticed it took %v", took)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	kept := 0
	for _, e := range h.events {
		kept += len(e.Text)
	}
	if most := 1<<20 + int(took.Seconds()+1)<<20; kept > most || kept < 100<<10 {
		t.Errorf("%d bytes of output are kept after %v", kept, took)
	}
}

func TestTail(t *testing.T) {
	h := newHouse(t)
	h.write("app.py", "def handler(event, context):\n    for i in range(event): print(i)\n")
	target := h.target("f", anyPython(t), "app.handler")
	for event, want := range map[string]string{"2": "2 id \n3 id 0\n3 id 1\n5 id \n6 id \n", "5000": "3 id 4999\n5 id \n6 id \n"} {
		res, err := h.pool.Invoke(t.Context(), target, &environment.Invocation{RequestID: "id", Event: []byte(event), Tail: true})
		if err != nil || !strings.HasSuffix(string(res.LogTail), want) || len(res.LogTail) > 4096 {
			t.Errorf("tail is %q (%d bytes), %v", res.LogTail, len(res.LogTail), err)
		}
		if event == "2" && string(res.LogTail) != want {
			t.Errorf("tail is %q", res.LogTail)
		}
	}
}

// A pool that is closed while a function runs ends it when its patience does.
func TestCloseEndsFunctions(t *testing.T) {
	h := newHouse(t)
	h.write("app.py", crashes)
	target := h.target("f", anyPython(t), "app.handler")
	var wg sync.WaitGroup
	for _, event := range []string{"sleeps_with_child", "spins"} {
		wg.Go(func() {
			res, err := h.pool.Invoke(context.Background(), target, &environment.Invocation{RequestID: event, Event: []byte(`"` + event + `"`)})
			if res.ErrorType != "Runtime.ExitError" || err != nil {
				t.Errorf("%s: %s, %v", event, res.Payload, err)
			}
		})
	}
	await(t, func() bool { return h.pool.Stats().Busy == 2 }, func() any { return h.pool.Stats() })
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := h.pool.Close(ctx); err != nil {
		t.Error(err)
	}
	wg.Wait()
}
