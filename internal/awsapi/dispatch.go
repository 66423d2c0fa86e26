package awsapi

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"strings"
)

// DefaultBodyLimit is the largest request body, in bytes, of operations that set no limit themselves.
const DefaultBodyLimit = 1 << 20

// dispatch finds the service and the operation that a request is for and reads the body. The service is the one in the
// credential scope, else the one that the host names, else the one whose operation the request looks like (IAM reference
// 5.1).
func (x *exchange) dispatch() (*request, error) {
	path := x.r.URL.EscapedPath()
	query, err := url.ParseQuery(x.r.URL.RawQuery)
	x.service = x.server.named(x.r, query)
	switch {
	case x.service != nil:
		x.protocol, x.codec = x.service.Protocol, x.service.codec
	case strings.Trim(path, "/") == "" && x.server.speaks(Query):
		x.protocol, x.codec = Query, queryXML{}
	}
	if err != nil {
		return nil, malformedQuery(err)
	}
	rq := &request{method: x.r.Method, path: path, query: query, header: x.r.Header}
	if x.protocol == JSON11 || x.service == nil && x.r.Header.Get(targetHeader) != "" {
		x.protocol, x.codec = JSON11, json11{}
		return rq, x.target(rq)
	}
	if x.protocol == Query {
		return rq, x.action(rq)
	}
	return rq, x.route(rq)
}

// speaks reports whether a service of the protocol is served.
func (s *Server) speaks(p Protocol) bool {
	for _, service := range s.services {
		if service.Protocol == p {
			return true
		}
	}
	return false
}

// named returns the service that the credential scope or the host names, or nil.
func (s *Server) named(r *http.Request, query url.Values) *served {
	if service := scopeService(r.Header.Get("Authorization"), query.Get("X-Amz-Credential")); service != "" {
		for _, one := range s.services {
			if one.SigningName == service {
				return one
			}
		}
	}
	host := r.Host
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	label, _, dotted := strings.Cut(host, ".")
	for _, one := range s.services {
		if dotted && strings.EqualFold(label, one.Name) {
			return one
		}
	}
	return nil
}

// scopeService returns the service of the credential scope in an Authorization header, or else in the parameter of a
// presigned request: the last part but one of keyid/date/region/service/term.
func scopeService(authorization, credential string) string {
	if _, rest, ok := strings.Cut(authorization, "Credential="); ok {
		credential = rest
		if end := strings.IndexAny(rest, ", "); end >= 0 {
			credential = rest[:end]
		}
	}
	parts := strings.Split(credential, "/")
	if len(parts) < 2 {
		return ""
	}
	return parts[len(parts)-2]
}

// route finds the operation of the REST-JSON protocol.
func (x *exchange) route(rq *request) error {
	for _, one := range x.server.services {
		if one.router == nil || x.service != nil && x.service != one {
			continue
		}
		if op, labels := one.router.find(rq.method, rq.path, rq.query); op != nil {
			x.service, x.op, rq.labels = one, op, labels
			if err := x.precheck(); err != nil {
				x.drain(op.BodyLimit)
				return err
			}
			return x.readBody(rq, op.BodyLimit)
		}
	}
	return unknownRoute(rq.method, rq.path)
}

// precheck asks who calls before a large body is read into memory.
func (x *exchange) precheck() error {
	check := x.server.hooks.Precheck
	if check == nil || x.r.ContentLength >= 0 && x.r.ContentLength <= DefaultBodyLimit {
		return nil
	}
	return check(x.r, x.service.SigningName)
}

// action finds the operation of the Query protocol. Parameters may come in the body and in the query string.
func (x *exchange) action(rq *request) error {
	if err := x.readBody(rq, DefaultBodyLimit); err != nil {
		return err
	}
	form, err := url.ParseQuery(string(rq.body))
	if err != nil {
		return malformedQuery(err)
	}
	rq.form = maps.Clone(rq.query)
	maps.Copy(rq.form, form)
	action, version := rq.form.Get("Action"), rq.form.Get("Version")
	if action == "" {
		return missingAction()
	}
	for _, one := range x.server.services {
		if one.Protocol != Query || one.Version != version || x.service != nil && x.service != one {
			continue
		}
		if op := one.actions[action]; op != nil {
			x.service, x.op = one, op
			return nil
		}
	}
	return invalidAction(action, version)
}

// firstRead is how much memory, in bytes, a request gets for a body that it only announces. Each time that much has
// arrived it gets a multiple, so that announcing costs the server little and large bodies are hardly copied.
const firstRead, readGrowth = 256 << 10, 32

// readBody reads the request's body, which is refused above the limit.
func (x *exchange) readBody(rq *request, limit int64) error {
	size := x.r.ContentLength
	if size > limit {
		x.drain(limit)
		return tooLarge(x.op, limit)
	}
	b, body := new(bytes.Buffer), io.LimitReader(x.r.Body, limit+1)
	for step := int64(firstRead); ; step *= readGrowth {
		// ReadFrom wants room for one more read to see the end.
		b.Grow(int(min(max(size-int64(b.Len()), 0), step)) + bytes.MinRead)
		_, err := io.CopyN(b, body, step)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return incompleteBody(err)
		}
	}
	if int64(b.Len()) > limit {
		x.drain(limit)
		return tooLarge(x.op, limit)
	}
	rq.body = b.Bytes()
	return nil
}

// drain reads on past the limit, though not for ever, because many clients read no answer before they have sent
// everything. One that waits to be told to send gets its answer at once.
func (x *exchange) drain(limit int64) {
	if x.r.Header.Get("Expect") == "" {
		_, _ = io.CopyN(io.Discard, x.r.Body, limit+DefaultBodyLimit)
	}
}

// incompleteBody refuses a request whose body ends early: 400. The client is mostly gone.
func incompleteBody(err error) *Error {
	return &Error{Code: "IncompleteBody", Status: http.StatusBadRequest, Message: fmt.Sprintf("The request body cannot be read: %v", err)}
}
