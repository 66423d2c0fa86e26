package lambda

import (
	"context"
	"errors"

	"furl/internal/awsapi"
	"furl/internal/state"
	"furl/internal/store"
)

// InvokeAsync is the old form of an asynchronous invocation.
func (s *Service) InvokeAsync(ctx context.Context, in *InvokeAsyncRequest) (*InvokeAsyncResponse, error) {
	v, err := s.check(ctx, &InvokeWithResponseStreamRequest{FunctionName: in.FunctionName, Payload: in.InvokeArgs}, true)
	if err != nil {
		return nil, err
	}
	return &InvokeAsyncResponse{Status: new(202)}, s.enqueue(ctx, v)
}

// enqueue puts an event into the queue: what it accepts is durable. As on AWS the
// function does not get the client context of such an invocation.
func (s *Service) enqueue(ctx context.Context, v *invocation) error {
	now := s.now()
	config := v.function.Events[state.EventQualifier(v.qualifier)]
	err := s.state.Enqueue(ctx, &state.Event{
		RequestID: awsapi.RequestID(ctx),
		Account:   v.id.Account,
		Region:    v.id.Region,
		Function:  v.id.Name,
		Qualifier: v.qualifier,
		Created:   v.function.Function.Created,
		Enqueued:  now,
		TraceID:   v.trace.header,
		Payload:   v.event,
	}, now.Add(config.Age()))
	switch {
	case errors.Is(err, state.ErrNotFound):
		return notInvocable(v.ref)
	case errors.Is(err, store.ErrBusy):
		return TooManyRequestsException("Rate exceeded").WithMember("Reason", "CallerRateLimitExceeded")
	case err != nil:
		return err
	}
	s.enqueued(v.id)
	return nil
}
