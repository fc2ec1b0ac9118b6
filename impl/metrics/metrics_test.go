package metrics_test

import (
	"context"
	"errors"
	"io"
	"net"
	"reflect"
	"testing"
	"time"

	"apus/impl/config"
	"apus/impl/event"
	"apus/impl/metrics"
	"apus/impl/policy"
)

// wire is a host.Net that keeps datagrams.
type wire struct{ opened, sent []string }

func (*wire) Dial(context.Context, string) (net.Conn, error) { return nil, errors.New("no TCP") }
func (*wire) Listen(string) (net.Listener, error)            { return nil, errors.New("no TCP") }
func (w *wire) Datagrams(addr string) (io.WriteCloser, error) {
	w.opened = append(w.opened, addr)
	return w, nil
}

func (w *wire) Write(b []byte) (int, error) {
	w.sent = append(w.sent, string(b))
	return len(b), nil
}
func (*wire) Close() error { return nil }

func TestSections(t *testing.T) {
	file, err := config.Parse(`[DEFAULT]
log_statsd_host = all
[filter:a]
[filter:b]
[filter:log]
set access_log_statsd_host = other
access_log_statsd_metric_prefix = p
log_statsd_valid_http_methods = GET, foo
[filter:off]
set log_statsd_host =
`, "x.conf")
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{}
	heard := 0
	set := metrics.New("proxy-server", w, policy.Default(), &event.Sink{Count: func(event.Count) { heard++ }}, nil)
	for _, name := range []string{"a", "b", "off"} {
		set.Section(file.Section("filter:"+name), "").Tick("", name)
	}
	log := set.Section(file.Section("filter:log"), "access_")
	log.Tick("", "log")
	for _, method := range []string{"FOO", "PUT"} {
		log.EmitRequest(event.Request{Server: "proxy-server", Method: method, Path: "/v1/a/c/o", Status: 200, Duration: time.Millisecond, Policy: "0"})
	}
	set.Close()
	want := []string{
		"proxy-server.a:1|c", "proxy-server.b:1|c", "p.proxy-server.log:1|c",
		"p.proxy-server.object.FOO.200.timing:1.0|ms", "p.proxy-server.object.FOO.200.xfer:0|c",
		"p.proxy-server.object.policy.0.FOO.200.timing:1.0|ms", "p.proxy-server.object.policy.0.FOO.200.xfer:0|c",
		"p.proxy-server.object.BAD_METHOD.200.timing:1.0|ms", "p.proxy-server.object.BAD_METHOD.200.xfer:0|c",
		"p.proxy-server.object.policy.0.BAD_METHOD.200.timing:1.0|ms", "p.proxy-server.object.policy.0.BAD_METHOD.200.xfer:0|c",
	}
	if !reflect.DeepEqual(w.sent, want) {
		t.Errorf("sent %q", w.sent)
	}
	if !reflect.DeepEqual(w.opened, []string{"all:8125", "other:8125"}) || heard != 4 || file.Err() != nil {
		t.Errorf("opened %q, heard %d, %v", w.opened, heard, file.Err())
	}
}
