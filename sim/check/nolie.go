package check

import (
	"fmt"
	"net/http"
	"strings"

	"apus/sim/model"
)

// NoLie promises of every status that it says what happened.
//
//   - "absent": no 404 to a GET, HEAD or POST of an object of which a PUT was
//     answered 201 before the read began, unless a DELETE that may be newer
//     than that PUT had begun before the read ended. Faults within the budget
//     are no excuse: the PUT is on two disks or more, in different zones, and
//     of those only one may be out of reach. The proxy tries every primary
//     and as many handoffs before it answers 404, it answers 503 if the ones
//     without the object are not a quorum that replied, and it does not
//     count handoffs, or the first primary, that never heard of the object.
//     412 to "If-Match: *" is the same statement. What has expired may be
//     answered so, unless the client asked for that too.
//     A version that the answer to a PUT named is there for good, because
//     nobody deletes any.
//   - "no-container": no 404 to a GET or HEAD of a container, or to a PUT of
//     an object in it, if a PUT of the container was acknowledged before and no
//     DELETE of it was ever asked for.
//   - "accepted-short": no 201 to an upload that the client cut short. (202
//     may come early: the proxy met something newer and needs no body.)
//   - "accepted-etag", "refused-etag": no 201 to a PUT with a wrong Etag, no
//     422 to one without. (A copy of what is damaged may be refused so.)
//   - "condition": 304, 412 and 200 agree with the conditions of the request
//     and with Etag and Last-Modified of the answer; 412 only comes to a
//     request with a condition, or from an archive that faults kept from
//     taking the old version.
//   - "range": 416 only comes to a range that the stated length cannot
//     satisfy, and that length is that of a value written under the name.
//     With three ranges or more Swift may also refuse because they overlap.
//   - "put-etag": the Etag in a 201 is that of what was sent, or for a copy
//     that of something that was at its source.
//   - "last-modified": Last-Modified in a 201 lies within the request, rounded
//     up to a second, give or take the clock error.
//
// A DELETE may be answered 404 although some replica has the object, when two
// replicas missed it: that is Swift's majority, and judged in runs without
// faults only (Linearizable). A POST may not, because while one node has the
// object the proxy asks handoffs too, and answers 503 if those have not.
func NoLie(h *model.History) []Violation {
	c := &liar{h: h, order: newOrder(h, nil), copies: newCopies(h)}
	by := byPath(h)
	for _, o := range h.Ops {
		if o.Kind.ReadsObject() {
			c.absent(o, by[o.Path()])
			c.condition(o)
			c.unsatisfiable(o, by[o.Path()])
		}
		if o.Kind == model.ObjectPost {
			c.absent(o, by[o.Path()])
		}
		if o.Kind.PutsObject() {
			c.put(o)
		}
	}
	c.containers()
	return c.found
}

type liar struct {
	h      *model.History
	order  *order
	copies *copies
	found  []Violation
}

func (c *liar) fail(kind string, o *model.Op, others []*model.Op, format string, args ...any) {
	c.found = append(c.found, violation("no-lie", kind, o, others, format, args...))
}

// saysAbsent reports whether the answer claims that there is no object.
func saysAbsent(o *model.Op) bool {
	return o.Resp.Status == http.StatusNotFound ||
		o.Resp.Status == http.StatusPreconditionFailed && o.Req.Header.Get("If-Match") == "*"
}

func (c *liar) absent(o *model.Op, ops []*model.Op) {
	if !saysAbsent(o) {
		return
	}
	if o.Kind == model.VersionGet {
		c.fail("absent", o, nil, "%d for a version that was made", o.Resp.Status)
		return
	}
	for _, p := range ops {
		if p.Kind.PutsObject() && p.Resp.Status == http.StatusCreated && p.Outcome == model.OK && p.End < o.Start &&
			!c.mayBeDeleted(p, o, ops) && !c.order.mayHaveExpired(p, o, ops) {
			c.fail("absent", o, []*model.Op{p}, "%d for an object that was stored and not deleted", o.Resp.Status)
			return
		}
	}
}

// mayBeDeleted reports whether a deletion may have removed what p wrote
// before the read o ended.
func (c *liar) mayBeDeleted(p, o *model.Op, ops []*model.Op) bool {
	for _, d := range ops {
		if d.Kind.DeletesObject() && d.Outcome != model.Failed && d.Start <= o.End && !c.order.bounds(d).Before(c.order.bounds(p)) {
			return true
		}
	}
	return c.segmentOfDeleted(p, o)
}

// segmentOfDeleted reports whether p wrote a segment of a large object whose
// deletion with its segments had begun.
func (c *liar) segmentOfDeleted(p, o *model.Op) bool {
	for _, d := range c.h.Ops {
		if d.Kind != model.ManifestDelete || d.Start > o.End {
			continue
		}
		for _, w := range c.h.Ops {
			if w.Kind == model.ManifestPut && w.Path() == d.Path() && hasPart(c.h.Values[w.Req.Value], p.Req.Value) {
				return true
			}
		}
	}
	return false
}

func hasPart(v model.Value, id model.ValueID) bool {
	for _, part := range v.Parts {
		if part.Value == id {
			return true
		}
	}
	return false
}

