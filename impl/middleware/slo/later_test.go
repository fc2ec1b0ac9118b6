package slo

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"apus/impl/host"
	"apus/impl/web"
	"apus/impl/web/webtest"
)

// queue is a store that also takes UPDATEs and knows containers.
type queue struct {
	*store
	status  int // of UPDATEs
	updates []string
	bodies  []string
	headers []http.Header
}

func (q *queue) Serve(ctx context.Context, req *web.Request) *web.Response {
	if req.Method == "UPDATE" {
		body, _ := io.ReadAll(req.Body)
		q.updates, q.bodies, q.headers = append(q.updates, req.Path), append(q.bodies, string(body)), append(q.headers, req.Header)
		return webtest.Response(q.status, "")
	}
	if _, p, _ := req.Swift(); !p.IsObject() {
		return webtest.Response(204, "", "X-Container-Write", "writers of "+p.Container)
	}
	return q.store.Serve(ctx, req)
}

func newQueue(t *testing.T) (*queue, web.Handler) {
	t.Helper()
	webtest.TrackBodies(t)
	q := &queue{store: newStore(), status: 202}
	f, _ := webtest.Filter(t, New, &host.Host{Clock: webtest.NewClock(1_800_000_000)}, "", nil)
	return q, f(q)
}

const later = "?multipart-manifest=delete&async=yes"

func TestDeleteLater(t *testing.T) {
	q, h := newQueue(t)
	q.put("/seg/a", "aa")
	q.put("/seg/b/ü", "bb")
	putLarge(t, h, "/c/o", `[{"path":"/seg/a"},{"data":"aGVsbG8="},{"path":"/seg/b/ü"}]`)
	got := webtest.Do(h, webtest.Request("DELETE", "/v1/a/c/o"+later))
	if got.Status != 204 || q.objects["/v1/a/c/o"] != nil || q.objects["/v1/a/seg/a"] == nil {
		t.Errorf("%d %q", got.Status, got.Body)
	}
	if len(q.updates) != 1 || !strings.HasPrefix(q.updates[0], "/v1/.expiring_objects/17999") {
		t.Fatalf("updates %q", q.updates)
	}
	if h := q.headers[0]; h.Get("X-Backend-Allow-Private-Methods") != "True" || h.Get("X-Backend-Storage-Policy-Index") != "0" || h.Get("Content-Type") != "application/json" {
		t.Errorf("%v", h)
	}
	var rows []task
	if err := json.Unmarshal([]byte(q.bodies[0]), &rows); err != nil || len(rows) != 2 {
		t.Fatalf("%s: %v", q.bodies[0], err)
	}
	want := task{
		Name: "1800000000.00000-a/seg/b/ü", CreatedAt: "1800000000.00000", Etag: hexMD5(""), ContentType: "application/async-deleted",
	}
	if rows[1] != want {
		t.Errorf("row %+v", rows[1])
	}
	last := q.seen[len(q.seen)-1]
	if last.Method != "DELETE" || last.Header.Get("X-Timestamp") != "1800000000.00000" {
		t.Errorf("%s with timestamp %q", last.Method, last.Header.Get("X-Timestamp"))
	}
}

func TestDeleteLaterRefuses(t *testing.T) {
	for _, c := range []struct {
		name, target string
		status       int
		body         string
	}{
		{"nothing there", "/c/none", 404, "SLO manifest not found"},
		{"a plain object", "/seg/a", 400, "Not an SLO manifest"},
		{"two containers", "/c/two", 400, `All segments must be in one container. Found segments in "other", "seg"`},
		{"nested", "/c/nested", 400, "No segments may be large objects."},
		{"unreachable", "/c/down", 500, "Unable to load SLO manifest or segment."},
		{"not for everybody", "/c/secret", 401, "401 Unauthorized"},
		{"not UTF-8", "/c/\xff", 412, "Invalid UTF8 or contains NULL"},
	} {
		t.Run(c.name, func(t *testing.T) {
			q, h := newQueue(t)
			q.put("/seg/a", strings.Repeat("aa", 1000))
			q.put("/other/a", "aa")
			putLarge(t, h, "/c/in", `[{"path":"/seg/a"}]`)
			putLarge(t, h, "/c/two", `[{"path":"/seg/a"},{"path":"/other/a"}]`)
			putLarge(t, h, "/c/nested", `[{"path":"/c/in"}]`)
			q.rules = map[string]rule{"/v1/a/c/down": {status: 503}, "/v1/a/c/secret": {status: 401}}
			got := webtest.Do(h, webtest.Request("DELETE", "/v1/a"+c.target+later))
			if got.Status != c.status || got.Body != c.body || len(q.updates) != 0 {
				t.Errorf("%d %q, updates %q", got.Status, got.Body, q.updates)
			}
			if realm := got.Header.Get("Www-Authenticate"); (realm == `Swift realm="unknown"`) != (c.status == 401) {
				t.Errorf("%d with %q", got.Status, realm)
			}
		})
	}
}

// A manifest of nothing is just deleted, and a queue that fails keeps it.
func TestDeleteLaterOfNothingAndWithoutQueue(t *testing.T) {
	q, h := newQueue(t)
	q.put("/seg/a", "aa")
	putLarge(t, h, "/c/empty", `[]`)
	if got := webtest.Do(h, webtest.Request("DELETE", "/v1/a/c/empty"+later)); got.Status != 204 || len(q.updates) != 0 {
		t.Errorf("%d, updates %q", got.Status, q.updates)
	}
	putLarge(t, h, "/c/o", `[{"path":"/seg/a"}]`)
	q.status = 503
	if got := webtest.Do(h, webtest.Request("DELETE", "/v1/a/c/o"+later)); got.Status != 503 || q.objects["/v1/a/c/o"] == nil {
		t.Errorf("%d", got.Status)
	}
	f, _ := webtest.Filter(t, New, nil, "allow_async_delete = no", nil)
	if got := webtest.Do(f(q), webtest.Request("DELETE", "/v1/a/c/o"+later)); got.Status != 200 || len(q.updates) != 1 {
		t.Errorf("without leave: %d %q", got.Status, got.Body)
	}
}

