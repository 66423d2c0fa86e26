package environment

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"furl/internal/payload"
)

// apiRoot is the path of the Runtime API.
const apiRoot = "/2018-06-01/runtime/"

// States of a custom runtime, in AWS's words.
type apiState string

const (
	stateStarted  apiState = "Started"
	stateReady    apiState = "Ready"
	stateRunning  apiState = "Running"
	stateSent     apiState = "ResponseSent"
	stateInitFail apiState = "InitError"
)

// Transitions that a request may ask for and that are not states of their own.
const (
	toResponse apiState = "InvocationResponse"
	toError    apiState = "InvocationErrorResponse"
)

// runtimeAPI is the Runtime API of one environment: an HTTP server for one
// client, the function's bootstrap, and the state machine behind it.
type runtimeAPI struct {
	exited <-chan struct{} // closed when the bootstrap has ended
	server http.Server
	host   string // that requests must name; any when empty

	events  chan *pending // to whoever waits in /next
	started chan error    // the end of the Init phase: nil or *failure

	mu      sync.Mutex
	state   apiState
	current *pending
}

// truncatedResponse is the error type of an answer that broke off.
const truncatedResponse = "Runtime.TruncatedResponse"

// pending is an invocation on its way through a custom runtime.
type pending struct {
	inv      *Invocation
	deadline time.Time
	answer   chan result // of capacity 1

	// What a streamed answer is handed over by: how it begins, the bytes of it, and
	// for each of these a word that they are on their way. over is closed when nobody
	// takes it any more.
	begins, parts chan []byte
	taken, over   chan struct{}
}

type result struct {
	answer answer
	err    error
}

func newRuntimeAPI(exited <-chan struct{}, logger *slog.Logger) *runtimeAPI {
	a := &runtimeAPI{exited: exited, state: stateStarted,
		events: make(chan *pending), started: make(chan error, 1)}
	a.server.Handler = a
	a.server.ErrorLog = slog.NewLogLogger(logger.Handler(), slog.LevelDebug)
	return a
}

// serve answers requests on ln until close.
func (a *runtimeAPI) serve(ln net.Listener, wg *sync.WaitGroup) {
	a.host = ln.Addr().String()
	wg.Go(func() { a.server.Serve(ln) })
}

func (a *runtimeAPI) close() { a.server.Close() }

// init waits until the bootstrap asks for its first event.
func (a *runtimeAPI) init(deadline time.Time) error {
	t := time.NewTimer(time.Until(deadline))
	defer t.Stop()
	select {
	case err := <-a.started:
		return err
	case <-a.exited:
		select {
		case err := <-a.started: // it said why before it left
			return err
		default:
			return errGone
		}
	case <-t.C:
		return os.ErrDeadlineExceeded
	}
}

// invoke hands the event to the bootstrap and waits for its answer.
func (a *runtimeAPI) invoke(_ context.Context, inv *Invocation, deadline time.Time, d *delivery) (answer, error) {
	// A copy: after the deadline the bootstrap may still be reading.
	p := newPending(&Invocation{
		RequestID: inv.RequestID, TraceID: inv.TraceID, InvokedARN: inv.InvokedARN, Event: bytes.Clone(inv.Event),
		ClientContext: bytes.Clone(inv.ClientContext), Identity: bytes.Clone(inv.Identity),
	}, deadline)
	defer close(p.over)
	t := time.NewTimer(time.Until(deadline))
	defer t.Stop()
	select {
	case a.events <- p:
	case <-a.exited:
		return answer{}, errNotRun
	case <-t.C:
		return answer{}, os.ErrDeadlineExceeded
	}
	return p.await(a.exited, t, d)
}

func newPending(inv *Invocation, deadline time.Time) *pending {
	return &pending{inv: inv, deadline: deadline, answer: make(chan result, 1),
		begins: make(chan []byte), parts: make(chan []byte), taken: make(chan struct{}), over: make(chan struct{})}
}

// await takes the answer, piece by piece when it is streamed. What a bootstrap sent
// before it ended counts.
func (p *pending) await(exited <-chan struct{}, t *time.Timer, d *delivery) (answer, error) {
	living := exited
	for {
		select {
		case contentType := <-p.begins:
			d.begin(string(contentType))
		case part := <-p.parts:
			if err := d.write(part, p.deadline); err != nil {
				return answer{}, err
			}
		case r := <-p.answer:
			if d.begun && r.answer.errorType == truncatedResponse && hasEnded(exited) {
				return answer{}, errGone
			}
			return d.last(r)
		case <-t.C:
			if living == nil {
				return answer{}, errGone
			}
			return answer{}, os.ErrDeadlineExceeded
		case <-living:
			living = nil
			if !d.begun {
				select {
				case r := <-p.answer:
					return r.answer, r.err
				default:
					return answer{}, errGone
				}
			}
			t.Reset(exitWait) // the rest of its answer is on its way
			continue
		}
		p.taken <- struct{}{}
	}
}

