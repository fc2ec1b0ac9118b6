package check

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"apus/impl/swift"
	"apus/sim/model"
)

// Integrity promises of every answer to a GET or HEAD of an object, whatever
// faults there were:
//
//   - "unnamed", "foreign", "future": a success names exactly one value, which
//     was written under this name by a write that had begun;
//   - "rejected": not by one that was refused or cut short;
//   - "torn": every byte received, up to where the client or the connection
//     gave up, is that value's at that offset;
//   - "short", "long": a body that ends as HTTP ends a complete one has
//     exactly the announced range, else the whole value. A body that breaks
//     off visibly is no violation here (see Liveness);
//   - "length", "range": Content-Length and Content-Range are right, and the
//     ranges are those asked for;
//   - "mixed": the parts of a multi-range answer are of one value;
//   - "etag", "metadata": Etag and X-Object-Meta headers are that value's; the
//     metadata are those of its PUT, or of a POST that may be newer than it. A
//     copy has ETag and content of what may have been at its source;
//   - "expired", "expiry": what has expired is not shown, unless it was asked
//     for; X-Delete-At is what the PUT or POST said whose metadata are shown;
//   - "version": a version is what the PUT wrote that made it;
//   - "timestamp": the X-Timestamp of a value lies within its write, give or
//     take the clock error, and is always the same one.
//
// Swift's design permits that the value is an old one; that is not judged
// here.
func Integrity(h *model.History) []Violation {
	c := newIntegrity(h)
	for _, o := range h.Ops {
		if o.Kind.ReadsObject() && o.Resp.Success() {
			c.read(o)
		}
	}
	for _, o := range h.Ops {
		c.timestamp(o)
	}
	return c.found
}

type integrity struct {
	h       *model.History
	order   *order
	writers map[model.ValueID]*model.Op
	copies  *copies
	found   []Violation
}

func newIntegrity(h *model.History) *integrity {
	return &integrity{h: h, order: newOrder(h, nil), writers: writers(h), copies: newCopies(h)}
}

// writers finds the operation that wrote each value.
func writers(h *model.History) map[model.ValueID]*model.Op {
	w := map[model.ValueID]*model.Op{}
	for _, o := range h.Ops {
		if o.Req.Value != 0 && o.Kind.WritesObject() {
			w[o.Req.Value] = o
		}
	}
	return w
}

func (c *integrity) fail(kind string, o *model.Op, others []*model.Op, format string, args ...any) {
	c.found = append(c.found, violation("integrity", kind, o, others, format, args...))
}

func (c *integrity) read(o *model.Op) {
	if o.Kind == model.ObjectGet && o.Resp.Body == nil {
		return // no body was recorded: the history is not of this workload
	}
	id := o.Resp.Value()
	if id == 0 && o.Resp.Body != nil && len(o.Resp.Body.Spans) == 0 {
		return // broken off before the first part of a multi-range answer
	}
	if !c.origin(o, id) || c.unlisted(o, id) {
		return
	}
	v, ok := c.copies.value(id, o.Resp.Header.Get("Etag"))
	if !ok {
		c.fail("etag", o, []*model.Op{c.writers[id]}, "Etag is %s, which nothing at the source of the copy %s had", o.Resp.Header.Get("Etag"), id)
		return
	}
	if etag := strings.Trim(o.Resp.Header.Get("Etag"), `"`); etag != v.ETag {
		c.fail("etag", o, nil, "Etag is %s, that of value %s is %s", etag, id, v.ETag)
	}
	if !o.Req.Signed { // which show no metadata
		c.metadata(o, id)
	}
	c.expiry(o, id)
	if w := c.writers[id]; o.Kind == model.VersionGet && w.Resp.Version() != "" && w.Resp.Version() != o.Req.Version {
		c.fail("version", o, []*model.Op{w}, "version %s has the value of version %s", o.Req.Version, w.Resp.Version())
	}
	if o.Kind == model.ObjectHead {
		if n := o.Resp.Header.Get("Content-Length"); n != itoa(v.Size) {
			c.fail("length", o, nil, "Content-Length is %q, value %s has %d bytes", n, id, v.Size)
		}
		return
	}
	for _, s := range o.Resp.Body.Spans {
		if s.Value != id {
			c.fail("mixed", o, nil, "one range is of value %s, another of %s", id, s.Value)
			return
		}
		c.span(o, s, v)
	}
	c.ranges(o, v)
}

// origin checks that the value was written under this name.
func (c *integrity) origin(o *model.Op, id model.ValueID) bool {
	if id == 0 {
		c.fail("unnamed", o, nil, "Content-Type is %q, which is no value's", o.Resp.Header.Get("Content-Type"))
		return false
	}
	w := c.writers[id]
	switch {
	case w == nil:
		c.fail("foreign", o, nil, "value %s was never written", id)
		return false
	case w.Path() != o.Path():
		c.fail("foreign", o, []*model.Op{w}, "value %s was written under another name", id)
		return false
	case w.Start > o.End:
		c.fail("future", o, []*model.Op{w}, "value %s had not been written yet", id)
	case w.Outcome == model.Failed:
		c.fail("rejected", o, []*model.Op{w}, "value %s was refused or cut short", id)
	}
	return true
}

