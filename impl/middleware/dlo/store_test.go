package dlo

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"sort"
	"strconv"
	"strings"
	"testing"
	"time"

	"apus/impl/middleware/segments"
	"apus/impl/web"
	"apus/impl/web/webtest"
)

func hexMD5(s string) string { sum := md5.Sum([]byte(s)); return hex.EncodeToString(sum[:]) }

// store answers for one account, with listings in pages, and watches what is
// open.
type store struct {
	objects  map[string]*blob // by "/container/object"
	pageSize int
	denied   map[string]int // status of a path, after so many requests to it
	after    map[string]int
	requests []string // "METHOD path?query Range"
	seen     []*web.Request
	open     int
	mostOpen int
}

type blob struct {
	data   string
	header http.Header
	// listed is what the listing says, if not what is true.
	listed  int64
	cutAt   int   // the body ends here
	cutErr  error // with this
	corrupt bool  // the last byte is wrong
}

var errCut = errors.New("connection reset")

func newStore() *store {
	return &store{objects: map[string]*blob{}, pageSize: 10000, denied: map[string]int{}, after: map[string]int{}}
}

func (s *store) put(name, data string, header ...string) *blob {
	h := http.Header{"Content-Type": {"text/plain"}}
	for i := 0; i+1 < len(header); i += 2 {
		h.Set(header[i], header[i+1])
	}
	o := &blob{data: data, header: h, listed: -1}
	s.objects[name] = o
	return o
}

// filter is the filter around s; bodies are tracked.
func (s *store) filter(t *testing.T) web.Handler {
	t.Helper()
	webtest.TrackBodies(t)
	return &filter{next: s, limits: segments.Limits{MaxTime: time.Hour}, pageSize: s.pageSize}
}

func (s *store) log() []string {
	out := s.requests
	s.requests = nil
	return out
}

func (s *store) Serve(_ context.Context, req *web.Request) *web.Response {
	line := req.Method + " " + req.Path
	if req.RawQuery != "" {
		line += "?" + req.RawQuery
	}
	if r := req.Header.Get("Range"); r != "" {
		line += " " + r
	}
	s.requests, s.seen = append(s.requests, line), append(s.seen, req)
	_, p, _ := req.Swift()
	name := strings.TrimPrefix(req.Path, "/v1/a")
	if status := s.denied[name]; status != 0 {
		if s.after[name]--; s.after[name] < 0 {
			return webtest.Response(status, "<html>sorry</html>")
		}
	}
	if !p.IsObject() {
		return s.list(name, req)
	}
	o := s.objects[name]
	if o == nil {
		return webtest.Response(404, "<html>gone</html>")
	}
	h := o.header.Clone()
	h.Set("Etag", hexMD5(o.data))
	h.Set("Last-Modified", "Fri, 13 Feb 2009 23:31:30 GMT")
	resp := &web.Response{Status: 200, Header: h, ContentLength: int64(len(o.data)), Body: http.NoBody}
	if req.Method == "GET" {
		data := o.data
		if o.corrupt {
			data = data[:len(data)-1] + "!"
		}
		s.open++
		s.mostOpen = max(s.mostOpen, s.open)
		body := &handle{s: s, data: data, o: o}
		resp.Body = struct {
			io.ReadCloser
			web.Ranger
		}{web.Track("store", body), body}
	}
	if h.Get(manifestHeader) != "" && strings.Contains(req.Header.Get(ignoreRangesIf), manifestHeader) {
		inner := *req
		inner.Header = req.Header.Clone()
		inner.Header.Del("Range")
		req = &inner
	}
	return web.Conditional(req, resp, web.ConditionalOptions{})
}

func (s *store) list(container string, req *web.Request) *web.Response {
	var items []map[string]any
	for name, o := range s.objects {
		key, ok := strings.CutPrefix(name, container+"/")
		if !ok || !strings.HasPrefix(key, req.Query().Get("prefix")) || key <= req.Query().Get("marker") {
			continue
		}
		n := o.listed
		if n < 0 {
			n = int64(len(o.data))
		}
		items = append(items, map[string]any{"name": key, "bytes": n, "hash": hexMD5(o.data)})
	}
	sort.Slice(items, func(i, j int) bool { return items[i]["name"].(string) < items[j]["name"].(string) })
	text, _ := json.Marshal(items[:min(len(items), s.pageSize)])
	if items == nil {
		text = []byte("[]")
	}
	return webtest.Response(200, string(text), "Content-Type", "application/json")
}

// handle is an open object.
type handle struct {
	s    *store
	data string
	o    *blob
	at   int
}

func (h *handle) Read(p []byte) (int, error) {
	end := len(h.data)
	if h.o.cutErr != nil {
		if end = min(end, h.o.cutAt); h.at >= end {
			return 0, h.o.cutErr
		}
	}
	if h.at >= end {
		return 0, io.EOF
	}
	n := copy(p, h.data[h.at:min(end, h.at+7)]) // small pieces
	h.at += n
	return n, nil
}

func (h *handle) Close() error { h.s.open--; return nil }

func (h *handle) OpenRange(start, end int64) (io.ReadCloser, error) {
	return io.NopCloser(&handle{s: h.s, data: h.data[:end], o: h.o, at: int(start)}), nil
}

func get(h web.Handler, target string, header ...string) webtest.Result {
	return webtest.Do(h, webtest.Request("GET", "/v1/a"+target, header...))
}

// libraryText is what the library's manifest stands for.
func libraryText() (text string) {
	for i := range 5 {
		text += strings.Repeat(strconv.Itoa(i), 9) + ","
	}
	return text
}

// etags are those of the segments of text.
func etags(text string) (all string) {
	for i := range 5 {
		all += hexMD5(text[10*i : 10*i+10])
	}
	return all
}

// library is five segments of 10 bytes and the manifest /c/large of them.
func library(t *testing.T, pageSize int) (s *store, h web.Handler, text string) {
	t.Helper()
	s = newStore()
	s.pageSize = pageSize
	text = libraryText()
	for i := range 5 {
		s.put("/seg/ü/"+strconv.Itoa(i), text[10*i:10*i+10])
	}
	s.put("/seg/other", "not this")
	s.put("/c/large", "stored", manifestHeader, "seg/%C3%BC/", "X-Object-Meta-A", "b")
	return s, s.filter(t), text
}
