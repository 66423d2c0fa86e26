package lambda

import (
	"context"
	"math/rand/v2"

	"furl/internal/awsapi"
	"furl/internal/environment"
)

// invokeStream is where InvokeWithResponseStream answers.
type invokeStream = awsapi.EventStream[InvokeWithResponseStreamResponse, InvokeWithResponseStreamResponseEvent]

// InvokeWithResponseStream runs a function and answers with what it says as it
// says it. The answer of a function that does not stream is one chunk.
func (s *Service) InvokeWithResponseStream(ctx context.Context, in *InvokeWithResponseStreamRequest, out invokeStream) error {
	v, err := s.check(ctx, in, false)
	if err != nil {
		return err
	}
	if value(in.InvocationType) == ResponseStreamingInvocationTypeDryRun {
		return out.Begin(&InvokeWithResponseStreamResponse{StatusCode: new(204)})
	}
	target := v.routing.Pick(rand.Float64())
	answer := &chunks{out: out, version: target.Version.Number}
	inv := v.forEnvironment(ctx, value(in.LogType))
	inv.Stream = answer
	res, err := s.pool.Invoke(ctx, target, inv)
	if err != nil {
		return invokeError(err)
	}
	return answer.end(&res, logResult(value(in.LogType), &res))
}

// chunks is an answer on its way; it implements environment.Stream.
type chunks struct {
	out     invokeStream
	version string
	begun   bool
}

// Begin implements environment.Stream.
func (c *chunks) Begin(string) error {
	c.begun = true
	return c.out.Begin(&InvokeWithResponseStreamResponse{StatusCode: new(200), ExecutedVersion: &c.version})
}

// Write implements environment.Stream.
func (c *chunks) Write(p []byte) (int, error) {
	err := c.out.Send(&InvokeWithResponseStreamResponseEvent{PayloadChunk: &InvokeResponseStreamUpdate{Payload: p}})
	if err != nil {
		return 0, err
	}
	return len(p), nil
}

// end sends what was not streamed, and how the invocation ended.
func (c *chunks) end(res *environment.Result, tail *string) error {
	if !c.begun {
		if err := c.Begin(res.ContentType); err != nil {
			return err
		}
	}
	complete := &InvokeWithResponseStreamCompleteEvent{LogResult: tail}
	if res.FunctionError != "" {
		complete.ErrorCode, complete.ErrorDetails = &res.FunctionError, new(string(res.Payload))
	} else if len(res.Payload) > 0 {
		if _, err := c.Write(res.Payload); err != nil {
			return err
		}
	}
	return c.out.Send(&InvokeWithResponseStreamResponseEvent{InvokeComplete: complete})
}
