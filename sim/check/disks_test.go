package check

import (
	"testing"
	"time"

	"apus/impl/swift"
	"apus/sim/model"
)

func hasher(t *testing.T) swift.Hasher {
	t.Helper()
	hs, err := swift.NewHasher("", "suffix")
	if err != nil {
		t.Fatal(err)
	}
	return hs
}

// stored is a store of records and rows built by hand, for the one object.
type stored struct {
	hist
	hash    swift.Hash
	records []Record
	rows    []Row
}

func (s *stored) device(n int) model.Device {
	return model.Device{Node: "node" + string(rune('0'+n)), Disk: "d1"}
}

// data puts value n with the timestamp of a virtual second on a node.
func (s *stored) data(node, n, at int) *Record {
	v := model.NewValue(id(n), int64(100+n))
	s.records = append(s.records, Record{
		Device: s.device(node), Zone: node, Hash: s.hash, Timestamp: s.tick(at), Size: v.Size, MD5: v.ETag,
		Metadata: map[string]string{"name": "/AUTH_test/c/o", "Content-Type": id(n).ContentType()},
	})
	return &s.records[len(s.records)-1]
}

func (s *stored) tomb(node, at int) *Record {
	s.records = append(s.records, Record{Device: s.device(node), Zone: node, Hash: s.hash, Timestamp: s.tick(at), Tombstone: true})
	return &s.records[len(s.records)-1]
}

func (s *stored) row(node, n, at int) *Row {
	v := model.NewValue(id(n), int64(100+n))
	s.rows = append(s.rows, Row{Device: s.device(node), Account: "AUTH_test", Container: "c", Name: "o", Timestamp: s.tick(at),
		Size: v.Size, ETag: v.ETag, Type: id(n).ContentType()})
	return &s.rows[len(s.rows)-1]
}

func runStored(t *testing.T, cases []struct {
	name  string
	build func(s *stored)
	want  string
}, judge func(s *stored) []Violation) {
	t.Helper()
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			s := &stored{hist: newHist()}
			s.hash = hasher(t).Hash(swift.Path{Account: "AUTH_test", Container: "c", Object: "o"})
			tc.build(s)
			found := judge(s)
			if got := kinds(found); got != tc.want {
				t.Errorf("violations %q, want %q: %v", got, tc.want, found)
			}
		})
	}
}

