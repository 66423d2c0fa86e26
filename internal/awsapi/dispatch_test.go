package awsapi_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"furl/internal/awsapi"
	"furl/internal/iam"
	"furl/internal/lambda"
	"furl/internal/sts"
)

// scope is an Authorization header for a service.
func scope(service string) map[string]string {
	return map[string]string{"Authorization": "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260101/us-east-1/" + service +
		"/aws4_request, SignedHeaders=host;x-amz-date, Signature=00"}
}

// allServices serves Lambda, IAM and STS with every operation answered by a refusal that tells the operation.
func allServices(t *testing.T, hooks awsapi.Hooks) *awsapi.Server {
	var services []awsapi.Service
	for _, s := range []awsapi.Service{lambda.Operations(nil), iam.Operations(nil), sts.Operations(nil)} {
		for i, op := range s.Operations {
			s.Operations[i] = op.Answering(func(context.Context, any) (any, error) {
				return nil, &awsapi.Error{Code: "Reached", Status: 499, Message: s.Name + "." + op.Name}
			})
		}
		services = append(services, s)
	}
	return newServer(t, hooks, services...)
}

func TestDispatch(t *testing.T) {
	const jsonType, xmlType = "application/json", "text/xml"
	server := allServices(t, awsapi.Hooks{})
	tests := []struct {
		name   string
		wire   wire
		status int
		typ    string
		want   string // part of the body
	}{
		{"path", wire{method: "GET", target: "/2015-03-31/functions/f"}, 499, jsonType, "lambda.GetFunction"},
		{"trailing slash", wire{method: "GET", target: "/2015-03-31/functions/"}, 499, jsonType, "lambda.ListFunctions"},
		{"query string is no path", wire{method: "GET", target: "/2015-03-31/functions?Marker=/f"}, 499, jsonType, "lambda.ListFunctions"},
		{"escaped literal", wire{method: "GET", target: "/2015-03-31/functions/f/%70olicy"}, 499, jsonType, "lambda.GetPolicy"},
		{"wrong method", wire{method: "PATCH", target: "/2015-03-31/functions/f"}, 404, jsonType, "No operation is at PATCH /2015-03-31/functions/f"},
		{"unknown path", wire{method: "GET", target: "/nope"}, 404, jsonType, "No operation is at GET /nope"},
		{"empty label", wire{method: "GET", target: "/2021-10-31/functions//url"}, 404, jsonType, "No operation"},
		{"slash in a label splits", wire{method: "GET", target: "/2015-03-31/functions/a/b"}, 404, jsonType, "No operation"},
		{"broken query string", wire{method: "GET", target: "/2015-03-31/functions?a=%zz"}, 400, jsonType, `invalid URL escape`},
		{"action in a form", wire{method: "POST", target: "/", body: "Action=ListUsers&Version=2010-05-08"}, 499, xmlType, "iam.ListUsers"},
		{"action in the query string", wire{method: "GET", target: "/?Action=GetCallerIdentity&Version=2011-06-15"}, 499, xmlType, "sts.GetCallerIdentity"},
		{"action of another service", wire{method: "POST", target: "/", body: "Action=ListUsers&Version=2011-06-15"}, 400, xmlType, "Could not find operation ListUsers for version 2011-06-15"},
		{"no version", wire{method: "POST", target: "/", body: "Action=ListUsers"}, 400, xmlType, "Could not find operation ListUsers for version NO_VERSION_SPECIFIED"},
		{"unknown action", wire{method: "POST", target: "/", body: "Action=Fly&Version=2010-05-08"}, 400, xmlType, "Could not find operation Fly for version 2010-05-08"},
		{"no action", wire{method: "POST", target: "/", body: "{}"}, 400, xmlType, "<Code>MissingAction</Code>"},
		{"a target of JSON-1.1", wire{method: "POST", target: "/", header: map[string]string{"X-Amz-Target": "Logs_20140328.DescribeLogGroups"}, body: "{}"}, 400, "application/x-amz-json-1.1", `"__type":"UnknownOperationException"`},
		{"broken form", wire{method: "POST", target: "/", body: "Action=%zz"}, 400, xmlType, "<Code>MalformedQueryString</Code>"},
		{"scope first", wire{method: "POST", target: "/", header: scope("lambda"), host: "iam.amazonaws.com", body: "Action=ListUsers&Version=2010-05-08"}, 404, jsonType, "No operation is at POST /"},
		{"scope in the query string", wire{method: "GET", target: "/?Action=ListUsers&Version=2010-05-08&X-Amz-Credential=A%2F20260101%2Fus-east-1%2Fsts%2Faws4_request"}, 400, xmlType, "Could not find operation ListUsers"},
		{"unknown scope", wire{method: "GET", target: "/2015-03-31/functions/f", header: scope("s3")}, 499, jsonType, "lambda.GetFunction"},
		{"then the host", wire{method: "POST", target: "/", host: "STS.us-east-1.amazonaws.com:443", body: "Action=ListUsers&Version=2010-05-08"}, 400, xmlType, "Could not find operation ListUsers"},
		{"a bare host names nothing", wire{method: "POST", target: "/", host: "lambda:4566", body: "Action=ListUsers&Version=2010-05-08"}, 499, xmlType, "iam.ListUsers"},
		{"no scope in other schemes", wire{method: "GET", target: "/2015-03-31/functions/f", header: map[string]string{"Authorization": "Bearer x"}}, 499, jsonType, "lambda.GetFunction"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			resp, body := send(t, server, test.wire)
			if resp.StatusCode != test.status || resp.Header.Get("Content-Type") != test.typ || !strings.Contains(body, test.want) {
				t.Errorf("%d %s %s, want %d %s with %q", resp.StatusCode, resp.Header.Get("Content-Type"), body, test.status, test.typ, test.want)
			}
		})
	}
}

