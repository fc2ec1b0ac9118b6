package check

import (
	"testing"
	"time"

	"apus/impl/swift"
	"apus/sim/model"
)

func TestLinearizable(t *testing.T) {
	runJudged(t, []judged{
		{"in order", func(h hist) {
			h.miss(0, 0)
			h.put(1, 2, 1, 201)
			h.get(3, 4, 1)
			h.put(5, 6, 2, 201)
			h.head(7, 8, 2)
			h.del(9, 10, 204)
			h.miss(11, 12)
			h.del(13, 14, 404)
		}, ""},
		{"concurrent writes", func(h hist) { h.put(1, 5, 1, 201); h.put(1, 5, 2, 201); h.get(6, 7, 1); h.get(8, 9, 1) }, ""},
		{"read during the write", func(h hist) { h.put(1, 5, 1, 201); h.get(2, 3, 1); h.get(4, 6, 1) }, ""},
		{"unknown write late", func(h hist) { h.put(1, 2, 1, 201); h.put(3, 4, 2, 0); h.get(5, 6, 1); h.get(7, 8, 2) }, ""},
		{"unknown write never", func(h hist) { h.put(1, 2, 1, 201); h.put(3, 4, 2, 0); h.get(5, 6, 1) }, ""},
		{"refused write", func(h hist) { h.put(1, 2, 1, 201); h.put(3, 4, 2, 413); h.get(5, 6, 1) }, ""},
		{"plain reads may be stale", func(h hist) { h.put(1, 2, 1, 201); h.put(3, 4, 2, 201); h.get(5, 6, 1).Req.Newest = false }, ""},
		{"status of a contended DELETE", func(h hist) { h.put(1, 5, 1, 201); h.del(2, 6, 404); h.get(7, 8, 1).ID = 2 }, ""},
		{"create only", func(h hist) { h.put(1, 2, 1, 201).Req.Header.Set("If-None-Match", "*"); h.get(3, 4, 1) }, ""},
		{"faults", func(h hist) { h.Facts.FaultFree = false; h.put(1, 2, 1, 201); h.miss(3, 4) }, ""},
		{"skew", func(h hist) { h.Facts.Skew = sec; h.put(1, 2, 1, 201); h.miss(3, 4) }, ""},

		{"stale read", func(h hist) { h.put(1, 2, 1, 201); h.put(3, 4, 2, 201); h.get(5, 6, 1) }, "order"},
		{"lost write", func(h hist) { h.put(1, 2, 1, 201); h.miss(3, 4) }, "order"},
		{"back and forth", func(h hist) { h.put(1, 5, 1, 201); h.put(1, 5, 2, 201); h.get(6, 7, 1); h.get(8, 9, 2) }, "order"},
		{"undead", func(h hist) { h.put(1, 2, 1, 201); h.del(3, 4, 204); h.get(5, 6, 1) }, "order"},
		{"seen, then unseen", func(h hist) { h.put(1, 9, 1, 201); h.get(2, 3, 1); h.miss(4, 5) }, "order"},
		{"DELETE of something says 404", func(h hist) { h.put(1, 2, 1, 201); h.del(3, 4, 404) }, "order"},
		{"DELETE of nothing says 204", func(h hist) { h.del(3, 4, 204) }, "order"},
		{"created twice", func(h hist) { h.put(1, 2, 1, 201); h.put(3, 4, 2, 201).Req.Header.Set("If-None-Match", "*") }, "order"},
	}, func(h hist) []Violation {
		v, pictures := Linearizable(h.History, DefaultLimits())
		if len(pictures) != len(v.Violations) || v.Undecided != 0 {
			t.Errorf("%d pictures, %+v", len(pictures), v)
		}
		return v.Violations
	})
}

// TestUndecidedIsNoPass makes a search that cannot end in its time.
func TestUndecidedIsNoPass(t *testing.T) {
	h := newHist()
	for n := range 40 {
		h.put(1, 100, n+1, 201)
	}
	for n := range 40 {
		h.get(2, 99, n+1)
	}
	h.get(101, 102, 1)
	h.miss(103, 104)
	v, _ := Linearizable(h.History, Limits{Time: time.Millisecond, Ops: 1000})
	if v.Checked != 1 || v.Undecided != 1 || v.Violations != nil {
		t.Errorf("%+v", v)
	}
	if v, _ = Linearizable(h.History, Limits{Time: time.Hour, Ops: 10}); v.Undecided != 1 {
		t.Errorf("too many operations: %+v", v)
	}
}

// node builds histories of one storage node. Timestamps are small numbers.
type node struct{ *model.NodeHistory }

func stampOf(n int) string { return swift.NewTimestamp(int64(1e14)+int64(n), 0).Normal() }

func (h node) op(kind model.NodeKind, from, to, ts, n, status int) *model.NodeOp {
	o := &model.NodeOp{ID: len(h.Ops), Client: len(h.Ops), Kind: kind, Name: "o", Start: time.Duration(from) * sec, End: time.Duration(to) * sec, Status: status}
	if ts != 0 {
		o.Timestamp = stampOf(ts)
	}
	if n != 0 {
		o.Value = id(n)
	}
	h.Ops = append(h.Ops, o)
	return o
}

