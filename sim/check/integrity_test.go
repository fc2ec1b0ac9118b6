package check

import (
	"testing"
	"time"

	"apus/sim/model"
)

func TestIntegrity(t *testing.T) {
	runJudged(t, []judged{
		{"whole", func(h hist) { h.put(1, 2, 1, 201); h.get(3, 4, 1); h.head(3, 4, 1) }, ""},
		{"old value", func(h hist) { h.put(1, 2, 1, 201); h.put(3, 4, 2, 201); h.get(5, 6, 1) }, ""},
		{"value of a PUT without answer", func(h hist) { h.put(1, 2, 1, 0); h.get(3, 4, 1) }, ""},
		{"value of a PUT in progress", func(h hist) { h.put(1, 9, 1, 201); h.get(3, 4, 1) }, ""},
		{"broken off", func(h hist) {
			h.put(1, 2, 1, 201)
			b := h.get(3, 4, 1).Resp.Body
			b.Clean, b.Spans[0].Got = false, 7
		}, ""},
		{"left", func(h hist) {
			h.put(1, 2, 1, 201)
			b := h.get(3, 4, 1).Resp.Body
			b.Clean, b.Left, b.Spans[0].Got = false, true, 7
		}, ""},
		{"chunked", func(h hist) {
			h.put(1, 2, 1, 201)
			b := h.get(3, 4, 1).Resp.Body
			b.Declared, b.Spans[0].End, b.Spans[0].Total = -1, -1, -1
		}, ""},
		{"range", func(h hist) { h.put(1, 2, 1, 201); ranged(h.get(3, 4, 1), "bytes=10-19", 10, 20) }, ""},
		{"suffix range", func(h hist) { h.put(1, 2, 1, 201); ranged(h.get(3, 4, 1), "bytes=-10", 91, 101) }, ""},
		{"metadata of a POST", func(h hist) {
			h.put(1, 2, 1, 201)
			h.post(3, 4, 9, 202)
			o := h.get(5, 6, 1)
			o.Resp.Header.Del("X-Object-Meta-Put")
			o.Resp.Header.Set("X-Object-Meta-Post", id(9).String())
		}, ""},
		{"timestamp", func(h hist) { h.put(1, 3, 1, 201); h.stamped(h.get(5, 6, 1), 2); h.stamped(h.get(5, 6, 1), 2) }, ""},
		{"timestamp of a POST", func(h hist) {
			h.put(1, 2, 1, 201)
			h.post(3, 4, 9, 202)
			o := h.stamped(h.get(5, 6, 1), 4)
			o.Resp.Header.Del("X-Object-Meta-Put")
			o.Resp.Header.Set("X-Object-Meta-Post", id(9).String())
			h.stamped(h.get(5, 6, 1), 2)
		}, ""},

		{"no identity", func(h hist) {
			h.put(1, 2, 1, 201)
			o := h.get(3, 4, 1)
			o.Resp.Header.Set("Content-Type", "text/plain")
			o.Resp.Body.Spans[0].Value = 0
		}, "unnamed"},
		{"HEAD without identity", func(h hist) { h.put(1, 2, 1, 201); h.head(3, 4, 1).Resp.Header.Del("Content-Type") }, "unnamed"},
		{"another object's value", func(h hist) { h.put(1, 2, 1, 201).Object = "p"; h.get(3, 4, 1) }, "foreign"},
		{"nobody's value", func(h hist) { h.put(1, 2, 1, 201); h.get(3, 4, 2) }, "foreign"},
		{"value from the future", func(h hist) { h.put(5, 6, 1, 201); h.get(3, 4, 1) }, "future"},
		{"value of a refused PUT", func(h hist) { h.put(1, 2, 1, 413); h.get(3, 4, 1) }, "rejected"},
		{"value of a short upload", func(h hist) {
			o := h.put(1, 2, 1, 0)
			o.Req.Short, o.Outcome = true, model.Failed
			h.get(3, 4, 1)
		}, "rejected"},
		{"torn", func(h hist) { h.put(1, 2, 1, 201); h.get(3, 4, 1).Resp.Body.Spans[0].Bad = 50 }, "torn"},
		{"torn and broken off", func(h hist) {
			h.put(1, 2, 1, 201)
			b := h.get(3, 4, 1).Resp.Body
			b.Clean, b.Spans[0].Bad = false, 50
		}, "torn"},
		{"short", func(h hist) { h.put(1, 2, 1, 201); h.get(3, 4, 1).Resp.Body.Spans[0].Got = 50 }, "short"},
		{"chunked and short", func(h hist) {
			h.put(1, 2, 1, 201)
			b := h.get(3, 4, 1).Resp.Body
			b.Declared, b.Spans[0].End, b.Spans[0].Total, b.Spans[0].Got = -1, -1, -1, 50
		}, "short"},
		{"long", func(h hist) { h.put(1, 2, 1, 201); h.get(3, 4, 1).Resp.Body.Spans[0].Got = 150 }, "long"},
		{"wrong length", func(h hist) {
			h.put(1, 2, 1, 201)
			s := &h.get(3, 4, 1).Resp.Body.Spans[0]
			s.End, s.Total, s.Got = 50, 50, 50
		}, "length"},
		{"wrong length of HEAD", func(h hist) { h.put(1, 2, 1, 201); h.head(3, 4, 1).Resp.Header.Set("Content-Length", "0") }, "length"},
		{"another range", func(h hist) { h.put(1, 2, 1, 201); ranged(h.get(3, 4, 1), "bytes=10-19", 11, 20) }, "range"},
		{"range not asked for", func(h hist) { h.put(1, 2, 1, 201); ranged(h.get(3, 4, 1), "", 11, 20) }, "range"},
		{"range disregarded", func(h hist) { h.put(1, 2, 1, 201); h.get(3, 4, 1).Req.Header.Set("Range", "bytes=1-2") }, "range"},
		{"one range of two", func(h hist) { h.put(1, 2, 1, 201); ranged(h.get(3, 4, 1), "bytes=10-19,30-39", 10, 20) }, "range"},
		{"ranges of two values", func(h hist) {
			h.put(1, 2, 1, 201)
			h.put(1, 2, 2, 201)
			o := ranged(h.get(3, 4, 1), "bytes=10-19,30-39", 10, 20)
			o.Resp.Body.Spans = append(o.Resp.Body.Spans, model.Span{Value: id(2), Start: 30, End: 40, Total: 102, Got: 10, Bad: -1})
		}, "mixed"},
		{"wrong Etag", func(h hist) { h.put(1, 2, 1, 201); h.get(3, 4, 1).Resp.Header.Set("Etag", otherEtag) }, "etag"},
		{"no metadata", func(h hist) { h.put(1, 2, 1, 201); h.get(3, 4, 1).Resp.Header.Del("X-Object-Meta-Put") }, "metadata"},
		{"metadata of another PUT", func(h hist) {
			h.put(1, 2, 1, 201)
			h.get(3, 4, 1).Resp.Header.Set("X-Object-Meta-Put", id(2).String())
		}, "metadata"},
		{"metadata of PUT and POST", func(h hist) {
			h.put(1, 2, 1, 201)
			h.post(3, 4, 9, 202)
			h.get(5, 6, 1).Resp.Header.Set("X-Object-Meta-Post", id(9).String())
		}, "metadata"},
		{"metadata of a POST before the PUT", func(h hist) {
			h.post(1, 2, 9, 202)
			h.put(4, 5, 1, 201)
			o := h.get(6, 7, 1)
			o.Resp.Header.Del("X-Object-Meta-Put")
			o.Resp.Header.Set("X-Object-Meta-Post", id(9).String())
		}, "metadata"},
		{"metadata of a refused POST", func(h hist) {
			h.put(1, 2, 1, 201)
			h.post(3, 4, 9, 401)
			o := h.get(6, 7, 1)
			o.Resp.Header.Del("X-Object-Meta-Put")
			o.Resp.Header.Set("X-Object-Meta-Post", id(9).String())
		}, "metadata"},
		{"timestamp before the PUT", func(h hist) { h.put(3, 4, 1, 201); h.stamped(h.get(5, 6, 1), 2) }, "timestamp"},
		{"timestamp after the PUT", func(h hist) { h.put(3, 4, 1, 201); h.stamped(h.get(9, 10, 1), 5) }, "timestamp"},
		{"two timestamps", func(h hist) { h.put(1, 5, 1, 201); h.stamped(h.get(5, 6, 1), 2); h.stamped(h.get(5, 6, 1), 3) }, "timestamp"},
	}, func(h hist) []Violation { return Integrity(h.History) })
}

