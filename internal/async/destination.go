package async

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"furl/internal/arn"
	"furl/internal/environment"
	"furl/internal/state"
	"furl/internal/store"
)

// maxHops is how many destinations may follow one another, as AWS's detection of
// recursive loops allows; a function whose RecursiveLoop is Allow has no limit.
const maxHops = 16

// conclude ends an event and hands what came of it to the destination, both in one
// transaction. The result is nil where the function was not given the event.
func (r *Runner) conclude(w *work, condition string, res *environment.Result) {
	next, expires, undelivered := r.deliver(w, condition, res)
	ctx, cancel := context.WithTimeout(context.Background(), commitTimeout)
	defer cancel()
	err := r.o.State.FinishEvent(ctx, w.RequestID, next, expires)
	if conflict, ok := errors.AsType[*store.ConflictError](err); ok && next != nil && conflict.Job == "" {
		next, undelivered = nil, errors.New("the destination is gone")
		err = r.o.State.FinishEvent(ctx, w.RequestID, nil, time.Time{})
	}
	if err != nil {
		r.keep(err, w.RequestID)
		return
	}
	if condition != Success {
		r.o.Counter.EventDropped(w.Function, condition)
		r.o.Logger.Warn("an asynchronous invocation ended without success", "request_id", w.RequestID, "function", w.ARN(),
			"condition", condition, "runs", w.Runs)
	}
	if undelivered != nil {
		r.o.Counter.DeliveryFailed(w.Function)
		r.o.Logger.Warn("a destination did not get the record of an asynchronous invocation", "request_id", w.RequestID,
			"function", w.ARN(), "condition", condition, "err", undelivered)
	}
	if next != nil {
		r.Enqueued(next.ID())
	}
}

// deliver makes the event for a destination, and when it expires; nil where there
// is no destination, or an error where it cannot have the event.
func (r *Runner) deliver(w *work, condition string, res *environment.Result) (*state.Event, time.Time, error) {
	destination := ""
	switch {
	case w.config == nil:
	case condition == Success:
		destination = w.config.OnSuccess
	default:
		destination = w.config.OnFailure
	}
	if letters := w.routing.Target.Version.DeadLetter; destination == "" && condition != Success && letters != "" {
		return nil, time.Time{}, fmt.Errorf("this server has no queues and topics, such as the dead-letter target %s", letters)
	}
	if destination == "" {
		return nil, time.Time{}, nil
	}
	name, err := arn.ParseFunctionName(destination)
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("destination %s: %w", destination, err)
	}
	id := state.FunctionID{Account: name.Account, Region: name.Region, Name: name.Name}
	f := r.o.State.Snapshot().Function(id)
	switch {
	case f == nil:
		return nil, time.Time{}, fmt.Errorf("destination %s: there is no such function", destination)
	case !r.o.MayInvoke(w.routing.Target.Version.Role, f, name.Qualifier):
		return nil, time.Time{}, fmt.Errorf("destination %s: role %s may not invoke it", destination, w.routing.Target.Version.Role)
	case w.Hops+1 >= maxHops && w.function.Function.RecursiveLoop != "Allow":
		r.o.Counter.EventDropped(w.Function, ReasonRecursion)
		return nil, time.Time{}, fmt.Errorf("destination %s: %d destinations have followed one another; the function's recursion config stops it here", destination, maxHops)
	}
	payload, err := appendRecord(nil, w, condition, res, r.o.Now())
	if err != nil {
		return nil, time.Time{}, err
	}
	if len(payload) > state.MaxEvent {
		return nil, time.Time{}, fmt.Errorf("destination %s: a record of %d bytes is larger than the limit of %d", destination, len(payload), state.MaxEvent)
	}
	now := r.o.Now()
	next := &state.Event{
		RequestID: uuid.NewString(), Account: id.Account, Region: id.Region, Function: id.Name, Qualifier: name.Qualifier,
		Created: f.Function.Created, Enqueued: now, TraceID: w.TraceID, Hops: w.Hops + 1, Payload: payload,
	}
	return next, now.Add(f.Events[state.EventQualifier(name.Qualifier)].Age()), nil
}

// record is what a destination gets: AWS's format, version 1.0.
type record struct {
	Version         string           `json:"version"`
	Timestamp       string           `json:"timestamp"`
	RequestContext  requestContext   `json:"requestContext"`
	RequestPayload  json.RawMessage  `json:"requestPayload"`
	ResponseContext *responseContext `json:"responseContext,omitempty"`
	ResponsePayload json.RawMessage  `json:"responsePayload,omitempty"`
}

type requestContext struct {
	RequestID   string `json:"requestId"`
	FunctionARN string `json:"functionArn"` // always with a qualifier
	Condition   string `json:"condition"`
	InvokeCount int    `json:"approximateInvokeCount"`
}

type responseContext struct {
	StatusCode      int    `json:"statusCode"`
	ExecutedVersion string `json:"executedVersion"`
	FunctionError   string `json:"functionError,omitempty"`
}

// appendRecord appends the record of an event that has ended.
func appendRecord(b []byte, w *work, condition string, res *environment.Result, now time.Time) ([]byte, error) {
	rec := record{
		Version:   "1.0",
		Timestamp: now.UTC().Format("2006-01-02T15:04:05.000Z"),
		RequestContext: requestContext{
			RequestID: w.RequestID, Condition: condition, InvokeCount: w.Runs,
			FunctionARN: arn.Function(w.Region, w.Account, w.Function, state.EventQualifier(w.Qualifier)),
		},
		RequestPayload: w.Payload,
	}
	if res != nil {
		rec.ResponseContext = &responseContext{StatusCode: 200, ExecutedVersion: res.Version, FunctionError: res.FunctionError}
		rec.ResponsePayload = res.Payload
		if !json.Valid(res.Payload) { // a custom runtime may answer anything
			text, err := json.Marshal(string(res.Payload))
			if err != nil {
				return nil, fmt.Errorf("async: the answer of %s: %w", w.ARN(), err)
			}
			rec.ResponsePayload = text
		}
	}
	out := bytes.NewBuffer(b)
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(rec); err != nil {
		return nil, fmt.Errorf("async: the record of %s: %w", w.ARN(), err)
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), nil
}
