package model

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"apus/faults/budget"
	"apus/faults/plan"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestOutcome(t *testing.T) {
	for _, tc := range []struct {
		name   string
		kind   Kind
		status int
		size   int64
		change func(*Op)
		want   Outcome
	}{
		{"PUT 201", ObjectPut, 201, 1, nil, OK},
		{"PUT 202", ObjectPut, 202, 1, nil, OK},
		{"PUT 503", ObjectPut, 503, 1, nil, Unknown},
		{"PUT without answer", ObjectPut, 0, 1, nil, Unknown},
		{"PUT not connected", ObjectPut, 0, 1, func(o *Op) { o.Resp.NoDial = true }, Failed},
		{"PUT cut short", ObjectPut, 0, 1, func(o *Op) { o.Req.Short = true }, Failed},
		{"PUT cut short, answered early", ObjectPut, 202, 1, func(o *Op) { o.Req.Short = true }, Failed},
		{"PUT with wrong Etag", ObjectPut, 422, 1, func(o *Op) { o.Req.BadEtag = true }, Failed},
		{"PUT with wrong Etag, 503", ObjectPut, 503, 1, func(o *Op) { o.Req.BadEtag = true }, Failed},
		{"PUT with right Etag refused", ObjectPut, 422, 1, nil, Unknown},
		{"PUT without container", ObjectPut, 404, 1, nil, Failed},
		{"PUT timed out", ObjectPut, 408, 1, nil, Unknown},
		{"PUT create only", ObjectPut, 412, 1, nil, Failed},
		{"PUT create only, empty", ObjectPut, 412, 0, nil, Unknown},
		{"PUT unauthorized", ObjectPut, 401, 1, nil, Failed},
		{"DELETE 204", ObjectDelete, 204, 0, nil, OK},
		{"DELETE 404", ObjectDelete, 404, 0, nil, OK},
		{"DELETE 409", ObjectDelete, 409, 0, nil, Unknown},
		{"DELETE 503", ObjectDelete, 503, 0, nil, Unknown},
		{"POST 202", ObjectPost, 202, 0, nil, OK},
		{"POST 404", ObjectPost, 404, 0, nil, Unknown},
		{"GET 404", ObjectGet, 404, 0, nil, OK},
		{"GET 503", ObjectGet, 503, 0, nil, Failed},
		{"container DELETE 409", ContainerDelete, 409, 0, nil, Unknown},
	} {
		t.Run(tc.name, func(t *testing.T) {
			o := &Op{Kind: tc.kind, Resp: Response{Status: tc.status}}
			if tc.change != nil {
				tc.change(o)
			}
			if got := OutcomeOf(o, tc.size); got != tc.want {
				t.Errorf("%s, want %s", got, tc.want)
			}
		})
	}
}

func TestContent(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		id := ValueID(rapid.Uint64Min(1).Draw(rt, "id"))
		v := NewValue(id, rapid.Int64Range(0, 5000).Draw(rt, "size"))
		from := rapid.Int64Range(0, v.Size).Draw(rt, "from")
		whole, err := io.ReadAll(v.Reader(0))
		if err != nil || int64(len(whole)) != v.Size {
			rt.Fatalf("%d bytes, %v", len(whole), err)
		}
		rest, err := io.ReadAll(v.Reader(from))
		if err != nil || !bytes.Equal(rest, whole[from:]) {
			rt.Fatal("reading from an offset gives something else")
		}
		s, err := v.Compare(bytes.NewReader(rest), from)
		if err != nil || s.Bad >= 0 || s.Got != int64(len(rest)) {
			rt.Fatalf("%+v %v", s, err)
		}
		if got, off, ok := Recognize(rest); ok && (got != id || off != from) || !ok && len(rest) >= 47 {
			rt.Fatalf("recognised as %s at %d (%t), is %s at %d", got, off, ok, id, from)
		}
		if len(rest) == 0 {
			return
		}
		i := rapid.IntRange(0, len(rest)-1).Draw(rt, "flip")
		rest[i] ^= 1
		if s, _ = v.Compare(bytes.NewReader(rest), from); s.Bad != from+int64(i) || s.Found == "" {
			rt.Fatalf("a flipped bit at %d is %+v", i, s)
		}
	})
}

func TestLargeContent(t *testing.T) {
	var parts []Part
	var want []byte
	for n, size := range []int64{10, 1, 500} {
		v := NewValue(NewValueID(1, 2, n), size)
		b, err := io.ReadAll(v.Reader(0))
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, b...)
		parts = append(parts, Part{Value: v.ID, Size: size, ETag: v.ETag})
	}
	v := NewLarge(9, parts)
	for from := range want {
		got, err := io.ReadAll(v.Reader(int64(from)))
		if err != nil || !bytes.Equal(got, want[from:]) {
			t.Fatalf("from %d it is something else", from)
		}
	}
	if v.Size != int64(len(want)) {
		t.Errorf("size is %d", v.Size)
	}
}

