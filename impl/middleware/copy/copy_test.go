package copy

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"apus/impl/swift"
	"apus/impl/web"
	"apus/impl/web/webtest"
)

// proxy answers GET with a source that is watched, and PUT as told.
type proxy struct {
	src     *web.Response
	put     func(*web.Request) *web.Response
	gets    []*web.Request
	puts    []*web.Request
	written string
	readErr error
}

// source200 is a source. Headers come in pairs.
func source200(body string, header ...string) *web.Response {
	return webtest.Response(200, body, append([]string{
		"Etag", `"e"`, "Content-Type", "text/x", "Last-Modified", "Fri, 13 Feb 2009 23:31:30 GMT",
	}, header...)...)
}

func (p *proxy) Serve(_ context.Context, req *web.Request) *web.Response {
	if req.Method == http.MethodGet {
		p.gets = append(p.gets, req)
		return p.src
	}
	seen := *req
	seen.Header = req.Header.Clone()
	p.puts = append(p.puts, &seen)
	if p.put != nil {
		return p.put(req)
	}
	body, err := io.ReadAll(req.Body)
	p.written, p.readErr = string(body), err
	if err != nil {
		return web.FromError(err)
	}
	return webtest.Response(201, "", "Etag", "new")
}

func newProxy(src *web.Response) (*proxy, web.Handler) {
	p := &proxy{src: src}
	return p, &filter{next: p, maxSize: 100, yieldEvery: 10 * time.Second}
}

func TestEnds(t *testing.T) {
	const destination = "Destination header must be of the form <container name>/<object name>"
	const from = "X-Copy-From header must be of the form <container name>/<object name>"
	for _, c := range []struct {
		name, method string
		header       []string
		status       int
		body         string // of a refusal, else "source > destination"
	}{
		{"COPY", "COPY", []string{"Destination", "d/p"}, 201, "/v1/a/c/o > /v1/a/d/p"},
		{"with a slash", "COPY", []string{"Destination", "/d/p/q/"}, 201, "/v1/a/c/o > /v1/a/d/p/q/"},
		{"encoded", "COPY", []string{"Destination", "d%2Fp%20%C3%BC%"}, 201, "/v1/a/c/o > /v1/a/d/p ü%"},
		{"another account", "COPY", []string{"Destination", "d/p", "Destination-Account", "%62"}, 201, "/v1/a/c/o > /v1/b/d/p"},
		{"nowhere", "COPY", nil, 412, "Destination header required"},
		{"empty", "COPY", []string{"Destination", ""}, 412, "Destination header required"},
		{"no object", "COPY", []string{"Destination", "d"}, 412, destination},
		{"empty object", "COPY", []string{"Destination", "/d/"}, 412, destination},
		{"empty container", "COPY", []string{"Destination", "//p"}, 412, destination},
		{"bad account", "COPY", []string{"Destination", "d/p", "Destination-Account", "b/c"}, 412, "Account name cannot contain slashes"},
		{"empty account", "COPY", []string{"Destination", "bad", "Destination-Account", ""}, 412, "Account name cannot be empty"},
		{"PUT", "PUT", []string{"X-Copy-From", "s/q"}, 201, "/v1/a/s/q > /v1/a/c/o"},
		{"from another account", "PUT", []string{"X-Copy-From", "/s/q", "X-Copy-From-Account", "b"}, 201, "/v1/b/s/q > /v1/a/c/o"},
		{"from no account", "PUT", []string{"X-Copy-From", "/s/q", "X-Copy-From-Account", ""}, 201, "/v1/a/s/q > /v1/a/c/o"},
		{"from a bad account", "PUT", []string{"X-Copy-From", "bad", "X-Copy-From-Account", "b/c"}, 412, "Account name cannot contain slashes"},
		{"from no object", "PUT", []string{"X-Copy-From", "s"}, 412, from},
		{"from nowhere is no copy", "PUT", []string{"X-Copy-From", ""}, 201, " > /v1/a/c/o"},
	} {
		t.Run(c.name, func(t *testing.T) {
			webtest.TrackBodies(t)
			p, h := newProxy(nil)
			if c.status == 201 && !strings.HasPrefix(c.body, " ") {
				p.src = source200("hello")
			}
			got := webtest.Do(h, webtest.Request(c.method, "/v1/a/c/o", c.header...))
			text := got.Body
			if c.status == 201 {
				from := ""
				for _, r := range p.gets {
					from = r.Path
				}
				text = from + " > " + p.puts[0].Path
			}
			if got.Status != c.status || text != c.body {
				t.Errorf("%d %q", got.Status, text)
			}
		})
	}
}

