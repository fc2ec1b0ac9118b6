package statsd

import (
	"context"
	"errors"
	"io"
	"net"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"apus/impl/config"
	"apus/impl/event"
)

// wire is a host.Net that keeps datagrams.
type wire struct {
	mu     sync.Mutex
	fail   bool
	opened []string
	sent   []string
}

func (*wire) Dial(context.Context, string) (net.Conn, error) { return nil, errors.New("no TCP") }
func (*wire) Listen(string) (net.Listener, error)            { return nil, errors.New("no TCP") }

func (w *wire) Datagrams(addr string) (io.WriteCloser, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.opened = append(w.opened, addr)
	if w.fail {
		return nil, errors.New("no such host")
	}
	return w, nil
}

func (w *wire) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sent = append(w.sent, string(b))
	return 0, errors.New("refused") // which must not matter
}

func (*wire) Close() error { return nil }

func (w *wire) take() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := w.sent
	w.sent = nil
	return out
}

func section(t *testing.T, text string) *config.Section {
	t.Helper()
	f, err := config.Parse("[DEFAULT]\nlog_statsd_host = h\n[s]\n"+text, "x.conf")
	if err != nil {
		t.Fatal(err)
	}
	return f.Section("s")
}

func TestReadConfig(t *testing.T) {
	for _, tt := range []struct {
		name, text, alternative string
		want                    Config
	}{
		{"defaults", "", "", Config{Host: "h", Port: 8125, Legacy: true, DefaultRate: 1, Factor: 1}},
		{"all", "log_statsd_host = x\nlog_statsd_port = 1\nlog_statsd_metric_prefix = p\nlog_statsd_default_sample_rate = .5\nlog_statsd_sample_rate_factor = 0.25", "",
			Config{Host: "x", Port: 1, Legacy: true, Prefix: "p", DefaultRate: 0.5, Factor: 0.25}},
		{"access", "access_log_statsd_host = a\naccess_log_statsd_port = 7\nlog_statsd_port = 9", "access_", Config{Host: "a", Port: 7, Legacy: true, DefaultRate: 1, Factor: 1}},
		{"not access", "access_log_statsd_host = a", "", Config{Host: "h", Port: 8125, Legacy: true, DefaultRate: 1, Factor: 1}},
		{"access is empty", "access_log_statsd_host =", "access_", Config{Host: "h", Port: 8125, Legacy: true, DefaultRate: 1, Factor: 1}},
		{"no legacy", "statsd_emit_legacy = no", "", Config{Host: "h", Port: 8125, DefaultRate: 1, Factor: 1}},
		{"labels", "statsd_label_mode = LIBRATO\nstatsd_user_label_x_1 = y.2\nstatsd_user_label_A =", "",
			Config{Host: "h", Port: 8125, Legacy: true, Mode: "librato", User: "user_A=,user_x_1=y.2", DefaultRate: 1, Factor: 1}},
		{"labels of nobody", "statsd_label_mode = disabled", "access_", Config{Host: "h", Port: 8125, Legacy: true, DefaultRate: 1, Factor: 1}},
	} {
		s := section(t, tt.text)
		if got := ReadConfig(s, tt.alternative); got != tt.want || s.Err() != nil {
			t.Errorf("%s: %+v, %v", tt.name, got, s.Err())
		}
	}
	for _, text := range []string{
		"log_statsd_port = x", "log_statsd_default_sample_rate = -1", "statsd_label_mode = x", "statsd_label_mode =",
		"statsd_user_label_ = x", "statsd_user_label_a-b = x", "statsd_user_label_a = x,y", "statsd_user_label_a = x y",
	} {
		s := section(t, text)
		if ReadConfig(s, ""); s.Err() == nil {
			t.Errorf("%s is accepted", text)
		}
	}
}

func proxyNames() Names {
	return Names{Daemon: "proxy-server", Methods: DefaultMethods(), Policy: func(i string) bool { return i == "0" }}
}

