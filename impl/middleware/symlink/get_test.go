package symlink

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"apus/impl/web"
	"apus/impl/web/webtest"
)

func TestGetFollows(t *testing.T) {
	sum := hexMD5("target body")
	for name, c := range map[string]struct {
		path   string
		status int
		body   string
		at     string // Content-Location
	}{
		"plain object":             {"/c/target", 200, "target body", ""},
		"one link":                 {"/c/one", 200, "target body", "/v1/a/c/target"},
		"link to a link":           {"/c/two", 200, "target body", "/v1/a/c/target"},
		"too many links":           {"/c/three", 409, "Too many levels of symbolic links, maximum allowed is 2", ""},
		"loop":                     {"/c/loop", 409, "Too many levels of symbolic links, maximum allowed is 2", ""},
		"dangling":                 {"/c/dangling", 404, "<html>gone</html>", "/v1/a/c/nothing"},
		"other account":            {"/c/foreign", 404, "<html>gone</html>", "/v1/b%C3%A4/c/o"},
		"encoded":                  {"/c/encoded", 200, "odd", "/v1/a/c/a%20%3B%25/b"},
		"static":                   {"/c/static", 200, "target body", "/v1/a/c/target"},
		"static and changed":       {"/c/stale", 409, "Object Etag '" + sum + "' does not match X-Symlink-Target-Etag header 'old'", "/v1/a/c/target"},
		"static to static":         {"/c/static2", 200, "target body", "/v1/a/c/target"},
		"static to other static":   {"/c/static3", 409, "X-Symlink-Target-Etag headers do not match", "/v1/a/c/stale"},
		"static to dynamic":        {"/c/soft", 200, "target body", "/v1/a/c/target"},
		"static to gone":           {"/c/staticgone", 404, "<html>gone</html>", "/v1/a/c/nothing"},
		"extended hops are free":   {"/c/extended", 200, "target body", "/v1/a/c/target"},
		"extended hops are no end": {"/c/extended3", 409, "Too many levels of symbolic links, maximum allowed is 2", ""},
	} {
		t.Run(name, func(t *testing.T) {
			s, h := world(t, "")
			s.put("/c/target", "target body")
			s.put("/c/a ;%/b", "odd")
			s.link("/c/one", "c/target", "")
			s.link("/c/two", "c/one", "")
			s.link("/c/three", "c/two", "")
			s.link("/c/loop", "c/loop", "")
			s.link("/c/dangling", "c/nothing", "")
			s.link("/c/foreign", "c/o", "", storedAccount, "b%C3%A4")
			s.link("/c/encoded", "c/a%20%3B%25/b", "")
			s.link("/c/static", "c/target", sum)
			s.link("/c/stale", "c/target", "old")
			s.link("/c/static2", "c/static", sum)
			s.link("/c/static3", "c/stale", sum)
			s.link("/c/soft", "c/one", emptyMD5)
			s.link("/c/staticgone", "c/nothing", sum)
			s.link("/c/extended", "c/two", "", extendMark, "true")
			s.link("/c/extended3", "c/three", "", extendMark, "true")
			for _, method := range []string{"GET", "HEAD"} {
				got := webtest.Do(h, webtest.Request(method, "/v1/a"+c.path))
				if got.Status != c.status || got.Header.Get("Content-Location") != c.at {
					t.Errorf("%s: %d, at %q", method, got.Status, got.Header.Get("Content-Location"))
				}
				if method == "GET" && got.Body != c.body {
					t.Errorf("body %q", got.Body)
				}
				if method == "HEAD" && c.status == 200 && got.ContentLength != int64(len(c.body)) {
					t.Errorf("length %d", got.ContentLength)
				}
			}
			if s.open != 0 || s.most > 1 {
				t.Errorf("%d bodies open, up to %d", s.open, s.most)
			}
		})
	}
}

func TestLoopMax(t *testing.T) {
	for options, want := range map[string]int{"": 2, "symloop_max = 1": 1, "symloop_max = 0": 2, "symloop_max = -3": 2, "symloop_max = 7": 7} {
		t.Run(options, func(t *testing.T) {
			s, h := world(t, options)
			s.link("/c/loop", "c/loop", "")
			if got := webtest.Do(h, webtest.Request("HEAD", "/v1/a/c/loop")); got.Status != 409 || len(s.log) != want+1 {
				t.Errorf("%d after %d requests", got.Status, len(s.log))
			}
		})
	}
}

