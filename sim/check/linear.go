package check

import (
	"fmt"
	"net/http"
	"slices"
	"time"

	"apus/sim/model"

	"github.com/anishathalye/porcupine"
)

// Picture is what porcupine knows about one object, for the trace.
type Picture struct {
	Path  string
	Model porcupine.Model
	Info  porcupine.LinearizationInfo
}

// Limits bounds the search for a linearization of one object. The time is
// wall-clock time: do not call from within a synctest bubble, whose clock
// stands still while the search runs.
type Limits struct {
	Time time.Duration
	Ops  int // more are not tried
}

// DefaultLimits suit workloads of a few hundred operations on each name.
func DefaultLimits() Limits { return Limits{Time: 20 * time.Second, Ops: 3000} }

// Linearizable promises ("order"), for a run without faults and with right
// clocks, that each object is a register: PUT, DELETE and X-Newest reads take
// effect at one instant between their beginning and end. Swift keeps the write
// with the newest timestamp, which is no weaker here: timestamps are drawn
// within the requests from equal clocks, so a write that loses against a
// newer one can be thought to happen just before that one.
//
// A write of unknown outcome takes effect at any time after its beginning, or
// never. The status of a DELETE says whether the object was there, and 201 to
// a PUT with "If-None-Match: *" that it was not, only if no other write was
// in progress: the nodes may have disagreed. 412 to such a PUT says that one
// node of three has the object, which may be a straggler, and proves nothing.
// 304, 416 and 412 to reads do not name a value and are not used, nor are
// POSTs, whose metadata X-Newest does not compare, nor reads without X-Newest
// or of a version that they name. What may have expired counts as absent too.
// Objects that a DELETE brings back from an archive are no registers.
//
// In other runs it checks nothing and returns an empty verdict. Objects whose
// search exceeds the limits are counted as undecided.
func Linearizable(h *model.History, limits Limits) (Verdict, []Picture) {
	v := Verdict{Property: "linearizable"}
	if !h.Facts.FaultFree || h.Facts.Skew != 0 {
		return v, nil
	}
	var pictures []Picture
	paths, by := h.ByObject()
	order := newOrder(h, nil)
	for _, p := range paths {
		if order.legacy.stacked(p) {
			continue
		}
		pic := v.decide("order", p.String(), registerModel(), registerOps(order, by[p]), limits, "no order of the operations explains what was read")
		if pic != nil {
			pictures = append(pictures, *pic)
		}
	}
	return v, pictures
}

// decide runs porcupine over the operations on one object.
func (v *Verdict) decide(kind, path string, m porcupine.Model, ops []porcupine.Operation, limits Limits, complaint string) *Picture {
	if len(ops) == 0 {
		return nil
	}
	v.Checked++
	if len(ops) > limits.Ops {
		v.Undecided++
		return nil
	}
	switch porcupine.CheckOperationsTimeout(m, ops, limits.Time) {
	case porcupine.Ok:
		return nil
	case porcupine.Unknown:
		v.Undecided++
		return nil
	}
	// Once more for the picture, which costs memory that good runs need not spend.
	_, info := porcupine.CheckOperationsVerbose(m, ops, limits.Time)
	stuck, ids := stuckAt(ops, info)
	v.Violations = append(v.Violations, Violation{
		Property: v.Property, Kind: kind, Path: path, At: time.Duration(stuck.Call), Ops: ids,
		Text: fmt.Sprintf("%s: of %d operations the longest explanation leaves out %s", complaint, len(ops), m.DescribeOperation(stuck.Input, stuck.Output)),
	})
	return &Picture{Path: path, Model: m, Info: info}
}

