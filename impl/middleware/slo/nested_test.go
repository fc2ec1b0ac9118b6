package slo

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"apus/impl/web"
	"apus/impl/web/webtest"
)

// nest makes /c/l1 of one segment and /c/l2 of /c/l1 and so on.
func nest(t *testing.T, s *store, h web.Handler, levels int) {
	t.Helper()
	s.put("/seg/a", "0123456789")
	inner := "/seg/a"
	for i := 1; i <= levels; i++ {
		name := fmt.Sprintf("/c/l%d", i)
		putLarge(t, h, name, fmt.Sprintf(`[{"path":%q},{"path":%q,"range":"0-0"}]`, inner, inner))
		inner = name
	}
	s.log()
}

func TestNested(t *testing.T) {
	s := newStore()
	h := s.filter(t, "")
	nest(t, s, h, 11)
	if got := get(h, "/c/l10"); got.Status != 200 || got.Body != "0123456789"+strings.Repeat("0", 10) || got.Err != nil {
		t.Errorf("ten levels: %d %q %v", got.Status, got.Body, got.Err)
	}
	if got := get(h, "/c/l11"); got.Status != 409 {
		t.Errorf("eleven levels: %d", got.Status)
	}
	s.log()
	if got := get(h, "/c/l3", "Range", "bytes=11-"); got.Status != 206 || got.Body != "00" {
		t.Errorf("the end: %d %q", got.Status, got.Body)
	}
	want := []string{ // l2 and l1 once, though two pieces lead through each
		"GET /v1/a/c/l3 bytes=11-",
		"GET /v1/a/c/l2?multipart-manifest=get",
		"GET /v1/a/c/l1?multipart-manifest=get",
		"GET /v1/a/seg/a?multipart-manifest=get bytes=0-0",
		"GET /v1/a/seg/a?multipart-manifest=get bytes=0-0",
	}
	if got := s.log(); !slices.Equal(got, want) {
		t.Errorf("requests %q", got)
	}
	if got := webtest.Do(h, webtest.Request("HEAD", "/v1/a/c/l3")); got.ContentLength != 13 {
		t.Errorf("HEAD says %d bytes", got.ContentLength)
	}
}

// TestInnerManifestChanged: an inner large object that was replaced must not
// be served as the old one.
func TestInnerManifestChanged(t *testing.T) {
	for name, change := range map[string]func(*store, web.Handler){
		"by another of the same size": func(s *store, h web.Handler) {
			s.put("/seg/b", "abcdefghij")
			tryLarge(h, "/c/l1", `[{"path":"/seg/b"},{"path":"/seg/b","range":"0-0"}]`)
		},
		"by a plain object": func(s *store, _ web.Handler) { s.put("/c/l1", "0123456789") },
		"by nonsense":       func(s *store, _ web.Handler) { s.objects["/v1/a/c/l1"].data = "{" },
		"by nothing":        func(s *store, _ web.Handler) { delete(s.objects, "/v1/a/c/l1") },
	} {
		t.Run(name, func(t *testing.T) {
			s := newStore()
			h := s.filter(t, "")
			nest(t, s, h, 2)
			change(s, h)
			if got := get(h, "/c/l2"); got.Status != 409 {
				t.Errorf("%d %q", got.Status, got.Body)
			}
		})
	}
}

