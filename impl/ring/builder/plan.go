package builder

import (
	"math/rand/v2"

	"apus/impl/ring"
)

// plan is, for every partition, the devices it should be on: all three rules
// as far as they do not limit the number of moves at once.
func (b *Builder) plan(rng *rand.Rand) [][]uint16 {
	p := &planner{rng: rng, have: make([][]uint16, b.partitions()), want: make([][]uint16, b.partitions())}
	for part := range p.have {
		p.have[part] = b.replicasOf(part)
	}
	p.childOf = make([]int, len(b.devs))
	quotas := b.quotas()
	root := b.tree()
	root.bound(quotas)
	p.fill(root, quotas)
	return p.want
}

// quotas is how many replicas each partition has.
func (b *Builder) quotas() []int {
	q := make([]int, b.partitions())
	for _, row := range b.rows {
		for part := range row {
			q[part]++
		}
	}
	return q
}

// replicasOf is the devices a partition is on.
func (b *Builder) replicasOf(part int) []uint16 {
	var out []uint16
	for _, row := range b.rows {
		if part < len(row) && row[part] != ring.NoDevice {
			out = append(out, row[part])
		}
	}
	return out
}

type planner struct {
	rng        *rand.Rand
	have, want [][]uint16 // by partition
	childOf    []int      // scratch: device → child of the node at hand
}

// fill distributes the replicas that quotas give a node over its children.
// Child i gets of every partition either base[i] or one more, so the whole
// question is a 0/1 matrix with given sums of rows and columns. As the sums
// of the rows differ by at most one, such a matrix always exists.
func (p *planner) fill(n *node, quotas []int) {
	if len(n.children) == 0 {
		for part, q := range quotas {
			if q > 0 {
				p.want[part] = append(p.want[part], n.device)
			}
		}
		return
	}
	m := p.matrix(n, quotas)
	m.fixRows()
	m.fixColumns()
	for i, c := range n.children {
		below := make([]int, len(quotas))
		for part := range below {
			below[part] = m.base[i]
			if m.one[part][i] {
				below[part]++
			}
		}
		p.fill(c, below)
	}
}

// matrix holds, for partition and child, whether the child gets one replica
// more than its base. surplus counts the ones of a column beyond its sum.
type matrix struct {
	rng     *rand.Rand
	base    []int
	surplus []int
	need    []int // sum of each row
	one     [][]bool
	kept    [][]bool // the ones that are there already: better left alone
	order   []int    // of rows, shuffled
}

// matrix starts from the assignment as it is, whatever its sums.
func (p *planner) matrix(n *node, quotas []int) *matrix {
	parts, k := len(quotas), len(n.children)
	m := &matrix{rng: p.rng, base: make([]int, k), surplus: make([]int, k), need: make([]int, parts),
		one: make([][]bool, parts), kept: make([][]bool, parts), order: p.rng.Perm(parts)}
	for d := range p.childOf {
		p.childOf[d] = -1
	}
	bases := 0
	for i, c := range n.children {
		for d := range c.devices {
			p.childOf[d] = i
		}
		m.base[i] = c.total / parts
		m.surplus[i] = -(c.total % parts)
		bases += m.base[i]
	}
	cells := make([]bool, 2*parts*k)
	here := make([]int, k)
	for part := range parts {
		m.one[part], m.kept[part], cells = cells[:k:k], cells[k:2*k:2*k], cells[2*k:]
		m.need[part] = quotas[part] - bases
		clear(here)
		for _, d := range p.have[part] {
			if i := p.childOf[d]; i >= 0 {
				here[i]++
			}
		}
		for i := range here {
			if here[i] > m.base[i] {
				m.one[part][i], m.kept[part][i] = true, true
				m.surplus[i]++
				m.need[part]--
			}
		}
	}
	return m
}

// fixRows gives every row its sum: first where there are too many ones, so
// that the second pass knows what the columns still lack.
func (m *matrix) fixRows() {
	for _, part := range m.order {
		for ; m.need[part] < 0; m.need[part]++ {
			m.set(part, m.fullest(part), false)
		}
	}
	for _, part := range m.order {
		for ; m.need[part] > 0; m.need[part]-- {
			m.set(part, m.emptiest(part), true)
		}
	}
}

func (m *matrix) set(part, col int, v bool) {
	m.one[part][col] = v
	if v {
		m.surplus[col]++
	} else {
		m.surplus[col]--
		m.kept[part][col] = false
	}
}

// fullest is the column of a one whose column has the most too many.
func (m *matrix) fullest(part int) int {
	best := -1
	for i, one := range m.one[part] {
		if one && (best < 0 || m.surplus[i] > m.surplus[best]) {
			best = i
		}
	}
	return best
}

// emptiest draws the column of a zero, with a probability in proportion to
// what the column lacks. Drawing makes partitions meet in all combinations of
// devices, so that the load of a broken one spreads over all others.
func (m *matrix) emptiest(part int) int {
	lack, best := 0, -1
	for i, one := range m.one[part] {
		if one {
			continue
		}
		lack += max(-m.surplus[i], 0)
		if best < 0 || m.surplus[i] < m.surplus[best] {
			best = i
		}
	}
	if lack == 0 {
		return best
	}
	draw := m.rng.IntN(lack)
	for i, one := range m.one[part] {
		if one {
			continue
		}
		if draw -= max(-m.surplus[i], 0); draw < 0 {
			return i
		}
	}
	panic("builder: drew beyond the sum")
}

// fixColumns gives every column its sum without changing those of the rows:
// first by shifting ones that are new anyway, then kept ones, and what is
// left over chains of columns.
func (m *matrix) fixColumns() {
	for _, kept := range []bool{false, true} {
		for _, part := range m.order {
			for m.shift(part, kept) {
			}
		}
	}
	for i := range m.surplus {
		for m.surplus[i] > 0 {
			m.chain(i)
		}
	}
}

// shift moves a one of a row from a column with too many to one with too few.
func (m *matrix) shift(part int, kept bool) bool {
	from, to := -1, -1
	for i, one := range m.one[part] {
		switch {
		case one && m.surplus[i] > 0 && (kept || !m.kept[part][i]):
			from = i
		case !one && m.surplus[i] < 0 && (to < 0 || m.surplus[i] < m.surplus[to]):
			to = i
		}
	}
	if from < 0 || to < 0 {
		return false
	}
	m.set(part, from, false)
	m.set(part, to, true)
	return true
}

// chain moves one surplus of a column to a column that lacks, through rows
// that each shift by one column. The shortest chain disturbs least.
func (m *matrix) chain(start int) {
	type link struct{ from, part int }
	via := map[int]link{start: {-1, -1}}
	for queue := []int{start}; len(queue) > 0; queue = queue[1:] {
		from := queue[0]
		for _, part := range m.order {
			if !m.one[part][from] {
				continue
			}
			for to, one := range m.one[part] {
				if _, seen := via[to]; one || seen {
					continue
				}
				via[to] = link{from, part}
				if m.surplus[to] >= 0 {
					queue = append(queue, to)
					continue
				}
				for at := to; at != start; at = via[at].from {
					m.set(via[at].part, via[at].from, false)
					m.set(via[at].part, at, true)
				}
				return
			}
		}
	}
	panic("builder: a column cannot be balanced")
}
