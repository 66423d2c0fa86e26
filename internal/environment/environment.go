package environment

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"furl/internal/sandbox"
	"furl/internal/state"
)

const (
	// blankWait bounds the start of an interpreter.
	blankWait = 20 * time.Second
	// exitWait is how long a runtime that closed its channel may take to end.
	exitWait = 500 * time.Millisecond
	// bootAttempts is how often a sandbox that was lost while it started is replaced.
	bootAttempts = 4
	// sampleEvery is the shortest time between two looks at memory use.
	sampleEvery = 100 * time.Millisecond
)

// environment is one execution environment. Apart from the fields that belong
// to the pool it is used by one goroutine at a time.
type environment struct {
	pool   *Pool
	target *state.Target
	stream string
	out    *output
	born   time.Time

	talk protocol
	// delivery is of the invocation under way.
	delivery delivery

	// provisioned is set if the environment was not started for an invocation.
	provisioned bool

	// fresh is set until the first invocation has begun; initTime is then how
	// long the Init phase took, and broken how it failed.
	fresh    bool
	initTime time.Duration
	broken   error

	memory  int64 // peak in bytes, as last seen
	sampled time.Time

	// inside is set while the stock's gate counts this environment's cold start,
	// and hit when its blank came off a shelf.
	inside, hit bool

	// The pool's, under its mutex. rest is set while the environment is idle and
	// frozen or about to be; waking is the rest that the invocation under way ends.
	group        *group
	idle         bool
	idleSince    time.Time
	rest, waking *rest

	mu     sync.Mutex
	box    sandbox.Env
	killed bool
}

func (p *Pool) newEnvironment(t *state.Target) *environment {
	now := time.Now()
	e := &environment{pool: p, target: t, born: now, fresh: true, stream: newStream(t.Version.Number, now)}
	var format func([]byte, *Event) []byte
	if p.opts.Format != nil {
		format = func(dst []byte, ev *Event) []byte { return p.opts.Format(dst, t, ev) }
	}
	e.out = newOutput(p.opts.MaxOutput, p.opts.OutputRate, func(events []Event) { p.opts.Output(t, e.stream, events) }, format)
	return e
}

// newStream names an environment's log stream as AWS does.
func newStream(version string, now time.Time) string {
	var id [16]byte
	rand.Read(id[:])
	return now.UTC().Format("2006/01/02") + "/[" + version + "]" + hex.EncodeToString(id[:])
}

// open is the Init phase. A failure that is the function's own is kept in
// broken: as on AWS, the first invocation tries again and reports it.
func (e *environment) open(ctx context.Context) error {
	begin := time.Now()
	e.out.record(Event{Kind: InitStart, Time: begin})
	err := e.boot(ctx, begin.Add(e.pool.opts.InitTimeout))
	e.initTime = time.Since(begin)
	if err == nil {
		return nil
	}
	f := e.explain(err, "")
	if f == nil {
		// No doing of the function's, but its owner looks into its log first.
		e.out.record(Event{Kind: Line, Time: time.Now(), Text: "furl: the execution environment could not be started: " + err.Error()})
		return err
	}
	e.broken = err
	e.lastWords(err)
	now := time.Now()
	e.out.drain(now)
	e.shut()
	e.out.record(Event{Kind: InitReport, Time: now, Figures: Figures{
		Duration: e.initTime, Status: f.status(), ErrorType: f.errorType,
	}})
	return nil
}

// boot starts the runtime with the function's code and waits for its init. A
// sandbox that was lost before the function's code ran is replaced.
func (e *environment) boot(ctx context.Context, deadline time.Time) error {
	for attempt := 1; ; attempt++ {
		err := e.bootOnce(ctx, deadline)
		if _, lost := errors.AsType[*sandboxError](err); !lost || attempt == bootAttempts || ctx.Err() != nil {
			return err
		}
		e.shut()
	}
}

// sandboxError is a sandbox that could not be made or given a function's code, for
// no reason of the function's.
type sandboxError struct{ cause error }

// lost makes a *sandboxError of a driver's error, unless time was up.
func lost(err error) error {
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return fmt.Errorf("environment: %w", err)
	}
	return &sandboxError{err}
}

func (e *sandboxError) Unwrap() error { return e.cause }
func (e *sandboxError) Error() string { return "environment: " + e.cause.Error() }

func (e *environment) bootOnce(ctx context.Context, deadline time.Time) error {
	p, v := e.pool, e.target.Version
	files, err := e.files(ctx)
	if err != nil {
		return err
	}
	bounded, cancel := context.WithTimeout(ctx, blankWait)
	defer cancel()
	e.leave()
	blank, err := e.take(bounded)
	if err != nil {
		return err
	}
	if !isCustom(v.Runtime) {
		err = e.assignManaged(ctx, blank, files, deadline)
	} else if err = e.limit(blank); err == nil {
		err = e.assignCustom(ctx, blank, files)
	}
	if err != nil {
		return err
	}
	box := e.sandbox()
	if err := e.out.attach(box.Output(), &p.wg); err != nil {
		return err
	}
	if err := e.talk.init(deadline); err != nil {
		return err
	}
	p.wg.Go(func() { e.slow(box) })
	return nil
}