const otherEtag = "0123456789abcdef0123456789abcdef"

func TestIntegrityOfLargeObjects(t *testing.T) {
	part := model.NewValue(id(7), 300)
	large := model.NewLarge(id(1), []model.Part{{Value: part.ID, Size: part.Size, ETag: part.ETag}})
	build := func(h hist) *model.Op {
		h.put(1, 2, 1, 201).Kind = model.ManifestPut
		h.Values[id(1)] = large
		o := h.get(3, 4, 1)
		o.Resp.Header.Set("Etag", `"`+large.ETag+`"`)
		return o
	}
	runJudged(t, []judged{
		{"whole", func(h hist) { build(h) }, ""},
		{"truncated", func(h hist) { build(h).Resp.Body.Spans[0].Got = 299 }, "short"},
	}, func(h hist) []Violation { return Integrity(h.History) })
}

func TestSkewWidensTimestamps(t *testing.T) {
	h := newHist()
	h.Facts.Skew = 10 * sec
	h.put(20, 21, 1, 201)
	h.stamped(h.get(40, 41, 1), 12)
	if found := Integrity(h.History); found != nil {
		t.Error(found)
	}
}

func TestParseRange(t *testing.T) {
	for _, tc := range []struct {
		header string
		size   int64
		want   []span
		ok     bool
	}{
		{"", 10, nil, false},
		{"bytes=0-4", 10, []span{{0, 5}}, true},
		{"bytes=0-", 10, []span{{0, 10}}, true},
		{"bytes=5-100", 10, []span{{5, 10}}, true},
		{"bytes=10-11", 10, nil, true},
		{"bytes=-3", 10, []span{{7, 10}}, true},
		{"bytes=-30", 10, []span{{0, 10}}, true},
		{"bytes=-0", 10, nil, true},
		{"bytes=-3", 0, nil, true},
		{"bytes=0-1, 4-5", 10, []span{{0, 2}, {4, 6}}, true},
		{"bytes=5-4", 10, nil, false},
		{"bytes=a-4", 10, nil, false},
		{"bytes=-", 10, nil, false},
		{"lines=1-2", 10, nil, false},
	} {
		got, ok := parseRange(tc.header, tc.size)
		if ok != tc.ok || len(got) != len(tc.want) {
			t.Errorf("%q of %d: %v %t", tc.header, tc.size, got, ok)
			continue
		}
		for i := range got {
			if got[i] != tc.want[i] {
				t.Errorf("%q of %d: %v", tc.header, tc.size, got)
			}
		}
	}
}

