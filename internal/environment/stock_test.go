package environment

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"furl/internal/sandbox"
)

// fakeStock is a stock whose driver takes a while to make a blank.
type fakeStock struct {
	*stock
	takes time.Duration // to make one

	mu                 sync.Mutex
	making, peak, made int
	living             map[*fakeBlank]bool
	refuse             error
}

type fakeBlank struct {
	sandbox.Blank
	of     *fakeStock
	key    shelfKey
	number int
	exited chan struct{}
}

func (b *fakeBlank) Exited() <-chan struct{} { return b.exited }
func (b *fakeBlank) Discard() {
	b.of.mu.Lock()
	defer b.of.mu.Unlock()
	if !b.of.living[b] {
		panic("discarded twice")
	}
	delete(b.of.living, b)
}

func (f *fakeStock) Name() string                         { return "fake" }
func (f *fakeStock) Probe(context.Context) sandbox.Report { return sandbox.Report{} }
func (f *fakeStock) Close() error                         { return nil }
func (f *fakeStock) Blank(ctx context.Context, spec sandbox.Spec) (sandbox.Blank, error) {
	f.mu.Lock()
	f.making++
	f.peak = max(f.peak, f.making)
	takes, refuse := f.takes, f.refuse
	f.mu.Unlock()
	defer func() { f.mu.Lock(); f.making--; f.mu.Unlock() }()
	select {
	case <-time.After(takes):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if refuse != nil {
		return nil, refuse
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.made++
	b := &fakeBlank{of: f, key: shelfKey{spec.Name, spec.Owner}, number: f.made, exited: make(chan struct{})}
	f.living[b] = true
	return b, nil
}

// newFakeStock has a budget for n blanks.
func newFakeStock(t *testing.T, n int, takes time.Duration) *fakeStock {
	t.Helper()
	f := &fakeStock{takes: takes, living: make(map[*fakeBlank]bool)}
	f.stock = newStock(&Pool{opts: Options{Driver: f, BlankMemory: int64(n) << 20}, log: slog.New(slog.DiscardHandler)})
	f.stock.wg = new(sync.WaitGroup)
	f.stock.cost = func(shelfKey) int64 { return 1 << 20 }
	f.stock.spec = func(_ context.Context, key shelfKey) (sandbox.Spec, error) {
		return sandbox.Spec{Name: key.runtime, Owner: key.owner}, nil
	}
	return f
}

// end closes the stock and looks for what is left.
func (f *fakeStock) end(t *testing.T) {
	t.Helper()
	f.close()
	f.wg.Wait()
	if len(f.living) > 0 || f.used != 0 || f.making != 0 {
		t.Errorf("left after close: %d blanks, %d bytes, %d in the making", len(f.living), f.used, f.making)
	}
	if _, _, err := f.take(context.Background(), shelfKey{runtime: "a"}); !errors.Is(err, ErrClosed) {
		t.Errorf("a closed stock answers %v", err)
	}
}

// cold is a cold start: it takes a blank and keeps it for a while.
func (f *fakeStock) cold(t *testing.T, key shelfKey, lasts time.Duration) bool {
	t.Helper()
	b, hit, err := f.take(t.Context(), key)
	if err != nil {
		t.Error(err)
		return false
	}
	if got := b.(*fakeBlank).key; got != key {
		t.Errorf("a blank of %v for %v", got, key)
	}
	time.Sleep(lasts)
	f.gate.leave()
	b.Discard()
	return hit
}

func (f *fakeStock) shelved(key shelfKey) int {
	f.stock.mu.Lock()
	defer f.stock.mu.Unlock()
	if sh := f.shelves[key]; sh != nil {
		return len(sh.blanks)
	}
	return 0
}

// within checks the budget.
func (f *fakeStock) within(t *testing.T) {
	t.Helper()
	f.stock.mu.Lock()
	defer f.stock.mu.Unlock()
	if f.used > f.budget {
		t.Errorf("%d bytes, the budget is %d", f.used, f.budget)
	}
}

// A shelf's size follows how fast its blanks are taken and made.
func TestStockSize(t *testing.T) {
	a := shelfKey{runtime: "a"}
	for _, tt := range []struct {
		every, makes time.Duration
		want         int
	}{
		{time.Minute, 40 * time.Millisecond, 1},
		{5 * time.Second, 40 * time.Millisecond, 2},
		{100 * time.Millisecond, 4 * time.Millisecond, 2},
		{100 * time.Millisecond, 100 * time.Millisecond, 3},
		{100 * time.Millisecond, 150 * time.Millisecond, 5},
		{50 * time.Millisecond, 400 * time.Millisecond, maxBlanks},
	} {
		t.Run(fmt.Sprint(tt.every, tt.makes), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFakeStock(t, 100, tt.makes)
				var wg sync.WaitGroup
				for range max(10, int(30*time.Second/tt.every)) {
					wg.Go(func() { f.cold(t, a, time.Millisecond) })
					time.Sleep(tt.every)
				}
				f.stock.mu.Lock()
				got := f.shelves[a].demand.target(time.Now())
				f.stock.mu.Unlock()
				if got != tt.want {
					t.Errorf("target is %d, want %d", got, tt.want)
				}
				wg.Wait()
				f.end(t)
			})
		})
	}
}

