package profile_test

import (
	"context"
	"runtime/pprof"
	"strings"
	"testing"
	"time"

	"apus/impl/host"
	"apus/impl/middleware/profile"
	"apus/impl/web/webtest"
)

func ask(t *testing.T, options, remote, method, path string, header ...string) webtest.Result {
	t.Helper()
	f, _ := webtest.Filter(t, profile.New, nil, options, nil)
	req := webtest.Request(method, path, header...)
	req.RemoteAddr = remote
	return webtest.Do(f(webtest.NewNext(webtest.Answer(299, "went on"))), req)
}

const here = "127.0.0.1:4711"

func TestWho(t *testing.T) {
	webtest.TrackBodies(t)
	for _, tt := range []struct {
		options, remote, path string
		want                  int
	}{
		{"", here, "/__profile__", 200},
		{"", "[::1]:1", "/__profile__/", 200},
		{"", "[::ffff:127.0.0.2]:1", "/__profile__/", 200},
		{"", "10.0.0.1:1", "/__profile__", 403},
		{"", "10.0.0.1:1", "/__profile__/heap", 403},
		{"", "localhost:1", "/__profile__", 403},
		{"", "", "/__profile__", 403},
		{"allow_remote = yes", "10.0.0.1:1", "/__profile__", 200},
		{"", "10.0.0.1:1", "/v1/a/__profile__", 299},
		{"", here, "/__profile__x", 299},
		{"path = /debug/", here, "/__profile__", 299},
		{"path = /debug/", here, "/debug/heap", 200},
	} {
		if got := ask(t, tt.options, tt.remote, "GET", tt.path); got.Status != tt.want {
			t.Errorf("%+v: %d", tt, got.Status)
		}
	}
}

func TestProfiles(t *testing.T) {
	webtest.TrackBodies(t)
	for _, tt := range []struct {
		method, path string
		status       int
		contentType  string
	}{
		{"GET", "/__profile__/goroutine", 200, "application/octet-stream"},
		{"GET", "/__profile__/goroutine?debug=2", 200, "text/plain; charset=utf-8"},
		{"GET", "/__profile__/heap?gc=1", 200, "application/octet-stream"},
		{"GET", "/__profile__/heap?debug=x", 400, "text/plain"},
		{"GET", "/__profile__/none", 404, "text/plain"},
		{"POST", "/__profile__/heap", 405, "text/html; charset=UTF-8"},
		{"GET", "/__profile__/profile?seconds=61", 400, "text/plain"},
		{"GET", "/__profile__/profile?seconds=-1", 400, "text/plain"},
		{"GET", "/__profile__/trace?seconds=NaN", 400, "text/plain"},
	} {
		got := ask(t, "", here, tt.method, tt.path)
		if got.Status != tt.status || got.Header.Get("Content-Type") != tt.contentType || got.Status == 200 && got.Body == "" {
			t.Errorf("%+v: %d %v", tt, got.Status, got.Header)
		}
	}
	if got := ask(t, "", here, "GET", "/__profile__/goroutine?debug=2"); !strings.Contains(got.Body, "TestProfiles") {
		t.Error("the stacks are not there")
	}
}

func TestIndex(t *testing.T) {
	webtest.TrackBodies(t)
	page := ask(t, "", here, "GET", "/__profile__")
	if !strings.Contains(page.Body, `<a href="/__profile__/heap?debug=1">heap</a>`) || page.Header.Get("Content-Type") != "text/html; charset=utf-8" {
		t.Errorf("%v\n%s", page.Header, page.Body)
	}
	text := ask(t, "path = p", here, "GET", "/p", "Accept", "text/plain")
	if !strings.Contains(text.Body, "/p/profile?seconds=30\tCPU time\n") || text.Header.Get("Content-Type") != "text/plain; charset=utf-8" {
		t.Errorf("%v\n%s", text.Header, text.Body)
	}
}

func TestMeasurements(t *testing.T) {
	webtest.TrackBodies(t)
	for _, name := range []string{"profile", "trace"} {
		for range 2 { // the first has ended
			got := ask(t, "", here, "GET", "/__profile__/"+name+"?seconds=0")
			if got.Status != 200 || got.Body == "" || got.Header.Get("Content-Type") != "application/octet-stream" {
				t.Errorf("%s: %d %v", name, got.Status, got.Header)
			}
		}
	}
	var b strings.Builder
	if err := pprof.StartCPUProfile(&b); err != nil {
		t.Fatal(err)
	}
	defer pprof.StopCPUProfile()
	if got := ask(t, "", here, "GET", "/__profile__/profile?seconds=0"); got.Status != 409 {
		t.Errorf("a second one at the same time: %d", got.Status)
	}
}

// A client who hangs up ends the measurement: the test would take a minute.
func TestClientGone(t *testing.T) {
	webtest.TrackBodies(t)
	f, _ := webtest.Filter(t, profile.New, nil, "", nil)
	req := webtest.Request("GET", "/__profile__/profile?seconds=60")
	req.RemoteAddr = here
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	start := host.StartStopwatch()
	f(webtest.NewNext()).Serve(ctx, req).Discard()
	if start.Elapsed() > 30*time.Second {
		t.Error("it went on without him")
	}
	if got := ask(t, "", here, "GET", "/__profile__/profile?seconds=0"); got.Status != 200 {
		t.Errorf("the next one: %d", got.Status)
	}
}
