package awsapi_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"furl/internal/awsapi"
)

// color is an enumeration of the toy service.
type color string

// part is a structure inside others.
type part struct {
	Key   string  `aws:"required" shape:"Short"`
	Value *string `aws:"name=value"`
}

// everything has a member of every type in the body.
type everything struct {
	Name    string `aws:"required" shape:"Short"`
	Text    *string
	Color   *color `shape:"Color"`
	Int     *int   `shape:"Digit"`
	Long    *int64
	Float   *float64 `shape:"Half"`
	Bool    *bool
	Blob    []byte
	Time    *time.Time
	Part    *part
	Parts   []part             `shape:"Few"`
	Colors  []color            `shape:"Colors"`
	Nested  [][]string         `shape:"Nested"`
	Weights map[string]float64 `shape:"Weights"`
	ByName  map[string]part
	Secret  *string  `shape:"Secret"`
	Must    []string `aws:"required"`
}

// placed has members in every place that REST-JSON has.
type placed struct {
	Label  string   `aws:"uri=Label,required" shape:"Short"`
	Second string   `aws:"uri=Second,required"`
	Param  *int     `aws:"query=param"`
	Tags   []string `aws:"query=tagKeys"`
	Header *string  `aws:"header=X-Toy"`
	Flag   *bool    `aws:"header=X-Flag"`
	Body   *string
}

// raw has the body as it is.
type raw struct {
	Label   string  `aws:"uri=Label,required"`
	Payload []byte  `aws:"payload"`
	Kind    *string `aws:"header=X-Kind"`
}

// rawReply is an answer with a body as it is and a status.
type rawReply struct {
	Status  *int    `aws:"status"`
	Kind    *string `aws:"header=X-Kind"`
	Payload []byte  `aws:"payload"`
}

type nothing struct{}

// toy carries the toy services' operations out; tests replace what they need.
type toy struct {
	everything func(ctx context.Context, in *everything) (*everything, error)
	placed     func(in *placed) error
	raw        func(in *raw) (*rawReply, error)
}

func (t toy) Everything(ctx context.Context, in *everything) (*everything, error) {
	return t.everything(ctx, in)
}
func (t toy) Placed(_ context.Context, in *placed) error          { return t.placed(in) }
func (t toy) Raw(_ context.Context, in *raw) (*rawReply, error)   { return t.raw(in) }
func (t toy) Void(_ context.Context, _ *nothing) error            { return nil }
func (t toy) Nil(_ context.Context, _ *nothing) (*nothing, error) { return nil, nil }

// toyConstraints restrict the toy's shapes.
func toyConstraints() map[string]awsapi.Constraint {
	return map[string]awsapi.Constraint{
		"Short":   {Min: new(1.0), Max: new(8.0), Pattern: `[a-z:%/ .]+`},
		"Color":   {Enum: []string{"RED", "BLUE"}},
		"Colors":  {Max: new(3.0), Member: "Color"},
		"Digit":   {Min: new(0.0), Max: new(9.0)},
		"Half":    {Min: new(0.5), Max: new(2.0)},
		"Few":     {Min: new(1.0), Max: new(2.0)},
		"Nested":  {Member: "Row"},
		"Row":     {Member: "Short"},
		"Weights": {Key: "Short", Value: "Half"},
		"Secret":  {Max: new(3.0), Sensitive: true},
	}
}

// restToy is the toy service in the REST-JSON protocol.
func restToy(t toy) awsapi.Service {
	return awsapi.Service{
		Name: "toy", SigningName: "toy", Version: "2020-01-01", Protocol: awsapi.RESTJSON, Constraints: toyConstraints(),
		Operations: []awsapi.Operation{
			awsapi.Op(awsapi.OpMeta{Name: "Everything", Method: "POST", URI: "/v1/everything", Status: 201}, t, toy.Everything),
			awsapi.OpVoid(awsapi.OpMeta{Name: "Placed", Method: "PUT", URI: "/v1/things/{Label}/parts/{Second}", Status: 204}, t, toy.Placed),
			awsapi.Op(awsapi.OpMeta{
				Name: "Raw", Method: "POST", URI: "/v1/raw/{Label}", BodyLimit: 10, LimitName: "RawThing",
				ContentType: "application/json", Headers: map[string]string{"X-Fixed": "1"},
			}, t, toy.Raw),
			awsapi.OpVoid(awsapi.OpMeta{Name: "Void", Method: "GET", URI: "/v1/raw/void"}, t, toy.Void),
			awsapi.OpVoid(awsapi.OpMeta{Name: "ListAll", Method: "GET", URI: "/v1/things?List=ALL"}, t, toy.Void),
			awsapi.Op(awsapi.OpMeta{Name: "Nil", Method: "GET", URI: "/v1/things"}, t, toy.Nil),
		},
	}
}

// queryToy is the toy service in the Query protocol.
func queryToy(t toy) awsapi.Service {
	return awsapi.Service{
		Name: "qtoy", SigningName: "qtoy", Version: "2020-02-02", Protocol: awsapi.Query, Constraints: toyConstraints(),
		Namespace: "https://toy.example/doc/", HideValues: true,
		Operations: []awsapi.Operation{
			awsapi.Op(awsapi.OpMeta{Name: "Everything"}, t, toy.Everything),
			awsapi.OpVoid(awsapi.OpMeta{Name: "Void"}, t, toy.Void),
			awsapi.Op(awsapi.OpMeta{Name: "Nil"}, t, toy.Nil),
		},
	}
}

// newServer makes a server whose request ids are all "req-1".
func newServer(t testing.TB, hooks awsapi.Hooks, services ...awsapi.Service) *awsapi.Server {
	t.Helper()
	if hooks.RequestID == nil {
		hooks.RequestID = func() string { return "req-1" }
	}
	s, err := awsapi.NewServer(hooks, services...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// wire is what a test sends.
type wire struct {
	method, target, host string
	header               map[string]string
	body                 string
}

// send sends a request to a handler and returns the answer and its body.
func send(t testing.TB, h http.Handler, w wire) (*http.Response, string) {
	t.Helper()
	r := httptest.NewRequest(w.method, w.target, strings.NewReader(w.body))
	if w.host != "" {
		r.Host = w.host
	}
	for name, value := range w.header {
		r.Header.Set(name, value)
	}
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, r)
	body, err := io.ReadAll(rec.Result().Body)
	if err != nil {
		t.Fatal(err)
	}
	return rec.Result(), string(body)
}

// handlerTransport carries a client's requests to a handler without a network.
type handlerTransport struct{ h http.Handler }

func (t handlerTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	rec := httptest.NewRecorder()
	r = r.Clone(r.Context())
	if r.Body == nil {
		r.Body = http.NoBody
	}
	t.h.ServeHTTP(rec, r)
	return rec.Result(), nil
}

// newClient makes a client of a service that a handler serves.
func newClient(t testing.TB, s awsapi.Service, h http.Handler) *awsapi.Client {
	t.Helper()
	c, err := awsapi.NewClient(s, awsapi.ClientConfig{
		Endpoint: "http://localhost/", HTTP: &http.Client{Transport: handlerTransport{h}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}
