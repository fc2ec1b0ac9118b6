package check

import (
	"fmt"
	"sort"

	"apus/impl/swift"
	"apus/sim/model"
)

// fact is one file of an object, or one row: what a write left behind.
type fact struct {
	ts       swift.Timestamp
	value    model.ValueID
	kind     factKind
	volatile bool // a power cut may take it away

	typ   model.ValueID   // whose content type it is
	typed swift.Timestamp // when that was set
	until int64           // when the object expires
	meta  swift.Timestamp // of a row: when the metadata were set
}

type factKind uint8

const (
	data factKind = iota
	tombstone
	metadata
)

// facts is the state of a name: sorted, without what can never show again.
type facts []fact

// newest is the data or tombstone that counts.
func (s facts) newest() fact {
	best := fact{kind: tombstone}
	for _, f := range s {
		if f.kind != metadata && !f.ts.Before(best.ts) && !f.ts.IsZero() {
			best = f
		}
	}
	return best
}

// post is the metadata that count, zero if those of the data do.
func (s facts) post() fact {
	best, d := fact{}, s.newest()
	for _, f := range s {
		if f.kind == metadata && d.kind == data && f.ts.After(d.ts) && f.ts.After(best.ts) {
			best = f
		}
	}
	return best
}

// typed is the newest content type. Metadata carry that of older metadata on.
func (s facts) typed() fact {
	d := s.newest()
	best := d
	for _, f := range s {
		if f.kind == metadata && d.kind == data && f.ts.After(d.ts) && f.typed.After(best.typed) {
			best = f
		}
	}
	return best
}

// until is when the object expires.
func (s facts) until() int64 {
	if p := s.post(); !p.ts.IsZero() {
		return p.until
	}
	return s.newest().until
}

// stamp is the timestamp that a GET shows.
func (s facts) stamp() swift.Timestamp {
	if p := s.post(); !p.ts.IsZero() {
		return p.ts
	}
	return s.newest().ts
}

// with adds a fact and drops what a durable newer one hides for ever.
func (s facts) with(f fact) facts {
	all := append(append(facts{}, s...), f)
	var floor swift.Timestamp
	for _, g := range all {
		if g.kind != metadata && !g.volatile && g.ts.After(floor) {
			floor = g.ts
		}
	}
	return all.filter(func(g fact) bool {
		for _, h := range all {
			if g.kind == metadata && h.hides(g) {
				return false
			}
		}
		return !g.ts.Before(floor)
	})
}

// hides reports whether durable metadata are newer than others in every part,
// so that those do not show again.
func (f fact) hides(g fact) bool {
	newer := f.ts.After(g.ts) || f.typed.After(g.typed)
	return f.kind == metadata && !f.volatile && newer && !f.ts.Before(g.ts) && !f.typed.Before(g.typed)
}

func (s facts) filter(keep func(fact) bool) facts {
	out := facts{}
	for _, f := range s {
		if keep(f) {
			out = append(out, f)
		}
	}
	sort.Slice(out, func(i, j int) bool {
		if c := out[i].ts.Compare(out[j].ts); c != 0 {
			return c < 0
		}
		return out[i].kind < out[j].kind
	})
	return out
}

func (s facts) equal(t facts) bool {
	if len(s) != len(t) {
		return false
	}
	for i := range s {
		if s[i] != t[i] {
			return false
		}
	}
	return true
}

// crash is every state that a crash can leave; a kill leaves what there is,
// and in a power cut some of what is volatile gets lost. The rest is durable from
// then on and added to the new state by the given function.
func (s facts) crash(powerCut bool, add func(facts, fact) facts) []facts {
	if !powerCut {
		return []facts{s}
	}
	states := []facts{{}}
	for _, f := range s {
		kept := f
		kept.volatile = false
		var next []facts
		for _, t := range states {
			next = append(next, add(t, kept))
			if f.volatile {
				next = append(next, t)
			}
		}
		states = next
	}
	return states
}

func (f fact) String() string {
	out := fmt.Sprintf("%s %s at %s", [...]string{"data", "tombstone", "metadata"}[f.kind], f.value, f.ts.Normal())
	if f.typ != 0 && f.typ != f.value {
		out += fmt.Sprintf(" type %s at %s", f.typ, f.typed.Normal())
	}
	if f.until != 0 {
		out += fmt.Sprintf(" until %d", f.until)
	}
	if f.volatile {
		out += " (volatile)"
	}
	return out
}

func (s facts) String() string {
	out := ""
	for _, f := range s {
		out += f.String() + "; "
	}
	return out
}
