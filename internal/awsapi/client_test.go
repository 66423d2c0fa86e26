package awsapi_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"furl/internal/awsapi"
	"furl/internal/iam"
	"furl/internal/lambda"
)

// Both are implementations of their service.
var (
	_ lambda.API = (*lambda.Client)(nil)
	_ iam.API    = (*iam.Client)(nil)
)

func TestClientRequests(t *testing.T) {
	var got *http.Request
	var body string
	config := awsapi.ClientConfig{
		Endpoint: "http://localhost:4566",
		HTTP: &http.Client{Transport: handlerTransport{http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			b, _ := io.ReadAll(r.Body)
			got, body = r, string(b)
			w.WriteHeader(204)
		})}},
		Sign: func(r *http.Request, service string, body []byte) error {
			r.Header.Set("Signed", service+" "+string(body))
			return nil
		},
	}
	functions, err := lambda.NewClient(config)
	if err != nil {
		t.Fatal(err)
	}
	users, err := iam.NewClient(config)
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	tests := []struct {
		call                       func() error
		method, uri, header, wants string
	}{
		{func() error {
			return functions.DeleteFunctionUrlConfig(ctx, &lambda.DeleteFunctionUrlConfigRequest{FunctionName: "arn:aws:lambda:us-east-1:1:function:f", Qualifier: new("a b")})
		}, "DELETE", "http://localhost:4566/2021-10-31/functions/arn%3Aaws%3Alambda%3Aus-east-1%3A1%3Afunction%3Af/url?Qualifier=a+b", "lambda ", ""},
		{func() error {
			return functions.RemovePermission(ctx, &lambda.RemovePermissionRequest{FunctionName: "f/..", StatementId: "s"})
		}, "DELETE", "http://localhost:4566/2015-03-31/functions/f%2F../policy/s", "lambda ", ""},
		{func() error {
			_, err := functions.DeleteFunction(ctx, &lambda.DeleteFunctionRequest{FunctionName: "f"})
			return err
		}, "DELETE", "http://localhost:4566/2015-03-31/functions/f", "lambda ", ""},
		{func() error {
			return users.PutUserPolicy(ctx, &iam.PutUserPolicyRequest{UserName: "a", PolicyName: "p", PolicyDocument: "{} "})
		}, "POST", "http://localhost:4566/", "iam Action=PutUserPolicy&PolicyDocument=%7B%7D+&PolicyName=p&UserName=a&Version=2010-05-08", "Action=PutUserPolicy&PolicyDocument=%7B%7D+&PolicyName=p&UserName=a&Version=2010-05-08"},
	}
	for _, test := range tests {
		if err := test.call(); err != nil {
			t.Errorf("%s: %v", test.uri, err)
		}
		if got.Method != test.method || got.URL.String() != test.uri || got.Header.Get("Signed") != test.header || body != test.wants {
			t.Errorf("%s %s, signed %q, body %q; want\n%s %s %q %q", got.Method, got.URL, got.Header.Get("Signed"), body, test.method, test.uri, test.header, test.wants)
		}
	}
}

func TestClientErrors(t *testing.T) {
	throttled := lambda.TooManyRequestsException("slow down").WithMember("Reason", "CallerRateLimitExceeded").WithHeader("Retry-After", "3")
	for _, s := range []awsapi.Service{restToy(toy{}), queryToy(toy{})} {
		server := newServer(t, awsapi.Hooks{}, stub(s, func(context.Context, any) (any, error) { return nil, throttled }))
		_, err := awsapi.Call[everything, everything](t.Context(), newClient(t, s, server), "Everything", &everything{Name: "n", Must: []string{}})
		var e *awsapi.Error
		if !errors.As(err, &e) || e.Code != "TooManyRequestsException" || e.Message != "slow down" || e.Status != 429 || e.Fault != awsapi.Sender ||
			e.Header.Get("Retry-After") != "3" || err.Error() != "TooManyRequestsException: slow down" {
			t.Errorf("%s: %#v", s.Name, err)
		}
		if s.Protocol == awsapi.RESTJSON && (e.Type != "User" || e.Members["Reason"] != "CallerRateLimitExceeded") {
			t.Errorf("members %v, type %q", e.Members, e.Type)
		}
		server = newServer(t, awsapi.Hooks{}, stub(s, func(context.Context, any) (any, error) { return nil, errors.New("detail") }))
		_, err = awsapi.Call[nothing, nothing](t.Context(), newClient(t, s, server), "Nil", &nothing{})
		if !errors.As(err, &e) || e.Status != 500 || e.Fault != awsapi.Receiver {
			t.Errorf("%s: %#v", s.Name, err)
		}
	}
}

