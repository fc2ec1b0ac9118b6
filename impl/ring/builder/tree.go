package builder

import (
	"cmp"
	"fmt"
	"slices"
)

// Tier is a place in a cluster: a region (Depth 1), a zone (2), a host (3), a
// device (4), or all of it (0). Fields beyond Depth are zero.
type Tier struct {
	Depth        int
	Region, Zone int
	IP           string
	ID           int
}

const depths = 4 // of tiers below the cluster

// tierOf is the tier of a device at a depth.
func tierOf(d *Device, depth int) Tier {
	t := Tier{Depth: depth, Region: d.Region}
	if depth > 1 {
		t.Zone = d.Zone
	}
	if depth > 2 {
		t.IP = d.IP
	}
	if depth > 3 {
		t.ID = d.ID
	}
	return t
}

func compareTiers(a, b Tier) int {
	return cmp.Or(cmp.Compare(a.Region, b.Region), cmp.Compare(min(a.Depth, 2), min(b.Depth, 2)),
		cmp.Compare(a.Zone, b.Zone), cmp.Compare(min(a.Depth, 3), min(b.Depth, 3)),
		cmp.Compare(a.IP, b.IP), cmp.Compare(a.Depth, b.Depth), cmp.Compare(a.ID, b.ID))
}

// name is how reports call a tier.
func (t Tier) name(device string) string {
	switch t.Depth {
	case 0:
		return "cluster"
	case 1:
		return fmt.Sprintf("r%d", t.Region)
	case 2:
		return fmt.Sprintf("r%dz%d", t.Region, t.Zone)
	case 3:
		return fmt.Sprintf("r%dz%d-%s", t.Region, t.Zone, t.IP)
	}
	return fmt.Sprintf("r%dz%d-%s/%s", t.Region, t.Zone, t.IP, device)
}

// tree is the tiers of a cluster as numbered nodes; 0 is the cluster. Values
// of nodes are slices by node.
type tree struct {
	tiers    []Tier
	parent   []int32
	weighted []bool          // has a device with weight
	children [][]int32       // those weighted, sorted by tier
	path     [][depths]int32 // device id → its nodes, from region to device
	devices  []int32         // devices with weight below
}

const root = 0

// tree sorts every device into its tiers.
func (b *Builder) tree() *tree {
	t := &tree{path: make([][depths]int32, len(b.devs))}
	t.add(Tier{}, -1)
	byTier := map[Tier]int32{}
	for id, d := range b.devs {
		if d == nil {
			continue
		}
		above := int32(root)
		for i := range depths {
			tier := tierOf(d, i+1)
			n, ok := byTier[tier]
			if !ok {
				n = t.add(tier, above)
				byTier[tier] = n
			}
			t.path[id][i], above = n, n
		}
		if d.Weight > 0 {
			t.devices[root]++
			t.weighted[root] = true
			for _, n := range t.path[id] {
				t.devices[n]++
				t.weighted[n] = true
			}
		}
	}
	for n := 1; n < len(t.tiers); n++ {
		if t.weighted[n] {
			t.children[t.parent[n]] = append(t.children[t.parent[n]], int32(n))
		}
	}
	for _, c := range t.children {
		slices.SortFunc(c, func(a, b int32) int { return compareTiers(t.tiers[a], t.tiers[b]) })
	}
	return t
}

func (t *tree) add(tier Tier, parent int32) int32 {
	t.tiers = append(t.tiers, tier)
	t.parent = append(t.parent, parent)
	t.weighted = append(t.weighted, false)
	t.children = append(t.children, nil)
	t.devices = append(t.devices, 0)
	return int32(len(t.tiers) - 1)
}

// maxReplicas is how many replicas of a partition each tier holds when they
// are divided equally at every level; round makes a share of it (math.Ceil),
// or leaves it alone.
func (t *tree) maxReplicas(replicas float64, round func(float64) float64) []float64 {
	out := make([]float64, len(t.tiers))
	var walk func(n int32, share float64)
	walk = func(n int32, share float64) {
		if t.tiers[n].Depth == depths {
			share = min(1, share)
		}
		out[n] = share
		for _, c := range t.children[n] {
			walk(c, round(share/float64(len(t.children[n]))))
		}
	}
	walk(root, replicas)
	return out
}
