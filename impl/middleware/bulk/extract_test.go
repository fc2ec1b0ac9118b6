package bulk

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"apus/impl/swift"
	"apus/impl/web"
	"apus/impl/web/webtest"
)

// proxy answers as a proxy does, and remembers.
type proxy struct {
	mu       sync.Mutex
	rules    map[string]int // status by "METHOD path"
	log      []string       // "METHOD path"
	requests []*web.Request
	bodies   map[string]string
	slow     time.Duration
}

func (p *proxy) Serve(_ context.Context, req *web.Request) *web.Response {
	time.Sleep(p.slow)
	p.mu.Lock()
	defer p.mu.Unlock()
	line := req.Method + " " + req.Path
	p.log, p.requests = append(p.log, line), append(p.requests, req)
	status, ruled := p.rules[line]
	if !ruled {
		status = map[string]int{"HEAD": 404, "PUT": 201, "DELETE": 204}[req.Method]
	}
	if status/100 == 2 && strings.Count(req.Path, "/") > 3 {
		text, err := io.ReadAll(req.Body)
		if err != nil {
			return webtest.Response(swift.KindOf(err).Status(), "")
		}
		p.bodies[req.Path] = string(text)
	}
	return webtest.Response(status, "text")
}

func newProxy() *proxy { return &proxy{rules: map[string]int{}, bodies: map[string]string{}} }

func (p *proxy) filter(t *testing.T, options string) web.Handler {
	t.Helper()
	f, _ := webtest.Filter(t, New, nil, options, nil)
	return f(p)
}

// entry is a member of an archive: a regular file unless typ says otherwise.
type entry struct {
	name, content string
	pax           map[string]string
	typ           byte
}

