package furl

import (
	"context"
	"fmt"
	"math"
	"net"
	"net/netip"
	"strings"

	"furl/internal/admin"
	"furl/internal/dataplane"
	"furl/internal/egress"
	"furl/internal/sandbox"
	"furl/internal/state"
)

// validateEgress reports what cannot be meant of the egress settings.
func (c Config) validateEgress() []error {
	var errs []error
	if c.Egress != "" {
		if _, err := egress.ParsePreset(c.Egress); err != nil {
			errs = append(errs, fmt.Errorf("egress %q: want %s, %s or %s", c.Egress, EgressDevelopment, EgressProduction, EgressNone))
		}
	}
	for _, rule := range c.EgressAllow {
		if _, _, err := parseAllow(rule); err != nil {
			errs = append(errs, fmt.Errorf("egress-allow %q: %w", rule, err))
		}
	}
	for _, port := range c.EgressHostPorts {
		if port < 1 || port > math.MaxUint16 {
			errs = append(errs, fmt.Errorf("egress-host-ports: %d: want a port, 1 to 65535", port))
		}
	}
	return errs
}

// parseAllow takes [FUNCTION=]RULE apart; function is empty for all of them.
func parseAllow(s string) (function string, rule egress.Rule, err error) {
	text := s
	if before, after, ok := strings.Cut(s, "="); ok {
		function, text = before, after
		if function == "" {
			return "", rule, fmt.Errorf("want RULE or FUNCTION=RULE")
		}
	}
	rule, err = egress.ParseRule(text)
	return function, rule, err
}

// openEgress opens what functions reach beyond their sandboxes.
func (n *Node) openEgress(context.Context) error {
	c := n.config
	o := egress.Options{
		Policy:    egress.Policy{Preset: egress.Preset(c.Egress)},
		Functions: map[string][]egress.Rule{},
		Gateway:   n.front.bound(),
		Names:     n.isOwnName,
		Logger:    c.Logger,
	}
	for _, port := range c.EgressHostPorts {
		o.Policy.HostPorts = append(o.Policy.HostPorts, uint16(port))
	}
	for _, text := range c.EgressAllow {
		function, rule, err := parseAllow(text)
		switch {
		case err != nil: // Validate has seen them
			return fmt.Errorf("furl: egress-allow %q: %w", text, err)
		case function == "":
			o.Policy.Allow = append(o.Policy.Allow, rule)
		default:
			o.Functions[function] = append(o.Functions[function], rule)
		}
	}
	var err error
	if n.egress, err = egress.New(o); err != nil {
		return fmt.Errorf("furl: %w", err)
	}
	n.onClose("egress", n.egress.Close)
	return nil
}

// network is what a function reaches.
func (n *Node) network(t *state.Target) sandbox.Network { return n.egress.Network(t.Function.Name) }

// egressStatus says for furl status what functions reach, and how much they did.
func (n *Node) egressStatus() admin.EgressStatus {
	s := admin.EgressStatus{Policy: n.config.Egress, Enforced: n.runs.Driver.Name() == IsolationNamespace}
	for _, u := range n.egress.Usage() {
		s.Connections += int64(u.Connections)
		s.Refused += int64(u.Refused)
		s.BytesOut += int64(u.BytesOut)
		s.BytesIn += int64(u.BytesIn)
	}
	return s
}

// isOwnName reports whether a name, in lower case, is one that this server
// answers to: so that functions reach each other's URLs and the API by the names
// that everyone uses, wherever these lead outside.
func (n *Node) isOwnName(name string) bool {
	switch name {
	case "api." + n.config.Domain, "api.localhost":
		return true
	}
	id, _ := dataplane.SplitHost(name, n.config.Region, n.config.Domain)
	return id != ""
}

// bound are the addresses of the listeners.
func (f *front) bound() []netip.AddrPort {
	var all []netip.AddrPort
	for _, l := range f.listeners {
		if addr, ok := l.Plain().Addr().(*net.TCPAddr); ok {
			all = append(all, addr.AddrPort())
		}
	}
	return all
}
