package environment

import (
	"time"

	"furl/internal/state"
)

// provisionRetry is when a version is tried again whose provisioned environments did
// not come up.
const provisionRetry = time.Minute

// Provisioned is how many environments of a version are to be ready at any time.
type Provisioned struct {
	Target *state.Target
	Count  int
}

// provision is what the pool knows of one version's provisioned concurrency.
type provision struct {
	Provisioned
	failed string // why the last environment did not come up
	since  time.Time
}

// Readiness says how far a version's provisioned concurrency is: how many
// environments there are, how many of them are idle, and why there are not more, if
// the function is to blame.
type Readiness struct {
	Allocated, Idle int
	Failed          string
}

// Provision makes the pool keep environments ready, those that are named and no
// others. What was provisioned before and is not any more becomes like the rest.
func (p *Pool) Provision(wanted []Provisioned) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return
	}
	before := p.provisions
	p.provisions = make(map[groupKey]*provision, len(wanted))
	for _, w := range wanted {
		if w.Count <= 0 {
			continue
		}
		key := groupKey{w.Target.Key, w.Target.Digest}
		now := p.provisions[key]
		if now == nil {
			now = &provision{Provisioned: Provisioned{Target: w.Target}}
			if old := before[key]; old != nil {
				now.failed, now.since = old.failed, old.since
			}
			p.provisions[key] = now
		}
		now.Count += w.Count
	}
	for key := range before {
		if g := p.groups[key]; g != nil && p.provisions[key] == nil {
			p.forget(g)
		}
	}
	p.provide()
}

// Capacity is how many environments the pool keeps.
func (p *Pool) Capacity() int { return p.opts.MaxEnvironments }

// Ready says how far the provisioned concurrency of a version is.
func (p *Pool) Ready(t *state.Target) Readiness {
	p.mu.Lock()
	defer p.mu.Unlock()
	key := groupKey{t.Key, t.Digest}
	var r Readiness
	if g := p.groups[key]; g != nil {
		r.Allocated, r.Idle = len(g.idle)+g.busy, len(g.idle)
	}
	if now := p.provisions[key]; now != nil {
		r.Failed = now.failed
	}
	return r
}

// provide starts what is missing of the environments that are to be ready, as far as
// there is room. The caller holds the mutex.
func (p *Pool) provide() {
	if p.closed {
		return
	}
	for _, now := range p.provisions {
		if now.failed != "" && time.Since(now.since) < provisionRetry {
			continue
		}
		g := p.group(now.Target)
		for len(g.idle)+g.busy+g.starting < now.Count {
			if len(p.environments) >= p.opts.MaxEnvironments && !p.evict() {
				break
			}
			p.begin(g, true)
		}
		p.forget(g) // unless it has become one that is needed
	}
}

// kept is how many of a group's environments stay however idle they are.
func (p *Pool) kept(g *group) int {
	if now := p.provisions[g.key]; now != nil && !g.stale {
		return now.Count
	}
	return 0
}

// spare is how many of a group's idle environments may be given up.
func (p *Pool) spare(g *group) int {
	return min(len(g.idle), max(0, len(g.idle)+g.busy-p.kept(g)))
}

// came notes how an environment of a provisioned version started.
func (p *Pool) came(e *environment, err error) {
	now := p.provisions[e.group.key]
	if now == nil {
		return
	}
	if now.failed, now.since = "", time.Now(); err != nil {
		now.failed = err.Error()
	}
}