func (h node) put(from, to, ts, n, status int) { h.op(model.NodePut, from, to, ts, n, status) }
func (h node) del(from, to, ts, status int)    { h.op(model.NodeDelete, from, to, ts, 0, status) }

func (h node) post(from, to, ts, n, status int) { h.op(model.NodePost, from, to, ts, n, status) }

// get saw value n at timestamp ts, with the metadata of POST p.
func (h node) get(from, to, ts, n, p int) *model.NodeOp {
	o := h.op(model.NodeGet, from, to, 0, 0, 200)
	o.Seen, o.SeenType, o.SeenStamp = id(n), id(n), stampOf(ts)
	if p != 0 {
		o.SeenPost = id(p)
	}
	return o
}

func (h node) miss(from, to int) *model.NodeOp { return h.op(model.NodeGet, from, to, 0, 0, 404) }

func (h node) crash(at, back int, power bool) {
	h.Crashes = append(h.Crashes, model.Crash{At: time.Duration(at) * sec, Back: time.Duration(back) * sec, PowerCut: power})
}

func (h node) rowPut(from, to, ts, n, status int) { h.op(model.RowPut, from, to, ts, n, status) }
func (h node) rowDel(from, to, ts, status int)    { h.op(model.RowDelete, from, to, ts, 0, status) }

// list saw value n for the name, 0 for none.
func (h node) list(from, to, n int) {
	o := h.op(model.RowList, from, to, 0, 0, 200)
	o.Name = ""
	if n != 0 {
		row := model.NodeRow{Name: "o", Value: id(n), Type: id(n)}
		for _, w := range h.Ops {
			if w.Value == id(n) {
				_, _, metadata := w.Stamps()
				row.Modified = metadata.ISO()
			}
		}
		o.Rows = []model.NodeRow{row}
	}
}

type nodeCase struct {
	name  string
	build func(h node)
	want  string
}

func runNode(t *testing.T, cases []nodeCase, judge func(*model.NodeHistory, Limits) (Verdict, []Picture)) {
	t.Helper()
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			h := node{&model.NodeHistory{}}
			tc.build(h)
			v, _ := judge(h.NodeHistory, DefaultLimits())
			if got := kinds(v.Violations); got != tc.want || v.Undecided != 0 {
				t.Errorf("violations %q, want %q: %+v", got, tc.want, v)
			}
		})
	}
}

