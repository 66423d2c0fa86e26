// Package async runs asynchronous invocations: it takes events out of the store's
// queue, has them run by execution environments, retries them as AWS Lambda does,
// and hands what came of them to destinations. It does not decide what may be
// queued, and keeps nothing in memory that is not in the queue.
//
// An event is in the queue until its end is committed, so it runs at least once
// whatever happens to the server. While it runs, a lease keeps it from being taken
// again; a lease that is not extended runs out.
package async

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"furl/internal/environment"
	"furl/internal/state"
	"furl/internal/store"
)

const (
	// lease is how long an event that is claimed is kept from others; it is extended
	// three times as often.
	lease = 15 * time.Second
	// soonest and latest are how long to wait at least and at most before events are
	// looked for that became due.
	soonest, latest = time.Second, time.Minute
	// commitTimeout bounds how long the end of an event may take to be written.
	commitTimeout = 30 * time.Second
	// undecodable is when an event is looked at again that cannot be read, as one
	// that a newer furl has written.
	undecodable = 5 * time.Minute
)

// Counter is told what there is to count. Its methods are called on the way of
// events and must not wait.
type Counter interface {
	// EventReceived counts an event that was put into the queue.
	EventReceived(function string)
	// EventStarted learns how old an event is whose function is given it.
	EventStarted(function string, age time.Duration)
	// EventDropped counts an event that ended without success; the reason is a
	// Condition or one of the Reason constants.
	EventDropped(function, reason string)
	// DeliveryFailed counts a record that no destination got.
	DeliveryFailed(function string)
}

// Options are what New needs.
type Options struct {
	State *state.State
	Queue store.Queue
	// Node names this server among those that use the queue.
	Node string
	// Invoke runs an event; it is environment.Pool's.
	Invoke func(context.Context, *state.Target, *environment.Invocation) (environment.Result, error)
	// MayInvoke judges whether an execution role may invoke a destination.
	MayInvoke func(role string, f *state.FunctionEntry, qualifier string) bool
	// Concurrency is how many events run at a time, and PerFunction how many of one
	// function: what is left of the node's environments is for those who wait for an
	// answer.
	Concurrency, PerFunction int
	Counter                  Counter
	// Access gets one record for every time that a function is given an event.
	Access, Logger *slog.Logger
	Now            func() time.Time
}

// Runner runs the events of the queue.
type Runner struct {
	o Options
	// ctx ends the wait for environments and for new events.
	ctx  context.Context
	stop context.CancelFunc
	wake chan struct{} // of capacity 1
	wg   sync.WaitGroup
	// unread says that the last look at the queue did; dispatch alone uses it.
	unread bool
	// unneeded ends the extension of leases, which goes on until nothing runs.
	unneeded context.CancelFunc
	leases   sync.WaitGroup

	mu sync.Mutex
	// running holds the claimed events by their ids, with the keys of their
	// functions; busy counts them by function.
	running map[string]string
	busy    map[string]int
	freed   int  // how many ended since the last look
	woken   bool // there may be new events
	given   bool // what is running does not count any more: the server has ended
}

// New starts to run events, with those first that a server of this name had
// claimed when it ended.
func New(ctx context.Context, o Options) (*Runner, error) {
	if err := o.Queue.Release(ctx, o.Node); err != nil {
		return nil, err
	}
	if o.Counter == nil {
		o.Counter = discard{}
	}
	r := &Runner{o: o, wake: make(chan struct{}, 1), running: map[string]string{}, busy: map[string]int{}, woken: true}
	r.ctx, r.stop = context.WithCancel(context.Background())
	needed, unneeded := context.WithCancel(context.Background())
	r.unneeded = unneeded
	r.wg.Go(r.dispatch)
	r.leases.Go(func() { r.extend(needed) })
	return r, nil
}

// Stop takes no more events; those under way go on.
func (r *Runner) Stop() { r.stop() }

// Close takes no more events, waits until ctx ends for those under way, and gives
// the others back to the queue at once.
func (r *Runner) Close(ctx context.Context) error {
	r.stop()
	ended := make(chan struct{})
	go func() {
		r.wg.Wait()
		close(ended)
	}()
	select {
	case <-ended:
	case <-ctx.Done():
	}
	r.mu.Lock()
	before := r.given
	r.given = true
	r.mu.Unlock()
	r.unneeded()
	r.leases.Wait()
	if before {
		return nil
	}
	releasing, cancel := context.WithTimeout(context.Background(), commitTimeout)
	defer cancel()
	return r.o.Queue.Release(releasing, r.o.Node)
}

