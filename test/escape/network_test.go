//go:build linux

package escape_test

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"slices"
	"testing"

	"furl/internal/egress"
	"furl/internal/sandbox"
)

// networkAttacks is how many there are at least.
const networkAttacks = 60

// attackNetwork runs the attacks on a driver's network, in the internet of the
// test's own.
func attackNetwork(t *testing.T, d sandbox.Driver) map[string]string {
	t.Helper()
	w := theInternet(t)
	code := codeDir(t, map[string]string{"attack.py": read(t, "testdata/code/attack.py"), "network.py": read(t, "testdata/code/network.py")})
	// The preset that opens the most.
	g, err := egress.New(egress.Options{
		Policy:      egress.Policy{Preset: egress.Development},
		Nameservers: []netip.AddrPort{netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(w.Names))},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := g.Close(); err != nil {
			t.Error(err)
		}
	})
	victim := functionBeyond(t, d, code, sandbox.Limits{}, g.Network("victim"))
	e := functionBeyond(t, d, code, sandbox.Limits{}, g.Network("attacker"))
	abstract := "furl-victim-" + rand.Text()
	args := map[string]any{
		"driver": d.Name(), "token": w.Token, "port": w.Port, "open": []string{openAddress}, "abstract": abstract,
		"names": []any{"127.0.0.1", w.Names}, "victim_abstract": abstract,
	}
	if d.Name() == "namespace" {
		args["names"] = []any{"169.254.100.5", 53}
	}
	b, err := json.Marshal(args)
	if err != nil {
		t.Fatal(err)
	}
	args["victim_port"] = number(t, run(t, victim, fmt.Sprintf("import json, network; result = network.listen_as_victim(json.loads(%q))", b)))
	results := assaultBy(t, e, "network", args)
	// What is open must be: else nothing at all was tried.
	for _, f := range []string{fmt.Sprintf("network.reach(%q)", openAddress), "network.addresses('open.test')"} {
		if got := run(t, e, "import network; result = "+f); got != "True" && got != fmt.Sprintf("['%s']", openAddress) {
			t.Errorf("%s: %s", f, got)
		}
	}
	if got := run(t, victim, "result = 6 * 7"); got != "42" {
		t.Errorf("the victim answers %q", got)
	}
	return results
}

func TestNetworkHolds(t *testing.T) {
	if inInternet(t, 0) {
		return
	}
	networkHolds(t)
}

func TestNetworkHoldsRootless(t *testing.T) {
	if inInternet(t, 12345) {
		return
	}
	networkHolds(t)
}

func networkHolds(t *testing.T) {
	t.Helper()
	results := attackNetwork(t, namespaceDriver(t))
	for _, name := range open(results) {
		t.Errorf("%s: %s", name, results[name])
	}
	if n := closed(results); n < networkAttacks {
		t.Errorf("%d attacks were tried and failed, want %d", n, networkAttacks)
	}
	for _, name := range slices.Sorted(maps.Keys(results)) {
		t.Log(name, results[name])
	}
}

// The driver without networks must be seen to be open.
func TestNetworkOfProcessIsOpen(t *testing.T) {
	if inInternet(t, 0) {
		return
	}
	results := attackNetwork(t, processDriver(t))
	if found := open(results); len(found) < 50 {
		t.Errorf("only %d of %d attacks got through; do they still attack?", len(found), len(results))
	}
	for _, name := range slices.Sorted(maps.Keys(results)) {
		t.Log(name, results[name])
	}
	if os.Geteuid() != 0 {
		t.Error("it ran as another user")
	}
}