func (c *liar) put(o *model.Op) {
	created := o.Resp.Status == http.StatusCreated
	v, may := c.copies.value(o.Req.Value, o.Resp.Header.Get("Etag"))
	switch {
	case created && o.Req.Short:
		c.fail("accepted-short", o, nil, "201 to an upload that was cut short")
	case created && o.Req.BadEtag:
		c.fail("accepted-etag", o, nil, "201 to a PUT whose Etag is not that of its body")
	case created && !may:
		c.fail("put-etag", o, nil, "the Etag of the answer is %s, which nothing at the source had", o.Resp.Header.Get("Etag"))
	case o.Resp.Status == http.StatusUnprocessableEntity && !o.Req.BadEtag && o.Kind != model.ObjectCopy:
		c.fail("refused-etag", o, nil, "422 to a PUT whose Etag was right or not given")
	case o.Resp.Status == http.StatusPreconditionFailed && o.Req.Header.Get("If-None-Match") == "" && !c.order.legacy.refused(c.h, o):
		c.fail("condition", o, nil, "412 to a PUT without a condition")
	case created && o.Req.Header.Get("X-Object-Manifest") != "": // an empty object
	case created && strings.Trim(o.Resp.Header.Get("Etag"), `"`) != v.ETag:
		c.fail("put-etag", o, nil, "the Etag of the answer is %s, that of the body %s", o.Resp.Header.Get("Etag"), v.ETag)
	}
	lm, ok := o.Resp.LastModified()
	if !created || !ok {
		return
	}
	d := c.order.drawn(o)
	if lm.Unix() < d.Low.CeilSeconds() || lm.Unix() > d.High.CeilSeconds() {
		c.fail("last-modified", o, nil, "Last-Modified %s is not from %s to %s", lm.UTC().Format(http.TimeFormat), d.Low, d.High)
	}
}

// condition checks 200, 206, 304 and 412 of a read against what it asked.
func (c *liar) condition(o *model.Op) {
	if why := contradiction(o); why != "" {
		c.fail("condition", o, nil, "%s", why)
	}
}

// contradiction says how the answer disagrees with the conditions of the
// request, "" if it does not. They are judged in Swift's order: If-None-Match,
// If-Match, If-Modified-Since, If-Unmodified-Since. Answers without the header
// that a condition speaks of cannot be judged.
func contradiction(o *model.Op) string {
	status := o.Resp.Status
	if status != 200 && status != 206 && status != 304 && status != 412 {
		return ""
	}
	etag := strings.Trim(o.Resp.Header.Get("Etag"), `"`)
	modified, hasLM := o.Resp.LastModified()
	expect, known := 200, true
	for _, name := range []string{"If-None-Match", "If-Match", "If-Modified-Since", "If-Unmodified-Since"} {
		given := o.Req.Header.Get(name)
		if given == "" || expect != 200 {
			continue
		}
		t, err := http.ParseTime(given)
		same := given == "*" || strings.Trim(given, `"`) == etag
		switch name {
		case "If-None-Match":
			known = known && etag != ""
			expect = choose(same, 304, 200)
		case "If-Match":
			known = known && etag != ""
			expect = choose(same, 200, 412)
		case "If-Modified-Since":
			known = known && err == nil && hasLM
			expect = choose(modified.After(t), 200, 304)
		case "If-Unmodified-Since":
			known = known && err == nil && hasLM
			expect = choose(modified.After(t), 412, 200)
		}
	}
	if status == 206 {
		status = 200
	}
	if !known || status == expect {
		return ""
	}
	return fmt.Sprintf("%d came instead of %d (Etag %s, Last-Modified %s)", o.Resp.Status, expect, etag, o.Resp.Header.Get("Last-Modified"))
}

func choose(cond bool, yes, no int) int {
	if cond {
		return yes
	}
	return no
}

func (c *liar) unsatisfiable(o *model.Op, ops []*model.Op) {
	if o.Resp.Status != http.StatusRequestedRangeNotSatisfiable {
		return
	}
	asked := o.Req.Header.Get("Range")
	var size int64
	if n, err := fmt.Sscanf(o.Resp.Header.Get("Content-Range"), "bytes */%d", &size); err != nil || n != 1 {
		if asked == "" {
			c.fail("range", o, nil, "416 to a request without Range")
		}
		return // older servers leave Content-Range out; nothing to hold it against
	}
	can, ok := parseRange(asked, size)
	if !ok || len(can) > 0 && strings.Count(asked, ",") < 2 {
		c.fail("range", o, nil, "416 although %q can be satisfied by %d bytes", asked, size)
	}
	for _, p := range ops {
		if p.Kind.PutsObject() && (c.h.Values[p.Req.Value].Size == size || p.Kind == model.ObjectCopy && c.sized(size)) {
			return
		}
	}
	c.fail("range", o, nil, "416 speaks of %d bytes, which no value of this name has", size)
}

// sized reports whether there is any value of a size.
func (c *liar) sized(size int64) bool {
	for _, v := range c.h.Values {
		if v.Size == size {
			return true
		}
	}
	return false
}

// containers checks 404s about containers that were never deleted.
func (c *liar) containers() {
	made, deleted := map[model.Name]*model.Op{}, map[model.Name]bool{}
	for _, o := range c.h.Ops {
		if o.Kind == model.ContainerPut && o.Resp.Success() && (made[o.Container] == nil || o.End < made[o.Container].End) {
			made[o.Container] = o
		}
		deleted[o.Container] = deleted[o.Container] || o.Kind == model.ContainerDelete
	}
	for _, o := range c.h.Ops {
		asks := o.Kind == model.ContainerGet || o.Kind == model.ContainerHead || o.Kind == model.ObjectPut
		p := made[o.Container]
		if asks && p != nil && !deleted[o.Container] && p.End < o.Start && o.Resp.Status == http.StatusNotFound {
			c.fail("no-container", o, []*model.Op{p}, "404 for a container that was made and never deleted")
		}
	}
}
