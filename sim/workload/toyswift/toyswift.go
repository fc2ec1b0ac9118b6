// Package toyswift is a Swift of a few hundred lines, all in one map, for the
// tests of workloads and judges: right by construction, with bugs that can be
// switched on so that a judge can be seen to find them.
package toyswift

import (
	"bytes"
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"apus/impl/swift"
)

// Bug is a mistake that the toy can be told to make.
type Bug string

// Bugs.
const (
	TornBody     Bug = "torn-body"      // the second half of a body is another object's
	ShortBody    Bug = "short-body"     // a body ends early and cleanly
	WrongOffset  Bug = "wrong-offset"   // a range begins one byte late
	LosePut      Bug = "lose-put"       // a PUT is acknowledged and dropped
	StaleRead    Bug = "stale-read"     // a read answers with the value before
	KeepShort    Bug = "keep-short"     // a body that was cut off is stored
	IgnoreEtag   Bug = "ignore-etag"    // a wrong Etag is stored
	Ignore304    Bug = "ignore-304"     // If-None-Match is not heeded
	Always412    Bug = "always-412"     // If-Match never matches
	Always416    Bug = "always-416"     // every range is refused
	SwapEtag     Bug = "swap-etag"      // the Etag is another one
	GhostRow     Bug = "ghost-row"      // listings show a name that nobody wrote
	UnsortedRows Bug = "unsorted-rows"  // listings are not in order
	DropRow      Bug = "drop-row"       // listings leave out their last row
	Error503     Bug = "error-503"      // reads fail now and then
	KeepDeleted  Bug = "keep-deleted"   // DELETE answers 204 and does nothing
	OldMeta      Bug = "wrong-metadata" // a POST's metadata carry another value
)

// Swift is one cluster. It implements http.Handler.
type Swift struct {
	Bug Bug
	// Every so many times the bug strikes; 0 and 1: always.
	Every int
	// Ahead is how far its clock is ahead.
	Ahead time.Duration
	mu    struct {
		sync.Mutex
		count      int
		last       swift.Timestamp
		containers map[string]*container
	}
}

type container struct{ objects map[string]*object }

// object is the state of a name; body is nil after a DELETE.
type object struct {
	ts, meta swift.Timestamp
	body     []byte
	etag     string
	slo      bool
	parts    []string // paths of segments
	header   http.Header
	before   *object // what it replaced
}

// New is an empty cluster.
func New(bug Bug, every int) *Swift {
	s := &Swift{Bug: bug, Every: every}
	s.mu.containers = map[string]*container{}
	return s
}

// strikes reports whether the bug b happens now.
func (s *Swift) strikes(b Bug) bool {
	if s.Bug != b {
		return false
	}
	s.mu.count++
	return s.mu.count%max(1, s.Every) == 0
}

func (s *Swift) now() swift.Timestamp {
	ts := swift.TimestampOf(time.Now().Add(s.Ahead))
	if !ts.After(s.mu.last) {
		ts = swift.NewTimestamp(s.mu.last.Ticks()+1, 0)
	}
	s.mu.last = ts
	return ts
}

func (s *Swift) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/auth/v1.0" {
		w.Header().Set("X-Auth-Token", "token")
		w.Header().Set("X-Storage-Url", "http://"+r.Host+"/v1/AUTH_test")
		return
	}
	if r.Header.Get("X-Auth-Token") != "token" {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	p, err := swift.ParsePath(strings.TrimPrefix(r.URL.Path, "/v1"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusPreconditionFailed)
		return
	}
	body, bodyErr := io.ReadAll(r.Body) // no lock is held while the client sends
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case p.IsAccount():
		s.account(w, r)
	case p.IsContainer():
		s.container(w, r, p)
	case r.Method == http.MethodPut:
		s.put(w, r, p, body, bodyErr)
	default:
		s.object(w, r, p)
	}
}

func (s *Swift) account(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	var names []string
	for name := range s.mu.containers {
		names = append(names, name)
	}
	s.list(w, r, names, func(name string) map[string]any { return map[string]any{"name": name, "count": 0, "bytes": 0} })
}

func (s *Swift) container(w http.ResponseWriter, r *http.Request, p swift.Path) {
	c := s.mu.containers[p.Container]
	switch {
	case r.Method == http.MethodPut && c == nil:
		s.mu.containers[p.Container] = &container{objects: map[string]*object{}}
		w.WriteHeader(http.StatusCreated)
	case r.Method == http.MethodPut:
		w.WriteHeader(http.StatusAccepted)
	case c == nil:
		w.WriteHeader(http.StatusNotFound)
	case r.Method == http.MethodDelete && c.live() > 0:
		w.WriteHeader(http.StatusConflict)
	case r.Method == http.MethodDelete:
		delete(s.mu.containers, p.Container)
		w.WriteHeader(http.StatusNoContent)
	case r.Method != http.MethodGet:
		w.WriteHeader(http.StatusNoContent)
	default:
		s.list(w, r, c.names(), func(name string) map[string]any { return c.row(name) })
	}
}

func (c *container) names() (names []string) {
	for name, o := range c.objects {
		if o.body != nil {
			names = append(names, name)
		}
	}
	return names
}

func (c *container) live() int { return len(c.names()) }