// TestOldManifests were stored without sysmeta, with sizes as strings and the
// size of inner large objects in their content type.
func TestOldManifests(t *testing.T) {
	s := newStore()
	h := s.filter(t, "")
	s.put("/seg/a", "0123456789")
	putLarge(t, h, "/c/in", `[{"path":"/seg/a"},{"path":"/seg/a"}]`)
	inner := hexMD5(hexMD5("0123456789") + hexMD5("0123456789"))
	manifest := `[{"name":"/seg/a","hash":"` + hexMD5("0123456789") + `","bytes":"10"},
		{"name":"/c/in","hash":"` + inner + `","bytes":"300","content_type":"x/y;swift_bytes=20","sub_slo":"True"}]`
	s.objects["/v1/a/c/old"] = &blob{manifest, http.Header{"X-Static-Large-Object": {"True"}, "Content-Type": {"x/y;swift_bytes=30"}}}
	etag := `"` + hexMD5(hexMD5("0123456789")+inner) + `"`
	s.log()
	for _, c := range []struct {
		method string
		header []string
		status int
		body   string
	}{
		{"GET", nil, 200, strings.Repeat("0123456789", 3)},
		{"HEAD", nil, 200, ""},
		{"GET", []string{"Range", "bytes=9-10"}, 206, "90"},
		{"GET", []string{"If-None-Match", etag}, 304, ""},
		{"HEAD", []string{"If-None-Match", etag}, 304, ""},
		{"GET", []string{"If-Match", etag}, 200, strings.Repeat("0123456789", 3)},
		{"GET", []string{"If-Match", hexMD5(manifest)}, 412, ""}, // the manifest's own is nobody's
	} {
		got := webtest.Do(h, webtest.Request(c.method, "/v1/a/c/old", c.header...))
		if got.Status != c.status || got.Body != c.body || got.Header.Get("Etag") != etag {
			t.Errorf("%s %v: %d %q %s", c.method, c.header, got.Status, got.Body, got.Header.Get("Etag"))
		}
		if c.method == "HEAD" && c.status == 200 && got.ContentLength != 30 {
			t.Errorf("HEAD says %d bytes", got.ContentLength)
		}
	}
}

// TestOldObjectServers apply Range to the manifest; it is fetched again.
func TestOldObjectServers(t *testing.T) {
	s, h, text := library(t, "")
	s.old = true
	for _, rng := range []string{"bytes=5-9", "bytes=250-", "bytes=-1"} {
		if got := get(h, "/c/large", "Range", rng); got.Status != 206 || got.Err != nil || !strings.Contains(text, got.Body) {
			t.Errorf("%s: %d %q", rng, got.Status, got.Body)
		}
	}
	if got := get(h, "/c/large", "Range", "bytes=5000-"); got.Status != 416 {
		t.Errorf("beyond the end: %d", got.Status)
	}
}

// TestReplacedMeanwhile: the second fetch of a manifest may find something
// else.
func TestReplacedMeanwhile(t *testing.T) {
	for name, c := range map[string]struct {
		stamp  string
		status int
	}{"newer": {"1234567899.00000", 206}, "older": {"1234567880.00000", 503}} {
		t.Run(name, func(t *testing.T) {
			webtest.TrackBodies(t)
			next := webtest.NewNext(
				webtest.Answer(206, "part", "X-Static-Large-Object", "True", "X-Backend-Timestamp", "1234567890.00000",
					etagHeader, "x", sizeHeader, "5"),
				func(*web.Request) *web.Response {
					r := web.Empty(200)
					r.Header.Set("X-Backend-Timestamp", c.stamp)
					r.Body, r.ContentLength = trackRanger(&handle{s: newStore(), data: "plain"}), 5
					return r
				})
			f, _ := webtest.Filter(t, New, nil, "", nil)
			got := webtest.Do(f(next), webtest.Request("GET", "/v1/a/c/o", "Range", "bytes=0-1"))
			if got.Status != c.status || c.status == 206 && got.Body != "pl" {
				t.Errorf("%d %q", got.Status, got.Body)
			}
		})
	}
}

// TestRawReplacedMeanwhile: so may that of its raw form, and a condition is
// then one on what was found.
func TestRawReplacedMeanwhile(t *testing.T) {
	webtest.TrackBodies(t)
	next := webtest.NewNext(
		webtest.Answer(412, "", "X-Static-Large-Object", "True"),
		webtest.Answer(200, "plain", "Etag", "y"))
	f, _ := webtest.Filter(t, New, nil, "", nil)
	got := webtest.Do(f(next), webtest.Request("GET", "/v1/a/c/o?multipart-manifest=get&format=raw", "If-Match", "x"))
	if got.Status != 412 || got.Body != "" {
		t.Errorf("%d %q", got.Status, got.Body)
	}
}

