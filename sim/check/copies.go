package check

import (
	"slices"
	"strings"

	"apus/impl/swift"
	"apus/sim/model"
)

// copies knows what may have been copied where.
type copies struct {
	h     *model.History
	by    map[swift.Path][]*model.Op
	bySum map[string][]model.ValueID // of the values that are no copies
}

func newCopies(h *model.History) *copies {
	c := &copies{h: h, by: byPath(h), bySum: map[string][]model.ValueID{}}
	for id, v := range h.Values {
		if !v.Copy {
			c.bySum[v.Sum()] = append(c.bySum[v.Sum()], id)
		}
	}
	for _, ids := range c.bySum {
		slices.Sort(ids)
	}
	return c
}

// value is the value id as something with this ETag shows it. For a copy it
// is what was copied; ok is false if that cannot have been at its source.
func (c *copies) value(id model.ValueID, etag string) (v model.Value, ok bool) {
	v = c.h.Values[id]
	if !v.Copy {
		return v, true
	}
	etag = strings.Trim(etag, `"`)
	for _, base := range c.bySum[etag] {
		v = c.h.Values[base].As(id)
		for _, o := range c.h.Ops {
			if o.Req.Value == id && o.Kind == model.ObjectCopy && c.mayBeAt(base, o, nil) {
				return v, true
			}
		}
	}
	return v, false
}

// mayBeAt reports whether a value may have been at the source of a copy before
// the copy was over: it was written there, or copied there.
func (c *copies) mayBeAt(base model.ValueID, o *model.Op, seen []swift.Path) bool {
	source, err := swift.ParsePath(string(o.Req.From))
	if err != nil || slices.Contains(seen, source) {
		return false
	}
	for _, w := range c.by[source] {
		if w.Outcome == model.Failed || w.Start > o.Until() {
			continue
		}
		if w.Req.Value == base && w.Kind.PutsObject() || w.Kind == model.ObjectCopy && c.mayBeAt(base, w, append(seen, source)) {
			return true
		}
	}
	return false
}
