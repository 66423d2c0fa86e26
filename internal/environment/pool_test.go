package environment

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"furl/internal/state"
)

func TestLastUsedFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newFakePool(t, Options{})
		a := fakeTarget("a", -1)
		var o order
		o.start("x", func() string { return p.run(a, "5s") })
		o.start("y", func() string { return p.run(a, "3s") })
		o.start("z", func() string { return p.run(a, "4s") })
		o.end(t, "y=2", "z=3", "x=1")
		for range 3 {
			if got := p.run(a, "1s"); got != "1" {
				t.Errorf("environment %s, not the one used last", got)
			}
		}
		p.check(t)
		p.shut(t)
	})
}

func TestWaitersAreServedInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newFakePool(t, Options{MaxEnvironments: 1})
		a := fakeTarget("a", -1)
		var o order
		for i := range 5 {
			o.start(fmt.Sprint(i), func() string { return p.run(a, "1s") })
		}
		p.check(t)
		o.end(t, "0=1", "1=1", "2=1", "3=1", "4=1")
		p.shut(t)
	})
}

func TestReleasedWinsOverStarting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newFakePool(t, Options{})
		a := fakeTarget("a", -1)
		p.run(a, "1s")
		p.initTime = 10 * time.Second
		start := time.Now()
		var o order
		o.start("long", func() string { return p.run(a, "2s") })
		o.start("next", func() string { return p.run(a, "1s") })
		o.end(t, "long=1", "next=1")
		if took := time.Since(start); took.Round(time.Second) != 3*time.Second {
			t.Errorf("took %v", took)
		}
		synctest.Wait()
		time.Sleep(10 * time.Second)
		if s := p.Stats(); s.Idle != 2 {
			t.Errorf("%+v, want the late one idle", s)
		}
		p.shut(t)
	})
}

func TestLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newFakePool(t, Options{MaxConcurrency: 2})
		one, none := fakeTarget("one", 1), fakeTarget("none", 0)
		other := *one // another version of the same function
		other.Key = "1/r/one/2"
		a, b := fakeTarget("a", -1), fakeTarget("b", -1)
		if got := p.run(none, "1s"); got != ReasonReserved {
			t.Errorf("reserved 0: %s", got)
		}
		var o order
		o.start("one", func() string { return p.run(one, "3s") })
		o.start("one again", func() string { return p.run(one, "1s") })
		o.start("other version", func() string { return p.run(&other, "1s") })
		o.start("a", func() string { return p.run(a, "4s") })
		o.start("b", func() string { return p.run(b, "5s") })
		o.start("a again", func() string { return p.run(a, "1s") })
		o.end(t, "one again="+ReasonReserved, "other version="+ReasonReserved, "a again="+ReasonConcurrency, "one=1", "a=2", "b=3")
		if got := p.run(&other, "1s"); got != "4" {
			t.Errorf("afterwards: %s", got)
		}
		p.shut(t)
	})
}

func TestQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newFakePool(t, Options{MaxEnvironments: 1, MaxQueue: 3, MaxWait: 20 * time.Second})
		a := fakeTarget("a", -1)
		var o order
		o.start("runs", func() string { return p.run(a, "30s") })
		o.start("waits", func() string { return p.run(a, "1s") })
		soon, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		o.start("deadline", func() string { return p.runContext(soon, a, "1s") })
		gone, leave := context.WithCancel(t.Context())
		o.start("leaves", func() string { return p.runContext(gone, a, "1s") })
		o.start("refused", func() string { return p.run(a, "1s") })
		time.AfterFunc(2*time.Second, leave)
		o.end(t, "refused="+ReasonConcurrency, "leaves=context canceled", "deadline="+ReasonConcurrency, "waits="+ReasonConcurrency, "runs=1")
		p.check(t)
		p.shut(t)
	})
}

func TestIdleMakesRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newFakePool(t, Options{MaxEnvironments: 2})
		a, b, c := fakeTarget("a", -1), fakeTarget("b", -1), fakeTarget("c", -1)
		p.run(a, "1s")
		p.run(b, "1s")
		if got := p.run(c, "1s"); got != "3" {
			t.Error(got)
		}
		if got := p.run(b, "1s"); got != "2" {
			t.Errorf("b was ended instead of a: %s", got)
		}
		p.check(t)
		p.shut(t)
	})
}

// A busy function does not keep the others out for ever.
func TestNoStarvation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newFakePool(t, Options{MaxEnvironments: 1})
		a, b := fakeTarget("a", -1), fakeTarget("b", -1)
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for range 20 {
					p.run(a, "100ms")
				}
			})
		}
		synctest.Wait()
		start := time.Now()
		p.run(b, "100ms")
		if took := time.Since(start); took > 5*time.Second {
			t.Errorf("b had to wait for %v", took)
		}
		wg.Wait()
		p.shut(t)
	})
}