// An idle shelf loses its blanks: first those beyond one, then all.
func TestStockShrinks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := shelfKey{runtime: "a"}
		f := newFakeStock(t, 100, 200*time.Millisecond)
		for range 300 {
			f.cold(t, a, 0)
			time.Sleep(100 * time.Millisecond)
		}
		time.Sleep(5 * time.Second)
		last := time.Now()
		if got := f.shelved(a); got < 4 {
			t.Fatalf("%d blanks, want more", got)
		}
		time.Sleep(50 * time.Second)
		f.reap(time.Now(), last.Add(-time.Minute))
		if got := f.shelved(a); got != 1 {
			t.Errorf("%d blanks after a minute, want 1", got)
		}
		f.reap(time.Now(), time.Now())
		f.end(t)
		if len(f.shelves) != 0 {
			t.Errorf("%d shelves after the idle time", len(f.shelves))
		}
	})
}

// The budget holds, and what is asked for often gets its share of it.
func TestStockBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeStock(t, 3, 10*time.Millisecond)
		rare := []shelfKey{{runtime: "r1"}, {runtime: "r2"}, {runtime: "r3"}, {runtime: "r4"}}
		for _, key := range rare {
			f.cold(t, key, 0)
			time.Sleep(time.Minute)
			f.within(t)
		}
		if got := f.shelved(rare[0]); got != 0 {
			t.Errorf("the runtime that was used first has %d blanks", got)
		}
		often := shelfKey{runtime: "often"}
		for range 20 {
			f.cold(t, often, 0)
			time.Sleep(time.Second)
			f.within(t)
		}
		if got := f.shelved(often); got != 2 {
			t.Errorf("the runtime that is used often has %d blanks", got)
		}
		synctest.Wait()
		f.end(t)
	})
}

// Blanks do not go for one that has no room even so.
func TestStockKeepsWhatIsNoRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeStock(t, 10, time.Millisecond)
		big, small, most := shelfKey{runtime: "big"}, shelfKey{runtime: "small"}, shelfKey{runtime: "most"}
		f.stock.cost = func(key shelfKey) int64 {
			if key == small {
				return 1 << 20
			}
			return 8 << 20
		}
		f.cold(t, small, 0)
		time.Sleep(time.Second)
		for range 5 {
			f.cold(t, most, 0)
		}
		time.Sleep(time.Second)
		for range 3 { // more often than small, less often than most
			f.cold(t, big, 0)
		}
		time.Sleep(time.Second)
		if s, m, b := f.shelved(small), f.shelved(most), f.shelved(big); s != 1 || m != 1 || b != 0 {
			t.Errorf("%d small blanks, %d of what is used most, %d big ones; want 1, 1, 0", s, m, b)
		}
		f.end(t)
	})
}

// What died on its shelf is replaced before somebody needs it, and so is what could
// not be made.
func TestStockReplacesTheDead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeStock(t, 100, time.Millisecond)
		a := shelfKey{runtime: "a"}
		f.warm(a)
		time.Sleep(time.Second)
		synctest.Wait()
		for b := range f.living {
			close(b.exited)
		}
		refuse := func(err error) {
			f.mu.Lock()
			f.refuse = err
			f.mu.Unlock()
		}
		refuse(errors.New("no more processes"))
		f.reap(time.Now(), time.Time{})
		time.Sleep(time.Minute)
		if got := f.shelved(a); got != 0 {
			t.Errorf("%d blanks of a driver that makes none", got)
		}
		refuse(nil)
		f.reap(time.Now(), time.Time{})
		time.Sleep(time.Second)
		if !f.cold(t, a, 0) {
			t.Error("the shelf is empty")
		}
		synctest.Wait()
		f.end(t)
	})
}

