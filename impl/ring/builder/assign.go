package builder

import (
	"cmp"
	"fmt"
	"slices"

	"apus/impl/ring/builder/pyrandom"
	"apus/impl/swift"
)

// assigner finds homes. The order of the children of a node is fixed for a
// whole pass; among equals the first is taken.
type assigner struct {
	*round
	ordered   [][]int32
	available []float64 // by node: how many partitions may still go there
}

// assign gives every gathered replica a home: at each level the roomiest tier
// among those that have not got their most.
func (r *round) assign(rng *pyrandom.Random) error {
	order := r.todo.order
	rng.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
	a := assigner{round: r, available: r.demand().own}
	a.order(rng)
	for _, part := range order {
		r.lastMoves[part] = 0
		r.count(int(part))
		for _, replica := range r.todo.replicas[part] {
			if err := a.settle(int(part), int(replica)); err != nil {
				return err
			}
		}
	}
	return nil
}

// order sorts devices by what they want, drawing lots among equals, and tiers
// by their last device.
func (a *assigner) order(rng *pyrandom.Random) {
	type ranked struct {
		wanted float64
		lot    uint32
		id     int
	}
	var devs []ranked
	for id, d := range a.devs {
		if d == nil {
			continue
		}
		lot := rng.Between(0xffff)
		if d.Weight > 0 {
			devs = append(devs, ranked{d.PartsWanted, lot, id})
		}
	}
	slices.SortFunc(devs, func(x, y ranked) int {
		return cmp.Or(cmp.Compare(x.wanted, y.wanted), cmp.Compare(x.lot, y.lot), cmp.Compare(x.id, y.id))
	})
	rank := make([]int, len(a.tree.tiers))
	for i, d := range devs {
		for _, n := range a.tree.path[d.id] {
			rank[n] = i
		}
	}
	a.ordered = make([][]int32, len(a.tree.children))
	for n, c := range a.tree.children {
		a.ordered[n] = slices.Clone(c)
		slices.SortFunc(a.ordered[n], func(x, y int32) int { return rank[x] - rank[y] })
	}
}

func (a *assigner) settle(part, replica int) error {
	n := int32(root)
	for range depths {
		best := int32(-1)
		for _, c := range a.ordered[n] {
			if a.at.n[c] < a.plan.max[c] && (best < 0 || a.available[c] > a.available[best]) {
				best = c
			}
		}
		if best < 0 {
			return swift.E("builder.Rebalance", "", swift.Other, fmt.Errorf("no home for %d/%d", part, replica))
		}
		n = best
	}
	id := a.tree.tiers[n].ID
	d := a.devs[id]
	d.PartsWanted--
	d.Parts++
	path := &a.tree.path[id]
	for _, p := range path {
		a.available[p]--
	}
	a.at.add(path, 1)
	a.rows[replica][part] = uint32(id)
	return nil
}