func TestDurability(t *testing.T) {
	runStored(t, []struct {
		name  string
		build func(s *stored)
		want  string
	}{
		{"three copies", func(s *stored) { s.put(1, 3, 1, 201); s.data(1, 1, 2); s.data(2, 1, 2); s.data(3, 1, 2) }, ""},
		{"two copies", func(s *stored) { s.put(1, 3, 1, 201); s.data(1, 1, 2); s.data(4, 1, 2) }, ""},
		{"superseded", func(s *stored) {
			s.put(1, 3, 1, 201)
			s.put(5, 7, 2, 201)
			s.data(1, 2, 6)
			s.data(2, 2, 6)
			s.data(3, 1, 2)
		}, ""},
		{"superseded by the unknown", func(s *stored) { s.put(1, 3, 1, 201); s.put(5, 7, 2, 503); s.data(1, 2, 6); s.data(2, 1, 2) }, ""},
		{"deleted", func(s *stored) { s.put(1, 3, 1, 201); s.del(5, 7, 204); s.tomb(1, 6); s.tomb(2, 6); s.data(3, 1, 2) }, ""},
		{"nothing of an unknown PUT", func(s *stored) { s.put(1, 3, 1, 503) }, ""},
		{"one of an unknown PUT", func(s *stored) { s.put(1, 3, 1, 0); s.data(1, 1, 2) }, ""},
		{"202 met something newer once", func(s *stored) { s.put(1, 3, 1, 202); s.put(1, 5, 2, 0); s.data(1, 2, 4) }, ""},
		{"concurrent, either order", func(s *stored) {
			s.put(1, 5, 1, 201)
			s.put(1, 5, 2, 201)
			s.data(1, 1, 4)
			s.data(2, 1, 4)
			s.data(3, 2, 3)
		}, ""},
		{"POST", func(s *stored) {
			s.put(1, 3, 1, 201)
			s.post(5, 7, 9, 202)
			for n := range 2 {
				r := s.data(n, 1, 2)
				r.MetaTimestamp = s.tick(6)
				r.Metadata["X-Object-Meta-Post"] = id(9).String()
			}
		}, ""},
		{"destroyed copy", func(s *stored) {
			s.Facts.Destroyed = []model.Device{s.device(1)}
			s.put(1, 3, 1, 201)
			s.data(1, 1, 2).Damage = "rotten"
			s.data(2, 1, 2)
		}, ""},

		{"no copy", func(s *stored) { s.put(1, 3, 1, 201) }, "lost"},
		{"one copy", func(s *stored) { s.put(1, 3, 1, 201); s.data(1, 1, 2) }, "lost"},
		{"one device twice", func(s *stored) { s.put(1, 3, 1, 201); s.data(1, 1, 2); s.data(1, 1, 2) }, "lost"},
		{"older came back", func(s *stored) {
			s.put(1, 3, 1, 201)
			s.put(5, 7, 2, 201)
			s.data(1, 1, 2)
			s.data(2, 1, 2)
			s.data(3, 2, 6)
		}, "lost"},
		{"deletion forgotten", func(s *stored) { s.put(1, 3, 1, 201); s.del(5, 7, 204); s.tomb(1, 6); s.data(2, 1, 2); s.data(3, 1, 2) }, "lost"},
		{"POST forgotten", func(s *stored) { s.put(1, 3, 1, 201); s.post(5, 7, 9, 202); s.data(1, 1, 2); s.data(2, 1, 2) }, "lost"},
		{"202 and nothing there", func(s *stored) { s.put(1, 3, 1, 202) }, "lost"},
		{"destroyed and no copy left", func(s *stored) {
			s.Facts.Destroyed = []model.Device{s.device(1)}
			s.put(1, 3, 1, 201)
			s.data(1, 1, 2).Damage = "rotten"
		}, "lost"},
		{"damaged", func(s *stored) {
			s.put(1, 3, 1, 201)
			s.data(1, 1, 2)
			s.data(2, 1, 2)
			s.data(3, 1, 2).Damage = "torn"
		}, "damaged"},
		{"another content", func(s *stored) {
			s.put(1, 3, 1, 201)
			s.data(1, 1, 2)
			s.data(2, 1, 2)
			s.data(3, 1, 1).MD5 = "x"
		}, "damaged"},
		{"copies differ", func(s *stored) {
			s.put(1, 3, 1, 201)
			s.put(1, 3, 2, 201)
			s.data(1, 1, 2)
			s.data(2, 2, 2)
		}, "mixed"},
		{"refused PUT stored", func(s *stored) { s.put(1, 3, 1, 413); s.data(1, 1, 2) }, "rejected"},
		{"foreign value", func(s *stored) { s.put(1, 3, 1, 503); s.data(1, 2, 2) }, "foreign"},
		{"foreign object", func(s *stored) { s.put(1, 3, 1, 503); s.data(1, 1, 2).Hash[0]++ }, "foreign"},
	}, func(s *stored) []Violation { return Durability(s.History, s.records, hasher(t)) })
}

func TestListings(t *testing.T) {
	copies := func(s *stored, n, at int) { s.data(1, n, at); s.data(2, n, at) }
	runStored(t, []struct {
		name  string
		build func(s *stored)
		want  string
	}{
		{"listed", func(s *stored) { s.put(1, 3, 1, 201); copies(s, 1, 2); s.row(1, 1, 2) }, ""},
		{"one replica is late", func(s *stored) {
			s.put(1, 3, 1, 201)
			s.put(4, 6, 2, 201)
			copies(s, 2, 5)
			s.row(1, 1, 2)
			s.row(2, 2, 5)
		}, ""},
		{"deleted", func(s *stored) { s.put(1, 3, 1, 201); s.tomb(1, 5); s.row(1, 1, 2); s.row(2, 1, 5).Deleted = true }, ""},
		{"never there", func(s *stored) { s.put(1, 3, 1, 503) }, ""},
		{"large object", func(s *stored) { s.put(1, 3, 1, 201); copies(s, 1, 2); r := s.row(1, 1, 2); r.ETag += "; slo_etag=x" }, ""},
		{"no row", func(s *stored) { s.put(1, 3, 1, 201); copies(s, 1, 2) }, "missing"},
		{"row deleted", func(s *stored) { s.put(1, 3, 1, 201); copies(s, 1, 2); s.row(1, 1, 9).Deleted = true }, "missing"},
		{"no object", func(s *stored) { s.put(1, 3, 1, 503); s.row(1, 1, 2) }, "ghost"},
		{"deleted object", func(s *stored) { s.put(1, 3, 1, 201); s.tomb(1, 5); s.row(1, 1, 2) }, "ghost"},
		{"unheard-of name", func(s *stored) { s.row(1, 1, 2).Name = "other" }, "ghost"},
		{"old row", func(s *stored) { s.put(1, 3, 1, 201); s.put(4, 6, 2, 201); copies(s, 2, 5); s.row(1, 1, 2) }, "wrong"},
		{"wrong size", func(s *stored) { s.put(1, 3, 1, 201); copies(s, 1, 2); s.row(1, 1, 2).Size = 7 }, "wrong"},
	}, func(s *stored) []Violation { return Listings(s.History, s.records, s.rows, hasher(t)) })
}

