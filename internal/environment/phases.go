package environment

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"
)

// invoke is the Invoke phase of one event. usable is whether the environment
// can serve another one. The error is errNotRun, or one that is not the
// function's doing.
func (e *environment) invoke(ctx context.Context, inv *Invocation) (res Result, usable bool, err error) {
	if err := e.wake(); err != nil {
		return Result{}, false, err
	}
	limit := time.Duration(e.target.Version.Timeout) * time.Second
	begin := time.Now()
	deadline := begin.Add(limit)
	e.out.begin(inv.RequestID, begin, inv.Tail)
	if e.broken != nil {
		err = e.reopen(ctx, deadline)
	}
	var a answer
	d := &e.delivery
	*d = e.deliver(inv)
	defer func() { *d = delivery{} }() // it holds what is the caller's
	if err == nil {
		a, err = e.talk.invoke(ctx, inv, deadline, d)
	}
	if errors.Is(err, errNotRun) && e.broken == nil {
		e.out.withdraw()
		return Result{}, false, err
	}
	end := time.Now()
	e.out.drain(end)
	figures := Figures{Duration: end.Sub(begin), MemorySize: e.target.Version.MemorySize, TraceID: inv.TraceID}
	var f *failure
	if err != nil {
		if f = e.explain(err, inv.RequestID); f == nil {
			e.out.end()
			return Result{}, false, fmt.Errorf("environment: %s: %w", e.target.Key, err)
		}
		if f.timeout {
			figures.Duration = limit
		}
		a = answer{payload: f.payload, errorType: f.errorType, streamed: d.begun, contentType: d.contentType}
		e.lastWords(err)
		e.out.drain(time.Now()) // what it printed while it ended
		e.outOfMemory(f)
	}
	figures.MaxMemoryMB = e.peak(end, a.memory)
	e.settle(&figures, f, a)
	res = e.result(inv, a, &figures)
	res.LogTail = e.conclude(inv, f, &figures, end)
	return res, err == nil && !e.gone(), nil
}

// reopen repeats an Init phase that failed, under the function's timeout.
func (e *environment) reopen(ctx context.Context, deadline time.Time) error {
	var missing *InterpreterError
	if errors.As(e.broken, &missing) {
		return e.broken
	}
	return e.boot(ctx, deadline)
}

// settle completes the figures of an invocation.
func (e *environment) settle(figures *Figures, f *failure, a answer) {
	if e.fresh && e.broken == nil {
		figures.Init = e.initTime
	}
	e.fresh, e.broken = false, nil
	figures.Billed = time.Duration(math.Ceil(float64(figures.Duration)/float64(time.Millisecond))) * time.Millisecond
	if isPlatformType(a.errorType) {
		figures.ErrorType = a.errorType
	}
	switch {
	case f != nil:
		figures.Status = f.status()
	case a.errorType != "":
		figures.Status = "error"
	}
}

// isPlatformType reports whether an error type is the platform's or a
// runtime's, rather than a class of the function's.
func isPlatformType(t string) bool {
	for _, prefix := range [...]string{"Runtime.", "Function.", "Sandbox."} {
		if strings.HasPrefix(t, prefix) {
			return true
		}
	}
	return false
}

func (f *failure) status() string {
	if f.timeout {
		return "timeout"
	}
	return "error"
}

func (e *environment) result(inv *Invocation, a answer, figures *Figures) Result {
	res := Result{
		Payload: a.payload, ContentType: a.contentType, Streamed: a.streamed,
		ErrorType: a.errorType, Version: e.target.Version.Number,
		Duration: figures.Duration, Billed: figures.Billed, Init: figures.Init,
		MaxMemoryMB: figures.MaxMemoryMB,
	}
	if a.errorType != "" {
		res.FunctionError = "Unhandled"
	}
	return res
}

// conclude writes the records that end an invocation and returns the log tail.
func (e *environment) conclude(inv *Invocation, f *failure, figures *Figures, end time.Time) []byte {
	ended := Event{Kind: End, Time: end, RequestID: inv.RequestID}
	report := Event{Kind: Report, Time: end, RequestID: inv.RequestID, Figures: *figures}
	if f != nil && f.timeout {
		return e.out.end(Event{Kind: Timeout, Time: end, RequestID: inv.RequestID, Figures: *figures}, ended, report)
	}
	if f != nil && f.reason != "" {
		return e.out.end(Event{Kind: Line, Time: end, RequestID: inv.RequestID, Text: f.reason}, ended, report)
	}
	return e.out.end(ended, report)
}