// stuckAt is the first operation to return that the longest partial
// linearization lacks, and its number in the history. Every operation of an
// unexplained history may be lacking, never none.
func stuckAt(ops []porcupine.Operation, info porcupine.LinearizationInfo) (porcupine.Operation, []int) {
	explained := map[any]bool{}
	for _, partition := range info.PartialLinearizationsOperations() {
		for _, lin := range partition {
			if len(lin) <= len(explained) {
				continue
			}
			clear(explained)
			for _, o := range lin {
				explained[o.Metadata] = true
			}
		}
	}
	stuck := porcupine.Operation{Return: int64(model.Forever)}
	for _, o := range ops {
		if !explained[o.Metadata] && (stuck.Input == nil || o.Return < stuck.Return) {
			stuck = o
		}
	}
	if id, ok := stuck.Metadata.(int); ok && id >= 0 { // crashes are negative
		return stuck, []int{id}
	}
	return stuck, nil
}

// registerInput is an operation on the register.
type registerInput struct {
	kind  string // "put", "delete", "read"
	value model.ValueID
	// was, for a delete: the status says that the object was present (1) or
	// absent (-1) before, 0 if it cannot be held to that.
	was int
	// gone are the values that may have expired.
	gone []model.ValueID
}

// absent reports whether there may be no object in a state.
func (i registerInput) absent(now model.ValueID) bool {
	return now == 0 || slices.Contains(i.gone, now)
}

func (i registerInput) String() string {
	switch i.kind {
	case "put":
		return "put " + i.value.String()
	case "read":
		return "read " + i.value.String()
	}
	return i.kind
}

// registerModel is one object: the value it has, 0 for none.
func registerModel() porcupine.Model {
	return porcupine.Model{
		Init: func() any { return model.ValueID(0) },
		Step: func(state, input, _ any) (bool, any) {
			now, in := state.(model.ValueID), input.(registerInput)
			if in.was > 0 && now == 0 || in.was < 0 && !in.absent(now) {
				return false, state
			}
			switch in.kind {
			case "put":
				return true, in.value
			case "delete":
				return true, model.ValueID(0)
			}
			return now == in.value || in.value == 0 && in.absent(now), state
		},
		DescribeOperation: func(input, _ any) string { return input.(registerInput).String() },
		DescribeState:     func(state any) string { return state.(model.ValueID).String() },
	}
}

// registerOps translates the operations on one object.
func registerOps(order *order, ops []*model.Op) []porcupine.Operation {
	var out []porcupine.Operation
	for _, o := range ops {
		in, ok := registerInputOf(o, ops)
		if !ok {
			continue
		}
		for _, w := range ops {
			if w.Kind.PutsObject() && order.mayHaveExpired(w, o, ops) {
				in.gone = append(in.gone, w.Req.Value)
			}
		}
		out = append(out, porcupine.Operation{
			ClientId: o.Client, Input: in, Call: int64(o.Start), Return: int64(o.Until()), Metadata: o.ID,
		})
	}
	return out
}

func registerInputOf(o *model.Op, ops []*model.Op) (in registerInput, ok bool) {
	alone := !contended(o, ops)
	status := o.Resp.Status
	switch {
	case o.Kind == model.VersionGet:
		return in, false
	case o.Kind.ReadsObject() && o.Req.Newest && o.Resp.Success():
		return registerInput{kind: "read", value: o.Resp.Value()}, o.Resp.Value() != 0
	case o.Kind.ReadsObject() && o.Req.Newest && status == http.StatusNotFound:
		return registerInput{kind: "read"}, true
	case o.Outcome == model.Failed:
		return in, false
	case o.Kind.PutsObject():
		in = registerInput{kind: "put", value: o.Req.Value}
		if status == http.StatusCreated && alone && o.Req.Header.Get("If-None-Match") == "*" {
			in.was = -1
		}
		return in, true
	case o.Kind.DeletesObject():
		in = registerInput{kind: "delete"}
		if o.Kind == model.ObjectDelete && alone && o.Outcome == model.OK && !o.Resp.Counted {
			in.was = 1
			if status == http.StatusNotFound {
				in.was = -1
			}
		}
		return in, true
	}
	return in, false
}

// contended reports whether another write may have been in progress.
func contended(o *model.Op, ops []*model.Op) bool {
	for _, p := range ops {
		if p != o && p.Kind.WritesObject() && p.Outcome != model.Failed && p.Overlaps(o) {
			return true
		}
	}
	return false
}
