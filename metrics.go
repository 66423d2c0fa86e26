package furl

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strconv"
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
	l, err := listen(ctx, n.config.metricsAddress(), "--metrics")
	if err != nil {
		return err
	}
	if addr, ok := l.Addr().(*net.TCPAddr); ok && !addr.IP.IsLoopback() {
		n.config.Logger.Warn("others than this machine can read the metrics, which name functions", "address", addr.String(),
			"remedy", "--metrics 127.0.0.1:"+strconv.Itoa(addr.Port))
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

// metricsAddress is where figures are served, "" for nowhere.
func (c Config) metricsAddress() string {
	host, port, err := net.SplitHostPort(c.Metrics)
	if err != nil { // empty: Validate has seen others
		return ""
	}
	return net.JoinHostPort(orDefault(host, "127.0.0.1"), port)
}

// isMetricsAddress reports whether metrics can be served at an address.
func isMetricsAddress(addr string) bool {
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	_, err = strconv.ParseUint(port, 10, 16)
	return err == nil
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
	c.Connections, c.Waiting = n.front.places.count()
	c.Yielded = n.front.places.yielded.Load()
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if q, err := n.asyncStatus(ctx); err == nil { // else the store says what is wrong
		c.Queued, c.Running, c.Waited = q.Events, q.Running, time.Duration(q.OldestDueSeconds)*time.Second
	}
	return c
}

// forgetDeleted drops the figures of functions that are gone, so that there are
// never more than there are functions. Those of one name in several accounts are
// counted together.
func (n *Node) forgetDeleted(before, after *state.Snapshot) {
	for f := range after.Deleted(before) {
		if !anyAccountHas(after, f.Function.Region, f.Function.Name) {
			n.metrics.Forget(f.Function.Name)
		}
	}
}

func anyAccountHas(s *state.Snapshot, region, name string) bool {
	has := func(account string) bool {
		return s.Function(state.FunctionID{Account: account, Region: region, Name: name}) != nil
	}
	return has(s.FirstAccount()) || slices.ContainsFunc(s.Accounts(), func(a *state.Account) bool { return has(a.ID) })
}
