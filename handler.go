package furl

import (
	"io"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"furl/internal/dataplane"
	"furl/internal/lambda"
)

// What a request may hold besides its body, in bytes. AWS publishes no figure
// for function URLs. The HTTP server itself ends what is far beyond.
const (
	maxTarget     = 16 << 10 // path and query
	maxHeader     = 16 << 10 // header fields
	hardMaxHeader = 512 << 10
)

// handler tells function URLs and the control plane apart by the Host header.
type handler struct {
	urls      *dataplane.Server
	api       http.Handler
	downloads *lambda.Downloads
	domain    string
	access    *slog.Logger
}

// ServeHTTP answers one request of any kind.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if status, reason := oversized(r); status != 0 {
		h.refuse(w, r, status, reason)
		return
	}
	if r.ContentLength != 0 {
		r.Body = timeBody(w, r)
	}
	switch {
	case h.urls.Handles(r.Host):
		h.urls.ServeHTTP(w, r)
	case h.downloads.Handles(r):
		h.downloads.ServeHTTP(w, r)
	case h.isAPI(r):
		h.api.ServeHTTP(w, r)
	default:
		h.urls.ServeHTTP(w, r) // refuses it as AWS's front end of function URLs does
	}
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
	header.Set("Connection", "close")
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

// unknownBody stands for the length of a body that does not say its own.
const unknownBody = 8 << 20

// timedBody is a request body that must arrive in time.
type timedBody struct {
	io.ReadCloser
	conn *http.ResponseController
}

// timeBody begins the time that the client has for its body.
func timeBody(w http.ResponseWriter, r *http.Request) io.ReadCloser {
	size := r.ContentLength
	if size < 0 {
		size = unknownBody
	}
	b := &timedBody{r.Body, http.NewResponseController(w)}
	b.conn.SetReadDeadline(time.Now().Add(transferTime(size))) // where it cannot be set there is none to exceed
	return b
}

// Read ends the time with the body: what follows is the function's time. After
// any other error it stays, so that nothing waits for the rest.
func (b *timedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err == io.EOF {
		b.conn.SetReadDeadline(time.Time{})
	}
	return n, err
}
