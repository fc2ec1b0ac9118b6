package builder

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"apus/impl/swift"
)

var errNotBalanced = errors.New("_replica2part2dev empty; did you forget to rebalance?")

// Validate finds what must not be in a ring: counts that disagree, replicas
// without a device, two replicas of a partition on one device. The error is
// of kind Corrupt.
func (b *Builder) Validate() error {
	if err := b.validate(); err != nil {
		return swift.E("builder.Validate", "", swift.Corrupt, err)
	}
	return nil
}

func (b *Builder) validate() error {
	if len(b.rows) == 0 {
		return errNotBalanced
	}
	counted, mapped := 0, 0
	for _, d := range b.devs {
		if d != nil {
			counted += d.Parts
		}
	}
	for _, row := range b.rows {
		mapped += len(row)
	}
	if counted != mapped {
		return fmt.Errorf("All partitions are not double accounted for: %d != %d", counted, mapped) //nolint:staticcheck // upstream's words
	}
	var on []uint32
	for part := range b.Partitions() {
		on = on[:0]
		for replica, row := range b.rows {
			if part >= len(row) {
				if replica+1 < int(math.Ceil(b.replicas)) {
					return fmt.Errorf("The partition assignments of replica %d were shorter than expected (%d < %d)"+ //nolint:staticcheck // upstream's words
						" - this should only happen for the last replica", replica, len(row), b.Partitions())
				}
				break
			}
			id := row[part]
			if int64(id) >= int64(len(b.devs)) || b.devs[id] == nil {
				return fmt.Errorf("Partition %d, replica %d was not allocated to a device.", part, replica) //nolint:staticcheck // upstream's words
			}
			if slices.Contains(on, id) {
				return fmt.Errorf("The partition %d has been assigned to duplicate devices %v", part, append(on, id)) //nolint:staticcheck // upstream's words
			}
			on = append(on, id)
		}
	}
	return nil
}

// BalancePerDevice is, by device id, by how many percent a device holds more
// (or less) than the share of its weight; 999.99 for a device that should
// hold nothing and does.
func (b *Builder) BalancePerDevice() (map[int]float64, error) {
	one, err := b.weightOfOnePart()
	if err != nil {
		return nil, err
	}
	out := map[int]float64{}
	for id, d := range b.devs {
		switch {
		case d == nil:
		case d.Weight != 0:
			out[id] = 100.0*float64(d.Parts)/(d.Weight*one) - 100.0
		case d.Parts != 0:
			out[id] = maxBalance
		default:
			out[id] = 0
		}
	}
	return out, nil
}

// Balance is the worst of BalancePerDevice, without its sign.
func (b *Builder) Balance() (float64, error) {
	all, err := b.BalancePerDevice()
	worst := 0.0
	for _, v := range all {
		worst = max(worst, math.Abs(v))
	}
	return worst, err
}

// RequiredOverload is the overload from which on dispersion is best.
func (b *Builder) RequiredOverload() (float64, error) {
	t := b.tree()
	weighted, err := b.weightedReplicas(t)
	if err != nil {
		return 0, err
	}
	wanted, err := b.wantedReplicas(t, weighted)
	if err != nil {
		return 0, err
	}
	return b.requiredOverload(t, weighted, wanted), nil
}

// MaxAllowedReplicas is how many replicas of a partition a tier may hold
// without being counted as a risk, by tier.
func (b *Builder) MaxAllowedReplicas() map[Tier]int {
	t := b.tree()
	out := map[Tier]int{}
	for n, m := range t.maxReplicas(b.replicas, math.Ceil) {
		out[t.tiers[n]] = int(m)
	}
	return out
}
