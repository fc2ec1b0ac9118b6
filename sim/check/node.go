package check

import (
	"fmt"
	"sort"

	"apus/sim/model"

	"github.com/anishathalye/porcupine"
)

// ObjectNode promises ("order") of one object server, driven directly with
// timestamps of the clients' choice, across kills and power cuts: every object
// is a register in which the newest timestamp wins, linearizable and durable.
//
//   - PUT is 412 if it must find nothing (If-None-Match: *) and there is an
//     object, else 409 if data or tombstone are not older, else 422 if its
//     Etag is not that of its body, else 201;
//   - DELETE is 204 if there is older data, 404 if there is none (and then
//     leaves a tombstone if it is newer than what is there), 409 if the data
//     are not older; with X-If-Delete-At it is 404 where nothing ever was, 409
//     if the data or the tombstone are not older, 412 unless the object expires
//     at that time, else 204;
//   - POST is 202 if it is newer than data and metadata, or has a content type
//     that is newer than that of the object, 409 if not, 404 if there is no
//     object;
//   - GET gives value, metadata, content type, expiry and timestamp of the
//     newest state. Metadata and expiry are those of the newest POST since the
//     PUT, all of them; the content type is that of the newest write that had
//     one.
//
// What was acknowledged survives every crash. What was not answered, or was
// answered 5xx, may have taken effect or not, once and for all by the time the
// server answered, or the next incarnation of it began. It may be read before a
// power cut and be gone after it: a name that is linked is visible before it is
// durable. Where a status depends on the state, it is held against the state
// only if no other write of the object overlaps the request, because the server
// looks first and acts later. "torn": no body differs from its value.
func ObjectNode(h *model.NodeHistory, limits Limits) (Verdict, []Picture) {
	return judgeNode(h, limits, "object-node", objectModel())
}

// ContainerNode promises the same ("order") of the rows of one container server:
// each name is three registers, of data, content type and time of modification,
// in each of which the newest timestamp wins. Every PUT, DELETE or merge of a
// row is acknowledged, also an older one, which changes nothing. A listing is
// judged name by name: that it is one snapshot is not.
//
// With lax set, an acknowledged row may vanish in a power cut, as upstream's
// can: it appends rows to a file that it does not sync. Without replicators or
// a second replica that would lose updates of listings.
func ContainerNode(h *model.NodeHistory, lax bool, limits Limits) (Verdict, []Picture) {
	return judgeNode(h, limits, "container-node", rowModel(lax))
}

// DatabaseNode promises the same ("order") of whole containers, which stay
// empty: each is there if its newest PUT is newer than its newest DELETE.
//
//   - PUT is 201 if it makes the container be there, 202 if it is there already,
//     409 if it stays removed because the removal is newer;
//   - DELETE is 204 if it makes the container go away, 404 if it is not there,
//     409 if it stays;
//   - POST is 204 where the container is there, and then counts as a PUT, else
//     404;
//   - HEAD is 204, with the time of the newest PUT, or 404.
func DatabaseNode(h *model.NodeHistory, limits Limits) (Verdict, []Picture) {
	return judgeNode(h, limits, "database-node", databaseModel())
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
	op       *model.NodeOp  // nil for a crash
	kind     model.NodeKind // nodeCrash for a crash
	write    fact           // what a write would leave behind
	status   int
	acked    bool
	loose    bool // do not hold the status of a write against the state
	powerCut bool
	row      model.NodeRow // of the name, in a listing
}

const nodeCrash model.NodeKind = "crash"

func (in nodeInput) String() string {
	switch {
	case in.kind == nodeCrash && in.powerCut:
		return "power cut"
	case in.kind == nodeCrash:
		return "kill"
	case in.kind == model.RowList:
		return fmt.Sprintf("listing %d has %+v", in.status, in.row)
	case in.kind.Reads():
		return fmt.Sprintf("%s %d saw %s post %s type %s until %d at %s", in.kind, in.status, in.op.Seen, in.op.SeenPost,
			in.op.SeenType, in.op.SeenUntil, in.op.SeenStamp)
	}
	text := fmt.Sprintf("%s %s: %d", in.kind, in.write, in.status)
	if in.op.IfDeleteAt != 0 {
		text += fmt.Sprintf(" if until %d", in.op.IfDeleteAt)
	}
	if in.op.IfNone {
		text += " if none"
	}
	if in.op.BadETag {
		text += " bad etag"
	}
	return text
}

// nodeInputs sorts the history by name. Listings concern every name.
func nodeInputs(h *model.NodeHistory) ([]model.Name, map[model.Name][]porcupine.Operation) {
	writes := map[model.Name][]*model.NodeOp{}
	for _, o := range h.Ops {
		if o.Name != "" && o.Kind != model.NodeHashes {
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
	in := nodeInput{op: o, kind: o.Kind, status: o.Status}
	switch o.Kind {
	case model.RowList:
		for _, r := range o.Rows {
			if r.Name == name {
				in.row = r
			}
		}
		return in, o.Status/100 == 2
	case model.NodeHashes:
		return in, false
	case model.NodeGet, model.DBHead:
		return in, o.Name == name && (o.Status/100 == 2 || o.Status == 404)
	}
	if o.Name != name || o.NoDial || o.Status == 400 {
		return in, false
	}
	in.acked = o.Status != 0 && o.Status < 500 && o.Status != 408 && o.Status != 499
	in.write = factOf(o)
	in.write.volatile = !in.acked
	for _, w := range writes {
		in.loose = in.loose || w != o && !w.Kind.Reads() && w.Start <= h.Until(o) && o.Start <= h.Until(w)
	}
	return in, true
}

// factOf is what a write leaves behind if it takes effect as asked.
func factOf(o *model.NodeOp) fact {
	f := fact{value: o.Value, typ: o.Type, until: o.DeleteAt}
	f.ts, f.typed, f.meta = o.Stamps()
	switch o.Kind {
	case model.NodePost:
		f.kind = metadata
	case model.NodeDelete, model.RowDelete, model.DBDelete:
		f.kind, f.value = tombstone, 0
	default:
		f.kind = data
		if f.typ == 0 {
			f.typ = f.value
		}
	}
	return f
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
