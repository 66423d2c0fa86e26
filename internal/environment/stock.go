package environment

import (
	"container/list"
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"time"

	"furl/internal/sandbox"
)

const (
	// maxBlanks is how many blanks a shelf holds at most.
	maxBlanks = 8
	// retryAfter is how long nothing is made ahead after a failure.
	retryAfter = 5 * time.Second
	// gateWide and gateNarrow are how long a filler waits for cold starts that
	// are under way: on a shelf that has two blanks left, and on one that has not.
	gateWide   = 10 * time.Millisecond
	gateNarrow = 5 * time.Millisecond
)

// shelfKey tells blanks apart that cannot stand in for each other.
type shelfKey struct {
	runtime string
	// owner is the account whose functions get the blanks, where blanks are forked
	// from one process and so know some of each other's secrets; else empty.
	owner string
}

// stock keeps blanks: sandboxes that wait for a function. It knows a shelf from the
// first time that it is asked for, and sizes it by how often that happens.
//
// Who finds a shelf empty has a blank made at once, and gets that one or any other
// that is ready before it. What nobody waits for any more goes onto the shelf.
type stock struct {
	driver sandbox.Driver
	spec   func(context.Context, shelfKey) (sandbox.Spec, error)
	// cost is what a blank is charged with, and budget what all on the shelves may
	// be, in bytes.
	cost   func(shelfKey) int64
	budget int64
	log    *slog.Logger
	wg     *sync.WaitGroup
	gate   *gate
	ctx    context.Context // done when the stock is closed
	cancel context.CancelFunc

	mu      sync.Mutex
	closed  bool
	shelves map[shelfKey]*shelf
	used    int64 // of the budget
}

type shelf struct {
	key    shelfKey
	cost   int64
	blanks []sandbox.Blank // made last at the end
	takers list.List       // of *taker, oldest first
	// making is how many blanks are under way. filling is set while a filler is at
	// the gate, which is before it makes one.
	making  int
	filling bool
	retry   time.Time // nothing is made ahead before
	demand  demand
}

// taker waits for a blank of an empty shelf.
type taker struct {
	grant chan made     // of capacity 1
	place *list.Element // nil once granted
}

type made struct {
	blank sandbox.Blank
	err   error
}

func newStock(p *Pool) *stock {
	s := &stock{driver: p.opts.Driver, spec: p.blankSpec, cost: p.blankCost, budget: p.opts.BlankMemory,
		log: p.log, wg: &p.wg, gate: newGate(), shelves: make(map[shelfKey]*shelf)}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s
}

// take is a blank: one off the shelf (hit), or the next that is made. Unless there
// is an error, the caller passes the gate when its cold start is over.
func (s *stock) take(ctx context.Context, key shelfKey) (b sandbox.Blank, hit bool, err error) {
	now := time.Now()
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil, false, ErrClosed
	}
	sh := s.shelf(key, now)
	sh.demand.note(now)
	if b := s.pop(sh); b != nil {
		s.gate.enter()
		s.produce(sh)
		s.mu.Unlock()
		return b, true, nil
	}
	w := &taker{grant: make(chan made, 1)}
	w.place = sh.takers.PushBack(w)
	if sh.making < maxMaking() { // whatever is under way: it could take longer
		s.begin(sh)
	}
	s.produce(sh)
	s.mu.Unlock()
	select {
	case m := <-w.grant:
		return m.blank, false, m.err
	case <-ctx.Done():
	}
	s.mu.Lock()
	waited := w.place != nil
	if waited {
		sh.takers.Remove(w.place)
	}
	s.mu.Unlock()
	if !waited { // it was granted one at this very moment
		m := <-w.grant
		return m.blank, false, m.err
	}
	return nil, false, fmt.Errorf("environment: no blank of %s: %w", key.runtime, ctx.Err())
}

func (s *stock) shelf(key shelfKey, now time.Time) *shelf {
	sh := s.shelves[key]
	if sh == nil {
		sh = &shelf{key: key, cost: s.cost(key), demand: demand{last: now}}
		s.shelves[key] = sh
	}
	return sh
}

// pop takes a living blank off the shelf.
func (s *stock) pop(sh *shelf) sandbox.Blank {
	for n := len(sh.blanks) - 1; n >= 0; n-- {
		b := sh.blanks[n]
		sh.blanks[n] = nil
		sh.blanks = sh.blanks[:n]
		s.used -= sh.cost
		if !dead(b) {
			return b
		}
		s.wg.Go(b.Discard)
	}
	return nil
}

func dead(b sandbox.Blank) bool {
	select {
	case <-b.Exited():
		return true
	default:
		return false
	}
}

// produce has blanks made, as many as are wanted.
func (s *stock) produce(sh *shelf) {
	if sh.takers.Len() == 0 {
		if !sh.filling && sh.making < sh.wanted(time.Now()) {
			sh.filling = true
			wait := sh.gated(time.Now())
			s.wg.Go(func() { s.fill(sh, wait) })
		}
		return
	}
	for sh.making < sh.wanted(time.Now()) {
		s.begin(sh)
	}
}

// gated is how long a filler waits at the gate.
func (sh *shelf) gated(now time.Time) time.Duration {
	switch {
	case len(sh.blanks) >= 2:
		return gateWide
	case sh.demand.pressing(now): // there always are cold starts, and soon no blanks
		return 0
	}
	return gateNarrow
}

func (s *stock) begin(sh *shelf) {
	sh.making++
	s.wg.Go(func() { s.make(sh) })
}

