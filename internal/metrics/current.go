package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"furl/internal/environment"
)

// Current are the figures that a node has at any moment.
type Current struct {
	// Pool are those of its execution environments.
	Pool environment.Stats
	// Isolation is the driver's name.
	Isolation string
	// BytesOut and BytesIn are what functions sent and got over the network,
	// Refused the connections that no rule allowed.
	BytesOut, BytesIn, Refused uint64
	// Connections are open, of these Waiting for their client; Yielded were closed
	// to make room for others.
	Connections, Waiting int
	Yielded              uint64
	// Queued are the events of asynchronous invocations that are in the queue,
	// Running those of them that run; Waited is how long the oldest that is due waits.
	Queued, Running int
	Waited          time.Duration
}

// snapshot reads Current when it is collected.
type snapshot struct {
	current func() Current
	throttles, concurrent, environments, waiting, deaths, blanks,
	starts, startTimes, isolation, bytes, refused, queued, waited, connections, yielded *prometheus.Desc
}

func newSnapshot(current func() Current) *snapshot {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc(name, help, labels, nil)
	}
	return &snapshot{
		current:      current,
		throttles:    desc("furl_throttles_total", "Invocations that were refused for want of concurrency (CloudWatch: Throttles).", "reason"),
		concurrent:   desc("furl_concurrent_executions", "Execution environments that work on an event (CloudWatch: ConcurrentExecutions)."),
		environments: desc("furl_environments", "Execution environments by state.", "state"),
		waiting:      desc("furl_waiting_invocations", "Invocations that wait for an execution environment."),
		deaths:       desc("furl_environment_deaths_total", "Execution environments that ended otherwise than by the pool's choice.", "reason"),
		blanks:       desc("furl_blanks", "Interpreters that have started and wait for a function.", "runtime"),
		starts:       desc("furl_cold_starts_total", "Execution environments that were started: stocked when an interpreter waited ready, else unstocked.", "runtime", "kind"),
		startTimes:   desc("furl_cold_start_seconds", "Time from the demand for an execution environment to where it can take the event.", "runtime", "kind"),
		isolation:    desc("furl_isolation_info", "What functions run in; always 1.", "driver"),
		bytes:        desc("furl_egress_bytes_total", "What functions sent (out) and got (in) over the network.", "direction"),
		connections:  desc("furl_connections", "Open connections: those that wait for their client, and the others.", "state"),
		yielded:      desc("furl_connections_yielded_total", "Connections that waited for their client and were closed to make room."),
		queued:       desc("furl_async_events", "Events of asynchronous invocations by state.", "state"),
		waited:       desc("furl_async_oldest_seconds", "How long the event waits that has been due for the longest time."),
		refused:      desc("furl_egress_refused_total", "Connections and names that functions were refused."),
	}
}

// Describe implements prometheus.Collector.
func (s *snapshot) Describe(out chan<- *prometheus.Desc) { prometheus.DescribeByCollect(s, out) }

// Collect implements prometheus.Collector.
func (s *snapshot) Collect(out chan<- prometheus.Metric) {
	c := s.current()
	p := &c.Pool
	gauge := func(d *prometheus.Desc, v int, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, float64(v), labels...)
	}
	counter := func(d *prometheus.Desc, v uint64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), labels...)
	}
	for reason, n := range p.Throttled {
		counter(s.throttles, n, reason)
	}
	gauge(s.concurrent, p.Busy)
	gauge(s.environments, p.Idle-p.Frozen, "idle")
	gauge(s.environments, p.Frozen, "frozen")
	gauge(s.environments, p.Busy, "busy")
	gauge(s.environments, p.Starting, "starting")
	gauge(s.waiting, p.Waiting)
	counter(s.deaths, p.Deaths.Timeout, "timeout")
	counter(s.deaths, p.Deaths.OutOfMemory, "out_of_memory")
	counter(s.deaths, p.Deaths.Exit, "exit")
	counter(s.deaths, p.Deaths.Protocol, "protocol")
	counter(s.deaths, p.Deaths.Frozen, "frozen")
	for runtime, r := range p.Runtimes {
		gauge(s.blanks, r.Blanks, runtime)
		for kind, h := range map[string]environment.Histogram{"stocked": r.Stocked, "unstocked": r.Unstocked} {
			counter(s.starts, h.Count, runtime, kind)
			out <- prometheus.MustNewConstHistogram(s.startTimes, h.Count, h.Sum.Seconds(), buckets(h), runtime, kind)
		}
	}
	gauge(s.connections, c.Waiting, "waiting")
	gauge(s.connections, c.Connections-c.Waiting, "busy")
	counter(s.yielded, c.Yielded)
	gauge(s.isolation, 1, c.Isolation)
	counter(s.bytes, c.BytesOut, "out")
	counter(s.bytes, c.BytesIn, "in")
	counter(s.refused, c.Refused)
	gauge(s.queued, max(0, c.Queued-c.Running), "waiting")
	gauge(s.queued, c.Running, "running")
	out <- prometheus.MustNewConstMetric(s.waited, prometheus.GaugeValue, c.Waited.Seconds())
}

// buckets are those of a histogram by their upper ends, in seconds.
func buckets(h environment.Histogram) map[float64]uint64 {
	all := make(map[float64]uint64, len(h.Buckets))
	for i, end := range environment.HistogramBounds() {
		all[end.Seconds()] = h.Buckets[i]
	}
	return all
}