// hasEnded reports whether a program ends, which shows in its connections first.
func hasEnded(exited <-chan struct{}) bool {
	t := time.NewTimer(exitWait)
	defer t.Stop()
	select {
	case <-exited:
		return true
	case <-t.C:
		return false
	}
}

func (a *runtimeAPI) idle() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.state == stateReady
}

// ServeHTTP routes by hand: the paths are few and hold an id.
func (a *runtimeAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	// Runtimes are no browsers: a page that found the port must get nowhere, not even
	// one whose host name was made to mean this address.
	if r.Header.Get("Origin") != "" || r.Header.Get("Sec-Fetch-Site") != "" || a.host != "" && r.Host != a.host {
		http.Error(w, "not for browsers", http.StatusForbidden)
		return
	}
	path, ok := strings.CutPrefix(r.URL.Path, apiRoot)
	if !ok {
		if r.URL.Path == "/ping" || r.URL.Path == "/2018-06-01/ping" {
			io.WriteString(w, "pong")
			return
		}
		http.NotFound(w, r)
		return
	}
	method := http.MethodPost
	var serve func(http.ResponseWriter, *http.Request)
	switch id, verb, found := strings.Cut(strings.TrimPrefix(path, "invocation/"), "/"); {
	case path == "invocation/next":
		method, serve = http.MethodGet, a.next
	case path == "init/error":
		serve = a.initError
	case found && verb == "response":
		serve = func(w http.ResponseWriter, r *http.Request) { a.response(w, r, id) }
	case found && verb == "error":
		serve = func(w http.ResponseWriter, r *http.Request) { a.failed(w, r, id) }
	default:
		http.NotFound(w, r)
		return
	}
	if r.Method != method {
		w.Header().Set("Allow", method)
		http.Error(w, http.StatusText(http.StatusMethodNotAllowed), http.StatusMethodNotAllowed)
		return
	}
	serve(w, r)
}

// next waits for an event. The first call ends the Init phase.
func (a *runtimeAPI) next(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	switch a.state {
	case stateStarted:
		a.started <- nil
	case stateReady, stateSent:
	default:
		state := a.state
		a.mu.Unlock()
		refuse(w, state, stateReady)
		return
	}
	a.state = stateReady
	a.mu.Unlock()
	select {
	case p := <-a.events:
		a.mu.Lock()
		a.state, a.current = stateRunning, p
		a.mu.Unlock()
		writeEvent(w, p)
	case <-r.Context().Done():
	}
}

func writeEvent(w http.ResponseWriter, p *pending) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Lambda-Runtime-Aws-Request-Id", p.inv.RequestID)
	h.Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(p.deadline.UnixMilli(), 10))
	for _, f := range [...]struct{ name, value string }{
		{"Lambda-Runtime-Invoked-Function-Arn", p.inv.InvokedARN},
		{"Lambda-Runtime-Trace-Id", p.inv.TraceID},
		{"Lambda-Runtime-Client-Context", oneLine(p.inv.ClientContext)},
		{"Lambda-Runtime-Cognito-Identity", oneLine(p.inv.Identity)},
	} {
		if f.value != "" {
			h.Set(f.name, f.value)
		}
	}
	event := p.inv.Event
	if len(event) == 0 {
		event = []byte("{}")
	}
	h.Set("Content-Length", strconv.Itoa(len(event)))
	w.Write(event)
}

// oneLine makes a JSON text fit for a header.
func oneLine(doc []byte) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\r' {
			return ' '
		}
		return r
	}, string(doc))
}

// finish ends the invocation with the given id, or answers the request with
// what is wrong. The caller sends r.
func (a *runtimeAPI) finish(w http.ResponseWriter, id string, to apiState) *pending {
	a.mu.Lock()
	state, p := a.state, a.current
	if p != nil && p.inv.RequestID == id && state == stateRunning {
		a.state = stateSent
		a.mu.Unlock()
		return p
	}
	a.mu.Unlock()
	if p == nil || p.inv.RequestID != id {
		apiError(w, http.StatusBadRequest, "InvalidRequestID", "Invalid request ID")
		return nil
	}
	refuse(w, state, to)
	return nil
}

