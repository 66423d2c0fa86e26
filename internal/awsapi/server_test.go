package awsapi_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"furl/internal/awsapi"
)

type callerKey struct{}

// record is what a test's hooks saw.
type record struct {
	steps  []string
	op     string
	in     any
	status int
	err    error
}

// recording makes hooks that note what they see; refuse names the step that refuses.
func recording(rec *record, refuse string) awsapi.Hooks {
	step := func(name string) error {
		rec.steps = append(rec.steps, name)
		if name == refuse {
			return awsapi.AccessDenied("at %s", name)
		}
		return nil
	}
	return awsapi.Hooks{
		Authenticate: func(r *http.Request, service string, body []byte) (context.Context, error) {
			return context.WithValue(r.Context(), callerKey{}, "alice"), step(fmt.Sprintf("authenticate %s %q", service, body))
		},
		Authorize: func(ctx context.Context, op *awsapi.Operation, in any) error {
			return step(fmt.Sprintf("authorize %v %s.%s %T %s", ctx.Value(callerKey{}), op.Service, op.Name, in, awsapi.RequestID(ctx)))
		},
		Done: func(ctx context.Context, op *awsapi.Operation, _ *http.Request, in any, status int, err error, d time.Duration) {
			rec.steps = append(rec.steps, fmt.Sprintf("done %v %v", ctx.Value(callerKey{}), d >= 0))
			if op != nil {
				rec.op = op.Name
			}
			rec.in, rec.status, rec.err = in, status, err
		},
	}
}

func TestHooks(t *testing.T) {
	const good, invalid = `{"Name":"n","Must":[]}`, `{"Name":"","Must":[]}`
	authenticate := func(body string) string { return fmt.Sprintf("authenticate toy %q", body) }
	const authorize = "authorize alice toy.Everything *awsapi_test.everything req-1"
	tests := []struct {
		name, target, body, refuse string
		steps                      []string
		op                         string
		decoded                    bool
		status                     int
	}{
		{"all", "/v1/everything", good, "", []string{authenticate(good), authorize, "call alice req-1", "done alice true"}, "Everything", true, 201},
		{"unknown operation", "/v1/nothing", good, "", []string{"done <nil> true"}, "", false, 404},
		{"unauthenticated", "/v1/everything", good, authenticate(good), []string{authenticate(good), "done <nil> true"}, "Everything", false, 403},
		{"invalid", "/v1/everything", invalid, "", []string{authenticate(invalid), "done alice true"}, "Everything", false, 400},
		{"unauthorized", "/v1/everything", good, authorize, []string{authenticate(good), authorize, "done alice true"}, "Everything", true, 403},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			rec := new(record)
			server := newServer(t, recording(rec, test.refuse), restToy(toy{everything: func(ctx context.Context, in *everything) (*everything, error) {
				rec.steps = append(rec.steps, fmt.Sprintf("call %v %s", ctx.Value(callerKey{}), awsapi.RequestID(ctx)))
				return in, nil
			}}))
			resp, _ := send(t, server, wire{method: "POST", target: test.target, body: test.body})
			if !reflect.DeepEqual(rec.steps, test.steps) {
				t.Errorf("steps\n%q, want\n%q", rec.steps, test.steps)
			}
			if rec.op != test.op || (rec.in != nil) != test.decoded || rec.status != test.status || resp.StatusCode != test.status {
				t.Errorf("%+v, answered %d", rec, resp.StatusCode)
			}
			e := new(awsapi.Error)
			if (test.status >= 400) != errors.As(rec.err, &e) || test.status == 403 && e.Code != "AccessDeniedException" {
				t.Errorf("error %v", rec.err)
			}
		})
	}
}

