package awsapi

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
)

const jsonType = "application/json"

// errorTypeHeader carries the code of an error.
const errorTypeHeader = "X-Amzn-Errortype"

// restJSON is the codec of the REST-JSON protocol.
type restJSON struct{}

func (restJSON) decodeRequest(op *Operation, rq *request) (reflect.Value, absences, error) {
	in := reflect.New(op.in)
	v, absent := in.Elem(), absences{}
	for i := range op.input.fields {
		f := &op.input.fields[i]
		present, err := true, error(nil)
		switch f.place {
		case inPath:
			err = setText(f.plan, f.set(v), rq.labels[i])
		case inQuery:
			present, err = setValues(f, v, rq.query[f.name])
		case inHeader:
			present, err = setValues(f, v, rq.header.Values(f.name))
		case asPayload:
			present = len(rq.body) > 0
			if present {
				f.set(v).SetBytes(rq.body)
			}
		}
		if err != nil {
			return in, nil, err
		}
		if f.required && !present {
			absent.note(&path{name: f.member})
		}
	}
	if len(op.input.byName) == 0 {
		return in, absent, nil
	}
	return in, absent, decodeJSON(rq.body, op.input, v, absent)
}

// setValues sets a field from the values of a parameter or header: lists take all, others the first.
func setValues(f *field, v reflect.Value, values []string) (present bool, err error) {
	if len(values) == 0 {
		return false, nil
	}
	if f.plan.kind != listKind {
		return true, setText(f.plan, f.set(v), values[0])
	}
	list := reflect.MakeSlice(f.plan.typ, len(values), len(values))
	for i, value := range values {
		if err := setText(f.plan.elem, list.Index(i), value); err != nil {
			return true, err
		}
	}
	f.set(v).Set(list)
	return true, nil
}

func (restJSON) encodeReply(op *Operation, out reflect.Value, _ string) *reply {
	rp := &reply{status: op.Status, header: http.Header{}}
	for name, value := range op.Headers {
		rp.header.Set(name, value)
	}
	if !out.IsValid() {
		return rp
	}
	for i := range op.output.fields {
		f := &op.output.fields[i]
		value, ok := f.get(out)
		if !ok {
			continue
		}
		switch f.place {
		case inStatus:
			rp.status = int(value.Int())
		case inHeader:
			rp.header.Set(f.name, text(f.plan, value))
		case asPayload:
			rp.body = value.Bytes()
		}
	}
	contentType := op.ContentType
	if op.output.payload() == nil && op.event == nil && rp.status != http.StatusNoContent {
		rp.body = appendJSONObject(nil, op.output, out)
		contentType = jsonType
	}
	if len(rp.body) > 0 {
		rp.header.Set("Content-Type", contentType)
	}
	return rp
}

func (restJSON) encodeError(_ *Service, e *Error, _ string) *reply {
	rp := &reply{status: e.Status, header: http.Header{}}
	maps.Copy(rp.header, e.Header)
	rp.header.Set("Content-Type", jsonType)
	rp.header.Set(errorTypeHeader, e.Code)
	rp.body = appendErrorJSON(nil, e)
	return rp
}

// appendErrorJSON appends an error's body: further members, Type, and the message in the spelling of the error.
func appendErrorJSON(b []byte, e *Error) []byte {
	b = append(b, '{')
	member := func(name, value string) {
		b = append(appendJSONString(b, name), ':')
		b = append(appendJSONString(b, value), ',')
	}
	for _, name := range slices.Sorted(maps.Keys(e.Members)) {
		member(name, e.Members[name])
	}
	if e.Type != "" {
		member("Type", e.Type)
	}
	member(cmp.Or(e.MessageMember, "message"), e.Message)
	b[len(b)-1] = '}'
	return b
}

func (restJSON) encodeRequest(op *Operation, in reflect.Value) *request {
	rq := &request{method: op.Method, query: url.Values{}, header: http.Header{}}
	maps.Copy(rq.query, op.route.query)
	labels := map[int]string{}
	for i := range op.input.fields {
		f := &op.input.fields[i]
		value, ok := f.get(in)
		if !ok {
			continue
		}
		switch f.place {
		case inPath:
			labels[i] = text(f.plan, value)
		case inQuery:
			rq.query[f.name] = texts(f.plan, value)
		case inHeader:
			rq.header[http.CanonicalHeaderKey(f.name)] = texts(f.plan, value)
		case asPayload:
			rq.body = value.Bytes()
		}
	}
	rq.path = op.route.path(labels)
	if len(op.input.byName) > 0 {
		rq.body = appendJSONObject(nil, op.input, in)
		rq.header.Set("Content-Type", jsonType)
	}
	return rq
}

// texts returns the textual forms of a list's elements, or of a scalar.
func texts(p *plan, v reflect.Value) []string {
	if p.kind != listKind {
		return []string{text(p, v)}
	}
	all := make([]string, v.Len())
	for i := range all {
		all[i] = text(p.elem, v.Index(i))
	}
	return all
}

func (restJSON) decodeReply(op *Operation, rp *reply) (reflect.Value, error) {
	out := reflect.New(op.out)
	v := out.Elem()
	for i := range op.output.fields {
		f := &op.output.fields[i]
		var err error
		switch f.place {
		case inStatus:
			f.set(v).SetInt(int64(rp.status))
		case inHeader:
			_, err = setValues(f, v, rp.header.Values(f.name))
		case asPayload:
			if len(rp.body) > 0 {
				f.set(v).SetBytes(rp.body)
			}
		}
		if err != nil {
			return out, err
		}
	}
	if len(op.output.byName) == 0 {
		return out, nil
	}
	return out, decodeJSON(rp.body, op.output, v, absences{})
}

func (restJSON) decodeError(rp *reply) (*Error, error) {
	e := &Error{Status: rp.status, Header: rp.header}
	e.Code, _, _ = strings.Cut(rp.header.Get(errorTypeHeader), ":")
	if rp.status >= 500 {
		e.Fault = Receiver
	}
	return e, e.decodeMembers(rp.body, func(name, value string) bool {
		if name != "Type" {
			return false
		}
		e.Type = value
		return true
	})
}

// decodeMembers reads the members of an error from its JSON. own takes those
// that a protocol gives a meaning, and reports whether it did.
func (e *Error) decodeMembers(body []byte, own func(name, value string) bool) error {
	var members map[string]any
	if err := json.Unmarshal(body, &members); err != nil {
		return fmt.Errorf("awsapi: decode the error: %w", err)
	}
	for name, value := range members {
		s, ok := value.(string)
		switch {
		case !ok || own(name, s):
		case name == "message", name == "Message":
			e.Message, e.MessageMember = s, name
		default:
			e.WithMember(name, s)
		}
	}
	return nil
}
