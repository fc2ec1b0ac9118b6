package check

import (
	"apus/sim/model"

	"github.com/anishathalye/porcupine"
)

// objectModel is one object of one object server; see ObjectNode.
func objectModel() porcupine.Model {
	return nodeModel(func(s facts, in nodeInput) []facts {
		switch in.kind {
		case nodeCrash:
			if in.powerCut {
				return s.powerCut()
			}
			return []facts{s}
		case model.NodeGet:
			return only(s, s.explains(in))
		case model.NodePut:
			return s.put(in)
		case model.NodePost:
			return s.postStep(in)
		case model.NodeDelete:
			return s.remove(in)
		}
		panic("check: object server was asked to " + string(in.kind))
	})
}

// only is s if ok, no state otherwise.
func only(s facts, ok bool) []facts {
	if !ok {
		return nil
	}
	return []facts{s}
}

// explains reports whether a GET of the state gives what was seen.
func (s facts) explains(in nodeInput) bool {
	d := s.newest()
	if in.status == 404 {
		return d.kind == tombstone && (in.stamp == "" || in.stamp == d.ts.Normal())
	}
	return d.kind == data && d.value == in.seen && s.post().value == in.post && s.stamp().Normal() == in.stamp
}

// maybe is a write of unknown outcome: it takes effect or does not.
func (s facts) maybe(effect []facts) []facts { return append([]facts{s}, effect...) }

func (s facts) put(in nodeInput) []facts {
	newer := in.ts.After(s.newest().ts)
	switch {
	case !in.acked && newer:
		return s.maybe([]facts{s.with(fact{in.ts, in.value, data, true})})
	case !in.acked:
		return []facts{s}
	case in.status == 201 && newer:
		return []facts{s.with(fact{in.ts, in.value, data, false})}
	}
	return only(s, in.status == 409 && !newer)
}

func (s facts) postStep(in nodeInput) []facts {
	live, newer := s.newest().kind == data, in.ts.After(s.stamp())
	switch {
	case !in.acked && live && newer:
		return s.maybe([]facts{s.with(fact{in.ts, in.value, metadata, true})})
	case !in.acked:
		return []facts{s}
	case in.status == 202 && live && newer:
		return []facts{s.with(fact{in.ts, in.value, metadata, false})}
	}
	return only(s, in.status == 409 && live && !newer || in.status == 404 && !live)
}

func (s facts) remove(in nodeInput) []facts {
	d := s.newest()
	live, newer := d.kind == data, in.ts.After(d.ts)
	var effect []facts
	if newer {
		effect = s.bury(fact{in.ts, 0, tombstone, !in.acked})
	}
	switch {
	case !in.acked:
		return s.maybe(effect)
	case in.status == 409:
		return only(s, live && !newer)
	case in.status != 204 && in.status != 404:
		return nil
	case !in.loose && (in.status == 204) != (live && newer) && (live || in.status == 204):
		return nil
	case newer:
		return effect
	}
	return only(s, in.loose || !live)
}

// bury adds a tombstone. Metadata newer than it may stay on disk, to count
// again should older data than they come later, or be cleaned up with the rest.
func (s facts) bury(f fact) []facts {
	kept := s.with(f)
	cleaned := kept.filter(func(g fact) bool { return g.kind != metadata || g.volatile })
	if kept.equal(cleaned) {
		return []facts{kept}
	}
	return []facts{kept, cleaned}
}

// rowModel is one name in one container of one container server; see
// ContainerNode.
func rowModel(lax bool) porcupine.Model {
	return nodeModel(func(s facts, in nodeInput) []facts {
		f := fact{in.ts, in.value, data, !in.acked || lax}
		switch in.kind {
		case nodeCrash:
			if in.powerCut {
				return s.powerCut()
			}
			return []facts{s}
		case model.RowList:
			d := s.newest()
			return only(s, d.kind == tombstone && in.seen == 0 || d.kind == data && d.value == in.seen)
		case model.RowDelete:
			f.kind = tombstone
		}
		effect := []facts{s}
		if in.ts.After(s.newest().ts) {
			effect = []facts{s.with(f)}
		}
		if !in.acked {
			return s.maybe(effect)
		}
		return only(effect[0], in.status/100 == 2)
	})
}
