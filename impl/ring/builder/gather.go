package builder

import "slices"

// gathered is replicas that need a home, by partition in the order in which
// partitions were first met.
type gathered struct {
	order    []int32
	replicas map[int32][]int32
}

func (g *gathered) add(part int, replica int) {
	p := int32(part)
	rs, ok := g.replicas[p]
	if !ok {
		g.order = append(g.order, p)
	}
	g.replicas[p] = append(rs, int32(replica))
}

// round is the state of one Rebalance.
type round struct {
	*Builder
	tree  *tree
	plan  *plan
	moved []bool // by partition: picked up in this Rebalance
	todo  gathered
	at    counter
}

func (r *round) reset() { r.todo = gathered{replicas: map[int32][]int32{}} }

// counter counts the replicas of one partition at each node.
type counter struct {
	n    []int32
	used []int32
}

func (c *counter) clear() {
	for _, n := range c.used {
		c.n[n] = 0
	}
	c.used = c.used[:0]
}

func (c *counter) add(path *[depths]int32, by int32) {
	for _, n := range path {
		if c.n[n] == 0 {
			c.used = append(c.used, n)
		}
		c.n[n] += by
	}
}

// count counts the replicas of a partition that have a home.
func (r *round) count(part int) {
	r.at.clear()
	for _, row := range r.rows {
		if part < len(row) && row[part] != none {
			r.at.add(&r.tree.path[row[part]], 1)
		}
	}
}

func (r *round) mayMove(part int) bool {
	return int(r.lastMoves[part]) >= r.minPartHours && !r.moved[part]
}

func (r *round) markMoved(part int) {
	r.lastMoves[part] = 0
	r.moved[part] = true
}

// pickUp takes a replica from its device.
func (r *round) pickUp(part, replica int) *Device {
	d := r.devs[r.rows[replica][part]]
	d.PartsWanted++
	d.Parts--
	r.rows[replica][part] = none
	r.todo.add(part, replica)
	r.markMoved(part)
	return d
}

// fitRows makes rows as long as the number of replicas asks for.
func (r *round) fitRows(lengths []int) {
	for _, row := range r.rows[min(len(lengths), len(r.rows)):] {
		r.drop(row)
	}
	r.rows = r.rows[:min(len(lengths), len(r.rows))]
	for replica, length := range lengths {
		if replica == len(r.rows) {
			r.rows = append(r.rows, make([]uint32, 0, length))
		}
		row := r.rows[replica]
		if len(row) > length {
			r.drop(row[length:])
			row = row[:length]
		}
		for part := len(row); part < length; part++ {
			row = append(row, none)
			r.todo.add(part, replica)
		}
		r.rows[replica] = row
	}
}

func (r *round) drop(row []uint32) {
	for _, id := range row {
		if id != none {
			r.devs[id].Parts--
		}
	}
}

// gatherRemoved picks up what is on removed devices.
func (r *round) gatherRemoved() {
	gone := make([]bool, len(r.devs))
	any := false
	for _, id := range r.removed {
		gone[id] = r.devs[id].Parts > 0
		any = any || gone[id]
	}
	if !any {
		return
	}
	for replica, row := range r.rows {
		for part, id := range row {
			if id != none && gone[id] {
				row[part] = none
				r.markMoved(part)
				r.todo.add(part, replica)
			}
		}
	}
}

// dropRemoved takes removed devices off the list.
func (r *round) dropRemoved() int {
	for _, id := range r.removed {
		r.devs[id] = nil
	}
	n := len(r.removed)
	r.removed = nil
	for len(r.devs) > 0 && r.devs[len(r.devs)-1] == nil {
		r.devs = r.devs[:len(r.devs)-1]
	}
	// Narrow ids only when they will not need to be wide again soon.
	if r.DevIDBytes() == 4 && len(r.devs) < 0xffff/2 {
		r.SetDevIDBytes(2)
	}
	return n
}

