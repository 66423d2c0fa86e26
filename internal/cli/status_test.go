package cli_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"furl/internal/admin"
)

// statusAdmin answers GetStatus.
type statusAdmin struct {
	admin.API
	asked *admin.GetStatusRequest
	out   *admin.GetStatusResponse
}

func (s *statusAdmin) GetStatus(_ context.Context, in *admin.GetStatusRequest) (*admin.GetStatusResponse, error) {
	s.asked = in
	return s.out, nil
}

func TestStatusText(t *testing.T) {
	a := &statusAdmin{out: &admin.GetStatusResponse{
		Version: "1.2.3", Mode: "dual", Account: "123456789012", Region: "eu-west-1", Domain: "on.aws", UptimeSeconds: 3723,
		Functions: 2, FunctionUrls: 1, Users: 3, Roles: 1,
		Isolation: admin.IsolationStatus{Driver: "confined", Level: "best-effort",
			Reason: new("namespace: user namespaces: operation not permitted"), Remedy: new("allow them"), Without: []string{"own network: it is shared (wait)"}},
		Egress:       admin.EgressStatus{Policy: "development"},
		Environments: admin.EnvironmentCounts{Idle: 4, Frozen: 3, Busy: 2, Starting: 1, Parked: 5, Waiting: 6},
		Blanks:       []admin.BlankCount{{Runtime: "python3.12", Count: 2}, {Runtime: "nodejs20.x", Count: 1}},
		ColdStarts:   []admin.ColdStartCount{{Runtime: "python3.12", Stocked: 7, Unstocked: 1}},
	}}
	environ := fakeServer(t, &fakeLambda{}, a)
	got := furlWith(t, environ, "status").ok(t)
	if a.asked.Probe == nil || !*a.asked.Probe {
		t.Error("what sandboxes do without was not asked for")
	}
	for _, want := range []string{
		"furl 1.2.3 on http://127.0.0.1:", ", for 1h2m3s\n",
		"account 123456789012 in eu-west-1; domain on.aws, url-auth dual\n",
		"2 functions, 1 function URL, 3 users, 1 role\n",
		"confined, as --isolation best-effort says: functions cannot read the host's data",
		"nothing stronger: namespace: user namespaces: operation not permitted\n",
		"what helps: allow them\n",
		"without own network: it is shared (wait)\n",
		"not held to --egress development: functions have the server's network\n",
		"4 idle (3 frozen), 2 busy, 1 starting; 6 invocations wait for one\n",
		"python3.12: 2; nodejs20.x: 1\n",
		"python3.12: 8, 7 stocked\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	a.out.Isolation = admin.IsolationStatus{Driver: "namespace", Level: "required", Because: new("0.0.0.0:1 is beyond loopback")}
	a.out.Egress = admin.EgressStatus{Policy: "production", Enforced: true, Connections: 9, Refused: 8, BytesOut: 7, BytesIn: 6,
		Allow: []string{"10.0.5.0/24:5432", "f=*.example.com"}, HostPorts: []int{5432, 6379}}
	a.out.Blanks, a.out.ColdStarts = nil, nil
	got = furlWith(t, environ, "status").ok(t)
	for _, want := range []string{"namespace, required, because 0.0.0.0:1 is beyond loopback: functions", "rules: 10.0.5.0/24:5432, f=*.example.com\n", "host ports: 5432 6379\n", "production; 9 connections, 8 refused, 7 bytes out, 6 in\n", "none\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	for _, unwanted := range []string{"stronger", "helps", "without"} {
		if strings.Contains(got, unwanted) {
			t.Errorf("%q in\n%s", unwanted, got)
		}
	}
	var s admin.GetStatusResponse
	if err := json.Unmarshal([]byte(furlWith(t, environ, "status", "--json").ok(t)), &s); err != nil || s.Isolation.Driver != "namespace" || s.Egress.Connections != 9 {
		t.Errorf("%+v, %v", s, err)
	}
}
