package lambda_test

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"furl/internal/awsapi"
	"furl/internal/lambda"
)

func withCustomRuntime(in *lambda.CreateFunctionRequest) {
	in.Runtime = new(lambda.RuntimeProvidedAl2023)
}

func invoke(change func(*lambda.InvocationRequest)) func(context.Context, *lambda.Client) error {
	return func(ctx context.Context, c *lambda.Client) error {
		in := &lambda.InvocationRequest{FunctionName: "hello"}
		change(in)
		return only(c.Invoke(ctx, in))
	}
}

var traceAnswer = regexp.MustCompile(`^root=1-[0-9a-f]{8}-[0-9a-f]{24};sampled=0$`)

func TestInvoke(t *testing.T) {
	h := newHouse(t)
	c, ctx := h.as(h.Root), t.Context()
	must(c.CreateFunction(ctx, creation("hello", withCustomRuntime)))(t)
	h.settle()
	const root = "Root=1-5759e988-bd862e3fe1be46a994272793"
	out := must(c.Invoke(ctx, &lambda.InvocationRequest{FunctionName: "hello", Payload: []byte(`{"a":  1.0}`), TraceId: new(root + ";Sampled=1"),
		ClientContext: new(base64.StdEncoding.EncodeToString([]byte(`{"custom":{}}`)))}))(t)
	// The function's answer arrives byte for byte, as does the event.
	want := `{"event": {"a":  1.0},  "arn":"` + prefix + `hello","trace":"` + root + `;Sampled=1","context":"{\"custom\":{}}"}`
	if string(out.Payload) != want || *out.StatusCode != 200 || *out.ExecutedVersion != "$LATEST" || out.FunctionError != nil || out.LogResult != nil {
		t.Errorf("%s %+v, want %s", out.Payload, out, want)
	}
	if *out.TraceId != "root=1-5759e988-bd862e3fe1be46a994272793;sampled=0" {
		t.Errorf("trace %q", *out.TraceId)
	}
	out = must(c.Invoke(ctx, &lambda.InvocationRequest{FunctionName: "hello", Qualifier: new("$LATEST"), TraceId: new("junk"), LogType: new(lambda.LogTypeTail)}))(t)
	if !strings.Contains(string(out.Payload), `{"event": {},`) || !strings.Contains(string(out.Payload), `"arn":"`+prefix+`hello:$LATEST"`) ||
		!traceAnswer.MatchString(*out.TraceId) {
		t.Errorf("without a payload: %s %+v", out.Payload, out)
	}
	if tail, err := base64.StdEncoding.DecodeString(*out.LogResult); err != nil || len(tail) == 0 {
		t.Errorf("log tail %q, %v", tail, err)
	}
	for _, header := range []string{"Root=", "Root=1", "Root=1-5759e988-bd862e3fe1be46a99427279", "Root=1-5759e988-bd862e3fe1be46a99427279x", "Self=1-5759e988-bd862e3fe1be46a994272793"} {
		out = must(c.Invoke(ctx, &lambda.InvocationRequest{FunctionName: "hello", TraceId: &header}))(t)
		if !traceAnswer.MatchString(*out.TraceId) || strings.Contains(*out.TraceId, "5759e988") {
			t.Errorf("trace of %q: %q", header, *out.TraceId)
		}
	}
	out = must(c.Invoke(ctx, &lambda.InvocationRequest{FunctionName: "hello", Payload: []byte(`"fail"`)}))(t)
	if *out.StatusCode != 200 || out.FunctionError == nil || *out.FunctionError != "Unhandled" || !strings.Contains(string(out.Payload), `"as told"`) {
		t.Errorf("a failure: %s %+v", out.Payload, out)
	}
	out = must(c.Invoke(ctx, &lambda.InvocationRequest{FunctionName: "hello", InvocationType: new(lambda.InvocationTypeDryRun)}))(t)
	if *out.StatusCode != http.StatusNoContent || len(out.Payload) != 0 || out.ExecutedVersion != nil {
		t.Errorf("a dry run: %+v", out)
	}
}

func TestInvokeRefusals(t *testing.T) {
	h := newHouse(t)
	h.create("hello")
	type request = lambda.InvocationRequest
	const missing, content = "ResourceNotFoundException", "InvalidRequestContentException"
	const notJSON = "Could not parse request body into json: Could not parse payload into json: "
	h.expect(h.Root,
		call{"missing function", invoke(func(in *request) { in.FunctionName = "none" }), missing, "Function not found: " + prefix + "none:$LATEST"},
		call{"missing alias", invoke(func(in *request) { in.FunctionName = "hello:live" }), missing, "Function not found: " + prefix + "hello:live"},
		call{"missing version", invoke(func(in *request) { in.Qualifier = new("3") }), missing, "Function not found: " + prefix + "hello:3"},
		call{"no JSON", invoke(func(in *request) { in.Payload = []byte("{") }), content, notJSON + "unexpected end of JSON input"},
		call{"no JSON in a dry run", invoke(func(in *request) {
			in.Payload, in.InvocationType = []byte("\x87"), new(lambda.InvocationTypeDryRun)
		}), content, notJSON + "invalid character '\\u0087' looking for beginning of value"},
		call{"context", invoke(func(in *request) { in.ClientContext = new("?") }), content, "Client context must be a valid Base64-encoded JSON object."},
		call{"long context", invoke(func(in *request) { in.ClientContext = new(strings.Repeat("A", 3584)) }), content,
			"Client context must be smaller than 3583 bytes"},
		call{"large", invoke(func(in *request) { in.Payload = []byte(`"` + strings.Repeat("a", 6291455) + `"`) }), "RequestEntityTooLargeException",
			"Request must be smaller than 6291456 bytes for the InvokeFunction operation"},
		call{"type", invoke(func(in *request) { in.InvocationType = new(lambda.InvocationType("Later")) }), "ValidationException",
			"1 validation error detected: Value 'Later' at 'invocationType' failed to satisfy constraint: Member must satisfy enum value set: [Event, RequestResponse, DryRun]"},
		call{"large event", invoke(func(in *request) {
			in.Payload, in.InvocationType = []byte(`"`+strings.Repeat("a", 1<<20)+`"`), new(lambda.InvocationTypeEvent)
		}), "RequestEntityTooLargeException", "1048578 byte payload is too large for the Event invocation type (limit 1048576 bytes)"},
		call{"event for a missing function", invoke(func(in *request) {
			in.FunctionName, in.InvocationType = "none", new(lambda.InvocationTypeEvent)
		}), missing, "Function not found: " + prefix + "none:$LATEST"},
		call{"event that is no JSON", invoke(func(in *request) {
			in.Payload, in.InvocationType = []byte("{"), new(lambda.InvocationTypeEvent)
		}), content, notJSON + "unexpected end of JSON input"},
		call{"tenant", invoke(func(in *request) { in.TenantId = new("t") }), invalid, "Tenant isolation" + offered},
		call{"durable", invoke(func(in *request) { in.DurableExecutionName = new("d") }), invalid, "Durable functions" + offered},
		call{"close it", reserve("hello", 0), "", ""},
		call{"closed", invoke(func(*request) {}), "TooManyRequestsException", "Rate Exceeded."},
	)
	e, _ := errors.AsType[*awsapi.Error](invoke(func(*request) {})(t.Context(), h.as(h.Root)))
	if e == nil || e.Members["Reason"] != "ReservedFunctionConcurrentInvocationLimitExceeded" || e.Type != "User" || e.Status != 429 {
		t.Errorf("%+v", e)
	}
}