func TestDamagedManifests(t *testing.T) {
	for name, manifest := range map[string]string{
		"not JSON":      `[`,
		"an object":     `{}`,
		"no name":       `[{"bytes":1}]`,
		"negative":      `[{"name":"/c/o","bytes":-1}]`,
		"range":         `[{"name":"/c/o","bytes":5,"range":"0-5"}]`,
		"no range":      `[{"name":"/c/o","bytes":5,"range":"x"}]`,
		"beyond counts": `[{"name":"/c/o","bytes":9223372036854775807},{"name":"/c/o","bytes":9223372036854775807}]`,
	} {
		t.Run(name, func(t *testing.T) {
			s := newStore()
			h := s.filter(t, "")
			s.objects["/v1/a/c/o"] = &blob{manifest, http.Header{"X-Static-Large-Object": {"True"}}}
			if got := get(h, "/c/o"); got.Status != 500 {
				t.Errorf("%d", got.Status)
			}
		})
	}
}

func TestGetManifest(t *testing.T) {
	s := newStore()
	h := s.filter(t, "")
	s.put("/seg/a", "0123456789")
	putLarge(t, h, "/c/in", `[{"path":"/seg/a"}]`)
	tryLarge(h, "/c/o", `[{"path":"/c/in"},{"path":"/seg/a","range":"1-2"},{"data":"aGVsbG8="}]`, "Content-Type", "a/b")
	stored := s.objects["/v1/a/c/o"].data

	got := get(h, "/c/o?multipart-manifest=get")
	if got.Status != 200 || got.Body != stored || got.Header.Get("Content-Type") != "application/json; charset=utf-8" || got.Header.Get("Etag") != hexMD5(stored) {
		t.Errorf("%d %s %s", got.Status, got.Header.Get("Content-Type"), got.Body)
	}
	a := hexMD5("0123456789")
	raw := `[{"etag": "` + hexMD5(a) + `", "path": "/c/in", "size_bytes": 10}, {"etag": "` + a + `", "path": "/seg/a", "range": "1-2", "size_bytes": 10}, {"data": "aGVsbG8="}]`
	got = get(h, "/c/o?multipart-manifest=get&format=raw", "Range", "bytes=0-1")
	if got.Status != 200 || got.Body != raw || got.Header.Get("Content-Type") != "a/b" || got.Header.Get("Etag") != hexMD5(raw) || got.ContentLength != int64(len(raw)) {
		t.Errorf("raw: %d %s %s\nwant %s", got.Status, got.Header.Get("Content-Type"), got.Body, raw)
	}
	if got = get(h, "/c/o?multipart-manifest=get&format=raw", "If-None-Match", hexMD5(raw)); got.Status != 304 {
		t.Errorf("raw, not modified: %d", got.Status)
	}
	got = get(h, "/c/o?multipart-manifest=get", "If-None-Match", hexMD5(stored))
	if got.Status != 304 || got.Header.Get("Content-Type") != "application/json; charset=utf-8" {
		t.Errorf("not modified: %d %s", got.Status, got.Header.Get("Content-Type"))
	}
	before := get(h, "/c/o")
	if got := putLarge(t, h, "/c/copy", raw); got.Header.Get("Etag") != before.Header.Get("Etag") {
		t.Errorf("the raw form makes another object: %s", got.Header.Get("Etag"))
	}
	s.log()
	if got = get(h, "/seg/a?multipart-manifest=get&format=raw", "Range", "bytes=2-3"); got.Status != 206 || got.Body != "23" {
		t.Errorf("a plain object: %d %q", got.Status, got.Body)
	}
	if log := s.log(); len(log) != 1 || !strings.HasSuffix(log[0], " bytes=2-3") {
		t.Errorf("its part was asked for by %q", log) // nobody else can cut what a server sends
	}
	for _, s.old = range []bool{true, false} {
		if got = get(h, "/c/o?multipart-manifest=get&format=raw", "Range", "bytes=0-1"); got.Status != 200 || got.Body != raw {
			t.Errorf("raw, of an old server %t: %d %s", s.old, got.Status, got.Body)
		}
	}
	s.log()
	if got = get(h, "/c/none?multipart-manifest=get&format=raw", "If-Match", "*"); got.Status == 200 || len(s.log()) != 1 {
		t.Errorf("a missing object, with a condition: %d", got.Status)
	}
	// Whoever is between judges by the same answer as without the parameters.
	if got = get(h, "/seg/a?multipart-manifest=get&format=raw", "If-None-Match", a); got.Status != 304 || len(s.log()) != 1 {
		t.Errorf("a plain object, not modified: %d", got.Status)
	}
	if got = get(h, "/c/o?multipart-manifest=get&format=raw", "If-Match", hexMD5(stored)); got.Status != 412 {
		t.Errorf("raw, with the ETag of what is stored: %d", got.Status)
	}
	if got = get(h, "/c/none?multipart-manifest=get"); got.Status != 404 {
		t.Errorf("a missing object: %d", got.Status)
	}
}

