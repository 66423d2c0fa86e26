package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"furl"
)

// setting is one thing that can be set by a flag, a FURL_ variable or in a
// file, under one name.
type setting struct {
	name string
	// flag is the flag's name where it is another: of settings with several
	// values, because a flag gives one at a time.
	flag string
	// arg stands for the value in help texts; empty for a switch.
	arg   string
	usage string
	// standard is the default in words.
	standard string
	many     bool
	// secret settings are taken from the environment only.
	secret bool
	// client settings mean nothing to a server.
	client bool
	set    func(s *settings, values []string) error
	show   func(s *settings) any
}

func (s *setting) flagName() string {
	if s.flag != "" {
		return s.flag
	}
	return s.name
}

// variable is the setting's name in the environment.
func (s *setting) variable() string {
	return "FURL_" + strings.ToUpper(strings.ReplaceAll(s.name, "-", "_"))
}

func settingOf(name string) *setting {
	for _, s := range allSettings() {
		if s.name == name {
			return s
		}
	}
	return nil
}

// serverSettings are the names of the settings that furl serve has flags for.
func serverSettings() []string {
	var names []string
	for _, s := range allSettings() {
		if !s.secret && !s.client {
			names = append(names, s.name)
		}
	}
	return names
}

// allSettings lists every setting in the order of help texts.
func allSettings() []*setting {
	return []*setting{
		{name: "data-dir", arg: "DIR", usage: "directory that holds everything the server keeps", standard: "below the user's state directory",
			set: text(func(s *settings) *string { return &s.DataDir }), show: func(s *settings) any { return s.DataDir }},
		{name: "config", arg: "FILE", usage: "file with settings, in TOML", standard: "config.toml in the data directory",
			set: func(*settings, []string) error { return nil }},
		{name: "endpoint", arg: "URL", usage: "address of the server", client: true,
			set: func(*settings, []string) error { return nil }},
		{name: "listen", arg: "ADDRESS", usage: "addresses to serve on, separated by commas; port 0 picks a free one", standard: "127.0.0.1:4566, with --tls 127.0.0.1:443 too", many: true,
			set: setListen, show: func(s *settings) any { return s.Listen }},
		{name: "domain", arg: "NAME", usage: "what follows the region in a function URL's host", standard: "localhost",
			set: text(func(s *settings) *string { return &s.Domain }), show: func(s *settings) any { return s.Domain }},
		{name: "region", arg: "REGION", usage: "AWS region to play", standard: "us-east-1",
			set: text(func(s *settings) *string { return &s.Region }), show: func(s *settings) any { return s.Region }},
		{name: "account", arg: "ID", usage: "AWS account to play, 12 digits", standard: "the data directory's, 000000000000 for a new one",
			set: text(func(s *settings) *string { return &s.Account }), show: func(s *settings) any { return s.Account }},
		{name: "url-auth", arg: "MODE", usage: "permissions that a function URL asks for: classic (lambda:InvokeFunctionUrl) or dual (lambda:InvokeFunction as well, as AWS since October 2025)", standard: "classic",
			set: text(func(s *settings) *string { return &s.URLAuth }), show: func(s *settings) any { return s.URLAuth }},
		{name: "tls", usage: "make function URLs https; both schemes are answered either way", standard: "false",
			set: toggle(func(s *settings) *bool { return &s.TLS }), show: func(s *settings) any { return s.TLS }},
		{name: "trusted-proxies", flag: "trusted-proxy", arg: "CIDR", usage: "network of reverse proxies whose X-Forwarded-For, -Proto and -Port are believed, for example 10.0.0.0/8; may be repeated", standard: "none", many: true,
			set: setTrustedProxies, show: func(s *settings) any { return s.TrustedProxies }},
		{name: "proxy-protocol", usage: "accept the PROXY protocol, version 1 and 2, from trusted proxies", standard: "false",
			set: toggle(func(s *settings) *bool { return &s.ProxyProtocol }), show: func(s *settings) any { return s.ProxyProtocol }},
		{name: "path-urls", usage: "answer function URLs at /_url/{url-id}/ of localhost too, for this machine alone", standard: "true",
			set: setPathURLs, show: func(s *settings) any { return !s.NoPathURLs }},
		{name: "runtimes", flag: "runtime", arg: "RUNTIME=PATH", usage: "interpreter of a runtime, for example python3.12=/opt/python/bin/python3; may be repeated", standard: "found on this machine", many: true,
			set: setRuntimes, show: func(s *settings) any { return s.Runtimes }},
		{name: "isolation", arg: "LEVEL", usage: "what functions run in: required (sandboxes of namespaces, or no server), best-effort (the strongest that works here), or a driver: namespace, confined or process", standard: "required when others than this machine can connect, else best-effort",
			set: text(func(s *settings) *string { return &s.Isolation }), show: func(s *settings) any { return s.Isolation }},
		{name: "strict", usage: "start every interpreter for itself, never as a copy of one that waits ready", standard: "false",
			set: toggle(func(s *settings) *bool { return &s.Strict }), show: func(s *settings) any { return s.Strict }},
		{name: "egress", arg: "POLICY", usage: "what functions reach over the network: development (public and private addresses), production (public ones only) or none", standard: "production when others than this machine can connect, else development",
			set: text(func(s *settings) *string { return &s.Egress }), show: func(s *settings) any { return s.Egress }},
		{name: "egress-allow", arg: "[FUNCTION=]RULE", usage: "what functions, or one of them, reach as well: an address, a network or a name, with a port, for example 10.0.5.0/24:5432; may be repeated", standard: "nothing", many: true,
			set: setEgressAllow, show: func(s *settings) any { return s.EgressAllow }},
		{name: "egress-host-ports", flag: "egress-host-port", arg: "PORT", usage: "port of this machine's loopback that functions reach as host.furl.internal; may be repeated", standard: "none", many: true,
			set: setEgressHostPorts, show: func(s *settings) any { return s.EgressHostPorts }},
		{name: "oidc-issuers", flag: "oidc-issuer", arg: "URL[=AUDIENCE]", usage: "issuer of OpenID Connect tokens that roles can be assumed with, where their trust policies name it; may be repeated", standard: "none", many: true,
			set: setOIDCIssuers, show: func(s *settings) any { return s.OIDCIssuers }},
		{name: "metrics", arg: "ADDRESS", usage: "address that serves figures for Prometheus at /metrics, for example 127.0.0.1:9100", standard: "off",
			set: text(func(s *settings) *string { return &s.Metrics }), show: func(s *settings) any { return s.Metrics }},
		{name: "max-environments", arg: "N", usage: "most execution environments at a time", standard: "64",
			set: setMaxEnvironments, show: func(s *settings) any { return s.MaxEnvironments }},
		{name: "stream-rate", arg: "BYTES", usage: "most bytes per second that a function streams after the first 6 MB of an answer; AWS has 2097152", standard: "0: no limit",
			set: setStreamRate, show: func(s *settings) any { return s.StreamRate }},
		{name: "max-object-size", arg: "BYTES", usage: "most bytes that an object in an artefact bucket holds", standard: "5368709120",
			set: setMaxObject, show: func(s *settings) any { return s.MaxObject }},
		{name: "drain-timeout", arg: "TIME", usage: "how long requests may take to finish when the server stops, for example 10s", standard: "30s",
			set: setDrainTimeout, show: func(s *settings) any { return s.DrainTimeout.String() }},
		{name: "log-format", arg: "FORMAT", usage: "form of the log on stderr: text or json", standard: "text on a terminal, else json",
			set: setLogFormat, show: func(s *settings) any { return s.LogFormat }},
		{name: "root-access-key-id", secret: true,
			set: text(func(s *settings) *string { return &s.RootAccessKeyID })},
		{name: "root-secret-access-key", secret: true,
			set: text(func(s *settings) *string { return &s.RootSecretAccessKey })},
	}
}

