package symlink

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"apus/impl/web"
	"apus/impl/web/webtest"
)

// store answers as a proxy without filters does: it asks Authorize, and it
// keeps what it is sent.
type store struct {
	objects map[string]*blob
	log     []string       // "METHOD path?query"
	seen    []*web.Request // with the header as it came
	open    int
	most    int // bodies open at the same time
}

type blob struct {
	data   string
	header http.Header
}

// world is a store behind the filter; the body tracker is on.
func world(t *testing.T, options string) (*store, web.Handler) {
	t.Helper()
	webtest.TrackBodies(t)
	s := &store{objects: map[string]*blob{}}
	f, _ := webtest.Filter(t, New, nil, options, nil)
	return s, f(s)
}

func hexMD5(s string) string { sum := md5.Sum([]byte(s)); return hex.EncodeToString(sum[:]) }

// put stores an object below /v1/a, headers in pairs.
func (s *store) put(name, data string, header ...string) {
	s.objects["/v1/a"+name] = &blob{data, pairs(header)}
}

// link stores a dynamic link, or a static one with an etag.
func (s *store) link(name, target, etag string, header ...string) {
	h := append([]string{storedTarget, target}, header...)
	if etag != "" {
		h = append(h, storedEtag, etag, storedBytes, "1")
	}
	s.put(name, "", h...)
}

func pairs(header []string) http.Header {
	h := http.Header{"Content-Type": {"text/plain"}}
	for i := 0; i+1 < len(header); i += 2 {
		h.Set(header[i], header[i+1])
	}
	return h
}

func (s *store) Serve(ctx context.Context, req *web.Request) *web.Response {
	line := req.Method + " " + req.Path
	if req.RawQuery != "" {
		line += "?" + req.RawQuery
	}
	seen := *req
	seen.Header = req.Header.Clone()
	s.log, s.seen = append(s.log, line), append(s.seen, &seen)
	if req.Authorize != nil {
		if denial := req.Authorize(ctx, req); denial != nil {
			return denial
		}
	}
	if strings.Contains(req.Path, "\x00") && req.Header.Get(allowReserved) == "" {
		return webtest.Response(http.StatusPreconditionFailed, "reserved")
	}
	o := s.objects[req.Path]
	switch {
	case req.Method == http.MethodPut:
		body, _ := io.ReadAll(req.Body)
		s.objects[req.Path] = &blob{string(body), req.Header.Clone()}
		return webtest.Response(http.StatusCreated, "", "Etag", hexMD5(string(body)))
	case o == nil:
		return webtest.Response(http.StatusNotFound, "<html>gone</html>")
	case req.Method == http.MethodPost:
		return webtest.Response(http.StatusAccepted, "<html>accepted</html>", flat(o.header)...)
	}
	return s.read(req, o)
}

func flat(h http.Header) (out []string) {
	for name, v := range h {
		out = append(out, name, v[0])
	}
	return out
}

func (s *store) read(req *web.Request, o *blob) *web.Response {
	h := o.header.Clone()
	h.Set("Etag", hexMD5(o.data))
	resp := &web.Response{Status: http.StatusOK, Header: h, Body: http.NoBody, ContentLength: int64(len(o.data))}
	if req.Method == http.MethodGet {
		s.open++
		s.most = max(s.most, s.open)
		resp.Body = web.Track("store", &handle{strings.NewReader(o.data), s})
	}
	return web.Conditional(req, resp, web.ConditionalOptions{})
}

type handle struct {
	io.Reader
	s *store
}

func (h *handle) Close() error { h.s.open--; return nil }

// stored is one header of an object below /v1/a.
func (s *store) stored(t *testing.T, name, header string) string {
	t.Helper()
	o := s.objects["/v1/a"+name]
	if o == nil {
		t.Fatalf("%s is not stored", name)
	}
	return o.header.Get(header)
}

func (s *store) takeLog() string {
	out := strings.Join(s.log, "\n")
	s.log, s.seen = nil, nil
	return out
}

// only lets requests to paths with this prefix pass.
func only(prefix string) func(context.Context, *web.Request) *web.Response {
	return func(_ context.Context, req *web.Request) *web.Response {
		if strings.HasPrefix(req.Path, prefix) {
			return nil
		}
		return webtest.Response(http.StatusForbidden, fmt.Sprintf("not %s", req.Path))
	}
}