func TestCompareNamesTheIntruder(t *testing.T) {
	v, w := NewValue(1, 1000), NewValue(2, 1000)
	mixed := io.MultiReader(io.LimitReader(v.Reader(0), 500), w.Reader(500))
	s, err := v.Compare(mixed, 0)
	if err != nil || s.Bad < 500 || s.Bad > 510 || !strings.Contains(s.Found, w.ID.String()) {
		t.Errorf("%+v, %v", s, err)
	}
	if s, _ = v.Compare(strings.NewReader(string(make([]byte, 100))), 0); !strings.Contains(s.Found, "zero bytes") {
		t.Errorf("%+v", s)
	}
	long := io.MultiReader(v.Reader(0), strings.NewReader("more"))
	if s, _ = v.Compare(long, 0); s.Bad != 1000 || s.Got != 1004 {
		t.Errorf("%+v", s)
	}
}

func TestContentType(t *testing.T) {
	id := NewValueID(3, 4, 5)
	for _, s := range []string{id.ContentType(), id.ContentType() + ";swift_bytes=7", id.ContentType() + "; charset=x"} {
		if ValueOfType(s) != id {
			t.Errorf("%q is not recognised", s)
		}
	}
	for _, s := range []string{"", "text/plain", id.ContentType()[:30], id.ContentType() + "00", "application/vnd.apus.vxxxxxxxxxxxxxxxx"} {
		if ValueOfType(s) != 0 {
			t.Errorf("%q is recognised", s)
		}
	}
}

func TestNamesSurviveJSON(t *testing.T) {
	h := &History{Values: map[ValueID]Value{5: {ID: 5, Size: 3}}}
	h.Ops = append(h.Ops, &Op{Kind: ObjectGet, Object: "a/\xff%\n\u65e5", Start: 3, Resp: Response{Header: http.Header{}, Rows: []Row{}}}, &Op{Client: 1, Start: 2})
	h.Sort()
	if h.Ops[0].Client != 1 || h.Ops[1].ID != 1 {
		t.Error("not sorted")
	}
	var b bytes.Buffer
	if err := h.Save(&b); err != nil {
		t.Fatal(err)
	}
	back, err := Load(&b)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(h.Ops[1].Object, back.Ops[1].Object); d != "" || back.Values[5].Size != 3 {
		t.Error(d)
	}
	if back.Ops[1].Resp.Rows == nil || back.Ops[0].Resp.Rows != nil {
		t.Error("an empty listing is no listing any more, or the other way round")
	}
}

func TestSuffer(t *testing.T) {
	p, err := plan.Parse("at 1s for 2s kill node1\nat 4s disk-rot node1/d1\nat 5s for 1s clock-skew proxy1 by=-3s")
	if err != nil {
		t.Fatal(err)
	}
	topology := budget.Topology{{Name: "node1", Zone: 1, Devices: []string{"d1"}}, {Name: "proxy1", Processes: []string{"proxy"}}}
	f := Facts{FaultFree: true, Settle: time.Second}
	f.Suffer(p, topology, 10*time.Second)
	if f.FaultFree || f.Skew != 3*time.Second || f.Healed != 16*time.Second || len(f.Impaired) != 2 || !f.WasDestroyed(Device{"node1", "d1"}) {
		t.Errorf("%+v", f)
	}
	for _, tc := range []struct {
		from, to time.Duration
		want     bool
	}{{0, 10, true}, {0, 11, false}, {13, 13, false}, {14, 14, false}, {17, 19, false}, {18, 19, true}} {
		if got := f.Quiet(tc.from*time.Second, tc.to*time.Second); got != tc.want {
			t.Errorf("quiet from %d to %d is %t", tc.from, tc.to, got)
		}
	}
}

func TestNodeUntil(t *testing.T) {
	h := &NodeHistory{Crashes: []Crash{{At: 5, Back: 8}, {At: 20, Back: 21}}}
	for _, tc := range []struct {
		name string
		op   NodeOp
		want time.Duration
	}{
		{"answered", NodeOp{Start: 1, End: 2, Status: 503}, 2},
		{"not connected", NodeOp{Start: 6, End: 7, NoDial: true}, 7},
		{"died with the node", NodeOp{Start: 4, End: 5}, 8},
		{"gave up later", NodeOp{Start: 4, End: 10}, 10},
		{"no crash after", NodeOp{Start: 30, End: 31}, Forever},
	} {
		if got := h.Until(&tc.op); got != tc.want {
			t.Errorf("%s: %v", tc.name, got)
		}
	}
}