// text sets a member to the one value that is given.
func text(member func(*settings) *string) func(*settings, []string) error {
	return func(s *settings, values []string) error {
		v, err := single(values)
		*member(s) = v
		return err
	}
}

func single(values []string) (string, error) {
	if len(values) != 1 {
		return "", fmt.Errorf("want one value, have %d", len(values))
	}
	return values[0], nil
}

// several splits values at commas and drops empty ones.
func several(values []string) []string {
	var out []string
	for _, v := range values {
		for part := range strings.SplitSeq(v, ",") {
			if part = strings.TrimSpace(part); part != "" {
				out = append(out, part)
			}
		}
	}
	return out
}

func setListen(s *settings, values []string) error {
	s.Listen = several(values)
	return nil
}

// toggle sets a member to true or false.
func toggle(member func(*settings) *bool) func(*settings, []string) error {
	return func(s *settings, values []string) error {
		v, err := single(values)
		if err != nil {
			return err
		}
		if *member(s), err = strconv.ParseBool(v); err != nil {
			return fmt.Errorf("%q: want true or false", v)
		}
		return nil
	}
}

func setTrustedProxies(s *settings, values []string) error {
	s.TrustedProxies = several(values)
	return nil
}

func setPathURLs(s *settings, values []string) error {
	on := false
	err := toggle(func(*settings) *bool { return &on })(s, values)
	s.NoPathURLs = !on
	return err
}

