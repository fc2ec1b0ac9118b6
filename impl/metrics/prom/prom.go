// Package prom shows the events of a daemon to Prometheus: [Metrics.Sink]
// listens, [Metrics.Handler] answers scrapes at /metrics in the text format.
//
// The metrics are
//
//	swift_requests_total{server,resource,method,status}
//	swift_request_duration_seconds{server,resource,method}       histogram
//	swift_request_first_byte_seconds{server,resource}            histogram, of GETs
//	swift_request_bytes_total{server,resource,direction}         in or out
//	swift_backend_requests_total{method,status}                  status 0: no answer
//	swift_backend_duration_seconds{method}                       histogram
//	swift_quarantines_total
//	swift_async_updates_total{state}                             queued or sent
//	swift_error_limited_total, swift_rate_limited_total
//	swift_events_total{scope,name}                               what statsd counts by name
//	swift_timing_seconds{scope,name}                             summary
//
// No label holds what a client chose: methods are those Swift has or
// BAD_METHOD, statuses are three digits, and of other labels there are at most
// maxSeries values; what comes after is called "other".
package prom

import (
	"bytes"
	"context"
	"net/http"
	"strconv"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/expfmt"

	"apus/impl/event"
	"apus/impl/web"
)

// maxSeries bounds the scopes and names of events.
const maxSeries = 500

// Metrics are the metrics of one daemon. They may be used concurrently.
type Metrics struct {
	daemon   string
	registry *prometheus.Registry

	requests, bytes, backends, async, events *prometheus.CounterVec
	quarantines, errorLimited, rateLimited   prometheus.Counter
	duration, firstByte, backendDuration     *prometheus.HistogramVec
	timing                                   *prometheus.SummaryVec

	mu struct {
		sync.Mutex
		series map[[2]string]bool
	}
}

// New has no events yet.
func New(daemon string) *Metrics {
	m := &Metrics{daemon: daemon, registry: prometheus.NewRegistry()}
	m.mu.series = map[[2]string]bool{}
	counters := func(name, help string, labels ...string) *prometheus.CounterVec {
		c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
		m.registry.MustRegister(c)
		return c
	}
	counter := func(name, help string) prometheus.Counter {
		c := prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
		m.registry.MustRegister(c)
		return c
	}
	histograms := func(name, help string, labels ...string) *prometheus.HistogramVec {
		h := prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: name, Help: help, Buckets: prometheus.ExponentialBuckets(0.001, 2.5, 12),
		}, labels)
		m.registry.MustRegister(h)
		return h
	}
	m.requests = counters("swift_requests_total", "Requests that are over.", "server", "resource", "method", "status")
	m.bytes = counters("swift_request_bytes_total", "Bytes of bodies taken from and sent to clients.", "server", "resource", "direction")
	m.duration = histograms("swift_request_duration_seconds", "How long requests took.", "server", "resource", "method")
	m.firstByte = histograms("swift_request_first_byte_seconds", "How long answers to GETs took to begin.", "server", "resource")
	m.backends = counters("swift_backend_requests_total", "Requests of a proxy to storage nodes.", "method", "status")
	m.backendDuration = histograms("swift_backend_duration_seconds", "How long storage nodes took.", "method")
	m.quarantines = counter("swift_quarantines_total", "Stored data that was found bad and moved away.")
	m.async = counters("swift_async_updates_total", "Updates queued on disk, and sent from there.", "state")
	m.errorLimited = counter("swift_error_limited_total", "Nodes that began to be skipped.")
	m.rateLimited = counter("swift_rate_limited_total", "Requests refused because a device had too many.")
	m.events = counters("swift_events_total", "Other events by name.", "scope", "name")
	m.timing = prometheus.NewSummaryVec(prometheus.SummaryOpts{Name: "swift_timing_seconds", Help: "Other durations by name."}, []string{"scope", "name"})
	m.registry.MustRegister(m.timing)
	return m
}

// Sink listens.
func (m *Metrics) Sink() *event.Sink {
	return &event.Sink{
		Request: m.request,
		Backend: func(e event.Backend) {
			method := bounded(e.Method)
			m.backends.WithLabelValues(method, status(e.Status)).Inc()
			m.backendDuration.WithLabelValues(method).Observe(e.Duration.Seconds())
		},
		Quarantine: func(event.Quarantine) { m.quarantines.Inc() },
		AsyncUpdate: func(e event.AsyncUpdate) {
			state := "queued"
			if e.Sent {
				state = "sent"
			}
			m.async.WithLabelValues(state).Inc()
		},
		ErrorLimit: func(event.ErrorLimit) { m.errorLimited.Inc() },
		RateLimit:  func(event.RateLimit) { m.rateLimited.Inc() },
		Count: func(e event.Count) {
			if e.Value > 0 { // counters do not go down
				m.events.WithLabelValues(m.named(e.Scope, e.Name)...).Add(float64(e.Value))
			}
		},
		Timing: func(e event.Timing) {
			m.timing.WithLabelValues(m.named(e.Scope, e.Name)...).Observe(e.Duration.Seconds())
		},
	}
}

func (m *Metrics) request(e event.Request) {
	method := bounded(e.Method)
	resource := event.SubjectOf(e.Path).Resource
	m.requests.WithLabelValues(e.Server, resource, method, status(e.Status)).Inc()
	m.duration.WithLabelValues(e.Server, resource, method).Observe(e.Duration.Seconds())
	if e.FirstByte > 0 {
		m.firstByte.WithLabelValues(e.Server, resource).Observe(e.FirstByte.Seconds())
	}
	if e.BytesIn > 0 {
		m.bytes.WithLabelValues(e.Server, resource, "in").Add(float64(e.BytesIn))
	}
	if e.BytesOut > 0 {
		m.bytes.WithLabelValues(e.Server, resource, "out").Add(float64(e.BytesOut))
	}
}

// bounded is a method that Swift has.
func bounded(method string) string {
	switch method {
	case "GET", "HEAD", "POST", "PUT", "DELETE", "COPY", "OPTIONS", "UPDATE", "REPLICATE", "SSYNC":
		return method
	}
	return "BAD_METHOD"
}

// status is a label for three digits.
func status(n int) string {
	if n < 0 || n > 999 {
		n = 0
	}
	return strconv.Itoa(n)
}

// named is the labels of an event, "other" once there are too many.
func (m *Metrics) named(scope, name string) []string {
	if scope == "" {
		scope = m.daemon
	}
	key := [2]string{scope, name}
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.mu.series[key] {
		if len(m.mu.series) >= maxSeries {
			return []string{"other", "other"}
		}
		m.mu.series[key] = true
	}
	return key[:]
}

// Handler answers GET /metrics.
func (m *Metrics) Handler() web.Handler {
	return web.HandlerFunc(func(_ context.Context, req *web.Request) *web.Response {
		switch {
		case req.Path != "/metrics":
			return web.NewResponse(http.StatusNotFound)
		case req.Method != http.MethodGet && req.Method != http.MethodHead:
			return web.NewResponse(http.StatusMethodNotAllowed)
		}
		families, err := m.registry.Gather()
		if err != nil {
			return web.Plain(http.StatusInternalServerError, "%v", err)
		}
		var b bytes.Buffer
		for _, f := range families {
			if _, err := expfmt.MetricFamilyToText(&b, f); err != nil {
				return web.Plain(http.StatusInternalServerError, "%v", err)
			}
		}
		return web.Text(http.StatusOK, b.String(), string(expfmt.NewFormat(expfmt.TypeTextPlain)))
	})
}