func archiveOf(t *testing.T, entries ...entry) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, e := range entries {
		h := &tar.Header{Name: e.name, Typeflag: e.typ, PAXRecords: e.pax, Mode: 0o644}
		switch e.typ {
		case 0:
			h.Typeflag, h.Size = tar.TypeReg, int64(len(e.content))
		case tar.TypeSymlink:
			h.Linkname = "x"
		case tar.TypeXGlobalHeader:
			h.Mode = 0
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(w, e.content)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func compressed(b []byte) []byte {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, _ = w.Write(b)
	_ = w.Close()
	return out.Bytes()
}

func upload(path, kind string, body []byte, header ...string) *web.Request {
	req := webtest.Request("PUT", path+"?extract-archive="+kind, append([]string{"Accept", "application/json"}, header...)...)
	req.Body, req.ContentLength = bytes.NewReader(body), int64(len(body))
	return req
}

// said is a report in JSON.
func said(status string, created int, explanation string, failures ...string) string {
	list := make([]string, len(failures))
	for i, f := range failures {
		name, what, _ := strings.Cut(f, ", ")
		list[i] = fmt.Sprintf("[%q,%q]", name, what)
	}
	return fmt.Sprintf(`{"Errors":[%s],"Number Files Created":%d,"Response Body":%q,"Response Status":%q}`,
		strings.Join(list, ","), created, explanation, status)
}

// bz2 is an archive of one file, c/o, which holds "hello".
const bz2 = "QlpoOTFBWSZTWVhJZrsAAG37gMmAAAJAAM8AAAJqRJ4ACAggAFRCAAADTQSQoaZGgAN/1MdCB4QhFO85FaTkgQwMcVgUMI2dAl90STVbBK/D6XEEZnIREA" +
	"+LuSKcKEgsJLNdgA=="

func TestFormats(t *testing.T) {
	webtest.TrackBodies(t)
	plain := archiveOf(t, entry{name: "c/o", content: "hello"})
	bzipped, _ := base64.StdEncoding.DecodeString(bz2)
	for kind, body := range map[string][]byte{"tar": plain, ".TAR.": plain, "tar.gz": compressed(plain), "tar.bz2": bzipped} {
		p := newProxy()
		got := webtest.Do(p.filter(t, ""), upload("/v1/a", kind, body))
		if got.Status != 200 || got.Body != said("201 Created", 1, "") || got.Header.Get("Content-Type") != "application/json" || got.ContentLength != -1 {
			t.Errorf("%s: %+v", kind, got)
		}
		if want := []string{"HEAD /v1/a/c", "PUT /v1/a/c", "PUT /v1/a/c/o"}; !slices.Equal(p.log, want) || p.bodies["/v1/a/c/o"] != "hello" {
			t.Errorf("%s: %q %q", kind, p.log, p.bodies)
		}
	}
	if got := webtest.Do(newProxy().filter(t, ""), upload("/v1/a", "zip", plain)); got.Status != 400 || got.Body != "Unsupported archive format" {
		t.Errorf("%+v", got)
	}
}

func TestNames(t *testing.T) {
	webtest.TrackBodies(t)
	body := archiveOf(t, entry{name: "./d/1"}, entry{name: "/e/2"}, entry{name: "base"}, entry{name: "d/dir/", typ: tar.TypeDir},
		entry{name: "d/link", typ: tar.TypeSymlink}, entry{name: "d/ü x"})
	for path, want := range map[string][]string{
		"/v1/a":     {"HEAD /v1/a/d", "PUT /v1/a/d", "PUT /v1/a/d/1", "HEAD /v1/a/e", "PUT /v1/a/e", "PUT /v1/a/e/2", "PUT /v1/a/d/ü x"},
		"/v1/a/c":   {"HEAD /v1/a/c", "PUT /v1/a/c", "PUT /v1/a/c/d/1", "PUT /v1/a/c/e/2", "PUT /v1/a/c/base", "PUT /v1/a/c/d/ü x"},
		"/v1/a/c//": {"HEAD /v1/a/c", "PUT /v1/a/c", "PUT /v1/a/c/d/1", "PUT /v1/a/c/e/2", "PUT /v1/a/c/base", "PUT /v1/a/c/d/ü x"},
		"/v1/a/c/p/": {"HEAD /v1/a/c", "PUT /v1/a/c", "PUT /v1/a/c/p/d/1", "PUT /v1/a/c/p/e/2", "PUT /v1/a/c/p/base",
			"PUT /v1/a/c/p/d/ü x"},
	} {
		p := newProxy()
		webtest.Do(p.filter(t, ""), upload(path, "tar", body))
		if !slices.Equal(p.log, want) {
			t.Errorf("%s: %q", path, p.log)
		}
	}
}

func TestHeaders(t *testing.T) {
	webtest.TrackBodies(t)
	body := archiveOf(t,
		entry{pax: map[string]string{"SCHILY.xattr.user.meta.all": "g"}, typ: tar.TypeXGlobalHeader},
		entry{name: "c/1", content: "x", pax: map[string]string{
			"SCHILY.xattr.user.mime_type": "food/diet", "SCHILY.xattr.user.meta.Lunch": "bürger", "LIBARCHIVE.xattr.user.meta.dinner": "ziti",
			"SCHILY.xattr.user.stuff": "no", "SCHILY.xattr.user.meta.foo": "own",
		}},
		entry{name: "c/2", content: "y", pax: map[string]string{"SCHILY.xattr.user.meta.a b": "no header"}},
		entry{name: "c/3", content: "z", pax: map[string]string{"SCHILY.xattr.user.meta.a": "two\r\nX-Lines: 1"}})
	p := newProxy()
	got := webtest.Do(p.filter(t, ""), upload("/v1/a", "tar", body, "X-Auth-Token", "t", "X-Delete-After", "60", "X-Object-Meta-Foo", "bar",
		"Content-Type", "application/x-tar", "X-Other", "no", "User-Agent", "tool"))
	if got.Body != said("400 Bad Request", 1, "", "c/2, 400 Bad Request", "c/3, 400 Bad Request") {
		t.Errorf("%s", got.Body)
	}
	want := http.Header{
		"X-Auth-Token": {"t"}, "X-Delete-After": {"60"}, "X-Object-Meta-Foo": {"own"}, "User-Agent": {"tool BulkExpand"},
		"Content-Type": {"food/diet"}, "X-Object-Meta-Lunch": {"bürger"}, "X-Object-Meta-Dinner": {"ziti"}, "X-Object-Meta-All": {"g"},
		"Content-Length": {"1"},
	}
	put := p.requests[2]
	if !reflect.DeepEqual(put.Header, want) || put.ContentLength != 1 || put.Source != "EA" || put.RawQuery != "extract-archive=tar" {
		t.Errorf("%+v", put)
	}
	if h := p.requests[1].Header; h.Get("User-Agent") != "Swift" || h.Get("X-Auth-Token") != "t" || h["X-Delete-After"] != nil {
		t.Errorf("container made with %v", h)
	}
}

func TestFailures(t *testing.T) {
	webtest.TrackBodies(t)
	two := archiveOf(t, entry{name: "c/1"}, entry{name: "c/2"})
	for name, c := range map[string]struct {
		options string
		rules   map[string]int
		body    []byte
		want    string
		asked   int
	}{
		"one refused":           {"", map[string]int{"PUT /v1/a/c/1": 403}, two, said("400 Bad Request", 1, "", "c/1, 403 Forbidden"), 4},
		"one unreachable":       {"", map[string]int{"PUT /v1/a/c/1": 503}, two, said("502 Bad Gateway", 1, "", "c/1, 503 Service Unavailable"), 4},
		"unauthorized":          {"", map[string]int{"PUT /v1/a/c/1": 401}, two, said("401 Unauthorized", 0, "", "c/1, 401 Unauthorized"), 3},
		"no access at all":      {"", map[string]int{"HEAD /v1/a/c": 401}, two, said("401 Unauthorized", 0, ""), 1},
		"cannot make container": {"", map[string]int{"PUT /v1/a/c": 403}, two, said("201 Created", 2, ""), 4},
		"neither container nor object": {"", map[string]int{"PUT /v1/a/c": 403, "PUT /v1/a/c/1": 404}, two,
			said("400 Bad Request", 1, "", "/v1/a/c, 403 Forbidden", "c/1, 404 Not Found"), 4},
		"container is there": {"", map[string]int{"HEAD /v1/a/c": 204}, two, said("201 Created", 2, ""), 3},
		"too many failures": {"max_failed_extractions = 1", map[string]int{"PUT /v1/a/c/1": 403}, two,
			said("400 Bad Request", 0, "", "c/1, 403 Forbidden"), 3},
		"too many containers": {"max_containers_per_extraction = 1", nil, archiveOf(t, entry{name: "c/1"}, entry{name: "d/1"}),
			said("400 Bad Request", 1, "More than 1 containers to create from tar."), 5},
		"no text":  {"", nil, archiveOf(t, entry{name: "c/\xff"}), said("400 Bad Request", 0, "", "c/%FF, 412 Precondition Failed"), 0},
		"no files": {"", nil, archiveOf(t, entry{name: "base"}), said("400 Bad Request", 0, "Invalid Tar File: No Valid Files"), 0},
	} {
		p := newProxy()
		p.rules = c.rules
		if got := webtest.Do(p.filter(t, c.options), upload("/v1/a", "tar", c.body)); got.Body != c.want || len(p.log) != c.asked {
			t.Errorf("%s: %s %q", name, got.Body, p.log)
		}
	}
}

// An archive that breaks is never reported as complete.
func TestDamage(t *testing.T) {
	webtest.TrackBodies(t)
	whole := archiveOf(t, entry{name: "c/1", content: "hello"}, entry{name: "c/2", content: "world"})
	zipped := compressed(whole)
	flip := func(b []byte, at int) []byte {
		b = slices.Clone(b)
		b[at] ^= 0xff
		return b
	}
	const none, one, two = 0, 1, 2
	for name, c := range map[string]struct {
		kind    string
		body    []byte
		created int
		what    string
	}{
		"empty":            {"tar", nil, none, "empty file"},
		"first header":     {"tar", flip(whole, 10), none, "invalid header"},
		"second header":    {"tar", flip(whole, 1034), one, "invalid header"},
		"empty gzip":       {"tar.gz", nil, none, "not a gzip file"},
		"no archive":       {"tar", []byte("no archive"), none, "truncated header"},
		"cut in header":    {"tar", whole[:1100], one, "unexpected end of data"},
		"cut in padding":   {"tar", whole[:1024+512+100], two, "unexpected end of data"},
		"no gzip":          {"tar.gz", whole, none, "not a gzip file"},
		"gzip cut":         {"tar.gz", zipped[:len(zipped)-20], two, "unexpected end of data"},
		"gzip checksum":    {"tar.gz", flip(zipped, len(zipped)-8), two, "invalid compressed data"},
		"no bzip2":         {"tar.bz2", whole, none, "invalid compressed data"},
		"gzip of nonsense": {"tar.gz", compressed([]byte(strings.Repeat("nonsense", 100))), none, "invalid header"},
	} {
		p := newProxy()
		req := upload("/v1/a", c.kind, c.body)
		req.Header.Set("Content-Length", fmt.Sprint(len(c.body)))
		got := webtest.Do(p.filter(t, ""), req)
		if name == "gzip cut" {
			c.created = len(p.bodies) // how far the cut lets it come is the compressor's business
		}
		if got.Body != said("400 Bad Request", c.created, "Invalid Tar File: "+c.what) {
			t.Errorf("%s: %s", name, got.Body)
		}
	}
	p := newProxy()
	got := webtest.Do(p.filter(t, ""), upload("/v1/a", "tar", whole[:514]))
	if want := said("400 Bad Request", 0, "Invalid Tar File: unexpected end of data", "c/1, 500 Internal Error"); got.Body != want || len(p.bodies) != 0 {
		t.Errorf("cut in a file: %s %q", got.Body, p.bodies)
	}
}

func TestNotBegun(t *testing.T) {
	webtest.TrackBodies(t)
	body := archiveOf(t, entry{name: "c/1"})
	chunked := upload("/v1/a", "tar", body)
	chunked.ContentLength = -1
	noLength := upload("/v1/a", "tar", nil)
	for name, c := range map[string]struct {
		req  *web.Request
		want string
	}{
		"chunked":    {chunked, said("201 Created", 1, "")},
		"no length":  {noLength, said("411 Length Required", 0, "")},
		"no account": {upload("/v1", "tar", body), said("404 Not Found", 0, "")},
		"no format":  {upload("/v1/a", "tar", body, "Accept", "x"), ""},
	} {
		if name == "no format" {
			c.req.Header.Set("Accept", "image/png")
			c.want = "Number Files Created: 0\nResponse Body: \nResponse Status: 406 Not Acceptable\nErrors:\n"
		}
		if got := webtest.Do(newProxy().filter(t, ""), c.req); got.Status != 200 || got.Body != c.want {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// A client who leaves, or stops to send, is the end of it.
func TestClientLeaves(t *testing.T) {
	webtest.TrackBodies(t)
	whole := archiveOf(t, entry{name: "c/1", content: strings.Repeat("x", 2000)}, entry{name: "c/2"})
	for kind, want := range map[swift.Kind]string{
		swift.ClientGone: said("499 Client Disconnect", 0, "", "c/1, 499 Client Disconnect"),
		swift.Timeout:    said("408 Request Timeout", 0, "", "c/1, 408 Request Timeout"),
	} {
		p := newProxy()
		req := upload("/v1/a", "tar", whole)
		gone := swift.E("test", "", kind, errors.New("gone"))
		req.Body = io.MultiReader(bytes.NewReader(whole[:1000]), iotest.ErrReader(gone))
		if got := webtest.Do(p.filter(t, ""), req); got.Body != want || len(p.log) != 3 {
			t.Errorf("%s %q", got.Body, p.log)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	p := newProxy()
	req := upload("/v1/a", "tar", whole)
	req.Body = iotest.OneByteReader(io.MultiReader(bytes.NewReader(whole[:3000]), readerFunc(func([]byte) (int, error) {
		cancel()
		return 0, nil
	})))
	resp := p.filter(t, "").Serve(ctx, req)
	text, err := resp.ReadAll(1000)
	if want := said("499 Client Disconnect", 1, ""); string(text) != want || err != nil || len(p.log) != 3 {
		t.Errorf("%q %v %q", text, err, p.log)
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func TestHeartbeat(t *testing.T) {
	webtest.TrackBodies(t)
	body := archiveOf(t, entry{name: "c/1"}, entry{name: "c/2"}, entry{name: "c/3"})
	for every, want := range map[string]string{
		"2":  "  \r\n\r\n" + said("201 Created", 3, ""),
		"10": said("201 Created", 3, ""),
	} {
		synctest.Test(t, func(t *testing.T) {
			p := newProxy()
			p.slow = 1500 * time.Millisecond
			resp := p.filter(t, "yield_frequency = "+every).Serve(t.Context(), upload("/v1/a", "tar", body))
			if resp.Duplex != (every == "2") {
				t.Errorf("every %s: duplex %v", every, resp.Duplex)
			}
			if text, err := resp.ReadAll(1000); string(text) != want || err != nil {
				t.Errorf("every %s: %q %v", every, text, err)
			}
		})
	}
	// Who leaves between two files leaves the others unstored.
	synctest.Test(t, func(t *testing.T) {
		p := newProxy()
		p.slow = time.Second
		resp := p.filter(t, "yield_frequency = 1").Serve(t.Context(), upload("/v1/a", "tar", body))
		_, _ = resp.Body.Read(make([]byte, 1))
		resp.Abandon()
		if len(p.bodies) != 1 {
			t.Errorf("%q", p.log)
		}
	})
}