func TestHopsCarryTheRequest(t *testing.T) {
	s, h := world(t, "")
	s.put("/d/o", "target body")
	s.link("/c/l", "d/o", "")
	req := webtest.Request("GET", "/v1/a/c/l?multipart-manifest=get&part-number=2", "X-Auth-Token", "t",
		"X-Backend-Etag-Is-At", "X-Foo", ignoreRangesIf, "X-Static-Large-Object", "X-Newest", "true",
		"X-Backend-Storage-Policy-Index", "1", allowReserved, "true", "Referer", "http://r")
	if got := webtest.Do(h, req); got.Status != 200 {
		t.Fatalf("%+v", got)
	}
	if len(s.seen) != 2 {
		t.Fatalf("%d requests", len(s.seen))
	}
	hop := s.seen[1]
	if hop.Path != "/v1/a/d/o" || hop.RawQuery != req.RawQuery || hop.Source != "SYM" || hop.Meta != req.Meta {
		t.Errorf("%+v", hop)
	}
	for name, want := range map[string]string{
		"X-Auth-Token": "t", "X-Backend-Etag-Is-At": "X-Foo", "X-Newest": "true", "Referer": "http://r",
		ignoreRangesIf: "X-Static-Large-Object," + storedTarget, "X-Backend-Storage-Policy-Index": "", allowReserved: "",
	} {
		if got := hop.Header.Get(name); got != want {
			t.Errorf("%s: %q", name, got)
		}
	}
	if req.Header.Get(ignoreRangesIf) != "X-Static-Large-Object" {
		t.Error("the caller's header was changed")
	}
}

// The client's rights are asked at every hop; a mark opens one hop, not those
// behind it.
func TestRights(t *testing.T) {
	for name, c := range map[string]struct {
		path   string
		status int
	}{
		"own target":                            {"/mine/ok", 200},
		"target of others":                      {"/mine/private", 403},
		"link of others to own target":          {"/other/ok", 403},
		"marked link to a reserved name":        {"/mine/version", 200},
		"unmarked link to a reserved name":      {"/mine/reserved", 412},
		"link behind a marked one":              {"/mine/evil", 403},
		"two links behind a marked one":         {"/mine/worse", 403},
		"reserved name behind a marked one":     {"/mine/sly", 412},
		"marked link of others":                 {"/other/version", 403},
		"marked link to a version of somewhere": {"/mine/elsewhere", 200},
	} {
		t.Run(name, func(t *testing.T) {
			s, h := world(t, "symloop_max = 5")
			s.put("/mine/o", "data")
			s.put("/other/o", "secret")
			s.put("/mine\x00v/1", "version")
			s.put("/other\x00v/1", "version")
			s.link("/mine/ok", "mine/o", "")
			s.link("/mine/private", "other/o", "")
			s.link("/other/ok", "mine/o", "")
			s.link("/mine/version", "mine%00v/1", "", reservedMark, "true")
			s.link("/other/version", "mine%00v/1", "", reservedMark, "true")
			s.link("/mine/elsewhere", "other%00v/1", "", reservedMark, "true")
			s.link("/mine/reserved", "mine%00v/1", "")
			s.link("/mine/evil", "mine%00v/evil", "", reservedMark, "true")
			s.link("/mine\x00v/evil", "other/o", "")
			s.link("/mine/worse", "mine%00v/worse", "", reservedMark, "true")
			s.link("/mine\x00v/worse", "mine/private", "")
			s.link("/mine/sly", "mine%00v/sly", "", reservedMark, "true")
			s.link("/mine\x00v/sly", "mine%00v/1", "")
			req := webtest.Request("GET", "/v1/a"+c.path)
			req.Authorize = only("/v1/a/mine")
			if got := webtest.Do(h, req); got.Status != c.status {
				t.Errorf("%d %s\n%s", got.Status, got.Body, s.takeLog())
			}
		})
	}
}

// To own the link is not to own the target.
func TestOwnerOfTheLink(t *testing.T) {
	s, h := world(t, "")
	s.link("/c/l", "c/o", "", storedAccount, "b")
	req := webtest.Request("GET", "/v1/a/c/l")
	req.Authorize = func(_ context.Context, r *web.Request) *web.Response {
		r.Owner = r.Owner || strings.HasPrefix(r.Path, "/v1/a/")
		return nil
	}
	webtest.Do(h, req)
	if len(s.seen) != 2 || s.seen[1].Path != "/v1/b/c/o" || s.seen[1].Owner {
		t.Errorf("%+v", s.seen)
	}
}

