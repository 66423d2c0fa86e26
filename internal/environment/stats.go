package environment

import (
	"sync"
	"sync/atomic"
	"time"
)

// Stats are the pool's figures at one moment, and what it counted since it was
// made.
type Stats struct {
	Idle, Busy, Starting int // environments
	Frozen               int // of the idle ones
	Blanks               int // sandboxes without a function
	Waiting              int // invocations without an environment
	Underway             int // invocations, waiting ones included

	// Invocations are those that ended with a result, Errors those of them whose
	// function failed.
	Invocations, Errors uint64
	// Throttled are the invocations that were refused, by ThrottledError.Reason.
	Throttled map[string]uint64
	// Deaths are the environments that ended otherwise than by the pool's choice.
	Deaths Deaths
	// Runtimes are figures of each runtime that was used, by its identifier.
	Runtimes map[string]RuntimeStats
}

// Deaths counts ends of environments.
type Deaths struct {
	Timeout     uint64 // the function's timeout or that of the Init phase
	OutOfMemory uint64
	Exit        uint64 // the runtime exited, crashed or was killed
	Protocol    uint64 // it sent what is not an answer
	Frozen      uint64 // it could not be thawed
}

// RuntimeStats are the figures of one runtime.
type RuntimeStats struct {
	Blanks int
	// Stocked are the cold starts that found a blank waiting, Unstocked those that
	// had to wait for one. The times are those of the Init phase, from the demand
	// for an environment to where it can take the event.
	Stocked, Unstocked Histogram
}

// Histogram counts durations.
type Histogram struct {
	Count uint64
	Sum   time.Duration
	// Buckets[i] counts those not longer than HistogramBounds()[i].
	Buckets [len(bounds)]uint64
}

// bounds are the upper ends of a Histogram's buckets.
var bounds = [...]time.Duration{
	500 * time.Microsecond, time.Millisecond, 2500 * time.Microsecond, 5 * time.Millisecond, 10 * time.Millisecond,
	25 * time.Millisecond, 50 * time.Millisecond, 100 * time.Millisecond, 250 * time.Millisecond, 500 * time.Millisecond,
	time.Second, 2500 * time.Millisecond, 5 * time.Second, 10 * time.Second,
}

// HistogramBounds are the upper ends of a Histogram's buckets, in order.
func HistogramBounds() []time.Duration { return append([]time.Duration(nil), bounds[:]...) }

// counters are what the pool counts.
type counters struct {
	invocations, errors                     atomic.Uint64
	reserved, concurrency                   atomic.Uint64 // throttled
	timeouts, oom, exits, protocol, unthawn atomic.Uint64
	runtimes                                sync.Map // identifier → *runtimeCounters
}

type runtimeCounters struct{ stocked, unstocked timings }

// timings is a Histogram in the making: each duration is in one bucket.
type timings struct {
	sum     atomic.Int64
	buckets [len(bounds) + 1]atomic.Uint64
}

func (t *timings) add(d time.Duration) {
	i := 0
	for i < len(bounds) && d > bounds[i] {
		i++
	}
	t.sum.Add(int64(d))
	t.buckets[i].Add(1)
}

func (t *timings) histogram() (h Histogram) {
	for i := range t.buckets {
		h.Count += t.buckets[i].Load()
		if i < len(bounds) {
			h.Buckets[i] = h.Count
		}
	}
	h.Sum = time.Duration(t.sum.Load())
	return h
}

// started counts a cold start.
func (c *counters) started(runtime string, hit bool, took time.Duration) {
	v, ok := c.runtimes.Load(runtime)
	if !ok {
		v, _ = c.runtimes.LoadOrStore(runtime, new(runtimeCounters))
	}
	if hit {
		v.(*runtimeCounters).stocked.add(took)
	} else {
		v.(*runtimeCounters).unstocked.add(took)
	}
}

// answered counts an invocation that ended.
func (c *counters) answered(res *Result) {
	c.invocations.Add(1)
	if res.FunctionError != "" {
		c.errors.Add(1)
	}
}

func (c *counters) throttled(reason string) {
	if reason == ReasonReserved {
		c.reserved.Add(1)
	} else {
		c.concurrency.Add(1)
	}
}

// fill adds what was counted to the figures.
func (c *counters) fill(s *Stats) {
	s.Invocations, s.Errors = c.invocations.Load(), c.errors.Load()
	s.Throttled = map[string]uint64{ReasonReserved: c.reserved.Load(), ReasonConcurrency: c.concurrency.Load()}
	s.Deaths = Deaths{Timeout: c.timeouts.Load(), OutOfMemory: c.oom.Load(), Exit: c.exits.Load(),
		Protocol: c.protocol.Load(), Frozen: c.unthawn.Load()}
	c.runtimes.Range(func(name, v any) bool {
		r, t := s.Runtimes[name.(string)], v.(*runtimeCounters)
		r.Stocked, r.Unstocked = t.stocked.histogram(), t.unstocked.histogram()
		s.Runtimes[name.(string)] = r
		return true
	})
}

// Stats counts.
func (p *Pool) Stats() Stats {
	s := Stats{Runtimes: make(map[string]RuntimeStats)}
	for name, n := range p.stock.count() {
		s.Blanks += n
		s.Runtimes[name] = RuntimeStats{Blanks: n}
	}
	p.counters.fill(&s)
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, g := range p.groups {
		s.Idle += len(g.idle)
		s.Busy += g.busy
		s.Starting += g.starting
		for _, e := range g.idle {
			if e.rest.frozen() {
				s.Frozen++
			}
		}
	}
	s.Waiting, s.Underway = p.waiters.Len(), p.underway
	return s
}
