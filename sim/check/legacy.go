package check

import (
	"net/http"
	"net/url"
	"strings"

	"apus/impl/swift"
	"apus/sim/model"
)

// legacy knows the containers with the older kind of versioning: what is
// overwritten in them is copied to an archive, another container, as
// "<length of its name in 3 hex digits><name>/<timestamp>". In a stack a DELETE
// brings back what was archived last; a history archives what a DELETE removes
// too, and a marker.
type legacy struct {
	archives map[swift.Path]swift.Path // of the containers
	sources  map[swift.Path]swift.Path // of the archives
	stacks   map[swift.Path]bool
}

func newLegacy(h *model.History) *legacy {
	l := &legacy{map[swift.Path]swift.Path{}, map[swift.Path]swift.Path{}, map[swift.Path]bool{}}
	for _, o := range h.Ops {
		stack, history := o.Req.Header.Get("X-Versions-Location"), o.Req.Header.Get("X-History-Location")
		name, err := url.PathUnescape(stack + history)
		if o.Kind != model.ContainerPut || name == "" || err != nil {
			continue
		}
		archive := swift.Path{Account: string(o.Account), Container: name}
		l.archives[o.Path()], l.sources[archive] = archive, o.Path()
		l.stacks[o.Path()] = stack != ""
	}
	return l
}

// keeps reports whether old versions of an object are archived.
func (l *legacy) keeps(p swift.Path) bool {
	_, ok := l.archives[p.Parent()]
	return ok
}

// stacked reports whether a DELETE of an object brings back what it was, with
// a new timestamp.
func (l *legacy) stacked(p swift.Path) bool { return l.stacks[p.Parent()] }

// origin is the object of which a stored name is an archived version.
func (l *legacy) origin(name string) (object swift.Path, ok bool) {
	stored, err := swift.ParsePath(name)
	if err != nil {
		return object, false
	}
	object, ok = l.sources[stored.Parent()]
	slash := strings.LastIndexByte(stored.Object, '/')
	if !ok || slash < 3 {
		return object, false
	}
	object.Object = stored.Object[3:slash]
	return object, true
}

// copied reports whether what is stored under a name may be a copy that the
// filter made.
func (l *legacy) copied(name string) bool {
	p, err := swift.ParsePath(name)
	_, archived := l.sources[p.Parent()]
	return err == nil && (archived || l.stacked(p))
}

// removed reports whether a tombstone under an unknown name may be that of a
// version which a DELETE brought back from an archive: it has no name.
func (l *legacy) removed(h *model.History, order *order, r *Record) bool {
	for _, o := range h.Ops {
		if d := order.drawn(o); o.Kind.DeletesObject() && l.stacked(o.Path()) && !r.Timestamp.Before(d.Low) && !r.Timestamp.After(d.High) {
			return true
		}
	}
	return false
}

// refused reports an answer by which a PUT or DELETE says that the old version
// could not be archived, at a time at which that may be so.
func (l *legacy) refused(h *model.History, o *model.Op) bool {
	return l.keeps(o.Path()) && o.Resp.Status == http.StatusPreconditionFailed && !h.Facts.Quiet(o.Start, o.End)
}

// restored reports whether a DELETE that had begun may have brought back
// something older.
func (l *legacy) restored(ops []*model.Op, o *model.Op) bool {
	if !l.stacked(o.Path()) {
		return false
	}
	for _, d := range ops {
		if d.Kind.DeletesObject() && d.Outcome != model.Failed && d.Start <= o.End {
			return true
		}
	}
	return false
}

// unarchived finds writes of one name by which a version must have got into
// the archive and did not: the one before was acknowledged and the newest, and
// nothing else happened from its beginning to the end of the write. The proxy
// finds it then, on one of the disks of another zone if one zone is away.
func (d *durability) unarchived(p swift.Path, ops []*model.Op) {
	for _, q := range ops {
		archives := q.Kind == model.ObjectPut || q.Kind == model.ObjectDelete && !d.legacy.stacked(p) && q.Resp.Status == http.StatusNoContent
		if !archives || !q.Resp.Success() || !oneZone(&d.h.Facts, q) {
			continue
		}
		w := d.current(ops, q)
		if w == nil || w.Kind != model.ObjectPut || w.Resp.Status != http.StatusCreated || d.legacy.stacked(p) && deletedSince(ops, w) {
			continue
		}
		need := max(1, d.h.Facts.Copies-len(d.h.Facts.Destroyed))
		if d.h.Facts.Skew > 0 {
			need = 1 // the archive may have it from a write that failed, with a newer timestamp
		}
		if have := d.archivedCopies(p, w.Req.Value); have < need {
			d.found = append(d.found, violation("durability", "lost version", w, []*model.Op{q},
				"%d devices hold this in the archive, %d must since the second of these", have, need))
		}
	}
}

// current is the write that certainly made what an object was when q began;
// nil if there is no such.
func (d *durability) current(ops []*model.Op, q *model.Op) (w *model.Op) {
	for _, o := range ops {
		switch {
		case !o.Kind.WritesObject() || o.Outcome == model.Failed || o == q || o.Start > q.End:
		case o.Until() >= q.Start, w != nil && (o.Start <= w.Until() || !d.order.bounds(w).Before(d.order.bounds(o))):
			return nil
		case o.Kind != model.ObjectPost:
			w = o
		}
	}
	return w
}

// deletedSince reports whether a DELETE may have come after w.
func deletedSince(ops []*model.Op, w *model.Op) bool {
	for _, o := range ops {
		if o.Kind.DeletesObject() && o.Outcome != model.Failed && o.Until() >= w.Start {
			return true
		}
	}
	return false
}

// archivedCopies is on how many devices the archive has a value of an object,
// under one name.
func (d *durability) archivedCopies(p swift.Path, id model.ValueID) (most int) {
	for _, records := range d.inArchive[p] {
		have := map[model.Device]bool{}
		for _, r := range records {
			if r.Damage == "" && !r.Tombstone && model.ValueOfType(r.Metadata["Content-Type"]) == id {
				have[r.Device] = true
			}
		}
		most = max(most, len(have))
	}
	return most
}
