package dataplane

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"

	"furl/internal/environment"
	"furl/internal/sigv4"
)

// refusal is an answer of the platform's own, in place of the function's.
type refusal struct {
	status    int
	errorType string // x-amzn-ErrorType, "" for none
	body      string
	// reason goes into the access record, never to the client.
	reason string
}

// The bodies are AWS's where it is known to have one. The first key is
// "Message" where the authorization of the URL refuses and "message" elsewhere.
const (
	bodyUnknown       = `{"Message":null}`
	bodyForbidden     = `{"Message":"Forbidden"}`
	bodyForbiddenDual = `{"Message":"Forbidden. For troubleshooting Function URL authorization issues, see: https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html"}`
	bodyBadRequest    = `{"message":"Bad Request"}`
	bodyBadMethod     = `{"message":"Method Not Allowed"}`
	bodySlow          = `{"message":"Request Timeout"}`
	bodyTooLarge      = `{"message":"Request Entity Too Large"}`
	bodyUnavailable   = `{"message":"Service Unavailable"}`
	bodyServerError   = "Internal Server Error"
)

// statusGone is what the record says of a client that went away before there
// was an answer; HTTP has no status for it, many servers' logs have this one.
const statusGone = 499

func refuseUnknown(reason string) *refusal {
	return &refusal{http.StatusForbidden, "AccessDeniedException", bodyUnknown, reason}
}

func (s *Server) refuseForbidden(reason string) *refusal {
	body := bodyForbidden
	if s.opts.Authz.Dual() {
		body = bodyForbiddenDual
	}
	return &refusal{http.StatusForbidden, "AccessDeniedException", body, reason}
}

// refuseConnect answers a client that takes the server for a proxy.
func refuseConnect() *refusal {
	return &refusal{http.StatusMethodNotAllowed, "", bodyBadMethod, "CONNECT is for proxies"}
}

func refuseMalformed(reason string) *refusal {
	return &refusal{http.StatusBadRequest, "", bodyBadRequest, reason}
}

func refuseSlow() *refusal {
	return &refusal{http.StatusRequestTimeout, "", bodySlow, "the body did not arrive in time"}
}

func refuseTooLarge() *refusal {
	return &refusal{http.StatusRequestEntityTooLarge, "RequestEntityTooLargeException", bodyTooLarge, "the request is over 6 MB"}
}

// refuseInternal answers for a mistake of the server's own.
func refuseInternal() *refusal {
	return &refusal{http.StatusInternalServerError, "ServiceException", bodyServerError, "a mistake in the server; its log has the details"}
}

// refuseSignature answers for a signature that does not hold.
func (s *Server) refuseSignature(err error) *refusal {
	var e *sigv4.Error
	if !errors.As(err, &e) {
		return s.refuseForbidden(err.Error())
	}
	reason := "signature: " + e.Reason.String()
	switch e.Reason {
	case sigv4.MissingToken:
		return s.refuseForbidden(reason)
	case sigv4.MalformedURL:
		return &refusal{status: http.StatusBadRequest, reason: reason}
	case sigv4.Expired, sigv4.NotYetCurrent, sigv4.BadScope:
		reason += ": " + e.Message // others may repeat parts of the Authorization header
	}
	body := ""
	if e.Message != "" {
		body = messageBody(e.Message)
	}
	return &refusal{http.StatusForbidden, signatureErrorType(e.Reason), body, reason}
}

func messageBody(message string) string {
	b, err := json.Marshal(struct {
		Message string `json:"message"`
	}{message})
	if err != nil { // a string always has a JSON form
		return bodyBadRequest
	}
	return string(b)
}

// signatureErrorType names a refused signature as Lambda's own API does.
func signatureErrorType(r sigv4.Reason) string {
	switch r {
	case sigv4.MalformedQuery:
		return "MalformedQueryStringException"
	case sigv4.Incomplete:
		return "IncompleteSignatureException"
	case sigv4.InvalidToken:
		return "UnrecognizedClientException"
	case sigv4.ExpiredToken:
		return "ExpiredTokenException"
	default: // expired, not yet current, bad scope, mismatch
		return "InvalidSignatureException"
	}
}

// refuseFunction answers for a function that failed. Why it failed is in the
// function's log, not in the answer.
func refuseFunction(reason string) *refusal {
	return &refusal{http.StatusBadGateway, "", bodyServerError, reason}
}

// refuseInvoke answers for an invocation that did not reach the function. ctx
// is the request's, which ends when its client goes away.
func refuseInvoke(ctx context.Context, err error) *refusal {
	var throttled *environment.ThrottledError
	switch {
	case errors.As(err, &throttled):
		body := `{"Reason":` + strconv.Quote(throttled.Reason) + `,"Type":"User","message":"Rate Exceeded."}`
		return &refusal{http.StatusTooManyRequests, "TooManyRequestsException", body, "throttled: " + throttled.Reason}
	case ctx.Err() != nil:
		return &refusal{status: statusGone, reason: "the client went away before an execution environment was free"}
	case errors.Is(err, environment.ErrClosed):
		return &refusal{http.StatusServiceUnavailable, "ServiceException", bodyUnavailable, "the server is stopping"}
	}
	return refuseFunction(err.Error())
}

func (f *refusal) write(w http.ResponseWriter, head bool) {
	h := w.Header()
	if f.body != "" {
		h.Set("Content-Type", "application/json")
	}
	h.Set("Content-Length", strconv.Itoa(len(f.body)))
	if f.errorType != "" {
		h["x-amzn-ErrorType"] = []string{f.errorType} // as AWS spells it
	}
	w.WriteHeader(f.status)
	if !head {
		_, _ = io.WriteString(w, f.body) // a client that has gone cannot be told
	}
}