// wanted is how many blanks should be in the making. Those who wait have one each.
// While nobody waits the shelf is filled by as few at a time as can keep up, mostly
// one: they must not compete with the requests that are served.
func (sh *shelf) wanted(now time.Time) int {
	waiting, target := sh.takers.Len(), sh.demand.target(now)
	short := max(0, target-len(sh.blanks))
	if now.Before(sh.retry) {
		short = 0
	}
	switch {
	case waiting == 0:
		return min(short, sh.demand.fillers(now), cores())
	case target > 1: // there will be more
		waiting = max(waiting, min(waiting+short, cores()))
	}
	return min(waiting, maxMaking())
}

func cores() int { return runtime.GOMAXPROCS(0) }

// maxMaking is how many blanks of a shelf are made at once: more would only take
// longer.
func maxMaking() int { return max(2*cores(), 4) }

// fill makes a blank for the shelf when the cold starts that are under way are
// over or have had their time. Nobody waits behind it: who needs a blank meanwhile
// has one made.
func (s *stock) fill(sh *shelf, wait time.Duration) {
	if wait > 0 {
		s.gate.wait(s.ctx, wait)
	}
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	sh.filling = false
	if !s.closed && sh.making < sh.wanted(now) && s.room(sh, now) {
		s.begin(sh)
		s.produce(sh)
	}
}

// make makes one blank, for whoever waits longest or for the shelf.
func (s *stock) make(sh *shelf) {
	begin := time.Now()
	b, err := s.start(sh.key)
	now := time.Now()
	s.mu.Lock()
	sh.making--
	ahead := sh.takers.Len() <= sh.making // nobody has to wait longer if it failed
	switch {
	case err == nil:
		sh.demand.made(now.Sub(begin))
		sh.retry = time.Time{}
		s.store(sh, b, now)
	default:
		sh.retry = now.Add(retryAfter)
		if !ahead {
			sh.grant(made{err: err})
		}
	}
	if !s.closed {
		s.produce(sh)
	}
	s.mu.Unlock()
	if err != nil && ahead && s.ctx.Err() == nil {
		s.log.Warn("no sandbox could be started ahead", "runtime", sh.key.runtime, "err", err)
	}
}

func (s *stock) start(key shelfKey) (sandbox.Blank, error) {
	ctx, cancel := context.WithTimeout(s.ctx, blankWait)
	defer cancel()
	spec, err := s.spec(ctx, key)
	if err != nil {
		return nil, err
	}
	b, err := s.driver.Blank(ctx, spec)
	if err != nil {
		return nil, lost(err)
	}
	return confined(b)
}

// store passes a new blank to who waits longest, or keeps it.
func (s *stock) store(sh *shelf, b sandbox.Blank, now time.Time) {
	switch {
	case sh.takers.Len() > 0:
		s.gate.enter()
		sh.grant(made{blank: b})
	case s.closed || len(sh.blanks) >= maxBlanks || !s.room(sh, now):
		s.wg.Go(b.Discard)
	default:
		sh.blanks = append(sh.blanks, b)
		s.used += sh.cost
	}
}

func (sh *shelf) grant(m made) {
	w := sh.takers.Remove(sh.takers.Front()).(*taker)
	w.place = nil
	w.grant <- m
}

// room reports whether the budget has room for one more blank of the shelf, for
// which blanks that are less likely to be needed must go. None goes for nothing.
func (s *stock) room(sh *shelf, now time.Time) bool {
	rate := sh.demand.rate(now)
	rarer := func(other *shelf) bool {
		return other != sh && len(other.blanks) > 0 && other.demand.rate(now) < rate
	}
	most := s.budget - s.used
	for _, other := range s.shelves {
		if rarer(other) {
			most += int64(len(other.blanks)) * other.cost
		}
	}
	if most < sh.cost {
		return false
	}
	for s.used+sh.cost > s.budget {
		var least *shelf
		for _, other := range s.shelves {
			if rarer(other) && (least == nil || other.demand.rate(now) < least.demand.rate(now)) {
				least = other
			}
		}
		s.discard(least, 1)
	}
	return true
}

// discard ends the n oldest blanks of a shelf.
func (s *stock) discard(sh *shelf, n int) {
	for _, b := range sh.blanks[:n] {
		s.wg.Go(b.Discard)
	}
	rest := copy(sh.blanks, sh.blanks[n:])
	clear(sh.blanks[rest:])
	sh.blanks = sh.blanks[:rest]
	s.used -= int64(n) * sh.cost
}

// warm puts a blank on a shelf that was not asked for yet.
func (s *stock) warm(key shelfKey) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.produce(s.shelf(key, time.Now()))
	}
}

// reap discards blanks that died, and more of them than are still wanted; all of
// those that were not asked for since the given time. It has made what is missing: what
// died, and what could not be made before.
func (s *stock) reap(now, before time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, sh := range s.shelves {
		living := sh.blanks[:0]
		for _, b := range sh.blanks {
			if dead(b) {
				s.used -= sh.cost
				s.wg.Go(b.Discard)
				continue
			}
			living = append(living, b)
		}
		clear(sh.blanks[len(living):])
		sh.blanks = living
		target := sh.demand.target(now)
		if sh.demand.last.Before(before) {
			target = 0
		}
		s.discard(sh, max(0, len(sh.blanks)-target))
		if target == 0 && sh.takers.Len() == 0 && sh.making == 0 && !sh.filling {
			delete(s.shelves, key)
		}
		if target > 0 && !s.closed {
			s.produce(sh)
		}
	}
}

// count is the number of blanks for each runtime.
func (s *stock) count() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := make(map[string]int)
	for _, sh := range s.shelves {
		n[sh.key.runtime] += len(sh.blanks)
	}
	return n
}

// close discards everything; what is being made then is discarded when it is
// done.
func (s *stock) close() {
	s.cancel()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for _, sh := range s.shelves {
		s.discard(sh, len(sh.blanks))
	}
}