// Enqueued has the queue looked at, which has an event for the function.
func (r *Runner) Enqueued(id state.FunctionID) {
	r.o.Counter.EventReceived(id.Name)
	key := id.QueueKey()
	free := r.allows(key)
	r.mu.Lock()
	defer r.mu.Unlock()
	if !free || len(r.running) >= r.o.Concurrency {
		return // the end of another has it looked at
	}
	r.woken = true
	r.poke()
}

// poke wakes dispatch. The caller holds the lock.
func (r *Runner) poke() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// Running is how many events are under way.
func (r *Runner) Running() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.running)
}

// dispatch claims events and has them handled, until the runner is closed.
func (r *Runner) dispatch() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		r.claimAll()
		timer.Reset(r.pause())
		select {
		case <-r.ctx.Done():
			return
		case <-r.wake:
		case <-timer.C:
			r.mu.Lock()
			r.woken = true
			r.mu.Unlock()
		}
	}
}

// pause is how long nothing will be due. What is due now waits for its function.
func (r *Runner) pause() time.Duration {
	next, err := r.o.Queue.Next(r.ctx)
	if err != nil || r.unread || next.IsZero() {
		return latest
	}
	return min(max(next.Sub(r.o.Now()), soonest), latest)
}

// claimAll claims as many events as may run now. Where only some have ended it
// claims no more than those: of a function with a long queue the next is found at
// once, but to find that there is no other function's takes a look at all.
func (r *Runner) claimAll() {
	for range r.wanted() {
		if r.Running() >= r.o.Concurrency || r.ctx.Err() != nil || !r.claim() {
			return
		}
	}
}

// wanted is how many events to look for. What happens from now on is for the next
// look: the event that it is about may come after this one.
func (r *Runner) wanted() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	most := r.freed
	if r.woken {
		most = r.o.Concurrency
	}
	r.woken, r.freed = false, 0
	return most
}

// claim claims one event and has it handled; false if there is none.
func (r *Runner) claim() bool {
	jobs, err := r.o.Queue.Claim(r.ctx, r.o.Node, r.allows, 1, lease)
	r.unread = err != nil
	if r.unread && r.ctx.Err() == nil {
		r.o.Logger.Error("the queue of asynchronous invocations cannot be read", "err", err)
	}
	for _, j := range jobs {
		r.begin(j)
	}
	return len(jobs) > 0
}

// begin handles a job. One that is being handled is only found again when its lease
// ran out while the machine slept.
func (r *Runner) begin(j store.Job) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, known := r.running[j.ID]; known {
		return
	}
	r.running[j.ID] = j.Fn
	r.busy[j.Fn]++
	r.wg.Go(func() {
		r.handle(j)
		r.end(j)
	})
}

// end forgets a job that was handled.
func (r *Runner) end(j store.Job) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.running, j.ID)
	if r.busy[j.Fn]--; r.busy[j.Fn] == 0 {
		delete(r.busy, j.Fn)
	}
	r.freed++
	r.poke()
}

// allows reports whether another event of a function may run. More than its
// reserved concurrency would only be throttled; what is closed ends at once.
func (r *Runner) allows(key string) bool {
	most := r.o.PerFunction
	if f := r.o.State.Snapshot().FunctionOf(key); f != nil {
		if reserved := f.Function.ReservedConcurrency; reserved != nil && *reserved > 0 {
			most = min(most, *reserved)
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.busy[key] < most
}

// extend keeps the leases of what is running until ctx ends.
func (r *Runner) extend(ctx context.Context) {
	tick := time.NewTicker(lease / 3)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		for _, id := range r.claimed() {
			err := r.o.Queue.Extend(ctx, r.o.Node, id, lease)
			if err != nil && ctx.Err() == nil && !errors.Is(err, store.ErrConflict) { // a conflict: it has just ended
				r.o.Logger.Warn("the lease of an asynchronous invocation was not extended", "request_id", id, "err", err)
			}
		}
	}
}

// claimed are the ids of what is running.
func (r *Runner) claimed() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	ids := make([]string, 0, len(r.running))
	for id := range r.running {
		ids = append(ids, id)
	}
	return ids
}

// over reports whether the server has ended, so that what ends now is to be run
// again: it may have been cut off.
func (r *Runner) over() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.given
}

// pick chooses the version that a qualifier leads to.
func pick(routing *state.Routing) *state.Target { return routing.Pick(rand.Float64()) }

// discard is a Counter that counts nothing.
type discard struct{}

func (discard) EventReceived(string)               {}
func (discard) EventStarted(string, time.Duration) {}
func (discard) EventDropped(string, string)        {}
func (discard) DeliveryFailed(string)              {}
