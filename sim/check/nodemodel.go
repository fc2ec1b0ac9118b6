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
			return s.crash(in.powerCut, facts.with)
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

// maybe is a write of unknown outcome: it takes effect or does not.
func (s facts) maybe(effect []facts) []facts { return append([]facts{s}, effect...) }

// explains reports whether a GET of the state gives what was seen.
func (s facts) explains(in nodeInput) bool {
	d, seen := s.newest(), in.op
	if in.status == 404 {
		return d.kind == tombstone && (seen.SeenStamp == "" || seen.SeenStamp == d.ts.Normal())
	}
	return d.kind == data && d.value == seen.Seen && s.post().value == seen.SeenPost && s.stamp().Normal() == seen.SeenStamp &&
		s.typed().typ == seen.SeenType && s.until() == seen.SeenUntil
}

func (s facts) put(in nodeInput) []facts {
	d := s.newest()
	newer := in.write.ts.After(d.ts)
	barred := in.op.IfNone && d.kind == data
	effect := []facts{s.with(in.write)}
	switch {
	case !in.acked && newer && !in.op.BadETag && (!barred || in.loose):
		return s.maybe(effect)
	case !in.acked:
		return []facts{s}
	case in.status == 412:
		return only(s, in.op.IfNone && (barred || in.loose))
	case in.status == 422:
		return only(s, in.op.BadETag && (in.loose || newer && !barred))
	case in.status == 409:
		return only(s, !newer && (in.loose || !barred))
	case in.status == 201 && newer && !in.op.BadETag && (!barred || in.loose):
		return effect
	}
	return nil
}

func (s facts) postStep(in nodeInput) []facts {
	live, newer := s.newest().kind == data, in.write.ts.After(s.stamp())
	retyped := in.op.Type != 0 && in.write.typed.After(s.typed().typed)
	f, have := in.write, s.typed()
	if !newer { // the metadata stay, with another content type
		p := s.post()
		f.ts, f.value, f.until = p.ts, p.value, p.until
	}
	if !retyped {
		f.typ, f.typed = have.typ, have.typed
	}
	takes := live && (newer || retyped)
	switch {
	case !in.acked && takes:
		return s.maybe([]facts{s.with(f)})
	case !in.acked:
		return []facts{s}
	case in.status == 202 && takes:
		return []facts{s.with(f)}
	}
	return only(s, in.status == 409 && live && !takes || in.status == 404 && !live)
}

func (s facts) remove(in nodeInput) []facts {
	d := s.newest()
	live, newer := d.kind == data, in.write.ts.After(d.ts)
	var effect []facts
	if newer {
		effect = s.bury(in.write)
	}
	if in.op.IfDeleteAt != 0 {
		return s.removeIf(in, d, effect)
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

// removeIf is a DELETE that expects an expiry, as the expirer sends it.
func (s facts) removeIf(in nodeInput, d fact, effect []facts) []facts {
	expected := d.kind == data && s.until() == in.op.IfDeleteAt
	switch {
	case !in.acked && (expected || in.loose):
		return s.maybe(effect)
	case !in.acked:
		return []facts{s}
	case in.status == 404:
		return only(s, in.loose || d.ts.IsZero())
	case in.status == 409:
		return only(s, effect == nil && !d.ts.IsZero())
	case in.status == 412:
		return only(s, in.loose || effect != nil && !expected)
	case in.status == 204 && (expected || in.loose):
		return effect
	}
	return nil
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