func TestLines(t *testing.T) {
	w := &wire{}
	s := New(w, Config{Host: "::1", Port: 8125, Legacy: true, Prefix: "pre", DefaultRate: 1, Factor: 1}).Sink(proxyNames())
	ms := time.Millisecond
	for _, tt := range []struct {
		name string
		emit func()
		want string
	}{
		{"get", func() {
			s.EmitRequest(event.Request{Server: "proxy-server", Method: "GET", Path: "/v1/a/c/o", Status: 499, WireStatus: 200, BytesIn: 1, BytesOut: 20,
				Duration: 2 * ms, FirstByte: ms, Policy: "0"})
		}, `pre.proxy-server.object.GET.200.first-byte.timing:1.0|ms
pre.proxy-server.object.GET.499.timing:2.0|ms
pre.proxy-server.object.GET.499.xfer:21|c
pre.proxy-server.object.policy.0.GET.200.first-byte.timing:1.0|ms
pre.proxy-server.object.policy.0.GET.499.timing:2.0|ms
pre.proxy-server.object.policy.0.GET.499.xfer:21|c`},
		{"unknown policy", func() {
			s.EmitRequest(event.Request{Server: "proxy-server", Method: "PUT", Path: "/v1/a/c/o/p", Status: 201, WireStatus: 201, Duration: 1234567, Policy: "7"})
		}, "pre.proxy-server.object.PUT.201.timing:1.2346|ms\npre.proxy-server.object.PUT.201.xfer:0|c"},
		{"policy of a container", func() {
			s.EmitRequest(event.Request{Server: "proxy-server", Method: "HEAD", Path: "/v1.0/a/c/", Status: 204, Duration: ms, Policy: "0"})
		}, "pre.proxy-server.container.HEAD.204.timing:1.0|ms\npre.proxy-server.container.HEAD.204.xfer:0|c"},
		{"sub-request of no resource", func() {
			s.EmitRequest(event.Request{Server: "proxy-server", Method: "FOO", Path: "/x", Source: "SLO", Status: 405, Duration: ms})
		}, "pre.proxy-server.SLO.BAD_METHOD.405.timing:1.0|ms\npre.proxy-server.SLO.BAD_METHOD.405.xfer:0|c"},
		{"nothing known", func() {
			s.EmitRequest(event.Request{Server: "proxy-server", Method: "GET", Path: "/info", Status: 200, Duration: ms})
		}, "pre.proxy-server.UNKNOWN.GET.200.timing:1.0|ms\npre.proxy-server.UNKNOWN.GET.200.xfer:0|c"},
		{"storage", func() {
			s.EmitRequest(event.Request{Server: "object-server", Method: "PUT", Status: 412, Duration: ms})
			s.EmitRequest(event.Request{Server: "object-server", Method: "DELETE", Status: 507, Duration: ms})
			s.EmitRequest(event.Request{Server: "object-server", Method: "FOO", Status: 405, Duration: ms})
		}, "pre.proxy-server.PUT.timing:1.0|ms\npre.proxy-server.DELETE.errors.timing:1.0|ms"},
		{"others", func() {
			s.EmitQuarantine(event.Quarantine{})
			s.EmitAsyncUpdate(event.AsyncUpdate{})
			s.EmitAsyncUpdate(event.AsyncUpdate{Sent: true})
			s.EmitErrorLimit(event.ErrorLimit{})
			s.EmitErrorLimit(event.ErrorLimit{Forced: true})
			s.EmitRateLimit(event.RateLimit{})
			s.Tick("tempauth.AUTH_", "unauthorized")
			s.EmitTiming(event.Timing{Name: "PUT.sda.timing", Duration: ms / 2})
		}, `pre.proxy-server.quarantines:1|c
pre.proxy-server.async_pendings:1|c
pre.proxy-server.successes:1|c
pre.proxy-server.unlinks:1|c
pre.proxy-server.error_limiter.incremented_limit:1|c
pre.proxy-server.error_limiter.forced_limit:1|c
pre.proxy-server.backend.ratelimit:1|c
pre.tempauth.AUTH_.unauthorized:1|c
pre.proxy-server.PUT.sda.timing:0.5|ms`},
	} {
		tt.emit()
		if got := strings.Join(w.take(), "\n"); got != tt.want {
			t.Errorf("%s:\n%s\nwant\n%s", tt.name, got, tt.want)
		}
	}
	if !reflect.DeepEqual(w.opened, []string{"[::1]:8125"}) {
		t.Errorf("opened %q", w.opened)
	}
}

