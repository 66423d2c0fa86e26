package awsapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"

	"github.com/aws/aws-sdk-go-v2/aws/protocol/eventstream"
)

// eventStreamType is the type of an answer that comes in events.
const eventStreamType = "application/vnd.amazon.eventstream"

// Headers of the messages of an event stream.
const (
	messageTypeHeader   = ":message-type"
	eventTypeHeader     = ":event-type"
	exceptionTypeHeader = ":exception-type"
	contentTypeHeader   = ":content-type"
)

// EventStream takes an answer that comes in events. Its methods are not safe for concurrent use.
type EventStream[Out, Event any] interface {
	// Begin is called once and before Send, with what travels in the answer's status and headers. A status of 204 answers
	// nothing else.
	Begin(out *Out) error
	// Send takes one event, of whose members exactly one is set, and returns when it is on its way.
	Send(event *Event) error
}

// OpStream declares an operation that takes an *In and answers with events. An error before Begin is answered like that
// of any operation; one after it ends the stream as an exception.
func OpStream[A, In, Out, Event any](meta OpMeta, api A, method func(A, context.Context, *In, EventStream[Out, Event]) error) Operation {
	return Operation{
		OpMeta: meta,
		in:     reflect.TypeFor[In](),
		out:    reflect.TypeFor[Out](),
		event:  reflect.TypeFor[Event](),
		stream: func(ctx context.Context, in any, w *eventWriter) error {
			err := method(api, ctx, in.(*In), sender[Out, Event]{w})
			if err == nil && !w.begun() {
				err = fmt.Errorf("awsapi: %s returned neither a result nor an error", meta.Name)
			}
			return err
		},
	}
}

// sender is the server's EventStream.
type sender[Out, Event any] struct{ w *eventWriter }

func (s sender[Out, Event]) Begin(out *Out) error { return s.w.begin(reflect.ValueOf(out).Elem()) }

func (s sender[Out, Event]) Send(event *Event) error { return s.w.send(reflect.ValueOf(event).Elem()) }

// eventWriter writes an answer in events, each flushed.
type eventWriter struct {
	x       *exchange
	w       http.ResponseWriter
	encoder *eventstream.Encoder
	status  int  // 0 before it has begun
	gone    bool // the client
}

func (e *eventWriter) begun() bool { return e.status != 0 }

// begin writes the status and the headers.
func (e *eventWriter) begin(out reflect.Value) error {
	if e.begun() {
		return errors.New("awsapi: an answer began twice")
	}
	rp := e.x.codec.encodeReply(e.x.op, out, e.x.id)
	header := e.w.Header()
	for name, values := range rp.header {
		header[name] = values
	}
	header.Set("X-Amzn-Requestid", e.x.id)
	if rp.status != http.StatusNoContent {
		header.Set("Content-Type", eventStreamType)
	}
	e.status, e.encoder = rp.status, eventstream.NewEncoder()
	e.w.WriteHeader(rp.status)
	if e.x.protocol == JSON11 {
		return e.write(initialResponse(rp.body))
	}
	return e.flush()
}

// initialResponse is the message with what is not an event: in the JSON-1.1 protocol clients wait for it.
func initialResponse(body []byte) eventstream.Message {
	m := eventstream.Message{Payload: body}
	m.Headers.Set(eventTypeHeader, eventstream.StringValue("initial-response"))
	m.Headers.Set(contentTypeHeader, eventstream.StringValue(jsonType))
	m.Headers.Set(messageTypeHeader, eventstream.StringValue("event"))
	return m
}

// send writes one event.
func (e *eventWriter) send(event reflect.Value) error {
	if !e.begun() || e.status == http.StatusNoContent {
		return errors.New("awsapi: an event without an answer that takes events")
	}
	m, err := encodeEvent(e.x.op.events, event)
	if err != nil {
		return err
	}
	return e.write(m)
}

// fail ends an answer that has begun with an exception. A client that is gone is nobody's concern.
func (e *eventWriter) fail(err *Error) {
	m := eventstream.Message{Payload: appendErrorJSON(nil, err)}
	m.Headers.Set(exceptionTypeHeader, eventstream.StringValue(err.Code))
	m.Headers.Set(contentTypeHeader, eventstream.StringValue(jsonType))
	m.Headers.Set(messageTypeHeader, eventstream.StringValue("exception"))
	if e.status != http.StatusNoContent {
		_ = e.write(m)
	}
}

