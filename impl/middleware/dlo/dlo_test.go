package dlo

import (
	"context"
	"io"
	"math"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"apus/impl/config"
	"apus/impl/middleware"
	"apus/impl/middleware/segments"
	"apus/impl/swift"
	"apus/impl/web"
	"apus/impl/web/webtest"
)

func TestPutChecksManifest(t *testing.T) {
	for v, ok := range map[string]bool{
		"c/p": true, "c/p/": true, "c/p/q": true, "c%2F/x": true, "c/%3F": true,
		"": false, "/": false, "c": false, "c/": false, "/c/p": false, "c//p": false, "c/p?x": false, "c/p&x": false,
	} {
		got := webtest.Do(&filter{next: webtest.NewNext(webtest.Answer(201, ""))}, webtest.Request("PUT", "/v1/a/c/o", manifestHeader, v))
		if (got.Status == 201) != ok {
			t.Errorf("%q: %d %s", v, got.Status, got.Body)
		}
		if !ok && (got.Status != 400 || got.Body != "X-Object-Manifest must be in the format container/prefix") {
			t.Errorf("%q: %d %s", v, got.Status, got.Body)
		}
	}
}

func TestGetWhole(t *testing.T) {
	s, h, text := library(t, 10000)
	got := get(h, "/c/large", "X-Auth-Token", "tk", "X-Open-Expired", "yes")
	if got.Status != 200 || got.Body != text || got.ContentLength != 50 || got.Header.Get("X-Object-Meta-A") != "b" {
		t.Errorf("%d %q %d", got.Status, got.Body, got.ContentLength)
	}
	if e := got.Header.Get("Etag"); e != `"`+hexMD5(etags(text))+`"` {
		t.Errorf("Etag %s", e)
	}
	if s.open != 0 || s.mostOpen != 1 {
		t.Errorf("%d open, at most %d at once", s.open, s.mostOpen)
	}
	want := []string{
		"GET /v1/a/c/large", "GET /v1/a/seg?format=json&prefix=%C3%BC%2F", "GET /v1/a/seg/ü/0?multipart-manifest=get",
		"GET /v1/a/seg/ü/1?multipart-manifest=get", "GET /v1/a/seg/ü/2?multipart-manifest=get",
		"GET /v1/a/seg/ü/3?multipart-manifest=get", "GET /v1/a/seg/ü/4?multipart-manifest=get",
	}
	if lines := s.log(); !slices.Equal(lines, want) {
		t.Errorf("requests %q", lines)
	}
	for _, r := range s.seen[1:] {
		if r.Source != "DLO" || r.Header.Get("X-Auth-Token") != "tk" || !strings.HasSuffix(r.Header.Get("User-Agent"), "DLO MultipartGET") {
			t.Errorf("%s: source %q %v", r.Path, r.Source, r.Header)
		}
	}
	if got := get(h, "/c/large?multipart-manifest=get"); got.Body != "stored" || got.Header.Get("Etag") != hexMD5("stored") {
		t.Errorf("the manifest: %q", got.Body)
	}
}

