package environment_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"furl/internal/environment"
	"furl/internal/state"
)

// crashRunVar and crashSeedVar set how many invocations the crash run has, and its
// seed.
const (
	crashRunVar  = "FURL_CRASH_RUN"
	crashSeedVar = "FURL_CRASH_SEED"
)

// killEvery is how many invocations there are for each process that is killed from
// outside, and killAll how many of those there are for each supervisor.
const (
	killEvery = 50
	killAll   = 15
)

// crashRunCode answers with what only this invocation knows, or ends badly.
const crashRunCode = `
import ctypes, os, signal, sys, time

def handler(event, context):
    kind, nonce = event["kind"], event["nonce"]
    if kind == "big": return nonce * 3000
    if kind == "nap": time.sleep(0.005)
    elif kind == "print": print(nonce)
    elif kind == "raise": raise ValueError(nonce)
    elif kind == "exit": os._exit(3)
    elif kind == "leave": sys.exit(4)
    elif kind == "partial":
        os.write(1, b"half a line")
        os._exit(0)
    elif kind == "segv": ctypes.string_at(1)
    elif kind == "child":
        if os.fork() == 0: time.sleep(1000)
        os._exit(5)
    elif kind == "hang": time.sleep(1000)
    return nonce
`

// crashKinds are what events do, as often as they are listed beside "echo".
var crashKinds = []string{"echo", "big", "nap", "print", "raise", "echo", "echo", "echo", "nap", "big", "print", "raise",
	"exit", "leave", "partial", "segv", "child"}

// crashRun is one run and what came of it.
type crashRun struct {
	*house
	targets []*state.Target

	due chan struct{} // of capacity 1: it is time to kill something

	mu       sync.Mutex
	ended    int
	outcomes map[string]int
	results  int
	wrong    int
}

// Ten thousand invocations, many of which break their environments, while
// environments, zygotes and the supervisor are killed at random. Each is answered
// with its own result or AWS's error about it; afterwards everything works, and
// after the end nothing is left.
func TestCrashRun(t *testing.T) {
	count, err := strconv.Atoi(os.Getenv(crashRunVar))
	switch {
	case err == nil:
	case testing.Short():
		count = 1000
	default:
		count = 10_000
	}
	seed, err := strconv.ParseUint(os.Getenv(crashSeedVar), 10, 64)
	if err != nil {
		seed = uint64(time.Now().UnixNano())
	}
	r := &crashRun{house: crashHouse(t), due: make(chan struct{}, 1), outcomes: make(map[string]int)}
	t.Logf("%d invocations; %s=%d makes the same choices", count, crashSeedVar, seed)
	r.write("app.py", crashRunCode)
	for i := range 3 {
		r.targets = append(r.targets, r.target(fmt.Sprint("f", i), anyPython(t), "app.handler", func(t *state.Target) {
			t.Function.Account = strconv.Itoa(100000000000 + i%2)
			t.Key = t.Function.Account + strings.TrimPrefix(t.Key, "123456789012")
			t.Version.Timeout, t.Version.MemorySize = 60, 1769
		}))
	}
	begin := time.Now()
	kills := r.run(seed, count)
	t.Logf("%v after %v; killed from outside: %v", r.outcomes, time.Since(begin).Round(time.Millisecond), kills)
	stats := r.pool.Stats()
	t.Logf("%+v; cold starts: %d with a blank, %d without", stats.Deaths,
		stats.Runtimes[r.targets[0].Version.Runtime].Stocked.Count, stats.Runtimes[r.targets[0].Version.Runtime].Unstocked.Count)
	r.heals()
	if r.wrong > 0 {
		t.Errorf("%d answers are wrong", r.wrong)
	}
	// Failures of this node, which the caller of the API sees as AWS's ServiceException:
	// the supervisor was killed, and the one after it, while one environment started.
	if failed := r.outcomes["failed"]; failed > kills["supervisor"] {
		t.Errorf("%d invocations were not answered", failed)
	}
	if kills["environment"] == 0 || kills["supervisor"] == 0 || r.outcomes["own"] < count/3 || r.outcomes["timeout"] == 0 {
		t.Error("the run proves nothing")
	}
	reports := 0
	for _, e := range r.events {
		if e.Kind == environment.Report {
			reports++
		}
	}
	if reports != r.results {
		t.Errorf("%d reports of %d invocations", reports, r.results)
	}
}

// crashHouse is on the namespace driver where that works, else on processes.
func crashHouse(t *testing.T) *house {
	change := func(o *environment.Options) { o.MaxEnvironments = 24 }
	driver, files, err := isolated(t)
	if err == nil {
		return openIsolated(t, driver, files, []func(*environment.Options){change})
	}
	t.Log("on the process driver: ", err)
	return newHouse(t, change)
}

