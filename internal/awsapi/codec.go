package awsapi

import (
	"fmt"
	"net/http"
	"net/url"
	"reflect"
)

// codec is one protocol's wire form of requests, answers and errors, in both directions.
type codec interface {
	// decodeRequest reads a request into a new input, and returns what it lacks. Its errors are *Error.
	decodeRequest(op *Operation, rq *request) (in reflect.Value, absent absences, err error)
	// encodeReply writes an output, which is invalid if the operation answers nothing.
	encodeReply(op *Operation, out reflect.Value, id string) *reply
	// encodeError writes an error, spelled in the protocol, of the service, which is nil if none was recognized.
	encodeError(s *Service, e *Error, id string) *reply

	// encodeRequest writes an input.
	encodeRequest(op *Operation, in reflect.Value) *request
	// decodeReply reads a successful answer into a new output.
	decodeReply(op *Operation, rp *reply) (out reflect.Value, err error)
	// decodeError reads an unsuccessful answer.
	decodeError(rp *reply) (*Error, error)
}

// request is an HTTP request, as far as codecs are concerned.
type request struct {
	method string
	path   string // escaped
	query  url.Values
	header http.Header
	body   []byte

	labels map[int]string // of the route, by field; REST-JSON
	form   url.Values     // Query
}

// reply is an HTTP response, as far as codecs are concerned.
type reply struct {
	status int
	header http.Header
	body   []byte
	// written says that the answer is written already.
	written bool
}

// codecOf returns the codec of a protocol.
func codecOf(p Protocol) (codec, error) {
	switch p {
	case RESTJSON:
		return restJSON{}, nil
	case Query:
		return queryXML{}, nil
	case JSON11:
		return json11{}, nil
	}
	return nil, fmt.Errorf("awsapi: unknown protocol %d", p)
}

// compile makes the plans and routes of a copy of the service's operations. Rules are made only for servers.
func (s Service) compile(server bool) (*Service, error) {
	c := &compiler{hideValues: s.HideValues, plans: map[planKey]*plan{}}
	if server {
		c.constraints = s.Constraints
	}
	operations := make([]Operation, len(s.Operations))
	names := map[string]bool{}
	for i, op := range s.Operations {
		if names[op.Name] {
			return nil, fmt.Errorf("awsapi: %s has two operations called %s", s.Name, op.Name)
		}
		names[op.Name] = true
		if err := op.compile(&s, c); err != nil {
			return nil, fmt.Errorf("awsapi: operation %s of %s: %w", op.Name, s.Name, err)
		}
		operations[i] = op
	}
	s.Operations = operations
	return &s, nil
}

// compile makes an operation's plans and route.
func (op *Operation) compile(s *Service, c *compiler) (err error) {
	op.Service, op.version, op.namespace = s.Name, s.Version, s.Namespace
	op.target = s.TargetPrefix + "." + op.Name
	if op.Status == 0 {
		op.Status = http.StatusOK
	}
	if op.BodyLimit == 0 {
		op.BodyLimit = DefaultBodyLimit
	}
	if op.input, err = c.structurePlan(op.in); err != nil {
		return err
	}
	if op.out != nil {
		if op.output, err = c.structurePlan(op.out); err != nil {
			return err
		}
	}
	if op.event != nil {
		if op.events, err = c.eventPlan(s, op.event); err != nil {
			return err
		}
	}
	if s.Protocol == RESTJSON {
		op.route, err = compileRoute(op.URI, op.input)
		return err
	}
	for _, p := range []*plan{op.input, op.output} {
		if p != nil && len(p.byName) != len(p.fields) {
			return fmt.Errorf("%s has fields outside the body, where the protocol has no place", p.typ)
		}
	}
	return nil
}

// eventPlan compiles the type of the events of an operation: a structure whose members are events, structures too.
func (c *compiler) eventPlan(s *Service, t reflect.Type) (*plan, error) {
	if s.Protocol == Query {
		return nil, fmt.Errorf("%s: the protocol has no event streams", t)
	}
	p, err := c.structurePlan(t)
	if err != nil {
		return nil, err
	}
	for i := range p.fields {
		if f := &p.fields[i]; !f.pointer || f.plan.kind != structKind || f.place != inBody {
			return nil, fmt.Errorf("member %s of %s is no event", f.name, t)
		}
	}
	return p, nil
}

// structurePlan compiles the type of an input or output.
func (c *compiler) structurePlan(t reflect.Type) (*plan, error) {
	p, err := c.plan(t, "")
	if err == nil && p.kind != structKind {
		err = fmt.Errorf("%s is not a structure", t)
	}
	return p, err
}
