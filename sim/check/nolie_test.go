package check

import (
	"net/http"
	"testing"
	"time"

	"apus/sim/model"
)

// conditional makes a read of value 1 with a condition and the given status.
func conditional(h hist, name, value string, status int) *model.Op {
	h.put(1, 2, 1, 201)
	o := h.get(3, 4, 1)
	o.Req.Header.Set(name, value)
	o.Resp.Status = status
	o.Resp.Header.Set("Last-Modified", at(h, 2))
	return o
}

func at(h hist, s int) string {
	return h.Facts.Wall(time.Duration(s) * sec).UTC().Format(http.TimeFormat)
}

func etagOf(n int) string { return `"` + model.NewValue(id(n), int64(100+n)).ETag + `"` }

func TestNoLie(t *testing.T) {
	runJudged(t, []judged{
		{"404 before", func(h hist) { h.miss(1, 2); h.put(3, 4, 1, 201) }, ""},
		{"404 during the PUT", func(h hist) { h.put(1, 4, 1, 201); h.miss(2, 6) }, ""},
		{"404 after DELETE", func(h hist) { h.put(1, 2, 1, 201); h.del(3, 4, 204); h.miss(5, 6) }, ""},
		{"404 during DELETE", func(h hist) { h.put(1, 2, 1, 201); h.del(5, 8, 204); h.miss(3, 6) }, ""},
		{"404 after a DELETE without answer", func(h hist) { h.put(1, 2, 1, 201); h.del(3, 4, 0); h.miss(50, 60) }, ""},
		{"404 after a DELETE at the same time", func(h hist) { h.put(1, 4, 1, 201); h.del(1, 4, 404); h.miss(5, 6) }, ""},
		{"404 after a PUT without answer", func(h hist) { h.put(1, 2, 1, 503); h.miss(5, 6) }, ""},
		{"404 after a superseded PUT", func(h hist) { h.put(1, 2, 1, 202); h.miss(5, 6) }, ""},
		{"DELETE without answer may come late", func(h hist) { h.del(1, 2, 0); h.put(3, 4, 1, 201); h.miss(5, 6) }, ""},
		{"segment deleted with its manifest", func(h hist) {
			h.put(1, 2, 1, 201)
			m := h.put(3, 4, 2, 201)
			m.Kind, m.Object = model.ManifestPut, "m"
			h.Values[id(2)] = model.NewLarge(id(2), []model.Part{{Value: id(1), Size: 101}})
			m.Resp.Header.Set("Etag", h.Values[id(2)].ETag)
			h.op(model.ManifestDelete, 5, 6, 200).Object = "m"
			h.miss(7, 8)
		}, ""},
		{"404 after PUT", func(h hist) { h.put(1, 2, 1, 201); h.miss(3, 4) }, "absent"},
		{"404 after DELETE and PUT", func(h hist) { h.del(1, 2, 404); h.put(3, 4, 1, 201); h.miss(5, 6) }, "absent"},
		{"404 after a refused DELETE", func(h hist) { h.put(1, 2, 1, 201); h.del(3, 4, 401); h.miss(5, 6) }, "absent"},
		{"404 before the DELETE", func(h hist) { h.put(1, 2, 1, 201); h.miss(3, 4); h.del(5, 6, 204) }, "absent"},
		{"404 to POST after PUT", func(h hist) { h.put(1, 2, 1, 201); h.post(3, 4, 9, 404) }, "absent"},
		{"404 to POST after DELETE", func(h hist) { h.put(1, 2, 1, 201); h.del(3, 4, 204); h.post(5, 6, 9, 404) }, ""},
		{"404 to POST after its end", func(h hist) { h.until(h.put(1, 2, 1, 201), 5); h.post(6, 7, 9, 404) }, ""},
		{"412 to If-Match any", func(h hist) {
			h.put(1, 2, 1, 201)
			o := h.op(model.ObjectGet, 3, 4, 412)
			o.Req.Header.Set("If-Match", "*")
		}, "absent"},
		{"404 for a DELETE with the clock wrong", func(h hist) {
			h.Facts.Skew = 10 * sec
			h.del(1, 2, 404)
			h.put(3, 4, 1, 201)
			h.miss(5, 6)
		}, ""},

		{"container there", func(h hist) {
			h.op(model.ContainerPut, 1, 2, 201).Object = ""
			h.op(model.ContainerGet, 3, 4, 200).Object = ""
		}, ""},
		{"container not yet", func(h hist) {
			h.op(model.ContainerGet, 1, 2, 404).Object = ""
			h.op(model.ContainerPut, 1, 2, 201).Object = ""
		}, ""},
		{"container gone", func(h hist) {
			h.op(model.ContainerPut, 1, 2, 201).Object = ""
			h.op(model.ContainerHead, 3, 4, 404).Object = ""
		}, "no-container"},
		{"PUT without container", func(h hist) {
			h.op(model.ContainerPut, 1, 2, 201).Object = ""
			h.put(3, 4, 1, 404)
		}, "no-container"},
		{"container that comes and goes", func(h hist) {
			h.op(model.ContainerPut, 1, 2, 201).Object = ""
			h.op(model.ContainerHead, 3, 4, 404).Object = ""
			h.op(model.ContainerDelete, 5, 6, 204).Object = ""
		}, ""},

		{"short upload answered early", func(h hist) { h.put(1, 2, 1, 202).Req.Short = true }, ""},
		{"short upload accepted", func(h hist) { h.put(1, 2, 1, 201).Req.Short = true }, "accepted-short"},
		{"wrong Etag refused", func(h hist) { h.put(1, 2, 1, 422).Req.BadEtag = true }, ""},
		{"wrong Etag accepted", func(h hist) { h.put(1, 2, 1, 201).Req.BadEtag = true }, "accepted-etag"},
		{"right Etag refused", func(h hist) { h.put(1, 2, 1, 422) }, "refused-etag"},
		{"PUT answered with another Etag", func(h hist) { h.put(1, 2, 1, 201).Resp.Header.Set("Etag", otherEtag) }, "put-etag"},
		{"412 to create only", func(h hist) { h.put(1, 2, 1, 412).Req.Header.Set("If-None-Match", "*") }, ""},
		{"412 to a plain PUT", func(h hist) { h.put(1, 2, 1, 412) }, "condition"},
		{"Last-Modified", func(h hist) { h.put(1, 3, 1, 201).Resp.Header.Set("Last-Modified", at(h, 2)) }, ""},
		{"Last-Modified before", func(h hist) { h.put(3, 4, 1, 201).Resp.Header.Set("Last-Modified", at(h, 2)) }, "last-modified"},
		{"Last-Modified after", func(h hist) { h.put(3, 4, 1, 201).Resp.Header.Set("Last-Modified", at(h, 6)) }, "last-modified"},

		{"If-None-Match 304", func(h hist) { conditional(h, "If-None-Match", etagOf(1), 304) }, ""},
		{"If-None-Match 200", func(h hist) { conditional(h, "If-None-Match", etagOf(2), 200) }, ""},
		{"If-None-Match wrong 304", func(h hist) { conditional(h, "If-None-Match", etagOf(2), 304) }, "condition"},
		{"If-None-Match wrong 200", func(h hist) { conditional(h, "If-None-Match", etagOf(1), 200) }, "condition"},
		{"If-None-Match any 200", func(h hist) { conditional(h, "If-None-Match", "*", 200) }, "condition"},
		{"If-Match 412", func(h hist) { conditional(h, "If-Match", etagOf(2), 412) }, ""},
		{"If-Match 200", func(h hist) { conditional(h, "If-Match", etagOf(1), 200) }, ""},
		{"If-Match wrong 412", func(h hist) { conditional(h, "If-Match", etagOf(1), 412) }, "condition"},
		{"If-Match wrong 200", func(h hist) { conditional(h, "If-Match", etagOf(2), 200) }, "condition"},
		{"If-Modified-Since 304", func(h hist) { conditional(h, "If-Modified-Since", at(h, 2), 304) }, ""},
		{"If-Modified-Since 200", func(h hist) { conditional(h, "If-Modified-Since", at(h, 1), 200) }, ""},
		{"If-Modified-Since wrong", func(h hist) { conditional(h, "If-Modified-Since", at(h, 2), 200) }, "condition"},
		{"If-Unmodified-Since 412", func(h hist) { conditional(h, "If-Unmodified-Since", at(h, 1), 412) }, ""},
		{"If-Unmodified-Since wrong", func(h hist) { conditional(h, "If-Unmodified-Since", at(h, 2), 412) }, "condition"},
		{"304 without condition", func(h hist) { conditional(h, "X-None", "", 304) }, "condition"},
		{"412 without Etag", func(h hist) {
			conditional(h, "If-Match", etagOf(1), 412).Resp.Header.Del("Etag")
		}, ""},

		{"416", func(h hist) {
			h.put(1, 2, 1, 201)
			o := h.op(model.ObjectGet, 3, 4, 416)
			o.Req.Header.Set("Range", "bytes=500-600")
			o.Resp.Header.Set("Content-Range", "bytes */101")
		}, ""},
		{"416 satisfiable", func(h hist) {
			h.put(1, 2, 1, 201)
			o := h.op(model.ObjectGet, 3, 4, 416)
			o.Req.Header.Set("Range", "bytes=50-60")
			o.Resp.Header.Set("Content-Range", "bytes */101")
		}, "range"},
		{"416 of another size", func(h hist) {
			h.put(1, 2, 1, 201)
			o := h.op(model.ObjectGet, 3, 4, 416)
			o.Req.Header.Set("Range", "bytes=500-600")
			o.Resp.Header.Set("Content-Range", "bytes */100")
		}, "range"},
		{"416 unasked", func(h hist) { h.put(1, 2, 1, 201); h.op(model.ObjectGet, 3, 4, 416) }, "range"},
	}, func(h hist) []Violation { return NoLie(h.History) })
}
