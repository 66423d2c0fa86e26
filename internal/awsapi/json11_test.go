package awsapi_test

import (
	"context"
	"errors"
	"net/http/httptest"
	"strings"
	"testing"

	"furl/internal/awsapi"
)

// jsonToy is the toy service in the JSON-1.1 protocol.
func jsonToy(t toy) awsapi.Service {
	return awsapi.Service{
		Name: "jtoy", SigningName: "jtoy", Version: "2020-03-03", Protocol: awsapi.JSON11, Constraints: toyConstraints(),
		TargetPrefix: "Toy_20200303", InvalidRequest: "BadToyException",
		Operations: []awsapi.Operation{
			awsapi.Op(awsapi.OpMeta{Name: "Everything"}, t, toy.Everything),
			awsapi.OpVoid(awsapi.OpMeta{Name: "Void"}, t, toy.Void),
		},
	}
}

// callJSON sends a request in the JSON-1.1 protocol.
func callJSON(s *awsapi.Server, method, target, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "/", strings.NewReader(body))
	r.Header.Set("X-Amz-Target", target)
	rec := httptest.NewRecorder()
	s.ServeHTTP(rec, r)
	return rec
}

func TestJSON11Golden(t *testing.T) {
	const ok = `{"Name":"n","Must":["a"]}`
	var fail error
	s := newServer(t, awsapi.Hooks{}, restToy(toy{}), queryToy(toy{}), jsonToy(toy{
		everything: func(_ context.Context, in *everything) (*everything, error) { return in, fail },
	}))
	for _, tt := range []struct {
		name, method, target, body string
		fail                       error
		status                     int
		want                       string
	}{
		{"an answer", "POST", "Toy_20200303.Everything", ok, nil, 200, ok},
		{"no answer", "POST", "Toy_20200303.Void", "{}", nil, 200, ""},
		{"no body", "POST", "Toy_20200303.Void", "", nil, 200, ""},
		{"an error of the service", "POST", "Toy_20200303.Everything", ok, &awsapi.Error{Code: "Gone", Status: 400, Message: `"x"`}, 400,
			`{"__type":"Gone","message":"\"x\""}`},
		{"with a member", "POST", "Toy_20200303.Everything", ok, (&awsapi.Error{Code: "Gone", Status: 400}).WithMember("when", "now"), 400,
			`{"__type":"Gone","when":"now","message":""}`},
		{"a failure", "POST", "Toy_20200303.Everything", ok, errors.New("secret"), 500,
			`{"__type":"ServiceException","Message":"The request processing has failed because of an unknown error, exception or failure."}`},
		{"not allowed", "POST", "Toy_20200303.Everything", ok, awsapi.AccessDenied("no"), 400, `{"__type":"AccessDeniedException","Message":"no"}`},
		{"a bad key", "POST", "Toy_20200303.Everything", ok, awsapi.InvalidClientTokenID("no"), 400, `{"__type":"UnrecognizedClientException","message":"no"}`},
		{"a bad signature", "POST", "Toy_20200303.Everything", ok, awsapi.SignatureDoesNotMatch("no"), 400, `{"__type":"InvalidSignatureException","message":"no"}`},
		{"invalid", "POST", "Toy_20200303.Everything", `{"Name":"n"}`, nil, 400,
			`{"__type":"BadToyException","message":"1 validation error detected: Value null at 'must' failed to satisfy constraint: Member must not be null"}`},
		{"no JSON", "POST", "Toy_20200303.Everything", `{`, nil, 400, ""},
		{"unknown operation", "POST", "Toy_20200303.Nothing", `{}`, nil, 400, `{"__type":"UnknownOperationException"}`},
		{"unknown service", "POST", "DynamoDB_20120810.ListTables", `{}`, nil, 400, `{"__type":"UnknownOperationException"}`},
		{"no GET", "GET", "Toy_20200303.Void", ``, nil, 400, `{"__type":"UnknownOperationException"}`},
	} {
		fail = tt.fail
		rec := callJSON(s, tt.method, tt.target, tt.body)
		got := rec.Body.String()
		if rec.Code != tt.status || tt.want != "" && got != tt.want || rec.Header().Get("Content-Type") != "application/x-amz-json-1.1" {
			t.Errorf("%s: %d %s %s", tt.name, rec.Code, rec.Header().Get("Content-Type"), got)
		}
	}
}

func TestJSON11Client(t *testing.T) {
	fail := (&awsapi.Error{Code: "Gone", Status: 400, Message: "m"}).WithMember("when", "now")
	s := jsonToy(toy{everything: func(context.Context, *everything) (*everything, error) { return nil, fail }})
	c := newClient(t, s, newServer(t, awsapi.Hooks{}, s))
	_, err := awsapi.Call[everything, everything](t.Context(), c, "Everything", &everything{Name: "n", Must: []string{}})
	var e *awsapi.Error
	if !errors.As(err, &e) || e.Code != "Gone" || e.Message != "m" || e.Members["when"] != "now" || e.Status != 400 {
		t.Errorf("%#v", err)
	}
}

func FuzzJSON11(f *testing.F) {
	f.Add("Toy_20200303.Everything", `{"Name":"n","Must":["a"],"Weights":{"a":1},"Parts":[{"Key":"k"}],"Blob":"AA==","Time":1.5,"Nested":[["a"],[]]}`)
	f.Add("Toy_20200303.Everything", ` {"Name":"é","Must":null,"Part":{"Key":"a","value":null},"x":[{"y":"]"}]}`)
	f.Add("Toy_20200303.Void", ``)
	f.Add("Toy_20200303.", `null`)
	e := newEcho(f, voids(jsonToy(toy{})))
	f.Fuzz(func(t *testing.T, target, body string) {
		r := httptest.NewRequest("POST", "/", strings.NewReader(body))
		r.Header["X-Amz-Target"] = []string{target}
		e.check(t, r)
	})
}

func FuzzJSON11Response(f *testing.F) {
	f.Add(true, []byte(`{"Name":"n","Must":["a"],"Weights":{"a":1},"Parts":[{"Key":"k"}],"Blob":"AA==","Time":1.5}`))
	f.Add(false, []byte(`{"__type":"ns#Code","message":"m","n":1}`))
	f.Add(false, []byte(`<html>`))
	s := jsonToy(toy{})
	s.Constraints = nil
	fuzzReply(f, s)
}
