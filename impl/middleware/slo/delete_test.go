package slo

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"apus/impl/web/webtest"
)

func TestDelete(t *testing.T) {
	s := newStore()
	h := s.filter(t, "concurrency = 1")
	for _, n := range []string{"a", "b", "ü"} {
		s.put("/seg/"+n, n)
	}
	putLarge(t, h, "/c/in", `[{"path":"/seg/b"}]`)
	putLarge(t, h, "/c/o", `[{"path":"/seg/a"},{"path":"/c/in"},{"data":"aGVsbG8="},{"path":"/seg/ü"}]`)
	s.log()
	got := webtest.Do(h, webtest.Request("DELETE", "/v1/a/c/o?multipart-manifest=delete", "Content-Type", "x/y"))
	want := "Number Deleted: 5\nNumber Not Found: 0\nResponse Body: \nResponse Status: 200 OK\nErrors:\n"
	if got.Status != 200 || got.Body != want || got.Header.Get("Content-Type") != "text/plain" {
		t.Errorf("%d %s %q", got.Status, got.Header.Get("Content-Type"), got.Body)
	}
	lines := []string{
		"GET /v1/a/c/o?multipart-manifest=get", "DELETE /v1/a/seg/a", "GET /v1/a/c/in?multipart-manifest=get",
		"DELETE /v1/a/seg/ü", "DELETE /v1/a/c/o", "DELETE /v1/a/seg/b", "DELETE /v1/a/c/in",
	}
	if log := s.log(); !slices.Equal(log, lines) {
		t.Errorf("requests %q", log)
	}
	if len(s.objects) != 0 {
		t.Errorf("%d objects are left", len(s.objects))
	}
}

func TestDeleteReports(t *testing.T) {
	const ok, bad = "200 OK", "400 Bad Request"
	for _, c := range []struct {
		name     string
		target   string
		accept   string
		prepare  func(*store)
		contains []string
	}{
		{"a segment is gone", "/c/large", "", func(s *store) { delete(s.objects, "/v1/a/seg/b") },
			[]string{"Number Deleted: 3\n", "Number Not Found: 1\n", "Response Status: " + ok}},
		{"twice the same", "/c/twice", "", nil, []string{"Number Deleted: 2\n", "Number Not Found: 1\n", ok}},
		{"nothing there", "/c/none", "", nil, []string{"Number Deleted: 0\n", "Number Not Found: 1\n", "Response Status: " + ok}},
		{"a plain object", "/seg/a", "", nil, []string{"Number Deleted: 0\n", "Response Status: " + bad, "Errors:\n/seg/a, Not an SLO manifest\n"}},
		{"forbidden", "/c/large", "", func(s *store) { s.rules["/v1/a/seg/b"] = rule{status: 403} },
			[]string{"Number Deleted: 3\n", "Response Status: " + bad, "Errors:\n/seg/b, 403 Forbidden\n"}},
		{"unauthorized", "/c/large", "", func(s *store) { s.rules["/v1/a/c/large"] = rule{status: 401} },
			[]string{"Number Deleted: 0\n", "Response Status: " + bad, "Errors:\n/c/large, 401 Unauthorized\n"}},
		{"unreachable", "/c/large", "", func(s *store) { s.rules["/v1/a/seg/b"] = rule{status: 503} },
			[]string{"Number Deleted: 3\n", "Response Status: 502 Bad Gateway", "Errors:\n/seg/b, 503 Service Unavailable\n"}},
		{"manifest unreachable", "/c/large", "", func(s *store) { s.rules["/v1/a/c/large"] = rule{status: 503} },
			[]string{"Response Status: " + bad, "Errors:\n/c/large, Unable to load SLO manifest or segment.\n"}},
		{"manifest damaged", "/c/large", "", func(s *store) { s.objects["/v1/a/c/large"].data = "{" },
			[]string{"Response Status: " + bad, "Errors:\n/c/large, Unable to load SLO manifest\n"}},
		{"JSON", "/c/large", "application/json", nil,
			[]string{`{"Errors":[],"Number Deleted":4,"Number Not Found":0,"Response Body":"","Response Status":"200 OK"}`}},
		{"XML", "/seg/a", "text/xml", nil, []string{"<delete>\n<number_deleted>0</number_deleted>\n<number_not_found>0</number_not_found>\n" +
			"<response_body></response_body>\n<response_status>400 Bad Request</response_status>\n" +
			"<errors>\n<object><name>/seg/a</name><status>Not an SLO manifest</status></object>\n</errors>\n</delete>\n"}},
		{"no format fits", "/c/large", "image/png", nil, []string{"Number Deleted: 0\n", "Response Status: 406 Not Acceptable"}},
		{"a name that is no text", "/c/\xff", "", nil, []string{"Response Body: Invalid UTF8 or contains NULL\n", "Response Status: 412 Precondition Failed"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, h, _ := library(t, "")
			putLarge(t, h, "/c/twice", `[{"path":"/seg/a"},{"path":"/seg/a"}]`)
			if c.prepare != nil {
				c.prepare(s)
			}
			got := webtest.Do(h, webtest.Request("DELETE", "/v1/a"+c.target+"?multipart-manifest=delete", "Accept", c.accept))
			if got.Status != 200 || got.Err != nil {
				t.Errorf("%d, %v", got.Status, got.Err)
			}
			for _, want := range c.contains {
				if !strings.Contains(got.Body, want) {
					t.Errorf("the report lacks %q:\n%s", want, got.Body)
				}
			}
			if open, _, _ := s.counts(); open != 0 {
				t.Errorf("%d open", open)
			}
		})
	}
}

