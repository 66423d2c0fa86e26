package lambda_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"furl/internal/lambda"
	"furl/internal/state"
)

// queue takes all events out of the queue.
func (h *house) queue() []*state.Event {
	h.t.Helper()
	jobs, err := h.Store.Claim(h.t.Context(), "test", nil, 100, time.Minute)
	if err != nil {
		h.t.Fatal(err)
	}
	var all []*state.Event
	for _, j := range jobs {
		e, err := state.DecodeEvent(j)
		if err != nil {
			h.t.Fatal(err)
		}
		if age := j.Expires.Sub(e.Enqueued).Round(time.Second); age != 6*time.Hour {
			h.t.Errorf("an event of %s", age)
		}
		all = append(all, e)
	}
	return all
}

func TestInvokeEvent(t *testing.T) {
	h := newHouse(t)
	h.create("hello")
	c, ctx := h.as(h.Root), t.Context()
	must(c.PublishVersion(ctx, &lambda.PublishVersionRequest{FunctionName: "hello"}))(t)
	event := func(in *lambda.InvocationRequest) *lambda.InvocationResponse {
		t.Helper()
		in.InvocationType = new(lambda.InvocationTypeEvent)
		return must(c.Invoke(ctx, in))(t)
	}
	const root = "Root=1-5759e988-bd862e3fe1be46a994272793"
	out := event(&lambda.InvocationRequest{FunctionName: "hello", Payload: []byte(`{"a":  1.0}`), TraceId: new(root), LogType: new(lambda.LogTypeTail)})
	if *out.StatusCode != 202 || len(out.Payload) != 0 || out.ExecutedVersion != nil || out.LogResult != nil {
		t.Errorf("got %+v", out)
	}
	event(&lambda.InvocationRequest{FunctionName: "hello:1"})
	large := `"` + strings.Repeat("a", 1<<20-2) + `"`
	event(&lambda.InvocationRequest{FunctionName: "hello", Payload: []byte(large)})
	queued := h.queue()
	if len(queued) != 3 || len(h.enqueued) != 3 || h.enqueued[0].Name != "hello" {
		t.Fatalf("%d events, told of %v", len(queued), h.enqueued)
	}
	found := map[string]*state.Event{}
	for _, e := range queued {
		found[string(e.Payload)] = e
	}
	if e := found[`{"a":  1.0}`]; e == nil || e.TraceID != root || e.Qualifier != "" || len(e.RequestID) != 36 || !e.Enqueued.Equal(h.Clock.Now()) {
		t.Errorf("got %+v", e)
	}
	if e := found["{}"]; e == nil || e.Qualifier != "1" || e.ARN() != prefix+"hello:1" {
		t.Errorf("got %+v", e)
	}
	if found[large] == nil {
		t.Error("an event of a megabyte is not as it was")
	}
}

func TestInvokeAsync(t *testing.T) {
	h := newHouse(t)
	h.create("hello")
	old := func(name, args string) func(context.Context, *lambda.Client) error {
		return func(ctx context.Context, c *lambda.Client) error {
			return only(c.InvokeAsync(ctx, &lambda.InvokeAsyncRequest{FunctionName: name, InvokeArgs: []byte(args)}))
		}
	}
	h.expect(h.Root,
		call{"good", old("hello", `{"a": 1}`), "", ""},
		call{"missing", old("none", "{}"), "ResourceNotFoundException", "Function not found: " + prefix + "none:$LATEST"},
		call{"large", old("hello", strings.Repeat(" ", 262145)), "RequestEntityTooLargeException",
			"Request must be smaller than 262144 bytes for the InvokeAsync operation"},
	)
	if got := h.queue(); len(got) != 1 || string(got[0].Payload) != `{"a": 1}` {
		t.Errorf("got %+v", got)
	}
}