// TestVerdicts is what one request of each kind gets and opens.
func TestVerdicts(t *testing.T) {
	text := libraryText()
	etag := `"` + hexMD5(etags(text)) + `"`
	for _, c := range []struct {
		name, method string
		header       []string
		status       int
		body         string
		opened       int // segments
	}{
		{"HEAD", "HEAD", nil, 200, "", 0},
		{"HEAD of a range", "HEAD", []string{"Range", "bytes=0-5"}, 200, "", 0},
		{"If-None-Match", "GET", []string{"If-None-Match", etag}, 304, "", 0},
		{"If-None-Match of the manifest", "GET", []string{"If-None-Match", hexMD5("stored")}, 200, text, 5},
		{"If-Match", "GET", []string{"If-Match", etag}, 200, text, 5},
		{"If-Match of the manifest", "GET", []string{"If-Match", hexMD5("stored")}, 412, "", 0},
		{"If-Modified-Since", "GET", []string{"If-Modified-Since", "Fri, 13 Feb 2009 23:31:30 GMT"}, 304, "", 0},
		{"If-Unmodified-Since", "GET", []string{"If-Unmodified-Since", "Fri, 13 Feb 2009 23:31:29 GMT"}, 412, "", 0},
		{"range", "GET", []string{"Range", "bytes=5-24"}, 206, text[5:25], 3},
		{"one byte", "GET", []string{"Range", "bytes=10-10"}, 206, text[10:11], 1},
		{"suffix", "GET", []string{"Range", "bytes=-3"}, 206, text[47:], 1},
		{"beyond", "GET", []string{"Range", "bytes=45-999"}, 206, text[45:], 1},
		{"everything", "GET", []string{"Range", "bytes=0-"}, 206, text, 5},
		{"two ranges", "GET", []string{"Range", "bytes=0-1,4-5"}, 200, text, 5},
		{"nonsense", "GET", []string{"Range", "bytes=x"}, 200, text, 5},
		{"unsatisfiable", "GET", []string{"Range", "bytes=50-"}, 416, "*", 0},
		{"condition before range", "GET", []string{"Range", "bytes=0-1", "If-None-Match", etag}, 304, "", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, h, _ := library(t, 10000)
			got := webtest.Do(h, webtest.Request(c.method, "/v1/a/c/large", c.header...))
			if got.Status != c.status || c.body != "*" && got.Body != c.body || got.Err != nil {
				t.Errorf("%d %q %v", got.Status, got.Body, got.Err)
			}
			opened := 0
			for _, line := range s.log() {
				if strings.HasPrefix(line, "GET /v1/a/seg/") {
					opened++
				}
			}
			if opened != c.opened || s.open != 0 {
				t.Errorf("opened %d segments, %d still are", opened, s.open)
			}
			switch {
			case c.method == "HEAD" && got.ContentLength != 50:
				t.Errorf("HEAD says %d bytes", got.ContentLength)
			case c.status == 416 && got.Header.Get("Content-Range") != "bytes */50":
				t.Errorf("Content-Range %q", got.Header.Get("Content-Range"))
			}
		})
	}
}

func TestResolve(t *testing.T) {
	for _, c := range []struct {
		name, header string
		last         bool
		length       int64
		ranged, ok   bool
	}{
		{"none", "", true, 50, false, true},
		{"none, endless", "", false, -1, false, true},
		{"inside", "bytes=1-2", true, 50, true, true},
		{"inside the first page", "bytes=1-48", false, 50, true, true},
		{"to the end of the first page", "bytes=1-49", false, -1, false, true}, // as upstream
		{"beyond the first page", "bytes=1-50", false, -1, false, true},
		{"open end, endless", "bytes=1-", false, -1, false, true},
		{"suffix, endless", "bytes=-1", false, -1, false, true},
		{"suffix", "bytes=-1", true, 50, true, true},
		{"unsatisfiable", "bytes=50-", true, 50, false, false},
		{"nobody knows", "bytes=50-", false, -1, false, true},
		{"several", "bytes=1-2,3-4", true, 50, false, true},
		{"several, endless", "bytes=1-2,3-4", false, -1, false, true},
	} {
		if length, ranged, ok := resolve(c.header, 50, c.last); length != c.length || ranged != c.ranged || ok != c.ok {
			t.Errorf("%s: %d %v %v", c.name, length, ranged, ok)
		}
	}
	if _, _, ok := resolve("bytes=-5", 0, true); !ok {
		t.Error("the end of nothing is nothing")
	}
}

func TestPages(t *testing.T) {
	s, h, text := library(t, 2)
	got := get(h, "/c/large")
	if got.Status != 200 || got.Body != text || got.ContentLength != -1 || got.Header.Get("Etag") != hexMD5("stored") {
		t.Errorf("%d %q %d %s", got.Status, got.Body, got.ContentLength, got.Header.Get("Etag"))
	}
	var lists []string
	for _, line := range s.log() {
		if strings.HasPrefix(line, "GET /v1/a/seg?") {
			lists = append(lists, line)
		}
	}
	if len(lists) != 3 || !strings.Contains(lists[2], "marker=%C3%BC%2F3") {
		t.Errorf("listings %q", lists)
	}
	if got := get(h, "/c/large", "Range", "bytes=5-14"); got.Status != 206 || got.Body != text[5:15] || got.ContentLength != 10 {
		t.Errorf("inside the first page: %d %q", got.Status, got.Body)
	}
	if got := get(h, "/c/large", "Range", "bytes=5-24"); got.Status != 200 || got.Body != text {
		t.Errorf("beyond it: %d %q", got.Status, got.Body)
	}
	if got := webtest.Do(h, webtest.Request("HEAD", "/v1/a/c/large")); got.Status != 200 || got.ContentLength != -1 {
		t.Errorf("HEAD: %d %d", got.Status, got.ContentLength)
	}
	// A listing that fails later cuts the body.
	s.denied["/seg"], s.after["/seg"] = 503, 1
	if got := get(h, "/c/large"); got.Status != 200 || got.Body != text[:20] || got.Err == nil {
		t.Errorf("second listing fails: %d %q %v", got.Status, got.Body, got.Err)
	}
}

