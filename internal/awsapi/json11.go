package awsapi

import (
	"maps"
	"net/http"
	"reflect"
	"strings"
)

// amzJSONType is the type of requests and answers of the JSON-1.1 protocol.
const amzJSONType = "application/x-amz-json-1.1"

// targetHeader names the operation: the service's target prefix, a dot, the operation's name.
const targetHeader = "X-Amz-Target"

// typeMember carries the code of an error.
const typeMember = "__type"

// json11 is the codec of the JSON-1.1 protocol: every request is a POST to / with the operation in a header, and
// everything else is JSON in the body.
type json11 struct{}

func (json11) decodeRequest(op *Operation, rq *request) (reflect.Value, absences, error) {
	in, absent := reflect.New(op.in), absences{}
	return in, absent, decodeJSON(rq.body, op.input, in.Elem(), absent)
}

func (json11) encodeReply(op *Operation, out reflect.Value, _ string) *reply {
	rp := &reply{status: op.Status, header: http.Header{"Content-Type": {amzJSONType}}}
	if out.IsValid() {
		rp.body = appendJSONObject(nil, op.output, out)
	}
	return rp
}

func (json11) encodeError(_ *Service, e *Error, _ string) *reply {
	rp := &reply{status: e.Status, header: http.Header{}}
	maps.Copy(rp.header, e.Header)
	rp.header.Set("Content-Type", amzJSONType)
	b := append(appendJSONString([]byte("{"), typeMember), ':')
	b = appendJSONString(b, e.Code)
	if e.Message != "" || len(e.Members) > 0 {
		b = append(append(b, ','), appendErrorJSON(nil, e)[1:]...)
	} else {
		b = append(b, '}')
	}
	rp.body = b
	return rp
}

func (json11) encodeRequest(op *Operation, in reflect.Value) *request {
	return &request{
		method: http.MethodPost, path: "/",
		header: http.Header{"Content-Type": {amzJSONType}, targetHeader: {op.target}},
		body:   appendJSONObject(nil, op.input, in),
	}
}

func (json11) decodeReply(op *Operation, rp *reply) (reflect.Value, error) {
	out := reflect.New(op.out)
	return out, decodeJSON(rp.body, op.output, out.Elem(), absences{})
}

func (json11) decodeError(rp *reply) (*Error, error) {
	e := &Error{Status: rp.status, Header: rp.header}
	if rp.status >= 500 {
		e.Fault = Receiver
	}
	return e, e.decodeMembers(rp.body, func(name, value string) bool {
		if name != typeMember {
			return false
		}
		e.Code = value[strings.IndexByte(value, '#')+1:] // namespace#Code
		return true
	})
}

// target finds the operation of the JSON-1.1 protocol by its header.
func (x *exchange) target(rq *request) error {
	prefix, name, _ := strings.Cut(rq.header.Get(targetHeader), ".")
	for _, one := range x.server.services {
		if one.Protocol != JSON11 || one.TargetPrefix != prefix || x.service != nil && x.service != one {
			continue
		}
		x.service, x.protocol, x.codec = one, JSON11, one.codec
		op := one.actions[name]
		if op == nil || rq.method != http.MethodPost {
			break
		}
		x.op = op
		if err := x.precheck(); err != nil {
			x.drain(op.BodyLimit)
			return err
		}
		return x.readBody(rq, op.BodyLimit)
	}
	return unknownTarget()
}
