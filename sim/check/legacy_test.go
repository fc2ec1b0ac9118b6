package check

import (
	"fmt"
	"testing"

	"apus/impl/swift"
	"apus/sim/model"
)

// archives makes the container one whose old versions are in another.
func (h hist) archives(header string) {
	o := h.op(model.ContainerPut, 0, 0, 201)
	o.Object = ""
	o.Req.Header.Set(header, "old%20ones")
}

const (
	inStack   = "X-Versions-Location"
	inHistory = "X-History-Location"
)

// moved puts a record into the archive, under the time of a second.
func (s *stored) moved(t *testing.T, r *Record, second int) *Record {
	t.Helper()
	p := swift.Path{Account: "AUTH_test", Container: "old ones", Object: fmt.Sprintf("001o/%s", s.tick(second).Internal())}
	r.Hash, r.Metadata["name"] = hasher(t).Hash(p), p.String()
	return r
}

func TestArchives(t *testing.T) {
	// Value 1 was overwritten with value 2, and is on so many devices.
	overwritten := func(t *testing.T, s *stored, header string, copies int) {
		s.archives(header)
		s.put(1, 3, 1, 201)
		s.put(5, 7, 2, 201)
		for n := range 3 {
			s.data(n+1, 2, 6)
		}
		for n := range copies {
			s.moved(t, s.data(n+1, 1, 5), 2)
		}
	}
	runStored(t, []struct {
		name  string
		build func(s *stored)
		want  string
	}{
		{"kept", func(s *stored) { overwritten(t, s, inStack, 2) }, ""},
		{"brought back", func(s *stored) {
			overwritten(t, s, inStack, 0)
			s.del(8, 10, 204)
			for n := range 3 {
				s.data(n+1, 1, 9)
			}
			s.records = append(s.records, Record{Device: s.device(1), Hash: swift.Hash{9}, Timestamp: s.tick(9), Tombstone: true})
		}, ""},
		{"brought back once, where something newer is", func(s *stored) {
			overwritten(t, s, inStack, 2)
			s.del(8, 10, 204)
			s.data(1, 1, 9)
		}, ""},
		{"deleted", func(s *stored) {
			overwritten(t, s, inHistory, 2)
			s.del(8, 10, 204)
			for n := range 2 {
				s.tomb(n+1, 9)
				s.moved(t, s.data(n+1, 2, 9), 6)
				s.moved(t, s.data(n+1, 1, 9), 9).Metadata["Content-Type"] = deleteMarker
			}
		}, ""},
		{"overwritten meanwhile", func(s *stored) { overwritten(t, s, inStack, 0); s.put(4, 6, 3, 0) }, ""},
		{"which was the first is not known", func(s *stored) { s.Facts.Skew = 10 * sec; s.put(0, 0, 3, 202); overwritten(t, s, inStack, 0) }, ""},
		{"two zones are away", func(s *stored) {
			s.Facts.Impaired = []model.Impairment{{Node: "node1", Zone: 1, From: sec, To: 9 * sec}, {Node: "node2", Zone: 2, From: sec, To: 9 * sec}}
			overwritten(t, s, inStack, 0)
		}, ""},
		{"not kept", func(s *stored) { overwritten(t, s, inStack, 0) }, "lost version"},
		{"kept once", func(s *stored) { overwritten(t, s, inHistory, 1) }, "lost version"},
		{"one zone is away", func(s *stored) {
			s.Facts.Impaired = []model.Impairment{{Node: "node1", Zone: 1, From: sec, To: 9 * sec}}
			overwritten(t, s, inStack, 0)
		}, "lost version"},
		{"another kept", func(s *stored) {
			overwritten(t, s, inStack, 0)
			s.put(8, 9, 3, 0)
			s.moved(t, s.data(1, 3, 9), 2)
			s.moved(t, s.data(2, 3, 9), 2)
		}, "lost version"},
		{"what is deleted is not kept", func(s *stored) {
			overwritten(t, s, inHistory, 2)
			s.del(8, 10, 204)
			s.tomb(1, 9)
			s.tomb(2, 9)
		}, "lost version"},
		{"what nobody wrote is kept", func(s *stored) { overwritten(t, s, inStack, 2); s.moved(t, s.data(1, 9, 2), 3) }, "foreign"},
		{"a tombstone that is nobody's", func(s *stored) {
			overwritten(t, s, inStack, 2)
			s.records = append(s.records, Record{Device: s.device(1), Hash: swift.Hash{9}, Timestamp: s.tick(9), Tombstone: true})
		}, "foreign"},
		{"a deletion is not kept", func(s *stored) {
			overwritten(t, s, inHistory, 2)
			s.del(8, 10, 204)
			s.tomb(1, 9)
			s.moved(t, s.data(1, 2, 9), 6)
			s.moved(t, s.data(2, 2, 9), 6)
		}, "lost"},
	}, func(s *stored) []Violation { return Durability(s.History, s.records, hasher(t)) })
}

