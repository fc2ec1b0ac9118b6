package fanout

import (
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"

	"apus/impl/swift"
	"apus/impl/web"
)

// resumer is the body of an object that goes on at another replica when the
// one that it comes from fails. Ranges are of the object, so a second failure
// asks for what is due as the first one did. A body of several ranges is
// taken apart and framed anew, because each replica frames it in its own way.
type resumer struct {
	g      *getter
	node   *Node
	cur    io.ReadCloser // nil between a failure and the resumption
	frames *framed       // of cur; nil if cur holds one range and nothing else
	// ranges are due; the first begins with the client's next byte.
	ranges     []web.Range
	separators []string // the first is due when the next range begins
	pending    string   // rest of a separator
	started    bool     // the separator of ranges[0] is out
	err        error    // the latest failure
}

// resuming makes the body of resp resume. Bodies that cannot are returned as
// they are.
func (g *getter) resuming(resp *web.Response, node *Node) io.ReadCloser {
	r := &resumer{g: g, node: node, cur: resp.Body}
	if isMultipart(resp) {
		if !r.unframe(resp) {
			return r.cur
		}
	} else {
		whole, ok := wholeRange(resp)
		if !ok {
			return resp.Body
		}
		r.ranges, r.started = []web.Range{whole}, true
	}
	g.hunt = newHunt(g.r.Server, false, 1, 0)
	g.hunt.same, g.hunt.etag, g.hunt.stamp = true, normalEtag(resp.Header), sourceTimestamp(resp.Header)
	return r
}

// wholeRange is the one range that a body holds.
func wholeRange(resp *web.Response) (web.Range, bool) {
	whole, ok := web.Range{End: resp.ContentLength}, resp.Status == http.StatusOK
	if resp.Status == http.StatusPartialContent {
		whole, _, ok = contentRange(resp.Header.Get("Content-Range"))
	}
	return whole, ok && whole.Len() > 0 && whole.Len() == resp.ContentLength
}

// contentRange reads "bytes 0-99/1000" as [0, 100) of 1000. The size may be
// "*", which is -1.
func contentRange(v string) (r web.Range, size int64, ok bool) {
	v, ok = strings.CutPrefix(v, "bytes ")
	span, total, ok2 := strings.Cut(v, "/")
	from, to, ok3 := strings.Cut(span, "-")
	start, err := strconv.ParseInt(from, 10, 64)
	last, err2 := strconv.ParseInt(to, 10, 64)
	size, err3 := strconv.ParseInt(total, 10, 64)
	if total == "*" {
		size, err3 = -1, nil
	}
	if !ok || !ok2 || !ok3 || err != nil || err2 != nil || err3 != nil || start < 0 || last < start || size >= 0 && last >= size {
		return web.Range{}, 0, false
	}
	return web.Range{Start: start, End: last + 1}, size, true
}

func (r *resumer) Read(p []byte) (int, error) {
	for {
		switch {
		case r.pending != "":
			n := copy(p, r.pending)
			r.pending = r.pending[n:]
			return n, nil
		case len(r.ranges) == 0:
			return 0, r.finish(p)
		case !r.started:
			r.started, r.pending, r.separators = true, r.separators[0], r.separators[1:]
			continue
		}
		if n, err := r.readRange(p); n > 0 || err != nil {
			return n, err
		}
	}
}

// readRange reads from the first range. It returns nothing at all when it has
// to be called again.
func (r *resumer) readRange(p []byte) (int, error) {
	if r.cur == nil && !r.resume() {
		return 0, r.err
	}
	if r.frames != nil {
		if err := r.frames.begin(r.ranges[0]); err != nil {
			r.fail(err)
			return 0, nil
		}
	}
	n, err := r.source().Read(p[:min(int64(len(p)), r.ranges[0].Len())])
	return n, r.got(int64(n), err)
}

// got takes note of bytes of the first range and of what ended them. The error
// is io.EOF if nothing comes behind them.
func (r *resumer) got(n int64, err error) error {
	r.ranges[0].Start += n
	if r.ranges[0].Len() == 0 {
		r.endRange()
		if err == io.EOF && r.separators == nil {
			return io.EOF
		}
		return nil
	}
	if err != nil {
		r.fail(err)
	}
	return nil
}

var _ web.ConnSource = (*resumer)(nil)

// Conn implements web.ConnSource while bytes come of one range, from a source
// that has it and nothing else.
func (r *resumer) Conn() (net.Conn, int64) {
	src, ok := r.cur.(web.ConnSource)
	if !ok || r.frames != nil || r.pending != "" || len(r.ranges) == 0 || !r.started {
		return nil, 0
	}
	c, n := src.Conn()
	return c, min(n, r.ranges[0].Len())
}

// Took implements web.ConnSource. After a failure Read looks for another source.
func (r *resumer) Took(n int64, err error) error {
	return r.got(n, r.cur.(web.ConnSource).Took(n, err))
}

func (r *resumer) source() io.Reader {
	if r.frames != nil {
		return r.frames
	}
	return r.cur
}

func (r *resumer) endRange() {
	r.ranges, r.started = r.ranges[1:], false
	if r.frames != nil {
		r.frames.end()
	}
	if len(r.ranges) == 0 && len(r.separators) > 0 {
		r.pending, r.separators = r.separators[0], r.separators[1:]
	}
}

// finish reads what is left of the source, which is its end or its last
// separator, so that its connection can be used again. All that the client
// is due has been read. The bytes go where nobody looks.
func (r *resumer) finish(scratch []byte) error {
	const most = 8 // reads; a source that has more to say is not waited for
	for i := 0; i < most && r.cur != nil && len(scratch) > 0; i++ {
		if _, err := r.source().Read(scratch); err != nil {
			break
		}
	}
	return io.EOF
}

func (r *resumer) fail(err error) {
	if err == io.EOF {
		err = swift.E("fanout.Get", r.g.r.Entity, swift.Unavailable, io.ErrUnexpectedEOF)
	}
	r.err = err
	if r.g.ctx.Err() == nil {
		r.g.f.limiter.failed(r.node, "body: "+err.Error())
	}
	_ = r.cur.Close()
	r.cur, r.frames = nil, nil
}

// resume finds another source for the rest.
func (r *resumer) resume() bool {
	h := r.g.r.Header.Clone()
	for _, name := range web.ConditionHeaders {
		h.Del(name)
	}
	h.Del("X-Backend-Ignore-Range-If-Metadata-Present")
	h.Set("Range", rangeHeader(r.ranges))
	for {
		resp, node := r.g.find(h)
		if resp == nil {
			return false
		}
		r.cur, r.node, r.frames = resp.Body, node, nil
		if r.fits(resp) {
			return true
		}
		r.cur = nil
		resp.Abandon()
	}
}

// fits reports that a response holds the ranges that are due.
func (r *resumer) fits(resp *web.Response) bool {
	if resp.Status != http.StatusPartialContent {
		return false
	}
	if len(r.ranges) == 1 {
		have, ok := wholeRange(resp)
		return ok && have == r.ranges[0]
	}
	r.frames = newFramed(resp)
	return r.frames != nil
}

// rangeHeader asks for ranges.
func rangeHeader(ranges []web.Range) string {
	b := []byte("bytes=")
	for i, r := range ranges {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(b, r.Start, 10)
		b = append(b, '-')
		b = strconv.AppendInt(b, r.End-1, 10)
	}
	return string(b)
}

// Close closes the source in use.
func (r *resumer) Close() error {
	if r.cur == nil {
		return nil
	}
	return r.cur.Close()
}