func TestNothingNamed(t *testing.T) {
	s, h, _ := library(t, 10000)
	s.put("/c/empty", "", manifestHeader, "seg/none")
	s.put("/c/blank", "", manifestHeader, "seg/blank")
	s.put("/seg/blank", "")
	for _, name := range []string{"/c/empty", "/c/blank"} {
		for _, header := range [][]string{nil, {"Range", "bytes=-5"}} {
			if got := get(h, name, header...); got.Status != 200 || got.Body != "" || got.ContentLength != 0 || got.Err != nil {
				t.Errorf("%s %v: %d %q %v", name, header, got.Status, got.Body, got.Err)
			}
		}
		if got := get(h, name, "Range", "bytes=0-"); got.Status != 416 {
			t.Errorf("%s: %d", name, got.Status)
		}
	}
	s.put("/c/odd", "", manifestHeader, "seg")
	if got := get(h, "/c/odd"); got.Status != 409 {
		t.Errorf("no prefix: %d", got.Status)
	}
}

// TestFailures: before the status is chosen a failure is the status, later it
// cuts the body. Whatever was open is closed.
func TestFailures(t *testing.T) {
	for _, c := range []struct {
		name    string
		prepare func(*store)
		header  []string
		status  int
		body    int // bytes that come
	}{
		{"the listing is missing", func(s *store) { s.denied["/seg"] = 404 }, nil, 404, -1},
		{"the listing is forbidden", func(s *store) { s.denied["/seg"] = 403 }, nil, 403, -1},
		{"the listing fails", func(s *store) { s.denied["/seg"] = 503 }, nil, 503, -1},
		{"the first segment is gone", func(s *store) { s.denied["/seg/ü/0"] = 404 }, nil, 409, -1},
		{"the first segment is unreachable", func(s *store) { s.denied["/seg/ü/0"] = 503 }, nil, 503, -1},
		{"the range's first segment is gone", func(s *store) { s.denied["/seg/ü/2"] = 404 }, []string{"Range", "bytes=25-"}, 409, -1},
		{"the last segment is gone", func(s *store) { s.denied["/seg/ü/4"] = 404 }, nil, 200, 40},
		{"a segment is cut", func(s *store) { s.objects["/seg/ü/1"].cutAt, s.objects["/seg/ü/1"].cutErr = 3, errCut }, nil, 200, 13},
		{"a segment ends early", func(s *store) { s.objects["/seg/ü/1"].cutAt, s.objects["/seg/ü/1"].cutErr = 3, io.EOF }, nil, 200, 13},
		{"a segment is corrupt", func(s *store) { s.objects["/seg/ü/1"].corrupt = true }, nil, 200, 17},
		{"a segment shrank", func(s *store) { s.objects["/seg/ü/1"].listed = 12 }, nil, 200, 50},
		{"the last segment grew, seen between two reads", func(s *store) { s.objects["/seg/ü/4"].listed = 7 }, nil, 200, 40},
		{"the first segment is empty now", func(s *store) { s.objects["/seg/ü/0"].data, s.objects["/seg/ü/0"].listed = "", 10 }, nil, 200, 40},
		{"the last segment grew", func(s *store) { s.objects["/seg/ü/4"].listed = 9 }, nil, 200, 47},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, h, _ := library(t, 10000)
			c.prepare(s)
			got := get(h, "/c/large", c.header...)
			if got.Status != c.status || c.body >= 0 && (len(got.Body) != c.body || got.Err == nil) {
				t.Errorf("%d, %d bytes, %v", got.Status, len(got.Body), got.Err)
			}
			if s.open != 0 {
				t.Errorf("%d open", s.open)
			}
			if got := webtest.Do(h, webtest.Request("HEAD", "/v1/a/c/large")); got.Body != "" {
				t.Errorf("HEAD has a body: %q", got.Body)
			}
		})
	}
}

