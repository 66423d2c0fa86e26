package environment_test

import (
	"strings"
	"testing"
	"time"

	"furl/internal/state"
)

// nodeCrashes has a handler for each way to break an environment. Every event
// but "well" breaks it.
const nodeCrashes = `
const fs = require('fs');
const { spawn } = require('child_process');
const ever = () => new Promise(() => setInterval(() => {}, 1000));
const ways = {
  well: () => 'well',
  exits: () => process.reallyExit(0),
  exits1: () => process.exit(1),
  killed: () => { process.kill(process.pid, 'SIGKILL'); return ever(); },
  aborts: () => process.abort(),
  closes: () => { fs.closeSync(4); return 'unheard'; },
  deaf: () => { fs.closeSync(3); return 'heard'; },
  garbage: () => { fs.writeSync(4, 'garbage'.repeat(100)); return ever(); },
  lateGarbage: () => { fs.writeSync(4, Buffer.alloc(32)); return 'first'; },
  lingering: () => { spawn('sleep', ['1000']); spawn('sleep', ['1000'], { detached: true, stdio: 'ignore' }).unref(); process.exit(5); },
  worker: () => { new (require('worker_threads').Worker)('for (;;);', { eval: true }); process.exit(6); },
  heap: () => { const all = []; for (;;) all.push(new Array(1e6).fill(all.length)); },
  exitThrows: () => { process.on('exit', () => { throw new Error('again'); }); setTimeout(() => { throw new Error('first'); }, 1); return ever(); },
  hides: () => { fs.readSync = fs.writeSync = process.exit = globalThis.setImmediate = () => { throw new Error('replaced'); }; return 'hidden'; },
  sleeps: () => ever(),
  spins: () => { for (;;); },
  stubborn: () => { process.on('SIGTERM', () => {}); return ever(); },
  sleepsWithChild: () => { spawn('sleep', ['1000']); return ever(); },
};
exports.handler = async (event) => { console.log('before'); return ways[event](); };
`

func TestNodeCrashes(t *testing.T) {
	const exit = `{"errorType":"Runtime.ExitError","errorMessage":"RequestId: id Error: Runtime exited `
	const garbage = `{"errorType":"Sandbox.Failure","errorMessage":"RequestId: id Error: Runtime sent data that is not an answer"}`
	tests := []struct{ event, want string }{
		{"exits", exit + `without providing a reason"}`},
		{"exits1", exit + `with error: exit status 1"}`},
		{"killed", exit + `with error: signal: killed"}`},
		{"aborts", exit + `with error: signal: aborted"}`},
		{"closes", exit + `with error: exit status 1"}`},
		{"lingering", exit + `with error: exit status 5"}`},
		{"worker", exit + `with error: exit status 6"}`},
		{"heap", exit + `with error: signal: aborted"}`},
		{"exitThrows", `{"errorType":"Error","errorMessage":"first"`},
		{"garbage", garbage},
		{"lateGarbage", garbage},
	}
	h := newHouse(t)
	h.write("app.js", nodeCrashes)
	for _, tt := range tests {
		t.Run(tt.event, func(t *testing.T) {
			h.forget()
			target := h.target("f", anyNode(t), "app.handler", func(t *state.Target) {
				t.Version.Timeout = 30
				if tt.event == "heap" { // it shall not take the machine's memory
					t.Digest = tt.event
					t.Version.Environment = map[string]string{"NODE_OPTIONS": "--max-old-space-size=32"}
				}
			})
			res := h.invoke(target, "id", `"`+tt.event+`"`)
			if !strings.HasPrefix(string(res.Payload), tt.want) || res.FunctionError != "Unhandled" {
				t.Errorf("got %s %s, want %s", res.FunctionError, res.Payload, tt.want)
			}
			if got := h.lines("id"); len(got) == 0 || !strings.HasSuffix(got[0], "\tbefore") {
				t.Errorf("log is %q", got)
			}
			if report := h.report(t); report.Status != "error" && tt.event != "exitThrows" || report.ErrorType != res.ErrorType && tt.event != "exitThrows" {
				t.Errorf("report is %+v", report)
			}
			if res := h.invoke(target, "id", `"well"`); string(res.Payload) != `"well"` || res.Init == 0 {
				t.Errorf("afterwards: %s, init %v", res.Payload, res.Init)
			}
		})
	}
}

// A runtime that goes away after its answer does not harm the answer, and none
// is harmed by what a function puts in the place of the runtime's tools.
func TestNodeAfterAnswer(t *testing.T) {
	h := newHouse(t)
	h.write("app.js", nodeCrashes)
	target := h.target("f", anyNode(t), "app.handler")
	want := map[string]string{"deaf": `"heard"`, "well": `"well"`, "hides": `"hidden"`}
	for _, event := range []string{"deaf", "well", "deaf", "deaf", "hides", "well", "well"} {
		if res := h.invoke(target, "id", `"`+event+`"`); string(res.Payload) != want[event] {
			t.Errorf("%s: %s", event, res.Payload)
		}
	}
}

