package furl

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"furl/internal/metrics"
	"furl/internal/state"
)

// openMetrics serves the node's figures where that was asked for. An address
// without a host is one of this machine's own: the figures name functions.
func (n *Node) openMetrics(ctx context.Context) error {
	if n.config.Metrics == "" {
		return nil
	}
	host, port, err := net.SplitHostPort(n.config.Metrics)
	if err != nil { // Validate has seen it
		return fmt.Errorf("furl: metrics: %w", err)
	}
	l, err := listen(ctx, net.JoinHostPort(orDefault(host, "127.0.0.1"), port), "--metrics")
	if err != nil {
		return err
	}
	n.metrics = metrics.New(n.figures)
	n.state.Subscribe(n.forgetDeleted)
	server := &http.Server{
		Handler:           n.metrics.Handler(),
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readHeaderTimeout,
		WriteTimeout:      time.Minute,
		IdleTimeout:       idleTimeout,
		ErrorLog:          slog.NewLogLogger(n.config.Logger.Handler(), slog.LevelDebug),
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(l) }()
	n.config.Logger.Info("serving metrics", "address", "http://"+l.Addr().String()+"/metrics")
	n.onClose("metrics", func() error {
		err := server.Close()
		if serveErr := <-ended; !errors.Is(serveErr, http.ErrServerClosed) {
			err = errors.Join(err, serveErr)
		}
		return err
	})
	return nil
}

// answered is what function URLs' answers are counted by, nil if by nothing.
func (n *Node) answered() func(status int) {
	if n.metrics == nil {
		return nil
	}
	return n.metrics.Answered
}

// figures are the node's at this moment.
func (n *Node) figures() metrics.Current {
	c := metrics.Current{Pool: n.pool.Stats(), Isolation: n.runs.Driver.Name()}
	for _, u := range n.egress.Usage() {
		c.BytesOut += u.BytesOut
		c.BytesIn += u.BytesIn
		c.Refused += u.Refused
	}
	return c
}

// forgetDeleted drops the figures of functions that are gone, so that there are
// never more than there are functions.
func (n *Node) forgetDeleted(before, after *state.Snapshot) {
	alive := map[string]bool{}
	for _, f := range after.AllFunctions() {
		alive[f.Function.Name] = true
	}
	for _, f := range before.AllFunctions() {
		if !alive[f.Function.Name] {
			n.metrics.Forget(f.Function.Name)
		}
	}
}
