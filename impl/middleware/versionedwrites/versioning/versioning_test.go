package versioning_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"apus/impl/config"
	"apus/impl/host"
	"apus/impl/middleware"
	"apus/impl/middleware/symlink"
	"apus/impl/middleware/versionedwrites"
	"apus/impl/middleware/versionedwrites/archive"
	"apus/impl/middleware/versionedwrites/archivetest"
	"apus/impl/policy"
	"apus/impl/swift"
	"apus/impl/web"
	"apus/impl/web/webtest"
)

const hidden = "\x00versions\x00c"

// world is a container c with versioning.
type world struct {
	*archivetest.Store
	t *testing.T
	h web.Handler
}

// newWorld also tracks bodies.
func newWorld(t *testing.T) *world {
	t.Helper()
	webtest.TrackBodies(t)
	return anotherWorld(t)
}

func anotherWorld(t *testing.T) *world {
	t.Helper()
	clock := webtest.NewClock(1_000_000_000)
	w := &world{Store: archivetest.New(clock, "c", "other"), t: t}
	w.build(clock, w.Store)
	w.do(201, "POST", "c", "", "X-Versions-Enabled", "true")
	return w
}

// build puts the filter, and that for links, in front of a store.
func (w *world) build(clock *webtest.Clock, store web.Handler) {
	w.t.Helper()
	limits := swift.DefaultLimits()
	env := &middleware.Env{
		Host: &host.Host{Clock: clock}, Swift: &config.Swift{Limits: limits, Policies: policy.Default()},
		Info: middleware.NewCapabilities(),
	}
	file, err := config.Parse("[filter:test]\nallow_object_versioning = true\n", "test.conf")
	if err != nil {
		w.t.Fatal(err)
	}
	if _, err := versionedwrites.New(env, file.Section("filter:test")); err == nil {
		w.t.Error("built without symlinks")
	}
	links, err := symlink.New(env, file.Section("filter:links"))
	if err != nil {
		w.t.Fatal(err)
	}
	f, err := versionedwrites.New(env, file.Section("filter:test"))
	if err != nil {
		w.t.Fatal(err)
	}
	w.h = f(links(store))
}

func request(method, path, body string, header ...string) *web.Request {
	req := webtest.Request(method, "/v1/a/"+path, header...)
	if method == http.MethodPut {
		req.Body, req.ContentLength = strings.NewReader(body), int64(len(body))
		req.Header.Set("Content-Length", fmt.Sprint(len(body)))
	}
	return req
}

// do sends a request with a body and expects the status.
func (w *world) do(status int, method, path, body string, header ...string) webtest.Result {
	w.t.Helper()
	got := webtest.Do(w.h, request(method, path, body, header...))
	if got.Status != status {
		w.t.Errorf("%s %s: %d %q, want %d", method, path, got.Status, got.Body, status)
	}
	return got
}

// write makes a version and returns its id.
func (w *world) write(method, path, body string) string {
	w.t.Helper()
	status := map[string]int{"PUT": 201, "DELETE": 204}[method]
	id := w.do(status, method, path, body, "Content-Type", "t/"+body).Header.Get("X-Object-Version-Id")
	if id == "" {
		w.t.Errorf("%s %s: no version", method, path)
	}
	return id
}

func (w *world) want(container string, data ...string) {
	w.t.Helper()
	if got := w.Data(container); !slices.Equal(got, data) {
		w.t.Errorf("%q has %q, want %q", container, got, data)
	}
}

// list is "name id type bytes" of a listing, "*" marking what is the latest.
func (w *world) list(query string) []string {
	w.t.Helper()
	got := w.do(200, "GET", "c?"+query, "")
	var items []map[string]any
	if err := json.Unmarshal([]byte(got.Body), &items); err != nil {
		w.t.Fatalf("%v: %s", err, got.Body)
	}
	var out []string
	for _, e := range items {
		if e["subdir"] != nil {
			out = append(out, e["subdir"].(string))
			continue
		}
		line := fmt.Sprint(e["name"], " ", e["version_id"], " ", e["content_type"], " ", e["bytes"])
		if e["is_latest"] == true {
			line += " *"
		}
		out = append(out, line)
	}
	return out
}