// listing adds a listing of the container with the given rows.
func (h hist) listing(from, to int, query string, rows ...model.Row) *model.Op {
	o := h.op(model.ContainerGet, from, to, 200)
	o.Object, o.Req.Query = "", query
	o.Resp.Rows = append([]model.Row{}, rows...)
	return o
}

func rowOf(name model.Name, n int) model.Row {
	v := model.NewValue(id(n), int64(100+n))
	return model.Row{Name: name, Bytes: v.Size, Hash: v.ETag, ContentType: id(n).ContentType()}
}

func (h hist) putNamed(from, to, n, status int, name model.Name) *model.Op {
	o := h.put(from, to, n, status)
	o.Object = name
	return o
}

func TestListingAnswers(t *testing.T) {
	three := func(h hist) {
		h.putNamed(1, 2, 1, 201, "a")
		h.putNamed(1, 2, 2, 201, "b/x")
		h.putNamed(1, 2, 3, 201, "c")
	}
	a, bx, c, sub := rowOf("a", 1), rowOf("b/x", 2), rowOf("c", 3), model.Row{Subdir: "b/"}
	runJudged(t, []judged{
		{"all", func(h hist) { three(h); h.listing(3, 4, "", a, bx, c) }, ""},
		{"some are missing", func(h hist) { three(h); h.listing(3, 4, "", c) }, ""},
		{"reverse", func(h hist) { three(h); h.listing(3, 4, "reverse=true", c, bx, a) }, ""},
		{"folded", func(h hist) { three(h); h.listing(3, 4, "delimiter=%2F", a, sub, c) }, ""},
		{"in a folder", func(h hist) { three(h); h.listing(3, 4, "delimiter=%2F&prefix=b%2F", bx) }, ""},
		{"marker within a folder", func(h hist) { three(h); h.listing(3, 4, "delimiter=%2F&marker=b%2Fa", sub, c) }, ""},
		{"markers", func(h hist) { three(h); h.listing(3, 4, "marker=a&end_marker=c", bx) }, ""},
		{"unknown outcome", func(h hist) { h.putNamed(1, 2, 1, 503, "a"); h.listing(3, 4, "", a) }, ""},
		{"disorder", func(h hist) { three(h); h.listing(3, 4, "", bx, a) }, "order"},
		{"twice", func(h hist) { three(h); h.listing(3, 4, "", a, a) }, "order"},
		{"not reversed", func(h hist) { three(h); h.listing(3, 4, "reverse=true", a, c) }, "order"},
		{"too many", func(h hist) { three(h); h.listing(3, 4, "limit=1", a, c) }, "limit"},
		{"at the marker", func(h hist) { three(h); h.listing(3, 4, "marker=a", a) }, "marker"},
		{"past the end marker", func(h hist) { three(h); h.listing(3, 4, "end_marker=b", c) }, "marker"},
		{"reverse marker", func(h hist) { three(h); h.listing(3, 4, "reverse=on&marker=b", c) }, "marker"},
		{"without the prefix", func(h hist) { three(h); h.listing(3, 4, "prefix=b", c) }, "prefix"},
		{"not folded", func(h hist) { three(h); h.listing(3, 4, "delimiter=%2F", bx) }, "delimiter"},
		{"folded for nothing", func(h hist) { three(h); h.listing(3, 4, "", sub) }, "delimiter"},
		{"folded too far", func(h hist) { three(h); h.listing(3, 4, "delimiter=%2F", model.Row{Subdir: "b/x/"}) }, "delimiter"},
		{"ghost", func(h hist) { three(h); h.listing(3, 4, "", rowOf("b", 1)) }, "ghost"},
		{"refused", func(h hist) { h.putNamed(1, 2, 1, 413, "a"); h.listing(3, 4, "", a) }, "ghost"},
		{"future", func(h hist) { h.putNamed(5, 6, 1, 201, "a"); h.listing(3, 4, "", a) }, "ghost"},
		{"row of another", func(h hist) { three(h); h.listing(3, 4, "", rowOf("a", 2)) }, "row"},
		{"wrong size", func(h hist) { three(h); r := a; r.Bytes++; h.listing(3, 4, "", r) }, "row"},
		{"wrong hash", func(h hist) { three(h); r := a; r.Hash = otherEtag; h.listing(3, 4, "", r) }, "row"},
		{"container nobody made", func(h hist) {
			o := h.listing(3, 4, "", model.Row{Name: "cc"})
			o.Kind, o.Container = model.AccountGet, ""
		}, "ghost"},
	}, func(h hist) []Violation { return ListingAnswers(h.History) })
}

