package awsapi

import (
	"fmt"
	"net/http"
)

// Fault says who is to blame for an error.
type Fault int

// The two faults, in the words of the Query protocol.
const (
	Sender Fault = iota
	Receiver
)

// String returns Sender or Receiver, the text of the Query protocol's Type element.
func (f Fault) String() string {
	if f == Receiver {
		return "Receiver"
	}
	return "Sender"
}

// Error is an AWS error on its way to a client, or as a client received it. It is the one typed error of the edge: a
// service makes it with its generated constructors, or with the functions of this package; any other error that reaches
// the server is answered as an internal failure.
type Error struct {
	// Code is the error's name on the wire: the x-amzn-ErrorType header, or the Code element.
	Code string
	// Message is the text for the client.
	Message string
	// Status is the HTTP status.
	Status int
	// Fault is printed by the Query protocol.
	Fault Fault
	// Type is the text of the JSON body's Type member, "User" or "Service"; empty leaves the member out.
	Type string
	// MessageMember is the spelling of the JSON body's message member, "message" or "Message"; empty means "message".
	MessageMember string
	// Members are further members of the JSON body, Reason for one.
	Members map[string]string
	// Header holds further response headers, Retry-After for one.
	Header http.Header

	// rest is the error's spelling in the protocols that carry JSON where it differs.
	rest *spelling
	// namespace replaces the service's XML namespace.
	namespace string
}

// Error returns the code and the message.
func (e *Error) Error() string {
	return e.Code + ": " + e.Message
}

// Errorf returns a copy of template whose message is formatted from format and args. Generated constructors use it.
func Errorf(template Error, format string, args ...any) *Error {
	template.Message = fmt.Sprintf(format, args...)
	return &template
}

// WithMember adds a member to the JSON body and returns e.
func (e *Error) WithMember(name, value string) *Error {
	if e.Members == nil {
		e.Members = map[string]string{}
	}
	e.Members[name] = value
	return e
}

// WithHeader adds a response header and returns e.
func (e *Error) WithHeader(name, value string) *Error {
	if e.Header == nil {
		e.Header = http.Header{}
	}
	e.Header.Set(name, value)
	return e
}

// WithoutType drops the Type member and returns e. Lambda leaves it out of a few of its errors, those about concurrency
// limits for one (lambda reference 0).
func (e *Error) WithoutType() *Error {
	e.Type = ""
	return e
}