func (c *container) row(name string) map[string]any {
	o := c.objects[name]
	if o == nil {
		o = &object{header: http.Header{}}
	}
	return map[string]any{"name": name, "hash": o.etag, "bytes": len(o.body),
		"content_type": o.header.Get("Content-Type"), "last_modified": o.ts.ISO()}
}

// list answers with the names that the query selects.
func (s *Swift) list(w http.ResponseWriter, r *http.Request, names []string, row func(string) map[string]any) {
	q := r.URL.Query()
	if s.strikes(GhostRow) {
		names = append(names, "~ghost")
	}
	slices.Sort(names)
	if q.Get("reverse") == "true" {
		slices.Reverse(names)
	}
	rows := []map[string]any{}
	limit := 10000
	if v := q.Get("limit"); v != "" {
		_, _ = fmt.Sscan(v, &limit)
	}
	seen := map[string]bool{}
	for _, name := range names {
		shown, sub := Fold(name, q.Get("prefix"), q.Get("delimiter"))
		if len(rows) >= limit || !Selected(shown, q) || seen[shown] || !strings.HasPrefix(name, q.Get("prefix")) {
			continue
		}
		seen[shown] = true
		if sub {
			rows = append(rows, map[string]any{"subdir": shown})
		} else {
			rows = append(rows, row(name))
		}
	}
	if len(rows) > 1 && s.strikes(UnsortedRows) {
		rows[0], rows[1] = rows[1], rows[0]
	}
	if len(rows) > 0 && s.strikes(DropRow) {
		rows = rows[:len(rows)-1]
	}
	if q.Get("format") == "json" {
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		_ = json.NewEncoder(w).Encode(rows)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	for _, name := range names {
		_, _ = io.WriteString(w, name+"\n")
	}
}

// Fold is the subdir that hides a name, if there is one.
func Fold(name, prefix, delimiter string) (string, bool) {
	if rest, ok := strings.CutPrefix(name, prefix); ok && delimiter != "" {
		if i := strings.Index(rest, delimiter); i >= 0 {
			return prefix + rest[:i+len(delimiter)], true
		}
	}
	return name, false
}

// Selected applies the markers of a query.
func Selected(name string, q url.Values) bool {
	marker, end := q.Get("marker"), q.Get("end_marker")
	if q.Get("reverse") == "true" {
		return (marker == "" || name < marker) && (end == "" || name > end)
	}
	return (marker == "" || name > marker) && (end == "" || name < end)
}

// put stores an object or a manifest whose body was read to its end.
func (s *Swift) put(w http.ResponseWriter, r *http.Request, p swift.Path, body []byte, err error) {
	c := s.mu.containers[p.Container]
	if c == nil {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	if err != nil && !s.strikes(KeepShort) {
		w.WriteHeader(499)
		return
	}
	old := c.objects[p.Object]
	if r.Header.Get("If-None-Match") == "*" && old != nil && old.body != nil {
		w.WriteHeader(http.StatusPreconditionFailed)
		return
	}
	sum := md5.Sum(body)
	o := &object{ts: s.now(), body: append([]byte{}, body...), etag: hex.EncodeToString(sum[:]), header: http.Header{}, before: old}
	if e := strings.Trim(r.Header.Get("Etag"), `"`); e != "" && e != o.etag && !s.strikes(IgnoreEtag) {
		w.WriteHeader(http.StatusUnprocessableEntity)
		return
	}
	for name, v := range r.Header {
		if name == "Content-Type" || strings.HasPrefix(name, "X-Object-Meta-") {
			o.header[name] = v
		}
	}
	if r.URL.Query().Get("multipart-manifest") == "put" && !s.assemble(o, p.Account) {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	if !s.strikes(LosePut) {
		c.objects[p.Object] = o
	}
	o.stamp(w.Header())
	w.WriteHeader(http.StatusCreated)
}

// assemble makes o a large object of the manifest that is its body.
func (s *Swift) assemble(o *object, account string) bool {
	var parts []struct{ Path string }
	if json.Unmarshal(o.body, &parts) != nil {
		return false
	}
	var body, etags bytes.Buffer
	for _, part := range parts {
		p, err := swift.ParsePath("/" + account + part.Path)
		if err != nil || s.mu.containers[p.Container] == nil {
			return false
		}
		seg := s.mu.containers[p.Container].objects[p.Object]
		if seg == nil || seg.body == nil {
			return false
		}
		body.Write(seg.body)
		etags.WriteString(seg.etag)
		o.parts = append(o.parts, part.Path)
	}
	sum := md5.Sum(etags.Bytes())
	o.body, o.etag, o.slo = body.Bytes(), hex.EncodeToString(sum[:]), true
	return true
}

// stamp sets the headers that describe the object.
func (o *object) stamp(h http.Header) {
	h.Set("Etag", o.etag)
	if o.slo {
		h.Set("Etag", `"`+o.etag+`"`)
		h.Set("X-Static-Large-Object", "True")
	}
	newest := o.ts
	if o.meta.After(newest) {
		newest = o.meta
	}
	h.Set("Last-Modified", time.Unix(newest.CeilSeconds(), 0).UTC().Format(http.TimeFormat))
	h.Set("X-Timestamp", newest.Normal())
	for name, v := range o.header {
		h[name] = v
	}
}