func TestUnknownOperationsGolden(t *testing.T) {
	server := allServices(t, awsapi.Hooks{})
	resp, body := send(t, server, wire{method: "GET", target: "/nope"})
	if body != `{"message":"No operation is at GET /nope"}` || resp.Header.Get("x-amzn-ErrorType") != "UnknownOperationException" {
		t.Errorf("%v %s", resp.Header, body)
	}
	_, body = send(t, server, wire{method: "POST", target: "/", body: "Action=Fly&Version=2010-05-08"})
	want := `<ErrorResponse xmlns="http://webservices.amazon.com/AWSFault/2005-15-09"><Error><Type>Sender</Type><Code>InvalidAction</Code>` +
		`<Message>Could not find operation Fly for version 2010-05-08</Message></Error><RequestId>req-1</RequestId></ErrorResponse>`
	if body != want {
		t.Errorf("body\n%s, want\n%s", body, want)
	}
}

func TestLabels(t *testing.T) {
	var label, second string
	server := newServer(t, awsapi.Hooks{}, func() awsapi.Service {
		s := restToy(toy{placed: func(in *placed) error { label, second = in.Label, in.Second; return nil }})
		s.Constraints = nil
		return s
	}())
	tests := []struct{ path, label, second string }{
		{"/v1/things/arn%3Aaws%3Alambda%3Aus-east-1%3A1%3Afunction%3Af/parts/x", "arn:aws:lambda:us-east-1:1:function:f", "x"},
		{"/v1/things/arn:aws:lambda:us-east-1:1:function:f/parts/x", "arn:aws:lambda:us-east-1:1:function:f", "x"},
		{"/v1/things/a%2Fb/parts/%2F", "a/b", "/"},
		{"/v1/things/%252F/parts/a+b", "%2F", "a+b"},
		{"/v1/things/../parts/.", "..", "."},
		{"/v1/things/$LATEST/parts/%24LATEST", "$LATEST", "$LATEST"},
		{"/v1/things/%C3%A9/parts/%FF", "é", "\xff"},
	}
	for _, test := range tests {
		resp, body := send(t, server, wire{method: "PUT", target: test.path})
		if resp.StatusCode != 204 || body != "" || label != test.label || second != test.second {
			t.Errorf("%s: %d %q, labels %q and %q", test.path, resp.StatusCode, body, label, second)
		}
	}
}

func TestLiteralsAndFixedParametersWin(t *testing.T) {
	reached := ""
	s := restToy(toy{})
	for i, op := range s.Operations {
		s.Operations[i] = op.Answering(func(context.Context, any) (any, error) { reached = op.Name; return nil, nil })
	}
	// Also in the other order of declaration.
	for range 2 {
		server := newServer(t, awsapi.Hooks{}, s)
		for target, want := range map[string]string{"/v1/raw/void": "Void", "/v1/things?List=ALL&x=1": "ListAll", "/v1/things?List=SOME": "Nil", "/v1/things": "Nil"} {
			if send(t, server, wire{method: "GET", target: target}); reached != want {
				t.Errorf("%s reaches %s, want %s", target, reached, want)
			}
		}
		n := len(s.Operations)
		s.Operations[n-1], s.Operations[n-2] = s.Operations[n-2], s.Operations[n-1]
	}
}