func TestPartNumber(t *testing.T) {
	s, h, text := library(t, "")
	for _, c := range []struct {
		method, part string
		header       []string
		status       int
		body         string
		rng          string
	}{
		{"GET", "1", nil, 206, text[:100], "bytes 0-99/300"},
		{"GET", "3", nil, 206, text[200:], "bytes 200-299/300"},
		{"GET", "4", nil, 416, badPart, "bytes */300"},
		{"HEAD", "2", nil, 206, "", "bytes 100-199/300"},
		{"HEAD", "4", nil, 416, "", "bytes */300"},
		{"GET", "1", []string{"Range", "bytes=0-1;1"}, 206, text[:100], "bytes 0-99/300"}, // no range
		{"GET", "0", nil, 400, "Part number must be an integer greater than 0", ""},
		{"GET", "x", nil, 400, "Part number must be an integer greater than 0", ""},
		{"HEAD", "2", []string{"If-Match", "x"}, 412, "", "bytes 100-199/300"},
		{"HEAD", "4", []string{"If-Match", "x"}, 412, "", "bytes */300"},
		{"HEAD", "2", []string{"If-None-Match", "*"}, 304, "", "bytes 100-199/300"},
		{"GET", "1", []string{"Range", "bytes=0-1"}, 400, "Range requests are not supported with part number queries", ""},
	} {
		got := webtest.Do(h, webtest.Request(c.method, "/v1/a/c/large?part-number="+c.part, c.header...))
		if got.Status != c.status || got.Body != c.body || got.Header.Get("Content-Range") != c.rng {
			t.Errorf("%s %s %v: %d %q %s", c.method, c.part, c.header, got.Status, got.Body, got.Header.Get("Content-Range"))
		}
		if c.status != 400 && got.Header.Get("X-Parts-Count") != "3" {
			t.Errorf("%s %s: %s parts", c.method, c.part, got.Header.Get("X-Parts-Count"))
		}
		if c.method == "HEAD" && c.status == 206 && got.ContentLength != 100 {
			t.Errorf("HEAD says %d bytes", got.ContentLength)
		}
	}
	if got := get(h, "/seg/a?part-number=x"); got.Status != 200 || got.Body != s.objects["/v1/a/seg/a"].data {
		t.Errorf("a plain object: %d", got.Status)
	}
}

func TestPlainObjectsPass(t *testing.T) {
	s := newStore()
	h := s.filter(t, "")
	s.put("/c/o", "0123456789")
	if got := get(h, "/c/o", "Range", "bytes=2-3"); got.Status != 206 || got.Body != "23" {
		t.Errorf("%d %q", got.Status, got.Body)
	}
	for _, target := range []string{"POST /v1/a/c/o", "DELETE /v1/a/c/o", "GET /v1/a", "HEAD /v1/a/c", "GET /info", "PUT /v1/a/c"} {
		method, path, _ := strings.Cut(target, " ")
		webtest.Do(h, webtest.Request(method, path))
		if log := s.log(); log[len(log)-1] != target {
			t.Errorf("%s was passed on as %q", target, log)
		}
	}
}

