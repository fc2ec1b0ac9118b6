package slo

import (
	"context"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"apus/impl/web"
	"apus/impl/web/webtest"
)

func get(h web.Handler, target string, header ...string) webtest.Result {
	return webtest.Do(h, webtest.Request(http.MethodGet, "/v1/a"+target, header...))
}

func TestGetWhole(t *testing.T) {
	s, h, text := library(t, "")
	got := get(h, "/c/large")
	if got.Status != 200 || got.Body != text || got.Err != nil || got.ContentLength != 300 {
		t.Errorf("%d, %d bytes of %d, %v", got.Status, len(got.Body), got.ContentLength, got.Err)
	}
	want := `"` + hexMD5(hexMD5(text[:100])+hexMD5(text[100:200])+hexMD5(text[200:])) + `"`
	if e := got.Header.Get("Etag"); e != want {
		t.Errorf("Etag %s, want %s", e, want)
	}
	if got.Header.Get(manifestEtag) != hexMD5(s.objects["/v1/a/c/large"].data) {
		t.Error("X-Manifest-Etag is not the manifest's")
	}
	if ct := got.Header.Get("Content-Type"); ct != "application/octet-stream" {
		t.Errorf("Content-Type %s", ct)
	}
	if open, most, closed := s.counts(); open != 0 || most != 1 || closed != 4 {
		t.Errorf("%d open, at most %d at once, %d closed", open, most, closed)
	}
	for _, r := range s.seen {
		if strings.HasPrefix(r.Path, "/v1/a/seg") && r.Method == http.MethodGet && r.Source != "SLO" {
			t.Errorf("%s has source %q", r.Path, r.Source)
		}
	}
}

func TestGetRanges(t *testing.T) {
	_, h, text := library(t, "")
	for _, c := range []struct {
		header     string
		start, end int
	}{
		{"bytes=0-0", 0, 1}, {"bytes=0-99", 0, 100}, {"bytes=100-199", 100, 200}, {"bytes=99-100", 99, 101},
		{"bytes=50-249", 50, 250}, {"bytes=250-", 250, 300}, {"bytes=-10", 290, 300}, {"bytes=200-5000", 200, 300},
		{"bytes=0-", 0, 300},
	} {
		got := get(h, "/c/large", "Range", c.header)
		cr := fmt.Sprintf("bytes %d-%d/300", c.start, c.end-1)
		if got.Status != 206 || got.Body != text[c.start:c.end] || got.Header.Get("Content-Range") != cr || got.ContentLength != int64(c.end-c.start) {
			t.Errorf("%s: %d %s %q", c.header, got.Status, got.Header.Get("Content-Range"), got.Body)
		}
	}
}

func TestGetRangeFetchesOnlyThat(t *testing.T) {
	s, h, _ := library(t, "")
	get(h, "/c/large", "Range", "bytes=150-219")
	want := []string{
		"GET /v1/a/c/large bytes=150-219",
		"GET /v1/a/seg/b?multipart-manifest=get bytes=50-",
		"GET /v1/a/seg/c?multipart-manifest=get bytes=0-19",
	}
	if got := s.log(); !slices.Equal(got, want) {
		t.Errorf("requests %q", got)
	}
}

func TestGetMultipleRanges(t *testing.T) {
	s, h, text := library(t, "")
	got := get(h, "/c/large", "Range", "bytes=0-9,95-104,290-")
	if got.Status != 206 || int64(len(got.Body)) != got.ContentLength || got.Err != nil {
		t.Fatalf("%d, %d bytes of %d, %v", got.Status, len(got.Body), got.ContentLength, got.Err)
	}
	kind, params, err := mime.ParseMediaType(got.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/byteranges" {
		t.Fatalf("Content-Type %s: %v", got.Header.Get("Content-Type"), err)
	}
	mr := multipart.NewReader(strings.NewReader(got.Body), params["boundary"])
	for _, w := range [][2]int{{0, 10}, {95, 105}, {290, 300}} {
		part, err := mr.NextPart()
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(part)
		if string(body) != text[w[0]:w[1]] || part.Header.Get("Content-Range") != fmt.Sprintf("bytes %d-%d/300", w[0], w[1]-1) {
			t.Errorf("part %v: %q %s", w, body, part.Header.Get("Content-Range"))
		}
	}
	if open, most, _ := s.counts(); open != 0 || most != 1 {
		t.Errorf("%d open, at most %d at once", open, most)
	}
}

