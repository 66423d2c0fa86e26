package dataplane_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"furl/internal/environment"
	"furl/internal/state"
)

// fails is a function that fails the way it is told.
func fails(errorType, payload string) function {
	return func(context.Context, *state.Target, *environment.Invocation) (environment.Result, error) {
		return environment.Result{FunctionError: "Unhandled", ErrorType: errorType, Payload: []byte(payload)}, nil
	}
}

// cannot is a pool that does not get as far as the function.
func cannot(err error) function {
	return func(context.Context, *state.Target, *environment.Invocation) (environment.Result, error) {
		return environment.Result{}, err
	}
}

// Every refusal of the platform's own: status, headers and body to the letter,
// and the reason in the record.
func TestRefusals(t *testing.T) {
	const (
		forbidden = `403 Content-Type=application/json Content-Length=23 X-Amzn-Errortype=AccessDeniedException {"Message":"Forbidden"}`
		today     = `403 Content-Type=application/json Content-Length=144 X-Amzn-Errortype=AccessDeniedException {"Message":"Forbidden. For troubleshooting Function URL authorization issues, see: https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html"}`
		unknown   = `403 Content-Type=application/json Content-Length=16 X-Amzn-Errortype=AccessDeniedException {"Message":null}`
		tooLarge  = `413 Content-Type=application/json Content-Length=38 X-Amzn-Errortype=RequestEntityTooLargeException {"message":"Request Entity Too Large"}`
		failed    = `502 Content-Type=application/json Content-Length=21 Internal Server Error`
	)
	throttled := func(reason string) string {
		body := `{"Reason":"` + reason + `","Type":"User","message":"Rate Exceeded."}`
		return fmt.Sprintf("429 Content-Type=application/json Content-Length=%d X-Amzn-Errortype=TooManyRequestsException %s", len(body), body)
	}
	open := setting{policy: public}
	with := func(f function) setting { return setting{policy: public, function: f} }
	for _, c := range []struct {
		name    string
		setting setting
		request func(s *site) *http.Request // nil: GET /
		want    string
		reason  string
	}{
		{"no such host", open, toHost("www.example.com"), unknown, "not a function URL of this server: www.example.com"},
		{"host of another region", open, toHost(strings.Replace(host, "us-east-1", "eu-west-1", 1)), unknown, "not a function URL of this server: " + strings.Replace(host, "us-east-1", "eu-west-1", 1)},
		{"no such url-id", open, toHost(strings.Replace(host, id, strings.Repeat("a", 32), 1)), unknown, "no function URL has this id"},
		{"no policy", setting{}, nil, forbidden, "lambda:InvokeFunctionUrl is refused because no resource-based policy allows the lambda:InvokeFunctionUrl action"},
		{"no policy, dual", setting{dual: true}, nil, today, "lambda:InvokeFunctionUrl is refused because no resource-based policy allows the lambda:InvokeFunctionUrl action"},
		{"half a policy, dual", setting{dual: true, policy: public}, nil, today, "lambda:InvokeFunction is refused because no resource-based policy allows the lambda:InvokeFunction action"},
		{"a Deny", setting{policy: strings.Replace(public, "Allow", "Deny", 1)}, nil, forbidden, "lambda:InvokeFunctionUrl is refused with an explicit deny in a resource-based policy"},
		{"not signed", setting{url: state.URLConfig{AuthType: state.AuthIAM}, policy: public}, nil, forbidden, "signature: missing-token"},

		{"announced body over 6 MB", open, post(6<<20+1, "text/plain"), tooLarge, "the request is over 6 MB"},
		{"text body whose event is over 6 MB", open, post(6<<20, "text/plain"), tooLarge, "the request is over 6 MB"},
		{"binary body whose base64 is over 6 MB", open, post(5<<20, "image/png"), tooLarge, "the request is over 6 MB"},
		{"chunked body over 6 MB", open, chunked(6<<20 + 1), tooLarge, "the request is over 6 MB"},

		{"reserved concurrency", with(cannot(&environment.ThrottledError{Reason: environment.ReasonReserved})), nil,
			throttled("ReservedFunctionConcurrentInvocationLimitExceeded"), "throttled: ReservedFunctionConcurrentInvocationLimitExceeded"},
		{"account concurrency", with(cannot(&environment.ThrottledError{Reason: environment.ReasonConcurrency})), nil,
			throttled("ConcurrentInvocationLimitExceeded"), "throttled: ConcurrentInvocationLimitExceeded"},
		{"stopping", with(cannot(environment.ErrClosed)), nil,
			`503 Content-Type=application/json Content-Length=33 X-Amzn-Errortype=ServiceException {"message":"Service Unavailable"}`, "the server is stopping"},
		{"code cannot be had", with(cannot(errors.New("environment: no space left"))), nil, failed, "environment: no space left"},
		{"panic", with(func(context.Context, *state.Target, *environment.Invocation) (environment.Result, error) {
			panic("a mistake")
		}), nil,
			`500 Content-Type=application/json Content-Length=21 X-Amzn-Errortype=ServiceException Internal Server Error`, "a mistake in the server; its log has the details"},

		{"exception", with(fails("ValueError", `{"errorMessage":"password is hunter2","errorType":"ValueError"}`)), nil, failed, "the function failed: ValueError"},
		{"timeout", with(fails("Sandbox.Timedout", `{"errorType":"Sandbox.Timedout","errorMessage":"RequestId: x Error: Task timed out after 3.00 seconds"}`)), nil,
			failed, "the function failed: Sandbox.Timedout: RequestId: x Error: Task timed out after 3.00 seconds"},
		{"exit", with(fails("Runtime.ExitError", `{"errorType":"Runtime.ExitError","errorMessage":"exit status 1"}`)), nil, failed, "the function failed: Runtime.ExitError: exit status 1"},
		{"interpreter missing", with(fails("Runtime.InvalidRuntime", `{"errorMessage":"no python3.14 here"}`)), nil, failed, "the function failed: Runtime.InvalidRuntime: no python3.14 here"},
		{"failure without words", with(fails("Runtime.Unknown", `not JSON`)), nil, failed, "the function failed: Runtime.Unknown"},
		{"answer too large", with(fails("Function.ResponseSizeTooLarge", `{"errorMessage":"too large"}`)), nil, failed, "the function failed: Function.ResponseSizeTooLarge"},

		{"status out of range", with(returns(`{"statusCode":99999}`)), nil, failed, "payload: statusCode is 99999, not a whole number from 200 to 599"},
		{"header with a line break", with(returns(`{"statusCode":200,"headers":{"X-A":"b\r\nX-Injected: yes"}}`)), nil, failed, `payload: header X-A has a value with control characters: "b\r\nX-Injected: yes"`},
		{"header name with a blank", with(returns(`{"statusCode":200,"headers":{"X A":"b"}}`)), nil, failed, `payload: "X A" is not a valid header name`},
		{"body that is no base64", with(returns(`{"statusCode":200,"isBase64Encoded":true,"body":"no base64!"}`)), nil, failed, "payload: isBase64Encoded is true but body is not base64: illegal base64 data at input byte 2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSite(t, c.setting)
			if c.request == nil {
				c.request = func(s *site) *http.Request { return s.request("GET", "/", "") }
			}
			a := s.do(c.request(s))
			if got := a.show(); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
			if a.record["reason"] != c.reason {
				t.Errorf("recorded %q,\nwant     %q", a.record["reason"], c.reason)
			}
			if a.record["status"] != int64(a.StatusCode) {
				t.Errorf("recorded status %v", a.record["status"])
			}
			if n := s.records.count(); n != 1 {
				t.Errorf("%d records, want 1", n)
			}
			if a.Header.Get("X-Injected") != "" {
				t.Error("a header was injected")
			}
		})
	}
}

