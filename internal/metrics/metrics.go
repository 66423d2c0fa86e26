// Package metrics gives a node's figures the form that Prometheus reads. Names
// follow the meaning of CloudWatch's metrics of Lambda where there is one. It
// counts what it is told and asks for the rest when it is read; it keeps no
// history and writes nothing.
package metrics

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Metrics are the figures of one node.
type Metrics struct {
	registry    *prometheus.Registry
	invocations *prometheus.CounterVec
	errors      *prometheus.CounterVec
	duration    *prometheus.HistogramVec
	requests    *prometheus.CounterVec
	events      asyncMetrics
}

// seconds are the bounds of the histograms: functions answer in a millisecond or
// run for a quarter of an hour.
func seconds() []float64 {
	return []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300, 900}
}

// New makes the figures of a node; current is asked for the others each time
// they are read.
func New(current func() Current) *Metrics {
	byFunction := []string{"function"}
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		invocations: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "furl_invocations_total", Help: "Invocations that a function was given (CloudWatch: Invocations).",
		}, byFunction),
		errors: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "furl_errors_total", Help: "Invocations that ended with a function error, timeouts included (CloudWatch: Errors).",
		}, byFunction),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "furl_duration_seconds", Help: "Time that functions took for events, without the Init phase (CloudWatch: Duration).", Buckets: seconds(),
		}, byFunction),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "furl_url_requests_total", Help: "Requests to function URLs by the status they were answered with (CloudWatch: UrlRequestCount, Url4xxCount, Url5xxCount).",
		}, []string{"code"}),
		events: newAsyncMetrics(),
	}
	m.registry.MustRegister(m.events.received, m.events.age, m.events.dropped, m.events.undelivered)
	m.registry.MustRegister(m.invocations, m.errors, m.duration, m.requests, newSnapshot(current),
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Invoked counts an invocation: how long it took, and whether it ended with a
// function error.
func (m *Metrics) Invoked(function string, took time.Duration, failed bool) {
	m.invocations.WithLabelValues(function).Inc()
	m.duration.WithLabelValues(function).Observe(took.Seconds())
	if failed {
		m.errors.WithLabelValues(function).Inc()
	}
}

// Answered counts a request to a function URL.
func (m *Metrics) Answered(status int) {
	m.requests.WithLabelValues(strconv.Itoa(status)).Inc()
}

// Forget drops the figures of a function that was deleted.
func (m *Metrics) Forget(function string) {
	m.invocations.DeleteLabelValues(function)
	m.errors.DeleteLabelValues(function)
	m.duration.DeleteLabelValues(function)
	m.events.forget(function)
}

// Handler answers GET /metrics, and nothing else.
func (m *Metrics) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{}))
	return mux
}
