package lambda_test

import (
	"context"
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	"furl/internal/lambda"
)

// streamed is an answer in events.
type streamed struct {
	head     *lambda.InvokeWithResponseStreamResponse
	payload  string
	chunks   int
	complete *lambda.InvokeWithResponseStreamCompleteEvent
}

func (s *streamed) Begin(head *lambda.InvokeWithResponseStreamResponse) error {
	s.head = head
	return nil
}

func (s *streamed) Send(e *lambda.InvokeWithResponseStreamResponseEvent) error {
	if s.complete != nil {
		return errors.New("an event after the last")
	}
	if e.PayloadChunk != nil {
		s.payload += string(e.PayloadChunk.Payload)
		s.chunks++
	}
	s.complete = e.InvokeComplete
	return nil
}

// The answer of a function that does not stream is one chunk.
func TestInvokeWithResponseStream(t *testing.T) {
	h := newHouse(t)
	c, ctx := h.as(h.Root), t.Context()
	must(c.CreateFunction(ctx, creation("hello", withCustomRuntime)))(t)
	h.settle()
	type request = lambda.InvokeWithResponseStreamRequest
	call := func(in *request) *streamed {
		t.Helper()
		in.FunctionName = "hello"
		s := new(streamed)
		if err := c.InvokeWithResponseStream(ctx, in, s); err != nil {
			t.Fatal(err)
		}
		return s
	}
	s := call(&request{Payload: []byte(`{"a":  1.0}`)})
	if *s.head.StatusCode != 200 || *s.head.ExecutedVersion != "$LATEST" || *s.head.ResponseStreamContentType != "application/vnd.amazon.eventstream" {
		t.Errorf("%+v", s.head)
	}
	if s.chunks != 1 || !strings.HasPrefix(s.payload, `{"event": {"a":  1.0},  "arn":"`+prefix+`hello"`) {
		t.Errorf("%d chunks: %s", s.chunks, s.payload)
	}
	if s.complete == nil || s.complete.ErrorCode != nil || s.complete.ErrorDetails != nil || s.complete.LogResult != nil {
		t.Errorf("%+v", s.complete)
	}
	s = call(&request{Payload: []byte(`"fail"`), LogType: new(lambda.LogTypeTail)})
	if s.chunks != 0 || *s.complete.ErrorCode != "Unhandled" || *s.complete.ErrorDetails != `{"errorMessage":"as told","errorType":"Told"}` {
		t.Errorf("%d chunks, %+v", s.chunks, s.complete)
	}
	if tail, err := base64.StdEncoding.DecodeString(*s.complete.LogResult); err != nil || len(tail) == 0 {
		t.Errorf("log tail %q, %v", tail, err)
	}
	s = call(&request{InvocationType: new(lambda.ResponseStreamingInvocationTypeDryRun)})
	if *s.head.StatusCode != 204 || s.chunks != 0 || s.complete != nil {
		t.Errorf("a dry run: %+v", s)
	}
}

func TestInvokeWithResponseStreamRefusals(t *testing.T) {
	h := newHouse(t)
	h.create("hello")
	stream := func(change func(*lambda.InvokeWithResponseStreamRequest)) func(context.Context, *lambda.Client) error {
		return func(ctx context.Context, c *lambda.Client) error {
			in := &lambda.InvokeWithResponseStreamRequest{FunctionName: "hello"}
			change(in)
			return c.InvokeWithResponseStream(ctx, in, new(streamed))
		}
	}
	type request = lambda.InvokeWithResponseStreamRequest
	h.expect(h.Root,
		call{"missing", stream(func(in *request) { in.FunctionName = "none" }), "ResourceNotFoundException", "Function not found: " + prefix + "none:$LATEST"},
		call{"no JSON", stream(func(in *request) { in.Payload = []byte("{") }), "InvalidRequestContentException",
			"Could not parse request body into json: Could not parse payload into json: unexpected end of JSON input"},
		call{"event", stream(func(in *request) { in.InvocationType = new(lambda.ResponseStreamingInvocationType("Event")) }), "ValidationException",
			"1 validation error detected: Value 'Event' at 'invocationType' failed to satisfy constraint: Member must satisfy enum value set: [RequestResponse, DryRun]"},
		call{"close it", reserve("hello", 0), "", ""},
		call{"closed", stream(func(*request) {}), "TooManyRequestsException", "Rate Exceeded."},
	)
}
