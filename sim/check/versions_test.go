package check

import (
	"testing"

	"apus/impl/swift"
	"apus/sim/model"
)

// version makes a PUT at a second one that made a version, named by that.
func (s *stored) version(o *model.Op, at int) string {
	name := s.tick(at).Internal()
	o.Resp.Header.Set("X-Object-Version-Id", name)
	return name
}

// archived moves a record to where the version of a second is stored.
func (s *stored) archived(t *testing.T, r *Record, at int) {
	t.Helper()
	p := versionPath(swift.Path{Account: "AUTH_test", Container: "c", Object: "o"}, s.tick(at))
	r.Hash, r.Metadata["name"] = hasher(t).Hash(p), p.String()
}

// linked makes a record the link to a version.
func linked(r *Record) {
	r.Timestamp, r.Size, r.MD5 = r.Timestamp.WithOffset(1), 0, "d41d8cd98f00b204e9800998ecf8427e"
	r.Metadata[versionLink] = "true"
}

func TestVersionsOnDisk(t *testing.T) {
	store := func(t *testing.T, s *stored, versions, links int) {
		s.version(s.put(1, 3, 1, 201), 2)
		for n := range links {
			linked(s.data(n+1, 1, 2))
		}
		for n := range versions {
			s.archived(t, s.data(n+1, 1, 2), 2)
		}
	}
	runStored(t, []struct {
		name  string
		build func(s *stored)
		want  string
	}{
		{"two of each", func(s *stored) { store(t, s, 2, 2) }, ""},
		{"one version", func(s *stored) { store(t, s, 1, 2) }, "lost version"},
		{"one link", func(s *stored) { store(t, s, 2, 1) }, "lost"},
		{"deleted later, the versions stay", func(s *stored) { store(t, s, 2, 2); s.del(4, 6, 204); s.tomb(1, 5); s.tomb(2, 5) }, ""},
		{"a version of what nobody wrote", func(s *stored) { store(t, s, 2, 2); s.archived(t, s.data(3, 9, 2), 2) }, "foreign mixed"},
		{"a delete marker", func(s *stored) {
			store(t, s, 2, 2)
			s.del(4, 6, 0)
			r := s.data(3, 1, 5)
			s.archived(t, r, 5)
			r.Metadata["Content-Type"] = deleteMarker
		}, ""},
		{"a delete marker though nobody deleted", func(s *stored) {
			store(t, s, 2, 2)
			r := s.data(3, 1, 5)
			s.archived(t, r, 5)
			r.Metadata["Content-Type"] = deleteMarker
		}, "foreign"},
	}, func(s *stored) []Violation { return Durability(s.History, s.records, hasher(t)) })
}

func TestVersionsRead(t *testing.T) {
	get := func(h hist, o *model.Op, version string) {
		o.Kind, o.Req.Version, o.Req.Newest = model.VersionGet, version, false
	}
	runJudged(t, []judged{
		{"an old version", func(h hist) {
			s := &stored{hist: h}
			first := s.version(h.put(1, 3, 1, 201), 2)
			s.version(h.put(4, 6, 2, 201), 5)
			get(h, h.get(7, 8, 1), first)
		}, ""},
		{"another version", func(h hist) {
			s := &stored{hist: h}
			first := s.version(h.put(1, 3, 1, 201), 2)
			s.version(h.put(4, 6, 2, 201), 5)
			get(h, h.get(7, 8, 2), first)
		}, "version"},
		{"none, after a deletion", func(h hist) {
			s := &stored{hist: h}
			first := s.version(h.put(1, 3, 1, 201), 2)
			h.del(4, 6, 204)
			get(h, h.miss(7, 8), first)
		}, "absent"},
		{"a signed URL shows no metadata", func(h hist) {
			h.put(1, 3, 1, 201)
			o := h.get(4, 5, 1)
			o.Req.Signed = true
			o.Resp.Header.Del("X-Object-Meta-Put")
		}, ""},
		{"no metadata", func(h hist) {
			h.put(1, 3, 1, 201)
			h.get(4, 5, 1).Resp.Header.Del("X-Object-Meta-Put")
		}, "metadata"},
	}, func(h hist) []Violation { return append(Integrity(h.History), NoLie(h.History)...) })
}