func toHost(name string) func(*site) *http.Request {
	return func(s *site) *http.Request {
		r := s.request("GET", "/", "")
		r.Host = name
		return r
	}
}

func post(size int, contentType string) func(*site) *http.Request {
	return func(s *site) *http.Request {
		return s.request("POST", "/", strings.Repeat("x", size), "Content-Type", contentType)
	}
}

func chunked(size int) func(*site) *http.Request {
	return func(s *site) *http.Request {
		r := s.request("POST", "/", strings.Repeat("x", size), "Content-Type", "text/plain")
		r.ContentLength = -1
		return r
	}
}

// HEAD gets the refusal's headers and no body.
func TestRefusalOfHEAD(t *testing.T) {
	s := newSite(t, setting{})
	a := s.do(s.request("HEAD", "/", ""))
	if got, want := a.show(), "403 Content-Type=application/json Content-Length=23 X-Amzn-Errortype=AccessDeniedException "; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// A function URL is not a proxy.
func TestCONNECT(t *testing.T) {
	s := newSite(t, setting{policy: public})
	a, _ := s.raw("CONNECT HOST:80 HTTP/1.1\r\nHost: HOST:80\r\n\r\n")
	if a.StatusCode != http.StatusMethodNotAllowed || a.record["reason"] != "CONNECT is for proxies" {
		t.Errorf("answered %d, recorded %v", a.StatusCode, a.record)
	}
}

// A client that leaves while it waits for an environment gives up its place,
// and the record says so.
func TestClientLeavesWhileItWaits(t *testing.T) {
	waits := make(chan struct{})
	s := newSite(t, setting{policy: public, function: func(ctx context.Context, _ *state.Target, _ *environment.Invocation) (environment.Result, error) {
		close(waits)
		<-ctx.Done()
		return environment.Result{}, ctx.Err()
	}})
	ctx, leave := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		_, err := http.DefaultTransport.RoundTrip(s.request("GET", "/", "").WithContext(ctx))
		ended <- err
	}()
	<-waits
	leave()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	record := s.records.wait(t, func(map[string]any) bool { return true })
	if record["status"] != int64(499) || record["reason"] != "the client went away before an execution environment was free" {
		t.Errorf("recorded %v", record)
	}
}

// A client that leaves while its function runs does not stop it: the record has
// the answer that was due.
func TestClientLeavesWhileItsFunctionRuns(t *testing.T) {
	runs, finish := make(chan struct{}), make(chan struct{})
	s := newSite(t, setting{policy: public, function: func(_ context.Context, _ *state.Target, inv *environment.Invocation) (environment.Result, error) {
		close(runs)
		<-finish
		return environment.Result{Payload: append(inv.Buffer, `{"statusCode":201}`...)}, nil
	}})
	ctx, leave := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if _, err := http.DefaultTransport.RoundTrip(s.request("GET", "/", "").WithContext(ctx)); err == nil {
			t.Error("the client got an answer")
		}
	}()
	<-runs
	leave()
	<-ended
	close(finish)
	record := s.records.wait(t, func(map[string]any) bool { return true })
	if record["status"] != int64(201) || record["reason"] != nil {
		t.Errorf("recorded %v", record)
	}
}