func (w *world) wantList(query string, want ...string) {
	w.t.Helper()
	if got := w.list(query); !slices.Equal(got, want) {
		w.t.Errorf("?%s lists\n%s\nwant\n%s", query, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestWriteReadDelete(t *testing.T) {
	w := newWorld(t)
	v1 := w.write("PUT", "c/o", "one")
	v2 := w.write("PUT", "c/o", "three")
	w.want(hidden, "three", "one") // the newest first
	w.want("c", "")                // a link
	got := w.do(200, "GET", "c/o", "")
	if got.Body != "three" || got.Header.Get("X-Object-Version-Id") != v2 || got.Header.Get("Content-Location") != "/v1/a/c/o?version-id="+v2 {
		t.Errorf("current is %q %v", got.Body, got.Header)
	}
	got = w.do(200, "GET", "c/o?version-id="+v1, "")
	if got.Body != "one" || got.Header.Get("X-Object-Version-Id") != v1 {
		t.Errorf("old is %q %v", got.Body, got.Header)
	}
	link, _ := w.Object("c/o")
	if at, _ := swift.ParseTimestamp(link.Header.Get("X-Timestamp")); at.Offset() != 1 || at.WithOffset(0).Internal() != v2 {
		t.Errorf("the link was written at %s, the version at %s", at, v2)
	}
	marker := w.write("DELETE", "c/o", "")
	w.do(404, "GET", "c/o", "")
	w.want(hidden, "", "three", "one")
	gone := w.do(404, "GET", "c/o?version-id="+marker, "")
	if gone.Header.Get("Content-Type") != archive.DeleteMarker || gone.Header.Get("X-Object-Version-Id") != marker {
		t.Errorf("a marker is %v", gone.Header)
	}
	if got := w.do(404, "DELETE", "c/o", "").Header.Get("X-Object-Version-Id"); got == marker || got == "" {
		t.Errorf("the second deletion is %q", got)
	}
	w.do(200, "GET", "c/o?version-id="+v2, "")
}

func TestListings(t *testing.T) {
	w := newWorld(t)
	a1 := w.write("PUT", "c/a", "one")
	a2 := w.write("PUT", "c/a", "three")
	b1 := w.write("PUT", "c/b/1", "x")
	d1 := w.write("PUT", "c/d", "xx")
	d2 := w.write("DELETE", "c/d", "")
	del := archive.DeleteMarker
	A1, A2, B1 := "a "+a1+" t/one 3", "a "+a2+" t/three 5 *", "b/1 "+b1+" t/x 1 *"
	D1, D2 := "d "+d1+" t/xx 2", "d "+d2+" "+del+" 0 *"
	w.wantList("versions", A2, A1, B1, D2, D1)
	w.wantList("versions&reverse=on", D1, D2, B1, A1, A2)
	w.wantList("versions&limit=2", A2, A1)
	w.wantList("versions&prefix=b", B1)
	w.wantList("versions&delimiter=/", A2, A1, "b/", D2, D1)
	w.wantList("versions&path=&prefix=b", "b/1 "+b1+" t/x 1") // path chooses among the objects, prefix among their versions
	w.wantList("versions&marker=a", B1, D2, D1)
	w.wantList("versions&marker=a&version_marker="+a2, A1, B1, D2, D1)
	w.wantList("versions&marker=d&version_marker=null", D2, D1)
	w.wantList("versions&marker=d&version_marker="+d2, D1)
	w.wantList("", "a <nil> t/three 5", "b/1 <nil> t/x 1")

	w.do(400, "GET", "c?versions&version_marker="+a1, "")
	w.do(400, "GET", "c?versions&marker=a&version_marker=x", "")
	w.do(400, "GET", "c?versions&delimiter=1", "")
	w.do(406, "GET", "c?versions", "", "Accept", "text/xml")

	// A link is in the listing before its version is, and the other way round.
	w.do(201, "PUT", "c/a?version-id="+a1, "")
	w.wantList("versions&prefix=a", "a "+a2+" t/three 5", "a "+a1+" t/one 3 *")
	plain := w.do(200, "GET", "c?prefix=a", "").Body
	if !strings.Contains(plain, `"symlink_path":"/v1/a/c/a?version-id=`+a1+`"`) || strings.Contains(plain, "symlink_bytes") {
		t.Errorf("listing is %s", plain)
	}
}

// A deletion is the latest only where there is nothing newer.
func TestLatestIsOne(t *testing.T) {
	w := newWorld(t)
	v1 := w.write("PUT", "c/o", "one")
	m1 := w.write("DELETE", "c/o", "")
	w.do(404, "DELETE", "c/o", "")
	m2 := strings.Fields(w.list("versions&limit=1")[0])[1]
	del := archive.DeleteMarker
	w.wantList("versions&reverse=on", "o "+v1+" t/one 3", "o "+m1+" "+del+" 0", "o "+m2+" "+del+" 0 *")
	w.wantList("versions&marker=o&version_marker="+m2, "o "+m1+" "+del+" 0", "o "+v1+" t/one 3")
	w.do(201, "PUT", "c/o?version-id="+v1, "")
	w.wantList("versions", "o "+m2+" "+del+" 0", "o "+m1+" "+del+" 0", "o "+v1+" t/one 3 *")
}

func TestVersionsThatAreNotListedYet(t *testing.T) {
	w := newWorld(t)
	v1 := w.write("PUT", "c/o", "one")
	w.Fail = func(req *web.Request) int {
		if req.Method == "GET" && req.Path == "/v1/a/"+hidden {
			return 404
		}
		return 0
	}
	w.wantList("versions", "o "+v1+" t/one 3 *")
	w.Fail = func(req *web.Request) int {
		if req.Method == "GET" && req.Path == "/v1/a/"+hidden {
			return 503
		}
		return 0
	}
	w.do(503, "GET", "c?versions", "")
}

func TestNullVersions(t *testing.T) {
	w := newWorld(t)
	v1 := w.write("PUT", "c/o", "one")
	w.do(404, "GET", "c/o?version-id=null", "")
	w.do(201, "POST", "c", "", "X-Versions-Enabled", "false")
	w.do(201, "PUT", "c/o", "plain", "Content-Type", "t/p")
	got := w.do(200, "GET", "c/o?version-id=null", "")
	if got.Body != "plain" || got.Header.Get("X-Object-Version-Id") != "null" {
		t.Errorf("%q %v", got.Body, got.Header)
	}
	if got := w.do(200, "GET", "c/o", "").Header.Get("X-Object-Version-Id"); got != "null" {
		t.Errorf("current is %q", got)
	}
	w.wantList("versions", "o null t/p 5 *", "o "+v1+" t/one 3")
	w.do(204, "DELETE", "c/o", "") // leaves no marker
	w.want(hidden, "one")
	w.do(201, "PUT", "c/o", "plain", "Content-Type", "t/p")
	w.do(201, "POST", "c", "", "X-Versions-Enabled", "true")
	v3 := w.write("PUT", "c/o", "three")
	w.want(hidden, "three", "plain", "one") // it became a version
	w.do(400, "PUT", "c/o?version-id=null", "")
	w.do(204, "DELETE", "c/o?version-id=null", "")
	w.do(404, "GET", "c/o", "")
	w.do(200, "GET", "c/o?version-id="+v3, "")
}

func TestDeleteVersion(t *testing.T) {
	w := newWorld(t)
	v1, v2 := w.write("PUT", "c/o", "one"), w.write("PUT", "c/o", "two")
	v3 := w.write("PUT", "c/o", "three")
	deleted := func(id, now string) {
		t.Helper()
		h := w.do(204, "DELETE", "c/o?version-id="+id, "").Header
		if h.Get("X-Object-Version-Id") != id || h.Get("X-Object-Current-Version-Id") != now {
			t.Errorf("deleting %s tells %q, %q", id, h.Get("X-Object-Version-Id"), h.Get("X-Object-Current-Version-Id"))
		}
	}
	deleted(v2, v3)
	w.want(hidden, "three", "one")
	w.do(200, "GET", "c/o", "")
	w.Log = nil
	deleted(v3, "null")
	var deletes []string
	for _, line := range w.Log {
		if strings.HasPrefix(line, "DELETE") {
			deletes = append(deletes, line)
		}
	}
	if len(deletes) != 2 || deletes[0] != "DELETE /a/c/o" {
		t.Errorf("order is %q: the link must go first", deletes)
	}
	w.do(404, "GET", "c/o", "")
	deleted(v1, "null")
	w.want(hidden)
	w.do(404, "DELETE", "c/o?version-id="+v1, "")
}

func TestPostGoesToTheVersion(t *testing.T) {
	w := newWorld(t)
	v1 := w.write("PUT", "c/o", "one")
	w.do(202, "POST", "c/o", "", "X-Object-Meta-Color", "red", "X-Delete-After", "9")
	if got := w.do(200, "GET", "c/o?version-id="+v1, "").Header.Get("X-Object-Meta-Color"); got != "red" {
		t.Errorf("colour %q", got)
	}
	w.want(hidden, "one")
	w.do(400, "POST", "c/o?version-id="+v1, "")
	w.do(201, "PUT", "other/x", "elsewhere")
	w.do(201, "POST", "c", "", "X-Versions-Enabled", "false")
	w.do(201, "PUT", "c/ln", "", "X-Symlink-Target", "other/x")
	w.do(307, "POST", "c/ln", "", "X-Object-Meta-Color", "red") // not ours to follow
}

func TestVersionIDs(t *testing.T) {
	w := newWorld(t)
	v1 := w.write("PUT", "c/o", "one")
	m := w.write("DELETE", "c/o", "")
	w.do(400, "GET", "c/o?version-id=nonsense", "")
	w.do(404, "GET", "c/o?version-id=1", "")
	w.do(400, "GET", "other/o?version-id=1", "") // never had versions
	w.do(404, "PUT", "c/o?version-id=1", "")
	if got := w.do(400, "PUT", "c/o?version-id="+m, ""); got.Header.Get("X-Object-Version-Id") != m || got.Header.Get("Etag") == "" {
		t.Errorf("a marker is refused with %v", got.Header)
	}
	w.do(400, "PUT", "c/o?version-id="+v1, "body")
	req := webtest.Request("PUT", "/v1/a/c/o?version-id="+v1)
	if got := webtest.Do(w.h, req); got.Status != 411 {
		t.Errorf("no length: %d", got.Status)
	}
	req.Body, req.ContentLength = strings.NewReader("x"), -1
	if got := webtest.Do(w.h, req); got.Status != 400 {
		t.Errorf("chunks: %d", got.Status)
	}
	req.Body = strings.NewReader("")
	if got := webtest.Do(w.h, req); got.Status != 201 {
		t.Errorf("empty chunks: %d", got.Status)
	}
	if got := w.do(200, "GET", "c/o", ""); got.Body != "one" {
		t.Errorf("restored %q", got.Body)
	}
}

func TestReservedNamesAreRefused(t *testing.T) {
	w := newWorld(t)
	for _, method := range []string{"PUT", "DELETE"} {
		if got := w.do(412, method, "c/\x00", "x"); got.Body != "contains NULL" {
			t.Errorf("%s: %q", method, got.Body)
		}
	}
	w.do(412, "DELETE", "c/\x00?version-id=1", "")
	w.want(hidden)
}

func TestIfNoneMatchWritesNothing(t *testing.T) {
	w := newWorld(t)
	w.do(201, "PUT", "c/o", "one", "If-None-Match", "*")
	w.do(412, "PUT", "c/o", "two", "If-None-Match", "*")
	w.want(hidden, "one")
}

func TestExpiryIsTheLinks(t *testing.T) {
	w := newWorld(t)
	w.do(201, "PUT", "c/o", "one", "X-Delete-At", "2000000000")
	link, _ := w.Object("c/o")
	version, _ := w.Object(hidden + "/" + w.Names(hidden)[0])
	if link.Header.Get("X-Delete-At") == "" || version.Header.Get("X-Delete-At") != "" {
		t.Errorf("link %v, version %v", link.Header, version.Header)
	}
}

func TestLargeObjects(t *testing.T) {
	w := newWorld(t)
	put := func(manifest string, header ...string) string {
		return w.do(201, "PUT", "c/o", manifest, append(header, "Content-Type", "v/m")...).Header.Get("X-Object-Version-Id")
	}
	v1 := put("[manifest]", "X-Object-Sysmeta-Slo-Size", "99", "X-Object-Sysmeta-Slo-Etag", "whole",
		"X-Object-Sysmeta-Container-Update-Override-Etag", "m; slo_etag=whole")
	w.wantList("", "o <nil> v/m 99")
	link, _ := w.Object("c/o")
	if link.Header.Get("X-Object-Sysmeta-Slo-Size") != "" || !strings.Contains(link.Header.Get("X-Object-Sysmeta-Container-Update-Override-Etag"), "slo_etag=whole") {
		t.Errorf("the link has %v", link.Header)
	}
	put("plain")
	w.do(201, "PUT", "c/o?version-id="+v1, "")
	w.wantList("", "o <nil> v/m 99")
	if body := w.do(200, "GET", "c", "").Body; !strings.Contains(body, "; slo_etag=whole") {
		t.Errorf("the listing says %s", body)
	}
}

func TestSettings(t *testing.T) {
	w := newWorld(t)
	if h := w.Container("c"); h.Get("X-Container-Sysmeta-Versions-Enabled") != "True" || h.Get("X-Container-Sysmeta-Versions-Container") != "%00versions%00c" {
		t.Errorf("stored %v", h)
	}
	if got := w.do(204, "HEAD", "c", "").Header.Get("X-Versions-Enabled"); got != "True" {
		t.Errorf("shown %q", got)
	}
	w.write("PUT", "c/o", "one")
	w.write("PUT", "c/o", "three")
	if got := w.do(204, "HEAD", "c", "").Header.Get("X-Container-Bytes-Used"); got != "8" {
		t.Errorf("%s bytes", got)
	}
	w.do(409, "DELETE", "c", "")
	w.do(404, "POST", "none", "", "X-Versions-Enabled", "true")
	if w.Container("\x00versions\x00none") != nil {
		t.Error("an orphan is left")
	}
	for _, h := range []string{"X-Container-Sysmeta-Versions-Location", "X-Versions-Location", "X-Container-Sync-To"} {
		w.Set("other", h, "x")
		w.do(400, "POST", "other", "", "X-Versions-Enabled", "true")
		w.Set("other", h, "")
	}
	for _, name := range w.Names(hidden) {
		_, id, _ := strings.Cut(name[1:], "\x00")
		at, _ := swift.ParseTimestamp(id)
		w.do(204, "DELETE", "c/o?version-id="+at.Inverted().Internal(), "")
	}
	w.do(204, "DELETE", "c", "")
	if w.Container(hidden) != nil {
		t.Error("the container of versions is left")
	}
}

func TestAccountListing(t *testing.T) {
	w := newWorld(t)
	w.write("PUT", "c/o", "one")
	got := w.do(200, "GET", "", "").Body
	var items []map[string]any
	if err := json.Unmarshal([]byte(got), &items); err != nil {
		t.Fatal(err)
	}
	if len(items) != 2 || items[0]["name"] != "c" || items[0]["bytes"] != 3.0 {
		t.Errorf("lists %s", got)
	}
	w.do(204, "DELETE", "c/o?version-id=null", "")  // the link, not the version
	webtest.Do(w.Store, request("DELETE", "c", "")) // went wrong half-way
	got = w.do(200, "GET", "", "").Body
	if !strings.Contains(got, `"bytes":3,"count":0,"name":"c"`) {
		t.Errorf("the orphan is not shown: %s", got)
	}
}

func TestVerdicts(t *testing.T) {
	for _, tt := range []struct {
		name, method, path string
		fail               string // "METHOD container" of the sub-request
		status, want       int
	}{
		{"no container of versions", "PUT", "c/o", "PUT v", 404, 500},
		{"version is refused", "PUT", "c/o", "PUT v", 422, 422},
		{"version cannot be written", "PUT", "c/o", "PUT v", 503, 503},
		{"link cannot be written", "PUT", "c/o", "PUT c", 503, 503},
		{"current is not reached", "PUT", "c/o", "GET c", 503, 503},
		{"marker: no container", "DELETE", "c/o", "PUT v", 404, 412},
		{"marker cannot be written", "DELETE", "c/o", "PUT v", 500, 503},
		{"link stays", "DELETE", "c/o", "DELETE c", 503, 503},
		{"current is not reached", "DELETE", "c/o?version-id=1000000001", "HEAD c", 503, 503},
		{"version is not reached", "PUT", "c/o?version-id=1000000001", "HEAD v", 503, 503},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.write("PUT", "c/o", "one")
			w.Fail = func(req *web.Request) int {
				_, p, _ := req.Swift()
				where := p.Container
				if where == hidden {
					where = "v"
				}
				if p.IsObject() && req.Method+" "+where == tt.fail {
					return tt.status
				}
				return 0
			}
			body := "two"
			if strings.Contains(tt.path, "?") {
				body = ""
			}
			got := w.do(tt.want, tt.method, tt.path, body)
			if made := tt.name == "link cannot be written"; (got.Header.Get("X-Object-Version-Id") != "") != made {
				t.Errorf("tells of version %q, and made is %t", got.Header.Get("X-Object-Version-Id"), made)
			}
			if !slices.Contains(w.Data(hidden), "one") {
				t.Error("the old version is lost")
			}
		})
	}
}

// Whatever fails, and when: no version is lost, and what is called done is.
func TestEveryFailureKeepsTheVersions(t *testing.T) {
	webtest.TrackBodies(t)
	for _, tt := range []struct{ method, path string }{
		{"PUT", "c/o"}, {"DELETE", "c/o"}, {"POST", "c/o"}, {"GET", "c/o"}, {"GET", "c?versions"}, {"GET", ""}, {"HEAD", "c"},
		{"DELETE", "c"}, {"POST", "c"}, {"PUT", "c/o?version-id=1000000001"}, {"GET", "c/o?version-id=null"},
	} {
		for i := 0; ; i++ {
			w := anotherWorld(t)
			w.write("PUT", "c/o", "one")
			w.do(201, "POST", "c", "", "X-Versions-Enabled", "false")
			w.do(201, "PUT", "c/o", "plain")
			w.do(201, "POST", "c", "", "X-Versions-Enabled", "true")
			n, failed := 0, false
			w.Fail = func(*web.Request) int {
				n++
				if n == i+1 {
					failed = true
					return 503
				}
				return 0
			}
			req := webtest.Request(tt.method, "/v1/a/"+tt.path)
			if tt.path == "c" && tt.method == "POST" {
				req.Header.Set("X-Versions-Enabled", "true")
			}
			if tt.method == "PUT" {
				req.Header.Set("Content-Length", "0")
			}
			got := webtest.Do(w.h, req)
			kept := w.Data(hidden)
			if !slices.Contains(kept, "one") {
				t.Fatalf("%v: failure %d loses a version: %q", tt, i, kept)
			}
			if failed && got.Status/100 == 2 && !strings.Contains(tt.path, "?") && tt.method != "GET" &&
				!slices.Contains(append(kept, w.Data("c")...), "plain") {
				t.Fatalf("%v: failure %d loses the current object and is called %d", tt, i, got.Status)
			}
			if !failed {
				break
			}
		}
	}
}

func TestRights(t *testing.T) {
	w := newWorld(t)
	v1, v2 := w.write("PUT", "c/o", "one"), w.write("PUT", "c/o", "two")
	w.Set("c", "X-Container-Write", "bob", "X-Container-Read", "bob")
	as := func(acl string) func(int, string, string) {
		return func(status int, method, path string) {
			t.Helper()
			req := request(method, path, "")
			req.Authorize = func(_ context.Context, r *web.Request) *web.Response {
				if r.ACL == acl && acl != "" {
					return nil
				}
				return web.NewResponse(http.StatusForbidden)
			}
			before := fmt.Sprint(w.Data(hidden), w.Names("c"), w.Container(hidden) != nil)
			if got := webtest.Do(w.h, req); got.Status != status {
				t.Errorf("%s: %s %s: %d, want %d", acl, method, path, got.Status, status)
			}
			if after := fmt.Sprint(w.Data(hidden), w.Names("c"), w.Container(hidden) != nil); status == 403 && before != after {
				t.Errorf("%s: %s %s: changes %s into %s", acl, method, path, before, after)
			}
		}
	}
	for _, method := range []string{"PUT", "DELETE", "GET"} {
		as("")(403, method, "c/o")
		as("")(403, method, "c/o?version-id="+v1)
		as("")(403, method, "c/o?version-id="+v2)
	}
	as("")(403, "DELETE", "c")
	bob := as("bob")
	bob(200, "GET", "c/o")
	bob(403, "GET", "c/o?version-id="+v1)
	bob(403, "DELETE", "c/o?version-id="+v1)
	bob(403, "DELETE", "c/o?version-id="+v2) // whose link he could delete
	bob(403, "DELETE", "c")
	bob(201, "PUT", "c/o")
	bob(204, "DELETE", "c/o")

	w.do(204, "DELETE", "c/o?version-id="+v1, "")
}

func TestBrokenClientBody(t *testing.T) {
	w := newWorld(t)
	w.write("PUT", "c/o", "one")
	req := request("PUT", "c/o", "")
	req.Body = webtest.Body("tw", swift.E("test", "", swift.ClientGone, errors.New("hung up")))
	defer req.Body.(interface{ Close() error }).Close()
	req.ContentLength = 3
	if got := webtest.Do(w.h, req); got.Status != 499 {
		t.Errorf("%d", got.Status)
	}
	w.want(hidden, "one")
	if got := w.do(200, "GET", "c/o", ""); got.Body != "one" {
		t.Errorf("current is %q", got.Body)
	}
}
