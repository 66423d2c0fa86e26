package environment

import (
	"cmp"
	"container/list"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"furl/internal/state"
)

// runAttempts is how many new environments an event is given to when they die before
// they see it.
const runAttempts = 3

// starveAfter: when the longest waiting invocation of all functions waits
// longer than this, a free environment of another function is given up for it.
const starveAfter = time.Second

// Pool holds the execution environments of one node.
//
// An invocation takes the environment of its version that was used last. When
// there is none it waits, in order of arrival, for one to be started or to be
// released, whichever comes first. When the node is full, the idle environment
// that was not used for the longest time makes room.
type Pool struct {
	opts         Options
	log          *slog.Logger
	interpreters *Interpreters
	stock        *stock
	dirs         map[string]string // of the families' bootstraps
	temporary    string            // what holds them, when it is not to be kept
	compiled     sync.Map          // interpreter → *sync.Once: its form of the bootstrap
	counters     counters
	restless     chan struct{} // of capacity 1; wakes rests
	// launch takes a new environment through its Init phase.
	launch func(context.Context, *environment) error
	wg     sync.WaitGroup
	ctx    context.Context // done when the pool stops waiting for anything
	cancel context.CancelFunc

	mu        sync.Mutex
	closed    bool
	drained   chan struct{} // closed when closed and nothing is under way
	groups    map[groupKey]*group
	functions map[string]*function
	// unreserved is how many invocations of functions without reserved
	// concurrency are under way, underway how many of all.
	unreserved, underway int
	// environments are all that exist or are being started, starting the latter.
	environments map[*environment]struct{}
	starting     int
	waiters      list.List // of *waiter, oldest first
	// resting is set while rests looks for idle environments by itself.
	resting bool
	// provisions are the versions of which environments are kept ready.
	provisions map[groupKey]*provision
}

type groupKey struct{ key, digest string }

// group is the environments of one version in one configuration.
type group struct {
	key      groupKey
	target   *state.Target
	function *function
	idle     []*environment // used last at the end
	busy     int
	starting int
	waiters  list.List // of *waiter, oldest first
	// stale is set when the version was deleted or changed.
	stale bool
}

// function is what all versions of a function share.
type function struct{ running int }

// waiter is an invocation that waits for an environment.
type waiter struct {
	group *group
	since time.Time
	grant chan grant // of capacity 1
	all   *list.Element
	own   *list.Element
}

type grant struct {
	env *environment
	err error
}

// NewPool prepares a pool. Nothing is started before it is needed.
func NewPool(opts Options) (*Pool, error) {
	if err := opts.check(); err != nil {
		return nil, err
	}
	dirs, temporary, err := installBootstraps(opts.Dir)
	if err != nil {
		return nil, err
	}
	p := &Pool{
		opts: opts, log: opts.Logger, dirs: dirs, temporary: temporary,
		interpreters: NewInterpreters(opts.Runtimes),
		drained:      make(chan struct{}),
		restless:     make(chan struct{}, 1),
		groups:       make(map[groupKey]*group),
		functions:    make(map[string]*function),
		environments: make(map[*environment]struct{}),
	}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	p.launch = func(ctx context.Context, e *environment) error { return e.open(ctx) }
	p.stock = newStock(p)
	p.wg.Go(p.reap)
	p.wg.Go(p.rests)
	return p, nil
}

// Interpreters are what the pool runs managed runtimes with.
func (p *Pool) Interpreters() *Interpreters { return p.interpreters }

