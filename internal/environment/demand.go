package environment

import (
	"context"
	"math"
	"sync/atomic"
	"time"
)

const (
	// demandWindow is the time over which cold starts are averaged.
	demandWindow = 10 * time.Second
	// reserve is how many times the blanks that are taken while one is made are
	// kept: cold starts come in bursts.
	reserve = 3
)

// demand is how fast a shelf's blanks are taken, and made.
type demand struct {
	last    time.Time // when one was taken last
	perSec  float64   // the average then
	refill  time.Duration
	counted bool
}

// note counts one that is taken.
func (d *demand) note(now time.Time) {
	d.perSec = d.rate(now) + 1/demandWindow.Seconds()
	d.last, d.counted = now, true
}

// rate is how many are taken per second, an average that forgets.
func (d *demand) rate(now time.Time) float64 {
	if !d.counted {
		return 0
	}
	return d.perSec * math.Exp(-max(0, now.Sub(d.last)).Seconds()/demandWindow.Seconds())
}

// made notes how long it took to make one.
func (d *demand) made(took time.Duration) {
	if d.refill == 0 {
		d.refill = took
		return
	}
	d.refill += (took - d.refill) / 5
}

// target is how many blanks should wait: what is taken while one is made, times
// the reserve; one at least, and two when there was more than one cold start
// lately.
func (d *demand) target(now time.Time) int {
	rate, least := d.rate(now), 1
	if rate > 1/demandWindow.Seconds() {
		least = 2
	}
	n := int(math.Ceil(rate * d.refill.Seconds() * reserve))
	return min(max(n, least), maxBlanks)
}

// pressing reports whether blanks are taken nearly as fast as one filler makes them.
func (d *demand) pressing(now time.Time) bool { return d.rate(now)*d.refill.Seconds() > 0.3 }

// fillers is how many blanks must be in the making for no fewer to be made than
// taken, and one at least.
func (d *demand) fillers(now time.Time) int {
	return max(1, int(math.Ceil(d.rate(now)*d.refill.Seconds())))
}

// gate holds fillers back for a moment while cold starts that have their blank are
// under way. Those that still wait for one do not count: they would wait for the
// fillers, and the fillers for them.
type gate struct {
	inside atomic.Int64
	calm   chan struct{} // of capacity 1; told when nobody is inside
}

func newGate() *gate { return &gate{calm: make(chan struct{}, 1)} }

func (g *gate) enter() { g.inside.Add(1) }

func (g *gate) leave() {
	if g.inside.Add(-1) == 0 {
		select {
		case g.calm <- struct{}{}:
		default:
		}
	}
}

// wait returns when nobody is inside, after the limit at the latest.
func (g *gate) wait(ctx context.Context, limit time.Duration) {
	if g.inside.Load() == 0 {
		return
	}
	t := time.NewTimer(limit)
	defer t.Stop()
	for g.inside.Load() > 0 {
		select {
		case <-g.calm:
		case <-t.C:
			return
		case <-ctx.Done():
			return
		}
	}
}