// leastWanted sorts the replicas of a partition that want to leave, those on
// the devices that want most to be rid of some first.
func (r *round) leastWanted(part int, replicas []int) {
	slices.SortStableFunc(replicas, func(a, b int) int {
		x, y := r.devs[r.rows[a][part]].PartsWanted, r.devs[r.rows[b][part]].PartsWanted
		switch {
		case x < y:
			return -1
		case x > y:
			return 1
		}
		return 0
	})
}

// gatherCrowded picks up replicas that are closer together than planned.
func (r *round) gatherCrowded() {
	var crowded []int
	for part := range r.Partitions() {
		if !r.mayMove(part) {
			continue
		}
		r.count(part)
		crowded = crowded[:0]
		for replica, row := range r.rows {
			if part >= len(row) || row[part] == none {
				continue
			}
			for _, n := range r.tree.path[row[part]] {
				if r.at.n[n] > r.plan.max[n] {
					crowded = append(crowded, replica)
					break
				}
			}
		}
		r.leastWanted(part, crowded)
		for _, replica := range crowded {
			path := &r.tree.path[r.rows[replica][part]]
			// Two replicas on one device are parted without delay.
			if !r.mayMove(part) && r.at.n[path[depths-1]] <= 1 {
				continue
			}
			r.pickUp(part, replica)
			r.at.add(path, -1)
		}
	}
}

// gatherForBalance picks up replicas from devices that have too many. The
// first time it takes only what can go to another tier.
func (r *round) gatherForBalance(start int, first bool) {
	if first {
		r.gatherDispersible(start)
	}
	for offset := range r.Partitions() {
		part := (start + offset) & (r.Partitions() - 1)
		if !r.mayMove(part) {
			continue
		}
		best := -1
		for replica, row := range r.rows {
			if part >= len(row) || row[part] == none {
				continue
			}
			w := r.devs[row[part]].PartsWanted
			if w < 0 && (best < 0 || w < r.devs[r.rows[best][part]].PartsWanted) {
				best = replica
			}
		}
		if best >= 0 {
			r.pickUp(part, best)
		}
	}
}

// demand is how many partitions the devices of a node want, and the sum of it
// over the children that have weight.
type demand struct{ own, below []float64 }

func (r *round) demand() *demand {
	d := &demand{own: make([]float64, len(r.tree.tiers)), below: make([]float64, len(r.tree.tiers))}
	for id, dev := range r.devs {
		if dev != nil {
			d.add(r.tree, id, max(dev.PartsWanted, 0))
		}
	}
	return d
}

func (d *demand) add(t *tree, id int, by float64) {
	for _, n := range t.path[id] {
		d.own[n] += by
		if t.weighted[n] {
			d.below[t.parent[n]] += by
		}
	}
}

func (r *round) gatherDispersible(start int) {
	want := r.demand()
	var heavy []int
	for offset := range r.Partitions() {
		part := (start + offset) & (r.Partitions() - 1)
		if !r.mayMove(part) {
			continue
		}
		heavy = heavy[:0]
		for replica, row := range r.rows {
			if part < len(row) && row[part] != none && r.devs[row[part]].PartsWanted < 0 {
				heavy = append(heavy, replica)
			}
		}
		if len(heavy) == 0 {
			continue
		}
		r.count(part)
		r.leastWanted(part, heavy)
		for _, replica := range heavy {
			id := int(r.rows[replica][part])
			if r.canShed(id, want) {
				r.pickUp(part, replica)
				want.add(r.tree, id, -1)
				break
			}
		}
	}
}

// canShed reports whether a replica may leave its tiers, and devices beside
// the one where it would get stuck want it.
func (r *round) canShed(id int, want *demand) bool {
	path := &r.tree.path[id]
	for _, n := range path {
		if at := r.at.n[n]; r.plan.min[n] <= at && at < r.plan.max[n] {
			return false
		}
	}
	stuck := 0
	for i := depths - 1; i > 0; i-- {
		if r.at.n[path[i]]-1 < r.plan.min[path[i]] {
			stuck = i
			break
		}
	}
	beside := want.below[path[stuck]]
	if stuck+1 < depths && r.tree.weighted[path[stuck+1]] {
		beside -= want.own[path[stuck+1]]
	}
	return beside > 0
}
