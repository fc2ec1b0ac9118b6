package check

import (
	"testing"

	"apus/impl/swift"
	"apus/sim/model"
)

// with changes the last operation.
func (h node) with(change func(o *model.NodeOp)) { change(h.Ops[len(h.Ops)-1]) }

func ifNone(o *model.NodeOp)  { o.IfNone = true }
func badETag(o *model.NodeOp) { o.BadETag = true }

func until(at int64) func(*model.NodeOp)   { return func(o *model.NodeOp) { o.DeleteAt = at } }
func ifUntil(at int64) func(*model.NodeOp) { return func(o *model.NodeOp) { o.IfDeleteAt = at } }
func typed(n int) func(*model.NodeOp)      { return func(o *model.NodeOp) { o.Type = id(n) } }

// sees is get with a content type and an expiry.
func (h node) sees(from, to, ts, n, p, typ int, until int64) {
	o := h.get(from, to, ts, n, p)
	o.SeenType, o.SeenUntil = id(typ), until
}

func TestObjectNodeConditions(t *testing.T) {
	runNode(t, []nodeCase{
		{"none match", func(h node) {
			h.put(1, 2, 10, 1, 201)
			h.with(ifNone)
			h.put(3, 4, 20, 2, 412)
			h.with(ifNone)
			h.del(5, 6, 30, 204)
			h.put(7, 8, 25, 3, 409)
			h.with(ifNone)
			h.put(9, 10, 40, 4, 201)
			h.with(ifNone)
			h.get(11, 12, 40, 4, 0)
		}, ""},
		{"a tombstone is no match", func(h node) { h.put(1, 2, 10, 1, 201); h.del(3, 4, 20, 204); h.put(5, 6, 30, 2, 412); h.with(ifNone) }, "order"},
		{"an object is a match", func(h node) { h.put(1, 2, 10, 1, 201); h.put(5, 6, 30, 2, 201); h.with(ifNone) }, "order"},
		{"racing", func(h node) { h.put(1, 9, 10, 1, 412); h.with(ifNone); h.put(2, 8, 20, 2, 201) }, ""},
		{"bad etag", func(h node) { h.put(1, 2, 10, 1, 422); h.with(badETag); h.miss(3, 4) }, ""},
		{"bad etag stored", func(h node) { h.put(1, 2, 10, 1, 201); h.with(badETag) }, "order"},
		{"bad etag found later", func(h node) { h.put(1, 2, 10, 1, 0); h.with(badETag); h.crash(3, 4, true); h.get(5, 6, 10, 1, 0) }, "order"},
		{"good etag refused", func(h node) { h.put(1, 2, 10, 1, 422) }, "order"},
		{"tombstone newer", func(h node) { h.put(1, 2, 10, 1, 201); h.del(3, 4, 30, 204); h.put(5, 6, 20, 2, 201) }, "order"},
	}, ObjectNode)
}

func TestObjectNodeExpiry(t *testing.T) {
	runNode(t, []nodeCase{
		{"kept, changed, dropped", func(h node) {
			h.put(1, 2, 10, 1, 201)
			h.with(until(100))
			h.sees(3, 4, 10, 1, 0, 1, 100)
			h.post(5, 6, 20, 7, 202)
			h.with(until(200))
			h.sees(7, 8, 20, 1, 7, 1, 200)
			h.del(9, 10, 30, 412)
			h.with(ifUntil(100))
			h.post(11, 12, 30, 8, 202)
			h.sees(13, 14, 30, 1, 8, 1, 0)
		}, ""},
		{"removed in time", func(h node) {
			h.put(1, 2, 10, 1, 201)
			h.with(until(100))
			h.del(3, 4, 10, 409)
			h.with(ifUntil(100))
			h.del(3, 4, 20, 204)
			h.with(ifUntil(100))
			h.miss(5, 6)
			h.del(7, 8, 30, 412)
			h.with(ifUntil(100))
		}, ""},
		{"nothing there", func(h node) { h.del(1, 2, 10, 404); h.with(ifUntil(100)); h.miss(3, 4).SeenStamp = stampOf(10) }, "order"},
		{"removed though it was put again", func(h node) {
			h.put(1, 2, 10, 1, 201)
			h.with(until(100))
			h.put(3, 4, 20, 2, 201)
			h.del(5, 6, 30, 204)
			h.with(ifUntil(100))
		}, "order"},
		{"forgotten", func(h node) { h.put(1, 2, 10, 1, 201); h.with(until(100)); h.get(3, 4, 10, 1, 0) }, "order"},
	}, ObjectNode)
}

