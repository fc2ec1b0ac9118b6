package check

import (
	"testing"
	"time"

	"apus/sim/model"
)

// impaired says that a zone was impaired; 0 is a proxy.
func (h hist) impaired(zone, from, to int) {
	h.Facts.FaultFree = false
	h.Facts.Impaired = append(h.Facts.Impaired, model.Impairment{
		Node: "n", Zone: zone, From: time.Duration(from) * sec, To: time.Duration(to) * sec,
	})
}

func TestLiveness(t *testing.T) {
	runJudged(t, []judged{
		{"prompt", func(h hist) { h.put(1, 2, 1, 201); h.miss(3, 4); h.get(3, 4, 1) }, ""},
		{"error under faults", func(h hist) { h.impaired(1, 3, 9); h.put(4, 5, 1, 503) }, ""},
		{"error before the dust settled", func(h hist) { h.impaired(1, 3, 9); h.put(12, 13, 1, 503) }, ""},
		{"slow into a fault", func(h hist) { h.impaired(1, 9, 10); h.put(1, 30, 1, 0) }, ""},
		{"left", func(h hist) { h.put(1, 2, 1, 0).Req.Short = true; h.put(1, 2, 1, 0).Req.Patience = sec }, ""},
		{"segments deleted", func(h hist) {
			h.op(model.ManifestDelete, 1, 2, 200)
			h.op(model.ObjectGet, 3, 4, 503)
		}, ""},
		{"POST beside the first PUT", func(h hist) { h.put(1, 3, 1, 201); h.post(2, 4, 9, 503) }, ""},
		{"POST after the PUT", func(h hist) { h.put(1, 3, 1, 201); h.post(4, 5, 9, 503) }, "error"},
		{"error", func(h hist) { h.put(1, 2, 1, 503) }, "error"},
		{"error when healed", func(h hist) { h.impaired(1, 3, 9); h.put(15, 16, 1, 500) }, "error"},
		{"no answer", func(h hist) { h.del(1, 2, 0) }, "error"},
		{"body broke off", func(h hist) { h.put(1, 2, 1, 201); h.get(3, 4, 1).Resp.Err = "unexpected EOF" }, "error"},
		{"slow", func(h hist) { h.put(1, 12, 1, 201) }, "slow"},
	}, func(h hist) []Violation { return Liveness(h.History, 10*time.Second) })
}

func TestAvailable(t *testing.T) {
	runJudged(t, []judged{
		{"served", func(h hist) { h.impaired(1, 1, 9); h.put(2, 3, 1, 201) }, ""},
		{"connection lost", func(h hist) { h.impaired(1, 1, 9); h.put(2, 3, 1, 0) }, ""},
		{"proxy impaired", func(h hist) { h.impaired(0, 1, 9); h.put(2, 3, 1, 503) }, ""},
		{"two zones", func(h hist) { h.impaired(1, 1, 3); h.impaired(2, 1, 3); h.put(2, 3, 1, 503) }, ""},
		{"two zones in short order", func(h hist) { h.impaired(1, 1, 3); h.impaired(2, 6, 8); h.put(7, 8, 1, 503) }, ""},
		{"POST", func(h hist) { h.impaired(1, 1, 9); h.post(2, 3, 9, 503) }, ""},
		{"PUT fails", func(h hist) { h.impaired(1, 1, 9); h.put(2, 3, 1, 503) }, "error"},
		{"GET fails", func(h hist) { h.impaired(1, 1, 9); h.op(model.ObjectGet, 2, 3, 503) }, "error"},
		{"zone twice", func(h hist) { h.impaired(1, 1, 3); h.impaired(1, 6, 8); h.put(7, 8, 1, 503) }, "error"},
	}, func(h hist) []Violation { return Available(h.History) })
}

func TestNewest(t *testing.T) {
	runJudged(t, []judged{
		{"newest", func(h hist) { h.put(1, 2, 1, 201); h.put(3, 4, 2, 201); h.get(5, 6, 2) }, ""},
		{"concurrent", func(h hist) { h.put(1, 4, 1, 201); h.put(2, 4, 2, 201); h.get(5, 6, 1) }, ""},
		{"unknown", func(h hist) { h.put(1, 2, 1, 201); h.put(3, 4, 2, 503); h.get(5, 6, 1) }, ""},
		{"plain read", func(h hist) { h.put(1, 2, 1, 201); h.put(3, 4, 2, 201); h.get(5, 6, 1).Req.Newest = false }, ""},
		{"under faults", func(h hist) { h.impaired(1, 5, 6); h.put(1, 2, 1, 201); h.put(3, 4, 2, 201); h.get(5, 6, 1) }, ""},
		{"clock wrong", func(h hist) { h.Facts.Skew = 9 * sec; h.put(1, 2, 1, 201); h.put(3, 4, 2, 201); h.get(5, 6, 1) }, ""},
		{"superseded", func(h hist) { h.put(1, 2, 1, 201); h.put(3, 4, 2, 202); h.get(5, 6, 1) }, ""},
		{"old value", func(h hist) { h.put(1, 2, 1, 201); h.put(3, 4, 2, 201); h.get(5, 6, 1) }, "stale"},
		{"deleted value", func(h hist) { h.put(1, 2, 1, 201); h.del(3, 4, 204); h.get(5, 6, 1) }, "stale"},
		{"order known by timestamps", func(h hist) {
			h.put(1, 9, 1, 201)
			h.put(1, 9, 2, 201)
			h.stamped(h.get(10, 11, 1), 5)
			h.stamped(h.get(10, 11, 2), 6)
		}, "stale"},
	}, func(h hist) []Violation { return Newest(h.History) })
}
