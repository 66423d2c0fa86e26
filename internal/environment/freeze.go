package environment

import (
	"errors"
	"fmt"
	"time"

	"furl/internal/sandbox"
)

const (
	// restAfter is how long an environment is idle before it is frozen: what is used
	// again sooner never pays for it. restEvery is how often the pool looks.
	restAfter = 50 * time.Millisecond
	restEvery = 25 * time.Millisecond
	// restLatest is how long output that keeps coming, or a custom runtime that does
	// not ask for its next event, can put it off.
	restLatest = time.Second
)

// rest is the time in which an idle environment is frozen, as on AWS: nothing of
// what an invocation left behind runs until the next one.
type rest struct {
	begun chan struct{} // closed once err is valid
	err   error
}

// wait returns when the sandbox is not being frozen at this moment.
func (r *rest) wait() {
	if r != nil {
		<-r.begun
	}
}

// frozen reports whether the environment does not run.
func (r *rest) frozen() bool {
	if r == nil {
		return false
	}
	select {
	case <-r.begun:
		return r.err == nil
	default:
		return false
	}
}

// tired is an environment that was idle for long enough.
type tired struct {
	env  *environment
	talk protocol
}

// rests freezes environments that become idle, until the pool closes or the driver
// says that it cannot.
func (p *Pool) rests() {
	for {
		select {
		case <-p.ctx.Done():
			return
		case <-p.restless:
		}
		if !p.restAll() {
			return
		}
	}
}

// restAll looks at regular times until every idle environment is frozen. It returns
// false when there is no sense in looking any more.
func (p *Pool) restAll() bool {
	tick := time.NewTicker(restEvery)
	defer tick.Stop()
	for {
		select {
		case <-p.ctx.Done():
			return false
		case <-tick.C:
		}
		tired, more := p.tired(time.Now())
		if !more {
			return true
		}
		for _, t := range tired {
			if !p.freeze(t) {
				return false
			}
		}
	}
}

// awaken has rests look soon. It is called with the pool's mutex held, on the path
// of requests.
func (p *Pool) awaken() {
	if !p.resting {
		p.resting = true
		p.restless <- struct{}{} // it has room: rests took the last one before it slept
	}
}

// tired are the environments that were idle for long enough. more is whether
// there are others that may be.
func (p *Pool) tired(now time.Time) (found []tired, more bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, g := range p.groups {
		for _, e := range g.idle {
			if e.rest != nil {
				continue
			}
			more = true
			if now.Sub(e.idleSince) >= restAfter {
				found = append(found, tired{e, e.talk})
			}
		}
	}
	p.resting = more
	return found, more
}

// freeze stops an environment that is idle still. It returns false when the driver
// cannot, now and ever.
func (p *Pool) freeze(t tired) bool {
	e, now := t.env, time.Now()
	ready := e.out.quiet() && t.talk.idle()
	r := &rest{begun: make(chan struct{})}
	p.mu.Lock()
	since := now.Sub(e.idleSince)
	if p.closed || !e.idle || e.rest != nil || since < restAfter || !ready && since < restLatest {
		p.mu.Unlock()
		return true
	}
	e.rest = r
	p.mu.Unlock()
	r.err = e.sandbox().Freeze()
	close(r.begun)
	if errors.Is(r.err, sandbox.ErrUnsupported) {
		return false // resting stays set, so nobody asks again
	}
	if r.err != nil && !e.gone() {
		p.log.Warn("an idle execution environment was not frozen", "function", e.target.Function.Name,
			"version", e.target.Version.Number, "err", r.err)
	}
	return true
}

// wake lets the environment run on, for an invocation that it was given to.
func (e *environment) wake() error {
	r := e.waking
	if r == nil {
		return nil
	}
	<-r.begun
	if errors.Is(r.err, sandbox.ErrUnsupported) {
		return nil
	}
	if err := e.sandbox().Thaw(); err != nil {
		e.pool.counters.unthawn.Add(1)
		return fmt.Errorf("%w: it stays frozen: %w", errNotRun, err)
	}
	return nil
}
