package builder

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"apus/impl/swift"
)

// Floating-point numbers are computed in the order in which Swift's builder
// computes them, because a difference in the last bit can become another
// placement. Products are converted explicitly where they are summed: Go may
// otherwise fuse the two operations on some machines.

// tolerance is what sums of shares may be off.
const tolerance = 1e-10

// plan is what each node of a tree should hold of every partition.
type plan struct {
	target   []float64
	min, max []int32
}

// weightOfOnePart is how many partitions a unit of weight stands for.
func (b *Builder) weightOfOnePart() (float64, error) {
	sum := 0.0
	for _, d := range b.devs {
		if d != nil {
			sum += d.Weight
		}
	}
	if sum == 0 {
		return 0, swift.E("builder", "", swift.Invalid,
			errors.New("There are no devices in this ring, or all devices have been deleted")) //nolint:staticcheck // upstream's words
	}
	return float64(b.Partitions()) * b.replicas / sum, nil
}

// weightedReplicas shares replicas by weight alone, at most one to a device.
func (b *Builder) weightedReplicas(t *tree) ([]float64, error) {
	one, err := b.weightOfOnePart()
	if err != nil {
		return nil, err
	}
	share := make([]float64, len(b.devs))
	var room []int
	for id, d := range b.devs {
		if d == nil || d.Weight == 0 {
			continue
		}
		if share[id] = d.Weight * one / float64(b.Partitions()); share[id] < 1 {
			room = append(room, id)
		} else {
			share[id] = 1
		}
	}
	for rounds := 0; ; rounds++ {
		remaining := b.replicas - sumOf(share)
		if remaining < tolerance {
			break
		}
		room = slices.DeleteFunc(room, func(id int) bool { return share[id] >= 1 })
		sum := 0.0
		for _, id := range room {
			sum += share[id]
		}
		if sum == 0 || rounds > maxRounds {
			return nil, b.planError("%w", errIndivisible)
		}
		rel := remaining / sum
		for _, id := range room {
			share[id] = min(1, share[id]*(rel+1))
		}
	}
	out := make([]float64, len(t.tiers))
	for id, d := range b.devs {
		if d == nil || d.Weight == 0 {
			continue
		}
		out[root] += share[id]
		for _, n := range t.path[id] {
			out[n] += share[id]
		}
	}
	return out, b.checkShares(t, out)
}

func sumOf(v []float64) float64 {
	sum := 0.0
	for _, x := range v {
		sum += x
	}
	return sum
}

func (b *Builder) planError(format string, args ...any) error {
	return swift.E("builder.Rebalance", "", swift.Invalid, fmt.Errorf(format, args...))
}

// checkShares makes sure that every level holds all replicas.
func (b *Builder) checkShares(t *tree, share []float64) error {
	var sums [depths + 1]float64
	for n, s := range share {
		sums[t.tiers[n].Depth] += s
	}
	for depth, s := range sums {
		if !(math.Abs(b.replicas-s) <= tolerance) { // NaN included
			return b.planError("%g != %g at tier %s", s, b.replicas, levelNames[depth])
		}
	}
	return nil
}

var levelNames = [depths + 1]string{"cluster", "regions", "zones", "servers", "devices"}

// wantedReplicas spreads replicas as far apart as devices allow and by weight
// within that.
func (b *Builder) wantedReplicas(t *tree, weighted []float64) ([]float64, error) {
	s := spreader{tree: t, weighted: weighted, wanted: make([]float64, len(t.tiers)),
		even: t.maxReplicas(b.replicas, func(x float64) float64 { return x })}
	if err := s.place(root, b.replicas); err != nil {
		return nil, b.planError("%w", err)
	}
	return s.wanted, b.checkShares(t, s.wanted)
}

type spreader struct {
	*tree
	weighted, wanted []float64
	even             []float64 // shares if weights did not count
}

func (s *spreader) least(n int32) float64 { return math.Floor(s.even[n]) }
func (s *spreader) most(n int32) float64  { return math.Ceil(s.even[n]) }
func (s *spreader) room(n int32) float64  { return float64(s.devices[n]) }

// place gives a node its share and divides it among the children.
func (s *spreader) place(n int32, share float64) error {
	if share > s.room(n) {
		return fmt.Errorf("More replicanths (%g) than devices (%d) in tier (%s)", //nolint:staticcheck // upstream's words
			share, s.devices[n], s.tiers[n].name(fmt.Sprint(s.tiers[n].ID)))
	}
	s.wanted[n] = share
	children := s.children[n]
	if len(children) == 0 {
		return nil
	}
	got, err := s.divide(children, share)
	if err != nil {
		return err
	}
	for i, c := range children {
		if err := s.place(c, got[i]); err != nil {
			return err
		}
	}
	return nil
}

// maxRounds is far more than dividing takes; weights beyond all measure must
// not keep it from ending.
const maxRounds = 10000

