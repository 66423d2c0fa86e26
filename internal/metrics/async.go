package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// asyncMetrics are those of asynchronous invocations.
type asyncMetrics struct {
	received, dropped, undelivered *prometheus.CounterVec
	age                            *prometheus.HistogramVec
}

func newAsyncMetrics() asyncMetrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, append([]string{"function"}, labels...))
	}
	return asyncMetrics{
		received:    counter("furl_async_events_received_total", "Events that were put into the queue (CloudWatch: AsyncEventsReceived)."),
		dropped:     counter("furl_async_events_dropped_total", "Events that ended without success (CloudWatch: AsyncEventsDropped).", "reason"),
		undelivered: counter("furl_destination_delivery_failures_total", "Records of events that no destination got (CloudWatch: DestinationDeliveryFailures)."),
		age: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "furl_async_event_age_seconds", Help: "Time from an event's acceptance to where its function is given it (CloudWatch: AsyncEventAge).",
			Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 5, 10, 60, 300, 900, 3600, 21600},
		}, []string{"function"}),
	}
}

func (a *asyncMetrics) forget(function string) {
	labels := prometheus.Labels{"function": function}
	a.received.DeletePartialMatch(labels)
	a.dropped.DeletePartialMatch(labels)
	a.undelivered.DeletePartialMatch(labels)
	a.age.DeletePartialMatch(labels)
}

// EventReceived counts an event that was put into the queue.
func (m *Metrics) EventReceived(function string) { m.events.received.WithLabelValues(function).Inc() }

// EventStarted counts an event that a function is given, with its age.
func (m *Metrics) EventStarted(function string, age time.Duration) {
	m.events.age.WithLabelValues(function).Observe(age.Seconds())
}

// EventDropped counts an event that ended without success.
func (m *Metrics) EventDropped(function, reason string) {
	m.events.dropped.WithLabelValues(function, reason).Inc()
}

// DeliveryFailed counts a record that no destination got.
func (m *Metrics) DeliveryFailed(function string) {
	m.events.undelivered.WithLabelValues(function).Inc()
}
