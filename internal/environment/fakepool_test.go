package environment

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"furl/internal/sandbox"
	"furl/internal/state"
)

// fakePool is a pool whose environments take initTime to start and handle
// events that say how long they take ("1s") or how they end ("crash").
type fakePool struct {
	*Pool
	initTime time.Duration
	refuse   error // of the driver
	launched int
	doomed   int // so many of the next invocations find their environment dead
	// cannotFreeze and cannotThaw are what the boxes' methods return, and froze is
	// how often Freeze was called.
	cannotFreeze, cannotThaw error
	froze                    atomic.Int64
	early                    atomic.Int64 // times that a box was used while being frozen, or frozen in use
}

type noDriver struct{ sandbox.Driver }

func newFakePool(t *testing.T, opts Options) *fakePool {
	t.Helper()
	opts.Driver = noDriver{}
	opts.CodeDir = func(context.Context, *state.Version) (string, error) { return "", nil }
	opts.Output = func(*state.Target, string, []Event) {}
	p, err := NewPool(opts)
	if err != nil {
		t.Fatal(err)
	}
	f := &fakePool{Pool: p, initTime: time.Second, cannotFreeze: sandbox.ErrUnsupported}
	p.launch = f.open
	return f
}

func (f *fakePool) open(_ context.Context, e *environment) error {
	f.mu.Lock()
	f.launched++
	name, refuse, took := f.launched, f.refuse, f.initTime
	took += time.Duration(name) * time.Microsecond // one after the other
	f.mu.Unlock()
	time.Sleep(took)
	if refuse != nil {
		return refuse
	}
	box := &fakeBox{of: f, exited: make(chan struct{})}
	e.talk = &fakeTalk{name: name, box: box}
	return e.occupy(box)
}

type fakeBox struct {
	sandbox.Env
	of     *fakePool
	once   sync.Once
	exited chan struct{}
	frozen bool // or on the way to it
	moving bool // on the way to it
	busy   bool
}

// freezing is how long Freeze takes.
const freezing = 3 * time.Millisecond

func (b *fakeBox) Freeze() error {
	b.of.mu.Lock()
	b.of.froze.Add(1)
	err := b.of.cannotFreeze
	b.frozen, b.moving = err == nil, true
	if b.busy {
		b.of.early.Add(1)
	}
	b.of.mu.Unlock()
	time.Sleep(freezing)
	b.of.mu.Lock()
	b.moving = false
	b.of.mu.Unlock()
	return err
}

func (b *fakeBox) Thaw() error {
	b.of.mu.Lock()
	defer b.of.mu.Unlock()
	if b.moving {
		b.of.early.Add(1)
	}
	if b.of.cannotThaw == nil {
		b.frozen = false
	}
	return b.of.cannotThaw
}

func (b *fakeBox) Exited() <-chan struct{}       { return b.exited }
func (b *fakeBox) Exit() sandbox.Exit            { return sandbox.Exit{Code: 1} }
func (b *fakeBox) Stats() (sandbox.Stats, error) { return sandbox.Stats{}, nil }
func (b *fakeBox) Retire(time.Duration) {
	b.of.mu.Lock()
	if b.moving {
		b.of.early.Add(1)
	}
	b.of.mu.Unlock()
	b.once.Do(func() { close(b.exited) })
}

type fakeTalk struct {
	name int
	box  *fakeBox
}

func (f *fakeTalk) init(time.Time) error { return nil }
func (f *fakeTalk) close()               {}
func (f *fakeTalk) idle() bool           { return true }
func (f *fakeTalk) invoke(_ context.Context, inv *Invocation, deadline time.Time, _ *delivery) (answer, error) {
	f.box.of.mu.Lock()
	frozen, doomed := f.box.frozen, f.box.of.doomed > 0
	f.box.of.doomed--
	f.box.busy = true
	f.box.of.mu.Unlock()
	defer func() { f.box.of.mu.Lock(); f.box.busy = false; f.box.of.mu.Unlock() }()
	if doomed {
		f.box.Retire(0)
		return answer{}, errNotRun
	}
	if frozen {
		return answer{}, errors.New("it is frozen")
	}
	switch text := string(inv.Event); text {
	case "crash":
		time.Sleep(time.Millisecond) // so that who was served before it is heard before it
		f.box.Retire(0)
		return answer{}, errGone
	case "dead":
		f.box.Retire(0)
		return answer{}, errNotRun
	default:
		d, err := time.ParseDuration(text)
		if err != nil {
			return answer{}, err
		}
		select {
		case <-time.After(d):
			return answer{payload: fmt.Append(nil, f.name)}, nil
		case <-time.After(time.Until(deadline)):
			return answer{}, os.ErrDeadlineExceeded
		case <-f.box.exited:
			return answer{}, errGone
		}
	}
}

