package check

import (
	"fmt"
	"testing"

	"apus/sim/model"
)

// until gives the object of a write an end at a virtual second.
func (h hist) until(o *model.Op, second int) *model.Op {
	o.Req.Header.Set("X-Delete-At", h.seconds(second))
	return o
}

// after gives it an end so many seconds after it was written.
func after(o *model.Op, seconds int) *model.Op {
	o.Req.Header.Set("X-Delete-After", fmt.Sprint(seconds))
	return o
}

// states makes a read say when the object expires.
func (h hist) states(o *model.Op, second int) *model.Op {
	o.Resp.Header.Set("X-Delete-At", h.seconds(second))
	return o
}

func (h hist) seconds(second int) string { return fmt.Sprint(h.Facts.Epoch.Unix() + int64(second)) }

// opening makes a read ask for what has expired too.
func opening(o *model.Op) *model.Op {
	o.Req.Header.Set("X-Open-Expired", "true")
	return o
}

func TestExpiredObjectsAreAbsent(t *testing.T) {
	runJudged(t, []judged{
		{"after its end", func(h hist) { h.until(h.put(1, 2, 1, 201), 5); h.miss(6, 7) }, ""},
		{"at its end", func(h hist) { h.until(h.put(1, 2, 1, 201), 5); h.miss(4, 5) }, ""},
		{"after its time", func(h hist) { after(h.put(1, 2, 1, 201), 3); h.miss(4, 5) }, ""},
		{"after the end that a POST gave", func(h hist) { h.put(1, 2, 1, 201); h.until(h.post(2, 3, 9, 202), 5); h.miss(6, 7) }, ""},
		{"after the end that a POST may have given", func(h hist) { h.put(1, 2, 1, 201); h.until(h.post(2, 3, 9, 503), 5); h.miss(6, 7) }, ""},
		{"a clock is early", func(h hist) { h.Facts.Skew = 10 * sec; h.until(h.put(1, 2, 1, 201), 15); h.miss(6, 7) }, ""},
		{"what came in its place has expired", func(h hist) { h.put(1, 2, 1, 201); h.until(h.put(3, 4, 2, 201), 5); h.miss(6, 7) }, ""},
		{"before its end", func(h hist) { h.until(h.put(1, 2, 1, 201), 9); h.miss(6, 7) }, "absent"},
		{"before its time", func(h hist) { after(h.put(1, 2, 1, 201), 8); h.miss(6, 7) }, "absent"},
		{"after the end of what was before", func(h hist) { h.until(h.put(1, 2, 1, 201), 5); h.put(3, 4, 2, 201); h.miss(6, 7) }, "absent"},
		{"it was asked for though", func(h hist) { h.until(h.put(1, 2, 1, 201), 5); opening(h.miss(6, 7)) }, "absent"},
		{"the POST was refused", func(h hist) { h.put(1, 2, 1, 201); h.until(h.post(2, 3, 9, 400), 5); h.miss(6, 7) }, "absent"},
	}, func(h hist) []Violation { return NoLie(h.History) })
}

func TestExpiryIsStated(t *testing.T) {
	runJudged(t, []judged{
		{"as the PUT said", func(h hist) { h.until(h.put(1, 2, 1, 201), 9); h.states(h.get(3, 4, 1), 9) }, ""},
		{"its time after the PUT", func(h hist) { after(h.put(1, 3, 1, 201), 6); h.states(h.get(4, 5, 1), 8) }, ""},
		{"of a PUT without answer", func(h hist) { after(h.put(1, 3, 1, 0), 6); h.states(h.get(4, 5, 1), 28) }, ""},
		{"as the POST said", func(h hist) {
			h.until(h.put(1, 2, 1, 201), 9)
			h.until(h.post(3, 4, 9, 202), 20)
			h.states(posted(h.get(10, 11, 1)), 20)
		}, ""},
		{"taken away by a POST", func(h hist) { h.until(h.put(1, 2, 1, 201), 9); h.post(3, 4, 9, 202); posted(h.get(10, 11, 1)) }, ""},
		{"over, and asked for", func(h hist) { h.until(h.put(1, 2, 1, 201), 5); h.states(opening(h.get(6, 7, 1)), 5) }, ""},
		{"over during the read", func(h hist) { h.until(h.put(1, 2, 1, 201), 5); h.states(h.get(4, 7, 1), 5) }, ""},
		{"a clock is late", func(h hist) { h.Facts.Skew = 5 * sec; h.until(h.put(1, 2, 1, 201), 5); h.states(h.get(6, 7, 1), 5) }, ""},
		{"over", func(h hist) { h.until(h.put(1, 2, 1, 201), 5); h.states(h.get(6, 7, 1), 5) }, "expired"},
		{"by a signed URL, over", func(h hist) { h.until(h.put(1, 2, 1, 201), 5); h.states(h.get(6, 7, 1), 5).Req.Signed = true }, "expired"},
		{"forgotten", func(h hist) { h.until(h.put(1, 2, 1, 201), 9); h.get(3, 4, 1) }, "expiry"},
		{"another", func(h hist) { h.until(h.put(1, 2, 1, 201), 9); h.states(h.get(3, 4, 1), 10) }, "expiry"},
		{"too late after the PUT", func(h hist) { after(h.put(1, 3, 1, 201), 6); h.states(h.get(4, 5, 1), 10) }, "expiry"},
		{"of nobody", func(h hist) { h.put(1, 2, 1, 201); h.states(h.get(3, 4, 1), 9) }, "expiry"},
		{"kept by a POST", func(h hist) {
			h.until(h.put(1, 2, 1, 201), 9)
			h.post(3, 4, 9, 202)
			h.states(posted(h.get(5, 6, 1)), 9)
		}, "expiry"},
	}, func(h hist) []Violation { return Integrity(h.History) })
}

