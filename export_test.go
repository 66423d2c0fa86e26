package furl

import (
	"crypto/tls"
	"log/slog"
	"net"
	"time"

	"furl/internal/localca"
)

// NewGuard is newGuard with the slots of one listener.
func NewGuard(l net.Listener, connections int, logger *slog.Logger) net.Listener {
	return newGuard(l, make(chan struct{}, connections), logger)
}

// TransferTime is how long a client may take for so many bytes.
func TransferTime(n int64) time.Duration { return transferTime(n) }

// Certificates is what TLS clients are shown at the time that now tells.
func Certificates(ca *localca.Authority, now func() time.Time) func() (*tls.Certificate, error) {
	return (&leaves{ca: ca, names: []string{"localhost"}, now: now}).current
}
