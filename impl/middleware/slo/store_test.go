package slo

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"apus/impl/config"
	"apus/impl/web"
	"apus/impl/web/webtest"
)

// store answers as a proxy without filters does, and watches what is open.
type store struct {
	mu       sync.Mutex
	objects  map[string]*blob
	rules    map[string]rule // by path
	requests []string        // "METHOD path?query Range"
	seen     []*web.Request
	open     int
	mostOpen int
	closed   int
	old      bool // does not know X-Backend-Ignore-Range-If-Metadata-Present
}

type blob struct {
	data   string
	header http.Header
}

// rule changes the answer for one path.
type rule struct {
	status   int    // instead of serving
	cut      int64  // the body fails after so many bytes (if cutErr is set)
	cutErr   error  // io.EOF ends it early without an error
	corrupt  bool   // the last byte is wrong
	etag     string // instead of the true one
	noLength bool
	slow     time.Duration
}

func newStore() *store { return &store{objects: map[string]*blob{}, rules: map[string]rule{}} }

// serve builds the filter around the store; the body tracker is on.
func (s *store) filter(t *testing.T, options string) web.Handler {
	t.Helper()
	webtest.TrackBodies(t)
	if !strings.Contains(options, "rate_limit_segments_per_sec") {
		options = "rate_limit_segments_per_sec = 0\n" + options
	}
	f, _ := webtest.Filter(t, New, nil, options, nil)
	return f(s)
}

func hexMD5(s string) string { sum := md5.Sum([]byte(s)); return hex.EncodeToString(sum[:]) }

// put stores a plain object below /v1/a.
func (s *store) put(name, data string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.objects["/v1/a"+name] = &blob{data, http.Header{"Content-Type": {"text/plain"}}}
}

func (s *store) log() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := s.requests
	s.requests = nil
	return out
}

func (s *store) counts() (open, most, closed int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.open, s.mostOpen, s.closed
}

func (s *store) Serve(_ context.Context, req *web.Request) *web.Response {
	s.mu.Lock()
	line := req.Method + " " + req.Path
	if req.RawQuery != "" {
		line += "?" + req.RawQuery
	}
	if r := req.Header.Get("Range"); r != "" {
		line += " " + r
	}
	s.requests, s.seen = append(s.requests, line), append(s.seen, req)
	r, o := s.rules[req.Path], s.objects[req.Path]
	s.mu.Unlock()
	if r.slow > 0 {
		time.Sleep(r.slow)
	}
	switch {
	case r.status != 0:
		return webtest.Response(r.status, "<html>sorry</html>")
	case req.Method == http.MethodPut:
		return s.create(req)
	case o == nil:
		return webtest.Response(http.StatusNotFound, "<html>gone</html>")
	case req.Method == http.MethodDelete:
		s.mu.Lock()
		delete(s.objects, req.Path)
		s.mu.Unlock()
		return web.Empty(http.StatusNoContent)
	}
	return s.read(req, r, o)
}

func (s *store) create(req *web.Request) *web.Response {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return web.FromError(err)
	}
	if e := req.Header.Get("Etag"); e != "" && web.Unquote(e) != hexMD5(string(body)) {
		return web.NewResponse(http.StatusUnprocessableEntity)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.objects[req.Path] = &blob{string(body), req.Header.Clone()}
	return webtest.Response(http.StatusCreated, "", "Etag", hexMD5(string(body)), "Last-Modified", "Fri, 13 Feb 2009 23:31:30 GMT")
}