func (e *eventWriter) write(m eventstream.Message) error {
	if err := e.encoder.Encode(e.w, m); err != nil {
		e.gone = true
		return fmt.Errorf("awsapi: write an event: %w", err)
	}
	return e.flush()
}

func (e *eventWriter) flush() error {
	err := http.NewResponseController(e.w).Flush()
	if err != nil && !errors.Is(err, http.ErrNotSupported) {
		e.gone = true
		return fmt.Errorf("awsapi: write an event: %w", err)
	}
	return nil
}

// carryStream is the part of carryOut in which the answer is written as it comes. A client that left before its end is
// nobody's concern.
func (x *exchange) carryStream() (*reply, error) {
	x.events = &eventWriter{x: x, w: x.w}
	if err := x.op.stream(x.ctx, x.in, x.events); err != nil && !x.events.gone {
		return nil, err
	}
	return &reply{status: x.events.status, written: true}, nil
}

// encodeEvent makes the message of an event.
func encodeEvent(p *plan, event reflect.Value) (eventstream.Message, error) {
	var m eventstream.Message
	for i := range p.fields {
		f := &p.fields[i]
		value, ok := f.get(event)
		if !ok {
			continue
		}
		if m.Headers != nil {
			return m, fmt.Errorf("awsapi: a %s with several events", p.typ)
		}
		contentType := jsonType
		if raw := f.plan.eventPayload(); raw != nil {
			contentType = "application/octet-stream"
			payload, _ := raw.get(value)
			m.Payload = payload.Bytes()
		} else {
			m.Payload = appendJSONObject(nil, f.plan, value)
		}
		m.Headers.Set(eventTypeHeader, eventstream.StringValue(f.name))
		m.Headers.Set(contentTypeHeader, eventstream.StringValue(contentType))
		m.Headers.Set(messageTypeHeader, eventstream.StringValue("event"))
	}
	if m.Headers == nil {
		return m, fmt.Errorf("awsapi: a %s without an event", p.typ)
	}
	return m, nil
}

// decodeEvent reads an event of a message; false for one that this side does not know.
func decodeEvent(p *plan, m *eventstream.Message) (reflect.Value, bool, error) {
	event := reflect.New(p.typ)
	name := headerText(m, eventTypeHeader)
	i, known := p.byName[name]
	if !known {
		return event, false, nil
	}
	f := &p.fields[i]
	value := f.set(event.Elem())
	if raw := f.plan.eventPayload(); raw != nil {
		raw.set(value).SetBytes(bytes.Clone(m.Payload))
		return event, true, nil
	}
	return event, true, decodeJSON(m.Payload, f.plan, value, absences{})
}

// headerText is the text of a message's header, empty if it has none.
func headerText(m *eventstream.Message, name string) string {
	if v, ok := m.Headers.Get(name).(eventstream.StringValue); ok {
		return string(v)
	}
	return ""
}

// CallStream is Call for an operation that answers with events: out is given the answer as it comes. An error of out
// ends the call.
func CallStream[In, Out, Event any](ctx context.Context, c *Client, operation string, in *In, out EventStream[Out, Event]) error {
	op, resp, err := c.open(ctx, operation, in)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if op.out != reflect.TypeFor[Out]() || op.event != reflect.TypeFor[Event]() {
		return fmt.Errorf("awsapi: %s does not answer a %s with a %s", operation, reflect.TypeFor[Out](), reflect.TypeFor[Event]())
	}
	head, err := c.codec.decodeReply(op, &reply{status: resp.StatusCode, header: resp.Header})
	if err != nil {
		return fmt.Errorf("awsapi: decode the answer to %s: %v", operation, err)
	}
	if err := out.Begin(head.Interface().(*Out)); err != nil {
		return err
	}
	decoder := eventstream.NewDecoder()
	for {
		m, err := decoder.Decode(resp.Body, nil)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("awsapi: read an event of %s: %w", operation, err)
		}
		if headerText(&m, messageTypeHeader) != "event" {
			return exception(&m)
		}
		event, known, err := decodeEvent(op.events, &m)
		if err != nil {
			return fmt.Errorf("awsapi: decode an event of %s: %v", operation, err)
		}
		if !known {
			continue
		}
		if err := out.Send(event.Interface().(*Event)); err != nil {
			return err
		}
	}
}

// exception is the error that a message tells of.
func exception(m *eventstream.Message) error {
	var body struct{ Message string } // in either case
	if err := json.Unmarshal(m.Payload, &body); err != nil {
		body.Message = string(m.Payload)
	}
	return &Error{Code: headerText(m, exceptionTypeHeader), Message: body.Message, Status: http.StatusOK}
}
