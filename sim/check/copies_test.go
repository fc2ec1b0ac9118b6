package check

import (
	"testing"

	"apus/impl/swift"
	"apus/sim/model"
)

const elsewhere = "/AUTH_test/c/source"

// source moves an operation to the source of copies.
func source(o *model.Op) *model.Op {
	o.Object = "source"
	return o
}

// copied copies value n from the source, as value m.
func (h hist) copied(from, to, n, m, status int) *model.Op {
	h.Values[id(m)] = model.Value{ID: id(m), Size: -1, Copy: true}
	o := h.op(model.ObjectCopy, from, to, status)
	o.Req.Value, o.Req.From = id(m), elsewhere
	o.Resp.Header.Set("Etag", h.Values[id(n)].ETag)
	return o
}

// shown reads the copy m with the content of value n.
func (h hist) shown(from, to, n, m int) {
	o := h.get(from, to, n)
	o.Resp.Header.Set("Content-Type", id(m).ContentType())
	o.Resp.Header.Set("X-Object-Meta-Put", id(m).String())
	o.Resp.Body.Spans[0].Value = id(m)
}

func TestCopies(t *testing.T) {
	runJudged(t, []judged{
		{"of what is there", func(h hist) { source(h.put(1, 2, 1, 201)); h.copied(3, 4, 1, 2, 201); h.shown(5, 6, 1, 2) }, ""},
		{"of what was there before", func(h hist) {
			source(h.put(1, 2, 1, 201))
			source(h.put(2, 3, 3, 201))
			h.copied(3, 4, 1, 2, 201)
			h.shown(5, 6, 1, 2)
		}, ""},
		{"of a copy", func(h hist) {
			h.put(1, 2, 1, 201)
			first := source(h.copied(3, 4, 1, 2, 201))
			first.Req.From = "/AUTH_test/c/o"
			h.copied(5, 6, 1, 3, 201)
			h.shown(7, 8, 1, 3)
		}, ""},
		{"without an answer", func(h hist) { source(h.put(1, 2, 1, 201)); h.copied(3, 4, 1, 2, 0); h.shown(5, 6, 1, 2) }, ""},
		{"of what was never at the source", func(h hist) { h.put(1, 2, 1, 201); h.copied(3, 4, 1, 2, 201); h.shown(5, 6, 1, 2) }, "etag put-etag"},
		{"of what came later", func(h hist) { source(h.put(5, 6, 1, 201)); h.copied(3, 4, 1, 2, 201); h.shown(7, 8, 1, 2) }, "etag put-etag"},
		{"of nothing, and yet there", func(h hist) { source(h.put(1, 2, 1, 201)); h.copied(3, 4, 1, 2, 404); h.shown(5, 6, 1, 2) }, "rejected"},
		{"gone", func(h hist) { source(h.put(1, 2, 1, 201)); h.copied(3, 4, 1, 2, 201); h.miss(5, 6) }, "absent"},
	}, func(h hist) []Violation { return append(Integrity(h.History), NoLie(h.History)...) })
}

func TestCopiesOnDisk(t *testing.T) {
	copied := func(s *stored, n int) {
		source(s.put(1, 2, 1, 201))
		s.copied(3, 5, 1, 2, 201)
		for node := range 2 {
			r := s.data(node+1, n, 4)
			r.Metadata["Content-Type"] = id(2).ContentType()
		}
		for node := range 2 { // the source
			r := s.data(node+1, 1, 1)
			p := swift.Path{Account: "AUTH_test", Container: "c", Object: "source"}
			r.Hash, r.Metadata["name"] = hasher(t).Hash(p), p.String()
		}
	}
	runStored(t, []struct {
		name  string
		build func(s *stored)
		want  string
	}{
		{"as the source", func(s *stored) { copied(s, 1) }, ""},
		{"another content", func(s *stored) { copied(s, 3) }, "damaged"},
	}, func(s *stored) []Violation { return Durability(s.History, s.records, hasher(t)) })
}
