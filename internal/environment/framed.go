package environment

import (
	"bytes"
	"context"
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
	kindStream  = 6 // begins an answer of several frames; body: content type, line feed, bytes

	// kindLoad follows kindInit when the code is there; its answer ends the Init phase.
	kindLoad = 9

	// Instead of kindInit, a first question can be kindCompile; see compile.go.
	kindCompile  = 7
	kindCompiled = 8

	// Within a stream: its next bytes, at most maxFrame. kindDone, without a body, or
	// kindFailed ends it.
	kindData = 10
	// kindGone interrupts a stream: nobody takes it any more. It may come too late.
	kindGone = 11
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
// are a *failure, os.ErrDeadlineExceeded, errGone, errNotRun, errStreamTooLong or
// sandbox.ErrProtocol; after any of them the environment is of no further use.
type protocol interface {
	init(deadline time.Time) error
	// invoke has ctx for the client of a stream, which is gone when that ends.
	invoke(ctx context.Context, inv *Invocation, deadline time.Time, d *delivery) (answer, error)
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
	Layers      string            `json:"layers,omitempty"`
	Environment map[string]string `json:"environment"`
	Limit       int               `json:"limit"`
}

// framed speaks to a managed runtime.
type framed struct {
	channel *sandbox.Channel
	begun   error // how begin ended
	asked   bool  // whether somebody else asks to load the code
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
	reply, err := f.load(deadline)
	if err != nil {
		return whatHappened(err)
	}
	a, err := answerOf(reply)
	if err == nil && a.errorType != "" {
		return &failure{errorType: a.errorType, payload: a.payload}
	}
	return err
}

// prepare makes the question that has the runtime load the code, for another to send.
func (f *framed) prepare() []byte {
	f.asked = true
	return f.channel.Prepare(kindLoad)
}

func (f *framed) load(deadline time.Time) (sandbox.Answer, error) {
	if f.asked {
		return f.channel.Await(deadline, 2*maxPayload, nil)
	}
	return f.channel.Exchange(kindLoad, 0, nil, nil, deadline, 2*maxPayload, nil)
}

func (f *framed) invoke(ctx context.Context, inv *Invocation, deadline time.Time, d *delivery) (answer, error) {
	f.head = appendHead(f.head[:0], inv)
	event := inv.Event
	if len(event) == 0 {
		event = []byte("{}")
	}
	a, err := f.channel.Exchange(kindInvoke, uint64(deadline.UnixMilli()), f.head, event, deadline, 2*maxPayload, inv.Buffer)
	switch {
	case err != nil:
		return answer{}, whatHappened(err)
	case a.Kind == kindStream:
		return f.follow(ctx, a, d, deadline)
	}
	return answerOf(a)
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

// whatHappened makes the protocol's error of the channel's.
func whatHappened(err error) error {
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return os.ErrDeadlineExceeded
	case errors.Is(err, sandbox.ErrProtocol):
		return err
	case errors.Is(err, sandbox.ErrNotSent):
		return errNotRun
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return errGone
	}
	return fmt.Errorf("%w: %w", errGone, err) // a connection reset is a program that left without reading
}

// answerOf reads the last frame of an answer.
func answerOf(a sandbox.Answer) (answer, error) {
	memory := int64(a.Aux) << 10
	switch {
	case a.More: // only a stream has more
	case a.Kind == kindDone:
		return answer{payload: a.Body, memory: memory}, nil
	case a.Kind == kindFailed:
		if errorType, payload, ok := bytes.Cut(a.Body, []byte("\n")); ok {
			return answer{payload: payload, errorType: string(errorType), memory: memory}, nil
		}
	case a.Kind == kindTooLong:
		f := tooLargeFailure(maxPayload)
		return answer{payload: f.payload, errorType: f.errorType, memory: memory}, nil
	}
	return answer{}, fmt.Errorf("environment: answer of kind %d: %w", a.Kind, sandbox.ErrProtocol)
}

// idle: the bootstrap does nothing after its answer but to wait for a question.
func (f *framed) idle() bool { return true }

// close has nothing to do: the channel is the sandbox's.
func (f *framed) close() {}
