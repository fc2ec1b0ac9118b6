package accesslog_test

import (
	"context"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"apus/impl/accesslog"
	"apus/impl/config"
	"apus/impl/event"
	"apus/impl/host"
	"apus/impl/web"
	"apus/impl/web/webtest"
)

// lines collects what is logged.
type lines struct{ got []string }

func (l *lines) Enabled(context.Context, slog.Level) bool { return true }
func (l *lines) WithAttrs([]slog.Attr) slog.Handler       { return l }
func (l *lines) WithGroup(string) slog.Handler            { return l }
func (l *lines) Handle(_ context.Context, r slog.Record) error {
	l.got = append(l.got, r.Level.String()+" "+r.Message)
	return nil
}

func log(t *testing.T, options string, req *web.Request) (got []string, err error) {
	synctest.Test(t, func(t *testing.T) {
		webtest.TrackBodies(t)
		f, perr := config.Parse("[s]\n"+options, "object-server.conf")
		if perr != nil {
			t.Fatal(perr)
		}
		l := &lines{}
		h := &host.Host{Log: slog.New(l), Clock: webtest.NewClock(10002)}
		handler := accesslog.Wrap(h, f.Section("s"), "object-server", nil, web.HandlerFunc(func(context.Context, *web.Request) *web.Response {
			time.Sleep(2 * time.Second)
			return webtest.Response(404, "12345")
		}))
		webtest.Do(handler, req)
		got, err = l.got, f.Err()
	})
	return got, err
}

func request(method string, header ...string) *web.Request {
	r := webtest.Request(method, "/sda1/7/a/c/o é", header...)
	r.RemoteAddr = "1.2.3.4:5"
	return r
}

func TestLine(t *testing.T) {
	const stamp = "[01/Jan/1970:02:46:42 +0000]"
	for name, tc := range map[string]struct {
		options string
		req     *web.Request
		want    string
	}{
		"bare": {"", request("HEAD"), `INFO 1.2.3.4 - - ` + stamp + ` "HEAD /sda1/7/a/c/o%20%C3%A9" 404 5 "-" "-" "-" 2.0000 "-" - -`},
		"full": {"", request("PUT", "Referer", "GET http://x/", "X-Trans-Id", "tx1", "User-Agent", "proxy-server 1", "X-Backend-Storage-Policy-Index", "0"),
			`INFO 1.2.3.4 - - ` + stamp + ` "PUT /sda1/7/a/c/o%20%C3%A9" 404 5 "GET http://x/" "tx1" "proxy-server 1" 2.0000 "-" - 0`},
		"replicate":   {"log_format = {method}", request("REPLICATE"), "DEBUG REPLICATE"},
		"replication": {"log_format = {method}", request("PUT", "X-Backend-Replication", "True"), "DEBUG PUT"},
		"parts":       {"log_format = {{{disk} {partition} {account} {container} {object} {time.iso8601} {trans_time}}}", request("GET"), "INFO {sda1 7 a c o%20%C3%A9 1970-01-01T02:46:42 2}"},
		"anonymous":   {"log_format = {account.anonymized} {referer.anonymized}", request("GET"), "INFO {MD5}0cc175b9c0f1b6a831c399e269772661 -"},
		"salted":      {"log_format = {account.anonymized}\nlog_anonymization_method = sha1\nlog_anonymization_salt = b", request("GET"), "INFO {SSHA1}6c0596b8ac609191181a90517d51c0b486f23799"},
		"off":         {"log_requests = no", request("GET"), ""},
	} {
		got, err := log(t, tc.options, tc.req)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		switch {
		case tc.want == "" && len(got) == 0:
		case len(got) != 1 || got[0] != tc.want:
			t.Errorf("%s: %q, want %q", name, got, tc.want)
		}
	}
}

func TestBadFormats(t *testing.T) {
	for _, options := range []string{
		"log_format = {method", "log_format = }", "log_format = {none}", "log_format = {method.anonymized}",
		"log_format = {trans_time:x}", "log_format = {method:.4f}", "log_format = {time.none}", "log_anonymization_method = rot13",
	} {
		if _, err := log(t, options, request("GET")); err == nil {
			t.Errorf("%s is accepted", options)
		}
	}
}

// Requests are counted whether or not they are logged.
func TestEvents(t *testing.T) {
	webtest.TrackBodies(t)
	f, err := config.Parse("[s]\nlog_requests = no\n", "object-server.conf")
	if err != nil {
		t.Fatal(err)
	}
	var heard []event.Request
	ev := &event.Sink{Request: func(e event.Request) {
		e.Duration = 0
		heard = append(heard, e)
	}}
	h := &host.Host{Log: slog.New(&lines{}), Clock: webtest.NewClock(1)}
	handler := accesslog.Wrap(h, f.Section("s"), "object-server", ev, webtest.NewNext(webtest.Answer(507, "full")))
	webtest.Do(handler, request("PUT", "X-Trans-Id", "tx1"))
	want := event.Request{Server: "object-server", Method: "PUT", Path: "/sda1/7/a/c/o é", TxnID: "tx1", Status: 507, WireStatus: 507}
	if len(heard) != 1 || heard[0] != want {
		t.Errorf("heard %+v", heard)
	}
}
