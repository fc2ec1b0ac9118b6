package builder

import (
	"fmt"
	"math"
	"slices"

	"apus/impl/swift"
)

// TierCount is how replicas are spread at a tier.
type TierCount struct {
	Tier  Tier
	Parts []int // by number of replicas there: how many partitions
}

// TierReport is one line of the dispersion report.
type TierReport struct {
	Tier        Tier
	Name        string
	MaxReplicas int
	PlacedParts int
	Dispersion  float64 // percent
	Parts       []int   // by number of replicas there: how many partitions
}

// DispersionReport is sorted by tier.
type DispersionReport struct {
	Worst     float64 // percent
	WorstTier string  // "" when there is none
	Tiers     []TierReport
}

// countDispersion counts how replicas are spread, which makes a new version,
// and how many replicas are elsewhere than in old. Only partitions that have
// all replicas count, as upstream counts.
func (b *Builder) countDispersion(old [][]uint32) (changed int) {
	t := b.tree()
	most := t.maxReplicas(b.replicas, math.Ceil)
	at := counter{n: make([]int32, len(t.tiers))}
	slots := int(math.Ceil(b.replicas)) + 1
	hist := make([][]int, len(t.tiers))
	b.graph = nil
	var order []int32 // of nodes, as they were met
	complete := 0
	if len(b.rows) > 0 {
		complete = len(b.rows[len(b.rows)-1])
	}
	atRisk := 0.0
	for part := range complete {
		at.clear()
		for replica, row := range b.rows {
			if row[part] == none {
				continue
			}
			at.add(&t.path[row[part]], 1)
			if replica >= len(old) || part >= len(old[replica]) || old[replica][part] != row[part] {
				changed++
			}
		}
		var risk [depths + 1]float64
		for _, n := range at.used {
			if hist[n] == nil {
				hist[n] = make([]int, slots)
				hist[n][0] = b.Partitions()
				order = append(order, n)
			}
			hist[n][0]--
			hist[n][at.n[n]]++
			if here := float64(at.n[n]); here > most[n] {
				risk[t.tiers[n].Depth] += here - most[n]
			}
		}
		atRisk += slices.Max(risk[:])
	}
	for _, n := range order {
		b.graph = append(b.graph, TierCount{t.tiers[n], hist[n]})
	}
	b.dispersion, b.hasDispersion = 100.0*atRisk/(float64(b.Partitions())*b.replicas), true
	b.version++
	return changed
}

// Dispersal reports on the tiers whose name the filter accepts; nil accepts
// all. With recalculate, or when it was never done, it counts anew, which
// makes a new version.
func (b *Builder) Dispersal(filter func(name string) bool, recalculate bool) (DispersionReport, error) {
	if b.rows == nil {
		return DispersionReport{}, swift.E("builder.Dispersal", "", swift.Invalid, errNotBalanced)
	}
	if recalculate || len(b.graph) == 0 {
		b.countDispersion(nil)
	}
	t := b.tree()
	most := map[Tier]int{}
	for n, m := range t.maxReplicas(b.replicas, math.Ceil) {
		most[t.tiers[n]] = int(m)
	}
	graph := slices.Clone(b.graph)
	slices.SortFunc(graph, func(x, y TierCount) int { return compareTiers(x.Tier, y.Tier) })
	var out DispersionReport
	for _, g := range graph {
		r := b.report(g, most[g.Tier])
		if filter != nil && !filter(r.Name) {
			continue
		}
		if r.Dispersion > out.Worst {
			out.Worst, out.WorstTier = r.Dispersion, r.Name
		}
		out.Tiers = append(out.Tiers, r)
	}
	return out, nil
}

func (b *Builder) report(g TierCount, most int) TierReport {
	r := TierReport{Tier: g.Tier, MaxReplicas: most, Parts: slices.Clone(g.Parts)}
	name := fmt.Sprintf("IDd%d", g.Tier.ID)
	if d, ok := b.Device(g.Tier.ID); ok {
		name = d.Device.Device
	}
	r.Name = g.Tier.name(name)
	atRisk := 0
	for n, parts := range g.Parts {
		r.PlacedParts += n * parts
		atRisk += max(n-most, 0) * parts
	}
	if r.PlacedParts > 0 {
		r.Dispersion = 100.0 * float64(atRisk) / float64(r.PlacedParts)
	}
	return r
}
