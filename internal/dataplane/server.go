package dataplane

import (
	"context"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"furl/internal/authz"
	"furl/internal/environment"
	"furl/internal/sigv4"
	"furl/internal/state"
)

// skew is how far the date of a signed request may be from the server's clock.
const skew = 5 * time.Minute

// Options are what New needs. All of them but Answered are required.
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
	// Answered, if any, is told the status of every answer.
	Answered func(status int)
	Logger   *slog.Logger
	Now      func() time.Time
}

// Server answers requests to function URLs.
type Server struct {
	opts  Options
	scope sigv4.Scope
	// suffix is what follows the url-id in the name of a function URL.
	suffix string
	// events and results hold buffers to use again.
	events, results bufferPool
	stallTime       time.Duration
}

// New makes a Server.
func New(o Options) *Server {
	return &Server{
		opts:      o,
		stallTime: stallTime,
		suffix:    "." + hostMark + "." + o.Region + "." + o.Domain,
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
	trace string // its root alone
	env   authz.Env
	// prefix is what the path begins with in the path form, "" in the host form.
	prefix string
	route  *state.Route
	// caller is nil until it is known.
	caller  *authz.Caller
	verdict authz.URLVerdict
	// answering is set when the function's answer has begun.
	answering bool
	// stream is what a function on a RESPONSE_STREAM URL may answer by, and note what
	// the record says of an answer that did not end well.
	stream *stream
	note   string
	// ids are the values of the headers that every answer has.
	ids        [2]string
	invocation environment.Invocation
}

// Handles reports whether a Host header names a function URL, of whatever
// region and domain: such a request is never an API call.
func (s *Server) Handles(host string) bool {
	_, is := s.split(host)
	return is
}

// split is SplitHost for this server's region and domain.
func (s *Server) split(host string) (id string, urlHost bool) {
	// Nearly all clients write the name as they were given it.
	if label, _, ok := strings.Cut(host, "."); ok {
		if rest, ok := strings.CutPrefix(host[len(label):], s.suffix); ok && (rest == "" || rest[0] == ':') && plainID(label) {
			return label, true
		}
	}
	return SplitHost(host, s.opts.Region, s.opts.Domain)
}

// ServeHTTP answers one request. One to a host that is no function URL of this
// server is refused.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.answer(w, r, "") }

// ServePath answers one request in the path form, /_url/{url-id}/…. Whether it
// may be used is for the caller to say.
func (s *Server) ServePath(w http.ResponseWriter, r *http.Request) {
	s.answer(w, r, pathPrefix(r.RequestURI))
}

// answer answers one request; prefix is that of the path form.
func (s *Server) answer(w http.ResponseWriter, r *http.Request, prefix string) {
	now := s.opts.Now()
	c := &call{r: r, start: now, env: authz.NewEnv(r, now), prefix: prefix}
	c.ids[0], c.ids[1] = newIDs(r, now)
	c.id, c.trace = c.ids[0], c.ids[1][:len(traceForm)]
	h := w.Header()
	h["x-amzn-RequestId"] = c.ids[0:1:1] // as AWS spells it
	h["X-Amzn-Trace-Id"] = c.ids[1:2:2]

	status, refused := s.guarded(w, c)
	if refused != nil {
		status = refused.status
		if !c.answering {
			drain(r)
			refused.write(w, r.Method == http.MethodHead)
		}
	}
	s.record(c, status, refused)
	if s.opts.Answered != nil {
		s.opts.Answered(status)
	}
	if refused != nil && c.answering {
		panic(http.ErrAbortHandler) // half an answer must not look like a whole one
	}
}

// guarded is serve, whose panics become refusals: a mistake here must cost one
// request and leave its record.
func (s *Server) guarded(w http.ResponseWriter, c *call) (status int, refused *refusal) {
	defer func() {
		if p := recover(); p != nil {
			s.opts.Logger.Error("panic in a function URL request", "request_id", c.id,
				"err", fmt.Sprint(p), "stack", string(debug.Stack()))
			refused = refuseInternal()
		}
	}()
	return s.serve(w, c)
}

// serve answers with the function's response and its status, or says what the
// platform answers instead.
func (s *Server) serve(w http.ResponseWriter, c *call) (int, *refusal) {
	id, reason := s.urlID(c)
	if id == "" {
		return 0, refuseUnknown(reason)
	}
	if c.route = s.opts.Snapshot().Route(id); c.route == nil {
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

// urlID finds which function URL is called, or says why it is none of them.
func (s *Server) urlID(c *call) (id, reason string) {
	if c.prefix == "" {
		id, _ = s.split(c.r.Host)
		return id, "not a function URL of this server: " + c.r.Host
	}
	if id = c.prefix[len(pathRoot):]; !plainID(id) {
		return "", "not a url-id: " + id
	}
	return id, ""
}

// admit proves the caller, judges the call and reads the body. The body of a
// request that can be refused without it is not read.
func (s *Server) admit(c *call) ([]byte, *refusal) {
	if c.route.URL.AuthType == state.AuthNone {
		c.caller = authz.Anonymous()
		if refused := s.judge(c); refused != nil {
			return nil, refused
		}
		body, refused := readBody(c.r)
		if refused != nil || body == nil {
			return nil, refused
		}
		if refused := s.refresh(c); refused != nil {
			return nil, refused
		}
		return body, s.judge(c)
	}
	claim, err := s.opts.Authz.Claim(s.opts.Snapshot(), c.r, s.scope)
	if err != nil {
		return nil, s.refuseSignature(err)
	}
	body, refused := readBody(c.r)
	if refused != nil {
		return nil, refused
	}
	if body != nil {
		if refused := s.refresh(c); refused != nil {
			return nil, refused
		}
		if claim, err = s.opts.Authz.Claim(s.opts.Snapshot(), c.r, s.scope); err != nil {
			return nil, s.refuseSignature(err)
		}
	}
	if c.caller, err = claim.Prove(c.r, sha256.Sum256(body)); err != nil {
		return nil, s.refuseSignature(err)
	}
	return body, s.judge(c)
}

// refresh brings a call up to date after its body has arrived, which can take
// long: what was revoked or deleted meanwhile is in force.
func (s *Server) refresh(c *call) *refusal {
	route := s.opts.Snapshot().Route(c.route.URL.ID)
	if route == nil {
		return refuseUnknown("the function URL was deleted while the body arrived")
	}
	if route.URL.AuthType != c.route.URL.AuthType {
		return s.refuseForbidden("the AuthType was changed while the body arrived")
	}
	c.route = route
	return nil
}

func (s *Server) judge(c *call) *refusal {
	c.verdict = s.opts.Authz.URL(c.route, c.caller, c.env)
	if c.verdict.Allowed {
		return nil
	}
	return s.refuseForbidden(c.verdict.Refused + " is refused " + c.verdict.Decision.Reason(c.verdict.Refused))
}