func TestBodyLimits(t *testing.T) {
	server := allServices(t, awsapi.Hooks{})
	toys := newServer(t, awsapi.Hooks{}, restToy(toy{raw: func(*raw) (*rawReply, error) { return &rawReply{}, nil }}))
	tests := []struct {
		name           string
		server         *awsapi.Server
		method, target string
		size           int64
		status         int
		want           string
	}{
		{"CreateFunction", server, "POST", "/2015-03-31/functions", 70167212, 413, `{"message":"Request must be smaller than 70167211 bytes for the CreateFunction operation"}`},
		{"UpdateFunctionCode", server, "PUT", "/2015-03-31/functions/f/code", 70167212, 413, `{"message":"Request must be smaller than 70167211 bytes for the UpdateFunctionCode operation"}`},
		{"Invoke", server, "POST", "/2015-03-31/functions/f/invocations", 6291457, 413, `{"message":"Request must be smaller than 6291456 bytes for the InvokeFunction operation"}`},
		{"Invoke at the limit", server, "POST", "/2015-03-31/functions/f/invocations", 6291456, 499, `{"message":"lambda.Invoke"}`},
		{"another", server, "POST", "/2015-03-31/functions/f/policy", 1<<20 + 1, 413, `{"message":"Request must be smaller than 1048576 bytes for the AddPermission operation"}`},
		{"toy at the limit", toys, "POST", "/v1/raw/a", 10, 200, ``},
		{"toy above", toys, "POST", "/v1/raw/a", 11, 413, `{"message":"Request must be smaller than 10 bytes for the RawThing operation"}`},
	}
	for _, test := range tests {
		for _, declared := range []bool{true, false} {
			if !declared && test.size > 8<<20 {
				continue // takes seconds to send
			}
			t.Run(fmt.Sprint(test.name, ", length declared: ", declared), func(t *testing.T) {
				r := httptest.NewRequest(test.method, test.target, io.LimitReader(zeros{}, test.size))
				r.ContentLength = -1
				if declared {
					r.ContentLength = test.size
				}
				rec := httptest.NewRecorder()
				test.server.ServeHTTP(rec, r)
				if rec.Code != test.status || rec.Body.String() != test.want {
					t.Errorf("%d %s", rec.Code, rec.Body)
				}
				if code := rec.Header().Get("x-amzn-ErrorType"); test.status == 413 && code != "RequestEntityTooLargeException" {
					t.Errorf("error type %q", code)
				}
			})
		}
	}
	r := httptest.NewRequest("POST", "/", io.LimitReader(zeros{}, 1<<20+1))
	rec := httptest.NewRecorder()
	server.ServeHTTP(rec, r)
	if rec.Code != 413 || !strings.Contains(rec.Body.String(), "<Code>RequestEntityTooLarge</Code><Message>Request must be smaller than 1048576 bytes</Message>") {
		t.Errorf("form: %d %s", rec.Code, rec.Body)
	}
}

// zeros reads as bytes of 0 without end.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

func TestRefusalReachesClientThatStillSends(t *testing.T) {
	s := httptest.NewServer(allServices(t, awsapi.Hooks{}))
	defer s.Close()
	for _, expect := range []bool{false, true} {
		r, err := http.NewRequestWithContext(t.Context(), "POST", s.URL+"/2015-03-31/functions/f/invocations", io.LimitReader(zeros{}, 7<<20))
		if err != nil {
			t.Fatal(err)
		}
		r.ContentLength = 7 << 20
		transport := &http.Transport{ExpectContinueTimeout: time.Minute}
		if expect {
			r.Header.Set("Expect", "100-continue")
		}
		resp, err := (&http.Client{Transport: transport}).Do(r)
		if err != nil {
			t.Fatalf("expect %v: %v", expect, err)
		}
		_ = resp.Body.Close()
		transport.CloseIdleConnections()
		if resp.StatusCode != 413 {
			t.Errorf("expect %v: status %d", expect, resp.StatusCode)
		}
	}
}

func TestExpectContinue(t *testing.T) {
	s := httptest.NewServer(allServices(t, awsapi.Hooks{}))
	defer s.Close()
	r, err := http.NewRequestWithContext(t.Context(), "POST", s.URL+"/2015-03-31/functions/f/invocations", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Expect", "100-continue")
	transport := &http.Transport{ExpectContinueTimeout: time.Minute}
	defer transport.CloseIdleConnections()
	resp, err := (&http.Client{Transport: transport}).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != 499 {
		t.Errorf("status %d", resp.StatusCode)
	}
}
