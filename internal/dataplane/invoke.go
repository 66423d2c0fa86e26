package dataplane

import (
	"encoding/json"
	"errors"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"

	"furl/internal/environment"
	"furl/internal/payload"
	"furl/internal/policy"
	"furl/internal/state"
)

// invoke runs the function and translates its answer.
func (s *Server) invoke(w http.ResponseWriter, c *call, body []byte) (int, *refusal) {
	event, result := s.events.get(), s.results.get()
	meta := s.meta(c)
	event.b = payload.AppendEvent(event.b[:0], c.r, body, &meta)
	if len(event.b) > maxEvent {
		return 0, refuseTooLarge()
	}
	// A client that goes away does not stop its function, as on AWS; it only
	// gives up its place in the queue for an environment.
	c.invocation = environment.Invocation{
		RequestID:  c.id,
		TraceID:    c.trace,
		InvokedARN: c.route.ARN,
		Event:      event.b,
		Buffer:     result.b[:0],
	}
	if c.route.URL.InvokeMode == state.InvokeResponseStream {
		c.stream = newStream(w, c.r, s.stallTime)
		c.invocation.Stream = c.stream
	}
	res, err := s.opts.Invoke(c.r.Context(), c.route.Pick(rand.Float64()), &c.invocation)
	if err != nil {
		c.answering = c.stream != nil && c.stream.status != 0
		return 0, refuseInvoke(c.r.Context(), err)
	}
	if res.Streamed && c.stream != nil {
		return c.stream.finish(c, &res)
	}
	if res.FunctionError != "" {
		return 0, refuseFunction(failure(&res))
	}
	out, err := translate(c.route.URL.InvokeMode, &res)
	if err != nil {
		return 0, refuseFunction(err.Error())
	}
	c.answering = true
	// A client that has gone cannot be told; the record has the status it was
	// due. Buffers are used again only after what went well: after a timeout
	// the runtime may still be at the other end of them, after a failed Write
	// the connection.
	if err := out.Write(w, c.r.Method == http.MethodHead); err == nil {
		result.b = res.Payload
		s.events.put(event)
		s.results.put(result)
	}
	return out.Status, nil
}

// failure words for the record how a function failed. What the function itself
// says may be confidential and is in its log; what the platform or a runtime
// says is not.
func failure(res *environment.Result) string {
	text := "the function failed: " + res.ErrorType
	if !strings.HasPrefix(res.ErrorType, "Runtime.") && !strings.HasPrefix(res.ErrorType, "Sandbox.") {
		return text
	}
	var said struct {
		ErrorMessage string `json:"errorMessage"`
	}
	if json.Unmarshal(res.Payload, &said) == nil && said.ErrorMessage != "" {
		text += ": " + said.ErrorMessage
	}
	return text
}

// translate turns a result into a response. A streamed result may begin with a
// prelude; a buffered one is interpreted on a BUFFERED URL only, and on a
// RESPONSE_STREAM URL delivered as it is (recorded on AWS).
func translate(mode string, res *environment.Result) (payload.Response, error) {
	switch {
	case res.Streamed && res.ContentType == payload.PreludeType:
		return afterPrelude(res.Payload)
	case res.Streamed || mode == state.InvokeResponseStream:
		return payload.Response{
			Status: http.StatusOK,
			Header: plainHeader(),
			Body:   res.Payload,
		}, nil
	default:
		return payload.ParseResponse(res.Payload)
	}
}

func afterPrelude(stream []byte) (payload.Response, error) {
	p, body, complete, err := payload.ParsePrelude(stream)
	if err != nil {
		return payload.Response{}, err
	}
	if !complete {
		return payload.Response{}, errors.New("the streamed response ended within its prelude")
	}
	return payload.Response{Status: p.Status, Header: p.Header, Cookies: p.Cookies, Body: body}, nil
}

// meta is what the event says beside the request itself.
func (s *Server) meta(c *call) payload.Meta {
	m := payload.Meta{
		URLID:      c.route.URL.ID,
		DomainName: c.route.URL.ID + s.suffix,
		RequestID:  c.id,
		TraceID:    c.trace,
		Time:       c.start,
		SourceIP:   c.env.SourceIP,
		PathPrefix: c.prefix,
		TLS:        c.r.TLS,
		Proto:      c.env.Forwarded.Proto,
		Port:       c.env.Forwarded.Port,
	}
	if m.Proto != "" {
		m.TLS = nil // it is the proxy's, if anything
	}
	if m.Port == "" {
		m.Port = clientPort(c.r.Host, c.env.Secure)
	}
	if p := c.caller.Principal; p.Type != policy.Anonymous {
		m.Identity = &payload.Identity{
			AccessKey: c.caller.AccessKeyID,
			AccountID: p.Account,
			CallerID:  c.caller.UserID(),
			UserARN:   p.ARN,
			UserID:    c.caller.UserID(),
		}
	}
	return m
}

// clientPort is the port that the client used: the one in its Host header,
// else the scheme's own. The listener's own port is not it where a proxy or a
// port mapping stands before the server.
func clientPort(host string, secure bool) string {
	if i := strings.LastIndexByte(host, ':'); i >= 0 {
		if _, err := strconv.ParseUint(host[i+1:], 10, 16); err == nil {
			return host[i+1:]
		}
	}
	if secure {
		return "443"
	}
	return "80"
}