func TestCrashLosesNoWaiter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newFakePool(t, Options{MaxEnvironments: 1})
		a := fakeTarget("a", -1)
		var o order
		o.start("crash", func() string { return p.run(a, "crash") })
		o.start("next", func() string { return p.run(a, "1s") })
		o.start("crash", func() string { return p.run(a, "crash") })
		o.start("last", func() string { return p.run(a, "1s") })
		o.end(t, "crash=Runtime.ExitError", "next=2", "crash=Runtime.ExitError", "last=3")
		p.shut(t)
	})
}

func TestEventIsGivenToAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newFakePool(t, Options{})
		a := fakeTarget("a", -1)
		if got := p.run(a, "dead"); got != "Runtime.ExitError" && !strings.Contains(got, "before the invocation") || p.launched != runAttempts {
			t.Errorf("got %s after %d", got, p.launched)
		}
		p.run(a, "1s")
		p.environmentsOf(a)[0].box.Retire(0) // dies while idle
		if got := p.run(a, "1s"); got != "5" {
			t.Errorf("got %s", got)
		}
		// So many die at once that none has been found dead yet.
		var o order
		for range 2 * runAttempts {
			o.start("", func() string { return p.run(a, "1s") })
		}
		o.wg.Wait()
		p.mu.Lock()
		p.doomed = 2 * runAttempts
		p.mu.Unlock()
		if got := p.run(a, "1s"); got != "11" {
			t.Errorf("got %s", got)
		}
		p.shut(t)
	})
}

func (f *fakePool) environmentsOf(t *state.Target) []*environment {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.groups[groupKey{t.Key, t.Digest}].idle)
}

func TestDriverFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newFakePool(t, Options{MaxEnvironments: 1})
		p.refuse = errors.New("no processes")
		a := fakeTarget("a", -1)
		var o order
		o.start("1", func() string { return p.run(a, "1s") })
		o.start("2", func() string { return p.run(a, "1s") })
		const text = "environment: start 1/r/a/1: no processes"
		o.end(t, "1="+text, "2="+text)
		p.refuse = nil
		if got := p.run(a, "1s"); got != "3" {
			t.Errorf("got %s", got)
		}
		p.shut(t)
	})
}

func TestUpdate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newFakePool(t, Options{MaxEnvironments: 3})
		old := fakeTarget("a", -1)
		changed := *old
		changed.Digest = "new"
		p.run(old, "1s")
		var o order
		o.start("old", func() string { return p.run(old, "5s") })
		o.start("old too", func() string { return p.run(old, "5s") })
		p.Update(func(key string) *state.Target {
			if key != old.Key {
				t.Errorf("asked for %s", key)
			}
			return &changed
		})
		o.start("new", func() string { return p.run(&changed, "10s") })
		// It arrived late, with a target that is not current any more.
		o.start("late", func() string { return p.run(old, "2s") })
		o.end(t, "old=1", "old too=2", "late=1", "new=3")
		synctest.Wait()
		if s := p.Stats(); s.Idle != 1 {
			t.Errorf("%+v, want the new one only", s)
		}
		p.Update(func(string) *state.Target { return nil })
		if s := p.Stats(); s.Idle != 0 {
			t.Errorf("%+v, want none", s)
		}
		p.shut(t)
	})
}

func TestIdleAndAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newFakePool(t, Options{IdleTimeout: time.Minute, MaxAge: time.Hour})
		a := fakeTarget("a", -1)
		p.run(a, "1s")
		time.Sleep(50 * time.Second)
		if got := p.run(a, "1s"); got != "1" {
			t.Errorf("after 50 s idle: %s", got)
		}
		time.Sleep(70 * time.Second)
		synctest.Wait()
		if s := p.Stats(); s.Idle != 0 {
			t.Errorf("after 70 s idle: %+v", s)
		}
		for range 80 {
			p.run(a, "50s")
		}
		if p.launched != 3 {
			t.Errorf("%d environments for more than an hour", p.launched)
		}
		p.shut(t)
	})
}

func TestCloseWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newFakePool(t, Options{MaxEnvironments: 1})
		a := fakeTarget("a", -1)
		var o order
		o.start("runs", func() string { return p.run(a, "5s") })
		o.start("waits", func() string { return p.run(a, "5s") })
		o.start("closed", func() string { p.shut(t); return "" })
		o.start("refused", func() string { return p.run(a, "1s") })
		o.end(t, "refused="+ErrClosed.Error(), "runs=1", "waits=1", "closed=")
		p.shut(t) // again
	})
}

