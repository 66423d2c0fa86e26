package furl

import (
	"io"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"furl/internal/dataplane"
	"furl/internal/forwarded"
	"furl/internal/lambda"
	"furl/internal/strict"
)

// What a request may hold besides its body, in bytes. AWS publishes no figure
// for function URLs. The HTTP server itself ends what is far beyond.
const (
	maxTarget     = 16 << 10 // path and query
	maxHeader     = 16 << 10 // header fields
	hardMaxHeader = 64 << 10
)

// handler tells function URLs and the control plane apart by the Host header.
type handler struct {
	urls      *dataplane.Server
	api       http.Handler
	objects   objectHandler
	downloads *lambda.Downloads
	domain    string
	proxies   forwarded.Proxies
	// paths has function URLs answered in their path form too.
	paths  bool
	access *slog.Logger
}

// ServeHTTP answers one request of any kind.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	conn := connectionOf(r)
	if conn != nil {
		conn.guarded.begin()
		defer conn.guarded.end()
	}
	if r.ProtoMajor >= 2 {
		patient := &patientWriter{w, http.NewResponseController(w)}
		defer patient.finish()
		w = patient
	}
	if fault := inspect(conn, r); fault != nil {
		r.Method, r.Host = fault.Method, fault.Host
		h.refuse(w, r, fault.Status, fault.Reason)
		return
	}
	if status, reason := oversized(r); status != 0 {
		h.refuse(w, r, status, reason)
		return
	}
	byPath := h.byPath(conn, r)
	r = h.resolve(conn, r)
	if r.ContentLength != 0 {
		r.Body = timeBody(w, r)
	}
	switch {
	case h.urls.Handles(r.Host):
		h.urls.ServeHTTP(w, r)
	case byPath:
		h.urls.ServePath(w, r)
	case h.objects.Handles(r):
		h.objects.ServeHTTP(w, r)
	case h.downloads.Handles(r):
		h.downloads.ServeHTTP(w, r)
	case h.isAPI(r):
		h.api.ServeHTTP(w, r)
	default:
		h.urls.ServeHTTP(w, r) // refuses it as AWS's front end of function URLs does
	}
}

// inspect finds what makes a request one to be refused whatever it is for, and
// gives it the target that its client sent.
func inspect(conn *connection, r *http.Request) *strict.Fault {
	switch {
	case r.ProtoMajor >= 2:
		return strict.HTTP2(r)
	case conn == nil || conn.strict == nil:
		return nil
	}
	note := conn.strict.Take()
	if note == nil {
		return nil
	}
	if note.Target != "" {
		r.RequestURI = note.Target
	}
	return note.Fault
}

// byPath reports whether a request may use the path form of function URLs. It
// is for programs of this machine that cannot set a Host name. What came
// through a proxy is somebody else's; and a name that somebody else may have
// led here would give that name's web pages the answers to read.
func (h *handler) byPath(conn *connection, r *http.Request) bool {
	if !h.paths || !dataplane.IsPathForm(r.RequestURI) {
		return false
	}
	return conn != nil && conn.local && conn.introduced == nil && !forwarded.Claimed(r.Header) && isLoopbackName(r.Host)
}

// isLoopbackName holds for Host headers that mean this machine wherever they
// are resolved: localhost and loopback addresses, with or without a port.
func isLoopbackName(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	ip := net.ParseIP(strings.Trim(host, "[]"))
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}

// resolve makes a request that came through trusted proxies look as if it had
// come from its client.
func (h *handler) resolve(conn *connection, r *http.Request) *http.Request {
	var client forwarded.Client
	if conn != nil && conn.introduced != nil {
		client = *conn.introduced
	}
	if !h.proxies.None() {
		peer := peerOf(r)
		if addr, rest, said, trusted := h.proxies.Resolve(peer, r.Header); trusted {
			if addr != peer {
				r.RemoteAddr = addr.String()
			}
			forwarded.Rewrite(r.Header, rest)
			client = forwarded.Client{Proto: orDefault(said.Proto, client.Proto), Port: orDefault(said.Port, client.Port)}
		}
	}
	if client == (forwarded.Client{}) {
		return r
	}
	return r.WithContext(forwarded.With(r.Context(), client))
}

// isAPI reports whether a request may be meant for the control plane: it comes
// to a name that a server has wherever it runs, or it is signed, whatever name
// the clients know the server by.
func (h *handler) isAPI(r *http.Request) bool {
	if r.Header["Authorization"] != nil || strings.Contains(r.URL.RawQuery, "X-Amz-Credential=") {
		return true
	}
	host := r.Host
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	switch {
	case host == "":
		return false
	case net.ParseIP(strings.Trim(host, "[]")) != nil, !strings.Contains(host, "."), host == h.domain:
		return true
	}
	for _, parent := range []string{".localhost", ".amazonaws.com", "." + h.domain} {
		if strings.HasSuffix(host, parent) {
			return true
		}
	}
	return false
}

// oversized finds a request line or header fields that are too long; the
// status is 0 when they are not.
func oversized(r *http.Request) (status int, reason string) {
	if len(r.RequestURI) > maxTarget {
		return http.StatusRequestURITooLong, "the path and query are over " + strconv.Itoa(maxTarget) + " bytes"
	}
	n := len(r.Method) + len(r.Host)
	for name, values := range r.Header {
		for _, v := range values {
			n += len(name) + len(v) + len(": \r\n")
		}
	}
	if n > maxHeader {
		return http.StatusRequestHeaderFieldsTooLarge, "the header fields are over " + strconv.Itoa(maxHeader) + " bytes"
	}
	return 0, ""
}

// refuse answers a request before it is known what it is for.
func (h *handler) refuse(w http.ResponseWriter, r *http.Request, status int, reason string) {
	id := uuid.NewString()
	body := `{"message":"` + http.StatusText(status) + `"}`
	header := w.Header()
	header.Set("Content-Type", "application/json")
	header.Set("Content-Length", strconv.Itoa(len(body)))
	if r.ProtoMajor < 2 { // there the answer would end all of the connection's streams
		header.Set("Connection", "close")
	}
	header["x-amzn-RequestId"] = []string{id} // as AWS spells it
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		io.WriteString(w, body) // a client that has gone cannot be told
	}
	h.access.LogAttrs(r.Context(), slog.LevelInfo, "http",
		slog.String("request_id", id),
		slog.String("method", beginning(r.Method)),
		slog.String("host", beginning(r.Host)),
		slog.Int("status", status),
		slog.String("remote", r.RemoteAddr),
		slog.String("reason", reason),
	)
}

// beginning is as much of a client's text as a record needs.
func beginning(s string) string { return s[:min(len(s), 256)] }