// After an error that nobody caught the environment is replaced, and no event is
// lost with it, however soon it comes.
func TestNodeUncaught(t *testing.T) {
	h := newHouse(t)
	h.write("app.js", `
exports.handler = async (event) => {
  if (event !== 'well') setTimeout(() => { throw new Error('uncaught'); });
  await new Promise((r) => setTimeout(r, 5));
  return event;
};
`)
	target := h.target("f", anyNode(t), "app.handler")
	for i := range 10 {
		if res := h.invoke(target, "id", `"bad"`); res.ErrorType != "Error" || errorOf(t, res.Payload).ErrorMessage != "uncaught" {
			t.Fatalf("%d: got %s", i, res.Payload)
		}
		if res := h.invoke(target, "id", `"well"`); string(res.Payload) != `"well"` {
			t.Fatalf("%d: afterwards %s", i, res.Payload)
		}
	}
}

func TestNodeTimeouts(t *testing.T) {
	h := newHouse(t)
	h.write("app.js", nodeCrashes)
	for _, event := range []string{"sleeps", "spins", "stubborn", "sleepsWithChild"} {
		t.Run(event, func(t *testing.T) {
			t.Parallel()
			target := h.target(event, anyNode(t), "app.handler", func(t *state.Target) { t.Version.Timeout = 1 })
			res := h.invoke(target, event, `"`+event+`"`)
			want := `{"errorType":"Sandbox.Timedout","errorMessage":"RequestId: ` + event + ` Error: Task timed out after 1.00 seconds"}`
			if string(res.Payload) != want || res.Duration != time.Second {
				t.Errorf("got %s after %v", res.Payload, res.Duration)
			}
			if got := h.kinds(event); got != "[start line timeout end report]" {
				t.Errorf("log is %s", got)
			}
		})
	}
}

// What a function leaves in the background stands still between invocations and
// goes on with the next.
func TestNodeBackground(t *testing.T) {
	h := newHouse(t)
	h.write("app.js", `
let ticks = 0;
exports.handler = async (event) => {
  if (event === 'start') setTimeout(() => { ticks++; console.log('tick'); }, 50);
  if (event === 'wait') await new Promise((r) => setTimeout(r, 100));
  return ticks;
};
`)
	target := h.target("f", anyNode(t), "app.handler")
	for _, tt := range []struct{ event, want string }{{"start", "0"}, {"wait", "1"}, {"see", "1"}} {
		if res := h.invoke(target, tt.event, `"`+tt.event+`"`); string(res.Payload) != tt.want {
			t.Errorf("%s: %s", tt.event, res.Payload)
		}
	}
	if got := h.lines("wait"); len(got) != 1 || !strings.HasSuffix(got[0], "\twait\tINFO\ttick") {
		t.Errorf("log is %q", got)
	}
}

func TestNodeOutput(t *testing.T) {
	h := newHouse(t)
	h.write("app.js", `
const { spawnSync, execSync } = require('child_process');
exports.long = async () => { console.log('y'.repeat(600000)); };
exports.child = async () => { spawnSync('sh', ['-c', 'echo from a child; echo error >&2'], { stdio: 'inherit' }); };
exports.nonblocking = async () => {
  spawnSync(process.execPath, ['-e', 'process.stdout.write("set")'], { stdio: ['ignore', process.stdout, process.stderr] });
  for (let i = 0; i < 1000; i++) process.stdout.write('z'.repeat(999) + '\n');
};
exports.ends = async () => { process.stdout.end('last\n'); await 1; console.log('still'); };
`)
	run := func(name string) []string {
		t.Helper()
		res := h.invoke(h.target("f", anyNode(t), "app."+name, func(t *state.Target) { t.Digest = name; t.Version.Timeout = 60 }), name, `{}`)
		if res.FunctionError != "" {
			t.Fatalf("%s: %s", name, res.Payload)
		}
		return h.lines(name)
	}
	if lines := run("long"); len(lines) != 3 || len(lines[0]) != 256<<10 || len(lines[2]) < 600_000-2*256<<10 {
		t.Errorf("a long line came as %d", len(lines))
	}
	if lines := run("child"); strings.Join(lines, "|") != "from a child|error" {
		t.Errorf("children's output is %q", lines)
	}
	if lines := run("nonblocking"); len(lines) != 1000 {
		t.Errorf("%d lines", len(lines))
	}
	if lines := run("ends"); len(lines) != 2 || lines[0] != "last" || !strings.HasSuffix(lines[1], "\tstill") {
		t.Errorf("output is %q", lines)
	}
}
