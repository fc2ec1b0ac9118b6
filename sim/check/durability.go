package check

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"apus/impl/swift"
	"apus/sim/model"
)

// Durability promises of what is on the disks once everything is healed:
//
//   - "lost": for every write acknowledged with 201, 202 (POST) or 204/404
//     (DELETE) at least Facts.Copies devices hold the object in a state that
//     is not older than the write: the write itself or what superseded it. For
//     each device whose content the faults destroyed one fewer is promised,
//     but never fewer than one. A PUT answered 202 promises one device: the
//     one that had something newer. So does a DELETE that brings an older
//     version back, which is a PUT.
//   - "damaged": no device holds a record that cannot be read, unless its
//     content was destroyed by a fault. A file that appears under its final
//     name before its content is durable shows up here.
//   - "rejected", "foreign": what is stored was written under this name by a
//     write that was not refused.
//   - "mixed": all copies with the same timestamp are the same.
//   - "lost version": every version that the answer to a PUT named is on as
//     many devices as its object must be, whatever came after it, and the
//     archive of the older kind of versioning has every version whose successor
//     was acknowledged, where it is certain which that was.
//
// The rule for "lost" needs no order among concurrent writes: a device only
// ever replaces what it has by something newer, so whatever the order was,
// each write that was on a device is followed there by things at least as new.
// Handoffs count: nothing moves their copies yet. The exception is a POST that
// a DELETE follows: a tombstone hides older data with all their metadata, also
// metadata newer than itself.
func Durability(h *model.History, records []Record, hasher swift.Hasher) []Violation {
	d := &durability{
		h: h, order: newOrder(h, records), writers: writers(h), copies: newCopies(h),
		byHash: map[swift.Hash][]*Record{}, inArchive: map[swift.Path]map[swift.Hash][]*Record{},
	}
	d.legacy = d.order.legacy
	for i := range records {
		r := &records[i]
		d.byHash[r.Hash] = append(d.byHash[r.Hash], r)
	}
	paths, by := h.ByObject()
	known := map[swift.Hash]swift.Path{}
	d.archived(records, known, hasher)
	for _, p := range paths {
		known[hasher.Hash(p)] = p
		d.name(p, by[p], d.byHash[hasher.Hash(p)])
		d.versions(p, by[p], hasher)
		if d.legacy.keeps(p) {
			d.unarchived(p, by[p])
		}
	}
	for i := range records {
		d.record(&records[i], known)
	}
	return d.found
}

type durability struct {
	h       *model.History
	order   *order
	writers map[model.ValueID]*model.Op
	copies  *copies
	byHash  map[swift.Hash][]*Record
	legacy  *legacy
	// inArchive are the records of an object's archived versions.
	inArchive map[swift.Path]map[swift.Hash][]*Record
	found     []Violation
}

// name counts the copies of every acknowledged write of one name.
func (d *durability) name(p swift.Path, ops []*model.Op, records []*Record) {
	for _, o := range ops {
		need := d.promised(o)
		if need == 0 {
			continue
		}
		low := d.order.bounds(o).Low
		have := map[model.Device]bool{}
		for _, r := range records {
			if r.Damage == "" && (!r.newest().Before(low) || d.undone(o, r, ops)) {
				have[r.Device] = true
			}
		}
		if len(have) < need {
			d.found = append(d.found, violation("durability", "lost", o, nil,
				"%d devices hold this write or something newer, %d must; %s", len(have), need, describe(records)))
		}
	}
	d.mixed(p, records)
}

// undone reports whether a record is the tombstone of a DELETE that was not
// over when a POST began. A node that hears of the DELETE last compares it with
// the data alone and deletes them, and the metadata with them, even if those
// have a newer timestamp because the clocks disagree: metadata outlive nothing.
func (d *durability) undone(post *model.Op, r *Record, ops []*model.Op) bool {
	if post.Kind != model.ObjectPost || !r.Tombstone {
		return false
	}
	for _, o := range ops {
		b := d.order.bounds(o)
		if o.Kind.DeletesObject() && o.Until() >= post.Start && !r.Timestamp.Before(b.Low) && !r.Timestamp.After(b.High) {
			return true
		}
	}
	return false
}