func setEgressAllow(s *settings, values []string) error {
	s.EgressAllow = several(values)
	return nil
}

func setOIDCIssuers(s *settings, values []string) error {
	s.OIDCIssuers = several(values)
	return nil
}

func setEgressHostPorts(s *settings, values []string) error {
	s.EgressHostPorts = nil
	for _, v := range several(values) {
		port, err := strconv.Atoi(v)
		if err != nil {
			return fmt.Errorf("%q: want a port, for example 5432", v)
		}
		s.EgressHostPorts = append(s.EgressHostPorts, port)
	}
	return nil
}

func setRuntimes(s *settings, values []string) error {
	s.Runtimes = map[string]string{}
	for _, pair := range several(values) {
		name, path, ok := strings.Cut(pair, "=")
		if !ok || name == "" || path == "" {
			return fmt.Errorf("%q: want RUNTIME=PATH, for example python3.12=/usr/bin/python3.12", pair)
		}
		path, err := filepath.Abs(path)
		if err != nil {
			return err
		}
		info, err := os.Stat(path)
		if err != nil {
			return fmt.Errorf("runtime %s: %w", name, err)
		}
		if info.IsDir() || info.Mode()&0o111 == 0 {
			return fmt.Errorf("runtime %s: %s is not a program", name, path)
		}
		s.Runtimes[name] = path
	}
	return nil
}

func setMaxEnvironments(s *settings, values []string) error {
	v, err := single(values)
	if err != nil {
		return err
	}
	if s.MaxEnvironments, err = strconv.Atoi(v); err != nil || s.MaxEnvironments < 1 {
		return fmt.Errorf("%q: want a number from 1 on", v)
	}
	return nil
}

func setMaxObject(s *settings, values []string) error {
	n, err := strconv.ParseInt(values[0], 10, 64)
	if err != nil || n < 1 {
		return fmt.Errorf("%q: want a positive number of bytes", values[0])
	}
	s.MaxObject = n
	return nil
}

func setStreamRate(s *settings, values []string) error {
	v, err := single(values)
	if err != nil {
		return err
	}
	if s.StreamRate, err = strconv.ParseInt(v, 10, 64); err != nil || s.StreamRate < 0 {
		return fmt.Errorf("%q: want a number of bytes per second, or 0 for no limit", v)
	}
	return nil
}

func setDrainTimeout(s *settings, values []string) error {
	v, err := single(values)
	if err != nil {
		return err
	}
	if s.DrainTimeout, err = time.ParseDuration(v); err != nil || s.DrainTimeout <= 0 {
		return fmt.Errorf("%q: want a time, for example 10s", v)
	}
	return nil
}

func setLogFormat(s *settings, values []string) error {
	v, err := single(values)
	if err != nil {
		return err
	}
	if v != logText && v != logJSON {
		return fmt.Errorf("%q: want %s or %s", v, logText, logJSON)
	}
	s.LogFormat = v
	return nil
}

// urlAuthModes are the values of the setting url-auth.
func urlAuthModes() []string { return []string{furl.URLAuthClassic, furl.URLAuthDual} }