// forker is a driver that says whether it forks.
type forker struct {
	sandbox.Driver
	forks bool
}

func (f forker) Forks() bool { return f.forks }

// Only blanks that are forked belong to an account, and cost as little as such.
func TestShelfKeys(t *testing.T) {
	for name, test := range map[string]struct {
		opts    Options
		runtime string
		want    shelfKey
		cost    int64
	}{
		"forked":      {Options{Driver: forker{nil, true}}, "python3.12", shelfKey{"python3.12", "1"}, 3 << 20},
		"perhaps":     {Options{Driver: noDriver{}}, "python3.12", shelfKey{"python3.12", "1"}, 3 << 20},
		"not forked":  {Options{Driver: forker{nil, false}}, "python3.12", shelfKey{"python3.12", ""}, 15 << 20},
		"strict":      {Options{Driver: forker{nil, true}, Strict: true}, "python3.12", shelfKey{"python3.12", ""}, 15 << 20},
		"cannot fork": {Options{Driver: forker{nil, true}}, "nodejs22.x", shelfKey{"nodejs22.x", ""}, 10 << 20},
		"custom":      {Options{Driver: forker{nil, true}}, "provided.al2023", shelfKey{"provided.al2023", ""}, 1 << 20},
	} {
		t.Run(name, func(t *testing.T) {
			p := &Pool{opts: test.opts}
			got := p.shelfKey(test.runtime, "1")
			if cost := p.blankCost(got); got != test.want || cost != test.cost {
				t.Errorf("%+v costs %d", got, cost)
			}
		})
	}
}

// Accounts do not share blanks.
func TestStockOwners(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeStock(t, 100, time.Millisecond)
		for range 3 {
			for _, owner := range []string{"1", "2", ""} {
				f.cold(t, shelfKey{"a", owner}, 0)
			}
			time.Sleep(time.Second)
		}
		if got := f.count()["a"]; got != 6 {
			t.Errorf("%d blanks of the runtime, want two for each owner", got)
		}
		f.end(t)
	})
}

// Who finds nothing does not wait behind the filler, and gets what is ready first.
func TestStockEmpty(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := shelfKey{runtime: "a"}
		f := newFakeStock(t, 100, 100*time.Millisecond)
		f.warm(a)
		time.Sleep(60 * time.Millisecond) // the filler is at work
		start := time.Now()
		if f.cold(t, a, 0) {
			t.Error("a hit on an empty shelf")
		}
		if took := time.Since(start); took != 40*time.Millisecond {
			t.Errorf("it took %v, the filler was done after 40ms", took)
		}
		time.Sleep(time.Second)
		if got := f.shelved(a); got != 1 {
			t.Errorf("%d blanks, want the one that was not needed", got)
		}
		f.end(t)

		// A filler that hangs holds nobody up.
		f = newFakeStock(t, 100, time.Hour)
		f.warm(a)
		synctest.Wait()
		f.mu.Lock()
		f.takes = 10 * time.Millisecond
		f.mu.Unlock()
		start = time.Now()
		f.cold(t, a, 0)
		if took := time.Since(start); took != 10*time.Millisecond {
			t.Errorf("behind a filler that hangs it took %v", took)
		}
		f.end(t)
	})
}

// A burst is served by a few makers at a time, in order, and nobody fills the shelf
// at its cost.
func TestStockBurst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := shelfKey{runtime: "a"}
		f := newFakeStock(t, 100, 10*time.Millisecond)
		var order []int
		var wg sync.WaitGroup
		for i := range 50 {
			wg.Go(func() {
				f.cold(t, a, 0)
				f.mu.Lock()
				defer f.mu.Unlock()
				order = append(order, i)
			})
			time.Sleep(time.Microsecond)
		}
		wg.Wait()
		time.Sleep(time.Second)
		f.end(t)
		for i := range order {
			if order[i] > i+f.peak || order[i] < i-f.peak {
				t.Errorf("out of order: %v", order)
				break
			}
		}
		if f.peak > maxMaking() {
			t.Errorf("%d were made at once", f.peak)
		}
		if f.made > 50+maxBlanks {
			t.Errorf("%d were made for 50", f.made)
		}
	})
}

