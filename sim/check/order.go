package check

import (
	"net/http"
	"time"

	"apus/impl/swift"
	"apus/sim/model"
)

// Bounds encloses the timestamp of a write, both ends inclusive.
type Bounds struct{ Low, High swift.Timestamp }

// Before reports that the timestamp is certainly older than that of other.
func (b Bounds) Before(other Bounds) bool { return b.High.Before(other.Low) }

// latest is after every timestamp.
func latest() swift.Timestamp { return swift.NewTimestamp(swift.MaxTicks, ^uint64(0)) }

// order knows when values were written, as far as anybody saw.
type order struct {
	facts  *model.Facts
	legacy *legacy
	exact  map[model.ValueID]swift.Timestamp // of PUTs and of POSTs
	// doubled are values that were seen with two timestamps, with the second.
	doubled map[model.ValueID]swift.Timestamp
}

// newOrder collects every timestamp that reads and disks show, other than those
// of copies that the filters of versions make: in a stack a value is written
// again when it is brought back, and in an archive it is a copy. A POST of an
// object that has versions goes to the link first, which is what orders it, and
// then with another timestamp to the version, which reads show.
func newOrder(h *model.History, records []Record) *order {
	o := &order{facts: &h.Facts, legacy: newLegacy(h), exact: map[model.ValueID]swift.Timestamp{}, doubled: map[model.ValueID]swift.Timestamp{}}
	for _, op := range h.Ops {
		ts, ok := op.Resp.Timestamp()
		if !ok || !op.Kind.ReadsObject() || !op.Resp.Success() || op.Req.Signed || o.legacy.stacked(op.Path()) {
			continue // a signed URL hides whether the timestamp is a POST's
		}
		switch post := metaID(op.Resp.Header, "X-Object-Meta-Post"); {
		case post == 0:
			o.saw(op.Resp.Value(), ts)
		case op.Resp.Version() == "":
			o.saw(post, ts)
		}
	}
	for i := range records {
		r := &records[i]
		if r.Tombstone || r.Damage != "" || o.legacy.copied(r.Metadata["name"]) {
			continue
		}
		written := r.Timestamp
		if r.Metadata[versionLink] != "" {
			written = written.WithOffset(0) // of the version that it leads to
		}
		o.saw(model.ValueOfType(r.Metadata["Content-Type"]), written)
		if _, _, version := versionOf(r.Metadata["name"]); !version && !r.MetaTimestamp.IsZero() {
			o.saw(metaIDOf(r.Metadata["X-Object-Meta-Post"]), r.MetaTimestamp)
		}
	}
	return o
}

func (o *order) saw(id model.ValueID, ts swift.Timestamp) {
	if id == 0 {
		return
	}
	if old, ok := o.exact[id]; ok && old.Compare(ts) != 0 {
		o.doubled[id] = ts
		return
	}
	o.exact[id] = ts
}

func metaID(h http.Header, name string) model.ValueID { return metaIDOf(h.Get(name)) }

func metaIDOf(s string) model.ValueID {
	var id model.ValueID
	if id.UnmarshalText([]byte(s)) != nil {
		return 0
	}
	return id
}

// drawn encloses what a proxy may have drawn for the request: its clock was
// off by Skew at most, and it drew between Start and Until. Timestamps may be
// rounded either way, so a tick is added at both ends.
func (o *order) drawn(op *model.Op) Bounds {
	const tick = time.Second / swift.TicksPerSecond
	b := Bounds{swift.TimestampOf(o.facts.Wall(op.Start - o.facts.Skew - tick)), latest()}
	if until := op.Until(); until != model.Forever {
		b.High = swift.TimestampOf(o.facts.Wall(until + o.facts.Skew + tick)).WithOffset(^uint64(0))
	}
	return b
}

// bounds is the best that is known about the timestamp of a write.
func (o *order) bounds(op *model.Op) Bounds {
	if ts, ok := o.exact[op.Req.Value]; ok && op.Req.Value != 0 {
		return Bounds{ts, ts}
	}
	b := o.drawn(op)
	lm, ok := op.Resp.LastModified()
	if !ok || !op.Kind.PutsObject() || op.Outcome != model.OK {
		return b
	}
	if low := swift.TimestampOf(lm.Add(-time.Second + 10*time.Microsecond)); low.After(b.Low) {
		b.Low = low
	}
	if high := swift.TimestampOf(lm).WithOffset(^uint64(0)); high.Before(b.High) {
		b.High = high
	}
	return b
}