// files are what the function's sandbox is to be given: code, layers, network.
func (e *environment) files(ctx context.Context) (sandbox.Assignment, error) {
	a := sandbox.Assignment{Network: e.network()}
	var err error
	if a.Code, err = e.pool.opts.CodeDir(ctx, e.target.Version); err != nil {
		return a, fmt.Errorf("environment: code of %s: %w", e.target.Key, err)
	}
	if len(e.target.Version.Layers) > 0 {
		if a.Layers, err = e.pool.opts.LayersDir(ctx, e.target.Version); err != nil {
			return a, fmt.Errorf("environment: layers of %s: %w", e.target.Key, err)
		}
	}
	return a, nil
}

// slow sets the function's share of the cores, beside its first invocation: nothing
// waits for it. Without it, the function only has more.
func (e *environment) slow(box sandbox.Env) {
	if err := slow(box, e.target.Version); err != nil && !e.gone() {
		e.pool.log.Warn("a function has all cores", "function", e.target.Function.Name, "err", err)
	}
}

// leave tells the stock that the cold start is over, with the first invocation or
// for want of one.
func (e *environment) leave() {
	if e.inside {
		e.inside = false
		e.pool.stock.gate.leave()
	}
}

// network is what lies beyond the environment.
func (e *environment) network() sandbox.Network {
	if f := e.pool.opts.Network; f != nil {
		return f(e.target)
	}
	return nil
}

func (e *environment) sandbox() sandbox.Env {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.box
}

// occupy makes box the environment's sandbox, unless it was killed meanwhile.
func (e *environment) occupy(box sandbox.Env) error {
	e.mu.Lock()
	killed := e.killed
	if !killed {
		e.box = box
	}
	e.mu.Unlock()
	if killed {
		box.Retire(0)
		return ErrClosed
	}
	return nil
}

// kill ends what the environment does now and keeps it from doing more. Unlike
// the other methods it may be called at any time.
func (e *environment) kill() {
	e.mu.Lock()
	e.killed = true
	box := e.box
	e.mu.Unlock()
	if box != nil {
		box.Retire(0)
	}
}

// killer is kill for a moment after that of the call, which holds the pool's mutex.
// An environment that is being frozen must not end meanwhile: its cgroup could be
// somebody else's then.
func (e *environment) killer() func() {
	rest, waking := e.rest, e.waking
	return func() {
		rest.wait()
		waking.wait()
		e.kill()
	}
}

// assignManaged gives a managed runtime the code, and readies it for the code: ahead,
// where it is known in advance how the runtime will see it. Then the limits are set
// meanwhile: the blank has the least that a function can have, so they become no less.
func (e *environment) assignManaged(ctx context.Context, blank sandbox.Blank, files sandbox.Assignment, deadline time.Time) error {
	if b, early := blank.(sandbox.Early); early {
		limited := make(chan error, 1)
		e.pool.wg.Go(func() { limited <- limit(blank, e.target.Version) })
		talk := e.begin(ctx, b.Channel(), b.Layout(), deadline)
		box, err := b.AssignAsking(ctx, files, talk.prepare())
		if failed := <-limited; err == nil && failed != nil {
			box.Retire(0)
			return failed
		}
		e.talk = talk
		return e.settleIn(box, err)
	}
	if err := e.limit(blank); err != nil {
		return err
	}
	box, err := e.assign(ctx, blank, files)
	if err == nil {
		e.talk = e.begin(ctx, box.Channel(), box.Layout(), deadline)
	}
	return err
}

// assign gives a blank the code.
func (e *environment) assign(ctx context.Context, blank sandbox.Blank, files sandbox.Assignment) (sandbox.Env, error) {
	box, err := blank.Assign(ctx, files)
	return box, e.settleIn(box, err)
}

// settleIn makes what became of a blank the environment's sandbox.
func (e *environment) settleIn(box sandbox.Env, err error) error {
	if err != nil {
		return lost(err)
	}
	return e.occupy(box)
}

// limit limits a blank, or discards it.
func (e *environment) limit(blank sandbox.Blank) error {
	err := limit(blank, e.target.Version)
	if err != nil {
		blank.Discard()
	}
	return err
}

func (e *environment) begin(ctx context.Context, c *sandbox.Channel, l sandbox.Layout, deadline time.Time) *framed {
	talk := &framed{channel: c}
	talk.begin(settings{
		Handler: e.target.Version.Handler, Code: l.Code, Layers: e.layersIn(l), Limit: maxPayload, Environment: e.variables(ctx, l),
	}, deadline)
	return talk
}