func TestInternalFailuresKeepTheirDetail(t *testing.T) {
	detail := errors.New("state: disk on fire")
	tests := []struct {
		name string
		call func(context.Context, *everything) (*everything, error)
		is   func(error) bool
	}{
		{"error", func(context.Context, *everything) (*everything, error) { return nil, detail }, func(err error) bool { return errors.Is(err, detail) }},
		{"nothing", func(context.Context, *everything) (*everything, error) { return nil, nil }, func(err error) bool { return strings.Contains(err.Error(), "neither") }},
		{"panic", func(context.Context, *everything) (*everything, error) { panic("disk on fire") }, func(err error) bool {
			var p *awsapi.PanicError
			return errors.As(err, &p) && p.Value == "disk on fire" && p.Error() == "awsapi: panic: disk on fire" && bytes.Contains(p.Stack, []byte("server_test.go"))
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			rec := new(record)
			server := newServer(t, recording(rec, ""), restToy(toy{everything: test.call}))
			resp, body := send(t, server, wire{method: "POST", target: "/v1/everything", body: `{"Name":"n","Must":[]}`})
			if resp.StatusCode != 500 || strings.Contains(body, "fire") || resp.Header.Get("x-amzn-ErrorType") != "ServiceException" {
				t.Errorf("%d %s", resp.StatusCode, body)
			}
			if rec.status != 500 || !test.is(rec.err) {
				t.Errorf("record %+v", rec)
			}
		})
	}
}

