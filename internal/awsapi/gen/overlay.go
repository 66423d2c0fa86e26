package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
)

// overlay is what one service's model gets wrong or leaves out. Every entry has a reason, which is not generated.
type overlay struct {
	// HideValues leaves values and enumerations out of validation messages, as IAM does.
	HideValues bool `json:"hideValues"`
	// InvalidRequest is the code of the error of a request that violates its shape, where it is not ValidationException.
	InvalidRequest string `json:"invalidRequest"`
	Why            string
	Operations     map[string]operationFix
	Shapes         map[string]shapeFix
	// Errors are error shapes that the model lacks, generated like the others.
	Errors map[string]errorFix
}

// operationFix changes how an operation looks on the wire.
type operationFix struct {
	Why string
	// Status replaces the model's success status.
	Status int
	// Limit is the largest request body in bytes; LimitName the operation's name in the refusal, if it differs.
	Limit     int64
	LimitName string `json:"limitName"`
	// ContentType is the type of a response whose body is raw bytes.
	ContentType string `json:"contentType"`
	// Headers are fixed response headers.
	Headers map[string]string
}

// shapeFix changes how a shape is validated, or gives a structure members that the model lacks.
type shapeFix struct {
	Why string
	// Min and Max replace the model's bounds.
	Min, Max *json.Number
	// Unbounded leaves a greatest length to the service.
	Unbounded bool
	// Enum replaces the list that validation accepts and prints; the constants stay the model's.
	Enum []string
	// Unchecked leaves the shape's own constraints to the service.
	Unchecked bool
	// Shown prints the value although the service hides values.
	Shown bool
	// Refusal replaces the whole message when the pattern does not match; {name} stands for the member.
	Refusal string
	// Members are further members, in order.
	Members []member
	// Buffered is for a streaming blob that is read into memory: its operation has a limit.
	Buffered bool
	// Optional are members that the model requires and that may be absent.
	Optional []string
}

// errorFix describes an error shape.
type errorFix struct {
	Why    string
	Status int
	// Type is the text of the Type member, empty for none.
	Type string
	// Message is the name of the message member.
	Message string
}

// loadOverlay reads one service's part of the overlay. An entry without a reason is an error.
func loadOverlay(data []byte, service string) (*overlay, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	var all map[string]*overlay
	if err := d.Decode(&all); err != nil {
		return nil, fmt.Errorf("parse the overlay: %w", err)
	}
	o := all[service]
	if o == nil {
		return &overlay{}, nil
	}
	if (o.HideValues || o.InvalidRequest != "") && o.Why == "" {
		return nil, fmt.Errorf("overlay: %s has no reason", service)
	}
	for name, fix := range o.Operations {
		if fix.Why == "" {
			return nil, fmt.Errorf("overlay: operation %s has no reason", name)
		}
	}
	for name, fix := range o.Shapes {
		if fix.Why == "" {
			return nil, fmt.Errorf("overlay: shape %s has no reason", name)
		}
	}
	for name, fix := range o.Errors {
		if fix.Why == "" {
			return nil, fmt.Errorf("overlay: error %s has no reason", name)
		}
	}
	return o, nil
}

// apply writes the overlay into the model. An entry that names nothing of the model, or an error the model has, is
// stale and an error.
func (o *overlay) apply(m *model) error {
	for _, name := range slices.Sorted(maps.Keys(o.Operations)) {
		op := m.Operations[name]
		if op == nil {
			return fmt.Errorf("overlay: the model has no operation %s", name)
		}
		if status := o.Operations[name].Status; status != 0 {
			op.HTTP.ResponseCode = status
		}
	}
	for _, name := range slices.Sorted(maps.Keys(o.Shapes)) {
		s, fix := m.Shapes[name], o.Shapes[name]
		if s == nil {
			return fmt.Errorf("overlay: the model has no shape %s", name)
		}
		if fix.Min != nil {
			s.Min = fix.Min
		}
		if fix.Max != nil {
			s.Max = fix.Max
		}
		if fix.Buffered {
			s.Streaming = false
		}
		if fix.Unbounded {
			s.Max = nil
		}
		s.Members = append(s.Members, fix.Members...)
		for _, member := range fix.Optional {
			i := slices.Index(s.Required, member)
			if i < 0 {
				return fmt.Errorf("overlay: shape %s does not require %s", name, member)
			}
			s.Required = slices.Delete(s.Required, i, i+1)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(o.Errors)) {
		if m.Shapes[name] != nil {
			return fmt.Errorf("overlay: the model has the error %s", name)
		}
	}
	return nil
}
