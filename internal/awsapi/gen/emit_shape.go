package main

import (
	"fmt"
	"slices"
	"strings"
)

// enumerations prints a string type and its constants for every enumeration.
func (e *emitter) enumerations() error {
	for _, name := range e.enums {
		e.p("// %s is an enumeration.\ntype %s string\n\n", goName(name), goName(name))
		e.p("// Values of %s.\nconst (\n", goName(name))
		for _, value := range e.Model.Shapes[name].Enum {
			if err := e.claim(constName(name, value), "a constant of "+name); err != nil {
				return err
			}
			e.p("%s %s = %q\n", constName(name, value), goName(name), value)
		}
		e.p(")\n\n")
	}
	return nil
}

// structures prints the structures: required members as values, optional ones as pointers, wire bindings as tags.
func (e *emitter) structures() error {
	for _, name := range e.structs {
		s := e.Model.Shapes[name]
		e.p("// %s is a structure of the API.\ntype %s struct {\n", goName(name), goName(name))
		fields := map[string]bool{}
		for _, m := range s.Members {
			if fields[goName(m.Name)] {
				return fmt.Errorf("shape %s: two members are called %s", name, goName(m.Name))
			}
			fields[goName(m.Name)] = true
			typ, err := e.fieldType(m, slices.Contains(s.Required, m.Name))
			if err != nil {
				return fmt.Errorf("shape %s: member %s: %w", name, m.Name, err)
			}
			tag, err := e.tag(name, s, m)
			if err != nil {
				return fmt.Errorf("shape %s: member %s: %w", name, m.Name, err)
			}
			e.p("%s %s%s\n", goName(m.Name), typ, tag)
		}
		e.p("}\n\n")
	}
	return nil
}

// fieldType is the Go type of a member.
func (e *emitter) fieldType(m member, required bool) (string, error) {
	typ, err := e.goType(m.Shape)
	if err != nil || required {
		return typ, err
	}
	switch e.Model.Shapes[m.Shape].Type {
	case "list", "map", "blob":
		return typ, nil
	}
	return "*" + typ, nil
}

// goType is the Go type of a shape.
func (e *emitter) goType(name string) (string, error) {
	s := e.Model.Shapes[name]
	switch s.Type {
	case "structure":
		return goName(name), nil
	case "string":
		if s.Enum != nil {
			return goName(name), nil
		}
		return "string", nil
	case "integer":
		return "int", nil
	case "long":
		return "int64", nil
	case "double", "float":
		return "float64", nil
	case "boolean":
		return "bool", nil
	case "blob":
		return "[]byte", nil
	case "timestamp":
		return "time.Time", nil
	case "list":
		element, err := e.goType(s.Member.Shape)
		return "[]" + element, err
	case "map":
		key, err := e.goType(s.Key.Shape)
		if err != nil {
			return "", err
		}
		value, err := e.goType(s.Value.Shape)
		return "map[" + key + "]" + value, err
	}
	return "", fmt.Errorf("type %q is not supported", s.Type)
}

// tag is a member's struct tag: how it is bound to the wire, and the name of its constraint.
func (e *emitter) tag(structure string, s *shape, m member) (string, error) {
	var options []string
	wire := m.LocationName
	if wire == "" {
		wire = m.Name
	}
	switch {
	case s.Payload == m.Name:
		if e.Model.Shapes[m.Shape].Type != "blob" {
			return "", fmt.Errorf("a payload that is not a blob is not supported")
		}
		options = append(options, "payload")
	case m.EventPayload:
		if e.Model.Shapes[m.Shape].Type != "blob" {
			return "", fmt.Errorf("an event's payload that is not a blob is not supported")
		}
		options = append(options, "eventpayload")
	case m.Location == "uri":
		options = append(options, "uri="+wire)
	case m.Location == "querystring":
		options = append(options, "query="+wire)
	case m.Location == "header":
		options = append(options, "header="+wire)
	case m.Location == "statusCode":
		options = append(options, "status")
	case m.Location != "":
		return "", fmt.Errorf("location %q is not supported", m.Location)
	case wire != goName(m.Name):
		options = append(options, "name="+wire)
	}
	if slices.Contains(s.Required, m.Name) {
		options = append(options, "required")
	}
	if m.TimestampFormat != "" {
		return "", fmt.Errorf("a timestamp format of a member is not supported")
	}
	var tags []string
	if len(options) > 0 {
		tags = append(tags, fmt.Sprintf("aws:%q", strings.Join(options, ",")))
	}
	if e.inputs[structure] && e.constrained(m.Shape) {
		tags = append(tags, fmt.Sprintf("shape:%q", m.Shape))
	}
	if tags == nil {
		return "", nil
	}
	return " `" + strings.Join(tags, " ") + "`", nil
}