// TestPace: after ten small segments one a second.
func TestPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStore()
		h := s.filter(t, "rate_limit_segments_per_sec = 2\nrate_limit_after_segment = 3\nrate_limit_under_size = 6")
		s.put("/seg/small", "12345")
		s.put("/seg/big", "123456")
		item := func(n string) string { return `{"path":"/seg/` + n + `"}` }
		putLarge(t, h, "/c/small", "["+strings.Repeat(item("small")+",", 7)+item("small")+"]")
		putLarge(t, h, "/c/big", "["+strings.Repeat(item("big")+",", 7)+item("big")+"]")
		start := time.Now()
		if got := get(h, "/c/small"); got.Err != nil || len(got.Body) != 40 {
			t.Errorf("%q %v", got.Body, got.Err)
		}
		if d := time.Since(start); d != 2*time.Second { // 3 free, the 4th at once, 4 more
			t.Errorf("small segments took %s", d)
		}
		start = time.Now()
		get(h, "/c/big")
		if d := time.Since(start); d != 0 {
			t.Errorf("big segments took %s", d)
		}
		ctx, cancel := context.WithCancel(context.Background())
		resp := h.Serve(ctx, webtest.Request("GET", "/v1/a/c/small"))
		time.AfterFunc(700*time.Millisecond, cancel)
		n, err := io.Copy(io.Discard, resp.Body)
		if err == nil || n != 25 {
			t.Errorf("a client that hung up while his segment waited got %d bytes, %v", n, err)
		}
		if err := resp.Body.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestMaxGetTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, h, _ := library(t, "max_get_time = 10")
		s.rules["/v1/a/seg/b"] = rule{slow: 11 * time.Second}
		if got := get(h, "/c/large"); got.Err == nil || len(got.Body) > 110 {
			t.Errorf("%d bytes, %v", len(got.Body), got.Err)
		}
	})
}

// TestAnswersWithoutBody: whatever body the manifest's answer came with is
// closed, and not waited for.
func TestAnswersWithoutBody(t *testing.T) {
	for _, c := range []struct {
		method string
		status int
		query  string
		want   int
	}{
		{"GET", 304, "", 304}, {"GET", 412, "", 412}, {"GET", 304, "?part-number=1", 304}, {"GET", 412, "?part-number=9", 412}, {"HEAD", 200, "", 200}, {"HEAD", 304, "", 304},
		{"GET", 200, "?part-number=0", 400},
	} {
		t.Run(fmt.Sprint(c.method, c.status, c.query), func(t *testing.T) {
			webtest.TrackBodies(t)
			stuck := &untouchable{t: t}
			next := webtest.NewNext(func(*web.Request) *web.Response {
				r := web.Empty(c.status)
				for k, v := range map[string]string{markerHeader: "True", etagHeader: "whole", sizeHeader: "500", "Etag": "manifest"} {
					r.Header.Set(k, v)
				}
				r.Body, r.ContentLength = web.Track("stuck", stuck), 77
				return r
			})
			f, _ := webtest.Filter(t, New, nil, "", nil)
			got := webtest.Do(f(next), webtest.Request(c.method, "/v1/a/c/o"+c.query))
			if got.Status != c.want || stuck.closed != 1 {
				t.Errorf("%d, closed %d times", got.Status, stuck.closed)
			}
			if c.want != 400 && (got.Header.Get("Etag") != `"whole"` || got.Header.Get(manifestEtag) != "manifest") {
				t.Errorf("headers %v", got.Header)
			}
		})
	}
}

// untouchable is a body that must not be read.
type untouchable struct {
	t      *testing.T
	closed int
}

func (u *untouchable) Read([]byte) (int, error) { u.t.Error("the body was read"); return 0, io.EOF }
func (u *untouchable) Close() error             { u.closed++; return nil }
