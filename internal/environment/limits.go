package environment

import (
	"context"
	"os"
	"time"

	"furl/internal/state"
)

// admit counts an invocation against its limit: the function's reserved
// concurrency, or the account's for all that have none.
func (p *Pool) admit(g *group, t *state.Target) error {
	if r := t.Function.ReservedConcurrency; r != nil {
		if g.function.running >= *r {
			return &ThrottledError{Reason: ReasonReserved}
		}
	} else if p.unreserved >= p.opts.MaxConcurrency {
		return &ThrottledError{Reason: ReasonConcurrency}
	}
	g.function.running++
	p.underway++
	if t.Function.ReservedConcurrency == nil {
		p.unreserved++
	}
	return nil
}

// dismiss takes an invocation off the counts.
func (p *Pool) dismiss(g *group, t *state.Target) {
	g.function.running--
	p.underway--
	if t.Function.ReservedConcurrency == nil {
		p.unreserved--
	}
	p.forget(g)
	if p.closed && p.underway == 0 {
		select {
		case <-p.drained:
		default:
			close(p.drained)
		}
	}
}

// evict ends the idle environment that was not used for the longest time.
func (p *Pool) evict() bool {
	var oldest *group
	for _, g := range p.groups {
		if p.spare(g) > 0 && (oldest == nil || g.idle[0].idleSince.Before(oldest.idle[0].idleSince)) {
			oldest = g
		}
	}
	if oldest == nil {
		return false
	}
	p.dropIdle(oldest, 1)
	p.forget(oldest)
	return true
}

// dropIdle ends the n environments that were not used for the longest time.
func (p *Pool) dropIdle(g *group, n int) {
	for _, e := range g.idle[:n] {
		e.idle = false
		p.drop(e)
	}
	rest := copy(g.idle, g.idle[n:])
	clear(g.idle[rest:])
	g.idle = g.idle[:rest]
}

// reap ends environments and interpreters that are idle for long, until the
// pool is closed.
func (p *Pool) reap() {
	tick := time.NewTicker(max(p.opts.IdleTimeout/10, 100*time.Millisecond))
	defer tick.Stop()
	for {
		select {
		case <-p.ctx.Done():
			return
		case now := <-tick.C:
			p.reapIdle(now.Add(-p.opts.IdleTimeout))
			p.stock.reap(now, now.Add(-p.opts.IdleTimeout))
		}
	}
}

func (p *Pool) reapIdle(before time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, g := range p.groups {
		n := 0
		for spare := p.spare(g); n < len(g.idle) && (n < spare && g.idle[n].idleSince.Before(before) || g.idle[n].gone()); n++ {
		}
		p.dropIdle(g, n)
		p.forget(g)
	}
	p.provide()
}

// Update retires the environments of versions that were deleted or changed:
// live is the current target under a key, or nil. Invocations under way end
// first.
func (p *Pool) Update(live func(key string) *state.Target) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, g := range p.groups {
		t := live(g.key.key)
		g.stale = t == nil || t.Digest != g.key.digest
		if g.stale {
			p.dropIdle(g, len(g.idle))
			p.forget(g)
		}
	}
	p.balance()
}

// Warm has a blank of the runtime wait for the first function of an account.
func (p *Pool) Warm(runtime, account string) { p.stock.warm(p.shelfKey(runtime, account)) }

// Close refuses new invocations, waits until ctx is done for those under way,
// ends what then still runs, and returns when nothing is left.
func (p *Pool) Close(ctx context.Context) error {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		p.wg.Wait()
		return nil
	}
	p.closed, p.provisions = true, nil
	if p.underway == 0 {
		close(p.drained)
	}
	p.mu.Unlock()
	select {
	case <-p.drained:
	case <-ctx.Done():
		p.kill()
		<-p.drained
	}
	p.cancel()
	p.stock.close()
	p.mu.Lock()
	for _, g := range p.groups {
		p.dropIdle(g, len(g.idle))
		p.forget(g)
	}
	p.mu.Unlock()
	p.wg.Wait()
	return os.RemoveAll(p.temporary) // nothing, when there is none
}

// kill ends everything that is under way.
func (p *Pool) kill() {
	p.cancel()
	p.mu.Lock()
	for w := first(&p.waiters); w != nil; w = first(&p.waiters) {
		p.abandon(w)
		w.grant <- grant{err: ErrClosed}
	}
	for e := range p.environments {
		p.wg.Go(e.killer())
	}
	p.mu.Unlock()
}