func (s *store) read(req *web.Request, r rule, o *blob) *web.Response {
	etag := hexMD5(o.data)
	if r.etag != "" {
		etag = r.etag
	}
	h := http.Header{"Etag": {etag}, "Last-Modified": {"Fri, 13 Feb 2009 23:31:30 GMT"}, "X-Backend-Timestamp": {"1234567890.00000"}}
	for name, v := range o.header {
		if name == "Content-Type" || strings.HasPrefix(name, "X-Static") || strings.HasPrefix(name, "X-Object-") {
			h[name] = v
		}
	}
	if kind := h.Get("Content-Type"); strings.Contains(kind, ";swift_bytes=") { // the last parameter, which the proxy takes away
		h.Set("Content-Type", kind[:strings.LastIndexByte(kind, ';')])
	}
	data := o.data
	if r.corrupt {
		data = data[:len(data)-1] + "!"
	}
	resp := &web.Response{Status: 200, Header: h, ContentLength: int64(len(data)), Body: http.NoBody}
	if req.Method == http.MethodGet {
		resp.Body = &handle{s: s, data: data, rule: r}
		s.opened(1)
		resp.Body = trackRanger(resp.Body)
	}
	inner := *req
	if !s.old && config.Truth(h.Get(markerHeader)) && strings.Contains(req.Header.Get(ignoreRangesIf), markerHeader) {
		inner.Header = req.Header.Clone()
		inner.Header.Del("Range")
	}
	if r := web.Conditional(&inner, resp, web.ConditionalOptions{}); r != resp {
		return r
	}
	if r.noLength {
		resp.ContentLength = -1
	}
	return resp
}

func (s *store) opened(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open += n
	s.mostOpen = max(s.mostOpen, s.open)
	if n < 0 {
		s.closed++
	}
}

// trackRanger tracks a body and keeps it a web.Ranger.
func trackRanger(b io.ReadCloser) io.ReadCloser {
	return struct {
		io.ReadCloser
		web.Ranger
	}{web.Track("store", b), b.(web.Ranger)}
}

// handle is an open object.
type handle struct {
	s    *store
	data string
	rule rule
	at   int64
}

func (h *handle) Read(p []byte) (int, error) {
	if h.rule.cutErr != nil && h.at >= h.rule.cut {
		return 0, h.rule.cutErr
	}
	end := int64(len(h.data))
	if h.rule.cutErr != nil {
		end = min(end, h.rule.cut)
	}
	if h.at >= end {
		return 0, io.EOF
	}
	n := copy(p, h.data[h.at:min(end, h.at+7)]) // small pieces
	h.at += int64(n)
	return n, nil
}

func (h *handle) Close() error { h.s.opened(-1); return nil }

func (h *handle) OpenRange(start, end int64) (io.ReadCloser, error) {
	return io.NopCloser(&handle{s: h.s, data: h.data[:end], rule: h.rule, at: start}), nil
}

// putLarge makes a large object of a manifest through the filter.
func putLarge(t *testing.T, h web.Handler, name, manifest string) webtest.Result {
	t.Helper()
	got := tryLarge(h, name, manifest)
	if got.Status != http.StatusCreated {
		t.Fatalf("PUT %s: %d %s", name, got.Status, got.Body)
	}
	return got
}

func tryLarge(h web.Handler, name, manifest string, header ...string) webtest.Result {
	req := webtest.Request(http.MethodPut, "/v1/a"+name+"?multipart-manifest=put", header...)
	req.Body, req.ContentLength = strings.NewReader(manifest), int64(len(manifest))
	req.Header.Set("Content-Length", strconv.Itoa(len(manifest)))
	return webtest.Do(h, req)
}

var errCut = errors.New("connection reset")

// digits is n bytes that name their position.
func digits(name string, n int) string {
	var b strings.Builder
	for i := 0; b.Len() < n; i++ {
		fmt.Fprintf(&b, "%s%d,", name, i)
	}
	return b.String()[:n]
}

// library is a store with three segments and the large object /c/large of
// them; text is its content.
func library(t *testing.T, options string) (s *store, h web.Handler, text string) {
	t.Helper()
	s = newStore()
	for _, n := range []string{"a", "b", "c"} {
		s.put("/seg/"+n, digits(n, 100))
		text += digits(n, 100)
	}
	h = s.filter(t, options)
	putLarge(t, h, "/c/large", `[{"path":"/seg/a"},{"path":"/seg/b"},{"path":"/seg/c"}]`)
	s.log()
	return s, h, text
}