// response takes the function's answer.
func (a *runtimeAPI) response(w http.ResponseWriter, r *http.Request, id string) {
	p := a.finish(w, id, toResponse)
	if p == nil {
		return
	}
	mode := r.Header.Get("Lambda-Runtime-Function-Response-Mode")
	if mode == "" && r.Header.Get("Content-Type") == payload.PreludeType {
		mode = "streaming" // aws-lambda-go says so by the type alone
	}
	switch mode {
	case "", "buffered":
		p.buffered(w, r)
	case "streaming":
		p.streamed(w, r)
	default:
		apiError(w, http.StatusBadRequest, "InvalidFunctionResponseMode", "Invalid function response mode")
		p.fail("Runtime.InvalidResponseModeHeader", "Invalid function response mode")
	}
}

// buffered takes an answer that is there as a whole.
func (p *pending) buffered(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxPayload+1))
	switch {
	case err != nil:
		p.truncated(w)
	case len(body) > maxPayload:
		w.Header().Set("Connection", "close")
		apiError(w, http.StatusRequestEntityTooLarge, "RequestEntityTooLarge",
			fmt.Sprintf("Exceeded maximum allowed payload size (%d bytes).", maxPayload))
		f := tooLargeFailure(maxPayload)
		p.answer <- result{answer: answer{payload: f.payload, errorType: f.errorType}}
	default:
		accepted(w)
		p.answer <- result{answer: answer{payload: body, contentType: r.Header.Get("Content-Type")}}
	}
}

// fail ends an invocation with an error of the platform's.
func (p *pending) fail(errorType, text string) {
	f := platformFailure(errorType, "RequestId: "+p.inv.RequestID+" Error: "+text)
	p.answer <- result{answer: answer{payload: f.payload, errorType: f.errorType}}
}

// truncated ends an invocation whose answer did not arrive as a whole.
func (p *pending) truncated(w http.ResponseWriter) {
	apiError(w, http.StatusBadRequest, "TruncatedHTTPRequest", "HTTP request detected as truncated")
	p.fail(truncatedResponse, "Response was truncated")
}

// failed takes the function's error.
func (a *runtimeAPI) failed(w http.ResponseWriter, r *http.Request, id string) {
	p := a.finish(w, id, toError)
	if p == nil {
		return
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxPayload))
	if err != nil {
		p.truncated(w)
		return
	}
	accepted(w)
	p.answer <- result{answer: answer{payload: body, errorType: errorTypeOf(r.Header, body)}}
}

// initError takes the error of a bootstrap that cannot serve.
func (a *runtimeAPI) initError(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	state := a.state
	if state == stateStarted {
		a.state = stateInitFail
	}
	a.mu.Unlock()
	if state != stateStarted {
		refuse(w, state, stateInitFail)
		return
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxPayload))
	if err != nil {
		body = nil // what is left of it would not be JSON
	}
	accepted(w)
	a.started <- &failure{errorType: errorTypeOf(r.Header, body), payload: body}
}

// knownType is what AWS accepts as an error type in a header.
var knownType = regexp.MustCompile(`^(Runtime|Function)\.[A-Z][a-zA-Z]+$`)

// errorTypeOf is the type of an error that a runtime reports: that of the header
// if it is one of AWS's form, else the payload's own.
func errorTypeOf(h http.Header, body []byte) string {
	if t := h.Get("Lambda-Runtime-Function-Error-Type"); knownType.MatchString(t) {
		return t
	}
	var e struct {
		ErrorType string `json:"errorType"`
	}
	if json.Unmarshal(body, &e) == nil && e.ErrorType != "" {
		return e.ErrorType
	}
	return "Runtime.Unknown"
}

func accepted(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusAccepted)
	io.WriteString(w, "{\"status\":\"OK\"}\n")
}

// refuse answers a request that the state does not allow.
func refuse(w http.ResponseWriter, from, to apiState) {
	apiError(w, http.StatusForbidden, "InvalidStateTransition",
		fmt.Sprintf("State transition from %s to %s failed for runtime. Error: State transition is not allowed", from, to))
}

func apiError(w http.ResponseWriter, status int, errorType, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(struct {
		Message string `json:"errorMessage"`
		Type    string `json:"errorType"`
	}{message, errorType})
}
