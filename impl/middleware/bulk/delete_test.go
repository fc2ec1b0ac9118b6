package bulk

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"apus/impl/swift"
	"apus/impl/web"
	"apus/impl/web/webtest"
)

func list(method, body string, header ...string) *web.Request {
	req := webtest.Request(method, "/v1/a?bulk-delete&x=y", append([]string{"Accept", "application/json"}, header...)...)
	req.Header.Set("Content-Length", fmt.Sprint(len(body)))
	req.Body, req.ContentLength = strings.NewReader(body), int64(len(body))
	return req
}

func deleted(status string, n, gone int, explanation string, failures ...string) string {
	s := said(status, 0, explanation, failures...)
	return strings.Replace(s, `"Number Files Created":0`, fmt.Sprintf(`"Number Deleted":%d,"Number Not Found":%d`, n, gone), 1)
}

func TestDelete(t *testing.T) {
	webtest.TrackBodies(t)
	for _, method := range []string{"POST", "DELETE"} {
		p := newProxy()
		p.rules = map[string]int{"DELETE /v1/a/c/gone": 404, "DELETE /v1/a/d": 409}
		got := webtest.Do(p.filter(t, "delete_concurrency = 1"), list(method, "d\n/c/1\r\n\n  c/%C3%BC%20x \nc/gone\n/c/%ff\n//e/\n/c/last",
			"Content-Type", "text/plain; charset=UTF-8", "X-Auth-Token", "t", "User-Agent", "tool"))
		if got.Status != 200 || got.Body != deleted("400 Bad Request", 4, 1, "", "/c/%FF, 412 Precondition Failed", "d, 409 Conflict") {
			t.Errorf("%s: %+v", method, got)
		}
		want := []string{"DELETE /v1/a/c/1", "DELETE /v1/a/c/ü x", "DELETE /v1/a/c/gone", "DELETE /v1/a/c/last", "DELETE /v1/a/d", "DELETE /v1/a/e/"}
		if !slices.Equal(p.log, want) {
			t.Errorf("%q", p.log)
		}
		r := p.requests[0]
		if r.Header.Get("User-Agent") != "tool BulkDelete" || r.Header.Get("X-Auth-Token") != "t" || r.Source != "BD" || r.RawQuery != "" {
			t.Errorf("%+v", r)
		}
	}
}

func TestDeleteRefusals(t *testing.T) {
	webtest.TrackBodies(t)
	noLength := list("POST", "")
	noLength.Header.Del("Content-Length")
	noAccount := list("POST", "c/o")
	noAccount.Path = "/v1"
	cut := list("POST", "")
	cut.ContentLength = 100
	cut.Body = io.MultiReader(strings.NewReader("c/1\nc/2"), iotest.ErrReader(swift.E("test", "", swift.ClientGone, errors.New("gone"))))
	line := strings.Repeat("x", 2*(1024+256+2))
	for name, c := range map[string]struct {
		req  *web.Request
		want string
	}{
		"empty":        {list("POST", ""), deleted("400 Bad Request", 0, 0, "Invalid bulk delete.")},
		"blank lines":  {list("POST", "\n \n"), deleted("400 Bad Request", 0, 0, "Invalid bulk delete.")},
		"at the limit": {list("POST", "c/1\nc/2\nc/3\n"), deleted("200 OK", 3, 0, "")},
		"too many":     {list("POST", "c/1\nc/2\nc/3\nc/4"), deleted("413 Request Entity Too Large", 0, 0, "Maximum Bulk Deletes: 3 per request")},
		"too many blanks": {list("POST", "\n\n\n\n"),
			deleted("413 Request Entity Too Large", 0, 0, "Maximum Bulk Deletes: 3 per request")},
		"long line":  {list("POST", line+"\n"), deleted("400 Bad Request", 0, 0, "Invalid File Name")},
		"other type": {list("POST", "c/1", "Content-Type", "application/json"), deleted("406 Not Acceptable", 0, 0, "")},
		"no length":  {noLength, deleted("411 Length Required", 0, 0, "")},
		"no account": {noAccount, deleted("404 Not Found", 0, 0, "")},
		"cut":        {cut, deleted("499 Client Disconnect", 0, 0, "")},
	} {
		p := newProxy()
		got := webtest.Do(p.filter(t, "max_deletes_per_request = 3"), c.req)
		if got.Body != c.want || len(p.log) > 0 && name != "at the limit" {
			t.Errorf("%s: %s %q", name, got.Body, p.log)
		}
	}
	req := webtest.Request("GET", "/v1/a?bulk-delete")
	if p := newProxy(); webtest.Do(p.filter(t, ""), req).Status != 0 || len(p.log) != 1 {
		t.Errorf("GET: %q", p.log)
	}
}

