package builder

import (
	"fmt"
	"math"
	"slices"

	"apus/impl/ring/builder/pyrandom"
	"apus/impl/swift"
)

// maxGathers is how often a Rebalance picks up replicas for balance's sake.
const maxGathers = 3

// Result is what a Rebalance did.
type Result struct {
	Changed int     // replicas that are on another device than before
	Balance float64 // see Balance
	Removed int     // devices that left
}

// Rebalance assigns partitions. It makes the assignment better, not perfect:
// a big change takes several calls, min-part-hours apart. An error leaves the
// builder as it was.
func (b *Builder) Rebalance(seed Seed) (Result, error) {
	usable := 0
	for _, d := range b.devs {
		if d != nil && d.Weight > 0 {
			usable++
		}
	}
	if float64(usable) < b.replicas {
		return Result{}, swift.E("builder.Rebalance", "", swift.Invalid,
			fmt.Errorf("Replica count of %g requires more than %d devices", b.replicas, usable)) //nolint:staticcheck // upstream's words
	}
	next := b.clone()
	res, err := next.rebalance(seed.random(), b.rows)
	if err != nil {
		return Result{}, err
	}
	*b = *next
	return res, nil
}

// clone is a copy that shares nothing that a Rebalance changes.
func (b *Builder) clone() *Builder {
	c := *b
	c.devs = slices.Clone(b.devs)
	for i, d := range c.devs {
		if d != nil {
			dup := *d
			c.devs[i] = &dup
		}
	}
	c.rows = slices.Clone(b.rows)
	for i := range c.rows {
		c.rows[i] = slices.Clone(b.rows[i])
	}
	c.lastMoves = slices.Clone(b.lastMoves)
	c.removed = slices.Clone(b.removed)
	return &c
}

func (b *Builder) rebalance(rng *pyrandom.Random, old [][]uint32) (Result, error) {
	b.age()
	r := &round{Builder: b, tree: b.tree(), moved: make([]bool, b.Partitions())}
	r.at.n = make([]int32, len(r.tree.tiers))
	r.reset()
	var err error
	if r.plan, err = b.plan(r.tree); err != nil {
		return Result{}, err
	}
	if err := b.setWanted(r.tree, r.plan); err != nil {
		return Result{}, err
	}
	if b.rows == nil {
		b.idBytes = idBytesFor(max(len(b.devs)-1, 0))
	}
	whole, fraction := math.Modf(b.replicas)
	r.fitRows(b.rowLengths(whole, fraction))
	r.gatherRemoved()
	r.gatherCrowded()
	removed := r.dropRemoved()
	if err := r.improve(rng); err != nil {
		return Result{}, err
	}
	b.devsChanged = false
	changed := b.countDispersion(old)
	balance, err := b.Balance()
	return Result{Changed: changed, Balance: balance, Removed: removed}, err
}

// improve gathers and assigns until no device has too much, or a few times.
func (r *round) improve(rng *pyrandom.Random) error {
	parts := r.Partitions()
	for i := range maxGathers {
		start := int(r.gatherStart) + parts/4 + int(rng.Between(uint32(parts/2)))
		start &= parts - 1
		r.gatherStart = int64(start)
		r.gatherForBalance(start, i == 0)
		if len(r.todo.order) == 0 {
			return nil // nothing may move
		}
		if err := r.assign(rng); err != nil {
			return err
		}
		r.reset()
		if !slices.ContainsFunc(r.devs, func(d *Device) bool { return d != nil && d.PartsWanted < 0 }) {
			return nil
		}
	}
	return nil
}

// age adds the hours since the last moves to every partition.
func (b *Builder) age() {
	b.ensureMoves()
	hours := b.elapsed() / secondsAHour
	if hours <= 0 {
		return
	}
	for part, h := range b.lastMoves {
		b.lastMoves[part] = uint8(min(int64(h)+hours, longAgo))
	}
	b.epoch = b.clock().Unix()
}

// rowLengths is how many partitions each row has.
func (b *Builder) rowLengths(whole, fraction float64) []int {
	var out []int
	for range int(whole) {
		out = append(out, b.Partitions())
	}
	if fraction > 0 {
		out = append(out, int(float64(b.Partitions())*fraction))
	}
	return out
}