// Invoke runs one event. ctx bounds the wait for an environment; once the
// function has the event it runs to its end or its timeout, as on AWS. What the
// function does wrong is in the Result. Errors are *ThrottledError, ErrClosed,
// ctx's, and failures of this node.
func (p *Pool) Invoke(ctx context.Context, t *state.Target, inv *Invocation) (Result, error) {
	for attempt := 1; ; {
		e, err := p.acquire(ctx, t)
		if err != nil {
			if refused, ok := errors.AsType[*ThrottledError](err); ok {
				p.counters.throttled(refused.Reason)
			}
			return Result{}, err
		}
		fresh := e.fresh
		res, usable, err := e.invoke(ctx, inv)
		p.release(e, t, usable)
		if errors.Is(err, errNotRun) && attempt < runAttempts {
			if fresh { // else it died while it was idle, as all may have
				attempt++
			}
			continue
		}
		if err == nil {
			p.counters.answered(&res)
		}
		return res, err
	}
}

// acquire admits an invocation and gives it an environment.
func (p *Pool) acquire(ctx context.Context, t *state.Target) (*environment, error) {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return nil, ErrClosed
	}
	g := p.group(t)
	if err := p.admit(g, t); err != nil {
		p.forget(g)
		p.mu.Unlock()
		return nil, err
	}
	for n := len(g.idle); n > 0; n = len(g.idle) {
		e := g.idle[n-1]
		g.idle[n-1] = nil
		g.idle = g.idle[:n-1]
		e.idle = false
		if e.gone() {
			p.counters.exits.Add(1)
			p.drop(e)
			continue
		}
		g.busy++
		e.waking, e.rest = e.rest, nil
		p.mu.Unlock()
		return e, nil
	}
	w := &waiter{group: g, since: time.Now(), grant: make(chan grant, 1)}
	w.all, w.own = p.waiters.PushBack(w), g.waiters.PushBack(w)
	p.balance()
	if p.waiters.Len()-p.starting > p.opts.MaxQueue {
		p.abandon(w)
		p.dismiss(g, t)
		p.mu.Unlock()
		return nil, &ThrottledError{Reason: ReasonConcurrency}
	}
	p.mu.Unlock()
	return p.wait(ctx, w, t)
}

// wait is acquire's second half.
func (p *Pool) wait(ctx context.Context, w *waiter, t *state.Target) (*environment, error) {
	timer := time.NewTimer(p.opts.MaxWait)
	defer timer.Stop()
	var err error
	select {
	case gr := <-w.grant:
		return p.accept(gr, w, t)
	case <-timer.C:
		err = &ThrottledError{Reason: ReasonConcurrency}
	case <-ctx.Done():
		err = ctx.Err()
		if errors.Is(err, context.DeadlineExceeded) {
			err = &ThrottledError{Reason: ReasonConcurrency}
		}
	}
	p.mu.Lock()
	if w.all == nil { // it was granted one at this very moment
		p.mu.Unlock()
		return p.accept(<-w.grant, w, t)
	}
	p.abandon(w)
	p.dismiss(w.group, t)
	p.mu.Unlock()
	return nil, err
}

func (p *Pool) accept(gr grant, w *waiter, t *state.Target) (*environment, error) {
	if gr.err != nil {
		p.mu.Lock()
		p.dismiss(w.group, t)
		p.mu.Unlock()
	}
	return gr.env, gr.err
}

// release ends an invocation of t and gives the environment to the next one.
// The environment's own target may be older and have another reservation.
func (p *Pool) release(e *environment, t *state.Target, usable bool) {
	e.leave()
	p.mu.Lock()
	g := e.group
	g.busy--
	p.place(e, usable)
	p.dismiss(g, t)
	if !usable && p.kept(g) > 0 {
		p.provide()
	}
	p.mu.Unlock()
}

// place puts a free environment to its next use: the oldest waiter, the idle
// stack, or its end.
func (p *Pool) place(e *environment, usable bool) {
	g := e.group
	now := time.Now()
	if !usable || now.Sub(e.born) > p.opts.MaxAge {
		p.drop(e)
		p.balance()
		return
	}
	if w := first(&g.waiters); w != nil && !p.starving(w, now) {
		p.abandon(w)
		g.busy++
		e.waking = nil
		w.grant <- grant{env: e}
		return
	}
	if g.stale || p.closed {
		p.drop(e)
		p.balance()
		return
	}
	e.leave()
	e.idle, e.idleSince = true, now
	g.idle = append(g.idle, e)
	p.awaken()
	if p.waiters.Len() > 0 {
		p.balance()
	}
}

