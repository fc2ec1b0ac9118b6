package staticweb

import (
	"context"
	"encoding/json"
	"net/http"
	"sort"
	"strconv"
	"strings"
	"testing"

	"apus/impl/web"
	"apus/impl/web/webtest"
)

// store is the container /v1/a/c behind the filter, and the objects in it.
type store struct {
	meta    map[string]string // of the container, without the prefix Web-
	objects map[string]object
	faults  map[string]int // path → status
	acl     string
	log     []string // "METHOD path?query", without looks at the container
	seen    []*web.Request
}

type object struct{ kind, data string }

func world(t *testing.T, options string) (*store, web.Handler) {
	t.Helper()
	webtest.TrackBodies(t)
	s := &store{meta: map[string]string{}, objects: map[string]object{}, faults: map[string]int{}, acl: ".r:*,.rlistings"}
	f, _ := webtest.Filter(t, New, nil, options, nil)
	return s, f(s)
}

// browser is a request without a token. It may do what the ACL says: ".r:*"
// allows objects, ".rlistings" the listing.
func browser(method, path string, header ...string) *web.Request {
	req := webtest.Request(method, path, header...)
	req.Host = "host"
	req.Authorize = func(_ context.Context, r *web.Request) *web.Response {
		_, p, _ := r.Swift()
		if p.IsObject() && strings.Contains(r.ACL, ".r:*") || p.IsContainer() && strings.Contains(r.ACL, ".rlistings") {
			return nil
		}
		return webtest.Response(http.StatusUnauthorized, "<html>who are you</html>", "Www-Authenticate", "Swift")
	}
	return req
}

func (s *store) Serve(ctx context.Context, req *web.Request) *web.Response {
	_, path, _ := req.Swift()
	if req.Authorize == nil { // a filter's look at accounts and containers
		if path.IsAccount() {
			return webtest.Response(http.StatusNoContent, "")
		}
		if path.Container != "c" {
			return webtest.Response(http.StatusNotFound, "")
		}
		return webtest.Response(http.StatusNoContent, "", s.header()...)
	}
	line := req.Method + " " + req.Path
	if req.RawQuery != "" {
		line += "?" + req.RawQuery
	}
	s.log, s.seen = append(s.log, line), append(s.seen, req)
	req.ACL = s.acl
	if denial := req.Authorize(ctx, req); denial != nil {
		return denial
	}
	if status := s.faults[req.Path]; status != 0 {
		return webtest.Response(status, "<html>fault</html>")
	}
	if path.IsContainer() {
		return webtest.Response(http.StatusOK, s.list(req), "Content-Type", "application/json")
	}
	o, ok := s.objects[path.Object]
	if !ok || path.Container != "c" {
		return webtest.Response(http.StatusNotFound, "<html>gone</html>")
	}
	resp := webtest.Response(http.StatusOK, o.data, "Content-Type", o.kind, "Etag", "etag-"+path.Object)
	return web.Conditional(req, resp, web.ConditionalOptions{})
}

func (s *store) header() []string {
	out := []string{"X-Container-Read", s.acl}
	for name, v := range s.meta {
		out = append(out, "X-Container-Meta-Web-"+name, v)
	}
	return out
}

func (s *store) list(req *web.Request) string {
	q := req.Query()
	prefix, limit := q.Get("prefix"), len(s.objects)
	if n, err := strconv.Atoi(q.Get("limit")); err == nil {
		limit = min(limit, n)
	}
	seen := map[string]bool{}
	items := []map[string]any{}
	names := make([]string, 0, len(s.objects))
	for name := range s.objects {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		rest, below := strings.CutPrefix(name, prefix)
		dir, _, deeper := strings.Cut(rest, "/")
		switch {
		case !below || deeper && seen[dir] || len(items) >= limit:
		case deeper:
			seen[dir] = true
			items = append(items, map[string]any{"subdir": prefix + dir + "/"})
		default:
			o := s.objects[name]
			items = append(items, map[string]any{"name": name, "bytes": len(o.data), "content_type": o.kind,
				"last_modified": "2026-01-02T03:04:05.678900", "hash": "h"})
		}
	}
	text, _ := json.Marshal(items)
	return string(text)
}

func (s *store) takeLog() string {
	out := strings.Join(s.log, "\n")
	s.log, s.seen = nil, nil
	return out
}