func TestObjectNodeTypes(t *testing.T) {
	runNode(t, []nodeCase{
		{"carried on", func(h node) {
			h.put(1, 2, 10, 1, 201)
			h.post(3, 4, 20, 7, 202)
			h.with(typed(5))
			h.sees(5, 6, 20, 1, 7, 5, 0)
			h.post(7, 8, 30, 8, 202)
			h.sees(9, 10, 30, 1, 8, 5, 0)
			h.put(11, 12, 25, 2, 201) // newer than the type, older than the metadata
			h.sees(13, 14, 30, 2, 8, 2, 0)
		}, ""},
		{"only the type is newer", func(h node) {
			h.put(1, 2, 10, 1, 201)
			h.post(3, 4, 30, 7, 202)
			h.post(5, 6, 20, 8, 202)
			h.with(typed(5))
			h.sees(7, 8, 30, 1, 7, 5, 0)
			h.post(9, 10, 15, 9, 409)
			h.with(typed(6))
		}, ""},
		{"type lost with new metadata", func(h node) {
			h.put(1, 2, 10, 1, 201)
			h.post(3, 4, 20, 7, 202)
			h.with(typed(5))
			h.post(5, 6, 30, 8, 202)
			h.sees(7, 8, 30, 1, 8, 1, 0)
		}, "order"},
		{"older type wins", func(h node) {
			h.put(1, 2, 10, 1, 201)
			h.post(3, 4, 30, 7, 202)
			h.with(typed(5))
			h.post(5, 6, 20, 8, 202)
			h.with(typed(6))
		}, "order"},
	}, ObjectNode)
}

// rowSpread puts a row with three times.
func (h node) rowSpread(from, to, data, typ, meta, n, t int) {
	o := h.op(model.RowMerge, from, to, data, n, 202)
	o.Type, o.TypeStamp, o.MetaStamp = id(t), stampOf(typ), stampOf(meta)
}

// lists saw a value, its type and the time of its metadata.
func (h node) lists(from, to, n, t, meta int) {
	o := h.op(model.RowList, from, to, 0, 0, 200)
	o.Name = ""
	ts, err := swift.ParseTimestamp(stampOf(meta))
	if err != nil {
		panic(err)
	}
	o.Rows = []model.NodeRow{{Name: "o", Value: id(n), Type: id(t), Modified: ts.ISO()}}
}

func TestContainerNodeTimes(t *testing.T) {
	strict := func(h *model.NodeHistory, l Limits) (Verdict, []Picture) { return ContainerNode(h, false, l) }
	runNode(t, []nodeCase{
		{"each part by its own time", func(h node) {
			h.rowSpread(1, 2, 10, 40, 50, 1, 5)
			h.lists(3, 4, 1, 5, 50)
			h.rowPut(5, 6, 20, 2, 201)
			h.lists(7, 8, 2, 5, 50)
			h.rowSpread(9, 10, 15, 45, 46, 3, 6)
			h.lists(11, 12, 2, 6, 50)
			h.rowDel(13, 14, 30, 204)
			h.list(15, 16, 0)
			h.rowPut(17, 18, 35, 4, 201)
			h.lists(19, 20, 4, 6, 50)
		}, ""},
		{"type of an older write", func(h node) {
			h.rowSpread(1, 2, 10, 40, 50, 1, 5)
			h.rowPut(5, 6, 20, 2, 201)
			h.lists(7, 8, 2, 2, 50)
		}, "order"},
		{"time goes back", func(h node) {
			h.rowSpread(1, 2, 10, 40, 50, 1, 5)
			h.rowPut(5, 6, 20, 2, 201)
			h.lists(7, 8, 2, 5, 20)
		}, "order"},
	}, strict)
}

func (h node) dbPut(from, to, ts, status int) { h.op(model.DBPut, from, to, ts, 0, status) }
func (h node) dbDel(from, to, ts, status int) { h.op(model.DBDelete, from, to, ts, 0, status) }
func (h node) head(from, to, status, put int) {
	o := h.op(model.DBHead, from, to, 0, 0, status)
	if put != 0 {
		o.SeenStamp = stampOf(put)
	}
}

func TestDatabaseNode(t *testing.T) {
	runNode(t, []nodeCase{
		{"life", func(h node) {
			h.head(0, 0, 404, 0)
			h.dbDel(1, 2, 5, 404)
			h.dbPut(3, 4, 10, 201)
			h.dbPut(5, 6, 9, 202)
			h.head(7, 8, 204, 10)
			h.dbDel(9, 10, 10, 409)
			h.dbDel(11, 12, 20, 204)
			h.head(13, 14, 404, 0)
			h.dbDel(15, 16, 21, 404)
			h.dbPut(17, 18, 15, 409)
			h.dbPut(19, 20, 30, 201)
			h.crash(21, 22, true)
			h.head(23, 24, 204, 30)
		}, ""},
		{"unknown", func(h node) { h.dbPut(1, 2, 10, 201); h.dbDel(3, 4, 20, 503); h.head(5, 6, 204, 10) }, ""},
		{"unknown, done", func(h node) { h.dbPut(1, 2, 10, 201); h.dbDel(3, 4, 20, 503); h.head(5, 6, 404, 0) }, ""},
		{"stays deleted", func(h node) {
			h.dbPut(1, 2, 10, 201)
			h.dbDel(3, 4, 20, 204)
			h.dbPut(5, 6, 30, 201)
			h.head(7, 8, 404, 0)
		}, "order"},
		{"lost", func(h node) { h.dbPut(1, 2, 10, 201); h.crash(3, 4, true); h.head(5, 6, 404, 0) }, "order"},
		{"comes back", func(h node) { h.dbPut(1, 2, 10, 201); h.dbDel(3, 4, 20, 204); h.head(5, 6, 204, 10) }, "order"},
		{"created twice", func(h node) { h.dbPut(1, 2, 10, 201); h.dbPut(3, 4, 20, 201) }, "order"},
	}, DatabaseNode)
}
