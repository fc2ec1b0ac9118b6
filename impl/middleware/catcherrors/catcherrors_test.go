package catcherrors_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"apus/impl/host"
	"apus/impl/middleware/catcherrors"
	"apus/impl/web"
	"apus/impl/web/webtest"
)

func build(t *testing.T, options string) web.Filter {
	t.Helper()
	webtest.TrackBodies(t)
	f, _ := webtest.Filter(t, catcherrors.New, &host.Host{Clock: webtest.NewClock(0x6543210f)}, options, nil)
	return f
}

func TestTransactionID(t *testing.T) {
	for _, tt := range []struct {
		name, options, extra, pattern string
	}{
		{"plain", "", "", `^tx[0-9a-f]{21}-006543210f$`},
		{"suffix", "trans_id_suffix = -dc 1", "", `^tx[0-9a-f]{21}-006543210f-dc%201$`},
		{"extra", "", "abc", `^tx[0-9a-f]{21}-006543210f-abc$`},
		{"extra is cut at 32", "", strings.Repeat("x", 50), `^tx[0-9a-f]{21}-006543210f-x{32}$`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			next := webtest.NewNext(webtest.Answer(200, "body"))
			req := webtest.Request("GET", "/v1/a", "X-Trans-Id", "forged")
			if tt.extra != "" {
				req.Header.Set("X-Trans-Id-Extra", tt.extra)
			}
			got := webtest.Do(build(t, tt.options)(next), req)
			id := got.Header.Get("X-Trans-Id")
			if !regexp.MustCompile(tt.pattern).MatchString(id) {
				t.Errorf("X-Trans-Id %q", id)
			}
			if got.Header.Get("X-Openstack-Request-Id") != id || next.Last().Meta.TxnID != id {
				t.Errorf("ids differ: %v, %q", got.Header, next.Last().Meta.TxnID)
			}
			if got.Status != 200 || got.Body != "body" {
				t.Errorf("%d %q", got.Status, got.Body)
			}
		})
	}
}

func TestPanic(t *testing.T) {
	h := build(t, "")(web.HandlerFunc(func(_ webtest.Context, _ *web.Request) *web.Response { panic("boom") }))
	got := webtest.Do(h, webtest.Request("GET", "/"))
	if got.Status != 500 || got.Body != "An error occurred" || got.Header.Get("X-Trans-Id") == "" {
		t.Errorf("%d %q %v", got.Status, got.Body, got.Header)
	}
}

func TestAbortGoesThrough(t *testing.T) {
	h := build(t, "")(web.HandlerFunc(func(_ webtest.Context, _ *web.Request) *web.Response { panic(http.ErrAbortHandler) }))
	defer func() {
		if p := recover(); p != http.ErrAbortHandler {
			t.Errorf("recovered %v", p)
		}
	}()
	webtest.Do(h, webtest.Request("GET", "/"))
}