func TestObjectNode(t *testing.T) {
	runNode(t, []nodeCase{
		{"in order", func(h node) {
			h.miss(0, 0)
			h.put(1, 2, 10, 1, 201)
			h.get(3, 4, 10, 1, 0)
			h.put(5, 6, 9, 2, 409)
			h.put(5, 6, 10, 2, 409)
			h.post(7, 8, 12, 7, 202)
			h.get(9, 10, 12, 1, 7)
			h.post(11, 12, 11, 8, 409)
			h.put(13, 14, 11, 3, 201) // newer than the data, older than the metadata
			h.get(15, 16, 12, 3, 7)
			h.del(17, 18, 10, 409)
			h.del(19, 20, 13, 204)
			h.miss(21, 22).SeenStamp = stampOf(13)
			h.del(23, 24, 14, 404)
			h.post(25, 26, 15, 9, 404)
			h.put(27, 28, 14, 4, 409)
			h.put(29, 30, 15, 4, 201)
			h.get(31, 32, 15, 4, 0)
		}, ""},
		{"overtaken", func(h node) {
			h.put(1, 9, 10, 1, 201)
			h.put(2, 3, 20, 2, 201)
			h.get(4, 5, 20, 2, 0)
			h.get(10, 11, 20, 2, 0)
		}, ""},
		{"contended DELETE", func(h node) { h.put(1, 9, 10, 1, 201); h.del(2, 8, 20, 404); h.get(3, 4, 10, 1, 0); h.miss(10, 11) }, ""},
		{"server error took effect", func(h node) { h.put(1, 2, 10, 1, 507); h.get(3, 4, 10, 1, 0) }, ""},
		{"server error took no effect", func(h node) { h.put(1, 2, 10, 1, 507); h.miss(3, 4) }, ""},
		{"killed, done", func(h node) { h.put(1, 4, 10, 1, 0); h.crash(3, 5, false); h.get(6, 7, 10, 1, 0) }, ""},
		{"killed, not done", func(h node) { h.put(1, 4, 10, 1, 0); h.crash(3, 5, false); h.miss(6, 7) }, ""},
		{"seen before the power cut, gone after", func(h node) {
			h.put(1, 2, 10, 1, 201)
			h.put(3, 7, 20, 2, 0)
			h.get(4, 5, 20, 2, 0)
			h.crash(6, 8, true)
			h.get(9, 10, 10, 1, 0)
		}, ""},
		{"metadata gone after the power cut", func(h node) {
			h.put(1, 2, 10, 1, 201)
			h.post(3, 7, 20, 8, 0)
			h.get(4, 5, 20, 1, 8)
			h.crash(6, 8, true)
			h.get(9, 10, 10, 1, 0)
		}, ""},
		{"slow without a crash", func(h node) { h.put(1, 4, 10, 1, 0); h.miss(6, 7); h.get(8, 9, 10, 1, 0) }, ""},
		{"never reached the node", func(h node) { h.op(model.NodePut, 1, 2, 10, 1, 0).NoDial = true; h.miss(3, 4) }, ""},

		{"lost", func(h node) { h.put(1, 2, 10, 1, 201); h.miss(3, 4) }, "order"},
		{"lost in a power cut", func(h node) { h.put(1, 2, 10, 1, 201); h.crash(3, 4, true); h.miss(5, 6) }, "order"},
		{"lost in a kill though seen", func(h node) {
			h.put(1, 4, 10, 1, 0)
			h.get(2, 3, 10, 1, 0)
			h.crash(4, 5, false)
			h.miss(6, 7)
		}, "order"},
		{"back after the power cut", func(h node) {
			h.put(1, 3, 10, 1, 0)
			h.crash(2, 4, true)
			h.miss(5, 6)
			h.get(7, 8, 10, 1, 0)
		}, "order"},
		{"older wins", func(h node) { h.put(1, 2, 20, 1, 201); h.put(3, 4, 10, 2, 201); h.get(5, 6, 10, 2, 0) }, "order"},
		{"older accepted", func(h node) { h.put(1, 2, 20, 1, 201); h.put(3, 4, 10, 2, 201) }, "order"},
		{"newer refused", func(h node) { h.put(1, 2, 10, 1, 201); h.put(3, 4, 20, 2, 409) }, "order"},
		{"tombstone lost", func(h node) {
			h.put(1, 2, 10, 1, 201)
			h.del(3, 4, 20, 204)
			h.crash(5, 6, true)
			h.get(7, 8, 10, 1, 0)
		}, "order"},
		{"no tombstone after 404", func(h node) { h.del(1, 2, 20, 404); h.put(3, 4, 10, 1, 201) }, "order"},
		{"metadata lost", func(h node) { h.put(1, 2, 10, 1, 201); h.post(3, 4, 20, 8, 202); h.get(5, 6, 10, 1, 0) }, "order"},
		{"metadata survive a PUT", func(h node) {
			h.put(1, 2, 10, 1, 201)
			h.post(3, 4, 20, 8, 202)
			h.put(5, 6, 30, 2, 201)
			h.get(7, 8, 30, 2, 8)
		}, "order"},
		{"wrong timestamp", func(h node) { h.put(1, 2, 10, 1, 201); h.get(3, 4, 11, 1, 0) }, "order"},
		{"DELETE of something says 404", func(h node) { h.put(1, 2, 10, 1, 201); h.del(3, 4, 20, 404) }, "order"},
		{"DELETE of nothing says 204", func(h node) { h.del(3, 4, 20, 204) }, "order"},
		{"POST to nothing", func(h node) { h.post(1, 2, 10, 8, 202) }, "order"},
		{"torn", func(h node) { h.put(1, 2, 10, 1, 201); h.get(3, 4, 10, 1, 0).Bad = "torn" }, "torn"},
	}, ObjectNode)
}

func TestContainerNode(t *testing.T) {
	strict := func(h *model.NodeHistory, l Limits) (Verdict, []Picture) { return ContainerNode(h, false, l) }
	lax := func(h *model.NodeHistory, l Limits) (Verdict, []Picture) { return ContainerNode(h, true, l) }
	lost := func(h node) { h.rowPut(1, 2, 10, 1, 201); h.crash(3, 4, true); h.list(5, 6, 0) }
	runNode(t, []nodeCase{
		{"in order", func(h node) {
			h.rowPut(1, 2, 10, 1, 201)
			h.list(3, 4, 1)
			h.rowPut(5, 6, 9, 2, 201)
			h.list(7, 8, 1)
			h.rowDel(9, 10, 11, 204)
			h.list(11, 12, 0)
			h.rowPut(13, 14, 12, 3, 201)
			h.crash(15, 16, true)
			h.list(17, 18, 3)
		}, ""},
		{"killed", func(h node) { h.rowPut(1, 3, 10, 1, 0); h.crash(2, 4, false); h.list(5, 6, 0) }, ""},
		{"lost", func(h node) { h.rowPut(1, 2, 10, 1, 201); h.list(3, 4, 0) }, "order"},
		{"lost in a power cut", lost, "order"},
		{"older wins", func(h node) { h.rowPut(1, 2, 10, 1, 201); h.rowPut(3, 4, 9, 2, 201); h.list(5, 6, 2) }, "order"},
		{"deletion lost", func(h node) { h.rowPut(1, 2, 10, 1, 201); h.rowDel(3, 4, 11, 204); h.list(5, 6, 1) }, "order"},
		{"refused", func(h node) { h.rowPut(1, 2, 10, 1, 404) }, "order"},
	}, strict)
	runNode(t, []nodeCase{
		{"lax: lost in a power cut", lost, ""},
		{"lax: lost without", func(h node) { h.rowPut(1, 2, 10, 1, 201); h.crash(3, 4, false); h.list(5, 6, 0) }, "order"},
	}, lax)
}
