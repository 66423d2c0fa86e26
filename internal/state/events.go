package state

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"furl/internal/arn"
	"furl/internal/store"
)

// EventConfig is the record of how asynchronous invocations of a qualifier are
// handled. Nil and empty members were not given.
type EventConfig struct {
	V        int    `json:"v"`
	Account  string `json:"account"`
	Region   string `json:"region"`
	Function string `json:"function"`
	// Qualifier is "$LATEST", a version's number or an alias's name.
	Qualifier string `json:"qualifier"`

	MaxRetries *int `json:"maxRetries,omitempty"` // after function errors
	MaxAge     *int `json:"maxAge,omitempty"`     // seconds
	// OnSuccess and OnFailure are the ARNs of destinations.
	OnSuccess string `json:"onSuccess,omitempty"`
	OnFailure string `json:"onFailure,omitempty"`

	LastModified time.Time `json:"lastModified"`
}

// What holds for asynchronous invocations where nothing is configured: AWS's
// defaults.
const (
	DefaultEventRetries = 2
	DefaultEventAge     = 6 * time.Hour
)

// Retries is how often an event is retried after a function error. A nil
// EventConfig has the defaults.
func (c *EventConfig) Retries() int {
	if c == nil || c.MaxRetries == nil {
		return DefaultEventRetries
	}
	return *c.MaxRetries
}

// Age is how old an event may become.
func (c *EventConfig) Age() time.Duration {
	if c == nil || c.MaxAge == nil {
		return DefaultEventAge
	}
	return time.Duration(*c.MaxAge) * time.Second
}

// EventQualifier is the qualifier under which an event's configuration is kept:
// an invocation without one is one of $LATEST.
func EventQualifier(qualifier string) string {
	if qualifier == "" {
		return LatestVersion
	}
	return qualifier
}

// UpdateEventConfig lets change edit how asynchronous invocations of a qualifier
// are handled. It is given nil where nothing is configured and returns nil to
// remove it. ErrNotFound if the function, the version or the alias is gone.
func (s *State) UpdateEventConfig(ctx context.Context, id FunctionID, qualifier string, change func(*EventConfig) (*EventConfig, error)) error {
	qualifier = EventQualifier(qualifier)
	return updateChild(ctx, s, id.qualifierKey(qualifier), id.eventKey(qualifier), func(c *EventConfig) (*EventConfig, error) {
		next, err := change(c)
		if next != nil {
			next.V, next.Account, next.Region, next.Function, next.Qualifier = schema, id.Account, id.Region, id.Name, qualifier
		}
		return next, err
	})
}

// MaxEvent is the largest event of an asynchronous invocation, in bytes (lambda
// reference 2.6).
const MaxEvent = 1 << 20

// Event is one asynchronous invocation in the store's queue.
type Event struct {
	V int `json:"v"`
	// RequestID is the invocation's, the same in every attempt; it names the job.
	RequestID string `json:"requestId"`
	Account   string `json:"account"`
	Region    string `json:"region"`
	Function  string `json:"function"`
	Qualifier string `json:"qualifier,omitempty"` // as invoked, empty for none
	// Created is when the function was made: one that is made anew under the same
	// name does not get its predecessor's events.
	Created time.Time `json:"created"`
	// Enqueued is when the event was accepted.
	Enqueued time.Time `json:"enqueued"`
	TraceID  string    `json:"traceId,omitempty"`
	// Runs is how often the function was given the event and failed.
	Runs int `json:"runs,omitempty"`
	// Hops is how many destinations led here, one from the other.
	Hops int `json:"hops,omitempty"`

	// Payload is the event itself, kept byte for byte.
	Payload []byte `json:"-"`
}

// ID returns the name of the function.
func (e *Event) ID() FunctionID { return FunctionID{e.Account, e.Region, e.Function} }

// ARN is what was invoked, as it was named.
func (e *Event) ARN() string { return arn.Function(e.Region, e.Account, e.Function, e.Qualifier) }

// Of reports whether the event is for this very function.
func (e *Event) Of(f *Function) bool { return e.Created.Equal(f.Created) }

// Job is the event as the queue holds it, to be handled at due and not after
// expires. Its body is a line of JSON and the payload.
func (e *Event) Job(due, expires time.Time) (store.Job, error) {
	e.V = schema
	head, err := json.Marshal(e)
	if err != nil {
		return store.Job{}, fmt.Errorf("state: encode event %s: %w", e.RequestID, err)
	}
	body := make([]byte, 0, len(head)+1+len(e.Payload))
	body = append(append(append(body, head...), '\n'), e.Payload...)
	return store.Job{ID: e.RequestID, Fn: e.ID().key(), Due: due, Expires: expires, Body: body}, nil
}

// DecodeEvent reads the event of a job.
func DecodeEvent(j store.Job) (*Event, error) {
	head, payload, found := bytes.Cut(j.Body, []byte("\n"))
	if !found {
		return nil, fmt.Errorf("state: job %q is no event", j.ID)
	}
	e, err := decode[Event](store.Rec{Val: head})
	if err != nil {
		return nil, fmt.Errorf("state: job %q: %w", j.ID, err)
	}
	e.Payload = payload
	return e, nil
}

// QueueKey names a function among the queue's jobs.
func (id FunctionID) QueueKey() string { return id.key() }

// FunctionOf returns the function of a QueueKey, nil if it is gone.
func (s *Snapshot) FunctionOf(key string) *FunctionEntry {
	f, _ := s.functions.get(s.seed, key)
	return f
}

// Enqueue puts an event into the queue; it is durable when Enqueue returns.
// ErrNotFound if the function, the version or the alias is gone.
func (s *State) Enqueue(ctx context.Context, e *Event, expires time.Time) error {
	job, err := e.Job(e.Enqueued, expires)
	if err != nil {
		return err
	}
	owned := e.ID().qualifierKey(e.Qualifier)
	err = s.commit(ctx, store.Txn{If: []store.Cond{{Key: owned, Rev: store.Exists}}, Enqueue: []store.Job{job}})
	if errors.Is(err, store.ErrConflict) {
		return ErrNotFound
	}
	return err
}

// Requeue puts a claimed event back as it is now, to be handled at due. The job
// begins anew: its attempts are not counted on.
func (s *State) Requeue(ctx context.Context, e *Event, due, expires time.Time) error {
	job, err := e.Job(due, expires)
	if err != nil {
		return err
	}
	return s.commit(ctx, store.Txn{Finish: []string{e.RequestID}, Enqueue: []store.Job{job}})
}

// FinishEvent takes an event out of the queue and, in the same transaction, puts
// next there, if any, as long as its function is there. store.ErrConflict if the
// event had left the queue.
func (s *State) FinishEvent(ctx context.Context, requestID string, next *Event, expires time.Time) error {
	txn := store.Txn{Finish: []string{requestID}}
	if next != nil {
		job, err := next.Job(next.Enqueued, expires)
		if err != nil {
			return err
		}
		txn.Enqueue = []store.Job{job}
		txn.If = []store.Cond{{Key: next.ID().qualifierKey(next.Qualifier), Rev: store.Exists}}
	}
	return s.commit(ctx, txn)
}
