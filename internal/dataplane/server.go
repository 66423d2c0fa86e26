package dataplane

import (
	"context"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/google/uuid"

	"furl/internal/authz"
	"furl/internal/environment"
	"furl/internal/sigv4"
	"furl/internal/state"
)

// skew is how far the date of a signed request may be from the server's clock.
const skew = 5 * time.Minute

// Options are what New needs. All of them are required.
type Options struct {
	// Snapshot is the current state.
	Snapshot func() *state.Snapshot
	Authz    *authz.Authorizer
	// Invoke runs functions: environment.Pool's method.
	Invoke func(context.Context, *state.Target, *environment.Invocation) (environment.Result, error)
	Region string
	// Domain is what follows the region in a function URL's host.
	Domain string
	// Access gets one record for every request.
	Access *slog.Logger
	Logger *slog.Logger
	Now    func() time.Time
}

// Server answers requests to function URLs.
type Server struct {
	Options
	scope sigv4.Scope
	// events and results hold buffers to use again.
	events, results bufferPool
}

// New makes a Server.
func New(o Options) *Server {
	return &Server{
		Options: o,
		scope: sigv4.Scope{
			Service:       "lambda",
			Regions:       []string{o.Region},
			Skew:          skew,
			HonourExpires: true,
		},
	}
}

// call is one request on its way through the server.
type call struct {
	r     *http.Request
	start time.Time
	id    string // request id
	trace string
	env   authz.Env
	route *state.Route
	// caller is nil until it is known.
	caller  *authz.Caller
	verdict authz.URLVerdict
	// answering is set when the function's answer has begun.
	answering bool
}

// Handles reports whether a Host header names a function URL, of whatever
// region and domain: such a request is never an API call.
func (s *Server) Handles(host string) bool {
	_, is := SplitHost(host, s.Region, s.Domain)
	return is
}

// ServeHTTP answers one request. One to a host that is no function URL of this
// server is refused.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	now := s.Now()
	c := &call{r: r, start: now, id: uuid.NewString(), trace: traceID(r, now), env: authz.NewEnv(r, now)}
	h := w.Header()
	h["x-amzn-RequestId"] = []string{c.id} // as AWS spells it
	h["X-Amzn-Trace-Id"] = []string{c.trace + ";Sampled=0"}

	status, refused := s.guarded(w, c)
	if refused != nil {
		status = refused.status
		if !c.answering {
			drain(r)
			refused.write(w, r.Method == http.MethodHead)
		}
	}
	s.record(c, status, refused)
	if refused != nil && c.answering {
		panic(http.ErrAbortHandler) // half an answer must not look like a whole one
	}
}

// guarded is serve, whose panics become refusals: a mistake here must cost one
// request and leave its record.
func (s *Server) guarded(w http.ResponseWriter, c *call) (status int, refused *refusal) {
	defer func() {
		if p := recover(); p != nil {
			s.Logger.Error("panic in a function URL request", "request_id", c.id,
				"err", fmt.Sprint(p), "stack", string(debug.Stack()))
			refused = refuseInternal()
		}
	}()
	return s.serve(w, c)
}

// serve answers with the function's response and its status, or says what the
// platform answers instead.
func (s *Server) serve(w http.ResponseWriter, c *call) (int, *refusal) {
	id, _ := SplitHost(c.r.Host, s.Region, s.Domain)
	if id == "" {
		return 0, refuseUnknown("not a function URL of this server: " + c.r.Host)
	}
	if c.route = s.Snapshot().Route(id); c.route == nil {
		return 0, refuseUnknown("no function URL has this id")
	}
	if c.r.Method == http.MethodConnect {
		return 0, refuseConnect()
	}
	if s.cors(w, c) {
		return http.StatusOK, nil
	}
	body, refused := s.admit(c)
	if refused != nil {
		return 0, refused
	}
	return s.invoke(w, c, body)
}

// admit proves the caller, judges the call and reads the body. The body of a
// request that can be refused without it is not read.
func (s *Server) admit(c *call) ([]byte, *refusal) {
	if c.route.URL.AuthType == state.AuthNone {
		c.caller = authz.Anonymous()
		if refused := s.judge(c); refused != nil {
			return nil, refused
		}
		return readBody(c.r)
	}
	claim, err := s.Authz.Claim(s.Snapshot(), c.r, s.scope)
	if err != nil {
		return nil, s.refuseSignature(err)
	}
	body, refused := readBody(c.r)
	if refused != nil {
		return nil, refused
	}
	if c.caller, err = claim.Prove(c.r, sha256.Sum256(body)); err != nil {
		return nil, s.refuseSignature(err)
	}
	return body, s.judge(c)
}

func (s *Server) judge(c *call) *refusal {
	c.verdict = s.Authz.URL(c.route, c.caller, c.env)
	if c.verdict.Allowed {
		return nil
	}
	return s.refuseForbidden(c.verdict.Refused + " is refused " + c.verdict.Decision.Reason(c.verdict.Refused))
}
