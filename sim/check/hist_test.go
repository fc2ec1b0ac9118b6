package check

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"apus/impl/swift"
	"apus/sim/model"
)

// hist builds histories by hand. Times are seconds; everything happens to
// one object unless an operation is changed afterwards.
type hist struct{ *model.History }

func newHist() hist {
	return hist{&model.History{
		Values: map[model.ValueID]model.Value{},
		Facts: model.Facts{
			Epoch: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), Copies: 2, Settle: 5 * time.Second, FaultFree: true,
		},
	}}
}

const sec = time.Second

func id(n int) model.ValueID { return model.NewValueID(1, 0, n) }

// tick is the timestamp of a virtual instant.
func (h hist) tick(at int) swift.Timestamp {
	return swift.TimestampOf(h.Facts.Wall(time.Duration(at) * sec))
}

func (h hist) op(kind model.Kind, from, to, status int) *model.Op {
	o := &model.Op{
		ID: len(h.Ops), Client: len(h.Ops), Kind: kind, Account: "AUTH_test", Container: "c", Object: "o",
		Start: time.Duration(from) * sec, End: time.Duration(to) * sec,
		Resp: model.Response{Status: status, Header: http.Header{}}, Req: model.Request{Header: http.Header{}},
	}
	if status == 0 {
		o.Resp.Err = "connection reset"
	}
	o.Outcome = model.OutcomeOf(o, 1)
	h.Ops = append(h.Ops, o)
	return o
}

// put writes value n; its timestamp is a second after it began, if it lasted
// longer.
func (h hist) put(from, to, n, status int) *model.Op {
	v := model.NewValue(id(n), int64(100+n))
	h.Values[v.ID] = v
	o := h.op(model.ObjectPut, from, to, status)
	o.Req.Value = v.ID
	o.Resp.Header.Set("Etag", v.ETag)
	return o
}

func (h hist) del(from, to, status int) *model.Op { return h.op(model.ObjectDelete, from, to, status) }

func (h hist) post(from, to, n, status int) *model.Op {
	o := h.op(model.ObjectPost, from, to, status)
	o.Req.Value = id(n)
	return o
}

// get reads value n whole, with X-Newest, and shows its PUT's metadata.
func (h hist) get(from, to, n int) *model.Op {
	o := h.op(model.ObjectGet, from, to, 200)
	o.Req.Newest = true
	v := h.Values[id(n)]
	o.Resp.Header.Set("Content-Type", id(n).ContentType())
	o.Resp.Header.Set("Etag", v.ETag)
	o.Resp.Header.Set("X-Object-Meta-Put", id(n).String())
	o.Resp.Body = &model.Body{Declared: v.Size, Bytes: v.Size, Clean: true,
		Spans: []model.Span{{Value: id(n), End: v.Size, Total: v.Size, Got: v.Size, Bad: -1}}}
	return o
}

func (h hist) head(from, to, n int) *model.Op {
	o := h.get(from, to, n)
	o.Kind, o.Resp.Body = model.ObjectHead, nil
	o.Resp.Header.Set("Content-Length", fmt.Sprint(h.Values[id(n)].Size))
	return o
}

func (h hist) miss(from, to int) *model.Op {
	o := h.op(model.ObjectGet, from, to, 404)
	o.Req.Newest = true
	return o
}

// stamped gives a read an X-Timestamp.
func (h hist) stamped(o *model.Op, at int) *model.Op {
	o.Resp.Header.Set("X-Timestamp", h.tick(at).Normal())
	return o
}

// ranged makes a read a 206 of [start, end).
func ranged(o *model.Op, header string, start, end int64) *model.Op {
	o.Req.Header.Set("Range", header)
	o.Resp.Status = 206
	s := &o.Resp.Body.Spans[0]
	s.Start, s.End, s.Got = start, end, end-start
	return o
}

// kinds are the kinds of violations found, sorted, each once.
func kinds(found []Violation) string {
	var out []string
	for _, v := range found {
		out = append(out, v.Kind)
	}
	slices.Sort(out)
	return strings.Join(slices.Compact(out), " ")
}

// judged is a table test: want is the kinds of violation expected.
type judged struct {
	name  string
	build func(h hist)
	want  string
}

func runJudged(t *testing.T, cases []judged, judge func(h hist) []Violation) {
	t.Helper()
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			h := newHist()
			tc.build(h)
			found := judge(h)
			if got := kinds(found); got != tc.want {
				t.Errorf("violations %q, want %q: %v", got, tc.want, found)
			}
			for _, v := range found {
				if v.Property == "" || v.Text == "" || v.String() == "" {
					t.Errorf("%+v explains nothing", v)
				}
			}
		})
	}
}
