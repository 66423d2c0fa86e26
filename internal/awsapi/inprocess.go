package awsapi

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"runtime/debug"
	"time"
)

// Call carries out an operation for a caller inside of this process, as if it had come over the network from one who has
// been authenticated: ctx carries the caller for the hook Authorize. In is a pointer to the operation's input; it is
// validated like one that was decoded, except that a required member cannot be absent. The answer is a pointer to the
// operation's output, nil for those without one. An error is an *Error, as the service's protocol spells it: what is not
// the caller's business is an internal failure, and the hook Done alone learns what it was. Done gets no *http.Request.
// Operations that answer with events cannot be called.
func (s *Server) Call(ctx context.Context, service, operation string, in any) (any, error) {
	start := time.Now()
	c := &call{server: s, in: in}
	c.ctx = context.WithValue(ctx, requestIDKey{}, s.hooks.RequestID())
	out, err := c.carryOut(service, operation)
	if err == nil {
		c.done(c.op.Status, nil, start)
		return out, nil
	}
	told, err := c.told(err)
	c.done(told.Status, err, start)
	return nil, told
}

// done has the hook learn how the call ended.
func (c *call) done(status int, err error, start time.Time) {
	if done := c.server.hooks.Done; done != nil {
		done(c.ctx, c.op, nil, c.in, status, err, time.Since(start))
	}
}

// call is one Call.
type call struct {
	server  *Server
	ctx     context.Context
	service *served // nil until it is known
	op      *Operation
	in      any
}

// carryOut finds the operation, validates, authorizes and calls. A panic is an error.
func (c *call) carryOut(service, operation string) (out any, err error) {
	defer func() {
		if p := recover(); p != nil {
			out, err = nil, &PanicError{Value: p, Stack: debug.Stack()}
		}
	}()
	if err := c.find(service, operation); err != nil {
		return nil, err
	}
	if err := c.service.validate(c.op.input, reflect.ValueOf(c.in).Elem(), nil); err != nil {
		return nil, err
	}
	if authorize := c.server.hooks.Authorize; authorize != nil {
		if err := authorize(c.ctx, c.op, c.in); err != nil {
			return nil, err
		}
	}
	return c.op.call(c.ctx, c.in)
}

// find finds the operation and checks that the input is its own.
func (c *call) find(service, operation string) error {
	for _, one := range c.server.services {
		if one.Name == service {
			c.service, c.op = one, one.actions[operation]
		}
	}
	if c.op == nil || c.op.call == nil {
		return fmt.Errorf("awsapi: there is no operation %s of %s to call", operation, service)
	}
	if v := reflect.ValueOf(c.in); v.Kind() != reflect.Pointer || v.IsNil() || v.Type().Elem() != c.op.in {
		return fmt.Errorf("awsapi: %s of %s takes a %s, not a %T", operation, service, c.op.in, c.in)
	}
	return nil
}

// told is what the caller learns of an error, and what the hook Done does.
func (c *call) told(err error) (*Error, error) {
	protocol := RESTJSON
	if c.service != nil {
		protocol = c.service.Protocol
	}
	e, ok := errors.AsType[*Error](err)
	if !ok {
		return InternalFailure().spelled(protocol), err
	}
	spelled := e.spelled(protocol)
	if err == error(e) {
		err = spelled
	}
	return spelled, err
}
