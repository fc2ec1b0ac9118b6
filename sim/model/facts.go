package model

import (
	"time"

	"apus/faults/budget"
	"apus/faults/catalog"
	"apus/faults/plan"
)

// Suffer notes what a plan that began at the given virtual time did to the
// cluster. Epoch, Copies and Settle are left to whoever made the cluster.
func (f *Facts) Suffer(p plan.Plan, t budget.Topology, began time.Duration) {
	f.FaultFree = len(p) == 0
	f.Skew = max(f.Skew, t.Skew(p))
	for _, i := range t.Impairments(p) {
		f.Impaired = append(f.Impaired, Impairment{Node: i.Node, Zone: i.Zone, From: began + i.From, To: began + i.To, Why: i.Why})
	}
	for _, target := range budget.Destroyed(p) {
		node, disk := catalog.Split(target)
		f.Destroyed = append(f.Destroyed, Device{node, disk})
	}
	f.Healed = max(f.Healed, began+p.End())
}