// unlisted reports whether the answer is a dynamic large object of which parts
// are missing that may be: it is what a listing says. A replica of that lacks the
// row of a part whose object server could not reach it, until the updater brings
// the row, or for good where a disk was destroyed, because nothing replicates
// databases yet. What is there must still be some of the parts, in order.
func (c *integrity) unlisted(o *model.Op, id model.ValueID) bool {
	w, v := c.writers[id], c.h.Values[id]
	etag := strings.Trim(o.Resp.Header.Get("Etag"), `"`)
	if w.Req.Header.Get("X-Object-Manifest") == "" || etag == v.ETag {
		return false
	}
	from := w.Start
	for _, p := range v.Parts {
		if part := c.writers[p.Value]; part != nil {
			from = min(from, part.Start)
		}
	}
	if len(c.h.Facts.Destroyed) == 0 && c.h.Facts.Quiet(from, w.Until()) {
		return false
	}
	return someParts(v.Parts, nil, etag, announced(o))
}

// announced is the complete length that an answer tells, or -1.
func announced(o *model.Op) int64 {
	if o.Kind == model.ObjectHead {
		if n, err := strconv.ParseInt(o.Resp.Header.Get("Content-Length"), 10, 64); err == nil {
			return n
		}
		return -1
	}
	if len(o.Resp.Body.Spans) == 0 {
		return -1
	}
	return o.Resp.Body.Spans[0].Total
}

// someParts reports whether chosen with some of parts are a large object with
// this ETag and, unless it is -1, this length.
func someParts(parts, chosen []model.Part, etag string, length int64) bool {
	if len(parts) == 0 {
		v := model.NewLarge(0, chosen)
		return v.ETag == etag && (length < 0 || length == v.Size)
	}
	with := append(slices.Clip(chosen), parts[0])
	return someParts(parts[1:], chosen, etag, length) || someParts(parts[1:], with, etag, length)
}

func (c *integrity) span(o *model.Op, s model.Span, v model.Value) {
	b := o.Resp.Body
	want := s.End - s.Start
	if s.End < 0 { // chunked
		want = v.Size
	}
	switch {
	case s.Bad >= 0:
		c.fail("torn", o, nil, "byte %d is not that of value %s: %s", s.Bad, v.ID, s.Found)
	case s.Total >= 0 && s.Total != v.Size:
		c.fail("length", o, nil, "the complete length is given as %d, value %s has %d bytes", s.Total, v.ID, v.Size)
	case s.Got > want:
		c.fail("long", o, nil, "%d bytes came instead of %d", s.Got, want)
	case s.Got < want && b.Clean:
		c.fail("short", o, nil, "%d bytes came instead of %d, and the body ended cleanly", s.Got, want)
	}
}

// ranges compares the ranges received with those asked for. A multi-range
// answer that broke off or was left has only the first of them.
func (c *integrity) ranges(o *model.Op, v model.Value) {
	want, ok := parseRange(o.Req.Header.Get("Range"), v.Size)
	got := o.Resp.Body.Spans
	if o.Resp.Status == http.StatusOK {
		if ok && v.Size > 0 {
			c.fail("range", o, nil, "the whole value came although a range was asked for")
		}
		return
	}
	if !ok || len(want) < len(got) || len(want) > len(got) && o.Resp.Body.Clean {
		c.fail("range", o, nil, "%d ranges came, %d can be satisfied", len(got), len(want))
		return
	}
	for i, s := range got {
		if s.Start != want[i].start || s.End != want[i].end {
			c.fail("range", o, nil, "range %d is [%d,%d), asked for was [%d,%d)", i, s.Start, s.End, want[i].start, want[i].end)
		}
	}
}

// metadata checks that X-Object-Meta headers are those of one write.
func (c *integrity) metadata(o *model.Op, id model.ValueID) {
	put, post := metaID(o.Resp.Header, "X-Object-Meta-Put"), metaID(o.Resp.Header, "X-Object-Meta-Post")
	p := c.writers[post]
	w := c.writers[id]
	switch {
	case post == 0 && put != id:
		c.fail("metadata", o, []*model.Op{w}, "X-Object-Meta-Put is %q, the value is %s", o.Resp.Header.Get("X-Object-Meta-Put"), id)
	case post == 0:
	case put != 0:
		c.fail("metadata", o, nil, "metadata of a PUT and of a POST are mixed")
	case p == nil || p.Path() != o.Path() || p.Kind != model.ObjectPost || p.Start > o.End || p.Outcome == model.Failed:
		c.fail("metadata", o, nil, "no POST to this name wrote X-Object-Meta-Post %s", post)
	case c.order.bounds(p).Before(c.order.bounds(w)):
		c.fail("metadata", o, []*model.Op{p, w}, "the metadata are older than the value")
	}
}

// timestamp checks what was seen of the timestamp of a write.
func (c *integrity) timestamp(o *model.Op) {
	ts, ok := c.order.exact[o.Req.Value]
	if !ok || o.Req.Value == 0 {
		return
	}
	if d := c.order.drawn(o); ts.Before(d.Low) || ts.After(d.High) {
		c.fail("timestamp", o, nil, "its X-Timestamp %s is not from %s to %s", ts, d.Low, d.High)
	}
	if second, ok := c.order.doubled[o.Req.Value]; ok {
		c.fail("timestamp", o, nil, "it was seen with X-Timestamp %s and %s", ts, second)
	}
}

// byPath is the operations on each object; a shorthand.
func byPath(h *model.History) map[swift.Path][]*model.Op {
	_, by := h.ByObject()
	return by
}