// posted makes a read show the metadata of POST 9.
func posted(o *model.Op) *model.Op {
	o.Resp.Header.Del("X-Object-Meta-Put")
	o.Resp.Header.Set("X-Object-Meta-Post", id(9).String())
	return o
}

func TestExpiryIsLinearizable(t *testing.T) {
	runJudged(t, []judged{
		{"absent after its end", func(h hist) { h.until(h.put(1, 2, 1, 201), 5); h.get(3, 4, 1); h.miss(6, 7); h.del(8, 9, 404) }, ""},
		{"seen by who opens it", func(h hist) { h.until(h.put(1, 2, 1, 201), 5); h.miss(6, 7); opening(h.get(8, 9, 1)) }, ""},
		{"create only after its end", func(h hist) {
			h.until(h.put(1, 2, 1, 201), 5)
			h.put(6, 7, 2, 201).Req.Header.Set("If-None-Match", "*")
			h.get(8, 9, 2)
		}, ""},
		{"absent before its end", func(h hist) { h.until(h.put(1, 2, 1, 201), 9); h.miss(6, 7) }, "order"},
		{"absent to who opens it", func(h hist) { h.until(h.put(1, 2, 1, 201), 5); opening(h.miss(6, 7)) }, "order"},
		{"absent, and another has expired", func(h hist) { h.until(h.put(1, 2, 1, 201), 5); h.put(3, 4, 2, 201); h.miss(6, 7) }, "order"},
	}, func(h hist) []Violation {
		v, _ := Linearizable(h.History, DefaultLimits())
		return v.Violations
	})
}

func TestQueued(t *testing.T) {
	expiring := func(s *stored, node, second int) *Record {
		r := s.data(node, 1, 2)
		r.Metadata["X-Delete-At"] = s.seconds(second)
		return r
	}
	row := func(s *stored, second int) *Row {
		r := s.row(1, 1, 2)
		r.Account, r.Container, r.Name = QueueAccount, "123", fmt.Sprintf("%s-AUTH_test/c/o", s.seconds(second))
		return r
	}
	runStored(t, []struct {
		name  string
		build func(s *stored)
		want  string
	}{
		{"it is", func(s *stored) { expiring(s, 1, 9); row(s, 9) }, ""},
		{"it does not expire", func(s *stored) { s.data(1, 1, 2) }, ""},
		{"it is deleted", func(s *stored) { expiring(s, 1, 9); s.tomb(2, 5) }, ""},
		{"a POST is not everywhere", func(s *stored) { expiring(s, 1, 9).MetaTimestamp = s.tick(3); s.data(2, 1, 2) }, ""},
		{"it is not", func(s *stored) { expiring(s, 1, 9) }, "unqueued"},
		{"for another time", func(s *stored) { expiring(s, 1, 9); row(s, 10) }, "unqueued"},
		{"no more", func(s *stored) { expiring(s, 1, 9); row(s, 9).Deleted = true }, "unqueued"},
		{"in a container of a client", func(s *stored) { expiring(s, 1, 9); row(s, 9).Account = "AUTH_test" }, "unqueued"},
	}, func(s *stored) []Violation {
		s.put(1, 3, 1, 201)
		return Queued(s.History, s.records, s.rows, hasher(t))
	})
}
