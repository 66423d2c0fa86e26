package awsapi

import (
	"fmt"
	"reflect"
	"strings"
	"time"
)

// kind is how a plan reads and writes its values.
type kind int

const (
	stringKind kind = iota
	intKind         // Go int, 32 bits on the wire
	longKind        // Go int64
	floatKind
	boolKind
	blobKind
	timeKind
	listKind
	mapKind
	structKind
)

// place is where on the wire a field travels.
type place int

const (
	inBody place = iota
	inPath
	inQuery
	inHeader
	inStatus
	asPayload
	asEventPayload
)

// plan is what the codecs know about a Go type, compiled once when a server or client is made.
type plan struct {
	kind   kind
	typ    reflect.Type
	rule   *rule // nil if unconstrained
	elem   *plan // of a list or a map
	key    *plan // of a map
	fields []field
	byName map[string]int // body fields by name on the wire
}

// field is what the codecs know about a structure's field.
type field struct {
	at       int    // index in the Go structure
	name     string // on the wire
	member   string // in validation messages
	place    place
	required bool
	pointer  bool
	plan     *plan
}

// get returns the field's value and whether it is present in s.
func (f *field) get(s reflect.Value) (reflect.Value, bool) {
	v := s.Field(f.at)
	if f.pointer {
		return v.Elem(), !v.IsNil()
	}
	switch f.plan.kind {
	case listKind, mapKind, blobKind:
		return v, f.required || !v.IsNil()
	}
	return v, true
}

// set returns the field's value in s to be written to.
func (f *field) set(s reflect.Value) reflect.Value {
	v := s.Field(f.at)
	if !f.pointer {
		return v
	}
	v.Set(reflect.New(f.plan.typ))
	return v.Elem()
}

// payload returns the field that is the body itself, or nil.
func (p *plan) payload() *field {
	for i := range p.fields {
		if p.fields[i].place == asPayload {
			return &p.fields[i]
		}
	}
	return nil
}

// eventPayload returns the field that is an event's body itself, or nil.
func (p *plan) eventPayload() *field {
	for i := range p.fields {
		if p.fields[i].place == asEventPayload {
			return &p.fields[i]
		}
	}
	return nil
}

// compiler makes the plans of a service's structures.
type compiler struct {
	constraints map[string]Constraint // nil makes no rules
	hideValues  bool
	plans       map[planKey]*plan
}

type planKey struct {
	typ   reflect.Type
	shape string
}

// plan compiles a type. The shape names the constraint on it, or is empty.
func (c *compiler) plan(t reflect.Type, shape string) (*plan, error) {
	if p := c.plans[planKey{t, shape}]; p != nil {
		return p, nil
	}
	p := &plan{typ: t}
	c.plans[planKey{t, shape}] = p
	var constraint Constraint
	if shape != "" && c.constraints != nil {
		var ok bool
		if constraint, ok = c.constraints[shape]; !ok {
			return nil, fmt.Errorf("awsapi: no constraint for shape %s", shape)
		}
	}
	if err := c.fill(p, constraint); err != nil {
		return nil, err
	}
	var err error
	p.rule, err = compileRule(p.kind, constraint, c.hideValues)
	return p, err
}

// fill sets a plan's kind and what is below it.
func (c *compiler) fill(p *plan, constraint Constraint) (err error) {
	t := p.typ
	switch {
	case t == reflect.TypeFor[time.Time]():
		p.kind = timeKind
	case t == reflect.TypeFor[[]byte]():
		p.kind = blobKind
	case t.Kind() == reflect.String:
		p.kind = stringKind
	case t.Kind() == reflect.Int:
		p.kind = intKind
	case t.Kind() == reflect.Int64:
		p.kind = longKind
	case t.Kind() == reflect.Float64:
		p.kind = floatKind
	case t.Kind() == reflect.Bool:
		p.kind = boolKind
	case t.Kind() == reflect.Slice:
		p.kind = listKind
		p.elem, err = c.plan(t.Elem(), constraint.Member)
	case t.Kind() == reflect.Map && t.Key().Kind() == reflect.String:
		p.kind = mapKind
		if p.key, err = c.plan(t.Key(), constraint.Key); err == nil {
			p.elem, err = c.plan(t.Elem(), constraint.Value)
		}
	case t.Kind() == reflect.Struct:
		p.kind = structKind
		err = c.structure(p)
	default:
		return fmt.Errorf("awsapi: values of type %s have no wire form", t)
	}
	return err
}

// structure compiles the fields of a structure.
func (c *compiler) structure(p *plan) error {
	p.byName = map[string]int{}
	for i := range p.typ.NumField() {
		f, err := c.field(i, p.typ.Field(i))
		if err != nil {
			return fmt.Errorf("%w (in %s)", err, p.typ)
		}
		p.fields = append(p.fields, f)
		if f.place != inBody {
			continue
		}
		if _, twice := p.byName[f.name]; twice {
			return fmt.Errorf("awsapi: %s has two members called %s", p.typ, f.name)
		}
		p.byName[f.name] = i
	}
	return nil
}

// field compiles one field from its type and tags.
func (c *compiler) field(at int, s reflect.StructField) (field, error) {
	f := field{at: at, name: s.Name, member: strings.ToLower(s.Name[:1]) + s.Name[1:]}
	if err := f.parse(s.Tag.Get("aws")); err != nil {
		return f, fmt.Errorf("%w: field %s", err, s.Name)
	}
	t := s.Type
	if t.Kind() == reflect.Pointer {
		f.pointer, t = true, t.Elem()
	}
	var err error
	if f.plan, err = c.plan(t, s.Tag.Get("shape")); err != nil {
		return f, err
	}
	return f, f.fits()
}

// parse reads the options of an aws tag.
func (f *field) parse(tag string) error {
	if tag == "" {
		return nil
	}
	for option := range strings.SplitSeq(tag, ",") {
		key, value, named := strings.Cut(option, "=")
		if named {
			f.name = value
		}
		switch {
		case key == "required" && !named:
			f.required = true
		case key == "status" && !named:
			f.place = inStatus
		case key == "payload" && !named:
			f.place = asPayload
		case key == "eventpayload" && !named:
			f.place = asEventPayload
		case key == "uri" && named:
			f.place = inPath
		case key == "query" && named:
			f.place = inQuery
		case key == "header" && named:
			f.place = inHeader
		case key != "name" || !named:
			return fmt.Errorf("awsapi: unknown option %q in tag", option)
		}
	}
	return nil
}

// fits checks that the field's place can hold its type.
func (f *field) fits() error {
	scalar := f.plan.kind <= boolKind
	ok := true
	switch f.place {
	case inPath:
		ok = scalar && f.required
	case inHeader:
		ok = scalar
	case inQuery:
		ok = scalar || f.plan.kind == listKind && f.plan.elem.kind <= boolKind
	case inStatus:
		ok = f.plan.kind == intKind && f.pointer
	case asPayload, asEventPayload:
		ok = f.plan.kind == blobKind
	}
	if !ok {
		return fmt.Errorf("awsapi: field %s cannot travel where its tag says", f.name)
	}
	return nil
}