func TestBroughtBackIsOlderByDesign(t *testing.T) {
	back := func(h hist, header string) {
		if header != "" {
			h.archives(header)
		}
		h.stamped(h.get(4, 5, 1), 2)
		h.put(1, 3, 1, 201)
		h.put(6, 8, 2, 201)
		h.del(9, 11, 204)
		h.stamped(h.get(12, 13, 1), 10)
	}
	for _, tc := range []struct{ name, header, integrity, newest, linear string }{
		{"a stack", inStack, "", "", ""},
		{"a history", inHistory, "timestamp", "stale", "order"},
		{"neither", "", "timestamp", "stale", "order"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h := newHist()
			h.Values[id(1)] = model.NewValue(id(1), 101)
			back(h, tc.header)
			v, _ := Linearizable(h.History, DefaultLimits())
			for _, judged := range []struct {
				want string
				got  []Violation
			}{{tc.integrity, Integrity(h.History)}, {tc.newest, Newest(h.History)}, {tc.linear, v.Violations}} {
				if kinds(judged.got) != judged.want {
					t.Errorf("violations %q, want %q: %v", kinds(judged.got), judged.want, judged.got)
				}
			}
		})
	}
}

func TestArchiveMayRefuse(t *testing.T) {
	refuse := func(h hist) {
		h.archives(inStack)
		h.put(1, 2, 1, 412)
	}
	runJudged(t, []judged{
		{"in bad times", func(h hist) {
			h.Facts.Impaired = []model.Impairment{{Node: "node1", Zone: 1, From: sec, To: sec}}
			refuse(h)
		}, ""},
		{"in good times", refuse, "condition"},
		{"without an archive", func(h hist) {
			h.Facts.Impaired = []model.Impairment{{Node: "node1", Zone: 1, From: sec, To: sec}}
			h.put(1, 2, 1, 412)
		}, "condition"},
	}, func(h hist) []Violation { return NoLie(h.History) })
}

// A POST of an object with versions goes to the link and to the version, each
// time with another timestamp.
func TestPostOfAVersion(t *testing.T) {
	s := &stored{hist: newHist()}
	s.hash = hasher(t).Hash(swift.Path{Account: "AUTH_test", Container: "c", Object: "o"})
	s.version(s.put(1, 3, 1, 201), 2)
	s.post(5, 9, 9, 202)
	read := s.stamped(posted(s.get(10, 11, 1)), 8)
	read.Resp.Header.Set("X-Object-Version-Id", s.tick(2).Internal())
	for n := range 2 {
		for _, r := range []*Record{s.data(n+1, 1, 2), s.data(n+1, 1, 2)} {
			r.Metadata["X-Object-Meta-Post"] = id(9).String()
		}
		link, version := &s.records[len(s.records)-2], &s.records[len(s.records)-1]
		linked(link)
		s.archived(t, version, 2)
		link.MetaTimestamp, version.MetaTimestamp = s.tick(6), s.tick(8)
	}
	if found := append(Integrity(s.History), Durability(s.History, s.records, hasher(t))...); found != nil {
		t.Error(found)
	}
	order := newOrder(s.History, s.records)
	if order.exact[id(9)] != s.tick(6) || len(order.doubled) != 0 {
		t.Errorf("the POST is of %v, doubled are %v; want that of the link", order.exact[id(9)], order.doubled)
	}
}
