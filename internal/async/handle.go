package async

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"furl/internal/environment"
	"furl/internal/state"
	"furl/internal/store"
)

// Conditions with which an event ends, in the words of AWS's records for
// destinations.
const (
	Success                 = "Success"
	RetriesExhausted        = "RetriesExhausted"
	EventAgeExceeded        = "EventAgeExceeded"
	ZeroReservedConcurrency = "ZeroReservedConcurrency"
)

// Reasons for which an event is dropped that no destination hears of.
const (
	// ReasonDeleted: the function, the version or the alias is gone.
	ReasonDeleted = "Deleted"
	// ReasonRecursion: a chain of destinations grew too long.
	ReasonRecursion = "Recursion"
)

// How long an event waits after a failure: errorDelay for each time that the
// function failed; after throttles and failures of the node from firstDelay on twice
// as long each time, up to lastDelay.
const (
	errorDelay = time.Minute
	firstDelay = time.Second
	lastDelay  = 5 * time.Minute
)

// work is an event with what it is handled by.
type work struct {
	*state.Event
	attempt  int // how often it was claimed since the function last answered
	function *state.FunctionEntry
	routing  state.Routing
	config   *state.EventConfig // nil for the defaults
	expires  time.Time
}

// handle brings an event as far as it gets now.
func (r *Runner) handle(j store.Job) {
	e, err := state.DecodeEvent(j)
	if err != nil {
		r.o.Logger.Error("an asynchronous invocation cannot be read; it stays in the queue", "request_id", j.ID, "err", err)
		r.keep(r.retryAt(j.ID, r.o.Now().Add(undecodable)), j.ID)
		return
	}
	w := &work{Event: e, attempt: j.Attempt, function: r.o.State.Snapshot().Function(e.ID())}
	found := w.function != nil && e.Of(w.function.Function)
	if found {
		w.routing, found = w.function.Routing(e.Qualifier)
	}
	if !found {
		r.drop(w)
		return
	}
	w.config = w.function.Events[state.EventQualifier(e.Qualifier)]
	w.expires = e.Enqueued.Add(w.config.Age())
	now := r.o.Now()
	switch reserved := w.function.Function.ReservedConcurrency; {
	case reserved != nil && *reserved == 0:
		r.conclude(w, ZeroReservedConcurrency, nil)
	case !now.Before(w.expires):
		r.conclude(w, EventAgeExceeded, nil)
	default:
		r.run(w, now)
	}
}

// run gives the event to its function.
func (r *Runner) run(w *work, now time.Time) {
	target := pick(&w.routing)
	age := now.Sub(w.Enqueued)
	r.o.Counter.EventStarted(w.Function, age)
	res, err := r.o.Invoke(r.ctx, target, &environment.Invocation{
		RequestID: w.RequestID, TraceID: w.TraceID, InvokedARN: w.ARN(), Event: w.Payload,
	})
	if r.over() || err != nil && (r.ctx.Err() != nil || errors.Is(err, environment.ErrClosed)) {
		return // Close gives it back
	}
	r.record(w, target, age, &res, err)
	switch {
	case err != nil:
		r.delay(w, min(firstDelay<<min(w.attempt-1, 20), lastDelay))
	case res.FunctionError == "":
		w.Runs++
		r.conclude(w, Success, &res)
	default:
		w.Runs++
		r.failed(w, &res)
	}
}

// delay has an event tried again that the function was not given: such attempts do
// not count, only its age does.
func (r *Runner) delay(w *work, d time.Duration) {
	due := r.o.Now().Add(d)
	if !due.Before(w.expires) {
		r.conclude(w, EventAgeExceeded, nil)
		return
	}
	r.keep(r.retryAt(w.RequestID, due), w.RequestID)
}

// failed has an event tried again at which the function failed.
func (r *Runner) failed(w *work, res *environment.Result) {
	due := r.o.Now().Add(time.Duration(w.Runs) * errorDelay)
	switch {
	case w.Runs > w.config.Retries():
		r.conclude(w, RetriesExhausted, res)
	case !due.Before(w.expires):
		r.conclude(w, EventAgeExceeded, res)
	default:
		ctx, cancel := context.WithTimeout(context.Background(), commitTimeout)
		defer cancel()
		r.keep(r.o.State.Requeue(ctx, w.Event, due, w.expires), w.RequestID)
	}
}

func (r *Runner) retryAt(id string, due time.Time) error {
	ctx, cancel := context.WithTimeout(context.Background(), commitTimeout)
	defer cancel()
	return r.o.Queue.Retry(ctx, id, due)
}

// keep says of an event that was not put back that it will run again all the same:
// when its lease has run out.
func (r *Runner) keep(err error, id string) {
	if err != nil && !errors.Is(err, store.ErrConflict) {
		r.o.Logger.Error("the state of an asynchronous invocation was not written; it runs again", "request_id", id, "err", err)
	}
}

// drop ends an event whose function is gone.
func (r *Runner) drop(w *work) {
	ctx, cancel := context.WithTimeout(context.Background(), commitTimeout)
	defer cancel()
	if err := r.o.State.FinishEvent(ctx, w.RequestID, nil, time.Time{}); err != nil {
		r.keep(err, w.RequestID)
		return
	}
	r.o.Counter.EventDropped(w.Function, ReasonDeleted)
	r.o.Logger.Warn("an asynchronous invocation was dropped: what it was for is gone", "request_id", w.RequestID, "function", w.ARN())
}

// record writes the access record of one attempt.
func (r *Runner) record(w *work, t *state.Target, age time.Duration, res *environment.Result, err error) {
	attrs := []slog.Attr{
		slog.String("request_id", w.RequestID),
		slog.String("function", w.ARN()),
		slog.String("version", t.Version.Number),
		slog.Int("attempt", w.Runs+1),
		slog.Duration("age", age),
		slog.Duration("duration", res.Duration),
	}
	if res.FunctionError != "" {
		attrs = append(attrs, slog.String("error_type", res.ErrorType))
	}
	level := slog.LevelInfo
	if err != nil {
		attrs = append(attrs, slog.String("err", err.Error()))
		if _, throttled := errors.AsType[*environment.ThrottledError](err); !throttled {
			level = slog.LevelError
		}
	}
	r.o.Access.LogAttrs(r.ctx, level, "async", attrs...)
}
