package awsapi

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"runtime/debug"
	"strconv"
	"time"
)

// Hooks are what a Server leaves to others. A nil hook is left out, but a nil RequestID makes random UUIDs.
type Hooks struct {
	// Precheck refuses a caller whose credentials cannot be good, before a large body is read. Nil lets every body in.
	Precheck func(r *http.Request, service string) error
	// Authenticate finds out who calls, before the request is decoded. Service is the signing name of the service that
	// the request is for. It returns a context that carries the caller, or an error, which is answered in the
	// service's protocol.
	Authenticate func(r *http.Request, service string, body []byte) (context.Context, error)
	// Unsigned is called in the place of Authenticate for operations that take no signature. Nil refuses these as requests
	// without credentials.
	Unsigned func(r *http.Request, service string) (context.Context, error)
	// Authorize decides whether the caller in ctx may carry out op with in, a pointer to the operation's input, which has
	// been decoded and validated.
	Authorize func(ctx context.Context, op *Operation, in any) error
	// Done learns how each request ended, for the audit record, after the answer is written. Op is nil if the request
	// names no operation, and in is nil if it was refused before it was decoded. Err is what was refused or went wrong; if
	// it is not an *Error, the client was told only of an internal failure.
	Done func(ctx context.Context, op *Operation, r *http.Request, in any, status int, err error, d time.Duration)
	// RequestID makes the id of a request.
	RequestID func() string
}

// Server answers the operations of its services at one address. It dispatches by the request as it stands: behind
// http.ServeMux, which cleans paths, it would miss names with dots and escaped slashes.
type Server struct {
	hooks    Hooks
	services []*served
}

// served is a service with what dispatching needs.
type served struct {
	*Service
	codec   codec
	router  *router               // REST-JSON
	actions map[string]*Operation // Query
}

// NewServer makes a server. A structure, route, constraint or pattern that cannot be compiled is an error.
func NewServer(hooks Hooks, services ...Service) (*Server, error) {
	s := &Server{hooks: hooks}
	if s.hooks.RequestID == nil {
		s.hooks.RequestID = newUUID
	}
	for _, service := range services {
		compiled, err := service.compile(true)
		if err != nil {
			return nil, err
		}
		one := &served{Service: compiled, actions: map[string]*Operation{}}
		if one.codec, err = codecOf(service.Protocol); err != nil {
			return nil, err
		}
		for i := range compiled.Operations {
			one.actions[compiled.Operations[i].Name] = &compiled.Operations[i]
		}
		if service.Protocol == RESTJSON {
			one.router = newRouter(compiled.Operations)
		}
		s.services = append(s.services, one)
	}
	return s, nil
}

// newUUID returns a random UUID.
func newUUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

type requestIDKey struct{}

// RequestID returns the id of the request that ctx belongs to, which the answer carries too; empty if there is none.
func RequestID(ctx context.Context) string {
	id, _ := ctx.Value(requestIDKey{}).(string)
	return id
}

// PanicError is the error that Done receives when an operation or a hook panics.
type PanicError struct {
	Value any
	Stack []byte
}

// Error prints the value of the panic, without the stack.
func (e *PanicError) Error() string {
	return fmt.Sprintf("awsapi: panic: %v", e.Value)
}

// exchange is one request and its answer.
type exchange struct {
	server   *Server
	r        *http.Request
	ctx      context.Context
	id       string
	protocol Protocol // of errors, until the service is known
	codec    codec
	service  *served // nil until it is known
	op       *Operation
	in       any
	w        http.ResponseWriter
	events   *eventWriter // of an answer in events
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	x := &exchange{server: s, w: w, id: s.hooks.RequestID(), protocol: RESTJSON, codec: restJSON{}}
	x.ctx = context.WithValue(r.Context(), requestIDKey{}, x.id)
	x.r = r.WithContext(x.ctx)
	rp, err := x.answer()
	x.write(w, rp)
	if s.hooks.Done != nil {
		s.hooks.Done(x.ctx, x.op, x.r, x.in, rp.status, err, time.Since(start))
	}
}