func TestSampling(t *testing.T) {
	w := &wire{}
	c := New(w, Config{Host: "h", Port: 1, Legacy: true, DefaultRate: 0.5, Factor: 0.5})
	s := c.Sink(Names{Daemon: "object-server"})
	for _, draw := range []float64{0.25, 0.24} {
		c.random = func() float64 { return draw }
		s.Tick("", "x")
		s.EmitRequest(event.Request{Server: "object-server", Method: "REPLICATE", Duration: time.Millisecond}) // 0.1 · 0.5
	}
	if got := w.take(); !reflect.DeepEqual(got, []string{"object-server.x:1|c|@0.25"}) {
		t.Errorf("sent %q", got)
	}
}

// A name that does not resolve costs one try a minute, and no request fails.
func TestNoHost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &wire{fail: true}
		c := New(w, Config{Host: "h", Port: 1, Legacy: true, DefaultRate: 1, Factor: 1})
		s := c.Sink(Names{})
		s.Tick("", "x")
		s.Tick("", "x")
		time.Sleep(reopenAfter)
		w.fail = false
		s.Tick("", "y")
		if got := w.take(); len(w.opened) != 2 || !reflect.DeepEqual(got, []string{"y:1|c"}) {
			t.Errorf("opened %d times, sent %q", len(w.opened), got)
		}
		c.Close()
	})
}

func TestNobodyListens(t *testing.T) {
	for _, cfg := range []Config{{Legacy: true, Mode: "graphite"}, {Host: "h"}} {
		c := New(&wire{}, cfg)
		if c != nil || c.Sink(Names{}) != nil {
			t.Errorf("a client for %+v", cfg)
		}
		c.Close()
	}
}

func TestStorageRate(t *testing.T) {
	for what, want := range map[string]float64{
		"account-server PUT": byDefault, "account-server HEAD": byDefault, "account-server UPDATE": 0, "account-server SSYNC": 0,
		"container-server UPDATE": byDefault, "container-server HEAD": 0.1, "container-server REPLICATE": 0.01,
		"object-server HEAD": 0.8, "object-server SSYNC": 0.1, "object-server UPDATE": 0, "object-server PATCH": 0,
	} {
		server, method, _ := strings.Cut(what, " ")
		if got, ok := storageRate(server, method); ok != (want != 0) || ok && got != want {
			t.Errorf("%s: %v, %v", what, got, ok)
		}
	}
}

// How each collector wants a metric written.
func TestModes(t *testing.T) {
	for mode, want := range map[string]string{
		"librato":   "m#a=1,b=:9|c|@0.5",
		"influxdb":  "m,a=1,b=:9|c|@0.5",
		"graphite":  "m;a=1;b=:9|c|@0.5",
		"dogstatsd": "m:9|c|@0.5|#a:1,b:",
	} {
		w := &wire{}
		c := New(w, Config{Host: "h", Port: 1, Mode: mode, User: "b=", Prefix: "not for these", DefaultRate: 0.5, Factor: 1})
		c.random = func() float64 { return 0 }
		c.labelled("m", "9", "c", label{"a", "1"})
		c.Sink(Names{}).Tick("", "has no labels")
		if got := w.take(); !reflect.DeepEqual(got, []string{want}) {
			t.Errorf("%s: %q, want %q", mode, got, want)
		}
	}
	if got := Modes(); len(got) != 4 || got[0] != "dogstatsd" {
		t.Errorf("modes %q", got)
	}
}

