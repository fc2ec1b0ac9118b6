package check

import (
	"fmt"
	"sort"

	"apus/impl/swift"
	"apus/sim/model"

	"github.com/anishathalye/porcupine"
)

// ObjectNode promises ("order") of one object server, driven directly with
// timestamps of the clients' choice, across kills and power cuts: every object
// is a register in which the newest timestamp wins, linearizable and durable.
//
//   - PUT is 201 if it is newer than data or tombstone, else 409;
//   - DELETE is 204 if there is older data, 404 if there is none (and then
//     leaves a tombstone if it is newer than what is there), 409 if the data
//     are not older;
//   - POST is 202 if it is newer than data and metadata, 409 if not, 404 if
//     there is no object;
//   - GET gives value, metadata and timestamp of the newest state.
//
// What was acknowledged survives every crash. What was not answered, or was
// answered 5xx, may have taken effect or not, once and for all by the time the
// server answered, or the next incarnation of it began. It may be read before a
// power cut and be gone after it: a name that is linked is visible before it is
// durable. The status of a DELETE is held against the state only if no other
// write of the object overlaps it, because the server looks first and acts
// later. "torn": no body differs from its value.
func ObjectNode(h *model.NodeHistory, limits Limits) (Verdict, []Picture) {
	return judgeNode(h, limits, "object-node", objectModel())
}

// ContainerNode promises the same ("order") of the rows of one container server:
// each name is a register in which the newest timestamp wins. Every PUT or
// DELETE of a row is acknowledged, also an older one, which changes nothing.
// A listing is judged name by name: that it is one snapshot is not.
//
// With lax set, an acknowledged row may vanish in a power cut, as upstream's
// can: it appends rows to a file that it does not sync. Without replicators or
// a second replica that would lose updates of listings.
func ContainerNode(h *model.NodeHistory, lax bool, limits Limits) (Verdict, []Picture) {
	return judgeNode(h, limits, "container-node", rowModel(lax))
}

func judgeNode(h *model.NodeHistory, limits Limits, property string, m porcupine.Model) (Verdict, []Picture) {
	v := Verdict{Property: property}
	var pictures []Picture
	names, by := nodeInputs(h)
	for _, o := range h.Ops {
		if o.Bad != "" {
			v.Violations = append(v.Violations, Violation{Property: property, Kind: "torn", Path: string(o.Name), At: o.End,
				Ops: []int{o.ID}, Text: o.Bad + "; " + o.String()})
		}
	}
	for _, name := range names {
		if pic := v.decide("order", string(name), m, by[name], limits, "no order of the requests explains the answers"); pic != nil {
			pictures = append(pictures, *pic)
		}
	}
	return v, pictures
}

// nodeInput is one request, or a crash, as it concerns one name.
type nodeInput struct {
	kind     model.NodeKind // "crash" for a crash
	ts       swift.Timestamp
	value    model.ValueID
	status   int
	acked    bool
	loose    bool // do not hold the status of a DELETE against the state
	powerCut bool
	// What a read saw.
	seen, post model.ValueID
	stamp      string
}

const nodeCrash model.NodeKind = "crash"

func (in nodeInput) String() string {
	switch in.kind {
	case nodeCrash:
		if in.powerCut {
			return "power cut"
		}
		return "kill"
	case model.NodeGet, model.RowList:
		return fmt.Sprintf("%s %d saw %s post %s at %s", in.kind, in.status, in.seen, in.post, in.stamp)
	}
	return fmt.Sprintf("%s %s at %s: %d", in.kind, in.value, in.ts.Normal(), in.status)
}

// nodeInputs sorts the history by name. Listings concern every name.
func nodeInputs(h *model.NodeHistory) ([]model.Name, map[model.Name][]porcupine.Operation) {
	writes := map[model.Name][]*model.NodeOp{}
	for _, o := range h.Ops {
		if o.Kind != model.RowList {
			writes[o.Name] = append(writes[o.Name], o)
		}
	}
	var names []model.Name
	for name := range writes {
		names = append(names, name)
	}
	sort.Slice(names, func(i, j int) bool { return names[i] < names[j] })
	by := map[model.Name][]porcupine.Operation{}
	for _, name := range names {
		for _, o := range h.Ops {
			if in, ok := nodeInputOf(h, o, name, writes[name]); ok {
				by[name] = append(by[name], porcupine.Operation{ClientId: o.Client, Input: in, Call: int64(o.Start), Return: int64(h.Until(o)), Metadata: o.ID})
			}
		}
		for i, c := range h.Crashes {
			by[name] = append(by[name], porcupine.Operation{
				ClientId: crashClient(h), Input: nodeInput{kind: nodeCrash, powerCut: c.PowerCut},
				Call: int64(c.At), Return: int64(c.At), Metadata: -1 - i,
			})
		}
	}
	return names, by
}

// crashClient is a client number that no client has.
func crashClient(h *model.NodeHistory) int {
	n := 0
	for _, o := range h.Ops {
		n = max(n, o.Client+1)
	}
	return n
}

func nodeInputOf(h *model.NodeHistory, o *model.NodeOp, name model.Name, writes []*model.NodeOp) (nodeInput, bool) {
	in := nodeInput{kind: o.Kind, status: o.Status, value: o.Value, seen: o.Seen, post: o.SeenPost, stamp: o.SeenStamp}
	switch o.Kind {
	case model.RowList:
		for _, r := range o.Rows {
			if r.Name == name {
				in.seen = r.Value
			}
		}
		return in, o.Status/100 == 2
	case model.NodeGet:
		return in, o.Name == name && (o.Status == 200 || o.Status == 404)
	}
	if o.Name != name || o.NoDial || o.Status == 400 {
		return in, false
	}
	in.ts = o.Stamp()
	in.acked = o.Status != 0 && o.Status < 500 && o.Status != 408 && o.Status != 499
	for _, w := range writes {
		in.loose = in.loose || w != o && w.Kind != model.NodeGet && w.Start <= h.Until(o) && o.Start <= h.Until(w)
	}
	return in, true
}

// fact is one file of an object, or one row: what a write left behind.
type fact struct {
	ts       swift.Timestamp
	value    model.ValueID
	kind     factKind
	volatile bool // a power cut may take it away
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
	return all.filter(func(g fact) bool { return !g.ts.Before(floor) })
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

// powerCut is every state that a power cut can leave.
func (s facts) powerCut() []facts {
	states := []facts{{}}
	for _, f := range s {
		kept := f
		kept.volatile = false
		var next []facts
		for _, t := range states {
			next = append(next, t.with(kept))
			if f.volatile {
				next = append(next, t)
			}
		}
		states = next
	}
	return states
}

func (s facts) String() string {
	out := ""
	for _, f := range s {
		out += fmt.Sprintf("%s %s %s", [...]string{"data", "tombstone", "metadata"}[f.kind], f.value, f.ts.Normal())
		if f.volatile {
			out += " (volatile)"
		}
		out += "; "
	}
	return out
}

// nodeModel wraps a step over facts for porcupine.
func nodeModel(step func(facts, nodeInput) []facts) porcupine.Model {
	nm := &porcupine.NondeterministicModel{
		Init: func() []any { return []any{facts{}} },
		Step: func(state, input, _ any) []any {
			var out []any
			for _, s := range step(state.(facts), input.(nodeInput)) {
				out = append(out, s)
			}
			return out
		},
		Equal:             func(a, b any) bool { return a.(facts).equal(b.(facts)) },
		DescribeOperation: func(input, _ any) string { return input.(nodeInput).String() },
		DescribeState:     func(state any) string { return state.(facts).String() },
	}
	return nm.ToModel()
}