func TestCopy(t *testing.T) {
	webtest.TrackBodies(t)
	p, h := newProxy(source200("hello", "X-Object-Meta-A", "1", "X-Object-Sysmeta-S", "s", "X-Backend-Timestamp", "1", "X-Delete-At", "2000000000", "X-Trans-Id", "tx"))
	req := webtest.Request("COPY", "/v1/a/c/o?x=y&version-id=7", "Destination", "d/%3F", "X-Auth-Token", "tk", "X-Object-Meta-B", "2",
		"If-Match", "e", "X-Backend-Storage-Policy-Index", "3", "X-Open-Expired", "true")
	got := webtest.Do(h, req)
	if got.Status != 201 || p.written != "hello" || p.readErr != nil {
		t.Fatalf("%d %q %v", got.Status, p.written, p.readErr)
	}
	get, put := p.gets[0], p.puts[0]
	for name, want := range map[string]string{"X-Newest": "true", "X-Auth-Token": "tk", "If-Match": "e", "X-Open-Expired": "true",
		"X-Backend-Storage-Policy-Index": "", "Destination": ""} {
		if v := get.Header.Get(name); v != want {
			t.Errorf("GET has %s: %q", name, v)
		}
	}
	if get.Source != "SSC" || get.RawQuery != "x=y&version-id=7" || put.Method != "PUT" || put.RawQuery != "x=y" {
		t.Errorf("GET of %q ?%s, %s ?%s", get.Source, get.RawQuery, put.Method, put.RawQuery)
	}
	for name, want := range map[string]string{
		"Etag": "e", "Content-Length": "5", "Content-Type": "text/x", "X-Object-Meta-A": "1", "X-Object-Meta-B": "2", "X-Object-Sysmeta-S": "s",
		"X-Delete-At": "2000000000", "X-Backend-Timestamp": "", "X-Newest": "", "Last-Modified": "", "X-Trans-Id": "", "Destination": "",
	} {
		if v := put.Header.Get(name); v != want {
			t.Errorf("PUT has %s: %q", name, v)
		}
	}
	for name, want := range map[string]string{
		"X-Copied-From": "c/o", "X-Copied-From-Account": "a", "X-Copied-From-Last-Modified": "Fri, 13 Feb 2009 23:31:30 GMT",
		"X-Object-Meta-A": "1", "X-Object-Meta-B": "2", "X-Delete-At": "2000000000", "Etag": "new",
	} {
		if v := got.Header.Get(name); v != want {
			t.Errorf("the answer has %s: %q", name, v)
		}
	}
	if req.Method != "COPY" || req.Path != "/v1/a/c/o" || req.Header.Get("Destination") != "d/%3F" {
		t.Error("the client's request was changed, which logs show")
	}
}

func TestCopyOfVersionAndQuotedNames(t *testing.T) {
	webtest.TrackBodies(t)
	_, h := newProxy(source200("hello", "X-Object-Version-Id", "7"))
	got := webtest.Do(h, webtest.Request("PUT", "/v1/a/c/o", "X-Copy-From", "s%20s/%C3%BC/x", "X-Copy-From-Account", "b b"))
	for name, want := range map[string]string{"X-Copied-From": "s%20s/%C3%BC/x", "X-Copied-From-Account": "b%20b", "X-Copied-From-Version-Id": "7"} {
		if v := got.Header.Get(name); v != want {
			t.Errorf("%s: %q", name, v)
		}
	}
}

