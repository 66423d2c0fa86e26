package furl

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"furl/internal/forwarded"
	"furl/internal/isolation"
	"furl/internal/oidc"
)

// minStreamRate bounds how long a piece of a stream can be held up.
const minStreamRate = 1 << 10

// Config is everything that is decided before a server starts. What may change
// while it runs lives in its state instead. The zero value of every member but
// DataDir has a default.
type Config struct {
	// DataDir holds the state, the code, the logs, the keys and the local
	// certificate authority. It is made if it does not exist.
	DataDir string
	// Listen are the addresses to serve on, host:port. The default is
	// 127.0.0.1:4566, with TLS 127.0.0.1:443 as well. Port 0 picks a free port.
	Listen []string
	// Domain follows the region in a function URL's host. Default: localhost.
	Domain string
	// Region is the AWS region that the server plays. Default: the one the data
	// directory belongs to, us-east-1 for a new one.
	Region string
	// Account is the 12-digit account id. Default: the one the data directory
	// belongs to, 000000000000 for a new one.
	Account string
	// URLAuth is classic (lambda:InvokeFunctionUrl opens a URL) or dual
	// (lambda:InvokeFunction is needed too, as on AWS since October 2025).
	// Default: classic.
	URLAuth string
	// TLS makes the function URLs https. Both schemes are answered either way.
	TLS bool
	// TrustedProxies are networks, 10.0.0.0/8, of reverse proxies whose
	// X-Forwarded-For, -Proto and -Port are believed. Default: none.
	TrustedProxies []string
	// ProxyProtocol has connections from trusted proxies begin with a header of
	// the PROXY protocol, version 1 or 2, if they like.
	ProxyProtocol bool
	// NoPathURLs switches off the path form of function URLs,
	// http://localhost:4566/_url/{url-id}/, which this machine alone can use.
	NoPathURLs bool
	// Runtimes maps runtime identifiers to interpreters, where the ones found
	// on the machine are not wanted: python3.12 → /opt/python/bin/python3.
	Runtimes map[string]string
	// RootAccessKeyID and RootSecretAccessKey replace the root key in the data
	// directory; they are not stored.
	RootAccessKeyID     string
	RootSecretAccessKey string
	// Isolation is what functions run in: required, best-effort, or a driver by
	// its name, namespace, confined or process. A server that cannot have what
	// is asked for does not start. Default: required where an address of Listen
	// is beyond loopback, else best-effort. Any but process needs a Supervisor.
	Isolation string
	// Strict has every interpreter started for itself. Otherwise those of one
	// account may be copies of one that waits ready, and then have the same
	// addresses and hash secrets.
	Strict bool
	// Egress is what functions reach over the network: development (public and
	// private addresses), production (public ones only) or none. Functions
	// that share the server's network reach what it reaches. Default:
	// development where every address of Listen is on loopback, else production.
	Egress string
	// EgressAllow are rules for what functions reach as well: 10.0.5.0/24:5432,
	// db.example.com:5432, or FUNCTION=RULE for a single function.
	EgressAllow []string
	// EgressHostPorts are ports of the machine's own loopback that functions
	// reach as host.furl.internal.
	EgressHostPorts []int
	// OIDCIssuers are issuers of OpenID Connect, URL or URL=AUDIENCE, whose tokens
	// roles can be assumed with as far as their trust policies name them. The
	// audience is sts.amazonaws.com unless given.
	OIDCIssuers []string
	// Metrics is an address, host:port, that serves figures for Prometheus at
	// /metrics, to whoever asks. Empty: none.
	Metrics string
	// MaxEnvironments bounds the execution environments of this node.
	// Default: 64.
	MaxEnvironments int
	// StreamRate is how many bytes per second a function may stream after the first
	// 6 MB of an answer, at least 1024. 0: as many as its client takes; AWS's is
	// 2097152.
	StreamRate int64
	// MaxObject is the most that an object in an artefact bucket holds, in bytes.
	// Default: 5 GiB.
	MaxObject int64
	// DrainTimeout is how long requests may take to finish at a stop.
	// Default: 30 s.
	DrainTimeout time.Duration
	// Supervisor is the command line of a program whose main begins with
	// Supervise, usually SelfSupervisor(). It starts the functions' processes
	// and ends them all when the server is gone, however it went. Without one
	// there is no isolation but process, and processes that functions leave behind
	// may outlive a server that was killed.
	Supervisor []string
	// Version is the program's own, for server.json and the logs.
	Version string
	// Logger gets the operator's log. Default: discards it.
	Logger *slog.Logger
	// Access gets a record for every function URL call and every API call.
	// Default: Logger.
	Access *slog.Logger

	// because says why Isolation is what it is where it follows from Listen.
	because string
}

// Values of Config.URLAuth.
const (
	URLAuthClassic = "classic"
	URLAuthDual    = "dual"
)

// Values of Config.Isolation.
const (
	IsolationRequired   = isolation.Required
	IsolationBestEffort = isolation.BestEffort
	IsolationNamespace  = isolation.Namespace
	IsolationConfined   = isolation.Confined
	IsolationProcess    = isolation.Process
)

// Values of Config.Egress.
const (
	EgressDevelopment = "development"
	EgressProduction  = "production"
	EgressNone        = "none"
)

const (
	defaultListen    = "127.0.0.1:4566"
	defaultListenTLS = "127.0.0.1:443"
	defaultAccount   = "000000000000"
	defaultRegion    = "us-east-1"
)

