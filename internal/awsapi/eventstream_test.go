package awsapi_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/protocol/eventstream"

	"furl/internal/awsapi"
)

type (
	asked struct {
		Label string `aws:"uri=Label,required"`
		Until *int   `aws:"query=until"`
	}
	head struct {
		Status *int    `aws:"status"`
		Kind   *string `aws:"header=X-Kind"`
	}
	piece struct {
		Bytes []byte `aws:"eventpayload"`
	}
	last struct {
		Code  *string
		Count *int `aws:"name=count"`
	}
	happening struct {
		Piece *piece
		Last  *last
	}
)

// teller is a service whose one operation is what a test makes it.
type teller struct {
	tell func(ctx context.Context, in *asked, out awsapi.EventStream[head, happening]) error
}

func (s *teller) Tell(ctx context.Context, in *asked, out awsapi.EventStream[head, happening]) error {
	return s.tell(ctx, in, out)
}

func tellerService(s *teller) awsapi.Service {
	return awsapi.Service{Name: "teller", SigningName: "teller", Protocol: awsapi.RESTJSON, Operations: []awsapi.Operation{
		awsapi.OpStream(awsapi.OpMeta{Name: "Tell", Method: "GET", URI: "/tell/{Label}"}, s, (*teller).Tell),
	}}
}

// told collects an answer.
type told struct {
	head   *head
	events []happening
	seen   chan struct{} // gets one for every event, if not nil
	fail   error
}

func (o *told) Begin(h *head) error {
	o.head = h
	return nil
}

func (o *told) Send(e *happening) error {
	o.events = append(o.events, *e)
	if o.seen != nil {
		o.seen <- struct{}{}
	}
	return o.fail
}

// serveTeller serves the operation; ended gets the error of every request.
func serveTeller(t *testing.T, s *teller) (address string, ended <-chan error) {
	t.Helper()
	errs := make(chan error, 10)
	server, err := awsapi.NewServer(awsapi.Hooks{
		RequestID: func() string { return "id" },
		Done: func(_ context.Context, _ *awsapi.Operation, _ *http.Request, _ any, _ int, err error, _ time.Duration) {
			errs <- err
		},
	}, tellerService(s))
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(server)
	t.Cleanup(web.Close)
	return web.URL, errs
}

func ask(t *testing.T, address string, out *told) error {
	t.Helper()
	c, err := awsapi.NewClient(tellerService(nil), awsapi.ClientConfig{Endpoint: address})
	if err != nil {
		t.Fatal(err)
	}
	return awsapi.CallStream[asked](t.Context(), c, "Tell", &asked{Label: "x"}, awsapi.EventStream[head, happening](out))
}