func fakeTarget(name string, reserved int) *state.Target {
	fn := &state.Function{Name: name}
	if reserved >= 0 {
		fn.ReservedConcurrency = &reserved
	}
	fn.Latest = state.Version{Number: "1", Runtime: "provided.al2023", Timeout: 900}
	return &state.Target{Function: fn, Version: &fn.Latest, Key: "1/r/" + name + "/1", Digest: "d"}
}

// run invokes and says which environment answered.
func (f *fakePool) run(t *state.Target, event string) string {
	return f.runContext(context.Background(), t, event)
}

func (f *fakePool) runContext(ctx context.Context, t *state.Target, event string) string {
	res, err := f.Invoke(ctx, t, &Invocation{RequestID: "id", Event: []byte(event)})
	var throttled *ThrottledError
	switch {
	case errors.As(err, &throttled):
		return throttled.Reason
	case err != nil:
		return err.Error()
	case res.FunctionError != "":
		return res.ErrorType
	}
	return string(res.Payload)
}

// shut closes the pool and looks for what is left in its books.
func (f *fakePool) shut(t *testing.T) {
	t.Helper()
	if err := f.Close(t.Context()); err != nil {
		t.Error(err)
	}
	f.check(t)
	if n := f.early.Load(); n > 0 {
		t.Errorf("%d environments were used or ended while they were being frozen", n)
	}
	if s := f.Stats(); s.Idle+s.Busy+s.Starting+s.Blanks+s.Waiting+s.Underway > 0 {
		t.Errorf("left after close: %+v", s)
	}
	if len(f.groups)+len(f.functions)+len(f.environments)+f.unreserved+f.waiters.Len() > 0 {
		t.Errorf("left after close: %v %v %v", f.groups, f.functions, f.environments)
	}
	if got := f.run(fakeTarget("f", -1), "1s"); got != ErrClosed.Error() {
		t.Errorf("closed pool answers %s", got)
	}
}

// check compares the pool's counters with what they count.
func (f *fakePool) check(t *testing.T) {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	existing, waiting, running := 0, 0, make(map[*function]int)
	starting := 0
	for _, g := range f.groups {
		existing += len(g.idle) + g.busy + g.starting
		waiting += g.waiters.Len()
		starting += g.starting
		running[g.function] += g.busy + g.waiters.Len()
		for _, e := range g.idle {
			if e.group != g {
				t.Error("an idle environment in another's group")
			}
		}
	}
	if existing != len(f.environments) || existing > f.opts.MaxEnvironments || starting != f.starting {
		t.Errorf("%d environments counted, %d known, limit %d", existing, len(f.environments), f.opts.MaxEnvironments)
	}
	if waiting != f.waiters.Len() {
		t.Errorf("%d waiters counted, %d known", waiting, f.waiters.Len())
	}
	for fn, n := range running {
		if n > fn.running {
			t.Errorf("%d running, %d counted", n, fn.running)
		}
	}
}

// order collects answers in the order in which they come.
type order struct {
	mu  sync.Mutex
	got []string
	wg  sync.WaitGroup
}

func (o *order) start(label string, f func() string) {
	o.wg.Go(func() {
		text := f()
		o.mu.Lock()
		defer o.mu.Unlock()
		o.got = append(o.got, label+"="+text)
	})
	synctest.Wait()
}

func (o *order) end(t *testing.T, want ...string) {
	t.Helper()
	o.wg.Wait()
	if !slices.Equal(o.got, want) {
		t.Errorf("got  %q\nwant %q", o.got, want)
	}
}
