package furl

import (
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"

	"furl/internal/localca"
)

// NewGuard is newGuard with the slots of one listener.
func NewGuard(l net.Listener, connections int, logger *slog.Logger) net.Listener {
	return newGuard(l, newPlaces(connections), logger)
}

// BeginRequest marks a connection as one with a request under way.
func BeginRequest(c net.Conn) (end func()) {
	c.(*guarded).begin()
	return c.(*guarded).end
}

// TransferTime is how long a client may take for so many bytes.
func TransferTime(n int64) time.Duration { return transferTime(n) }

// TimeBody is timeBody.
func TimeBody(w http.ResponseWriter, r *http.Request) io.ReadCloser { return timeBody(w, r) }

// Certificates is what TLS clients are shown at the time that now tells.
func Certificates(ca *localca.Authority, now func() time.Time) func() (*tls.Certificate, error) {
	return (&leaves{ca: ca, names: []string{"localhost"}, now: now}).current
}

// Defaults fills in what was left empty.
func Defaults(c Config) Config { return c.withDefaults() }