// dynamic writes a dynamic large object of three parts, and reads of it those
// that are named.
func (h hist) dynamic(listed ...int) (write, read *model.Op) {
	var all, some []model.Part
	for i := range 3 {
		p := h.put(1+i, 2+i, 11+i, 201)
		p.Container, p.Object = "segments", model.Name("part"+string(rune('0'+i)))
		v := h.Values[p.Req.Value]
		part := model.Part{Value: v.ID, Size: v.Size, ETag: v.ETag, Container: p.Container, Object: p.Object}
		all = append(all, part)
		for _, n := range listed {
			if n == i {
				some = append(some, part)
			}
		}
	}
	write = h.put(5, 6, 1, 201)
	write.Kind = model.ManifestPut
	write.Req.Header.Set("X-Object-Manifest", "segments/part")
	h.Values[id(1)] = model.NewLarge(id(1), all)
	read = h.get(20, 21, 1)
	v := model.NewLarge(id(1), some)
	read.Resp.Header.Set("Etag", `"`+v.ETag+`"`)
	read.Resp.Body.Spans[0] = model.Span{Value: id(1), End: v.Size, Total: v.Size, Got: v.Size, Bad: -1}
	return write, read
}

// disturb has a storage node be impaired while something was written.
func (h hist) disturb(from, to int) {
	h.Facts.FaultFree = false
	h.Facts.Impaired = []model.Impairment{{Node: "node1", Zone: 1, From: time.Duration(from) * sec, To: time.Duration(to) * sec}}
}

// What a dynamic large object is made of may be missing where its parts were
// written while something was wrong, and nothing else may.
func TestUnlistedParts(t *testing.T) {
	runJudged(t, []judged{
		{"all", func(h hist) { h.dynamic(0, 1, 2) }, ""},
		{"one missing, while a part was written", func(h hist) { h.disturb(2, 3); h.dynamic(0, 2) }, ""},
		{"one missing, soon after a fault", func(h hist) { h.disturb(0, 0); h.dynamic(1, 2) }, ""},
		{"none there, where a disk was lost", func(h hist) { h.Facts.Destroyed = []model.Device{{Node: "node1", Disk: "d1"}}; h.dynamic() }, ""},
		{"HEAD with one missing", func(h hist) {
			h.disturb(2, 3)
			_, o := h.dynamic(0, 1)
			o.Kind, o.Resp.Header["Content-Length"], o.Resp.Body = model.ObjectHead, []string{itoa(o.Resp.Body.Spans[0].Total)}, nil
		}, ""},
		{"one missing, and nothing was wrong", func(h hist) { h.dynamic(0, 2) }, "etag length"},
		{"one missing, and something was wrong later", func(h hist) { h.disturb(12, 15); h.dynamic(0, 2) }, "etag length"},
		{"in another order", func(h hist) {
			h.disturb(2, 3)
			_, o := h.dynamic(0, 1, 2)
			p := h.Values[id(1)].Parts
			o.Resp.Header.Set("Etag", model.NewLarge(id(1), []model.Part{p[1], p[0]}).ETag)
		}, "etag"},
		{"a length that is not theirs", func(h hist) {
			h.disturb(2, 3)
			_, o := h.dynamic(0, 2)
			o.Resp.Body.Spans[0].Total++
		}, "etag length"},
		{"all, and damaged", func(h hist) {
			h.disturb(2, 3)
			_, o := h.dynamic(0, 1, 2)
			o.Resp.Body.Spans[0].Bad = 7
		}, "torn"},
	}, func(h hist) []Violation { return Integrity(h.History) })
}
