package check

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"apus/impl/swift"
	"apus/sim/model"
)

// Listings promises that, once everything is healed and the updaters have
// found nothing left to do, the rows of all replicas of a container merged
// (the newest row of a name wins) are the objects that the disks hold (the
// newest record of a name wins):
//
//   - "missing": no live object without a row;
//   - "ghost": no row without a live object;
//   - "wrong": the row has the size, ETag and Content-Type of the object.
//
// Replicas may differ from each other: nothing replicates databases yet.
func Listings(h *model.History, records []Record, rows []Row, hasher swift.Hasher) []Violation {
	byHash := map[swift.Hash][]*Record{}
	for i := range records {
		byHash[records[i].Hash] = append(byHash[records[i].Hash], &records[i])
	}
	merged := mergeRows(rows)
	paths, _ := h.ByObject()
	for p := range merged {
		if p.Account != QueueAccount {
			paths = append(paths, p)
		}
	}
	slices.SortFunc(paths, func(a, b swift.Path) int { return strings.Compare(a.String(), b.String()) })
	var found []Violation
	for _, p := range slices.Compact(paths) {
		if kind, text := compareRow(newestOf(byHash[hasher.Hash(p)]), merged[p]); kind != "" {
			found = append(found, Violation{Property: "listings", Kind: kind, Path: p.String(), At: h.Facts.Healed,
				Text: text + "; " + describe(byHash[hasher.Hash(p)])})
		}
	}
	return found
}

// mergeRows keeps the newest row of each name. At the same timestamp a
// deletion wins, as in Swift.
func mergeRows(rows []Row) map[swift.Path]*Row {
	merged := map[swift.Path]*Row{}
	for i := range rows {
		r := &rows[i]
		p := swift.Path{Account: r.Account, Container: r.Container, Object: r.Name}
		old := merged[p]
		if old == nil || r.Timestamp.After(old.Timestamp) || r.Timestamp == old.Timestamp && r.Deleted {
			merged[p] = r
		}
	}
	return merged
}

func compareRow(rec *Record, row *Row) (kind, text string) {
	live := rec != nil && !rec.Tombstone
	listed := row != nil && !row.Deleted
	switch {
	case live && !listed:
		return "missing", "the object is live and in no listing"
	case listed && !live:
		return "ghost", fmt.Sprintf("%s lists it with timestamp %s and there is no such object", row.Device, row.Timestamp.Normal())
	case !live:
		return "", ""
	}
	etag, _, _ := strings.Cut(row.ETag, ";")
	if row.Size != rec.Size || strings.TrimSpace(etag) != rec.MD5 ||
		model.ValueOfType(row.Type) != model.ValueOfType(rec.Metadata["Content-Type"]) {
		return "wrong", fmt.Sprintf("the row on %s says %d bytes, %s, %s; the object has %d bytes, %s, %s",
			row.Device, row.Size, row.ETag, row.Type, rec.Size, rec.MD5, rec.Metadata["Content-Type"])
	}
	return "", ""
}

// ListingAnswers promises of every listing that a client got, whatever faults
// there were:
//
//   - "order", "limit", "marker", "prefix", "delimiter": it obeys its own
//     parameters;
//   - "ghost": each row names something that a client had begun to write;
//   - "row": each row of an object is consistent: size, hash and
//     Content-Type are of one value that was written under that name.
//
// Rows may be missing or outdated: listings are updated after the objects,
// and a listing asks one replica. See FreshListings for what is promised when
// nothing goes wrong.
func ListingAnswers(h *model.History) []Violation {
	l := &lister{h: h, copies: newCopies(h), written: map[swift.Path][]*model.Op{}}
	for _, o := range h.Ops {
		if o.Kind.PutsObject() || o.Kind == model.ContainerPut {
			l.written[o.Path()] = append(l.written[o.Path()], o)
		}
	}
	for _, o := range h.Ops {
		if (o.Kind == model.ContainerGet || o.Kind == model.AccountGet) && o.Resp.Rows != nil {
			l.judge(o)
		}
	}
	return l.found
}

type lister struct {
	h       *model.History
	copies  *copies
	written map[swift.Path][]*model.Op
	found   []Violation
}

func (l *lister) fail(kind string, o *model.Op, format string, args ...any) {
	l.found = append(l.found, violation("listing", kind, o, nil, format, args...))
}

func (l *lister) judge(o *model.Op) {
	q, err := url.ParseQuery(o.Req.Query)
	if err != nil {
		return
	}
	if limit, err := strconv.Atoi(q.Get("limit")); err == nil && len(o.Resp.Rows) > limit {
		l.fail("limit", o, "%d rows, the limit is %d", len(o.Resp.Rows), limit)
	}
	last := ""
	for i, r := range o.Resp.Rows {
		name := string(r.Name) + string(r.Subdir)
		if i > 0 && (name == last || (name < last) != isTrue(q.Get("reverse"))) {
			l.fail("order", o, "%q follows %q", name, last)
		}
		last = name
		l.selected(o, q, r)
		if r.Subdir == "" {
			l.origin(o, r)
		}
	}
}

// isTrue is Swift's idea of a true parameter.
func isTrue(s string) bool {
	switch strings.ToLower(s) {
	case "true", "1", "yes", "on", "t", "y":
		return true
	}
	return false
}

