// Package archivetest is a cluster in memory for tests of object versioning:
// containers with settings and listings, objects with metadata, ACLs that are
// asked for, and requests that can be made to fail.
package archivetest

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"

	"apus/impl/info"
	"apus/impl/swift"
	"apus/impl/web"
	"apus/impl/web/webtest"
)

// Store answers as the proxy without filters does.
type Store struct {
	// Fail gives the status with which to answer a request instead; 0 is to
	// serve it. Nil fails nothing.
	Fail func(req *web.Request) int
	// Log has "METHOD /path" of each request for an object or a listing.
	Log []string

	mu         sync.Mutex
	clock      *webtest.Clock
	containers map[string]http.Header
	objects    map[string]Object
	pageSize   int
}

// Object is what is stored.
type Object struct {
	Data   string
	Header http.Header
}

// New has the account's containers. The clock moves by a second with each
// write.
func New(clock *webtest.Clock, containers ...string) *Store {
	s := &Store{clock: clock, containers: map[string]http.Header{}, objects: map[string]Object{}, pageSize: 10000}
	for _, c := range containers {
		s.containers["/a/"+c] = http.Header{}
	}
	return s
}

// PageSize limits listings.
func (s *Store) PageSize(n int) { s.pageSize = n }

// Set changes a container's headers, in pairs.
func (s *Store) Set(container string, header ...string) {
	for i := 0; i+1 < len(header); i += 2 {
		s.containers["/a/"+container].Set(header[i], header[i+1])
	}
}

// Container is the headers of a container; nil if there is none.
func (s *Store) Container(name string) http.Header { return s.containers["/a/"+name] }

// Object is a stored object; ok is false if there is none.
func (s *Store) Object(path string) (Object, bool) {
	o, ok := s.objects["/a/"+path]
	return o, ok
}