// A segment that was replaced by another is read as it is, as long as the
// promised length holds.
func TestReplacedSegment(t *testing.T) {
	s, h, _ := library(t, 10000)
	s.put("/seg/ü/0", "xyz").listed = 3
	s.objects["/seg/ü/0"].data = "abc" // after the listing
	if got := get(h, "/c/large"); got.Status != 200 || !strings.HasPrefix(got.Body, "abc1111") || got.Err != nil {
		t.Errorf("%d %q %v", got.Status, got.Body, got.Err)
	}
}

// A client who leaves midway closes the open segment at once, unread.
func TestClientLeaves(t *testing.T) {
	s, h, _ := library(t, 10000)
	for _, header := range [][]string{nil, {"Range", "bytes=5-44"}} {
		resp := h.Serve(context.Background(), webtest.Request("GET", "/v1/a/c/large", header...))
		if s.open != 1 {
			t.Errorf("%d open before the first read", s.open)
		}
		if _, err := io.ReadFull(resp.Body, make([]byte, 15)); err != nil {
			t.Fatal(err)
		}
		if err := resp.Body.Close(); err != nil || s.open != 0 {
			t.Errorf("%v, %d open", err, s.open)
		}
	}
}

func TestPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _, text := library(t, 10000)
		h := &filter{next: s, limits: segments.Limits{MaxTime: math.MaxInt64, Free: 2, PerSec: 1}, pageSize: 10000}
		start := time.Now()
		if got := get(h, "/c/large"); got.Body != text || time.Since(start) != 2*time.Second {
			t.Errorf("%q after %v", got.Body, time.Since(start))
		}
		h.limits.MaxTime = time.Second / 2
		if got := get(h, "/c/large"); got.Status != 200 || got.Err == nil {
			t.Errorf("too late: %d %q %v", got.Status, got.Body, got.Err)
		}
	})
}

func TestOptions(t *testing.T) {
	webtest.TrackBodies(t)
	f, env := webtest.Filter(t, New, nil, "max_get_time = 5\nrate_limit_after_segment = 6\nrate_limit_segments_per_sec = 7", nil)
	got := f(http404).(*filter)
	if got.limits != (segments.Limits{MaxTime: 5 * time.Second, Free: 6, PerSec: 7}) || got.pageSize != 10000 || len(env.Info.Public()) != 0 {
		t.Errorf("%+v", got)
	}
	if r := webtest.Do(got, webtest.Request(http.MethodGet, "/v1/a/c")); r.Status != 404 {
		t.Errorf("%d", r.Status)
	}
}

// Options in the proxy's section count unless the filter has some itself.
func TestOptionsOfTheProxy(t *testing.T) {
	const app = "[app:proxy-server]\nmax_get_time = 5\nrate_limit_after_segment = 6\n"
	for name, c := range map[string]struct {
		options string
		want    segments.Limits
	}{
		"there": {"", segments.Limits{MaxTime: 5 * time.Second, Free: 6, PerSec: 1}},
		"here":  {"rate_limit_after_segment = 9", segments.Limits{MaxTime: 24 * time.Hour, Free: 9, PerSec: 1}},
	} {
		file, err := config.Parse(app+"[filter:dlo]\n"+c.options, "x.conf")
		if err != nil {
			t.Fatal(err)
		}
		env := &middleware.Env{Swift: &config.Swift{Limits: swift.DefaultLimits()}, App: file.Section("app:proxy-server")}
		f, err := New(env, file.Section("filter:dlo"))
		if err != nil || file.Err() != nil {
			t.Fatal(err, file.Err())
		}
		if got := f(http404).(*filter).limits; got != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}

var http404 = web.HandlerFunc(func(context.Context, *web.Request) *web.Response { return webtest.Response(404, "") })