// answer carries the request out and returns its answer; the error is for Done. A panic is an error too.
func (x *exchange) answer() (rp *reply, err error) {
	defer func() {
		if p := recover(); p != nil {
			if p == http.ErrAbortHandler {
				panic(p)
			}
			err = &PanicError{Value: p, Stack: debug.Stack()}
		}
		if err != nil {
			rp, err = x.refusal(err)
		}
	}()
	rq, err := x.dispatch()
	if err != nil {
		return nil, err
	}
	return x.carryOut(rq)
}

// carryOut authenticates, decodes, validates, authorizes and calls.
func (x *exchange) carryOut(rq *request) (*reply, error) {
	if err := x.authenticate(rq); err != nil {
		return nil, err
	}
	hooks := &x.server.hooks
	v, absent, err := x.codec.decodeRequest(x.op, rq)
	if err != nil {
		return nil, err
	}
	if err := x.service.validate(x.op.input, v.Elem(), absent); err != nil {
		return nil, err
	}
	x.in = v.Interface()
	if hooks.Authorize != nil {
		if err := hooks.Authorize(x.ctx, x.op, x.in); err != nil {
			return nil, err
		}
	}
	if x.op.stream != nil {
		return x.carryStream()
	}
	out, err := x.op.call(x.ctx, x.in)
	if err != nil {
		return nil, err
	}
	var result reflect.Value
	if out != nil {
		result = reflect.ValueOf(out).Elem()
	}
	return x.codec.encodeReply(x.op, result, x.id), nil
}

// authenticate has the caller found out, unless the operation takes no signature.
func (x *exchange) authenticate(rq *request) error {
	hooks := &x.server.hooks
	var ctx context.Context
	var err error
	switch {
	case hooks.Authenticate == nil:
		return nil
	case !x.op.Unsigned:
		ctx, err = hooks.Authenticate(x.r, x.service.SigningName, rq.body)
	case hooks.Unsigned != nil:
		ctx, err = hooks.Unsigned(x.r, x.service.SigningName)
	default:
		err = MissingAuthenticationToken()
	}
	if err == nil {
		x.ctx = ctx
	}
	return err
}

// refusal encodes an error, of which only an *Error is the client's business. It returns the error for Done: an *Error as
// the protocol spells it, and any other as it is.
func (x *exchange) refusal(err error) (*reply, error) {
	var s *Service
	if x.service != nil {
		s = x.service.Service
	}
	if x.events != nil && x.events.begun() {
		return x.interrupted(err)
	}
	var e *Error
	if !errors.As(err, &e) {
		return x.codec.encodeError(s, InternalFailure().spelled(x.protocol), x.id), err
	}
	spelled := e.spelled(x.protocol)
	if err == error(e) {
		err = spelled
	}
	return x.codec.encodeError(s, spelled, x.id), err
}

// interrupted ends an answer that has begun. Done learns what went wrong.
func (x *exchange) interrupted(err error) (*reply, error) {
	e, ok := errors.AsType[*Error](err)
	if !ok {
		e = InternalFailure()
	}
	x.events.fail(e.spelled(x.protocol))
	return &reply{status: x.events.status, written: true}, err
}

// write sends an answer. A client that is gone is nobody's concern.
func (x *exchange) write(w http.ResponseWriter, rp *reply) {
	if rp.written {
		return
	}
	header := w.Header()
	for name, values := range rp.header {
		header[name] = values
	}
	header.Set("X-Amzn-Requestid", x.id)
	if rp.status != http.StatusNoContent {
		header.Set("Content-Length", strconv.Itoa(len(rp.body)))
	}
	w.WriteHeader(rp.status)
	if len(rp.body) > 0 {
		_, _ = w.Write(rp.body)
	}
}