// starving reports whether an invocation of another function waits so much
// longer than w that it goes first.
func (p *Pool) starving(w *waiter, now time.Time) bool {
	oldest := first(&p.waiters)
	return oldest.group != w.group && len(p.environments) >= p.opts.MaxEnvironments &&
		oldest.group.starting < oldest.group.waiters.Len() && now.Sub(oldest.since) > starveAfter
}

// balance starts environments for those who wait, as far as there is room.
func (p *Pool) balance() {
	for el := p.waiters.Front(); el != nil; el = el.Next() {
		g := el.Value.(*waiter).group
		if g.starting >= g.waiters.Len() {
			continue
		}
		if len(p.environments) >= p.opts.MaxEnvironments && !p.evict() {
			return
		}
		p.begin(g, false)
	}
}

// begin has an environment started for a group.
func (p *Pool) begin(g *group, provisioned bool) {
	e := p.newEnvironment(g.target)
	e.group, e.provisioned = g, provisioned
	p.environments[e] = struct{}{}
	g.starting++
	p.starting++
	p.wg.Go(func() { p.start(e) })
}

// start runs the Init phase and passes the environment on.
func (p *Pool) start(e *environment) {
	err := p.launch(p.ctx, e)
	if err != nil {
		e.leave()
		e.shut()
	} else if e.broken == nil {
		p.counters.started(e.target.Version.Runtime, e.hit, e.initTime)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	g := e.group
	g.starting--
	p.starting--
	p.came(e, cmp.Or(err, e.broken))
	if err == nil {
		p.place(e, e.broken == nil || g.waiters.Len() > 0)
		p.forget(g)
		return
	}
	delete(p.environments, e)
	if w := first(&g.waiters); w != nil {
		p.abandon(w)
		w.grant <- grant{err: fmt.Errorf("environment: start %s: %w", g.key.key, err)}
	} else {
		p.log.Warn("execution environment did not start", "function", g.target.Function.Name,
			"version", g.target.Version.Number, "err", err)
	}
	p.balance()
	p.forget(g)
}

func first(l *list.List) *waiter {
	if f := l.Front(); f != nil {
		return f.Value.(*waiter)
	}
	return nil
}

// abandon takes a waiter out of the queues.
func (p *Pool) abandon(w *waiter) {
	p.waiters.Remove(w.all)
	w.group.waiters.Remove(w.own)
	w.all, w.own = nil, nil
}

// drop ends an environment, in the background.
func (p *Pool) drop(e *environment) {
	delete(p.environments, e)
	e.leave()
	rest, waking := e.rest, e.waking
	p.wg.Go(func() {
		rest.wait()
		waking.wait()
		e.shut()
	})
}

// functionKey is a target's key without the version.
func functionKey(t *state.Target) string {
	return t.Key[:max(0, strings.LastIndexByte(t.Key, '/'))]
}

func (p *Pool) group(t *state.Target) *group {
	key := groupKey{t.Key, t.Digest}
	g := p.groups[key]
	if g == nil {
		f := p.functions[functionKey(t)]
		if f == nil {
			f = new(function)
			p.functions[functionKey(t)] = f
		}
		g = &group{key: key, target: t, function: f}
		p.groups[key] = g
	}
	return g
}

// forget frees what the pool knows of a version that has nothing left.
func (p *Pool) forget(g *group) {
	if len(g.idle) > 0 || g.busy > 0 || g.starting > 0 || g.waiters.Len() > 0 || p.kept(g) > 0 {
		return
	}
	if p.groups[g.key] == g {
		delete(p.groups, g.key)
	}
	if key := functionKey(g.target); g.function.running == 0 && p.functions[key] == g.function {
		for _, other := range p.groups {
			if other.function == g.function {
				return
			}
		}
		delete(p.functions, key)
	}
}