// Each event arrives before the next is made, bytes stay as they are, and the
// message is what AWS's clients expect.
func TestEventStream(t *testing.T) {
	next := make(chan struct{})
	address, ended := serveTeller(t, &teller{func(_ context.Context, in *asked, out awsapi.EventStream[head, happening]) error {
		err := out.Begin(&head{Kind: new(in.Label)})
		for _, e := range []happening{{Piece: &piece{[]byte("a\x00b")}}, {Piece: &piece{}}, {Last: &last{Count: new(2)}}} {
			if err == nil {
				err = out.Send(&e)
			}
			<-next
		}
		return err
	}})
	out := &told{seen: next}
	if err := ask(t, address, out); err != nil {
		t.Fatal(err)
	}
	if *out.head.Status != 200 || *out.head.Kind != "x" || len(out.events) != 3 || string(out.events[0].Piece.Bytes) != "a\x00b" ||
		len(out.events[1].Piece.Bytes) != 0 || *out.events[2].Last.Count != 2 || out.events[2].Last.Code != nil {
		t.Errorf("%+v %+v", out.head, out.events)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestEventStreamOnTheWire(t *testing.T) {
	address, _ := serveTeller(t, &teller{func(_ context.Context, _ *asked, out awsapi.EventStream[head, happening]) error {
		return errors.Join(out.Begin(&head{}), out.Send(&happening{Piece: &piece{[]byte("hi")}}), out.Send(&happening{Last: &last{Code: new("c")}}))
	}})
	r, err := http.Get(address + "/tell/x")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	if r.Header.Get("Content-Type") != "application/vnd.amazon.eventstream" || r.Header.Get("X-Amzn-Requestid") != "id" || r.ContentLength != -1 {
		t.Errorf("%v", r.Header)
	}
	var got []string
	for in := bytes.NewReader(body); in.Len() > 0; {
		m, err := eventstream.NewDecoder().Decode(in, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, h := range m.Headers {
			got = append(got, h.Name+"="+h.Value.String())
		}
		got = append(got, string(m.Payload))
	}
	want := []string{
		":event-type=Piece", ":content-type=application/octet-stream", ":message-type=event", "hi",
		":event-type=Last", ":content-type=application/json", ":message-type=event", `{"Code":"c"}`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

// Before Begin an error is an answer like any other; after it, an exception that ends
// the stream.
func TestEventStreamErrors(t *testing.T) {
	known := awsapi.ValidationException("no")
	for _, c := range []struct {
		name   string
		tell   func(out awsapi.EventStream[head, happening]) error
		code   string
		events int
		done   string
	}{
		{"before", func(awsapi.EventStream[head, happening]) error { return known }, "ValidationException", 0, "ValidationException: no"},
		{"nothing", func(awsapi.EventStream[head, happening]) error { return nil }, "ServiceException", 0, "awsapi: Tell returned neither a result nor an error"},
		{"after", func(out awsapi.EventStream[head, happening]) error {
			return errors.Join(out.Begin(&head{}), out.Send(&happening{Piece: new(piece)}), known)
		}, "ValidationException", 1, "ValidationError: no"},
		{"unknown after", func(out awsapi.EventStream[head, happening]) error {
			return errors.Join(out.Begin(&head{}), errors.New("secret"))
		}, "ServiceException", 0, "secret"},
		{"panic after", func(out awsapi.EventStream[head, happening]) error {
			_ = out.Begin(&head{})
			panic("secret")
		}, "ServiceException", 0, "awsapi: panic: secret"},
		{"twice", func(out awsapi.EventStream[head, happening]) error {
			return errors.Join(out.Begin(&head{}), out.Begin(&head{}))
		}, "ServiceException", 0, "awsapi: an answer began twice"},
		{"too early", func(out awsapi.EventStream[head, happening]) error { return out.Send(&happening{Piece: new(piece)}) },
			"ServiceException", 0, "awsapi: an event without an answer that takes events"},
		{"no event", func(out awsapi.EventStream[head, happening]) error {
			return errors.Join(out.Begin(&head{}), out.Send(&happening{}))
		}, "ServiceException", 0, "awsapi: a awsapi_test.happening without an event"},
		{"two events", func(out awsapi.EventStream[head, happening]) error {
			return errors.Join(out.Begin(&head{}), out.Send(&happening{Piece: new(piece), Last: new(last)}))
		}, "ServiceException", 0, "awsapi: a awsapi_test.happening with several events"},
	} {
		t.Run(c.name, func(t *testing.T) {
			address, ended := serveTeller(t, &teller{func(_ context.Context, _ *asked, out awsapi.EventStream[head, happening]) error { return c.tell(out) }})
			out := new(told)
			err := ask(t, address, out)
			e, ok := errors.AsType[*awsapi.Error](err)
			if !ok || e.Code != c.code || strings.Contains(e.Message, "secret") || len(out.events) != c.events {
				t.Errorf("%v after %d events", err, len(out.events))
			}
			if err := <-ended; err == nil || err.Error() != c.done {
				t.Errorf("the record has %v, want %s", err, c.done)
			}
		})
	}
}

// A client that leaves is no failure of the server's.
func TestEventStreamClientLeaves(t *testing.T) {
	address, ended := serveTeller(t, &teller{func(ctx context.Context, _ *asked, out awsapi.EventStream[head, happening]) error {
		if err := out.Begin(&head{}); err != nil {
			return err
		}
		for {
			if err := out.Send(&happening{Piece: &piece{make([]byte, 1<<16)}}); err != nil {
				return err
			}
		}
	}})
	enough := errors.New("enough")
	if err := ask(t, address, &told{fail: enough}); !errors.Is(err, enough) {
		t.Errorf("got %v", err)
	}
	if err := <-ended; err != nil {
		t.Errorf("the record has %v", err)
	}
}

func TestEventStreamWithoutContent(t *testing.T) {
	address, ended := serveTeller(t, &teller{func(_ context.Context, _ *asked, out awsapi.EventStream[head, happening]) error {
		return out.Begin(&head{Status: new(204)})
	}})
	out := new(told)
	if err := ask(t, address, out); err != nil || *out.head.Status != 204 || len(out.events) != 0 {
		t.Errorf("%v %+v", err, out)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// An answer of events is declared only where the protocol can carry it.
func TestEventStreamDeclarations(t *testing.T) {
	query := tellerService(nil)
	query.Protocol, query.Operations[0].OpMeta = awsapi.Query, awsapi.OpMeta{Name: "Tell"}
	flat := awsapi.Service{Name: "x", Protocol: awsapi.RESTJSON, Operations: []awsapi.Operation{
		awsapi.OpStream(awsapi.OpMeta{Name: "Tell", Method: "GET", URI: "/tell/{Label}"}, (*int)(nil),
			func(*int, context.Context, *asked, awsapi.EventStream[head, last]) error { return nil }),
	}}
	for name, s := range map[string]awsapi.Service{"query": query, "no events": flat} {
		if _, err := awsapi.NewServer(awsapi.Hooks{}, s); err == nil {
			t.Errorf("%s: declared", name)
		}
	}
}

// FuzzEventStream: whatever a server sends, a client ends with an answer or an error.
func FuzzEventStream(f *testing.F) {
	var b bytes.Buffer
	m := eventstream.Message{Payload: []byte("x")}
	m.Headers.Set(":event-type", eventstream.StringValue("Piece"))
	m.Headers.Set(":message-type", eventstream.StringValue("event"))
	if err := eventstream.NewEncoder().Encode(&b, m); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Add([]byte("\x00\x00\x00\x10"))
	f.Fuzz(func(t *testing.T, body []byte) {
		c, err := awsapi.NewClient(tellerService(nil), awsapi.ClientConfig{Endpoint: "http://x", HTTP: &http.Client{Transport: canned(body)}})
		if err != nil {
			t.Fatal(err)
		}
		_ = awsapi.CallStream[asked](t.Context(), c, "Tell", &asked{Label: "x"}, awsapi.EventStream[head, happening](new(told)))
	})
}

// canned answers every request with one body.
type canned []byte

func (b canned) RoundTrip(*http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(b))}, nil
}
