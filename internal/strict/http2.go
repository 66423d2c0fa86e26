package strict

import (
	"net/http"
	"strconv"
	"strings"
)

// HTTP2 finds in a request that came over HTTP/2 what net/http lets through and
// RFC 9113 (section 8) forbids, or what a reader of HTTP/1 would take for
// something else; nil: the request is good.
func HTTP2(r *http.Request) *Fault {
	status, reason := 400, ""
	switch {
	case !validToken([]byte(r.Method)):
		reason = "malformed method"
	case !validTarget([]byte(r.RequestURI)), !rightTarget([]byte(r.Method), []byte(r.RequestURI), []byte(r.Host)), r.RequestURI[0] != '/' && r.RequestURI[0] != '*' && r.Method != http.MethodConnect:
		reason = "malformed path"
	case !validHost([]byte(r.Host)):
		reason = "malformed authority"
	case !sameHost(r):
		reason = "a Host header field beside another authority"
	case !rightLength(r):
		reason = "a content-length that is malformed, repeated or not the body's"
	case !trimmed(r.Header):
		reason = "a value of a header field begins or ends with blanks"
	case len(r.Header["Expect"]) > 0: // net/http has taken 100-continue away
		status, reason = http.StatusExpectationFailed, "an expectation other than 100-continue"
	}
	if reason == "" {
		return nil
	}
	return &Fault{Status: status, Reason: reason, Method: r.Method, Host: r.Host}
}

// sameHost holds where Host header fields say what the authority says.
func sameHost(r *http.Request) bool {
	for i, host := range r.Header["Host"] {
		if i > 0 || !strings.EqualFold(host, r.Host) {
			return false
		}
	}
	return true
}

// rightLength holds where the header says the length that the body has. net/http
// takes a request that ends with its header for one without a body, whatever
// the header says, and a length that is none for 0.
func rightLength(r *http.Request) bool {
	values := r.Header["Content-Length"]
	if len(values) == 0 {
		return true
	}
	n, ok := contentLength([]byte(values[0]))
	return ok && len(values) == 1 && n == r.ContentLength && values[0] == strconv.FormatInt(n, 10)
}

func trimmed(h http.Header) bool {
	for _, values := range h {
		for _, v := range values {
			if v != "" && (blankByte(v[0]) || blankByte(v[len(v)-1])) {
				return false
			}
		}
	}
	return true
}

func blankByte(c byte) bool { return c == ' ' || c == '\t' }
