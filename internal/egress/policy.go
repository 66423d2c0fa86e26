package egress

import (
	"fmt"
	"net/netip"
	"slices"
)

// Preset is what functions reach without a rule.
type Preset string

const (
	// Development: the internet and private networks.
	Development Preset = "development"
	// Production: the internet.
	Production Preset = "production"
	// None: nothing. Only names that rules name are resolved.
	None Preset = "none"
)

// ParsePreset reads a preset's name.
func ParsePreset(s string) (Preset, error) {
	p := Preset(s)
	if !slices.Contains([]Preset{Development, Production, None}, p) {
		return "", fmt.Errorf("egress: %q is not a preset; want %s, %s or %s", s, Development, Production, None)
	}
	return p, nil
}

// Policy is what functions may reach. Whatever it says, they never reach
// loopback, link-local addresses, clouds' metadata services, multicast, reserved
// ranges and the host's own addresses, in no spelling of these; and they always
// reach furl's own listeners (at GatewayAddr) and HostPorts (at HostAddr).
type Policy struct {
	Preset Preset
	// Allow opens more than Preset does: addresses, be they private or public,
	// and names.
	Allow []Rule
	// HostPorts are the ports of the host's loopback that host.furl.internal
	// reaches.
	HostPorts []uint16
}

// verdict is what was decided of a destination. Of a refusal it says why, and
// how to allow it if that can be.
type verdict struct {
	allowed      bool
	reason, hint string
}

// judge decides on a canonical address, given the rules that apply, whether a
// rule opened it by name, and which addresses are the host's own.
func judge(preset Preset, rules []Rule, to netip.AddrPort, named bool, own map[netip.Addr]bool) verdict {
	k, what := classify(to.Addr())
	switch {
	case to.Port() == 0:
		return verdict{reason: "there is no port 0"}
	case k == forbidden:
		v := verdict{reason: "the address is " + what + ", which no function may reach"}
		if to.Addr().IsLoopback() {
			v.hint = hintHost(to.Port())
		}
		return v
	case isOwn(to.Addr(), own):
		return verdict{reason: "the address is this host's own", hint: hintHost(to.Port())}
	case named, preset == Development, preset == Production && k == public:
		return verdict{allowed: true}
	}
	for _, r := range rules {
		if r.opens(to.Addr(), to.Port()) {
			return verdict{allowed: true}
		}
	}
	v := verdict{reason: "no rule allows it", hint: hintRule(to)}
	if preset == Production {
		v.reason = "the address is " + what + ", and no rule allows it"
	}
	return v
}

// hintHost tells how services of the host itself are reached.
func hintHost(port uint16) string {
	return fmt.Sprintf("to reach a service of this host, let it listen on loopback, give furl serve --egress-host-port %d and call %s:%d", port, HostName, port)
}

// hintRule tells how a destination is allowed.
func hintRule(to netip.AddrPort) string {
	return fmt.Sprintf("--egress-allow %s allows it, as does a rule for the name that was looked up",
		Rule{prefix: netip.PrefixFrom(to.Addr(), to.Addr().BitLen()), ports: ports{to.Port(), to.Port()}})
}

// isOwn says whether an address, or one that it carries, is the host's.
func isOwn(a netip.Addr, own map[netip.Addr]bool) bool {
	return own[a] || slices.ContainsFunc(embedded(a), func(inner netip.Addr) bool { return own[inner] })
}