// The client must be allowed to write to both containers.
func TestDeleteLaterAsks(t *testing.T) {
	webtest.TrackBodies(t)
	for _, denied := range []string{"", "writers of c", "writers of seg"} {
		q := &queue{store: newStore(), status: 202}
		f, _ := webtest.Filter(t, New, &host.Host{Clock: webtest.NewClock(1_800_000_000)}, "", nil)
		h := f(q)
		q.put("/seg/a", "aa")
		putLarge(t, h, "/c/o", `[{"path":"/seg/a"}]`)
		req := webtest.Request("DELETE", "/v1/a/c/o"+later)
		var asked []string
		req.Authorize = func(_ context.Context, r *web.Request) *web.Response {
			asked = append(asked, r.ACL)
			if r.ACL == denied {
				return webtest.Response(403, "no")
			}
			return nil
		}
		got := webtest.Do(h, req)
		if denied == "" && (got.Status != 204 || strings.Join(asked, ", ") != "writers of c, writers of seg") {
			t.Errorf("%d, asked %q", got.Status, asked)
		}
		if denied != "" && (got.Status != 403 || len(q.updates) != 0 || q.objects["/v1/a/c/o"] == nil) {
			t.Errorf("denied %s: %d, updates %q", denied, got.Status, q.updates)
		}
	}
}

func beating(manifest string, header ...string) *web.Request {
	req := webtest.Request(http.MethodPut, "/v1/a/c/o?multipart-manifest=put&heartbeat=on", header...)
	req.Body, req.ContentLength = strings.NewReader(manifest), int64(len(manifest))
	return req
}

func tryBeating(h web.Handler, manifest string, header ...string) webtest.Result {
	return webtest.Do(h, beating(manifest, header...))
}

func TestPutHeartbeat(t *testing.T) {
	etag := `"` + hexMD5(hexMD5("aa")) + `"`
	for _, c := range []struct {
		name, accept, manifest string
		header                 []string
		kind, want             string
	}{
		{"text", "", `[{"path":"/seg/a"}]`, nil, "text/plain",
			"Etag: " + etag + "\nLast Modified: Fri, 13 Feb 2009 23:31:30 GMT\nResponse Body: \nResponse Status: 201 Created\nErrors:\n"},
		{"JSON", "application/json", `[{"path":"/seg/a"}]`, nil, "application/json",
			`{"Errors":[],"Etag":"\"` + hexMD5(hexMD5("aa")) + `\"","Last Modified":"Fri, 13 Feb 2009 23:31:30 GMT","Response Body":"","Response Status":"201 Created"}`},
		{"XML", "application/xml", `[{"path":"/seg/none"}]`, nil, "application/xml",
			"<upload>\n<response_body>Bad Request\nThe server could not comply with the request since it is either malformed or otherwise incorrect.</response_body>\n" +
				"<response_status>400 Bad Request</response_status>\n<errors>\n<object><name>/seg/none</name><status>404 Not Found</status></object>\n</errors>\n</upload>\n"},
		{"another ETag", "", `[{"path":"/seg/a"}]`, []string{"Etag", "x"}, "text/plain",
			"Response Body: Unprocessable Entity\nUnable to process the contained instructions\nResponse Status: 422 Unprocessable Entity\nErrors:\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newStore()
			h := s.filter(t, "")
			s.put("/seg/a", "aa")
			got := tryBeating(h, c.manifest, append(c.header, "Accept", c.accept)...)
			if got.Status != 202 || got.Body != " \r\n\r\n"+c.want || got.Header.Get("Content-Type") != c.kind || got.ContentLength != -1 {
				t.Errorf("%d %s %q", got.Status, got.Header.Get("Content-Type"), got.Body)
			}
			if stored := s.objects["/v1/a/c/o"] != nil; stored != strings.Contains(c.want, "201") {
				t.Errorf("stored: %v", stored)
			}
		})
	}
}

// What is wrong with the manifest itself is seen before anything is sent.
func TestPutHeartbeatRefuses(t *testing.T) {
	s := newStore()
	if got := tryBeating(s.filter(t, ""), `{}`); got.Status != 400 {
		t.Errorf("%d", got.Status)
	}
}

// Spaces go out while segments are slow, and a client who leaves ends it.
func TestPutHeartbeatIsAlive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStore()
		h := s.filter(t, "yield_frequency = 10\nconcurrency = 1")
		s.put("/seg/a", "aa")
		s.put("/seg/b", "bb")
		s.rules = map[string]rule{"/v1/a/seg/a": {slow: 25 * time.Second}}
		manifest := `[{"path":"/seg/a"},{"path":"/seg/b"}]`
		got := tryBeating(h, manifest)
		if !strings.HasPrefix(got.Body, "   \r\n\r\nEtag") {
			t.Errorf("%q", got.Body)
		}
		delete(s.objects, "/v1/a/c/o")
		resp := h.Serve(t.Context(), beating(manifest))
		_, _ = resp.Body.Read(make([]byte, 1))
		if err := resp.Body.Close(); err != nil || s.objects["/v1/a/c/o"] != nil {
			t.Errorf("Close: %v; the manifest was stored: %v", err, s.objects["/v1/a/c/o"])
		}
	})
}
