package builder

import (
	"slices"
	"time"

	"apus/impl/ring"
)

// settle moves a partition towards the devices it should be on: all that is
// unassigned, else at most one replica. Replicas that stay keep their row.
func (b *Builder) settle(part int, want []uint16) {
	var empty, leaving []int // rows
	have := b.replicasOf(part)
	for r, row := range b.rows {
		switch {
		case part >= len(row):
		case row[part] == ring.NoDevice:
			empty = append(empty, r)
		case !slices.Contains(want, row[part]):
			leaving = append(leaving, r)
		}
	}
	var entering []uint16
	for _, d := range want {
		if !slices.Contains(have, d) {
			entering = append(entering, d)
		}
	}
	if len(empty) > 0 {
		for _, r := range empty {
			best := 0
			for i := range entering {
				if b.closeness(entering[i], have) < b.closeness(entering[best], have) {
					best = i
				}
			}
			b.rows[r][part] = entering[best]
			have = append(have, entering[best])
			entering = slices.Delete(entering, best, best+1)
		}
		b.moved[part] = b.now
		return
	}
	if len(leaving) == 0 || !b.mayMove(part) {
		return
	}
	r, d := b.bestMove(part, have, leaving, entering)
	b.rows[r][part] = d
	b.moved[part] = b.now
}

func (b *Builder) mayMove(part int) bool {
	return b.moved[part] < 0 || b.now-b.moved[part] >= time.Duration(b.minPartHours)*time.Hour
}

// bestMove is the row and the device that leave the replicas farthest apart.
func (b *Builder) bestMove(part int, have []uint16, leaving []int, entering []uint16) (row int, dev uint16) {
	best := -1
	for _, r := range leaving {
		others := slices.DeleteFunc(slices.Clone(have), func(d uint16) bool { return d == b.rows[r][part] })
		for _, d := range entering {
			score := b.closeness(d, others)
			for i, o := range others {
				score += b.closeness(o, others[i+1:])
			}
			if best < 0 || score < best {
				best, row, dev = score, r, d
			}
		}
	}
	return row, dev
}

// closeness is how much a device shares with others.
func (b *Builder) closeness(dev uint16, others []uint16) int {
	const sameRegion, sameZone, sameHost = 1, 10, 100
	score, d := 0, b.devs[dev]
	for _, other := range others {
		o := b.devs[other]
		switch {
		case d.Region != o.Region:
		case d.Zone != o.Zone:
			score += sameRegion
		case d.IP != o.IP:
			score += sameZone
		default:
			score += sameHost
		}
	}
	return score
}
