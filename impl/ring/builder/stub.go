package builder

import (
	"time"

	"apus/impl/host"
)

// Rebalance assigns partitions.
func (b *Builder) Rebalance(seed Seed) (Result, error) { return Result{}, nil }

// Validate finds what must not be in a ring.
func (b *Builder) Validate() error { return nil }

// Balance is the worst of BalancePerDevice, without its sign.
func (b *Builder) Balance() (float64, error) { return 0, nil }

// BalancePerDevice is, by device id, by how many percent a device holds more
// (or less) than the share of its weight.
func (b *Builder) BalancePerDevice() (map[int]float64, error) { return nil, nil }

// RequiredOverload is the overload from which on dispersion is best.
func (b *Builder) RequiredOverload() (float64, error) { return 0, nil }

// Tier is a place in a cluster: a region (Depth 1), a zone (2), a host (3), a
// device (4), or all of it (0). Fields beyond Depth are zero.
type Tier struct {
	Depth        int
	Region, Zone int
	IP           string
	ID           int
}

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

// Dispersal reports on the tiers whose name the filter accepts; nil accepts
// all. With recalculate, or when it was never done, it counts anew, which
// makes a new version.
func (b *Builder) Dispersal(filter func(name string) bool, recalculate bool) (DispersionReport, error) {
	return DispersionReport{}, nil
}

// Load reads a builder file.
func Load(fs host.FS, clock func() time.Time, name string) (*Builder, error) { return nil, nil }

// Save writes a builder file in one step, and gives the builder an ID if it
// has none.
func (b *Builder) Save(fs host.FS, name string) error { return nil }
