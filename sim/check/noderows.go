package check

import (
	"apus/impl/swift"
	"apus/sim/model"

	"github.com/anishathalye/porcupine"
)

// rowModel is one name in one container of one container server; see
// ContainerNode. A fact is one update with its three times; what is durable is
// joined into one.
func rowModel(lax bool) porcupine.Model {
	return nodeModel(func(s facts, in nodeInput) []facts {
		switch in.kind {
		case nodeCrash:
			return s.crash(in.powerCut, facts.join)
		case model.RowList:
			return only(s, s.lists(in.row))
		}
		f := in.write
		f.volatile = !in.acked || lax
		effect := s.join(f)
		if !in.acked {
			return s.maybe([]facts{effect})
		}
		return only(effect, in.status/100 == 2)
	})
}

// shown is what the server makes of all updates, durable or not.
func (s facts) shown() fact {
	all := fact{kind: tombstone}
	for _, f := range s {
		all = joined(all, f)
	}
	return all
}

// joined takes each of the three parts from the update that is newer in it.
func joined(a, b fact) fact {
	if b.ts.After(a.ts) {
		a.ts, a.value, a.kind = b.ts, b.value, b.kind
	}
	if b.typed.After(a.typed) {
		a.typed, a.typ = b.typed, b.typ
	}
	if b.meta.After(a.meta) {
		a.meta = b.meta
	}
	return a
}

func (s facts) lists(row model.NodeRow) bool {
	all := s.shown()
	if all.kind == tombstone {
		return row.Value == 0
	}
	return row.Value == all.value && row.Type == all.typ && row.Modified == all.meta.ISO()
}

// join adds an update: a durable one to what is durable, a volatile one
// beside it unless it is older in every part.
func (s facts) join(f fact) facts {
	durable := fact{kind: tombstone}
	var volatile facts
	for _, g := range append(append(facts{}, s...), f) {
		if g.volatile {
			volatile = append(volatile, g)
		} else {
			durable = joined(durable, g)
		}
	}
	out := volatile.filter(func(g fact) bool { return g.newerThan(durable) })
	if durable.ts.IsZero() {
		return out
	}
	return append(out, durable).filter(func(fact) bool { return true })
}

func (f fact) newerThan(g fact) bool {
	return f.ts.After(g.ts) || f.typed.After(g.typed) || f.meta.After(g.meta)
}

// databaseModel is one container as a whole; see DatabaseNode.
func databaseModel() porcupine.Model {
	return nodeModel(func(s facts, in nodeInput) []facts {
		put, removed := s.times()
		live := there(put, removed)
		switch in.kind {
		case nodeCrash:
			return s.crash(in.powerCut, facts.register)
		case model.DBHead:
			if in.status == 404 {
				return only(s, !live)
			}
			return only(s, live && in.op.SeenStamp == put.Normal())
		}
		effect := s.register(in.write)
		if in.kind == model.DBPost {
			switch {
			case !live:
				return only(s, !in.acked || in.status == 404)
			case !in.acked:
				return s.maybe([]facts{effect})
			}
			return only(effect, in.status == 204)
		}
		if in.kind == model.DBDelete && put.IsZero() {
			effect = s // there is no database to write into
		}
		if !in.acked {
			return s.maybe([]facts{effect})
		}
		newPut, newRemoved := effect.times()
		stays := there(newPut, newRemoved)
		want := map[bool]map[bool]int{ // [was there][is there]
			false: {false: 404, true: 404}, true: {false: 204, true: 409},
		}
		if in.kind == model.DBPut {
			want = map[bool]map[bool]int{false: {false: 409, true: 201}, true: {true: 202, false: 409}}
		}
		if in.status == want[live][stays] {
			return []facts{effect}
		}
		known := in.status == 404 || in.status == 409 || in.status/100 == 2
		return only(effect, in.loose && known && (in.status == 409) == (stays == (in.kind == model.DBDelete)))
	})
}

// there reports whether a container with these times is there.
func there(put, removed swift.Timestamp) bool { return !put.IsZero() && !removed.After(put) }

// times are those of the newest PUT and DELETE of a container.
func (s facts) times() (put, removed swift.Timestamp) {
	for _, f := range s {
		if f.kind == data && f.ts.After(put) {
			put = f.ts
		}
		if f.kind == tombstone && f.ts.After(removed) {
			removed = f.ts
		}
	}
	return put, removed
}

// register adds a PUT or DELETE of a container, of each of which only the newest
// counts.
func (s facts) register(f fact) facts {
	all := append(append(facts{}, s...), f)
	return all.filter(func(g fact) bool {
		for _, h := range all {
			if h.kind == g.kind && !h.volatile && h.ts.After(g.ts) {
				return false
			}
		}
		return true
	})
}
