package main

import (
	"bytes"
	"fmt"
	"go/format"
	"maps"
	"slices"
	"strings"
)

// source is what one zz_api.go is made from.
type source struct {
	Package    string
	Service    string // botocore's name
	Version    string // botocore's
	Model      *model
	Overlay    *overlay
	Operations []string
}

// emitter writes the code of one service and remembers which names it declared.
type emitter struct {
	source
	out      bytes.Buffer
	declared map[string]string // Go name -> what it is
	reached  map[string]bool   // shapes that an operation uses
	inputs   map[string]bool   // shapes that a request can reach
	structs  []string
	enums    []string
	errors   []string
	streams  map[string]string // operation -> the shape of the events that it answers with
}

// generate returns the formatted code of a service. A trait, protocol or pattern that awsapi does not carry is an error.
func generate(src source) ([]byte, error) {
	e := &emitter{source: src, declared: map[string]string{}, reached: map[string]bool{}, inputs: map[string]bool{}, streams: map[string]string{}}
	if err := src.Overlay.apply(src.Model); err != nil {
		return nil, err
	}
	if len(src.Operations) == 0 {
		return nil, fmt.Errorf("operations.txt names no operation")
	}
	if err := e.collect(); err != nil {
		return nil, err
	}
	e.header()
	e.api()
	e.operations()
	e.client()
	steps := []func() error{e.enumerations, e.structures, e.errorConstructors, e.constraints}
	for _, step := range steps {
		if err := step(); err != nil {
			return nil, err
		}
	}
	code, err := format.Source(e.out.Bytes())
	if err != nil {
		return nil, fmt.Errorf("format the code: %w", err)
	}
	return code, nil
}

// p prints one piece of code.
func (e *emitter) p(format string, args ...any) {
	fmt.Fprintf(&e.out, format, args...)
}

// collect walks every shape that the listed operations use.
func (e *emitter) collect() error {
	for _, name := range []string{"API", "Operations", "Client", "NewClient"} {
		e.declared[name] = "generated name"
	}
	failures := map[string]bool{}
	for i, name := range e.Operations {
		op := e.Model.Operations[name]
		if op == nil {
			return fmt.Errorf("the model has no operation %s", name)
		}
		if slices.Contains(e.Operations[:i], name) {
			return fmt.Errorf("operation %s is listed twice", name)
		}
		if op.Input == nil {
			op.Input = &ref{Shape: name + "Request"}
			e.Model.Shapes[op.Input.Shape] = &shape{Type: "structure"}
		}
		if err := e.walk(op.Input.Shape, true); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if op.Output != nil {
			if w := op.Output.ResultWrapper; w != "" && w != name+"Result" {
				return fmt.Errorf("%s: the result wrapper %s is not supported", name, w)
			}
			if err := e.takeStream(name, op); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			if err := e.walk(op.Output.Shape, false); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
		for _, r := range op.Errors {
			failures[r.Shape] = true
		}
	}
	for name := range e.Overlay.Errors {
		failures[name] = true
	}
	e.errors = slices.Sorted(maps.Keys(failures))
	slices.Sort(e.structs)
	slices.Sort(e.enums)
	return nil
}

// takeStream takes the events of an operation that answers with such out of its output: they have a type of their own.
func (e *emitter) takeStream(name string, op *operation) error {
	out := e.Model.Shapes[op.Output.Shape]
	if out == nil {
		return nil // which walk says
	}
	at := slices.IndexFunc(out.Members, func(m member) bool {
		s := e.Model.Shapes[m.Shape]
		return s != nil && s.EventStream
	})
	if at < 0 {
		return nil
	}
	events := e.Model.Shapes[out.Members[at].Shape]
	e.streams[name] = out.Members[at].Shape
	out.Members, out.Payload = slices.Delete(out.Members, at, at+1), ""
	events.EventStream = false
	return e.walk(e.streams[name], false)
}

// walk visits a shape and what it refers to, refusing traits that the codecs do not carry.
func (e *emitter) walk(name string, input bool) error {
	s := e.Model.Shapes[name]
	if s == nil {
		return fmt.Errorf("the model has no shape %s", name)
	}
	known := e.reached[name]
	if known && (!input || e.inputs[name]) {
		return nil
	}
	e.reached[name] = true
	if input {
		e.inputs[name] = true
	}
	if s.Flattened || s.Streaming || s.EventStream || s.Document {
		return fmt.Errorf("shape %s: flattened, streaming, event stream and document shapes are not supported", name)
	}
	if !known {
		if err := e.declare(name, s); err != nil {
			return err
		}
	}
	for _, m := range s.Members {
		if m.JSONValue || m.HostLabel || m.XMLAttribute || m.Streaming || m.Flattened || m.EventPayload && !s.Event || m.Location == "headers" {
			return fmt.Errorf("shape %s: member %s has a trait that is not supported", name, m.Name)
		}
		if err := e.walk(m.Shape, input); err != nil {
			return err
		}
	}
	for _, element := range []*ref{s.Member, s.Key, s.Value} {
		if element == nil {
			continue
		}
		if element.LocationName != "" {
			return fmt.Errorf("shape %s: renamed elements are not supported", name)
		}
		if err := e.walk(element.Shape, input); err != nil {
			return err
		}
	}
	return nil
}

// declare registers the Go type of a structure or an enumeration.
func (e *emitter) declare(name string, s *shape) error {
	switch {
	case s.Type == "structure":
		e.structs = append(e.structs, name)
	case s.Type == "string" && s.Enum != nil:
		e.enums = append(e.enums, name)
	default:
		return nil
	}
	return e.claim(goName(name), name)
}

// claim reserves a Go name of the package.
func (e *emitter) claim(name, what string) error {
	if other := e.declared[name]; other != "" {
		return fmt.Errorf("two things are called %s: %s and %s", name, other, what)
	}
	e.declared[name] = what
	return nil
}

// goName is a model's name as an exported Go name, otherwise in the wire's spelling.
func goName(name string) string {
	return strings.ToUpper(name[:1]) + name[1:]
}

// constName is an enumeration's constant: FunctionUrlAuthTypeAwsIam, ArchitectureX8664.
func constName(typ, value string) string {
	name := goName(typ)
	for part := range strings.FieldsFuncSeq(value, func(r rune) bool {
		return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9')
	}) {
		if part == strings.ToUpper(part) {
			part = strings.ToLower(part)
		}
		name += goName(part)
	}
	return name
}
