package check

import (
	"net/http"
	"time"

	"apus/impl/swift"
	"apus/sim/model"
)

// Liveness promises that in quiet times (nothing impaired from Facts.Settle
// before the request until its end, in particular after everything is healed)
// every request of a client that stays is answered
//
//   - "slow": within the given virtual time, with its whole body;
//   - "error": not with 5xx, and not with a broken connection or body.
//
// A client that hangs up, or that waits less than usual, is not judged. A
// large object may break off, or be refused with 409, once somebody has asked
// to delete its segments, or has deleted them; so may a copy of it.
//
// A POST may be answered 503 once the name was written or deleted while a
// node was not whole: a replica that missed it says 202 and the others 404, or
// the reverse, which Swift takes for neither, and nothing replicates yet. The
// same answers come while a PUT or DELETE of the name is under way, which has
// reached some nodes and not yet others.
func Liveness(h *model.History, within time.Duration) []Violation {
	l := &living{h: h, gone: segmentsGone(h)}
	by := byPath(h)
	for _, o := range h.Ops {
		if !stayed(o) || !h.Facts.Quiet(o.Start, o.End) {
			continue
		}
		if o.Kind == model.ObjectPost && o.Resp.Status == http.StatusServiceUnavailable && missed(h, by[o.Path()], o) {
			continue
		}
		l.judge("liveness", o, within)
	}
	return l.found
}

// missed reports whether a write of the name before o may have passed by a
// replica, or one at the same time may not have reached all yet.
func missed(h *model.History, ops []*model.Op, o *model.Op) bool {
	for _, w := range ops {
		if !w.Kind.WritesObject() || w == o {
			continue
		}
		if w.Start < o.Start && !h.Facts.Quiet(w.Start, w.Until()) {
			return true
		}
		if w.Kind != model.ObjectPost && w.Outcome != model.Failed && w.Overlaps(o) {
			return true
		}
	}
	return false
}

// Available promises that within the fault budget no 5xx is seen ("error")
// although one zone is impaired: for requests during which, and
// for Facts.Settle before which, no proxy, no client, and storage nodes of at most one
// zone were impaired. It speaks of reads of everything, of PUT and DELETE of objects
// and of PUT of containers; not of what Swift refuses by design when one
// replica never heard of the object and another is down: POST, and DELETE of
// a container. X-Newest reads, of which a copy is one, also into an archive, do not resume in mid-body and may break off, and
// so may a body while a proxy waits for a stalled node longer than the client.
func Available(h *model.History) []Violation {
	l := &living{h: h, gone: segmentsGone(h)}
	versions := newLegacy(h)
	for _, o := range h.Ops {
		if o.Kind.WritesObject() && versions.keeps(o.Path()) {
			continue
		}
		switch o.Kind {
		case model.ObjectPost, model.ObjectCopy, model.ContainerPost, model.AccountPost, model.ContainerDelete, model.ManifestDelete, model.Auth:
			continue
		}
		if stayed(o) && oneZone(&h.Facts, o) && o.Resp.Status >= 500 {
			l.fail("available", "error", o)
		}
	}
	return l.found
}

type living struct {
	h     *model.History
	gone  map[model.Name]map[model.Name]time.Duration
	found []Violation
}

func (l *living) fail(property, kind string, o *model.Op) {
	l.found = append(l.found, violation(property, kind, o, nil, "it took %v", o.End-o.Start))
}

func (l *living) judge(property string, o *model.Op, within time.Duration) {
	broken := o.Resp.Status == 0 || o.Resp.Status >= 500 || o.Resp.Err != ""
	switch {
	case broken && l.excused(o):
	case broken:
		l.fail(property, "error", o)
	case o.End-o.Start > within:
		l.fail(property, "slow", o)
	}
}

// excused reports a large object whose segments may be gone.
func (l *living) excused(o *model.Op) bool {
	container, object := o.Container, o.Object
	switch o.Kind {
	case model.ObjectCopy:
		source, err := swift.ParsePath(string(o.Req.From))
		if err != nil {
			return false
		}
		container, object = model.Name(source.Container), model.Name(source.Object)
	case model.ObjectGet:
	default:
		return false
	}
	at, ok := l.gone[container][object]
	return ok && at <= o.End
}

// segmentsGone is when the segments of the large objects of a name were first
// asked to be deleted.
func segmentsGone(h *model.History) map[model.Name]map[model.Name]time.Duration {
	gone := map[model.Name]map[model.Name]time.Duration{}
	for _, o := range h.Ops {
		if o.Kind != model.ManifestDelete {
			continue
		}
		if gone[o.Container] == nil {
			gone[o.Container] = map[model.Name]time.Duration{}
		}
		if _, ok := gone[o.Container][o.Object]; !ok {
			gone[o.Container][o.Object] = o.Start
		}
	}
	return gone
}

// stayed reports whether the client waited for the whole answer.
func stayed(o *model.Op) bool {
	left := o.Resp.Body != nil && o.Resp.Body.Left
	return o.Req.Patience == 0 && o.Req.Leave == 0 && !left && !o.Req.Short
}

// oneZone reports whether storage of at most one zone, and nothing else, was
// impaired around an operation.
func oneZone(f *model.Facts, o *model.Op) bool {
	zone := 0
	for _, i := range f.Impaired {
		if i.From > o.End || i.To < o.Start-f.Settle {
			continue
		}
		if i.Zone == 0 || zone != 0 && zone != i.Zone {
			return false
		}
		zone = i.Zone
	}
	return true
}

// Newest promises ("stale") that in quiet times a GET or HEAD with X-Newest
// is not answered with less than was acknowledged before it began: not with a
// value that is certainly older than that of a PUT answered 201 or a DELETE
// answered 204 or 404, not with a value that was certainly deleted. The write
// is on a primary that answers, because at most one zone was ever away at a
// time. Versions that are named, and what a DELETE may have brought back, are
// older by design.
func Newest(h *model.History) []Violation {
	order := newOrder(h, nil)
	wrote := writers(h)
	by := byPath(h)
	var found []Violation
	for _, o := range h.Ops {
		w := wrote[o.Resp.Value()]
		if !o.Req.Newest || !o.Kind.ReadsObject() || !o.Resp.Success() || w == nil || !h.Facts.Quiet(o.Start, o.End) ||
			o.Kind == model.VersionGet || order.legacy.restored(by[o.Path()], o) {
			continue
		}
		for _, p := range by[o.Path()] {
			promised := p.Kind == model.ObjectDelete || p.Kind.PutsObject() && p.Resp.Status == 201
			if promised && p.Outcome == model.OK && p.End < o.Start && order.bounds(w).Before(order.bounds(p)) {
				found = append(found, violation("newest", "stale", o, []*model.Op{w, p}, "the second of these was acknowledged and is newer than the first, which was read"))
				break
			}
		}
	}
	return found
}