func TestCloseKills(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newFakePool(t, Options{MaxEnvironments: 2})
		a, b := fakeTarget("a", -1), fakeTarget("b", -1)
		var o order
		o.start("runs", func() string { return p.run(a, "500s") })
		time.Sleep(time.Second)
		o.start("starts", func() string { return p.run(b, "500s") })
		o.start("waits", func() string { return p.run(a, "500s") })
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		start := time.Now()
		if err := p.Close(ctx); err != nil {
			t.Error(err)
		}
		if took := time.Since(start); took > 2*time.Second {
			t.Errorf("took %v", took)
		}
		o.wg.Wait()
		slices.Sort(o.got)
		if want := []string{"runs=Runtime.ExitError", "starts=" + ErrClosed.Error(), "waits=" + ErrClosed.Error()}; !slices.Equal(o.got, want) {
			t.Errorf("got %q, want %q", o.got, want)
		}
		p.shut(t)
	})
}

// A thousand slow requests at once: each is answered or refused.
func TestThousandSlowRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newFakePool(t, Options{MaxEnvironments: 20, MaxQueue: 500, MaxWait: 30 * time.Second})
		got := make(map[string]int)
		var mu sync.Mutex
		var wg sync.WaitGroup
		start := time.Now()
		for range 1000 {
			wg.Go(func() {
				text := p.run(fakeTarget("a", -1), "2s")
				if text != ReasonConcurrency {
					text = "answered"
				}
				mu.Lock()
				defer mu.Unlock()
				got[text]++
			})
		}
		wg.Wait()
		if took := time.Since(start); took > 40*time.Second {
			t.Errorf("took %v", took)
		}
		if got["answered"]+got[ReasonConcurrency] != 1000 || got["answered"] < 280 || got["answered"] > 520 {
			t.Errorf("%v", got)
		}
		p.shut(t)
	})
}

// Random use keeps the books in order and answers everyone.
func TestPoolAtRandom(t *testing.T) {
	for seed := range uint64(20) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				rnd := rand.New(rand.NewPCG(seed, 1))
				p := newFakePool(t, Options{MaxEnvironments: 1 + rnd.IntN(6), MaxQueue: 1 + rnd.IntN(20), MaxWait: 10 * time.Second,
					IdleTimeout: 5 * time.Second, MaxConcurrency: 1 + rnd.IntN(20)})
				targets := []*state.Target{fakeTarget("a", -1), fakeTarget("b", 2), fakeTarget("c", -1), fakeTarget("d", 0)}
				events := []string{"10ms", "1s", "3s", "crash", "dead", "nonsense", "2000s"}
				var wg sync.WaitGroup
				for range 200 {
					target, event := targets[rnd.IntN(len(targets))], events[rnd.IntN(len(events))]
					patience := time.Duration(rnd.IntN(20)) * time.Second
					wg.Go(func() {
						ctx, cancel := context.WithTimeout(context.Background(), patience)
						defer cancel()
						if got := p.runContext(ctx, target, event); got == "" {
							t.Error("no answer")
						}
					})
					switch rnd.IntN(10) {
					case 0:
						changed := *targets[rnd.IntN(len(targets))]
						changed.Digest = fmt.Sprint(rnd.IntN(3))
						p.Update(func(key string) *state.Target {
							if key == changed.Key {
								return &changed
							}
							return target
						})
					case 1:
						p.mu.Lock()
						p.refuse = errors.New("for now")
						p.mu.Unlock()
					case 2:
						p.mu.Lock()
						p.refuse = nil
						p.mu.Unlock()
					}
					time.Sleep(time.Duration(rnd.IntN(300)) * time.Millisecond)
					p.check(t)
				}
				wg.Wait()
				p.shut(t)
			})
		})
	}
}

// A reservation that is made or lifted while environments live on must not
// leave the account's count wrong: what an invocation took is given back.
func TestReservationChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newFakePool(t, Options{MaxConcurrency: 2})
		reserved, lifted := fakeTarget("f", 5), fakeTarget("f", -1)
		p.run(reserved, "1s")
		for range 5 { // each on the environment that was started while reserved
			if got := p.run(lifted, "1s"); got != "1" {
				t.Fatalf("after the reservation was lifted: %s", got)
			}
		}
		for range 5 {
			p.run(reserved, "1s")
		}
		var o order
		a := fakeTarget("a", -1)
		o.start("a", func() string { return p.run(a, "3s") })
		o.start("b", func() string { return p.run(a, "4s") })
		o.start("one too many", func() string { return p.run(a, "1s") })
		o.end(t, "one too many="+ReasonConcurrency, "a=2", "b=3")
		p.shut(t)
	})
}