func TestMerge(t *testing.T) {
	h := func(pairs ...string) http.Header {
		out := http.Header{}
		for i := 0; i < len(pairs); i += 2 {
			out.Set(pairs[i], pairs[i+1])
		}
		return out
	}
	src := h("X-Object-Meta-A", "1", "X-Object-Meta-B", "1", "X-Object-Sysmeta-S", "1", "X-Object-Transient-Sysmeta-T", "1",
		"Content-Type", "a/b", "Content-Encoding", "gzip", "X-Symlink-Target", "c/o", "Etag", "e", "X-Static-Large-Object", "True",
		"X-Object-Manifest", "c/p", "X-Timestamp", "1", "Content-Length", "1", "Access-Control-Allow-Origin", "*")
	for _, c := range []struct {
		name   string
		client http.Header
		fresh  bool
		want   http.Header
	}{
		{"all", h(), false, h("X-Object-Meta-A", "1", "X-Object-Meta-B", "1", "X-Object-Sysmeta-S", "1", "X-Object-Transient-Sysmeta-T", "1",
			"Content-Type", "a/b", "Content-Encoding", "gzip", "X-Symlink-Target", "c/o")},
		{"the client wins", h("X-Object-Meta-A", "2", "X-Object-Sysmeta-S", "2", "Content-Type", "c/d", "Content-Encoding", ""), false,
			h("X-Object-Meta-A", "2", "X-Object-Meta-B", "1", "X-Object-Sysmeta-S", "2", "X-Object-Transient-Sysmeta-T", "1",
				"Content-Type", "c/d", "Content-Encoding", "", "X-Symlink-Target", "c/o")},
		{"fresh", h("X-Object-Meta-A", "2"), true, h("X-Object-Meta-A", "2", "X-Object-Sysmeta-S", "1", "Content-Type", "a/b")},
		{"no type given", h("Content-Type", ""), true, h("X-Object-Sysmeta-S", "1", "Content-Type", "a/b")},
	} {
		got := merge(src, c.client, c.fresh)
		for name := range c.want {
			if got.Get(name) != c.want.Get(name) {
				t.Errorf("%s: %s is %q", c.name, name, got.Get(name))
			}
		}
		if len(got) != len(c.want) {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

// TestLargeSources: what is written under which query, and with which ETag.
func TestLargeSources(t *testing.T) {
	const override = overridePrefix + "Etag"
	slo, dlo := []string{"X-Static-Large-Object", "True", override, "x"}, []string{"X-Object-Manifest", "c/p", override, "x"}
	for _, c := range []struct {
		name, query    string
		status         int
		src            []string
		get, put, etag string
		manifest, over string
	}{
		{"plain", "", 200, []string{override, "x"}, "", "", "e", "", "x"},
		{"plain, as stored", "multipart-manifest=get", 200, nil, "format=raw&multipart-manifest=get", "multipart-manifest=get", "e", "", ""},
		{"a range", "", 206, []string{override, "x"}, "", "", "", "", ""},
		{"static", "", 200, slo, "", "", "", "", ""},
		{"static, as stored", "multipart-manifest=get", 200, slo, "format=raw&multipart-manifest=get", "multipart-manifest=put", "", "", ""},
		{"dynamic", "", 200, dlo, "", "", "", "", ""},
		{"dynamic, as stored", "multipart-manifest=get", 200, dlo, "format=raw&multipart-manifest=get", "", "e", "c/p", "x"},
		{"a symlink", "symlink=get", 200, nil, "symlink=get", "symlink=get", "e", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			webtest.TrackBodies(t)
			src := source200("hello", c.src...)
			src.Status = c.status
			p, h := newProxy(src)
			if got := webtest.Do(h, webtest.Request("COPY", "/v1/a/c/o?"+c.query, "Destination", "d/o")); got.Status != 201 {
				t.Fatalf("%d", got.Status)
			}
			put := p.puts[0]
			if p.gets[0].RawQuery != c.get || put.RawQuery != c.put || put.Header.Get("Etag") != c.etag ||
				put.Header.Get("X-Object-Manifest") != c.manifest || put.Header.Get(override) != c.over || put.Header.Get("X-Static-Large-Object") != "" {
				t.Errorf("GET ?%s, PUT ?%s %v", p.gets[0].RawQuery, put.RawQuery, put.Header)
			}
		})
	}
}

// TestRefusals: the source is closed whatever happens, and nothing is written.
func TestRefusals(t *testing.T) {
	refusal := func(status int) func() *web.Response {
		return func() *web.Response { return webtest.Response(status, "no") }
	}
	for _, c := range []struct {
		name   string
		src    func() *web.Response
		status int
	}{
		{"too large", func() *web.Response { return source200(strings.Repeat("x", 101)) }, 413},
		{"of unknown length", func() *web.Response {
			r := source200("x")
			r.ContentLength = -1
			return r
		}, 413},
		{"not modified", refusal(304), 304},
		{"precondition", refusal(412), 412},
		{"range", refusal(416), 416},
		{"missing", refusal(404), 404},
		{"forbidden", refusal(403), 403},
		{"unavailable", refusal(503), 503},
	} {
		t.Run(c.name, func(t *testing.T) {
			webtest.TrackBodies(t)
			p, h := newProxy(c.src())
			got := webtest.Do(h, webtest.Request("COPY", "/v1/a/c/o", "Destination", "d/o"))
			if got.Status != c.status || len(p.puts) != 0 || got.Header.Get("X-Copied-From") != "" {
				t.Errorf("%d, %d PUTs", got.Status, len(p.puts))
			}
		})
	}
	webtest.TrackBodies(t)
	p, h := newProxy(nil)
	req := webtest.Request("PUT", "/v1/a/c/o", "X-Copy-From", "bad")
	req.Body, req.ContentLength = strings.NewReader("x"), 1
	if got := webtest.Do(h, req); got.Status != 400 || got.Body != "Copy requests require a zero byte body" || len(p.gets) != 0 {
		t.Errorf("%d %q", got.Status, got.Body)
	}
}

// TestEarlyEnds: a PUT that is answered before the source is read, and a
// source that breaks, leave nothing open; a broken source is no success, and
// not the client's fault.
func TestEarlyEnds(t *testing.T) {
	errCut := errors.New("connection reset")
	for _, c := range []struct {
		name   string
		text   string
		err    error // at its end
		put    func(*web.Request) *web.Response
		status int
	}{
		{"quota", "hello", nil, webtest.Answer(413, "no"), 413},
		{"midway", "hello", nil, func(r *web.Request) *web.Response {
			_, _ = r.Body.Read(make([]byte, 2))
			return webtest.Response(503, "no")
		}, 503},
		{"the source is cut", "hel", errCut, nil, 503},
		{"the source is short", "hel", nil, nil, 503},
		{"the source is longer", "hello and more", nil, nil, 201},
		{"the source's reader had gone", "h", swift.E("x", "", swift.ClientGone, errCut), nil, 503},
	} {
		t.Run(c.name, func(t *testing.T) {
			webtest.TrackBodies(t)
			src := source200("")
			src.Abandon()
			src.Body, src.ContentLength = webtest.Body(c.text, c.err), 5
			p, h := newProxy(src)
			p.put = c.put
			got := webtest.Do(h, webtest.Request("COPY", "/v1/a/c/o", "Destination", "d/o"))
			if got.Status != c.status || (got.Header.Get("X-Copied-From") != "") != (c.status == 201) {
				t.Errorf("%d %v", got.Status, got.Header)
			}
			if c.status == 201 && p.written != "hello" {
				t.Errorf("wrote %q", p.written)
			}
		})
	}
}

func TestHeartbeat(t *testing.T) {
	webtest.TrackBodies(t)
	p, h := newProxy(source200("hello", "X-Object-Meta-A", "1", "X-Object-Sysmeta-S", "s"))
	got := webtest.Do(h, webtest.Request("COPY", "/v1/a/c%/o?heartbeat=on", "Destination", "d/o"))
	want := " Content-Length: 0\nEtag: new\nResponse Body: \nResponse Status: 201 Created\nX-Copied-From: c%25/o\nX-Copied-From-Account: a\n" +
		"X-Copied-From-Last-Modified: Fri, 13 Feb 2009 23:31:30 GMT\nX-Object-Meta-A: 1\nErrors:\n"
	if got.Status != 202 || got.Body != want || got.Header.Get("Content-Type") != "text/plain" || p.written != "hello" {
		t.Errorf("%d %s %q", got.Status, got.Header, got.Body)
	}
	p, h = newProxy(source200("hello"))
	p.put = webtest.Answer(404, "gone")
	got = webtest.Do(h, webtest.Request("COPY", "/v1/a/c%/o?heartbeat=on", "Destination", "d/o", "Accept", "application/json"))
	if !strings.Contains(got.Body, `"Errors":[["c%2525/o","404 Not Found"]]`) || !strings.Contains(got.Body, `"Response Body":"gone"`) {
		t.Errorf("%q", got.Body)
	}
	p, h = newProxy(webtest.Response(404, "no source"))
	if got = webtest.Do(h, webtest.Request("COPY", "/v1/a/c/o?heartbeat=on", "Destination", "d/o")); got.Status != 404 {
		t.Errorf("%d, %d PUTs", got.Status, len(p.puts))
	}
}

// A client who leaves before the report, early or late, ends the copy.
func TestHeartbeatClientLeaves(t *testing.T) {
	webtest.TrackBodies(t)
	synctest.Test(t, func(t *testing.T) {
		for _, reads := range []int{0, 1, 2} {
			p, _ := newProxy(source200("hello"))
			var ended []int
			h := &filter{next: web.HandlerFunc(func(ctx context.Context, req *web.Request) *web.Response {
				if req.Method == http.MethodGet {
					return p.Serve(ctx, req)
				}
				<-ctx.Done()
				ended = append(ended, reads)
				return webtest.Response(499, "")
			}), maxSize: 100, yieldEvery: time.Second}
			resp := h.Serve(t.Context(), webtest.Request("COPY", "/v1/a/c/o?heartbeat=on", "Destination", "d/o"))
			for range reads {
				_, _ = resp.Body.Read(make([]byte, 10))
			}
			if err := resp.Body.Close(); err != nil || (reads > 0) != slices.Contains(ended, reads) {
				t.Errorf("%d reads: %v, ended %v", reads, err, ended)
			}
		}
	})
}

func TestOptionsAndOthers(t *testing.T) {
	webtest.TrackBodies(t)
	for _, c := range []struct {
		target      string
		status      int
		allow, want string
	}{
		{"/v1/a/c/o", 200, "GET, PUT", "GET, PUT, COPY"}, {"/v1/a/c/o", 200, "COPY, GET", "COPY, GET"}, {"/v1/a/c/o", 200, "", ""},
		{"/v1/a/c/o", 401, "GET", "GET"}, {"/v1/a/c", 200, "GET", "GET"}, {"/info", 200, "GET", "GET"},
	} {
		f, env := webtest.Filter(t, New, nil, "yield_frequency = 5", nil)
		h := f(webtest.NewNext(webtest.Answer(c.status, "", "Allow", c.allow, "Access-Control-Allow-Methods", c.allow)))
		got := webtest.Do(h, webtest.Request("OPTIONS", c.target))
		if got.Header.Get("Allow") != c.want || got.Header.Get("Access-Control-Allow-Methods") != c.want {
			t.Errorf("%v: %v", c, got.Header)
		}
		if len(env.Info.Public()) != 0 || h.(*filter).yieldEvery != 5*time.Second || h.(*filter).maxSize != 5368709122 {
			t.Errorf("%+v", h)
		}
	}
	next := webtest.NewNext()
	f, _ := webtest.Filter(t, New, nil, "", nil)
	for _, line := range []string{"COPY /v1/a/c", "COPY /v1/a", "COPY /info", "PUT /v1/a/c", "GET /v1/a/c/o"} {
		method, target, _ := strings.Cut(line, " ")
		webtest.Do(f(next), webtest.Request(method, target, "X-Copy-From", "s/o", "Destination", "d/o"))
		if r := next.Last(); r.Method != method || r.Path != target {
			t.Errorf("%s became %s %s", line, r.Method, r.Path)
		}
	}
}