// InForce is the configuration with what a server takes for settings that were
// left empty.
func (c Config) InForce() Config { return c.withDefaults() }

// withDefaults fills in what was left empty.
func (c Config) withDefaults() Config {
	if len(c.Listen) == 0 {
		c.Listen = []string{defaultListen}
		if c.TLS {
			c.Listen = append(c.Listen, defaultListenTLS)
		}
	}
	c.Domain = orDefault(strings.ToLower(strings.TrimSuffix(c.Domain, ".")), "localhost")
	c.URLAuth = orDefault(c.URLAuth, URLAuthClassic)
	standards := [2]string{IsolationBestEffort, EgressDevelopment}
	if beyond := c.BeyondLoopback(); beyond != "" {
		standards = [2]string{IsolationRequired, EgressProduction}
		if c.Isolation == "" {
			c.because = beyond + " is beyond loopback"
		}
	}
	c.Isolation, c.Egress = orDefault(c.Isolation, standards[0]), orDefault(c.Egress, standards[1])
	if c.MaxEnvironments == 0 {
		c.MaxEnvironments = 64
	}
	if c.DrainTimeout == 0 {
		c.DrainTimeout = 30 * time.Second
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Access == nil {
		c.Access = c.Logger
	}
	return c
}

// BeyondLoopback is the first address of Listen at which others than this
// machine can reach the server, "" where there is none. A name may lead anywhere.
func (c Config) BeyondLoopback() string {
	for _, addr := range c.Listen {
		host, _, _ := net.SplitHostPort(addr)
		ip := net.ParseIP(host)
		if !strings.EqualFold(host, "localhost") && (ip == nil || !ip.IsLoopback()) {
			return addr
		}
	}
	return ""
}

func orDefault(s, d string) string {
	if s == "" {
		return d
	}
	return s
}

// SettingError is a setting that cannot be meant.
type SettingError struct {
	// Setting is its name in settings files; Text says what is wrong, with the
	// value in quotes first.
	Setting, Text string
}

// Error is the name and the text.
func (e *SettingError) Error() string { return e.Setting + " " + e.Text }

// Validate reports every setting that cannot be meant.
func (c Config) Validate() error {
	var errs []error
	bad := func(setting, format string, args ...any) {
		errs = append(errs, &SettingError{setting, fmt.Sprintf(format, args...)})
	}
	if c.DataDir == "" {
		errs = append(errs, errors.New("the data directory is not set"))
	}
	for _, addr := range c.Listen {
		if _, _, err := net.SplitHostPort(addr); err != nil {
			bad("listen", "%q: want host:port, for example %s", addr, defaultListen)
		}
	}
	if c.Account != "" && !regexp.MustCompile(`^\d{12}$`).MatchString(c.Account) {
		bad("account", "%q: want 12 digits", c.Account)
	}
	if c.Region != "" && !regexp.MustCompile(`^[a-z]{2}(-[a-z]+)+-\d$`).MatchString(c.Region) {
		bad("region", "%q: want an AWS region, for example us-east-1", c.Region)
	}
	if c.Domain != "" && !regexp.MustCompile(`^(?i)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*\.?$`).MatchString(c.Domain) {
		bad("domain", "%q: want a DNS name without a port", c.Domain)
	}
	if c.URLAuth != "" && c.URLAuth != URLAuthClassic && c.URLAuth != URLAuthDual {
		bad("url-auth", "%q: want %s or %s", c.URLAuth, URLAuthClassic, URLAuthDual)
	}
	if c.Isolation != "" && !slices.Contains(isolation.Levels(), c.Isolation) {
		bad("isolation", "%q: want one of %s", c.Isolation, strings.Join(isolation.Levels(), ", "))
	}
	for _, network := range c.TrustedProxies {
		if _, err := forwarded.ParseNetwork(network); err != nil {
			bad("trusted-proxies", "%q: want a network, for example 10.0.0.0/8, or an address", network)
		}
	}
	if c.ProxyProtocol && len(c.TrustedProxies) == 0 {
		bad("proxy-protocol", "\"true\": needs trusted-proxies, whose word is taken for it")
	}
	c.validateEgress(bad)
	for _, issuer := range c.OIDCIssuers {
		if _, err := oidc.ParseIssuer(issuer); err != nil {
			bad("oidc-issuers", "%q: %v", issuer, err)
		}
	}
	if c.Metrics != "" && !isMetricsAddress(c.Metrics) {
		bad("metrics", "%q: want host:port, for example 127.0.0.1:9100", c.Metrics)
	}
	if (c.RootAccessKeyID == "") != (c.RootSecretAccessKey == "") {
		errs = append(errs, errors.New("a root access key needs both an id and a secret"))
	}
	if c.MaxEnvironments < 0 {
		bad("max-environments", "\"%d\": want a positive number", c.MaxEnvironments)
	}
	if c.MaxObject < 0 {
		bad("max-object-size", "\"%d\": want a positive number of bytes", c.MaxObject)
	}
	if c.StreamRate != 0 && c.StreamRate < minStreamRate {
		bad("stream-rate", "\"%d\": want a number of bytes per second from %d on, or 0 for no limit", c.StreamRate, minStreamRate)
	}
	for id, path := range c.Runtimes {
		if !filepath.IsAbs(path) {
			bad("runtimes", "\"%s=%s\": want an absolute path", id, path)
		}
	}
	return errors.Join(errs...)
}