// Fillers make way for cold starts that have their blank, but not for long, and
// never for those that have none.
func TestStockGate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := shelfKey{runtime: "a"}
		f := newFakeStock(t, 100, 200*time.Millisecond)
		for range 100 { // until the shelf is deep
			f.cold(t, a, 0)
			time.Sleep(100 * time.Millisecond)
		}
		time.Sleep(2 * time.Second)
		f.reap(time.Now(), time.Time{}) // to its target, so that the next one is missed
		depth := f.shelved(a)
		if depth < 3 {
			t.Fatalf("%d blanks", depth)
		}
		busy := func() int { f.mu.Lock(); defer f.mu.Unlock(); return f.making }
		go f.cold(t, a, 5*time.Millisecond)
		time.Sleep(4 * time.Millisecond)
		if busy() != 0 {
			t.Error("the filler does not wait for a cold start")
		}
		time.Sleep(2 * time.Millisecond)
		if busy() != 1 {
			t.Error("the filler does not begin when the cold start is over")
		}
		time.Sleep(time.Second)
		f.reap(time.Now(), time.Time{})
		go f.cold(t, a, time.Minute)
		time.Sleep(11 * time.Millisecond)
		if busy() != 1 {
			t.Error("the filler waits for a cold start that takes long")
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		f.end(t)
	})
}

// A driver that fails fails those who wait, each once, and is left alone for a
// while otherwise.
func TestStockFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := shelfKey{runtime: "a"}
		f := newFakeStock(t, 100, 10*time.Millisecond)
		f.refuse = errors.New("no processes")
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				if _, _, err := f.take(t.Context(), a); !errors.Is(err, f.refuse) {
					t.Errorf("got %v", err)
				}
			})
		}
		wg.Wait()
		time.Sleep(time.Minute)
		f.mu.Lock()
		f.refuse = nil
		f.mu.Unlock()
		f.cold(t, a, 0)
		time.Sleep(time.Second)
		if got := f.shelved(a); got == 0 {
			t.Error("the shelf stays empty")
		}
		f.end(t)
	})
}

// Who gives up gets nothing, and what was made for it is not lost.
func TestStockPatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := shelfKey{runtime: "a"}
		f := newFakeStock(t, 100, 100*time.Millisecond)
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		if _, _, err := f.take(ctx, a); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		time.Sleep(time.Second)
		if got := f.shelved(a); got != 1 {
			t.Errorf("%d blanks", got)
		}
		// One that dies on the shelf is not given to anybody.
		f.mu.Lock()
		for b := range f.living {
			close(b.exited)
		}
		f.mu.Unlock()
		if f.cold(t, a, 0) {
			t.Error("a dead blank was given out")
		}
		f.end(t)
	})
}

// At random: everyone is served or told why not, and the books are in order.
func TestStockAtRandom(t *testing.T) {
	for seed := range uint64(20) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				rnd := rand.New(rand.NewPCG(seed, 2))
				f := newFakeStock(t, 1+rnd.IntN(10), time.Duration(1+rnd.IntN(100))*time.Millisecond)
				var wg sync.WaitGroup
				for range 300 {
					key := shelfKey{runtime: string('a' + rune(rnd.IntN(3)))}
					patience, lasts := time.Duration(rnd.IntN(200))*time.Millisecond, time.Duration(rnd.IntN(50))*time.Millisecond
					wg.Go(func() {
						ctx, cancel := context.WithTimeout(context.Background(), patience)
						defer cancel()
						b, _, err := f.take(ctx, key)
						if err != nil {
							return
						}
						time.Sleep(lasts)
						f.gate.leave()
						b.Discard()
					})
					f.mu.Lock()
					f.refuse = nil
					if rnd.IntN(10) == 0 {
						f.refuse = errors.New("for now")
					}
					f.mu.Unlock()
					if rnd.IntN(20) == 0 {
						f.reap(time.Now(), time.Now().Add(-time.Duration(rnd.IntN(10))*time.Second))
					}
					time.Sleep(time.Duration(rnd.IntN(40)) * time.Millisecond)
					f.within(t)
				}
				wg.Wait()
				if n := f.gate.inside.Load(); n != 0 {
					t.Errorf("%d at the gate", n)
				}
				f.end(t)
			})
		})
	}
}