// Conditions are judged by the target, whatever the link says to them.
func TestConditions(t *testing.T) {
	sum := hexMD5("target body")
	for name, c := range map[string]struct {
		header, value string
		status        int
	}{
		"if-match of the target":          {"If-Match", sum, 200},
		"if-match of the link":            {"If-Match", emptyMD5, 412},
		"if-none-match of the target":     {"If-None-Match", sum, 304},
		"if-none-match of the link":       {"If-None-Match", emptyMD5, 200},
		"if-match of something else":      {"If-Match", "x", 412},
		"if-none-match of something else": {"If-None-Match", "x", 200},
	} {
		t.Run(name, func(t *testing.T) {
			s, h := world(t, "")
			s.put("/c/o", "target body")
			s.link("/c/l", "c/o", "")
			got := webtest.Do(h, webtest.Request("GET", "/v1/a/c/l", c.header, c.value))
			if got.Status != c.status || got.Header.Get("Content-Location") != "/v1/a/c/o" || s.open != 0 {
				t.Errorf("%+v, %d open", got, s.open)
			}
		})
	}
}

func TestGetLink(t *testing.T) {
	s, h := world(t, "")
	s.link("/c/l", "c/o%20", "sum", storedAccount, "b", "X-Object-Meta-A", "1")
	for _, method := range []string{"GET", "HEAD"} {
		got := webtest.Do(h, webtest.Request(method, "/v1/a/c/l?symlink=get"))
		for name, want := range map[string]string{
			targetHeader: "c/o%20", accountHeader: "b", etagHeader: "sum", bytesHeader: "1", "X-Object-Meta-A": "1",
			storedTarget: "", storedAccount: "", storedEtag: "", storedBytes: "", "Content-Location": "",
		} {
			if v := got.Header.Get(name); v != want {
				t.Errorf("%s %s: %q", method, name, v)
			}
		}
		if got.Status != 200 || got.Body != "" {
			t.Errorf("%+v", got)
		}
	}
	if log := s.takeLog(); log != "GET /v1/a/c/l?symlink=get\nHEAD /v1/a/c/l?symlink=get" {
		t.Error(log)
	}
}

func TestOthersPass(t *testing.T) {
	s, h := world(t, "")
	s.link("/c/l", "c/o", "")
	for _, line := range []string{"DELETE /v1/a/c/l", "OPTIONS /v1/a/c/l", "PUT /v1/a/c/l", "GET /v1/a", "HEAD /v1/a/c", "GET /info"} {
		method, path, _ := strings.Cut(line, " ")
		webtest.Do(h, webtest.Request(method, path))
		if log := s.takeLog(); log != line {
			t.Errorf("%s: %s", line, log)
		}
	}
}

func TestPost(t *testing.T) {
	s, h := world(t, "")
	s.put("/c/o", "data")
	s.link("/c/l", "c/o%2F", "", storedAccount, "b%20")
	s.link("/c/s", "c/o", "sum", "X-Object-Sysmeta-Other", "x")
	if got := webtest.Do(h, webtest.Request("POST", "/v1/a/c/o")); got.Status != 202 {
		t.Errorf("object: %+v", got)
	}
	if got := webtest.Do(h, webtest.Request("POST", "/v1/a/c/none")); got.Status != 404 {
		t.Errorf("nothing: %+v", got)
	}
	req := webtest.Request("POST", "/v1/a/c/l")
	got := webtest.Do(h, req)
	if got.Status != 307 || got.Header.Get("Location") != "/v1/b%20/c/o%2F" || got.Body != postedToLink || !req.Meta.RelativeLocation {
		t.Errorf("link: %+v", got)
	}
	got = webtest.Do(h, webtest.Request("POST", "/v1/a/c/s"))
	if got.Status != 307 || got.Header.Get("Location") != "/v1/a/c/o" || got.Header.Get(etagHeader) != "sum" ||
		got.Header.Get("X-Object-Sysmeta-Other") != "x" {
		t.Errorf("static link: %+v", got)
	}
	s.takeLog()
	got = webtest.Do(h, webtest.Request("POST", "/v1/a/c/o", targetHeader, "c/x"))
	if got.Status != http.StatusBadRequest || got.Body != "A PUT request is required to set a symlink target" || s.takeLog() != "" {
		t.Errorf("target: %+v", got)
	}
}
