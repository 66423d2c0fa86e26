package awsapi

import (
	"context"
	"fmt"
	"reflect"
)

// Protocol is how a service's requests and answers look on the wire.
type Protocol int

// The protocols.
const (
	// RESTJSON routes by method and path and carries JSON; Lambda speaks it.
	RESTJSON Protocol = iota
	// Query routes by the form parameters Action and Version and answers in XML; IAM and STS speak it.
	Query
	// JSON11 routes by the header X-Amz-Target and carries JSON; CloudWatch Logs speaks it.
	JSON11
)

// Service describes one AWS service. The generated function Operations of a service's package makes it.
type Service struct {
	// Name is botocore's name of the service, which is also the first label of AWS's host names.
	Name string
	// SigningName is the service in a signature's credential scope.
	SigningName string
	// Version is the API version.
	Version  string
	Protocol Protocol
	// Namespace is the XML namespace of the Query protocol's answers.
	Namespace string
	// TargetPrefix is the first part of the JSON-1.1 protocol's X-Amz-Target.
	TargetPrefix string
	// InvalidRequest is the code of the error of a request that violates its shape; empty means ValidationException.
	InvalidRequest string
	// HideValues leaves the values and enumerations out of validation messages.
	HideValues bool
	// Constraints are the restrictions on what requests hold, by the names in the structures' shape tags.
	Constraints map[string]Constraint
	Operations  []Operation
}

// OpMeta is how an operation looks on the wire.
type OpMeta struct {
	Name string
	// Method and URI route the REST-JSON protocol. The URI has labels in braces and may end in a fixed query.
	Method string
	URI    string
	// Status is the success status; 0 means 200.
	Status int
	// BodyLimit is the largest request body in bytes; 0 means DefaultBodyLimit.
	BodyLimit int64
	// LimitName is the name of the operation in the refusal of a larger body; empty means Name.
	LimitName string
	// ContentType is the type of an answer whose body is raw bytes; empty means application/octet-stream.
	ContentType string
	// Headers are fixed response headers.
	Headers map[string]string
	// Unsigned operations take no signature: what proves their callers is in the request.
	Unsigned bool
}

// Operation is one operation of a service: its wire form and the method that carries it out.
type Operation struct {
	OpMeta
	// Service is the service's name. NewServer and NewClient fill it in.
	Service string

	in, out reflect.Type // out is nil if the operation answers nothing
	event   reflect.Type // nil unless it answers with events
	call    func(ctx context.Context, in any) (any, error)
	stream  func(ctx context.Context, in any, w *eventWriter) error // in the place of call

	// compiled
	input, output      *plan  // of structures; output is nil if the operation answers nothing
	events             *plan  // of the structure of events
	route              route  // REST-JSON
	version, namespace string // the service's, Query
	target             string // JSON-1.1
}

// Op declares an operation that takes an *In and answers an *Out. The structures' wire form is compiled by NewServer
// and NewClient, which return an error for one that the protocol cannot carry.
func Op[A, In, Out any](meta OpMeta, api A, method func(A, context.Context, *In) (*Out, error)) Operation {
	return Operation{
		OpMeta: meta,
		in:     reflect.TypeFor[In](),
		out:    reflect.TypeFor[Out](),
		call: func(ctx context.Context, in any) (any, error) {
			out, err := method(api, ctx, in.(*In))
			if err == nil && out == nil {
				err = fmt.Errorf("awsapi: %s returned neither a result nor an error", meta.Name)
			}
			return out, err
		},
	}
}

// OpVoid declares an operation that takes an *In and answers nothing but success.
func OpVoid[A, In any](meta OpMeta, api A, method func(A, context.Context, *In) error) Operation {
	return Operation{
		OpMeta: meta,
		in:     reflect.TypeFor[In](),
		call: func(ctx context.Context, in any) (any, error) {
			return nil, method(api, ctx, in.(*In))
		},
	}
}
