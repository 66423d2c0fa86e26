package lambda

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"

	"github.com/google/uuid"

	"furl/internal/state"
)

// atOnce is how many functions are made ready at the same time: a package that
// takes long must not hold up all others.
const atOnce = 4

// activator makes new code ready on this node and then moves its function on:
// Pending to Active, InProgress to Successful. Clients wait for that with the
// waiters of their SDKs.
type activator struct {
	state   *state.State
	unpack  func(ctx context.Context, v *state.Version) error
	compile func(ctx context.Context, runtime, sha string)
	logger  *slog.Logger

	wake chan struct{}
	stop context.CancelFunc
	done chan struct{}

	mu      sync.Mutex
	pending []state.FunctionID
}

func newActivator(o *Options) *activator {
	ctx, stop := context.WithCancel(context.Background())
	a := &activator{
		state:   o.State,
		unpack:  o.Unpack,
		compile: o.Compile,
		logger:  o.Logger,
		wake:    make(chan struct{}, 1),
		stop:    stop,
		done:    make(chan struct{}),
	}
	if a.compile == nil {
		a.compile = func(context.Context, string, string) {}
	}
	for _, f := range o.State.Snapshot().AllFunctions() {
		if unfinished(&f.Function.Latest) || len(unfinishedVersions(f)) > 0 {
			a.add(f.Function.ID())
		}
	}
	go a.run(ctx)
	return a
}

func unfinished(v *state.Version) bool {
	return v.State == state.StatePending || v.UpdateStatus == state.UpdateInProgress
}

// unfinishedVersions are the published versions whose code is not ready yet.
func unfinishedVersions(f *state.FunctionEntry) []*state.Version {
	var all []*state.Version
	for _, t := range f.Published() {
		if unfinished(t.Version) {
			all = append(all, t.Version)
		}
	}
	return all
}

// add has a function made ready soon.
func (a *activator) add(id state.FunctionID) {
	a.mu.Lock()
	a.pending = append(a.pending, id)
	a.mu.Unlock()
	select {
	case a.wake <- struct{}{}:
	default: // it is awake already
	}
}

func (a *activator) close() error {
	a.stop()
	<-a.done
	return nil
}

func (a *activator) run(ctx context.Context) {
	defer close(a.done)
	var wg sync.WaitGroup
	defer wg.Wait()
	slots := make(chan struct{}, atOnce)
	for {
		select {
		case <-ctx.Done():
			return
		case <-a.wake:
		}
		for _, id := range a.take() {
			select {
			case <-ctx.Done():
				return
			case slots <- struct{}{}:
			}
			wg.Go(func() {
				defer func() { <-slots }()
				if err := a.activate(ctx, id); err != nil && ctx.Err() == nil {
					a.logger.Error("a function could not be made ready", "function", id.Name, "err", err)
				}
			})
		}
	}
}

func (a *activator) take() []state.FunctionID {
	a.mu.Lock()
	defer a.mu.Unlock()
	taken := a.pending
	a.pending = nil
	return taken
}

func (a *activator) activate(ctx context.Context, id state.FunctionID) error {
	f := a.state.Snapshot().Function(id)
	if f == nil {
		return nil
	}
	err := a.activateLatest(ctx, f)
	for _, v := range unfinishedVersions(f) {
		err = errors.Join(err, a.activateVersion(ctx, id, v))
	}
	return err
}

func (a *activator) activateLatest(ctx context.Context, f *state.FunctionEntry) error {
	if !unfinished(&f.Function.Latest) {
		return nil
	}
	was := &f.Function.Latest
	return a.ready(ctx, was, func(ready bool) error {
		_, err := a.state.UpdateFunction(ctx, f.Function.ID(), func(f *state.Function) error {
			if sameCode(&f.Latest, was) && unfinished(&f.Latest) { // else newer code, which has its own turn
				settle(&f.Latest, ready)
				f.Latest.RevisionID = uuid.NewString() // a published version keeps its own (recorded)
			}
			return nil
		})
		return err
	})
}

func (a *activator) activateVersion(ctx context.Context, id state.FunctionID, v *state.Version) error {
	return a.ready(ctx, v, func(ready bool) error {
		_, err := a.state.UpdateVersion(ctx, id, v.Number, func(now *state.Version) error {
			if sameCode(now, v) { // else the function was made anew under its name
				settle(now, ready)
			}
			return nil
		})
		return err
	})
}

// sameCode reports whether two versions run from the same package and layers.
func sameCode(a, b *state.Version) bool {
	return a.CodeBlob == b.CodeBlob && slices.Equal(a.Layers, b.Layers)
}

// ready makes a version's code ready on this node and has the outcome recorded.
func (a *activator) ready(ctx context.Context, v *state.Version, record func(ready bool) error) error {
	unpackErr := a.unpack(ctx, v)
	if unpackErr == nil {
		a.compile(ctx, v.Runtime, v.CodeBlob)
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	err := record(unpackErr == nil)
	if err == nil || errors.Is(err, state.ErrNotFound) { // deleted meanwhile
		err = unpackErr
	}
	return err
}

// settle ends a version's creation or update.
func settle(v *state.Version, ready bool) {
	switch {
	case !unfinished(v):
	case ready:
		v.State, v.UpdateStatus = state.StateActive, state.UpdateSuccessful
	case v.State == state.StatePending:
		v.State = state.StateFailed
	default:
		v.UpdateStatus = state.UpdateFailed
	}
}
