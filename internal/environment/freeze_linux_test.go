package environment_test

import (
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"furl/internal/state"
)

// Between invocations nothing of a function runs, neither threads nor children; in
// the next one they go on.
func TestNothingRunsBetweenInvocations(t *testing.T) {
	h := newIsolated(t)
	h.write("app.py", `
import os, threading
turns = 0
def spin():
    global turns
    while True: turns += 1
def handler(event, context):
    if event == "begin":
        threading.Thread(target=spin, daemon=True).start()
        if os.fork() == 0:
            while True: pass
    return [turns, float(open("/proc/uptime").read().split()[0])]
`)
	target := h.target("f", anyPython(t), "app.handler", func(t *state.Target) { t.Version.MemorySize = 1769 })
	h.invoke(target, "1", `"begin"`)
	await(t, func() bool { s := h.pool.Stats(); return s.Frozen == 1 && s.Blanks > 0 }, func() any { return h.pool.Stats() })
	before := cpuOfDescendants()
	rest := time.NewTimer(500 * time.Millisecond)
	<-rest.C
	if used := cpuOfDescendants() - before; used > 100*time.Millisecond {
		t.Errorf("what the function left behind used %v of 500ms", used)
	}
	res := h.invoke(target, "2", `"go on"`)
	if res.FunctionError != "" || res.Init != 0 {
		t.Errorf("after its rest: %s, init %v", res.Payload, res.Init)
	}
	if used := cpuOfDescendants() - before; used == 0 {
		t.Error("nothing runs any more")
	}
}

// cpuOfDescendants is the CPU time that the sandboxes' processes have used.
func cpuOfDescendants() time.Duration {
	var sum time.Duration
	for _, pid := range descendants(os.Getpid()) {
		sum += cpuOf(strconv.Itoa(pid))
	}
	return sum
}

// A frozen environment ends as any other.
func TestFrozenEnvironmentsEnd(t *testing.T) {
	h := newIsolated(t)
	h.write("app.py", "def handler(event, context): return event\n")
	for i := range 3 {
		target := h.target(fmt.Sprint("f", i), anyPython(t), "app.handler")
		if res := h.invoke(target, "1", `"x"`); string(res.Payload) != `"x"` {
			t.Fatalf("got %s", res.Payload)
		}
	}
	await(t, func() bool { return h.pool.Stats().Frozen == 3 }, func() any { return h.pool.Stats() })
}