// promised is on how many devices a write must have left its trace.
func (d *durability) promised(o *model.Op) int {
	if !o.Kind.WritesObject() || o.Outcome != model.OK {
		return 0
	}
	need := max(1, d.h.Facts.Copies-len(d.h.Facts.Destroyed))
	if o.Kind.PutsObject() && o.Resp.Status == 202 || o.Kind.DeletesObject() && d.legacy.stacked(o.Path()) {
		return 1
	}
	return need
}

// mixed compares the copies of one name with each other.
func (d *durability) mixed(p swift.Path, records []*Record) {
	first := map[swift.Timestamp]*Record{}
	for _, r := range records {
		if r.Damage != "" {
			continue
		}
		f := first[r.Timestamp]
		if f == nil {
			first[r.Timestamp] = r
			continue
		}
		if f.Tombstone != r.Tombstone || f.MD5 != r.MD5 || f.Metadata["Content-Type"] != r.Metadata["Content-Type"] {
			d.found = append(d.found, Violation{Property: "durability", Kind: "mixed", Path: p.String(), At: d.h.Facts.Healed,
				Text: "copies with the same timestamp differ; " + describe([]*Record{f, r})})
			return
		}
	}
}

// record judges one record on its own.
func (d *durability) record(r *Record, known map[swift.Hash]swift.Path) {
	p, ok := known[r.Hash]
	fail := func(kind, format string, args ...any) {
		d.found = append(d.found, Violation{Property: "durability", Kind: kind, Path: p.String(), At: d.h.Facts.Healed,
			Text: fmt.Sprintf(format, args...) + "; " + describe([]*Record{r})})
	}
	if r.Damage != "" {
		if !d.h.Facts.WasDestroyed(r.Device) {
			fail("damaged", "%s", r.Damage)
		}
		return
	}
	if !ok && !(r.Tombstone && d.legacy.removed(d.h, d.order, r)) {
		fail("foreign", "nobody ever spoke of an object %q", r.Metadata["name"])
		return
	}
	if r.Tombstone || r.Metadata["Content-Type"] == deleteMarker && d.deleted(p) {
		return
	}
	id := model.ValueOfType(r.Metadata["Content-Type"])
	w := d.writers[id]
	switch {
	case w == nil || w.Path() != p:
		fail("foreign", "value %s was not written under this name", id)
	case w.Outcome == model.Failed:
		fail("rejected", "%s was refused or cut short", w)
	case r.Metadata[versionLink] != "" && r.Size == 0:
	case w.Kind == model.ObjectCopy:
		if v, ok := d.copies.value(id, r.MD5); !ok || r.Size != v.Size {
			fail("damaged", "nothing of %d bytes with MD5 %s was at the source of %s", r.Size, r.MD5, w)
		}
	case w.Kind == model.ObjectPut && (r.Size != d.h.Values[id].Size || r.MD5 != d.h.Values[id].ETag):
		fail("damaged", "value %s has %d bytes and MD5 %s", id, d.h.Values[id].Size, d.h.Values[id].ETag)
	}
}

// describe lists records for a violation.
func describe(records []*Record) string {
	if len(records) == 0 {
		return "no device holds anything"
	}
	rs := slices.Clone(records)
	slices.SortStableFunc(rs, func(a, b *Record) int { return cmp.Compare(a.Device.String(), b.Device.String()) })
	var out []string
	for _, r := range rs {
		what := "value " + model.ValueOfType(r.Metadata["Content-Type"]).String()
		switch {
		case r.Damage != "":
			what = "damaged: " + r.Damage
		case r.Tombstone:
			what = "tombstone"
		}
		if !r.MetaTimestamp.IsZero() {
			what += ", POST " + r.MetaTimestamp.Normal()
		}
		out = append(out, fmt.Sprintf("%s: %s %s", r.Device, r.Timestamp.Normal(), what))
	}
	return strings.Join(out, "; ")
}

// newestOf chooses the record that wins among all devices; nil if there is
// none that can be read.
func newestOf(records []*Record) *Record {
	var best *Record
	for _, r := range records {
		if r.Damage == "" && (best == nil || r.Timestamp.After(best.Timestamp) || r.Timestamp == best.Timestamp && r.Tombstone) {
			best = r
		}
	}
	return best
}
