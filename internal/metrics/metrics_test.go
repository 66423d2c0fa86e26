package metrics_test

import (
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"furl/internal/environment"
	"furl/internal/metrics"
)

func read(t *testing.T, m *metrics.Metrics) string {
	t.Helper()
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	if w.Code != http.StatusOK {
		t.Fatalf("status %d: %s", w.Code, w.Body)
	}
	return w.Body.String()
}

func TestFigures(t *testing.T) {
	stocked := environment.Histogram{Count: 7, Sum: 21 * time.Millisecond}
	for i := range stocked.Buckets {
		stocked.Buckets[i] = 7
	}
	stocked.Buckets[0] = 3
	now := metrics.Current{
		Pool: environment.Stats{
			Idle: 5, Frozen: 3, Busy: 3, Starting: 1, Waiting: 4,
			Throttled: map[string]uint64{environment.ReasonReserved: 5},
			Deaths:    environment.Deaths{OutOfMemory: 8},
			Runtimes:  map[string]environment.RuntimeStats{"python3.12": {Blanks: 2, Stocked: stocked}},
		},
		Isolation: "namespace", BytesOut: 10, BytesIn: 20, Refused: 6,
		Connections: 5, Waiting: 4, Yielded: 9,
	}
	m := metrics.New(func() metrics.Current { return now })
	m.Invoked("hello", 3*time.Millisecond, false)
	m.Invoked("hello", 2*time.Second, true)
	m.Invoked("other", time.Millisecond, false)
	m.Answered(200)
	m.Answered(200)
	m.Answered(403)
	got := read(t, m)
	for _, want := range []string{
		`furl_invocations_total{function="hello"} 2`,
		`furl_invocations_total{function="other"} 1`,
		`furl_errors_total{function="hello"} 1`,
		`furl_duration_seconds_bucket{function="hello",le="0.005"} 1`,
		`furl_duration_seconds_count{function="hello"} 2`,
		`furl_cold_start_seconds_bucket{kind="stocked",runtime="python3.12",le="0.0005"} 3`,
		`furl_cold_start_seconds_bucket{kind="stocked",runtime="python3.12",le="+Inf"} 7`,
		`furl_cold_start_seconds_sum{kind="stocked",runtime="python3.12"} 0.021`,
		`furl_url_requests_total{code="200"} 2`,
		`furl_url_requests_total{code="403"} 1`,
		`furl_throttles_total{reason="` + environment.ReasonReserved + `"} 5`,
		`furl_concurrent_executions 3`,
		`furl_environments{state="idle"} 2`,
		`furl_environments{state="frozen"} 3`,
		`furl_environments{state="starting"} 1`,
		`furl_environment_deaths_total{reason="out_of_memory"} 8`,
		`furl_waiting_invocations 4`,
		`furl_blanks{runtime="python3.12"} 2`,
		`furl_cold_starts_total{kind="stocked",runtime="python3.12"} 7`,
		`furl_isolation_info{driver="namespace"} 1`,
		`furl_egress_bytes_total{direction="in"} 20`,
		`furl_egress_bytes_total{direction="out"} 10`,
		`furl_egress_refused_total 6`,
		`furl_connections{state="waiting"} 4`,
		`furl_connections{state="busy"} 1`,
		`furl_connections_yielded_total 9`,
		`go_goroutines`,
		`process_open_fds`,
	} {
		if !regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(want) + `( |$)`).MatchString(got) {
			t.Errorf("no line %s", want)
		}
	}
	if strings.Contains(got, `furl_errors_total{function="other"}`) {
		t.Error("an error of a function that had none")
	}

	now.Pool.Busy = 0
	m.Forget("hello")
	got = read(t, m)
	if strings.Contains(got, "hello") || !strings.Contains(got, `function="other"`) || !strings.Contains(got, "furl_concurrent_executions 0") {
		t.Errorf("after a function was deleted and others ended:\n%s", got)
	}
}

func TestOnlyMetrics(t *testing.T) {
	m := metrics.New(func() metrics.Current { return metrics.Current{} })
	for _, r := range []*http.Request{
		httptest.NewRequest(http.MethodGet, "/", nil),
		httptest.NewRequest(http.MethodGet, "/metrics/more", nil),
		httptest.NewRequest(http.MethodPost, "/metrics", nil),
	} {
		w := httptest.NewRecorder()
		m.Handler().ServeHTTP(w, r)
		if w.Code < 400 {
			t.Errorf("%s %s: %d", r.Method, r.URL, w.Code)
		}
	}
}