func TestDeleteStopsAfterFailures(t *testing.T) {
	webtest.TrackBodies(t)
	p := newProxy()
	p.rules = map[string]int{"DELETE /v1/a/c/1": 503, "DELETE /v1/a/c/2": 401}
	got := webtest.Do(p.filter(t, "max_failed_deletes = 2\ndelete_concurrency = 1"), list("POST", "c/0\nc/1\nc/2\nc/3"))
	if got.Body != deleted("400 Bad Request", 1, 0, "Max delete failures exceeded", "c/1, 503 Service Unavailable", "c/2, 401 Unauthorized") {
		t.Errorf("%s %q", got.Body, p.log)
	}
}

// A container that is named with what is in it is empty when its turn comes,
// wherever it stands in the list and however many are deleted at once.
func TestContainersWaitForObjects(t *testing.T) {
	webtest.TrackBodies(t)
	synctest.Test(t, func(t *testing.T) {
		var under, most atomic.Int64 // objects that are being deleted
		next := web.HandlerFunc(func(_ webtest.Context, r *web.Request) *web.Response {
			if !strings.HasPrefix(r.Path, "/v1/a/c/o") {
				if under.Load() > 0 {
					return webtest.Response(409, "")
				}
				return webtest.Response(204, "")
			}
			if n := under.Add(1); n > most.Load() {
				most.Store(n)
			}
			time.Sleep(time.Second)
			under.Add(-1)
			return webtest.Response(204, "")
		})
		f, _ := webtest.Filter(t, New, nil, "delete_concurrency = 4", nil)
		got := webtest.Do(f(next), list("POST", "/c/\nc/o1\nc/o2\nd\nc/o3\nc/o4\nc/o5"))
		if strings.TrimSpace(got.Body) != deleted("200 OK", 7, 0, "") {
			t.Error(got.Body)
		}
		if most.Load() != 4 {
			t.Errorf("%d objects were deleted at once, want 4", most.Load())
		}
	})
}

func TestContainerRetries(t *testing.T) {
	webtest.TrackBodies(t)
	synctest.Test(t, func(t *testing.T) {
		tries := 0
		next := web.HandlerFunc(func(webtest.Context, *web.Request) *web.Response {
			if tries++; tries < 3 {
				return webtest.Response(409, "")
			}
			return webtest.Response(204, "")
		})
		f, _ := webtest.Filter(t, New, nil, "delete_container_retry_count = 2\nyield_frequency = 1", nil)
		start := time.Now()
		got := webtest.Do(f(next), list("POST", "c"))
		if strings.TrimSpace(got.Body) != deleted("200 OK", 1, 0, "") || time.Since(start) != 3750*time.Millisecond {
			t.Errorf("%q after %v", got.Body, time.Since(start))
		}
	})
}

func TestOptions(t *testing.T) {
	_, env := webtest.Filter(t, New, nil, "max_failed_deletes = 7", nil)
	want := "map[bulk_delete:map[max_deletes_per_request:10000 max_failed_deletes:7] " +
		"bulk_upload:map[max_containers_per_extraction:10000 max_failed_extractions:1000]]"
	if got := fmt.Sprint(env.Info.Public()); got != want {
		t.Error(got)
	}
}