func TestConditions(t *testing.T) {
	s, h, text := library(t, "")
	etag := get(h, "/c/large").Header.Get("Etag")
	s.log()
	for _, c := range []struct {
		name   string
		method string
		header []string
		status int
		lines  int // requests that reach the store
	}{
		{"If-None-Match", "GET", []string{"If-None-Match", etag}, 304, 1},
		{"If-None-Match: *", "GET", []string{"If-None-Match", "*"}, 304, 1},
		{"If-None-Match of another", "GET", []string{"If-None-Match", "x"}, 200, 4},
		{"If-None-Match of the manifest", "GET", []string{"If-None-Match", hexMD5(s.objects["/v1/a/c/large"].data)}, 200, 4},
		{"If-Match", "GET", []string{"If-Match", etag}, 200, 4},
		{"If-Match of another", "GET", []string{"If-Match", "x"}, 412, 1},
		{"If-Modified-Since", "GET", []string{"If-Modified-Since", "Fri, 13 Feb 2009 23:31:30 GMT"}, 304, 1},
		{"If-Unmodified-Since", "GET", []string{"If-Unmodified-Since", "Fri, 13 Feb 2009 23:31:29 GMT"}, 412, 1},
		{"Range and If-None-Match", "GET", []string{"Range", "bytes=0-1", "If-None-Match", etag}, 304, 1},
		{"Range and If-Match", "GET", []string{"Range", "bytes=0-1", "If-Match", etag}, 206, 2},
		{"a Range beyond the end", "GET", []string{"Range", "bytes=300-"}, 416, 1},
		{"HEAD", "HEAD", nil, 200, 1},
		{"HEAD If-None-Match", "HEAD", []string{"If-None-Match", etag}, 304, 1},
		{"HEAD If-Match of another", "HEAD", []string{"If-Match", "x"}, 412, 1},
		{"HEAD with a Range", "HEAD", []string{"Range", "bytes=0-1"}, 200, 1},
	} {
		got := webtest.Do(h, webtest.Request(c.method, "/v1/a/c/large", c.header...))
		lines := s.log()
		if got.Status != c.status || len(lines) != c.lines {
			t.Errorf("%s: %d after %q; want %d after %d", c.name, got.Status, lines, c.status, c.lines)
		}
		if e := got.Header.Get("Etag"); e != etag {
			t.Errorf("%s: Etag %s", c.name, e)
		}
		switch {
		case c.method == "HEAD" && c.status == 200 && (got.ContentLength != int64(len(text)) || got.Body != ""):
			t.Errorf("%s: length %d, body %q", c.name, got.ContentLength, got.Body)
		case (c.status == 304 || c.status == 412) && got.Body != "":
			t.Errorf("%s: body %q", c.name, got.Body)
		}
		if open, _, _ := s.counts(); open != 0 {
			t.Errorf("%s: %d bodies open", c.name, open)
		}
	}
}

// TestFirstSegment: what is wrong with the segment that is needed first
// decides the status.
func TestFirstSegment(t *testing.T) {
	for _, c := range []struct {
		name   string
		rule   rule
		status int
	}{
		{"missing", rule{status: 404}, 409},
		{"forbidden", rule{status: 403}, 409},
		{"unreachable", rule{status: 503}, 503},
		{"replaced", rule{etag: "other"}, 409},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, h, _ := library(t, "")
			s.rules["/v1/a/seg/a"], s.rules["/v1/a/seg/c"] = c.rule, c.rule
			for _, r := range []string{"", "bytes=10-20", "bytes=-5", "bytes=0-1,290-299"} {
				if got := get(h, "/c/large", "Range", r); got.Status != c.status {
					t.Errorf("%s, range %q: %d", c.name, r, got.Status)
				}
			}
			if got := get(h, "/c/large", "Range", "bytes=100-199"); got.Status != 206 || got.Err != nil {
				t.Errorf("%s, but not needed: %d, %v", c.name, got.Status, got.Err)
			}
			if open, _, _ := s.counts(); open != 0 {
				t.Errorf("%s: %d open", c.name, open)
			}
		})
	}
}

// TestLaterSegment: what is wrong later cuts the body.
func TestLaterSegment(t *testing.T) {
	for _, c := range []struct {
		name string
		rule rule
		most int // bytes the client may get
	}{
		{"missing", rule{status: 404}, 100},
		{"unreachable", rule{status: 503}, 100},
		{"replaced", rule{etag: "other"}, 100},
		{"reset", rule{cut: 30, cutErr: errCut}, 130},
		{"short", rule{cut: 30, cutErr: io.EOF}, 130},
		{"short without a length", rule{cut: 30, cutErr: io.EOF, noLength: true}, 130},
		{"fails its checksum", rule{corrupt: true}, 199},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, h, text := library(t, "")
			s.rules["/v1/a/seg/b"] = c.rule
			got := get(h, "/c/large")
			if got.Status != 200 || got.Err == nil || len(got.Body) > c.most || !strings.HasPrefix(text, got.Body) {
				t.Errorf("%s: %d, %d bytes, %v", c.name, got.Status, len(got.Body), got.Err)
			}
			if open, most, _ := s.counts(); open != 0 || most != 1 {
				t.Errorf("%s: %d open, at most %d", c.name, open, most)
			}
		})
	}
}

