package prom

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"apus/impl/event"
	"apus/impl/web/webtest"
)

func TestScrape(t *testing.T) {
	webtest.TrackBodies(t)
	m := New("proxy-server")
	s := m.Sink()
	s.EmitRequest(event.Request{Server: "proxy-server", Method: "GET", Path: "/v1/a/c/o", Status: 200, BytesIn: 1, BytesOut: 20, Duration: time.Second, FirstByte: 2 * time.Millisecond})
	s.EmitRequest(event.Request{Server: "proxy-server", Method: "F\"OO", Path: "/v1/secret", Status: 405, Duration: time.Second})
	s.EmitBackend(event.Backend{Method: "PUT", Status: 201, Node: "10.0.0.1:6200/sda"})
	s.EmitBackend(event.Backend{Method: "PUT"})
	s.EmitQuarantine(event.Quarantine{})
	s.EmitAsyncUpdate(event.AsyncUpdate{})
	s.EmitAsyncUpdate(event.AsyncUpdate{Sent: true})
	s.EmitErrorLimit(event.ErrorLimit{})
	s.EmitRateLimit(event.RateLimit{})
	s.Tick("", "object.client_timeouts")
	s.EmitCount(event.Count{Name: "down", Value: -1})
	s.EmitTiming(event.Timing{Scope: "x", Name: "timing", Duration: time.Second / 2})
	got := webtest.Do(m.Handler(), webtest.Request("GET", "/metrics"))
	if ct := got.Header.Get("Content-Type"); got.Status != 200 || !strings.HasPrefix(ct, "text/plain; version=0.0.4") {
		t.Fatalf("%d %s", got.Status, ct)
	}
	for _, line := range []string{
		`swift_requests_total{method="GET",resource="object",server="proxy-server",status="200"} 1`,
		`swift_requests_total{method="BAD_METHOD",resource="account",server="proxy-server",status="405"} 1`,
		`swift_request_bytes_total{direction="out",resource="object",server="proxy-server"} 20`,
		`swift_request_duration_seconds_count{method="GET",resource="object",server="proxy-server"} 1`,
		`swift_request_first_byte_seconds_count{resource="object",server="proxy-server"} 1`,
		`swift_backend_requests_total{method="PUT",status="201"} 1`,
		`swift_backend_requests_total{method="PUT",status="0"} 1`,
		`swift_quarantines_total 1`, `swift_async_updates_total{state="queued"} 1`, `swift_async_updates_total{state="sent"} 1`,
		`swift_error_limited_total 1`, `swift_rate_limited_total 1`,
		`swift_events_total{name="object.client_timeouts",scope="proxy-server"} 1`,
		`swift_timing_seconds_sum{name="timing",scope="x"} 0.5`,
	} {
		if !strings.Contains(got.Body, line+"\n") {
			t.Errorf("no line %s", line)
		}
	}
	for _, leak := range []string{"secret", "10.0.0.1", "down"} {
		if strings.Contains(got.Body, leak) {
			t.Errorf("%s is in a label", leak)
		}
	}
}

func TestSeriesAreBounded(t *testing.T) {
	webtest.TrackBodies(t)
	m := New("d")
	s := m.Sink()
	for i := range 3 * maxSeries {
		s.Tick("", fmt.Sprint("n", i))
	}
	s.Tick("", "n0")
	got := webtest.Do(m.Handler(), webtest.Request("GET", "/metrics"))
	if n := strings.Count(got.Body, "swift_events_total{"); n != maxSeries+1 {
		t.Errorf("%d series", n)
	}
	for _, line := range []string{`{name="n0",scope="d"} 2`, fmt.Sprintf(`{name="other",scope="other"} %d`, 2*maxSeries)} {
		if !strings.Contains(got.Body, line) {
			t.Errorf("no %s", line)
		}
	}
}

func TestOtherPaths(t *testing.T) {
	webtest.TrackBodies(t)
	h := New("d").Handler()
	if got := webtest.Do(h, webtest.Request("GET", "/")); got.Status != 404 {
		t.Error(got.Status)
	}
	if got := webtest.Do(h, webtest.Request("PUT", "/metrics")); got.Status != 405 {
		t.Error(got.Status)
	}
}
