package gatekeeper_test

import (
	"strings"
	"testing"

	"apus/impl/host"
	"apus/impl/middleware/gatekeeper"
	"apus/impl/web"
	"apus/impl/web/webtest"
)

// secrets never pass, in either direction.
var secrets = []string{
	"X-Account-Sysmeta-A", "X-Container-Sysmeta-A", "X-Object-Sysmeta-A", "X-Object-Transient-Sysmeta-A",
	"X-Backend-Storage-Policy-Index", "X-Backend", "X-Account-Host", "X-Account-Device", "X-Account-Partition",
	"X-Container-Host", "X-Container-Device", "X-Container-Partition", "X-Container-Root-Db-State",
	"X-Delete-At-Host", "X-Delete-At-Device", "X-Delete-At-Partition", "X-Delete-At-Container",
}

// harmless ones look similar and pass.
var harmless = []string{
	"X-Account-Meta-Sysmeta", "X-Object-Meta-X", "X-Delete-At", "X-Container-Host-Name", "X-Account-Sysmetal",
	"X-Container-Read", "X-Object-Transient", "Etag",
}

func build(t *testing.T, options string, next web.Handler) web.Handler {
	t.Helper()
	webtest.TrackBodies(t)
	f, _ := webtest.Filter(t, gatekeeper.New, &host.Host{}, options, nil)
	return f(next)
}

func TestHeaders(t *testing.T) {
	var pairs []string
	for _, name := range append(append([]string{}, secrets...), harmless...) {
		pairs = append(pairs, name, "v")
	}
	next := webtest.NewNext(webtest.Answer(200, "body", pairs...))
	got := webtest.Do(build(t, "", next), webtest.Request("GET", "/", pairs...))
	for _, name := range secrets {
		if next.Last().Header.Get(name) != "" {
			t.Errorf("%s came in", name)
		}
		if got.Header.Get(name) != "" {
			t.Errorf("%s went out", name)
		}
	}
	for _, name := range harmless {
		if next.Last().Header.Get(name) != "v" || got.Header.Get(name) != "v" {
			t.Errorf("%s was stripped", name)
		}
	}
}

// A header set without the canonical form is the same header.
func TestHeadersInOddCase(t *testing.T) {
	next := webtest.NewNext(func(*web.Request) *web.Response {
		resp := webtest.Response(200, "")
		resp.Header["x-BACKEND-thing"] = []string{"v"}
		return resp
	})
	if got := webtest.Do(build(t, "", next), webtest.Request("GET", "/")); len(got.Header) != 0 {
		t.Errorf("%v went out", got.Header)
	}
}

func TestShunts(t *testing.T) {
	for _, tt := range []struct {
		name, options, header, arrives, absent string
	}{
		{"timestamp", "", "X-Timestamp", "X-Backend-Inbound-X-Timestamp", "X-Timestamp"},
		{"timestamp kept", "shunt_inbound_x_timestamp = no", "X-Timestamp", "X-Timestamp", "X-Backend-Inbound-X-Timestamp"},
		{"reserved names refused", "", "X-Allow-Reserved-Names", "X-Allow-Reserved-Names", "X-Backend-Allow-Reserved-Names"},
		{"reserved names", "allow_reserved_names_header = yes", "X-Allow-Reserved-Names", "X-Backend-Allow-Reserved-Names", "X-Allow-Reserved-Names"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			next := webtest.NewNext(webtest.Answer(200, ""))
			webtest.Do(build(t, tt.options, next), webtest.Request("PUT", "/", tt.header, "1"))
			h := next.Last().Header
			if h.Get(tt.arrives) != "1" || h.Get(tt.absent) != "" {
				t.Errorf("arrived: %v", h)
			}
		})
	}
}

func TestLocation(t *testing.T) {
	for _, tt := range []struct {
		name, location string
		relative       bool
		want           string
	}{
		{"made absolute", "/v1/a/c/?x=1", false, "http://h:8080/v1/a/c/?x=1"},
		{"absolute stays", "http://other/v1", false, "http://other/v1"},
		{"made relative", "http://h:8080/v1/a%20b/c/?x=1#f", true, "/v1/a%20b/c/?x=1#f"},
		{"relative stays", "/v1/a", true, "/v1/a"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			next := webtest.NewNext(webtest.Answer(301, "", "Location", tt.location))
			req := webtest.Request("GET", "/")
			req.Host, req.Meta.RelativeLocation = "h:8080", tt.relative
			got := webtest.Do(build(t, "", next), req)
			if l := got.Header.Get("Location"); l != tt.want {
				t.Errorf("Location %q, want %q", l, tt.want)
			}
		})
	}
}

func FuzzStrip(f *testing.F) {
	for _, s := range append(secrets, harmless...) {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		h := map[string][]string{name: {"v"}}
		gatekeeper.Strip(h)
		if len(h) == 1 && strings.HasPrefix(strings.ToLower(name), "x-backend") {
			t.Errorf("%q passed", name)
		}
	})
}