// Names are the objects of a container in order.
func (s *Store) Names(container string) []string {
	var out []string
	for p := range s.objects {
		if name, ok := strings.CutPrefix(p, "/a/"+container+"/"); ok {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

// Data is what is stored in a container, in order of the names.
func (s *Store) Data(container string) []string {
	var out []string
	for _, name := range s.Names(container) {
		out = append(out, s.objects["/a/"+container+"/"+name].Data)
	}
	return out
}

// Serve answers a request.
func (s *Store) Serve(ctx context.Context, req *web.Request) *web.Response {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, p, _ := req.Swift()
	if p.IsObject() || req.Method == http.MethodGet {
		s.Log = append(s.Log, req.Method+" "+strings.ReplaceAll(p.String(), "\x00", "^"))
	}
	if s.Fail != nil {
		if status := s.Fail(req); status != 0 {
			return webtest.Response(status, "<html>failed</html>", "Content-Type", "text/html")
		}
	}
	if strings.Contains(p.String(), "\x00") && req.Header.Get("X-Backend-Allow-Reserved-Names") == "" {
		return webtest.Response(http.StatusPreconditionFailed, "contains NULL")
	}
	if denial := s.authorize(ctx, req, p); denial != nil {
		return denial
	}
	switch {
	case p.IsAccount():
		return s.account(req)
	case p.IsContainer():
		return s.container(ctx, req, p)
	}
	return s.object(req, p)
}

func (s *Store) authorize(ctx context.Context, req *web.Request, p swift.Path) *web.Response {
	if req.Authorize == nil {
		return nil
	}
	req.ACL = ""
	if p.IsObject() {
		name := "X-Container-Write"
		if req.Method == http.MethodGet || req.Method == http.MethodHead {
			name = "X-Container-Read"
		}
		req.ACL = s.containers[p.Parent().String()].Get(name)
	}
	return req.Authorize(ctx, req)
}

func (s *Store) account(req *web.Request) *web.Response {
	if req.Method != http.MethodGet {
		return webtest.Response(http.StatusNoContent, "")
	}
	var items []map[string]any
	q := req.Query()
	for path := range s.containers {
		name := strings.TrimPrefix(path, "/a/")
		if strings.HasPrefix(name, q.Get("prefix")) && name > q.Get("marker") && (q.Get("prefix") != "" || name > "\x01") {
			count, size := s.usage(path)
			items = append(items, map[string]any{"name": name, "count": count, "bytes": size})
		}
	}
	return listing(items, q.Get("reverse") != "", s.pageSize)
}

func (s *Store) usage(container string) (count, size int) {
	for p, o := range s.objects {
		if strings.HasPrefix(p, container+"/") {
			count++
			size += len(o.Data)
		}
	}
	return count, size
}

func listing(items []map[string]any, reverse bool, limit int) *web.Response {
	slices.SortFunc(items, func(a, b map[string]any) int {
		if reverse {
			a, b = b, a
		}
		return strings.Compare(key(a), key(b))
	})
	text, err := json.Marshal(items[:min(limit, len(items))])
	if err != nil {
		panic(err)
	}
	if items == nil {
		text = []byte("[]")
	}
	return webtest.Response(http.StatusOK, string(text), "Content-Type", "application/json; charset=utf-8")
}

func key(item map[string]any) string {
	if name, ok := item["name"].(string); ok {
		return name
	}
	return item["subdir"].(string)
}

func (s *Store) container(ctx context.Context, req *web.Request, p swift.Path) *web.Response {
	header, exists := s.containers[p.String()]
	if req.Method != http.MethodGet && req.Method != http.MethodHead {
		info.Clear(ctx, req, p)
	}
	switch {
	case req.Method == http.MethodPut && !exists:
		header = http.Header{}
		s.containers[p.String()] = header
	case !exists:
		return webtest.Response(http.StatusNotFound, "none")
	}
	count, size := s.usage(p.String())
	switch req.Method {
	case http.MethodPut, http.MethodPost:
		for name, values := range req.Header {
			if strings.HasPrefix(name, "X-Container-") || name == "X-Versions-Location" || name == "X-Storage-Policy" {
				header[name] = values
			}
		}
		return webtest.Response(http.StatusCreated, "")
	case http.MethodDelete:
		if count > 0 {
			return webtest.Response(http.StatusConflict, "not empty")
		}
		delete(s.containers, p.String())
		return webtest.Response(http.StatusNoContent, "")
	case http.MethodGet:
		resp := s.list(req, p.String())
		s.describe(resp, header, count, size)
		return resp
	}
	resp := webtest.Response(http.StatusNoContent, "")
	s.describe(resp, header, count, size)
	return resp
}

func (s *Store) describe(resp *web.Response, header http.Header, count, size int) {
	for name, values := range header {
		resp.Header[name] = values
	}
	resp.Header.Set("X-Container-Object-Count", strconv.Itoa(count))
	resp.Header.Set("X-Container-Bytes-Used", strconv.Itoa(size))
}

func (s *Store) list(req *web.Request, container string) *web.Response {
	q := req.Query()
	reverse, delimiter, prefix := q.Get("reverse") != "" && q.Get("reverse") != "false", q.Get("delimiter"), q.Get("prefix")
	if q.Has("path") { // goes first, and shows no subdirectories
		delimiter, prefix = "/", strings.TrimPrefix(strings.TrimSuffix(q.Get("path"), "/")+"/", "/")
	}
	limit := s.pageSize
	if n, err := strconv.Atoi(q.Get("limit")); err == nil {
		limit = min(limit, n)
	}
	var items []map[string]any
	dirs := map[string]bool{}
	for path, o := range s.objects {
		name, ok := strings.CutPrefix(path, container+"/")
		if !ok || !strings.HasPrefix(name, prefix) {
			continue
		}
		after := q.Get("marker") == "" || name > q.Get("marker")
		if reverse {
			after = q.Get("marker") == "" || name < q.Get("marker")
		}
		if !after {
			continue
		}
		if i := strings.Index(name[len(prefix):], delimiter); delimiter != "" && i >= 0 {
			if dir := name[:len(prefix)+i+len(delimiter)]; !dirs[dir] && !q.Has("path") {
				dirs[dir] = true
				items = append(items, map[string]any{"subdir": dir})
			}
			continue
		}
		hash := o.Header.Get("X-Object-Sysmeta-Container-Update-Override-Etag")
		if hash == "" {
			hash = o.Header.Get("Etag")
		}
		items = append(items, map[string]any{
			"name": name, "bytes": len(o.Data), "hash": hash, "content_type": o.Header.Get("Content-Type"),
			"last_modified": o.Header.Get("X-Timestamp"),
		})
	}
	return listing(items, reverse, limit)
}

func (s *Store) object(req *web.Request, p swift.Path) *web.Response {
	if s.containers[p.Parent().String()] == nil {
		return webtest.Response(http.StatusNotFound, "no container")
	}
	o, exists := s.objects[p.String()]
	if req.Method == http.MethodPut {
		return s.put(req, p, exists)
	}
	if !exists {
		return webtest.Response(http.StatusNotFound, "<html>none</html>", "Content-Type", "text/html")
	}
	switch req.Method {
	case http.MethodDelete:
		delete(s.objects, p.String())
		return webtest.Response(http.StatusNoContent, "")
	case http.MethodPost:
		for name := range req.Header {
			if strings.HasPrefix(name, "X-Object-Meta-") {
				o.Header.Set(name, req.Header.Get(name))
			}
		}
		resp := webtest.Response(http.StatusAccepted, "")
		for name, values := range o.Header {
			if strings.HasPrefix(name, "X-Object-Sysmeta-") {
				resp.Header[name] = values
			}
		}
		return resp
	}
	resp := webtest.Response(http.StatusOK, o.Data)
	for name, values := range o.Header {
		resp.Header[name] = values
	}
	if req.Method == http.MethodHead {
		resp.Abandon()
		resp.Body = http.NoBody
	}
	return resp
}

func (s *Store) put(req *web.Request, p swift.Path, exists bool) *web.Response {
	if exists && req.Header.Get("If-None-Match") == "*" {
		return webtest.Response(http.StatusPreconditionFailed, "exists")
	}
	data, err := io.ReadAll(req.Body)
	if err != nil {
		return web.FromError(err)
	}
	sum := md5.Sum(data)
	etag := hex.EncodeToString(sum[:])
	if want := req.Header.Get("Etag"); want != "" && want != etag {
		return webtest.Response(http.StatusUnprocessableEntity, "wrong bytes", "Content-Type", "text/plain")
	}
	h := http.Header{"Etag": {etag}, "X-Timestamp": {s.stamp(req)}}
	for name, values := range req.Header {
		if strings.HasPrefix(name, "X-Object-") || name == "Content-Type" || name == "X-Delete-At" {
			h[name] = slices.Clone(values)
		}
	}
	s.objects[p.String()] = Object{string(data), h}
	return webtest.Response(http.StatusCreated, "", "Etag", etag)
}

// stamp is the time of a write: the request's, or the next second.
func (s *Store) stamp(req *web.Request) string {
	if v := req.Header.Get("X-Timestamp"); v != "" {
		return v
	}
	s.clock.Advance(1e9)
	return swift.TimestampOf(s.clock.Now()).Internal()
}