func TestDeleteIf(t *testing.T) {
	s, h, _ := library(t, "")
	etag := hexMD5(s.objects["/v1/a/c/large"].data) // of what is read: the manifest
	before := len(s.objects)
	for header, want := range map[[2]string]string{
		{"If-None-Match", "*"}:  "/c/large, Unable to load SLO manifest or segment.\n",
		{"If-Match", "other"}:   "/c/large, Unable to load SLO manifest or segment.\n",
		{"If-None-Match", etag}: "/c/large, Unable to load SLO manifest or segment.\n",
	} {
		got := webtest.Do(h, webtest.Request("DELETE", "/v1/a/c/large?multipart-manifest=delete", header[0], header[1]))
		if !strings.Contains(got.Body, want) || len(s.objects) != before {
			t.Errorf("%s: %s; %d objects of %d are left", header, got.Body, len(s.objects), before)
		}
	}
	got := webtest.Do(h, webtest.Request("DELETE", "/v1/a/c/large?multipart-manifest=delete", "If-Match", "*"))
	if !strings.Contains(got.Body, "Number Deleted: 4") {
		t.Errorf("what is there: %s", got.Body)
	}
}

// TestDeleteKeepsAlive: a slow delete sends whitespace, and stops when the
// client hangs up.
func TestDeleteKeepsAlive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, h, _ := library(t, "concurrency = 1\nyield_frequency = 10")
		for _, n := range []string{"a", "b", "c"} {
			s.rules["/v1/a/seg/"+n] = rule{slow: 6 * time.Second}
		}
		target := "/v1/a/c/large?multipart-manifest=delete"
		resp := h.Serve(context.Background(), webtest.Request("DELETE", target))
		p := make([]byte, 100)
		if n, err := resp.Body.Read(p); err != nil || string(p[:n]) != " " {
			t.Errorf("first %q, %v", p[:n], err)
		}
		if err := resp.Body.Close(); err != nil {
			t.Error(err)
		}
		if n, err := resp.Body.Read(p); err == nil || n != 0 {
			t.Error("it goes on after Close")
		}
		if fmt.Sprint(len(s.objects)) != "2" { // c and the manifest
			t.Errorf("%d objects are left", len(s.objects))
		}
		got := webtest.Do(h, webtest.Request("DELETE", target, "Accept", "application/xml"))
		if !strings.HasPrefix(got.Body, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\r\n\r\n<delete>") {
			t.Errorf("the report begins %.80q", got.Body)
		}
	})
}

func TestDeleteGivesUp(t *testing.T) {
	s := newStore()
	h := s.filter(t, "max_manifest_segments = 5000")
	var items []string
	for i := range 1500 {
		name := fmt.Sprintf("/seg/%d", i)
		s.put(name, "x")
		items = append(items, `{"path":"`+name+`"}`)
	}
	putLarge(t, h, "/c/o", "["+strings.Join(items, ",")+"]")
	for i := range 1500 {
		s.rules[fmt.Sprintf("/v1/a/seg/%d", i)] = rule{status: 403}
	}
	got := webtest.Do(h, webtest.Request("DELETE", "/v1/a/c/o?multipart-manifest=delete"))
	if !strings.Contains(got.Body, "Max delete failures exceeded") || s.objects["/v1/a/c/o"] == nil {
		t.Errorf("report %.200s", got.Body)
	}
}

func TestListing(t *testing.T) {
	webtest.TrackBodies(t)
	const plain = `[{"bytes":1,"hash":"abc","name":"x"}]`
	const large = `[{"bytes":12345678901,"hash":"abc; slo_etag=def; x=1","name":"x<y"},{"subdir":"p/"}]`
	for _, c := range []struct{ name, kind, body, want string }{
		{"nothing large", "application/json; charset=utf-8", plain, plain},
		{"large", "application/json; charset=utf-8", large, `[{"bytes":12345678901,"hash":"abc; x=1","name":"x<y","slo_etag":"\"def\""},{"subdir":"p/"}]`},
		{"text", "text/plain; charset=utf-8", large, large},
		{"not a listing", "application/json", `{"slo_etag=": 1`, `{"slo_etag=": 1`},
	} {
		f, _ := webtest.Filter(t, New, nil, "", nil)
		got := webtest.Do(f(webtest.NewNext(webtest.Answer(200, c.body, "Content-Type", c.kind))), webtest.Request("GET", "/v1/a/c"))
		if got.Body != c.want || got.ContentLength != int64(len(c.want)) {
			t.Errorf("%s: %s", c.name, got.Body)
		}
	}
}
