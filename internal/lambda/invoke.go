package lambda

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math/rand/v2"

	"furl/internal/awsapi"
	"furl/internal/environment"
	"furl/internal/state"
)

// maxClientContext bounds the X-Amz-Client-Context header, in bytes of base64.
const maxClientContext = 3583

// invocation is a request to invoke that was found good.
type invocation struct {
	ref
	function *state.FunctionEntry
	routing  state.Routing
	event    []byte
	trace    trace
	// clientContext is JSON, or empty.
	clientContext []byte
}

// Invoke runs a function and answers with its result, byte for byte, or puts the
// event into the queue.
func (s *Service) Invoke(ctx context.Context, in *InvocationRequest) (*InvocationResponse, error) {
	if in.DurableExecutionName != nil {
		if _, err := s.findInvocable(ctx, in.FunctionName, in.Qualifier); err != nil {
			return nil, err
		}
		return nil, notOffered("Durable functions")
	}
	kind := value(in.InvocationType)
	v, err := s.check(ctx, &InvokeWithResponseStreamRequest{
		FunctionName: in.FunctionName, Qualifier: in.Qualifier, TenantId: in.TenantId, TraceId: in.TraceId,
		ClientContext: in.ClientContext, Payload: in.Payload,
	}, kind == InvocationTypeEvent)
	if err != nil {
		return nil, err
	}
	switch kind {
	case InvocationTypeDryRun:
		return &InvocationResponse{StatusCode: new(204)}, nil
	case InvocationTypeEvent:
		return &InvocationResponse{StatusCode: new(202), TraceId: new(v.trace.answer())}, s.enqueue(ctx, v)
	}
	res, err := s.pool.Invoke(ctx, v.routing.Pick(rand.Float64()), v.forEnvironment(ctx, value(in.LogType)))
	if err != nil {
		return nil, invokeError(err)
	}
	return &InvocationResponse{
		StatusCode:      new(200),
		FunctionError:   nonEmpty(res.FunctionError),
		Payload:         res.Payload,
		ExecutedVersion: &res.Version,
		TraceId:         new(v.trace.answer()),
		LogResult:       logResult(value(in.LogType), &res),
	}, nil
}

// check finds what is to be invoked and refuses what it cannot be given. Invoke's
// members that InvokeWithResponseStream has too are enough for it.
func (s *Service) check(ctx context.Context, in *InvokeWithResponseStreamRequest, asynchronous bool) (*invocation, error) {
	v, err := s.findInvocable(ctx, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	if in.TenantId != nil {
		return nil, notOffered("Tenant isolation")
	}
	if asynchronous && len(in.Payload) > state.MaxEvent {
		return nil, RequestEntityTooLargeException("%d byte payload is too large for the Event invocation type (limit %d bytes)", len(in.Payload), state.MaxEvent)
	}
	if v.clientContext, err = decodeClientContext(value(in.ClientContext)); err != nil {
		return nil, err
	}
	v.event = in.Payload
	if len(v.event) == 0 {
		v.event = []byte("{}")
	}
	v.trace = newTrace(value(in.TraceId), s.now())
	return v, checkPayload(v.event)
}

// findInvocable resolves what is to be invoked. A missing function is named
// with the qualifier $LATEST where the request has none (recorded).
func (s *Service) findInvocable(ctx context.Context, name string, qualifier *string) (*invocation, error) {
	r, err := s.resolve(ctx, name, qualifier)
	if err != nil {
		return nil, err
	}
	f, routing := s.lookup(r)
	if f == nil {
		return nil, notInvocable(r)
	}
	return &invocation{ref: r, function: f, routing: routing}, nil
}

func notInvocable(r ref) *awsapi.Error {
	if r.qualifier == "" {
		return functionNotFound(r.latest())
	}
	return functionNotFound(r.arn())
}

// forEnvironment is the invocation as an execution environment takes it.
func (v *invocation) forEnvironment(ctx context.Context, tail LogType) *environment.Invocation {
	return &environment.Invocation{
		RequestID:     awsapi.RequestID(ctx),
		TraceID:       v.trace.header,
		InvokedARN:    v.arn(),
		Event:         v.event,
		ClientContext: v.clientContext,
		Tail:          tail == LogTypeTail,
	}
}

// logResult is the end of the log, nil unless it was asked for.
func logResult(asked LogType, res *environment.Result) *string {
	if asked != LogTypeTail {
		return nil
	}
	return new(base64.StdEncoding.EncodeToString(res.LogTail))
}

// checkPayload refuses an event that is not JSON. AWS's text goes on with the
// words of its JSON parser.
func checkPayload(event []byte) error {
	if json.Valid(event) {
		return nil
	}
	var v any
	err := json.Unmarshal(event, &v)
	return InvalidRequestContentException("Could not parse request body into json: Could not parse payload into json: %v", err)
}

func decodeClientContext(encoded string) ([]byte, error) {
	if encoded == "" {
		return nil, nil
	}
	if len(encoded) > maxClientContext {
		return nil, InvalidRequestContentException("Client context must be smaller than %d bytes", maxClientContext)
	}
	decoded, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil || !json.Valid(decoded) {
		return nil, InvalidRequestContentException("Client context must be a valid Base64-encoded JSON object.")
	}
	return decoded, nil
}

// invokeError words why an invocation did not reach the function.
func invokeError(err error) error {
	var throttled *environment.ThrottledError
	switch {
	case errors.As(err, &throttled):
		return TooManyRequestsException("Rate Exceeded.").WithMember("Reason", throttled.Reason)
	case errors.Is(err, environment.ErrClosed):
		return ServiceException("The server is stopping.")
	}
	return err
}
