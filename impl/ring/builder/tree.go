package builder

import (
	"math"
	"slices"
	"sort"

	"apus/impl/ring"
)

// node is one tier: the cluster, a region, a zone, a host, or at the leaves a
// device.
type node struct {
	children []*node
	devices  map[uint16]bool // of the whole subtree
	weight   float64
	total    int // replicas it shall hold
	most     int // of one partition
	device   uint16
}

// tree sorts every usable device into its tiers. Children are in the order of
// their keys, so that the tree is the same on every machine.
func (b *Builder) tree() *node {
	var devs []*ring.Device
	for id, d := range b.devs {
		if d != nil && !b.gone[id] && d.Weight > 0 {
			devs = append(devs, d)
		}
	}
	return grow(devs, []func(a, b *ring.Device) int{
		func(a, b *ring.Device) int { return a.Region - b.Region },
		func(a, b *ring.Device) int { return a.Zone - b.Zone },
		func(a, b *ring.Device) int {
			switch {
			case a.IP < b.IP:
				return -1
			case a.IP > b.IP:
				return 1
			}
			return 0
		},
		func(a, b *ring.Device) int { return a.ID - b.ID },
	})
}

func grow(devs []*ring.Device, tiers []func(a, b *ring.Device) int) *node {
	n := &node{devices: map[uint16]bool{}}
	for _, d := range devs {
		n.devices[uint16(d.ID)] = true
		n.weight += d.Weight
	}
	if len(tiers) == 0 {
		n.device = uint16(devs[0].ID)
		return n
	}
	slices.SortStableFunc(devs, tiers[0])
	for len(devs) > 0 {
		end := 1
		for end < len(devs) && tiers[0](devs[0], devs[end]) == 0 {
			end++
		}
		n.children = append(n.children, grow(devs[:end:end], tiers[1:]))
		devs = devs[end:]
	}
	return n
}

// bound gives every node its total and its most, from how many replicas each
// partition has in this one. A child's total lies between the even shares of
// rule 1 and is otherwise proportional to its weight.
func (n *node) bound(quotas []int) {
	n.total = 0
	for _, q := range quotas {
		n.total += q
	}
	n.most = (n.total + len(quotas) - 1) / len(quotas)
	n.boundBelow(len(quotas))
}

func (n *node) boundBelow(parts int) {
	least, most := n.total/parts, (n.total+parts-1)/parts
	if len(n.children) == 0 {
		return
	}
	lo, hi := make([]int, len(n.children)), make([]int, len(n.children))
	low, high := n.level(least, false), n.level(most, true)
	for i, c := range n.children {
		lo[i] = min(low, len(c.devices)) * parts
		hi[i] = min(high, len(c.devices)) * parts
	}
	totals := share(n.total, n.children, lo, hi)
	for i, c := range n.children {
		c.total, c.most = totals[i], min(high, len(c.devices))
		c.boundBelow(parts)
	}
}

// level spreads replicas evenly over the children, each taking at most as
// many as it has devices: the level up to which all can be filled, or, with
// up, the level that is enough for all replicas.
func (n *node) level(replicas int, up bool) int {
	filled := func(level int) int {
		sum := 0
		for _, c := range n.children {
			sum += min(level, len(c.devices))
		}
		return sum
	}
	level := 0
	for filled(level) < replicas {
		level++
	}
	if !up && filled(level) > replicas {
		level--
	}
	return level
}

// share splits total in proportion to weight, child i getting from lo[i] to
// hi[i].
func share(total int, children []*node, lo, hi []int) []int {
	ideal := func(i int, rate float64) float64 {
		return min(max(rate*children[i].weight, float64(lo[i])), float64(hi[i]))
	}
	sum := func(rate float64) (s float64) {
		for i := range children {
			s += ideal(i, rate)
		}
		return s
	}
	low, high := 0.0, 1.0
	lightest := math.Inf(1)
	for _, c := range children {
		lightest = min(lightest, c.weight)
	}
	for high*lightest < float64(total) && !math.IsInf(high, 1) {
		high *= 2 // at such a rate every child is at its bound
	}
	for range 200 {
		if mid := low + (high-low)/2; sum(mid) < float64(total) {
			low = mid
		} else {
			high = mid
		}
	}
	return roundTo(total, children, func(i int) float64 { return ideal(i, high) }, lo, hi)
}

// roundTo makes whole numbers of ideals, largest remainders up, whose sum is
// total.
func roundTo(total int, children []*node, ideal func(int) float64, lo, hi []int) []int {
	out := make([]int, len(children))
	order := make([]int, len(children))
	rest := total
	for i := range children {
		order[i] = i
		out[i] = min(max(int(ideal(i)), lo[i]), hi[i])
		rest -= out[i]
	}
	remainder := func(i int) float64 { return ideal(i) - float64(out[i]) }
	sort.SliceStable(order, func(a, b int) bool { return remainder(order[a]) > remainder(order[b]) })
	for rest != 0 {
		before := rest
		for _, i := range order {
			switch {
			case rest > 0 && out[i] < hi[i]:
				out[i]++
				rest--
			case rest < 0 && out[i] > lo[i]:
				out[i]--
				rest++
			}
		}
		if rest == before {
			panic("builder: totals cannot be met within their bounds")
		}
	}
	return out
}

// crowded reports whether a partition with these replicas has more of them in
// one place than rule 1 allows.
func (n *node) crowded(devs []uint16) bool {
	here := 0
	for _, d := range devs {
		if n.devices[d] {
			here++
		}
	}
	if here > n.most {
		return true
	}
	for _, c := range n.children {
		if c.crowded(devs) {
			return true
		}
	}
	return false
}
