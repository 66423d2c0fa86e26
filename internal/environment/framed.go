package environment

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"furl/internal/sandbox"
)

// Kinds of frames between server and managed runtime. sandbox.KindHello is 0.
const (
	kindInit    = 1 // body: settings, JSON; it has no answer
	kindInvoke  = 2 // body: see appendHead; number: deadline, epoch ms
	kindDone    = 3 // body: payload; number of all answers: peak memory in KB, or 0
	kindFailed  = 4 // body: error type, line feed, payload
	kindTooLong = 5 // the answer was longer than the limit
	kindStream  = 6 // body: content type, line feed, what was streamed

	// kindLoad follows kindInit when the code is there; its answer ends the Init phase.
	kindLoad = 9

	// Instead of kindInit, a first question can be kindCompile; see compile.go.
	kindCompile  = 7
	kindCompiled = 8
)

// answer is what a runtime said about an invocation.
type answer struct {
	payload     []byte
	contentType string
	streamed    bool
	// errorType is not empty when the function failed.
	errorType string
	// memory is the peak in bytes, if the runtime told.
	memory int64
}

// protocol is how the server speaks to the program of one environment. Errors
// are a *failure, os.ErrDeadlineExceeded, errGone, errNotRun or
// sandbox.ErrProtocol; after any of them the environment is of no further use.
type protocol interface {
	init(deadline time.Time) error
	invoke(inv *Invocation, deadline time.Time) (answer, error)
	// idle reports, between invocations, whether the program waits for the next one.
	idle() bool
	close()
}

var (
	// errGone: the program ended, or closed its channel.
	errGone = errors.New("environment: runtime is gone")
	// errNotRun: the program ended before it saw the event.
	errNotRun = fmt.Errorf("%w before the invocation", errGone)
)

// settings is the body of an init frame.
type settings struct {
	Handler     string            `json:"handler"`
	Code        string            `json:"code"`
	Environment map[string]string `json:"environment"`
	Limit       int               `json:"limit"`
}

// framed speaks to a managed runtime.
type framed struct {
	channel *sandbox.Channel
	begun   error // how begin ended
	head    []byte
}

// begin has the runtime make itself ready for a function whose code it may not see
// yet. What goes wrong is told by init.
func (f *framed) begin(s settings, deadline time.Time) {
	body, err := json.Marshal(s)
	if err == nil {
		err = f.channel.Tell(kindInit, body, deadline)
	}
	f.begun = err
}

func (f *framed) init(deadline time.Time) error {
	if f.begun != nil && !errors.Is(f.begun, sandbox.ErrNotSent) { // else it is gone, which the question shows
		return fmt.Errorf("environment: init: %w", f.begun)
	}
	a, err := f.ask(kindLoad, 0, nil, nil, deadline, nil)
	if err == nil && a.errorType != "" {
		return &failure{errorType: a.errorType, payload: a.payload}
	}
	return err
}

func (f *framed) invoke(inv *Invocation, deadline time.Time) (answer, error) {
	f.head = appendHead(f.head[:0], inv)
	event := inv.Event
	if len(event) == 0 {
		event = []byte("{}")
	}
	return f.ask(kindInvoke, uint64(deadline.UnixMilli()), f.head, event, deadline, inv.Buffer)
}

// appendHead appends what precedes the event in an invoke frame: five lines, of
// which the client context is JSON, where a line feed can only be space.
func appendHead(b []byte, inv *Invocation) []byte {
	b = append(b, inv.RequestID...)
	b = append(b, '\n')
	b = append(b, inv.TraceID...)
	b = append(b, '\n')
	b = append(b, inv.InvokedARN...)
	b = append(b, '\n')
	for _, doc := range [][]byte{inv.ClientContext, inv.Identity} {
		if bytes.IndexByte(doc, '\n') >= 0 {
			doc = bytes.ReplaceAll(doc, []byte("\n"), []byte(" "))
		}
		b = append(b, doc...)
		b = append(b, '\n')
	}
	return b
}

func (f *framed) ask(kind byte, number uint64, head, body []byte, deadline time.Time, into []byte) (answer, error) {
	a, err := f.channel.Exchange(kind, number, head, body, deadline, 2*maxPayload, into)
	switch {
	case err == nil:
	case errors.Is(err, os.ErrDeadlineExceeded):
		return answer{}, os.ErrDeadlineExceeded
	case errors.Is(err, sandbox.ErrProtocol):
		return answer{}, err
	case errors.Is(err, sandbox.ErrNotSent):
		return answer{}, errNotRun
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return answer{}, errGone
	default: // a connection reset is a program that left without reading
		return answer{}, fmt.Errorf("%w: %w", errGone, err)
	}
	memory := int64(a.Aux) << 10
	switch a.Kind {
	case kindDone:
		return answer{payload: a.Body, memory: memory}, nil
	case kindFailed:
		errorType, payload, ok := bytes.Cut(a.Body, []byte("\n"))
		if !ok {
			break
		}
		return answer{payload: payload, errorType: string(errorType), memory: memory}, nil
	case kindStream:
		contentType, payload, ok := bytes.Cut(a.Body, []byte("\n"))
		if !ok {
			break
		}
		return answer{payload: payload, contentType: string(contentType), streamed: true, memory: memory}, nil
	case kindTooLong:
		f := tooLargeFailure()
		return answer{payload: f.payload, errorType: f.errorType, memory: memory}, nil
	}
	return answer{}, fmt.Errorf("environment: answer of kind %d: %w", a.Kind, sandbox.ErrProtocol)
}

// idle: the bootstrap does nothing after its answer but to wait for a question.
func (f *framed) idle() bool { return true }

// close has nothing to do: the channel is the sandbox's.
func (f *framed) close() {}