func TestWrappedErrorIsAnswered(t *testing.T) {
	server := newServer(t, awsapi.Hooks{}, restToy(toy{everything: func(context.Context, *everything) (*everything, error) {
		return nil, fmt.Errorf("toy: %w", awsapi.AccessDenied("no"))
	}}))
	if resp, body := send(t, server, wire{method: "POST", target: "/v1/everything", body: `{"Name":"n","Must":[]}`}); resp.StatusCode != 403 || body != `{"Message":"no"}` {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
}

func TestAbortIsNotRecovered(t *testing.T) {
	server := newServer(t, awsapi.Hooks{}, restToy(toy{placed: func(*placed) error { panic(http.ErrAbortHandler) }}))
	defer func() {
		if p := recover(); p != http.ErrAbortHandler {
			t.Errorf("recovered %v", p)
		}
	}()
	send(t, server, wire{method: "PUT", target: "/v1/things/a/parts/b"})
}

func TestBrokenBody(t *testing.T) {
	server := newServer(t, awsapi.Hooks{}, restToy(toy{}))
	r := httptest.NewRequest("POST", "/v1/everything", io.MultiReader(strings.NewReader("{"), brokenReader{}))
	rec := httptest.NewRecorder()
	server.ServeHTTP(rec, r)
	if rec.Code != 400 || rec.Header().Get("x-amzn-ErrorType") != "IncompleteBody" {
		t.Errorf("%d %s", rec.Code, rec.Body)
	}
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func TestRequestIDsAreUUIDs(t *testing.T) {
	server, err := awsapi.NewServer(awsapi.Hooks{}, restToy(toy{}))
	if err != nil {
		t.Fatal(err)
	}
	form := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	seen := map[string]bool{}
	for range 10 {
		resp, _ := send(t, server, wire{method: "GET", target: "/v1/raw/void"})
		id := resp.Header.Get("x-amzn-RequestId")
		if !form.MatchString(id) || seen[id] {
			t.Errorf("id %q", id)
		}
		seen[id] = true
	}
	if id := awsapi.RequestID(t.Context()); id != "" {
		t.Errorf("id %q outside a request", id)
	}
}

func TestInvokePayloadIsNotCopied(t *testing.T) {
	var first, authenticated *byte
	s := restToy(toy{raw: func(in *raw) (*rawReply, error) { first = &in.Payload[0]; return &rawReply{Payload: in.Payload}, nil }})
	server := newServer(t, awsapi.Hooks{Authenticate: func(r *http.Request, _ string, body []byte) (context.Context, error) {
		authenticated = &body[0]
		return r.Context(), nil
	}}, s)
	if resp, body := send(t, server, wire{method: "POST", target: "/v1/raw/a", body: "0123456789"}); resp.StatusCode != 200 || body != "0123456789" {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
	if first != authenticated {
		t.Error("the payload is a copy of the body")
	}
}

// badShapes are structures that no codec can carry.
func TestBadShapes(t *testing.T) {
	type channel struct{ C chan int }
	type intKeys struct{ M map[int]string }
	type unknownOption struct {
		A string `aws:"greedy"`
	}
	type optionalLabel struct {
		A *string `aws:"uri=A"`
	}
	type listHeader struct {
		A []string `aws:"header=A"`
	}
	type stringStatus struct {
		A *string `aws:"status"`
	}
	type textPayload struct {
		A *string `aws:"payload"`
	}
	type twice struct {
		A *string
		B *string `aws:"name=A"`
	}
	type noConstraint struct {
		A *string `shape:"Missing"`
	}
	type unbounded struct {
		A *bool `shape:"Digit"`
	}
	type unlabelled struct {
		A string `aws:"uri=A,required"`
	}
	rest := func(op awsapi.Operation) awsapi.Service {
		return awsapi.Service{Name: "bad", Protocol: awsapi.RESTJSON, Constraints: toyConstraints(), Operations: []awsapi.Operation{op}}
	}
	meta := awsapi.OpMeta{Name: "Bad", Method: "GET", URI: "/bad"}
	badPattern := rest(awsapi.OpVoid(awsapi.OpMeta{Name: "Bad", URI: "/{Label}/{Second}"}, toy{}, toy.Placed))
	badPattern.Constraints["Short"] = awsapi.Constraint{Pattern: `(?!x)`}
	twiceNamed := restToy(toy{})
	twiceNamed.Operations = append(twiceNamed.Operations, twiceNamed.Operations[0])
	queryPlaced := queryToy(toy{})
	queryPlaced.Operations = []awsapi.Operation{awsapi.OpVoid(awsapi.OpMeta{Name: "Placed"}, toy{}, toy.Placed)}
	tests := map[string]awsapi.Service{
		"no wire form":                  rest(voidOp[channel](meta)),
		"values of type map[int]string": rest(voidOp[intKeys](meta)),
		`unknown option "greedy"`:       rest(voidOp[unknownOption](meta)),
		"A cannot travel":               rest(voidOp[optionalLabel](meta)),
		"field A cannot travel":         rest(voidOp[listHeader](meta)),
		"cannot travel where":           rest(voidOp[stringStatus](meta)),
		"where its tag says":            rest(voidOp[textPayload](meta)),
		"two members called A":          rest(voidOp[twice](meta)),
		"no constraint for shape":       rest(voidOp[noConstraint](meta)),
		"without length or order":       rest(voidOp[unbounded](meta)),
		"is not a label":                rest(voidOp[unlabelled](meta)),
		"is not a structure":            rest(voidOp[string](meta)),
		"is label B":                    rest(voidOp[nothing](awsapi.OpMeta{Name: "Bad", URI: "/{B}"})),
		"route /x?%zz":                  rest(voidOp[nothing](awsapi.OpMeta{Name: "Bad", URI: "/x?%zz"})),
		"unknown protocol 9":            {Name: "bad", Protocol: 9},
		"needs a matcher by hand":       badPattern,
		"two operations called":         twiceNamed,
		"outside the body":              queryPlaced,
	}
	for want, s := range tests {
		if _, err := awsapi.NewServer(awsapi.Hooks{}, s); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("server: %v, want %q", err, want)
		}
	}
	if _, err := awsapi.NewClient(tests["no wire form"], awsapi.ClientConfig{}); err == nil {
		t.Error("a client takes a channel")
	}
}

// voidOp is an operation of any input.
func voidOp[In any](meta awsapi.OpMeta) awsapi.Operation {
	return awsapi.OpVoid(meta, toy{}, func(toy, context.Context, *In) error { return nil })
}
