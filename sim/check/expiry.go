package check

import (
	"fmt"
	"math"
	"strconv"
	"time"

	"apus/impl/swift"
	"apus/sim/model"
)

// An object that a PUT or POST gave an end answers 404 from that second on, by
// the clock of the proxy that asks for it: every request carries its time to
// the object servers, whose clocks do not matter. So Facts.Skew is all there is
// to allow for. The object stays on the disks, and in listings, until an
// expirer deletes it, of which none runs; whoever asks with X-Open-Expired still
// sees it. A POST replaces the end with all other metadata. Versions have
// none, only the links to them.

// expires encloses the second, both ends inclusive, at which what a write
// stores expires; ok is false if it does not.
func expires(o *model.Op, facts *model.Facts) (low, high int64, ok bool) {
	if at, err := strconv.ParseInt(o.Req.Header.Get("X-Delete-At"), 10, 64); err == nil {
		return at, at, true
	}
	after, err := strconv.ParseInt(o.Req.Header.Get("X-Delete-After"), 10, 64)
	if err != nil {
		return 0, 0, false
	}
	high = math.MaxInt64
	if until := o.Until(); until != model.Forever {
		high = facts.Wall(until+facts.Skew).Unix() + after
	}
	return facts.Wall(o.Start-facts.Skew).Unix() + after, high, true
}

// opened reports a read of what may have expired.
func opened(o *model.Op) bool { return o.Req.Header.Get("X-Open-Expired") != "" }

// mayHaveExpired reports whether p, or a later write in its place, may have
// expired before o was over.
func (o *order) mayHaveExpired(p, by *model.Op, ops []*model.Op) bool {
	if opened(by) {
		return false
	}
	for _, w := range ops {
		if !w.Kind.WritesObject() || w.Outcome == model.Failed || w.Start > by.End || o.bounds(w).Before(o.bounds(p)) {
			continue
		}
		if low, _, ok := expires(w, o.facts); ok && low <= o.facts.Wall(by.End+o.facts.Skew).Unix() {
			return true
		}
	}
	return false
}

// expiry checks the end that an answer states: that it is not over, and that
// it is the one that the PUT or POST gave whose metadata the answer has.
func (c *integrity) expiry(o *model.Op, id model.ValueID) {
	facts := &c.h.Facts
	stated, err := strconv.ParseInt(o.Resp.Header.Get("X-Delete-At"), 10, 64)
	if err == nil && !opened(o) && !facts.Wall(o.Start-facts.Skew-time.Millisecond).Before(time.Unix(stated, 0)) {
		c.fail("expired", o, nil, "it expired at %d", stated)
	}
	if o.Req.Signed || o.Resp.Version() != "" {
		return // whose metadata these are is not known, or the end is the link's
	}
	w := c.writers[id]
	if post := metaID(o.Resp.Header, "X-Object-Meta-Post"); post != 0 && c.writers[post] != nil {
		w = c.writers[post]
	}
	low, high, ok := expires(w, facts)
	if ok != (err == nil) || ok && (stated < low || stated > high) {
		c.fail("expiry", o, []*model.Op{w}, "X-Delete-At is %q", o.Resp.Header.Get("X-Delete-At"))
	}
}

// Queued promises of the expirer's queue, once all updates are delivered, that
// it has a row of every object that will expire ("unqueued"): of the newest
// state of it, where all devices that have that agree on its metadata. Rows
// that no object asks for any more may remain, for an expirer asks the object.
func Queued(h *model.History, records []Record, rows []Row, hasher swift.Hasher) (found []Violation) {
	queue := map[string]bool{}
	for p, r := range mergeRows(rows) {
		queue[p.Object] = queue[p.Object] || p.Account == QueueAccount && !r.Deleted
	}
	byHash := map[swift.Hash][]*Record{}
	for i := range records {
		byHash[records[i].Hash] = append(byHash[records[i].Hash], &records[i])
	}
	paths, _ := h.ByObject()
	for _, p := range paths {
		have := byHash[hasher.Hash(p)]
		r := newestOf(have)
		at, err := strconv.ParseInt(deleteAt(r), 10, 64)
		if err != nil || !agreed(have, r) {
			continue
		}
		if entry := fmt.Sprintf("%010d-%s", at, p.String()[1:]); !queue[entry] {
			found = append(found, Violation{Property: "listings", Kind: "unqueued", Path: p.String(), At: h.Facts.Healed,
				Text: fmt.Sprintf("the object expires at %d and the queue has no row of it; %s", at, describe(have))})
		}
	}
	return found
}

// deleteAt is when a record that lives says that it expires; empty without.
func deleteAt(r *Record) string {
	if r == nil || r.Tombstone {
		return ""
	}
	return r.Metadata["X-Delete-At"]
}

// agreed reports whether all that have the state of r have the same metadata.
func agreed(records []*Record, r *Record) bool {
	for _, o := range records {
		if o.Damage != "" || o.Timestamp == r.Timestamp && (o.Tombstone != r.Tombstone || o.MetaTimestamp != r.MetaTimestamp) {
			return false
		}
	}
	return true
}
