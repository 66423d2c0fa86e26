package environment

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// An idle environment is frozen and thawed for its next event; one that is used
// again soon is left alone.
func TestFreeze(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newFakePool(t, Options{})
		p.cannotFreeze = nil
		a := fakeTarget("a", -1)
		for range 20 {
			p.run(a, "1ms")
			time.Sleep(restAfter - 2*time.Millisecond)
			if p.froze.Load() != 0 {
				t.Fatal("frozen although it was used again soon")
			}
		}
		time.Sleep(restAfter + restEvery + freezing)
		if s := p.Stats(); s.Frozen != 1 || s.Idle != 1 {
			t.Fatalf("%+v, want one frozen", s)
		}
		start := time.Now()
		if got := p.run(a, "1ms"); got != "1" || time.Since(start) != time.Millisecond {
			t.Errorf("after its rest it answers %s, after %v", got, time.Since(start))
		}
		time.Sleep(time.Minute)
		if p.froze.Load() != 2 {
			t.Errorf("frozen %d times, not once for each rest", p.froze.Load())
		}
		p.shut(t)
	})
}

// An event that comes while its environment is being frozen waits for that.
func TestFreezeMeetsEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newFakePool(t, Options{MaxEnvironments: 1})
		p.cannotFreeze = nil
		a := fakeTarget("a", -1)
		p.run(a, "1ms")
		for p.froze.Load() == 0 {
			time.Sleep(time.Millisecond)
		}
		if got := p.run(a, "1ms"); got != "1" {
			t.Errorf("got %s", got)
		}
		// So does its end.
		for p.froze.Load() == 1 {
			time.Sleep(time.Millisecond)
		}
		p.run(fakeTarget("b", -1), "1ms")
		p.shut(t)
	})
}

// An environment whose turn to be frozen comes when it is in use again is left
// alone.
func TestFreezeComesTooLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newFakePool(t, Options{})
		p.cannotFreeze = nil
		a, b := fakeTarget("a", -1), fakeTarget("b", -1)
		var o order
		for range 2 { // the second time they end at the same moment
			o.start("a", func() string { return p.run(a, "1ms") })
			o.start("b", func() string { return p.run(b, "1ms") })
			o.wg.Wait()
		}
		for p.froze.Load() == 0 { // one is being frozen, the other is next
			time.Sleep(time.Millisecond)
		}
		o.start("a again", func() string { return p.run(a, "100ms") })
		o.start("b again", func() string { return p.run(b, "100ms") })
		o.wg.Wait()
		if n := p.froze.Load(); n != 1 {
			t.Errorf("%d were frozen", n)
		}
		p.shut(t)
	})
}

// What cannot be thawed serves nobody; the event goes to another environment.
func TestNoThaw(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newFakePool(t, Options{})
		p.cannotFreeze, p.cannotThaw = nil, errors.New("device busy")
		a := fakeTarget("a", -1)
		p.run(a, "1ms")
		time.Sleep(time.Second)
		if got := p.run(a, "1ms"); got != "2" {
			t.Errorf("got %s, want another environment's answer", got)
		}
		if s := p.Stats(); s.Deaths.Frozen != 1 || s.Invocations != 2 || s.Errors != 0 {
			t.Errorf("%+v", s)
		}
		p.shut(t)
	})
}

// A driver that cannot freeze is asked once.
func TestFreezeUnsupported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newFakePool(t, Options{})
		a, b := fakeTarget("a", -1), fakeTarget("b", -1)
		for range 5 {
			p.run(a, "1ms")
			p.run(b, "1ms")
			time.Sleep(time.Second)
		}
		if p.froze.Load() != 1 || p.Stats().Frozen != 0 {
			t.Errorf("asked %d times, %d frozen", p.froze.Load(), p.Stats().Frozen)
		}
		p.shut(t)
	})
}

// Random use never lets an event meet a frozen environment, nor ends one that is
// being frozen.
func TestFreezeAtRandom(t *testing.T) {
	for seed := range uint64(20) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				rnd := rand.New(rand.NewPCG(seed, 3))
				p := newFakePool(t, Options{MaxEnvironments: 6, IdleTimeout: time.Second})
				p.cannotFreeze = nil
				events := []string{"1ms", "10ms", "60ms", "crash"}
				var wg sync.WaitGroup
				for range 200 {
					target, event := fakeTarget(string('a'+rune(rnd.IntN(4))), -1), events[rnd.IntN(len(events))]
					wg.Go(func() {
						if got := p.run(target, event); got == "it is frozen" || got == "" {
							t.Errorf("%s: %q", event, got)
						}
					})
					p.mu.Lock()
					p.cannotThaw = nil
					if rnd.IntN(10) == 0 {
						p.cannotThaw = errors.New("busy")
					}
					p.mu.Unlock()
					if rnd.IntN(3) == 0 { // else at once: several are idle together
						time.Sleep(time.Duration(rnd.IntN(300)) * time.Millisecond)
					}
					p.check(t)
				}
				wg.Wait()
				p.shut(t)
			})
		})
	}
}
