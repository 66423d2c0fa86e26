package furl

import (
	"context"
	"fmt"
	"maps"
	"math"
	"net"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"furl/internal/admin"
	"furl/internal/dataplane"
	"furl/internal/egress"
	"furl/internal/sandbox"
	"furl/internal/state"
)

// validateEgress reports what cannot be meant of the egress settings.
func (c Config) validateEgress(bad func(setting, format string, args ...any)) {
	if c.Egress != "" {
		if _, err := egress.ParsePreset(c.Egress); err != nil {
			bad("egress", "%q: want %s, %s or %s", c.Egress, EgressDevelopment, EgressProduction, EgressNone)
		}
	}
	for _, rule := range c.EgressAllow {
		if _, _, err := parseAllow(rule); err != nil {
			bad("egress-allow", "%q: %v", rule, err)
		}
	}
	for _, port := range c.EgressHostPorts {
		if port < 1 || port > math.MaxUint16 {
			bad("egress-host-ports", "\"%d\": want a port, 1 to 65535", port)
		}
	}
}

// parseAllow takes [FUNCTION=]RULE apart; function is empty for all of them.
func parseAllow(s string) (function string, rule egress.Rule, err error) {
	text := s
	if before, after, ok := strings.Cut(s, "="); ok && !strings.Contains(before, "://") { // of a URL it is a part
		function, text = before, after
		if !regexp.MustCompile(`^[A-Za-z0-9_-]+$`).MatchString(function) {
			return "", rule, fmt.Errorf("want RULE or FUNCTION=RULE, and %q is no function's name", function)
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
	n.tellUnknown(o.Functions)
	var err error
	if n.egress, err = egress.New(o); err != nil {
		return fmt.Errorf("furl: %w", err)
	}
	n.onClose("egress", n.egress.Close)
	return nil
}

// tellUnknown warns of rules for functions that there are not: the name may be
// wrong, or the function yet to come.
func (n *Node) tellUnknown(rules map[string][]egress.Rule) {
	known := map[string]bool{}
	for _, f := range n.state.Snapshot().AllFunctions() {
		known[f.Function.Name] = true
	}
	for _, name := range slices.Sorted(maps.Keys(rules)) {
		if !known[name] {
			n.config.Logger.Warn("--egress-allow is for a function that does not exist; it will hold when one of this name is made", "function", name)
		}
	}
}

// network is what a function reaches. Rules for a function are for one of the
// first account: whoever rules another one must not gain them by a name.
func (n *Node) network(t *state.Target) sandbox.Network {
	name := t.Function.Name
	if t.Function.Account != n.config.Account {
		name = t.Function.Account + ":" + name
	}
	return n.egress.Network(name)
}

// egressStatus says for furl status what functions reach, and how much they did.
func (n *Node) egressStatus() admin.EgressStatus {
	s := admin.EgressStatus{
		Policy: n.config.Egress, Enforced: n.runs.Driver.Name() == IsolationNamespace,
		Allow: append([]string{}, n.config.EgressAllow...), HostPorts: append([]int{}, n.config.EgressHostPorts...),
	}
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
		if addr, ok := l.Addr().(*net.TCPAddr); ok {
			all = append(all, addr.AddrPort())
		}
	}
	return all
}