// TestCloseAnywhere hangs up after every number of bytes.
func TestCloseAnywhere(t *testing.T) {
	s, h, text := library(t, "")
	for _, rng := range []string{"", "bytes=50-250", "bytes=0-120,180-"} {
		for stop := 0; stop <= 330; stop += 3 {
			_, _, before := s.counts()
			req := webtest.Request(http.MethodGet, "/v1/a/c/large", "Range", rng)
			resp := h.Serve(context.Background(), req)
			n, err := io.CopyN(io.Discard, resp.Body, int64(stop))
			if err != nil && err != io.EOF {
				t.Fatalf("%q, %d bytes: %v", rng, stop, err)
			}
			if open, _, _ := s.counts(); open > 1 || open == 0 && n < 100 {
				t.Fatalf("%q, %d bytes: %d segments open", rng, stop, open)
			}
			if err := resp.Body.Close(); err != nil {
				t.Fatal(err)
			}
			open, most, after := s.counts()
			if open != 0 || most > 1 || after == before {
				t.Fatalf("%q, closed after %d bytes: %d open, at most %d", rng, stop, open, most)
			}
		}
	}
	if got := get(h, "/c/large"); got.Body != text {
		t.Error("the object is not what it was")
	}
}

// TestClientGone: nothing more is fetched for a client that hung up.
func TestClientGone(t *testing.T) {
	s, h, _ := library(t, "")
	ctx, cancel := context.WithCancel(context.Background())
	resp := h.Serve(ctx, webtest.Request(http.MethodGet, "/v1/a/c/large"))
	_, _ = io.CopyN(io.Discard, resp.Body, 50)
	cancel()
	if _, err := io.ReadAll(resp.Body); err == nil {
		t.Error("reading goes on")
	}
	if err := resp.Body.Close(); err != nil {
		t.Fatal(err)
	}
	if n := len(s.log()); n != 2 {
		t.Errorf("%d requests", n)
	}
}

// TestStitching: any manifest of ranges, data and inner manifests reads as
// the concatenation, whatever part of it is asked for.
func TestStitching(t *testing.T) {
	s := newStore()
	h := s.filter(t, "max_manifest_segments = 50")
	n := 0
	rapid.Check(t, func(t *rapid.T) {
		content := map[string]string{}
		var names []string
		for range rapid.IntRange(1, 4).Draw(t, "objects") {
			name := fmt.Sprintf("/seg/o%d", n)
			n++
			content[name] = digits(name, rapid.IntRange(1, 40).Draw(t, "size"))
			names = append(names, name)
			s.put(name, content[name])
		}
		var name string
		for range rapid.IntRange(1, 3).Draw(t, "levels") {
			var items []string
			text := ""
			for i := range rapid.IntRange(1, 5).Draw(t, "segments") {
				if i > 0 && rapid.IntRange(0, 4).Draw(t, "inline") == 0 {
					items = append(items, `{"data":"aW5saW5l"}`)
					text += "inline"
					continue
				}
				name := rapid.SampledFrom(names).Draw(t, "name")
				from := rapid.IntRange(0, len(content[name])-1).Draw(t, "from")
				to := rapid.IntRange(from, len(content[name])-1).Draw(t, "to")
				items = append(items, fmt.Sprintf(`{"path":%q,"range":"%d-%d"}`, name, from, to))
				text += content[name][from : to+1]
			}
			name = fmt.Sprintf("/c/large%d", n)
			n++
			if got := tryLarge(h, name, "["+strings.Join(items, ",")+"]"); got.Status != 201 {
				t.Fatalf("PUT: %d %s", got.Status, got.Body)
			}
			content[name] = text
			names = append(names, name)
		}
		text := content[name]
		if got := get(h, name); got.Body != text || got.Err != nil {
			t.Fatalf("whole: %q, %v, want %q", got.Body, got.Err, text)
		}
		start := rapid.IntRange(0, len(text)-1).Draw(t, "start")
		end := rapid.IntRange(start+1, len(text)).Draw(t, "end")
		got := get(h, name, "Range", fmt.Sprintf("bytes=%d-%d", start, end-1))
		if got.Status != 206 || got.Body != text[start:end] || got.Err != nil {
			t.Fatalf("%d to %d: %d %q, %v, want %q", start, end, got.Status, got.Body, got.Err, text[start:end])
		}
		if open, most, _ := s.counts(); open != 0 || most > 1 {
			t.Fatalf("%d open, at most %d", open, most)
		}
	})
}