func TestLabels(t *testing.T) {
	w := &wire{}
	c := New(w, Config{Host: "h", Port: 1, Mode: "graphite", User: "user_at=x", DefaultRate: 1, Factor: 1})
	s := c.Sink(proxyNames())
	ms := time.Millisecond
	object := event.Subject{Resource: "object", Account: "a", Container: "c;d"}
	for _, tt := range []struct {
		name string
		emit func()
		want string
	}{
		{"object", func() {
			s.EmitRequest(event.Request{Server: "proxy-server", Method: "GET", Subject: object, Status: 499, WireStatus: 206, BytesIn: 1, BytesOut: 20,
				Duration: 2 * ms, FirstByte: ms, Policy: "0"})
		}, `swift_proxy_server_request_ttfb;account=a;api=swift;container=c%3Bd;method=GET;policy=0;resource=object;status=206;user_at=x:1.0|ms
swift_proxy_server_request_timing;account=a;api=swift;container=c%3Bd;method=GET;policy=0;resource=object;status=206;user_at=x:2.0|ms
swift_proxy_server_request_body_bytes;account=a;api=swift;container=c%3Bd;method=GET;policy=0;resource=object;status=206;user_at=x:1|c
swift_proxy_server_response_body_bytes;account=a;api=swift;container=c%3Bd;method=GET;policy=0;resource=object;status=206;user_at=x:20|c`},
		{"nothing known", func() {
			s.EmitRequest(event.Request{Server: "proxy-server", Method: "FOO", Status: 405, WireStatus: 405, Duration: ms, Policy: "0"})
		}, `swift_proxy_server_request_timing;account=;api=swift;method=BAD_METHOD;resource=;status=405;user_at=x:1.0|ms
swift_proxy_server_request_body_bytes;account=;api=swift;method=BAD_METHOD;resource=;status=405;user_at=x:0|c
swift_proxy_server_response_body_bytes;account=;api=swift;method=BAD_METHOD;resource=;status=405;user_at=x:0|c`},
		{"unknown policy of a body under way", func() {
			s.EmitTransfer(event.Transfer{Method: "PUT", Subject: object, In: true, Bytes: 5})
			s.EmitTransfer(event.Transfer{Method: "PUT", Subject: object, Bytes: 6, Status: 201, Policy: "7"})
		}, `swift_proxy_server_request_body_streaming_bytes;account=a;api=swift;container=c%3Bd;method=PUT;resource=object;user_at=x:5|c
swift_proxy_server_response_body_streaming_bytes;account=a;api=swift;container=c%3Bd;method=PUT;resource=object;status=201;user_at=x:6|c`},
		{"object server", func() {
			s.EmitRequest(event.Request{Server: "object-server", Method: "PUT", Path: "/sda/7/a/c/o/p", Status: 201, Duration: ms, Policy: "1"})
			s.EmitRequest(event.Request{Server: "object-server", Method: "HEAD", Path: "/sda/7/a/c/o", Status: 404, Duration: ms})
			s.EmitRequest(event.Request{Server: "object-server", Method: "GET", Path: "/sda", Status: 400, Duration: ms})
			s.EmitRequest(event.Request{Server: "object-server", Method: "REPLICATE", Path: "/sda/7", Status: 200, Duration: ms})
			s.EmitRequest(event.Request{Server: "object-server", Method: "REPLICATE", Path: "/sda/7/abc-def", Status: 200, Duration: ms, Policy: "1"})
			s.EmitRequest(event.Request{Server: "object-server", Method: "SSYNC", Path: "/sda/7", Status: 200, Duration: ms, Policy: "1"})
			s.EmitRequest(event.Request{Server: "object-server", Method: "OPTIONS", Path: "/", Status: 200, Duration: ms})
		}, `swift_object_server_request_timing;account=a;container=c;method=PUT;policy=1;status=201;user_at=x:1.0|ms
swift_object_server_request_timing;account=a;container=c;method=HEAD;policy=0;status=404;user_at=x:1.0|ms
swift_object_server_request_timing;method=GET;status=400;user_at=x:1.0|ms
swift_object_server_request_timing;method=REPLICATE;policy=0;skip_rehash=False;status=200;user_at=x:1.0|ms
swift_object_server_request_timing;method=REPLICATE;policy=1;skip_rehash=True;status=200;user_at=x:1.0|ms
swift_object_server_request_timing;method=SSYNC;policy=1;status=200;user_at=x:1.0|ms`},
		{"container server", func() {
			s.EmitRequest(event.Request{Server: "container-server", Method: "PUT", Path: "/sda/7/a/c", Status: 201, Duration: ms})
		}, ""},
	} {
		tt.emit()
		if got := strings.Join(w.take(), "\n"); got != tt.want {
			t.Errorf("%s:\n%s\nwant\n%s", tt.name, got, tt.want)
		}
	}
}
