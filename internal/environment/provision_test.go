package environment

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestProvisionedAreReadyAndStay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newFakePool(t, Options{IdleTimeout: time.Minute})
		a, b := fakeTarget("a", -1), fakeTarget("b", -1)
		p.Provision([]Provisioned{{a, 1}, {a, 1}}) // by two aliases
		if r := p.Ready(a); r != (Readiness{}) {
			t.Errorf("at once: %+v", r)
		}
		time.Sleep(2 * time.Second)
		if r := p.Ready(a); r != (Readiness{Allocated: 2, Idle: 2}) {
			t.Errorf("after a while: %+v", r)
		}
		start := time.Now()
		if p.run(a, "1s"); time.Since(start) > time.Second+10*time.Millisecond {
			t.Errorf("an invocation took %s: it waited for a start", time.Since(start))
		}
		p.run(b, "1s")
		time.Sleep(10 * time.Minute)
		if r, other := p.Ready(a), p.Ready(b); r.Allocated != 2 || other.Allocated != 0 {
			t.Errorf("after ten idle minutes: %+v, and %+v of the one that is not provisioned", r, other)
		}
		if got := p.run(a, "crash"); got != "Runtime.ExitError" {
			t.Fatalf("a crash answers %s", got)
		}
		time.Sleep(2 * time.Second)
		if r := p.Ready(a); r.Allocated != 2 {
			t.Errorf("after a crash: %+v", r)
		}
		p.Provision(nil)
		time.Sleep(10 * time.Minute)
		if r := p.Ready(a); r != (Readiness{}) {
			t.Errorf("given back: %+v", r)
		}
		p.check(t)
		p.shut(t)
	})
}

func TestProvisionedAreNotEvicted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newFakePool(t, Options{MaxEnvironments: 3})
		a, b := fakeTarget("a", -1), fakeTarget("b", -1)
		p.Provision([]Provisioned{{a, 2}})
		time.Sleep(2 * time.Second)
		var o order
		o.start("x", func() string { return p.run(b, "1s") })
		o.start("y", func() string { return p.run(b, "1s") })
		o.end(t, "x=3", "y=3")
		if r := p.Ready(a); r.Allocated != 2 {
			t.Errorf("%+v", r)
		}
		p.check(t)
		p.shut(t)
	})
}

func TestProvisionedThatFail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newFakePool(t, Options{})
		p.refuse = errors.New("no")
		a := fakeTarget("a", -1)
		p.Provision([]Provisioned{{a, 2}})
		time.Sleep(10 * time.Second)
		if r := p.Ready(a); r.Allocated != 0 || r.Failed != "no" {
			t.Errorf("%+v", r)
		}
		if p.launched != 2 {
			t.Errorf("%d attempts, want one each", p.launched)
		}
		p.mu.Lock()
		p.refuse = nil
		p.mu.Unlock()
		time.Sleep(3 * time.Minute)
		if r := p.Ready(a); r.Allocated != 2 || r.Failed != "" {
			t.Errorf("later: %+v", r)
		}
		p.shut(t)
	})
}
