package fanout

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"apus/impl/swift"
	"apus/impl/web"
)

// resumer is the body of an object that goes on at another replica when the
// one that it comes from fails. Offsets are of the object.
type resumer struct {
	g    *getter
	node *Node
	cur  io.ReadCloser // nil between a failure and the resumption
	pos  int64         // the next byte for the client
	end  int64         // behind the last byte for the client
	err  error         // the latest failure
}

// resuming makes the body of resp resume. Bodies that cannot are returned as
// they are: empty ones, and multipart/byteranges.
func (g *getter) resuming(resp *web.Response, node *Node) io.ReadCloser {
	start, end, ok := int64(0), resp.ContentLength, resp.Status == http.StatusOK
	if resp.Status == http.StatusPartialContent {
		start, end, ok = contentRange(resp.Header)
	}
	if !ok || end-start <= 0 || end-start != resp.ContentLength {
		return resp.Body
	}
	g.hunt = newHunt(g.r.Server, false, 1)
	g.hunt.same, g.hunt.etag, g.hunt.stamp = true, normalEtag(resp.Header), sourceTimestamp(resp.Header)
	return &resumer{g: g, node: node, cur: resp.Body, pos: start, end: end}
}

// contentRange reads "bytes 0-99/1000" as [0, 100).
func contentRange(h http.Header) (start, end int64, ok bool) {
	v, ok := strings.CutPrefix(h.Get("Content-Range"), "bytes ")
	span, _, ok2 := strings.Cut(v, "/")
	from, to, ok3 := strings.Cut(span, "-")
	start, err := strconv.ParseInt(from, 10, 64)
	last, err2 := strconv.ParseInt(to, 10, 64)
	if !ok || !ok2 || !ok3 || err != nil || err2 != nil || start < 0 || last < start {
		return 0, 0, false
	}
	return start, last + 1, true
}

func (r *resumer) Read(p []byte) (int, error) {
	for {
		if r.cur == nil && !r.resume() {
			return 0, r.err
		}
		n, err := r.cur.Read(p)
		r.pos += int64(n)
		if err == nil {
			return n, nil
		}
		if r.pos == r.end {
			return n, io.EOF
		}
		if err == io.EOF {
			err = swift.E("fanout.Get", r.g.r.Entity, swift.Unavailable, io.ErrUnexpectedEOF)
		}
		r.fail(err)
		if n > 0 {
			return n, nil
		}
	}
}

func (r *resumer) fail(err error) {
	r.err = err
	if r.g.ctx.Err() == nil {
		r.g.f.limiter.failed(r.node, "body: "+err.Error())
	}
	_ = r.cur.Close()
	r.cur = nil
}

// resume finds another source for the rest.
func (r *resumer) resume() bool {
	h := r.g.r.Header.Clone()
	for _, name := range []string{
		"If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since",
		"X-Backend-Ignore-Range-If-Metadata-Present",
	} {
		h.Del(name)
	}
	h.Set("Range", fmt.Sprintf("bytes=%d-%d", r.pos, r.end-1))
	for {
		resp, node := r.g.find(h)
		if resp == nil {
			return false
		}
		start, end, ok := contentRange(resp.Header)
		if resp.Status == http.StatusPartialContent && ok && start == r.pos && end == r.end {
			r.cur, r.node = resp.Body, node
			return true
		}
		resp.Abandon()
	}
}

// Close closes the source in use.
func (r *resumer) Close() error {
	if r.cur == nil {
		return nil
	}
	return r.cur.Close()
}
