package awsapi

import (
	"fmt"
	"net/http"
)

// The errors of AWS's front ends: the same for every service, but spelled differently in each protocol (IAM reference
// 1.11, lambda reference 0). An Error made here has the Query protocol's code and status, and the server spells it in
// the protocol of the request.

// spelling is how the protocols that carry JSON spell an error of the front ends. The status is REST-JSON's.
type spelling struct {
	code   string
	status int
	typ    string
	member string // of the message; empty means "message"
	text   string // replaces the message if not empty
}

// front makes an error with two spellings.
func front(code string, status int, rest spelling, format string, args []any) *Error {
	e := &Error{Code: code, Status: status, Message: fmt.Sprintf(format, args...), rest: &rest}
	if status >= 500 {
		e.Fault = Receiver
	}
	return e
}

// spelled returns the error as the protocol spells it.
func (e *Error) spelled(p Protocol) *Error {
	if p == Query || e.rest == nil {
		return e
	}
	s := *e
	s.Code, s.Status, s.Type, s.MessageMember, s.rest = e.rest.code, e.rest.status, e.rest.typ, e.rest.member, nil
	if p == JSON11 {
		s.Type = ""
		if s.Status < 500 && s.Status != http.StatusRequestEntityTooLarge {
			s.Status = http.StatusBadRequest // whatever the reason is
		}
	}
	if e.rest.text != "" {
		s.Message = e.rest.text
	}
	return &s
}

// AccessDenied refuses a caller who is known but not allowed: 403, AccessDenied or AccessDeniedException.
func AccessDenied(format string, args ...any) *Error {
	return front("AccessDenied", 403, spelling{code: "AccessDeniedException", status: 403, member: "Message"}, format, args)
}

// MissingAuthenticationToken refuses a request without credentials: 403.
func MissingAuthenticationToken() *Error {
	rest := spelling{code: "MissingAuthenticationTokenException", status: 403, text: "Missing Authentication Token"}
	return front("MissingAuthenticationToken", 403, rest, "Request is missing Authentication Token", nil)
}

// IncompleteSignature refuses credentials that cannot be read: 400 in the Query protocol, 403 in REST-JSON.
func IncompleteSignature(format string, args ...any) *Error {
	return front("IncompleteSignature", 400, spelling{code: "IncompleteSignatureException", status: 403}, format, args)
}

// InvalidClientTokenID refuses an unknown access key or a token that does not belong to it: 403, InvalidClientTokenId or
// UnrecognizedClientException.
func InvalidClientTokenID(format string, args ...any) *Error {
	return front("InvalidClientTokenId", 403, spelling{code: "UnrecognizedClientException", status: 403}, format, args)
}

// ExpiredToken refuses a session that is over: 403.
func ExpiredToken(format string, args ...any) *Error {
	return front("ExpiredToken", 403, spelling{code: "ExpiredTokenException", status: 403}, format, args)
}

// SignatureDoesNotMatch refuses a signature that is wrong, too old, too young or for another scope: 403,
// SignatureDoesNotMatch or InvalidSignatureException.
func SignatureDoesNotMatch(format string, args ...any) *Error {
	return front("SignatureDoesNotMatch", 403, spelling{code: "InvalidSignatureException", status: 403}, format, args)
}

// ValidationException refuses a request that violates its shape: 400, ValidationError or ValidationException. The server
// makes it from the model; services make it for what the model cannot say.
func ValidationException(format string, args ...any) *Error {
	return front("ValidationError", 400, spelling{code: "ValidationException", status: 400}, format, args)
}

// SerializationException refuses a request that cannot be decoded: 400, MalformedInput or SerializationException. Lambda
// was seen to spell the message with a capital letter.
func SerializationException(format string, args ...any) *Error {
	return front("MalformedInput", 400, spelling{code: "SerializationException", status: 400, member: "Message"}, format, args)
}

// InternalFailure is the answer to an error that is not the client's business: 500, InternalFailure or ServiceException.
func InternalFailure() *Error {
	const text = "The request processing has failed because of an unknown error, exception or failure."
	rest := spelling{code: "ServiceException", status: 500, typ: "Service", member: "Message"}
	return front("InternalFailure", 500, rest, text, nil)
}

// invalidMarker refuses a pagination token that the operation did not issue: 400.
func invalidMarker() *Error {
	rest := spelling{code: "InvalidParameterValueException", status: 400, typ: "User"}
	return front("ValidationError", 400, rest, "Invalid Marker.", nil)
}

// tooLarge refuses a request body above the operation's limit: 413.
func tooLarge(op *Operation, limit int64) *Error {
	rest := spelling{code: "RequestEntityTooLargeException", status: 413}
	if op == nil {
		return front("RequestEntityTooLarge", 413, rest, "Request must be smaller than %d bytes", []any{limit})
	}
	name := op.LimitName
	if name == "" {
		name = op.Name
	}
	return front("RequestEntityTooLarge", 413, rest, "Request must be smaller than %d bytes for the %s operation", []any{limit, name})
}

// malformedQuery refuses parameters whose escapes are broken: 400.
func malformedQuery(err error) *Error {
	rest := spelling{code: "MalformedQueryStringException", status: 400}
	return front("MalformedQueryString", 400, rest, "The query string contains a syntax error: %v", []any{err})
}

// unknownRoute refuses a method and path that no operation has: 404, UnknownOperationException.
func unknownRoute(method, path string) *Error {
	return &Error{Code: "UnknownOperationException", Status: 404, Message: fmt.Sprintf("No operation is at %s %s", method, path)}
}

// unknownTarget refuses an operation of the JSON-1.1 protocol that no service here has: 400, UnknownOperationException.
func unknownTarget() *Error {
	return &Error{Code: "UnknownOperationException", Status: 400}
}

// faultNamespace is the XML namespace of the Query protocol's errors before a service is known.
const faultNamespace = "http://webservices.amazon.com/AWSFault/2005-15-09"

// missingAction refuses a request of the Query protocol that names no action: 400.
func missingAction() *Error {
	return &Error{Code: "MissingAction", Status: 400, Message: "The request is missing an action or a required parameter.", namespace: faultNamespace}
}

// invalidAction refuses an action that the version of the service does not have: 400.
func invalidAction(action, version string) *Error {
	if version == "" {
		version = "NO_VERSION_SPECIFIED"
	}
	return &Error{
		Code: "InvalidAction", Status: 400, Message: fmt.Sprintf("Could not find operation %s for version %s", action, version),
		namespace: faultNamespace,
	}
}
