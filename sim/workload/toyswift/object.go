package toyswift

import (
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"strconv"
	"strings"

	"apus/impl/swift"
)

// object answers everything but PUT.
func (s *Swift) object(w http.ResponseWriter, r *http.Request, p swift.Path) {
	c := s.mu.containers[p.Container]
	if c == nil {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	o := c.objects[p.Object]
	live := o != nil && o.body != nil
	switch {
	case r.Method == http.MethodDelete:
		s.remove(w, r, c, p, live)
	case !live && s.Bug == StaleRead && o != nil && o.before != nil && o.before.body != nil && s.strikes(StaleRead):
		s.get(w, r, o.before)
	case !live:
		w.WriteHeader(http.StatusNotFound)
	case r.Method == http.MethodPost:
		s.post(w, r, c, p, o)
	default:
		if o.before != nil && o.before.body != nil && s.strikes(StaleRead) {
			o = o.before
		}
		s.get(w, r, o)
	}
}

func (s *Swift) remove(w http.ResponseWriter, r *http.Request, c *container, p swift.Path, live bool) {
	if r.URL.Query().Get("multipart-manifest") == "delete" {
		w.Header().Set("Content-Type", "application/json")
		n := 0
		if live && c.objects[p.Object].slo {
			n = 1
			for _, part := range c.objects[p.Object].parts {
				q, _ := swift.ParsePath("/" + p.Account + part)
				seg := s.mu.containers[q.Container]
				seg.objects[q.Object] = &object{ts: s.now(), before: seg.objects[q.Object]}
				n++
			}
			c.objects[p.Object] = &object{ts: s.now(), before: c.objects[p.Object]}
		}
		_, _ = fmt.Fprintf(w, `{"Number Deleted": %d, "Errors": [], "Response Status": "200 OK"}`, n)
		return
	}
	if !s.strikes(KeepDeleted) {
		c.objects[p.Object] = &object{ts: s.now(), before: c.objects[p.Object]}
	}
	if !live {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (s *Swift) post(w http.ResponseWriter, r *http.Request, c *container, p swift.Path, o *object) {
	n := *o
	n.meta, n.header, n.before = s.now(), http.Header{}, o
	n.header.Set("Content-Type", o.header.Get("Content-Type"))
	for name, v := range r.Header {
		if strings.HasPrefix(name, "X-Object-Meta-") {
			n.header[name] = v
		}
	}
	if s.strikes(OldMeta) {
		n.header.Set("X-Object-Meta-Post", "0000000000000bad")
	}
	c.objects[p.Object] = &n
	w.WriteHeader(http.StatusAccepted)
}

func (s *Swift) get(w http.ResponseWriter, r *http.Request, o *object) {
	if s.strikes(Error503) {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	o.stamp(w.Header())
	if s.strikes(SwapEtag) {
		w.Header().Set("Etag", "00000000000000000000000000000000")
	}
	if r.Header.Get("If-None-Match") != "" && s.strikes(Ignore304) {
		r.Header.Del("If-None-Match")
	}
	if r.Header.Get("If-Match") == "*" {
		r.Header.Del("If-Match")
		if s.strikes(Always412) {
			r.Header.Set("If-Match", `"other"`)
		}
	}
	if r.Method == http.MethodGet && strings.Contains(r.Header.Get("Range"), "-") && s.strikes(Always416) {
		w.Header().Set("Content-Range", "bytes */"+strconv.Itoa(len(o.body)))
		w.WriteHeader(http.StatusRequestedRangeNotSatisfiable)
		return
	}
	if s.spoil(w, r, o) {
		return
	}
	// ServeContent judges conditions; it needs quoted ETags to compare with,
	// and its idea of ranges is not Swift's.
	etag, ranges := w.Header().Get("Etag"), r.Header.Get("Range")
	r.Header.Del("Range")
	w.Header().Set("Etag", strconv.Quote(strings.Trim(etag, `"`)))
	modified, _ := http.ParseTime(w.Header().Get("Last-Modified"))
	http.ServeContent(&ranger{w, etag, ranges, string(o.body), false}, r, "", modified, strings.NewReader(string(o.body)))
}

// ranger puts the ETag back as it was before the status is sent, and answers
// a range where ServeContent would send everything.
type ranger struct {
	http.ResponseWriter
	etag, ranges, body string
	done               bool
}

func (u *ranger) WriteHeader(status int) {
	u.Header().Set("Etag", u.etag)
	if status != http.StatusOK || u.ranges == "" || u.body == "" && strings.HasPrefix(u.ranges, "bytes=-") {
		u.ResponseWriter.WriteHeader(status)
		return
	}
	u.done = true
	var spans [][2]int
	for _, item := range strings.Split(strings.TrimPrefix(u.ranges, "bytes="), ",") {
		first, last, _ := strings.Cut(item, "-")
		a, errA := strconv.Atoi(first)
		b, errB := strconv.Atoi(last)
		switch {
		case errA != nil:
			a, b = max(len(u.body)-b, 0), len(u.body)
		case errB != nil:
			b = len(u.body)
		default:
			b = min(b+1, len(u.body))
		}
		if a < b {
			spans = append(spans, [2]int{a, b})
		}
	}
	u.Header().Del("Content-Length")
	u.send(spans)
}

// send answers with the ranges that can be satisfied.
func (u *ranger) send(spans [][2]int) {
	describe := func(s [2]int) string { return fmt.Sprintf("bytes %d-%d/%d", s[0], s[1]-1, len(u.body)) }
	switch len(spans) {
	case 0:
		u.Header().Set("Content-Range", fmt.Sprintf("bytes */%d", len(u.body)))
		u.ResponseWriter.WriteHeader(http.StatusRequestedRangeNotSatisfiable)
		return
	case 1:
		u.Header().Set("Content-Range", describe(spans[0]))
		u.ResponseWriter.WriteHeader(http.StatusPartialContent)
		_, _ = io.WriteString(u.ResponseWriter, u.body[spans[0][0]:spans[0][1]])
		return
	}
	m := multipart.NewWriter(u.ResponseWriter)
	contentType := u.Header().Get("Content-Type")
	u.Header().Set("Content-Type", "multipart/byteranges; boundary="+m.Boundary())
	u.ResponseWriter.WriteHeader(http.StatusPartialContent)
	for _, s := range spans {
		part, err := m.CreatePart(textproto.MIMEHeader{"Content-Type": {contentType}, "Content-Range": {describe(s)}})
		if err != nil {
			return // the client left
		}
		_, _ = io.WriteString(part, u.body[s[0]:s[1]])
	}
	_ = m.Close()
}

func (u *ranger) Write(p []byte) (int, error) {
	if u.done {
		return len(p), nil
	}
	return u.ResponseWriter.Write(p)
}

// spoil answers a plain GET wrongly, if that is the bug.
func (s *Swift) spoil(w http.ResponseWriter, r *http.Request, o *object) bool {
	body := append([]byte{}, o.body...)
	ranged := r.Header.Get("Range") != ""
	switch {
	case r.Method != http.MethodGet || len(body) < 100 || r.Header.Get("If-Match")+r.Header.Get("If-None-Match")+
		r.Header.Get("If-Modified-Since")+r.Header.Get("If-Unmodified-Since") != "":
		return false
	case !ranged && s.strikes(TornBody):
		clear(body[len(body)/2:])
	case !ranged && s.strikes(ShortBody):
		body = body[:len(body)/2]
		w.(http.Flusher).Flush() // no Content-Length
	case ranged && s.strikes(WrongOffset):
		w.Header().Set("Content-Range", fmt.Sprintf("bytes 0-49/%d", len(body)))
		w.WriteHeader(http.StatusPartialContent)
		body = body[1:51]
	default:
		return false
	}
	_, _ = w.Write(body)
	return true
}
