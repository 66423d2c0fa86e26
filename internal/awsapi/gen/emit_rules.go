package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"furl/internal/awsapi"
)

// errorConstructors prints one function for every error shape.
func (e *emitter) errorConstructors() error {
	for _, name := range e.errors {
		if err := e.claim(goName(name), "error "+name); err != nil {
			return err
		}
		code, status, fault, typ, message := name, 0, "Sender", "", "message"
		if fix, ok := e.Overlay.Errors[name]; ok {
			status, typ, message = fix.Status, fix.Type, fix.Message
		} else {
			s := e.Model.Shapes[name]
			if s.Error.Code != "" {
				code = s.Error.Code
			}
			status = s.Error.HTTPStatusCode
			if !s.Error.SenderFault {
				fault = "Receiver"
			}
			if status == 0 && e.Model.Metadata.Protocol == "json" {
				status, fault = defaultStatus(s)
			}
			typ, message = errorMembers(s)
		}
		if status == 0 {
			return fmt.Errorf("error %s has no status", name)
		}
		e.p("// %s makes the error of that name, status %d.\n", goName(name), status)
		e.p("func %s(format string, args ...any) *awsapi.Error {\n", goName(name))
		e.p("return awsapi.Errorf(awsapi.Error{Code: %q, Status: %d, Fault: awsapi.%s", code, status, fault)
		if e.Model.Metadata.Protocol == "rest-json" {
			if typ != "" {
				e.p(", Type: %q", typ)
			}
			e.p(", MessageMember: %q", message)
		}
		e.p("}, format, args...)\n}\n\n")
	}
	return nil
}

// defaultStatus is the status of an error for which the model has none, as in the JSON-1.1 protocol, and who is to blame.
func defaultStatus(s *shape) (status int, fault string) {
	if s.Fault {
		return http.StatusInternalServerError, "Receiver"
	}
	return http.StatusBadRequest, "Sender"
}

// errorMembers returns the text of an error's Type member, if it has one, and the spelling of its message member.
func errorMembers(s *shape) (typ, message string) {
	message = "message"
	for _, m := range s.Members {
		switch {
		case m.Name == "Type" && s.Error.SenderFault:
			typ = "User"
		case m.Name == "Type":
			typ = "Service"
		case strings.EqualFold(m.Name, "message"):
			message = m.Name
		}
	}
	return typ, message
}

// constrained reports whether a shape, or an element of it, restricts its values. Structures restrict theirs by
// themselves.
func (e *emitter) constrained(name string) bool {
	s := e.Model.Shapes[name]
	if s.Type == "structure" {
		return false
	}
	if !e.Overlay.Shapes[name].Unchecked && (s.Min != nil || s.Max != nil || s.Pattern != "" || s.Enum != nil) {
		return true
	}
	for _, element := range []*ref{s.Member, s.Key, s.Value} {
		if element != nil && e.constrained(element.Shape) {
			return true
		}
	}
	return false
}

// constraints prints the table of constraints on what a request can hold, by shape.
func (e *emitter) constraints() error {
	e.p("// constraints are the restrictions on what requests hold, by the model's shape.\n")
	e.p("func constraints() map[string]awsapi.Constraint {\nreturn map[string]awsapi.Constraint{\n")
	for _, name := range slices.Sorted(maps.Keys(e.inputs)) {
		if !e.constrained(name) {
			continue
		}
		if err := e.constraint(name, e.Model.Shapes[name]); err != nil {
			return fmt.Errorf("shape %s: %w", name, err)
		}
	}
	e.p("}\n}\n")
	return nil
}

// constraint prints one entry of the table.
func (e *emitter) constraint(name string, s *shape) error {
	fix := e.Overlay.Shapes[name]
	e.p("%q: {", name)
	if !fix.Unchecked {
		if err := e.bounds(s); err != nil {
			return err
		}
		if s.Pattern != "" {
			if err := awsapi.CheckPattern(s.Pattern); err != nil {
				return err
			}
			e.p("Pattern: %s,", quote(s.Pattern))
		}
		enum := s.Enum
		if fix.Enum != nil {
			enum = fix.Enum
		}
		if enum != nil {
			e.p("Enum: %#v,", enum)
		}
	}
	for _, element := range []struct {
		field string
		ref   *ref
	}{{"Member", s.Member}, {"Key", s.Key}, {"Value", s.Value}} {
		if element.ref != nil && e.constrained(element.ref.Shape) {
			e.p("%s: %q,", element.field, element.ref.Shape)
		}
	}
	if s.Sensitive {
		e.p("Sensitive: true,")
	}
	if fix.Shown {
		e.p("Shown: true,")
	}
	if fix.Refusal != "" {
		e.p("Refusal: %q,", fix.Refusal)
	}
	e.p("},\n")
	return nil
}

// bounds prints the limits of a length or of a value.
func (e *emitter) bounds(s *shape) error {
	for _, bound := range []struct {
		field string
		value *json.Number
	}{{"Min", s.Min}, {"Max", s.Max}} {
		if bound.value == nil {
			continue
		}
		n, err := bound.value.Float64()
		if err != nil {
			return err
		}
		literal := fmt.Sprint(n)
		if n == float64(int64(n)) {
			literal = fmt.Sprintf("%d.0", int64(n))
		}
		e.p("%s: new(%s),", bound.field, literal)
	}
	return nil
}

// quote is a Go literal of a pattern, raw if it can be.
func quote(s string) string {
	if strings.Contains(s, "`") {
		return fmt.Sprintf("%q", s)
	}
	return "`" + s + "`"
}