var errIndivisible = errors.New("these weights cannot be divided; are some of them extremely large or small?")

// divide shares by weight, then corrects what is beyond a bound and shares
// the difference among those who are not, until nothing is left.
func (s *spreader) divide(children []int32, share float64) ([]float64, error) {
	got := make([]float64, len(children))
	spread := make([]int, len(children))
	for i := range spread {
		spread[i] = i
	}
	remaining, beyond := share, false
	for range maxRounds {
		sum := 0.0
		for _, i := range spread {
			sum += s.weighted[children[i]]
		}
		if sum == 0 {
			break
		}
		rel := remaining / sum
		for _, i := range spread {
			got[i] = s.bounded(children[i], got[i]+float64(s.weighted[children[i]]*rel), beyond)
		}
		remaining = share - sumOf(got)
		switch {
		case remaining < -tolerance:
			spread = s.pick(children, func(i int, c int32) bool { return got[i] > s.least(c) })
		case remaining > tolerance:
			spread = s.pick(children, func(i int, c int32) bool { return s.room(c) > got[i] && got[i] < s.most(c) })
			if len(spread) == 0 {
				beyond = true
				spread = s.pick(children, func(i int, c int32) bool { return got[i] < s.room(c) })
			}
		default:
			return got, nil
		}
	}
	return nil, errIndivisible
}

func (s *spreader) pick(children []int32, ok func(i int, c int32) bool) []int {
	var out []int
	for i, c := range children {
		if ok(i, c) {
			out = append(out, i)
		}
	}
	return out
}

// bounded keeps a share between the even shares, unless that is beyond reach,
// and within the number of devices.
func (s *spreader) bounded(n int32, share float64, beyond bool) float64 {
	switch {
	case share < s.least(n):
		share = s.least(n)
	case share > s.most(n) && !beyond:
		share = s.most(n)
	}
	return min(share, s.room(n))
}

// requiredOverload is by how much, at most, a device must hold more than its
// weighted share.
func (b *Builder) requiredOverload(t *tree, weighted, wanted []float64) float64 {
	most := 0.0
	for id, d := range b.devs {
		if d == nil || d.Weight == 0 {
			continue
		}
		n := t.path[id][depths-1]
		most = max(most, (wanted[n]-weighted[n])/weighted[n])
	}
	return most
}

// plan lies between the weighted shares and the wanted ones, as far towards
// the latter as the overload allows.
func (b *Builder) plan(t *tree) (*plan, error) {
	weighted, err := b.weightedReplicas(t)
	if err != nil {
		return nil, err
	}
	target, err := b.wantedReplicas(t, weighted)
	if err != nil {
		return nil, err
	}
	if most := b.requiredOverload(t, weighted, target); most > 0 {
		overload := min(b.overload, most)
		for n, w := range weighted {
			target[n] = float64((target[n]-w)/most*overload) + w
		}
		if err := b.checkShares(t, target); err != nil {
			return nil, err
		}
	}
	p := &plan{target: target, min: make([]int32, len(target)), max: make([]int32, len(target))}
	for n, r := range target {
		p.min[n] = int32(math.Floor(r + tolerance))
		p.max[n] = int32(math.Ceil(r - tolerance))
	}
	return p, nil
}

// setWanted tells every device how many partitions it should gain.
func (b *Builder) setWanted(t *tree, p *plan) error {
	share := make([]int, len(t.tiers))
	total := int(b.replicas * float64(b.Partitions()))
	b.placeParts(t, p, share, root, total)
	var sums [depths + 1]int
	for n, s := range share {
		sums[t.tiers[n].Depth] += s
	}
	for depth, s := range sums {
		if s != total {
			return b.planError("%d != %d at tier %s", s, total, levelNames[depth])
		}
	}
	for id, d := range b.devs {
		switch {
		case d == nil:
			continue
		case d.Weight == 0: // wants to be rid of everything
			d.PartsWanted = -float64(b.Partitions()) * b.replicas
		default:
			d.PartsWanted = float64(share[t.path[id][depths-1]] - d.Parts)
		}
		d.Planned = true
	}
	return nil
}

func (b *Builder) placeParts(t *tree, p *plan, share []int, n int32, parts int) {
	share[n] = parts
	children := t.children[n]
	if len(children) == 0 {
		return
	}
	for _, c := range children {
		share[c] = min(parts, int(math.Floor(p.target[c]*float64(b.Partitions()))))
		parts -= share[c]
	}
	byTarget := slices.Clone(children)
	slices.SortStableFunc(byTarget, func(a, b int32) int {
		switch {
		case p.target[a] < p.target[b]:
			return -1
		case p.target[a] > p.target[b]:
			return 1
		}
		return 0
	})
	for i := 0; parts > 0; i++ {
		share[byTarget[i%len(byTarget)]]++
		parts--
	}
	for _, c := range children {
		b.placeParts(t, p, share, c, share[c])
	}
}
