package environment

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// ErrClosed: the pool was closed.
var ErrClosed = errors.New("environment: pool is closed")

// ThrottledError refuses an invocation for want of concurrency.
type ThrottledError struct {
	// Reason is AWS's word for it, a member of TooManyRequestsException.
	Reason string
}

// Reasons of a ThrottledError.
const (
	ReasonReserved    = "ReservedFunctionConcurrentInvocationLimitExceeded"
	ReasonConcurrency = "ConcurrentInvocationLimitExceeded"
)

func (e *ThrottledError) Error() string { return "environment: throttled: " + e.Reason }

// maxPayload is the largest answer to a synchronous invocation, in bytes.
const maxPayload = 6291556

// outOfMemory is the error type of a runtime that was ended for want of memory.
const outOfMemory = "Runtime.OutOfMemory"

// failure is an invocation that ended without an answer of the function's own
// making. It is the function's doing, so not an error of Invoke.
type failure struct {
	errorType string
	payload   []byte
	timeout   bool
	// reason is what the log says of it, empty where the runtime or a record of its
	// own says it.
	reason string
}

func (f *failure) Error() string { return "environment: " + f.errorType }

// platformFailure has the payload of failures that the platform words.
func platformFailure(errorType, message string) *failure {
	p, err := json.Marshal(struct {
		ErrorType    string `json:"errorType"`
		ErrorMessage string `json:"errorMessage"`
	}{errorType, message})
	if err != nil { // two strings always marshal
		p = []byte("{}")
	}
	return &failure{errorType: errorType, payload: p, reason: message}
}

func timeoutFailure(requestID string, limit time.Duration) *failure {
	f := platformFailure("Sandbox.Timedout",
		fmt.Sprintf("RequestId: %s Error: Task timed out after %.2f seconds", requestID, limit.Seconds()))
	f.timeout, f.reason = true, "" // there is a record for it
	return f
}

// exitFailure words the end of a runtime; how is empty when it left by itself
// with status 0, which is no reason.
func exitFailure(requestID, how string) *failure {
	text := "Runtime exited without providing a reason"
	if how != "" {
		text = "Runtime exited with error: " + how
	}
	return platformFailure("Runtime.ExitError", "RequestId: "+requestID+" Error: "+text)
}

// tooLargeFailure is an answer of more bytes than it may have.
func tooLargeFailure(most int64) *failure {
	return &failure{
		errorType: "Function.ResponseSizeTooLarge",
		payload: fmt.Appendf(nil, `{"errorMessage":"Response payload size exceeded maximum allowed payload size (%d bytes).","errorType":"Function.ResponseSizeTooLarge"}`,
			most),
	}
}