func TestClientOfAStrangeServer(t *testing.T) {
	answers := []struct {
		status int
		body   string
		want   string
	}{
		{502, "<html>Bad Gateway</html>", "status 502 without an AWS error"},
		{500, "", "status 500 without an AWS error"},
		{200, "<html", "decode the answer to Everything"},
		{200, strings.Repeat("<a>", 100), "decode the answer to Everything"},
		{200, `{"Int":"x"}<A><EverythingResult><Int>x</Int></EverythingResult></A>`, "decode the answer to Everything"},
	}
	for _, s := range []awsapi.Service{restToy(toy{}), queryToy(toy{})} {
		for _, answer := range answers {
			client := newClient(t, s, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(answer.status)
				_, _ = w.Write([]byte(answer.body))
			}))
			_, err := awsapi.Call[everything, everything](t.Context(), client, "Everything", &everything{})
			var e *awsapi.Error
			if err == nil || !strings.Contains(err.Error(), answer.want) || errors.As(err, &e) {
				t.Errorf("%s, %d: %v, want %q", s.Name, answer.status, err, answer.want)
			}
		}
	}
}

func TestClientOfATalkativeServer(t *testing.T) {
	client, err := awsapi.NewClient(restToy(toy{}), awsapi.ClientConfig{Endpoint: "http://localhost", HTTP: &http.Client{Transport: talkative{}}})
	if err != nil {
		t.Fatal(err)
	}
	if err := awsapi.CallVoid(t.Context(), client, "Void", &nothing{}); err == nil || !strings.Contains(err.Error(), "larger than 67108864 bytes") {
		t.Error(err)
	}
}

// talkative answers without end.
type talkative struct{}

func (talkative) RoundTrip(*http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: 200, Body: io.NopCloser(zeros{})}, nil
}

func TestClientRefusals(t *testing.T) {
	client := newClient(t, restToy(toy{}), http.NotFoundHandler())
	if err := awsapi.CallVoid(t.Context(), client, "Fly", &nothing{}); err == nil || !strings.Contains(err.Error(), "no operation Fly") {
		t.Error(err)
	}
	if err := awsapi.CallVoid(t.Context(), client, "Void", &placed{}); err == nil || !strings.Contains(err.Error(), "no operation Void of a *awsapi_test.placed") {
		t.Error(err)
	}
	if err := awsapi.CallVoid[nothing](t.Context(), client, "Void", nil); err == nil {
		t.Error("a nil input passes")
	}
	failing := errors.New("no key")
	signer, err := awsapi.NewClient(restToy(toy{}), awsapi.ClientConfig{Endpoint: "http://localhost", Sign: func(*http.Request, string, []byte) error { return failing }})
	if err != nil {
		t.Fatal(err)
	}
	if err := awsapi.CallVoid(t.Context(), signer, "Void", &nothing{}); !errors.Is(err, failing) {
		t.Error(err)
	}
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	nobody, err := awsapi.NewClient(restToy(toy{}), awsapi.ClientConfig{Endpoint: gone.URL})
	if err != nil {
		t.Fatal(err)
	}
	if err := awsapi.CallVoid(t.Context(), nobody, "Void", &nothing{}); err == nil || !strings.Contains(err.Error(), "awsapi: call Void: ") {
		t.Error(err)
	}
}