// run invokes and kills, and returns how many of what it killed.
func (r *crashRun) run(seed uint64, count int) map[string]int {
	slow := r.target("slow", r.targets[0].Version.Runtime, "app.handler", func(t *state.Target) { t.Version.Timeout = 1 })
	var wg sync.WaitGroup
	const workers = 6
	for w := range workers {
		rnd := rand.New(rand.NewPCG(seed, uint64(w)))
		wg.Go(func() {
			for i := w; i < count; i += workers {
				kind := "echo"
				if rnd.IntN(12) == 0 {
					kind = crashKinds[rnd.IntN(len(crashKinds))]
				}
				r.once(r.targets[rnd.IntN(len(r.targets))], kind, fmt.Sprintf("%032x", rnd.Uint64()))
			}
			r.once(slow, "hang", fmt.Sprintf("%032x", rnd.Uint64()))
		})
	}
	rnd := rand.New(rand.NewPCG(seed, 100))
	for range 4 { // the shortest timeout is a second: so few
		nonce := fmt.Sprintf("%032x", rnd.Uint64())
		wg.Go(func() { r.once(slow, "hang", nonce) })
	}
	stop, killed := make(chan struct{}), make(chan map[string]int)
	go func() { killed <- r.kill(rand.New(rand.NewPCG(seed, workers)), stop) }()
	wg.Wait()
	close(stop)
	return <-killed
}

// once invokes and judges the answer.
func (r *crashRun) once(target *state.Target, kind, nonce string) {
	event, _ := json.Marshal(map[string]string{"kind": kind, "nonce": nonce})
	id := nonce[:8] + "-" + nonce[8:12] + "-4000-8000-" + nonce[16:28]
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	res, err := r.pool.Invoke(ctx, target, &environment.Invocation{RequestID: id, InvokedARN: target.ARN, Event: event})
	outcome := judge(kind, nonce, id, &res)
	if err != nil {
		outcome = "failed"
		r.t.Log("not answered:", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.outcomes[outcome]++
	if r.ended++; r.ended%killEvery == 0 {
		select {
		case r.due <- struct{}{}:
		default:
		}
	}
	if err == nil {
		r.results++
	}
	if outcome == "wrong" {
		if r.wrong++; r.wrong < 10 {
			r.t.Errorf("%s %s: %s %.300s", kind, id, res.ErrorType, res.Payload)
		}
	}
}

// judge says what an answer is: the event's own, AWS's error about its end, or wrong.
func judge(kind, nonce, id string, res *environment.Result) string {
	payload := string(res.Payload)
	about := strings.Contains(payload, `"RequestId: `+id+` Error: `)
	switch {
	case res.ErrorType == "Runtime.ExitError" && about && strings.Contains(payload, "Runtime exited"):
		return "exit" // by itself, or killed
	case kind == "hang" && res.ErrorType == "Sandbox.Timedout" && about && strings.Contains(payload, "timed out after 1.00 seconds"):
		return "timeout"
	case kind == "raise" && res.ErrorType == "ValueError" && strings.Contains(payload, `"errorMessage": "`+nonce+`"`):
		return "own"
	case kind == "big" && payload == `"`+strings.Repeat(nonce, 3000)+`"`:
		return "own"
	case (kind == "echo" || kind == "nap" || kind == "print") && payload == `"`+nonce+`"`:
		return "own"
	}
	return "wrong"
}

// kill ends processes of the sandboxes until stop: mostly any of them, which is a
// function, a blank, a zygote or what waits for them, sometimes the supervisor.
func (r *crashRun) kill(rnd *rand.Rand, stop <-chan struct{}) map[string]int {
	kills := make(map[string]int)
	for i := 1; ; i++ {
		select {
		case <-stop:
			return kills
		case <-r.due:
		}
		supervisors := children(os.Getpid())
		if i%killAll == 0 {
			for _, pid := range supervisors {
				syscall.Kill(pid, syscall.SIGKILL)
			}
			kills["supervisor"] += len(supervisors)
			continue
		}
		var all []int
		for _, pid := range supervisors {
			all = append(all, descendants(pid)...)
		}
		if len(all) > 0 && syscall.Kill(all[rnd.IntN(len(all))], syscall.SIGKILL) == nil {
			kills["environment"]++
		}
	}
}

// heals checks that every function answers again, at once.
func (r *crashRun) heals() {
	for _, target := range r.targets {
		res := r.invoke(target, "after", `{"kind": "echo", "nonce": "well"}`)
		r.results++
		if string(res.Payload) != `"well"` { // a last kill can have met it while it was idle
			res = r.invoke(target, "after", `{"kind": "echo", "nonce": "well"}`)
			r.results++
		}
		if string(res.Payload) != `"well"` {
			r.t.Errorf("after the run %s answers %s", target.Function.Name, res.Payload)
		}
	}
	if s := r.pool.Stats(); s.Underway != 0 || s.Busy != 0 || s.Waiting != 0 {
		r.t.Errorf("after the run: %+v", s)
	}
}
