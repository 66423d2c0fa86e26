package furl

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"furl/internal/egress"
	"furl/internal/forwarded"
	"furl/internal/localca"
	"furl/internal/sniff"
	"furl/internal/strict"
)

// Deadlines against clients that are slow or silent. Those for bodies and
// answers depend on their length: see transferTime.
const (
	firstByteTimeout  = 10 * time.Second
	handshakeTimeout  = 10 * time.Second
	readHeaderTimeout = 20 * time.Second
	idleTimeout       = 2 * time.Minute
	// pingAfter is how long a client of HTTP/2 may be silent before it is asked
	// whether it is there, pingTimeout how long it may take to say so.
	pingAfter   = time.Minute
	pingTimeout = 15 * time.Second
)

// front is the node's door: the listeners, each serving plain HTTP and TLS,
// and the one HTTP server behind them.
type front struct {
	config    Config
	proxies   forwarded.Proxies
	places    *places
	listeners []net.Listener
	server    *http.Server
}

// newFront binds the listeners.
func newFront(ctx context.Context, c Config) (*front, error) {
	proxies, err := forwarded.Parse(c.TrustedProxies)
	if err != nil {
		return nil, err
	}
	f := &front{config: c, proxies: proxies.Except(egress.SourceAddr()), places: newPlaces(maxConnections())}
	for _, addr := range c.Listen {
		l, err := listen(ctx, addr, "--listen")
		if err != nil {
			return nil, errors.Join(err, f.close())
		}
		f.listeners = append(f.listeners, newGuard(l, f.places, c.Logger))
	}
	return f, nil
}

// prepare makes the HTTP server that answers with h.
func (f *front) prepare(h http.Handler, ca *localca.Authority, names []string) error {
	certificates := &leaves{ca: ca, names: names, addrs: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}, now: time.Now}
	if _, err := certificates.current(); err != nil {
		return err
	}
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(true)
	protocols.SetUnencryptedHTTP2(true)
	f.server = &http.Server{
		Handler:                      h,
		Protocols:                    &protocols,
		HTTP2:                        &http.HTTP2Config{SendPingTimeout: pingAfter, PingTimeout: pingTimeout},
		ReadHeaderTimeout:            readHeaderTimeout,
		IdleTimeout:                  idleTimeout,
		MaxHeaderBytes:               hardMaxHeader,
		DisableGeneralOptionsHandler: true, // OPTIONS * is a request like others
		ConnContext:                  withConnection,
		TLSConfig: &tls.Config{
			MinVersion:     tls.VersionTLS12,
			NextProtos:     []string{"h2", "http/1.1"},
			GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return certificates.current() },
		},
		// What clients do wrong below HTTP is not the operator's business, as a rule.
		ErrorLog: slog.NewLogLogger(f.config.Logger.Handler(), slog.LevelDebug),
	}
	return nil
}

// open begins to accept the connections of a listener: past the header of the
// PROXY protocol where there may be one, past TLS, up to what HTTP begins with.
func (f *front) open(l net.Listener) net.Listener {
	if f.config.ProxyProtocol {
		l = &introduced{Listener: l, proxies: f.proxies}
	}
	return sniff.New(l, sniff.Options{
		FirstByte: firstByteTimeout,
		Handshake: handshakeTimeout,
		TLS:       f.server.TLSConfig,
		Logger:    f.config.Logger,
		Wrap: func(c net.Conn) net.Conn {
			o := strict.Options{MaxTarget: maxTarget, MaxHeader: maxHeader, HeadTime: readHeaderTimeout}
			if secure, ok := c.(*tls.Conn); ok {
				return &secureConn{strict.New(c, o), secure}
			}
			o.HTTP2 = true
			return strict.New(c, o)
		},
	})
}

// run serves until ctx ends, then drains for at most the given time.
func (f *front) run(ctx context.Context, drain time.Duration) error {
	failed := make(chan error, len(f.listeners))
	var wg sync.WaitGroup
	for _, l := range f.listeners {
		wg.Go(func() { failed <- f.server.Serve(f.open(l)) })
	}
	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
		err = fmt.Errorf("furl: serve: %w", err)
	}
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), drain)
	defer cancel()
	if f.server.Shutdown(ending) != nil {
		f.server.Close() // cuts off what is left; there is no more to do about it
		err = errors.Join(err, fmt.Errorf("furl: requests were still running after %s and were cut off", drain))
	}
	wg.Wait()
	return err
}

func (f *front) close() error {
	var errs []error
	for _, l := range f.listeners {
		if err := l.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// endpoint is the address of the control plane: plain HTTP on the first
// listener.
func (f *front) endpoint() string {
	host, port := f.address(0)
	return "http://" + net.JoinHostPort(host, strconv.Itoa(port))
}

// address is what clients on this machine reach a listener by.
func (f *front) address(i int) (host string, port int) {
	addr, ok := f.listeners[i].Addr().(*net.TCPAddr)
	if !ok {
		return "127.0.0.1", 0
	}
	if addr.IP.IsUnspecified() {
		return "127.0.0.1", addr.Port
	}
	return addr.IP.String(), addr.Port
}

// functionURL is the address of a function URL: always one that this server
// answers. The port is left out where a listener has the scheme's own.
func (f *front) functionURL(id string) string {
	scheme, standard := "http", 80
	if f.config.TLS {
		scheme, standard = "https", 443
	}
	host := id + ".lambda-url." + f.config.Region + "." + f.config.Domain
	for i := range f.listeners {
		if _, port := f.address(i); port == standard {
			return scheme + "://" + host + "/"
		}
	}
	_, port := f.address(0)
	return scheme + "://" + host + ":" + strconv.Itoa(port) + "/"
}

// leaves makes the server's certificates, each before the last one expires.
type leaves struct {
	ca    *localca.Authority
	names []string
	addrs []net.IP
	now   func() time.Time

	mu    sync.Mutex
	leaf  *tls.Certificate
	renew time.Time
}

// renewEvery is less than the life of a leaf, so that none ever expires.
const renewEvery = 30 * 24 * time.Hour

func (l *leaves) current() (*tls.Certificate, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	if l.leaf != nil && now.Before(l.renew) {
		return l.leaf, nil
	}
	leaf, err := l.ca.Leaf(l.names, l.addrs, now)
	if err != nil {
		return nil, err
	}
	l.leaf, l.renew = &leaf, now.Add(renewEvery)
	return l.leaf, nil
}