// layersIn is where the function's layers are, empty when it has none.
func (e *environment) layersIn(l sandbox.Layout) string {
	if len(e.target.Version.Layers) == 0 {
		return ""
	}
	return l.Layers
}

// variables are the function's environment variables, credentials included.
func (e *environment) variables(ctx context.Context, l sandbox.Layout) map[string]string {
	env := variables(e.target, e.pool.opts.Region, l, e.stream)
	if e.provisioned {
		env["AWS_LAMBDA_INITIALIZATION_TYPE"] = "provisioned-concurrency"
	}
	if c := e.pool.opts.Credentials; c != nil {
		for name, value := range c(ctx, e.target) {
			env[name] = value
		}
	}
	return env
}

// explain makes the function's failure out of an error of boot or of the
// protocol, or nil when the error is not the function's doing.
func (e *environment) explain(err error, requestID string) *failure {
	var f *failure
	var missing *InterpreterError
	var entry *entrypointError
	var start *startError
	switch {
	case errors.As(err, &f):
		return f
	case errors.As(err, &missing):
		return platformFailure("Runtime.InvalidRuntime", "RequestId: "+requestID+" Error: "+missing.Error())
	case errors.As(err, &entry):
		return platformFailure("Runtime.InvalidEntrypoint", "RequestId: "+requestID+" Error: "+entry.reason)
	case errors.As(err, &start):
		return platformFailure("Runtime.ExitError", "RequestId: "+requestID+" Error: "+start.Error())
	case errors.Is(err, errStreamTooLong):
		return tooLargeFailure(e.pool.opts.MaxStream)
	case errors.Is(err, os.ErrDeadlineExceeded):
		e.pool.counters.timeouts.Add(1)
		return timeoutFailure(requestID, time.Duration(e.target.Version.Timeout)*time.Second)
	case errors.Is(err, errGone):
		f := exitFailure(requestID, e.exitText())
		if o, ok := e.sandbox().(sandbox.OutOfMemory); ok && o.OutOfMemory() {
			e.pool.counters.oom.Add(1)
			return platformFailure(outOfMemory, "RequestId: "+requestID+" Error: Runtime exited with error: signal: killed")
		}
		e.pool.counters.exits.Add(1)
		return f
	case errors.Is(err, sandbox.ErrProtocol):
		e.pool.counters.protocol.Add(1)
		return platformFailure("Sandbox.Failure", "RequestId: "+requestID+" Error: Runtime sent data that is not an answer")
	}
	return nil
}

// lastWords gives a runtime that reported why it cannot serve the time to say
// so in its log, too, and to leave.
func (e *environment) lastWords(err error) {
	var f *failure
	box := e.sandbox()
	if box == nil || !errors.As(err, &f) {
		return
	}
	t := time.NewTimer(exitWait)
	defer t.Stop()
	select {
	case <-box.Exited():
	case <-t.C:
	}
}

// exitText says how the runtime ended, or nothing when it gave no reason.
func (e *environment) exitText() string {
	box := e.sandbox()
	t := time.NewTimer(exitWait)
	defer t.Stop()
	select {
	case <-box.Exited():
	case <-t.C:
		return ""
	}
	if exit := box.Exit(); exit.Code != 0 || exit.Signal != 0 {
		return exit.String()
	}
	return ""
}

// peak is the environment's peak memory in MB. It looks again when its last
// look is some time ago, so that it costs little under load.
func (e *environment) peak(now time.Time, told int64) int {
	switch {
	case told > 0:
		e.memory = max(e.memory, told)
	case now.Sub(e.sampled) >= sampleEvery:
		if box := e.sandbox(); box != nil {
			s, err := box.Stats()
			if err == nil { // else it has just ended
				e.memory = max(e.memory, s.MaxRSS)
			}
		}
		e.sampled = now
	}
	// Where memory is only watched it may exceed the limit for a moment.
	return min(int((e.memory+1<<20-1)>>20), e.target.Version.MemorySize)
}

// outOfMemory makes the environment's peak what it may have, which is what AWS
// reports of an invocation that needed more: of a process that the kernel ended
// nothing can be measured.
func (e *environment) outOfMemory(f *failure) {
	if f.errorType == outOfMemory {
		e.memory = int64(e.target.Version.MemorySize) << 20
	}
}

// gone reports whether the runtime has ended.
func (e *environment) gone() bool {
	box := e.sandbox()
	if box == nil {
		return true
	}
	select {
	case <-box.Exited():
		return true
	default:
		return false
	}
}

// shut ends the runtime and all it started. The environment can boot again.
func (e *environment) shut() {
	if e.talk != nil {
		e.talk.close()
	}
	e.talk = nil
	e.mu.Lock()
	box := e.box
	e.box = nil
	e.mu.Unlock()
	if box != nil {
		box.Retire(0)
	}
}