func TestFreshListings(t *testing.T) {
	runJudged(t, []judged{
		{"shown", func(h hist) { h.put(1, 2, 1, 201); h.listing(9, 10, "", rowOf("o", 1)) }, ""},
		{"too early", func(h hist) { h.put(1, 7, 1, 201); h.listing(9, 10, "") }, ""},
		{"deleted", func(h hist) { h.put(1, 2, 1, 201); h.del(3, 4, 204); h.listing(9, 10, "") }, ""},
		{"concurrent", func(h hist) { h.put(1, 3, 1, 201); h.del(2, 4, 204); h.listing(9, 10, "") }, ""},
		{"unknown", func(h hist) { h.put(1, 3, 1, 503); h.listing(9, 10, "") }, ""},
		{"not asked for", func(h hist) { h.put(1, 3, 1, 201); h.listing(9, 10, "prefix=x") }, ""},
		{"with faults", func(h hist) { h.Facts.FaultFree = false; h.put(1, 3, 1, 201); h.listing(9, 10, "") }, ""},
		{"missing", func(h hist) { h.put(1, 2, 1, 201); h.listing(9, 10, "") }, "stale"},
		{"still there", func(h hist) { h.put(1, 2, 1, 201); h.del(3, 4, 204); h.listing(9, 10, "", rowOf("o", 1)) }, "stale"},
	}, func(h hist) []Violation { return FreshListings(h.History, 4*time.Second) })
}

func TestLeaks(t *testing.T) {
	conn := Held{Owner: "proxy1", What: "10.0.0.1:6200", Stack: "fanout.Get"}
	file := Held{Owner: "node1/object", What: "/srv/node/d1/x", Stack: "diskfile.Open"}
	for _, tc := range []struct {
		name       string
		now, floor Holdings
		want       string
		n          int
	}{
		{"nothing", Holdings{}, Holdings{}, "", 0},
		{"floor", Holdings{Conns: []Held{conn}}, Holdings{Conns: []Held{conn}}, "", 0},
		{"given back", Holdings{}, Holdings{Conns: []Held{conn}}, "", 0},
		{"connection", Holdings{Conns: []Held{conn}}, Holdings{}, "connection", 1},
		{"one more", Holdings{Conns: []Held{conn, conn}}, Holdings{Conns: []Held{conn}}, "connection", 1},
		{"another place", Holdings{Conns: []Held{conn}}, Holdings{Conns: []Held{file}}, "connection", 1},
		{"all sorts", Holdings{Files: []Held{file}, Bodies: []Held{conn}, Goroutines: []Held{file, conn}}, Holdings{}, "body file goroutine", 4},
	} {
		t.Run(tc.name, func(t *testing.T) {
			found := Leaks(tc.now, tc.floor, sec)
			if kinds(found) != tc.want || len(found) != tc.n {
				t.Errorf("%v", found)
			}
		})
	}
}
