package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"furl/test/bench/measure"
)

// measureRates compares how many cold starts a second the engine sustains, ends of environments included, with how often
// a bare interpreter can be run. Both take turns in short slices.
func (b *bench) measureRates(ctx context.Context) error {
	e, err := b.engine(ctx, b.python, b.o.interpreter, false, nil)
	if err != nil {
		return err
	}
	cold := func(ctx context.Context) error {
		_, _, err := e.start(ctx, e.function(b.code.Plain, "app.handler"))
		e.retire()
		return err
	}
	reference := func(ctx context.Context) error { _, err := bare(ctx, b.o.interpreter); return err }
	for _, concurrency := range []int{1, 2, 8} {
		var ratios []float64
		var ours, theirs sustained
		for range b.o.slices {
			if err := theirs.slice(ctx, concurrency, b.o.slice, reference); err != nil {
				return err
			}
			if err := ours.slice(ctx, concurrency, b.o.slice, cold); err != nil {
				return err
			}
			if err := e.settle(ctx); err != nil {
				return err
			}
			last := len(ours.rates) - 1
			ratios = append(ratios, ours.rates[last]/theirs.rates[last])
		}
		b.report.add(row{Section: "Sustained cold starts", Figure: fmt.Sprintf("Python, engine, concurrency %d / %s", concurrency, barePass),
			Measured: measure.Percentile(ratios, 50), Unit: "x", Goal: limit(1), AtLeast: true,
			Note: fmt.Sprintf("%v beside %v, medians of %d slices of %v", &ours, &theirs, b.o.slices, b.o.slice)})
	}
	return nil
}

// sustained is how often something was done, a second, and what it took of the processor, by slice.
type sustained struct{ rates, cpu []float64 }

func (s *sustained) String() string {
	return fmt.Sprintf("%.0f a second of %.1f ms CPU", measure.Percentile(s.rates, 50), measure.Percentile(s.cpu, 50))
}

func (s *sustained) slice(ctx context.Context, concurrency int, slice time.Duration, f func(context.Context) error) error {
	before, err := measure.TreeCPU(os.Getpid())
	if err != nil {
		return err
	}
	begin := time.Now()
	perSecond, err := rate(ctx, concurrency, slice, f)
	if err != nil {
		return err
	}
	done := perSecond * time.Since(begin).Seconds()
	after, err := measure.TreeCPU(os.Getpid())
	s.rates = append(s.rates, perSecond)
	s.cpu = append(s.cpu, float64(after-before)/float64(time.Millisecond)/done)
	return err
}

// rate is how often a second f is done by so many at once.
func rate(ctx context.Context, concurrency int, slice time.Duration, f func(context.Context) error) (float64, error) {
	var done atomic.Int64
	errs := make([]error, concurrency)
	begin := time.Now()
	var wg sync.WaitGroup
	for i := range concurrency {
		wg.Go(func() {
			for time.Since(begin) < slice && errs[i] == nil {
				errs[i] = f(ctx)
				done.Add(1)
			}
		})
	}
	wg.Wait()
	return float64(done.Load()) / time.Since(begin).Seconds(), errors.Join(errs...)
}