// selected checks one row against the parameters. A subdir may sort before
// the marker when names in it sort after.
func (l *lister) selected(o *model.Op, q url.Values, r model.Row) {
	name, prefix, delimiter := string(r.Name), q.Get("prefix"), q.Get("delimiter")
	low, high := q.Get("marker"), q.Get("end_marker")
	if isTrue(q.Get("reverse")) {
		low, high = high, low
	}
	if r.Subdir != "" {
		sub := string(r.Subdir)
		rest, ok := strings.CutPrefix(sub, prefix)
		if !ok || delimiter == "" || strings.Index(rest, delimiter) != len(rest)-len(delimiter) {
			l.fail("delimiter", o, "subdir %q does not follow from prefix %q and delimiter %q", sub, prefix, delimiter)
		}
		return
	}
	rest, ok := strings.CutPrefix(name, prefix)
	switch {
	case !ok:
		l.fail("prefix", o, "%q does not begin with %q", name, prefix)
	case delimiter != "" && strings.Contains(rest, delimiter):
		l.fail("delimiter", o, "%q should be folded at %q", name, delimiter)
	case low != "" && name <= low, high != "" && name >= high:
		l.fail("marker", o, "%q is not between %q and %q", name, low, high)
	}
}

// origin checks that somebody wrote what the row says.
func (l *lister) origin(o *model.Op, r model.Row) {
	p := swift.Path{Account: string(o.Account), Container: string(o.Container), Object: string(r.Name)}
	if o.Kind == model.AccountGet {
		p = swift.Path{Account: string(o.Account), Container: string(r.Name)}
	}
	begun := false
	for _, w := range l.written[p] {
		if w.Start > o.End || w.Outcome == model.Failed {
			continue
		}
		begun = true
		if o.Kind == model.AccountGet || l.describes(r, l.h.Values[w.Req.Value]) {
			return
		}
	}
	if !begun {
		l.fail("ghost", o, "%q was never written", r.Name)
		return
	}
	l.fail("row", o, "%q with %d bytes, hash %s and type %s is no value that was written", r.Name, r.Bytes, r.Hash, r.ContentType)
}

// describes compares a row with a value. The hash of a large object is that
// of its manifest, which the judge does not know.
func (l *lister) describes(r model.Row, v model.Value) bool {
	if v.Copy {
		base, ok := l.copies.value(v.ID, r.Hash)
		return ok && model.ValueOfType(r.ContentType) == v.ID && r.Bytes == base.Size
	}
	return model.ValueOfType(r.ContentType) == v.ID && r.Bytes == v.Size && (v.Parts != nil || r.Hash == v.ETag)
}

// FreshListings promises, for a run without faults, that a listing shows
// ("stale") exactly what was settled longer than slack before it began: a
// name whose last write, with all others on it, was over by then. Slack must
// cover the updates that a container server was too slow to take and that the
// updater brings later. Listings with a limit are not judged, nor is a name of
// which a DELETE may have brought back what it was.
func FreshListings(h *model.History, slack time.Duration) []Violation {
	if !h.Facts.FaultFree {
		return nil
	}
	paths, by := h.ByObject()
	versions := newLegacy(h)
	var found []Violation
	for _, o := range h.Ops {
		q, err := url.ParseQuery(o.Req.Query)
		if o.Kind != model.ContainerGet || o.Resp.Rows == nil || q.Has("limit") || err != nil {
			continue
		}
		shown := map[string]bool{}
		for _, r := range o.Resp.Rows {
			shown[string(r.Name)+string(r.Subdir)] = true
		}
		for _, p := range paths {
			if p.Parent() != o.Path() || !inListing(p.Object, q) || versions.stacked(p) {
				continue
			}
			live, known := settled(by[p], o.Start-slack, h)
			if known && live != shown[p.Object] {
				found = append(found, violation("listing", "stale", o, nil, "%q: live is %t, listed is %t", p.Object, live, shown[p.Object]))
			}
		}
	}
	return found
}

// inListing reports whether a listing with this query shows the name itself
// if it is there.
func inListing(name string, q url.Values) bool {
	low, high := q.Get("marker"), q.Get("end_marker")
	if isTrue(q.Get("reverse")) {
		low, high = high, low
	}
	rest, ok := strings.CutPrefix(name, q.Get("prefix"))
	return ok && (low == "" || name > low) && (high == "" || name < high) &&
		(q.Get("delimiter") == "" || !strings.Contains(rest, q.Get("delimiter")))
}

// settled says whether the object lived at an instant. It is known when the
// last writes were over by then and cannot have happened in another order.
func settled(ops []*model.Op, at time.Duration, h *model.History) (live, known bool) {
	var last *model.Op
	var over time.Duration // when all of them so far were
	for _, o := range ops {
		if !o.Kind.WritesObject() || o.Kind == model.ObjectPost || o.Outcome == model.Failed {
			continue
		}
		if o.Until() >= at || o.Kind == model.ManifestDelete {
			return false, false
		}
		if last != nil && over+2*h.Facts.Skew >= o.Start {
			return false, false
		}
		last, over = o, max(over, o.Until())
	}
	return last != nil && last.Kind.PutsObject(), last != nil
}
