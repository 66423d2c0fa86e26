package environment

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestStats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newFakePool(t, Options{MaxConcurrency: 2, MaxEnvironments: 2})
		a, none, b := fakeTarget("a", -1), fakeTarget("none", 0), fakeTarget("b", -1)
		b.Version.Timeout = 2
		p.run(a, "1s")
		p.run(a, "crash")
		p.run(none, "1s")
		p.run(b, "5s")
		var o order
		for range 3 {
			o.start("", func() string { return p.run(a, "10s") })
		}
		o.wg.Wait()
		p.environmentsOf(a)[0].box.Retire(0) // dies while idle
		p.environmentsOf(a)[1].box.Retire(0)
		p.run(a, "1s")
		s := p.Stats()
		if s.Invocations != 6 || s.Errors != 2 {
			t.Errorf("%d invocations, %d errors", s.Invocations, s.Errors)
		}
		if s.Throttled[ReasonReserved] != 1 || s.Throttled[ReasonConcurrency] != 1 {
			t.Errorf("throttled: %v", s.Throttled)
		}
		if s.Deaths != (Deaths{Timeout: 1, Exit: 3}) {
			t.Errorf("deaths: %+v", s.Deaths)
		}
		if h := s.Runtimes["provided.al2023"].Unstocked; h.Count != 5 {
			t.Errorf("%d cold starts", h.Count)
		}
		p.shut(t)
	})
}

func TestHistogram(t *testing.T) {
	var c counters
	bounds := HistogramBounds()
	for _, d := range []time.Duration{0, bounds[0], bounds[0] + 1, bounds[3], time.Hour} {
		c.started("r", true, d)
	}
	c.started("r", false, time.Second)
	s := Stats{Runtimes: map[string]RuntimeStats{"r": {Blanks: 3}}}
	c.fill(&s)
	h := s.Runtimes["r"].Stocked
	if h.Count != 5 || h.Sum != time.Hour+2*bounds[0]+1+bounds[3] || s.Runtimes["r"].Unstocked.Count != 1 || s.Runtimes["r"].Blanks != 3 {
		t.Errorf("%+v", s.Runtimes["r"])
	}
	for i, want := range []uint64{2, 3, 3, 4, 4} {
		if h.Buckets[i] != want {
			t.Errorf("%d not longer than %v, want %d", h.Buckets[i], bounds[i], want)
		}
	}
	if last := h.Buckets[len(bounds)-1]; last != 4 {
		t.Errorf("%d in the last bucket", last)
	}
}
