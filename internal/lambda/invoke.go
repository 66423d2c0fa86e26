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

// Invoke runs a function and answers with its result, byte for byte.
func (s *Service) Invoke(ctx context.Context, in *InvocationRequest) (*InvocationResponse, error) {
	r, routing, err := s.findInvocable(ctx, in)
	if err != nil {
		return nil, err
	}
	clientContext, err := decodeClientContext(value(in.ClientContext))
	if err != nil {
		return nil, err
	}
	event := in.Payload
	if len(event) == 0 {
		event = []byte("{}")
	}
	if err := checkPayload(event); err != nil {
		return nil, err
	}
	switch value(in.InvocationType) {
	case InvocationTypeDryRun:
		return &InvocationResponse{StatusCode: new(204)}, nil
	case InvocationTypeEvent:
		return nil, notOffered("Asynchronous invocation")
	}
	tr := newTrace(value(in.TraceId), s.now())
	res, err := s.pool.Invoke(ctx, routing.Pick(rand.Float64()), &environment.Invocation{
		RequestID:     awsapi.RequestID(ctx),
		TraceID:       tr.header,
		InvokedARN:    r.arn(),
		Event:         event,
		ClientContext: clientContext,
		Tail:          value(in.LogType) == LogTypeTail,
	})
	if err != nil {
		return nil, invokeError(err)
	}
	out := &InvocationResponse{
		StatusCode:      new(200),
		FunctionError:   nonEmpty(res.FunctionError),
		Payload:         res.Payload,
		ExecutedVersion: &res.Version,
		TraceId:         new(tr.answer()),
	}
	if value(in.LogType) == LogTypeTail {
		out.LogResult = new(base64.StdEncoding.EncodeToString(res.LogTail))
	}
	return out, nil
}

// findInvocable resolves what is to be invoked. A missing function is named
// with the qualifier $LATEST where the request has none (recorded).
func (s *Service) findInvocable(ctx context.Context, in *InvocationRequest) (ref, state.Routing, error) {
	r, err := s.resolve(ctx, in.FunctionName, in.Qualifier)
	if err != nil {
		return ref{}, state.Routing{}, err
	}
	f, routing := s.lookup(r)
	switch {
	case f == nil && r.qualifier == "":
		err = functionNotFound(r.latest())
	case f == nil:
		err = functionNotFound(r.arn())
	case in.TenantId != nil:
		err = notOffered("Tenant isolation")
	case in.DurableExecutionName != nil:
		err = notOffered("Durable functions")
	}
	return r, routing, err
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
