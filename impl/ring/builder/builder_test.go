package builder

import (
	"fmt"
	"math"
	"testing"
	"time"

	"apus/impl/ring"
	"apus/impl/swift"
)

// shape is a cluster: devices[region][zone][host] is how many it has.
type shape struct {
	name      string
	partPower int
	replicas  float64
	devices   [][][]int
	weight    func(id int) float64 // nil: all 100
	uneven    bool                 // rule 1 keeps load from following weight
}

var shapes = []shape{
	{name: "one device", partPower: 4, replicas: 1, devices: [][][]int{{{1}}}},
	{name: "four devices, one host", partPower: 6, replicas: 3, devices: [][][]int{{{4}}}},
	{name: "as many devices as replicas", partPower: 6, replicas: 3, devices: [][][]int{{{1, 1, 1}}}},
	{name: "four hosts", partPower: 8, replicas: 3, devices: [][][]int{{{2, 2, 2, 2}}}},
	{name: "three zones", partPower: 8, replicas: 3, devices: [][][]int{{{2}, {2}, {2}}}},
	{name: "four zones", partPower: 10, replicas: 3, devices: [][][]int{{{2, 2}, {2, 2}, {2, 2}, {2, 2}}}},
	{name: "two zones", partPower: 8, replicas: 3, devices: [][][]int{{{2, 2}, {2, 2}}}},
	{name: "two regions", partPower: 8, replicas: 3, devices: [][][]int{{{3}, {3}}, {{3}, {3}}}},
	{name: "three regions, four replicas", partPower: 8, replicas: 4, devices: [][][]int{{{3, 3}}, {{3}, {3}}, {{6}}}},
	{name: "a region of one device", partPower: 8, replicas: 4, devices: [][][]int{{{1}}, {{4}, {4}}}, uneven: true},
	{name: "small zone", partPower: 9, replicas: 3, devices: [][][]int{{{1}, {8}, {8}}}, uneven: true},
	{name: "zones of one and five, fractional", partPower: 9, replicas: 3.4, devices: [][][]int{{{1}, {3, 2}, {4, 1}}}, uneven: true},
	{name: "fractional", partPower: 8, replicas: 2.25, devices: [][][]int{{{2}, {2}, {2}}}},
	{name: "weights", partPower: 10, replicas: 2, devices: [][][]int{{{2, 2}, {2, 2}, {2, 2}}},
		weight: func(id int) float64 { return float64(100 + 10*id) }},
	{name: "a giant among many zones", partPower: 9, replicas: 3, devices: [][][]int{{{1}, {1}, {1}, {1}, {1}}},
		weight: func(id int) float64 { return []float64{10000, 1, 1, 1, 1}[id] }, uneven: true},
	{name: "two of no weight", partPower: 8, replicas: 3, devices: [][][]int{{{2}, {2}, {2}, {1}}},
		weight: func(id int) float64 { return map[bool]float64{true: 0, false: 100}[id == 1 || id == 6] }, uneven: true},
	{name: "many replicas", partPower: 6, replicas: 9, devices: [][][]int{{{4, 4}, {4}}, {{2, 2}}}, uneven: true},
	{name: "part power zero", partPower: 0, replicas: 2, devices: [][][]int{{{1}, {1}, {1}}}, uneven: true},
}

func (s shape) build(t testing.TB) *Builder {
	t.Helper()
	b := New(s.partPower, s.replicas, 0)
	for region, zones := range s.devices {
		for zone, hosts := range zones {
			for host, n := range hosts {
				for i := range n {
					d := ring.Device{Region: region + 1, Zone: zone, IP: fmt.Sprintf("10.%d.%d.%d", region, zone, host), Port: 6200, Device: fmt.Sprintf("d%d", i), Weight: 100}
					if s.weight != nil {
						d.Weight = s.weight(len(b.devs))
					}
					if _, err := b.Add(d); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
	}
	return b
}

func rebalance(t testing.TB, b *Builder, seed uint64) {
	t.Helper()
	if err := b.Rebalance(seed); err != nil {
		t.Fatal(err)
	}
}

// checkSpread is an independent statement of rule 1: the tiers below a set of
// devices take n replicas as evenly as their sizes allow.
func checkSpread(t *testing.T, devs []*ring.Device, chosen map[int]bool, n int, tiers []func(*ring.Device) string, where string) {
	t.Helper()
	if len(tiers) == 0 {
		if n > 1 {
			t.Fatalf("%s: %d replicas on one device", where, n)
		}
		return
	}
	groups := map[string][]*ring.Device{}
	for _, d := range devs {
		groups[tiers[0](d)] = append(groups[tiers[0](d)], d)
	}
	got := map[string]int{}
	for key, members := range groups {
		for _, d := range members {
			if chosen[d.ID] {
				got[key]++
			}
		}
	}
	for a := range groups {
		for b := range groups {
			if got[a] > got[b]+1 && got[b] < len(groups[b]) {
				t.Fatalf("%s: %s has %d replicas, %s only %d of %d devices", where, a, got[a], b, got[b], len(groups[b]))
			}
		}
		checkSpread(t, groups[a], chosen, got[a], tiers[1:], where+" / "+a)
	}
}

var tiers = []func(*ring.Device) string{
	func(d *ring.Device) string { return fmt.Sprint("region ", d.Region) },
	func(d *ring.Device) string { return fmt.Sprint("zone ", d.Zone) },
	func(d *ring.Device) string { return "host " + d.IP },
	func(d *ring.Device) string { return "device " + d.Device },
}

// checkRules checks rule 1 for every partition, and that every replica is
// assigned to a device that may have it.
func checkRules(t *testing.T, b *Builder) {
	t.Helper()
	r := b.Ring()
	var usable []*ring.Device
	for _, d := range r.Devices() {
		if d.Weight > 0 {
			usable = append(usable, d)
		}
	}
	slots := 0
	for part := range r.Partitions() {
		chosen, n := map[int]bool{}, 0
		for replica := range r.Replicas() {
			d := r.Assigned(replica, uint32(part))
			if d == nil {
				continue
			}
			if chosen[d.ID] || d.Weight == 0 {
				t.Fatalf("partition %d: device %d (weight %g) twice or wrongly", part, d.ID, d.Weight)
			}
			chosen[d.ID] = true
			n++
		}
		slots += n
		checkSpread(t, usable, chosen, n, tiers, fmt.Sprint("partition ", part))
	}
	if want := int(b.replicas * float64(r.Partitions())); slots != want {
		t.Errorf("%d replicas assigned, want %d", slots, want)
	}
	if b.Dispersion() != 0 {
		t.Errorf("dispersion %g", b.Dispersion())
	}
}

func TestShapes(t *testing.T) {
	for _, s := range shapes {
		t.Run(s.name, func(t *testing.T) {
			b := s.build(t)
			rebalance(t, b, 1)
			checkRules(t, b)
			load, total, weights := b.Load(), 0, 0.0
			for id, d := range b.devs {
				total += load[id]
				weights += d.Weight
			}
			for id, d := range b.devs {
				ideal := float64(total) * d.Weight / weights
				if !s.uneven && math.Abs(float64(load[id])-ideal) > 4 { // one for each tier
					t.Errorf("device %d holds %d, its weight asks for %.1f", id, load[id], ideal)
				}
				if d.Weight > 0 && load[id] == 0 && ideal > 4 {
					t.Errorf("device %d holds nothing", id)
				}
			}
			before := b.Ring()
			rebalance(t, b, 2)
			if n, _ := moves(before, b.Ring()); n != 0 {
				t.Errorf("a rebalance without a change moved %d replicas", n)
			}
		})
	}
}

// moves counts the replicas that changed, all and the most of one partition.
func moves(a, b *ring.Ring) (total, most int) {
	for part := range a.Partitions() {
		n := 0
		for replica := range a.Replicas() {
			x, y := a.Assigned(replica, uint32(part)), b.Assigned(replica, uint32(part))
			if (x == nil) != (y == nil) || x != nil && x.ID != y.ID {
				n++
			}
		}
		total += n
		most = max(most, n)
	}
	return total, most
}

func TestSeedDecides(t *testing.T) {
	var rings []*ring.Ring
	for _, seed := range []uint64{1, 1, 2} {
		b := shapes[5].build(t)
		rebalance(t, b, seed)
		rings = append(rings, b.Ring())
	}
	if n, _ := moves(rings[0], rings[1]); n != 0 {
		t.Errorf("one seed, two rings: %d replicas differ", n)
	}
	if n, _ := moves(rings[0], rings[2]); n == 0 {
		t.Error("two seeds, one ring")
	}
}

// TestAllCombinations: when a device breaks, every device of another zone
// helps to restore it.
func TestAllCombinations(t *testing.T) {
	b := shapes[5].build(t)
	rebalance(t, b, 3)
	r := b.Ring()
	met := map[[2]int]bool{}
	for part := range r.Partitions() {
		for _, x := range r.Primaries(uint32(part)) {
			for _, y := range r.Primaries(uint32(part)) {
				met[[2]int{x.ID, y.ID}] = true
			}
		}
	}
	for _, x := range r.Devices() {
		for _, y := range r.Devices() {
			if x.Zone != y.Zone && !met[[2]int{x.ID, y.ID}] {
				t.Errorf("devices %d and %d share no partition", x.ID, y.ID)
			}
		}
	}
}

func TestChanges(t *testing.T) {
	four := shapes[5]
	add := func(zone int) func(*testing.T, *Builder) {
		return func(t *testing.T, b *Builder) {
			if _, err := b.Add(ring.Device{Region: 1, Zone: zone, IP: "10.9.9.9", Port: 6200, Device: "new", Weight: 100}); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, c := range []struct {
		name   string
		shape  shape
		change func(*testing.T, *Builder)
		least  func(slots, devs int) int // replicas that must move at least
		slack  float64                   // how many times as many may
	}{
		{"a device comes", four, add(0), func(s, d int) int { return s / (d + 1) }, 1.6},
		{"a zone comes", four, add(7), func(s, d int) int { return s / (d + 1) }, 1.6},
		{"a device goes", four, func(t *testing.T, b *Builder) {
			if err := b.Remove(5); err != nil {
				t.Fatal(err)
			}
		}, func(s, d int) int { return s / d }, 1.8},
		{"a weight doubles", four, func(t *testing.T, b *Builder) {
			if err := b.SetWeight(2, 200); err != nil {
				t.Fatal(err)
			}
		}, func(s, d int) int { return s / (d + 1) }, 1.8},
		{"a device is drained", four, func(t *testing.T, b *Builder) {
			if err := b.SetWeight(2, 0); err != nil {
				t.Fatal(err)
			}
		}, func(s, d int) int { return s / d }, 1.8},
		{"a second region comes", shapes[4], func(t *testing.T, b *Builder) {
			for i := range 6 {
				if _, err := b.Add(ring.Device{Region: 2, Zone: i % 3, IP: fmt.Sprint("10.9.9.", i), Port: 6200, Device: "n", Weight: 100}); err != nil {
					t.Fatal(err)
				}
			}
		}, func(s, _ int) int { return s / 2 }, 1.2},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := c.shape.build(t)
			rebalance(t, b, 1)
			least := c.least(len(b.rows)*b.partitions(), len(b.devs))
			c.change(t, b)
			total, rounds := 0, 0
			for ; ; rounds++ {
				before := b.Ring()
				rebalance(t, b, uint64(rounds))
				n, most := moves(before, b.Ring())
				if most > 1 {
					t.Errorf("%d replicas of one partition moved at once", most)
				}
				if total += n; n == 0 {
					break
				}
				if rounds > 8 {
					t.Fatal("does not come to rest")
				}
			}
			checkRules(t, b)
			if float64(total) > c.slack*float64(least) || total < least*9/10 {
				t.Errorf("%d replicas moved in %d rounds; about %d must", total, rounds, least)
			}
			if b.Balance() > 12 {
				t.Errorf("balance %.1f %%", b.Balance())
			}
		})
	}
}

func TestMinPartHours(t *testing.T) {
	s := shapes[5]
	b := s.build(t)
	b.minPartHours = 1
	rebalance(t, b, 1)
	step := func(what string, want bool) {
		t.Helper()
		before := b.Ring()
		rebalance(t, b, 1)
		if n, _ := moves(before, b.Ring()); (n > 0) != want {
			t.Errorf("%s: %d replicas moved", what, n)
		}
	}
	if err := b.SetWeight(3, 1000); err != nil {
		t.Fatal(err)
	}
	step("everything was just assigned", false)
	b.Elapse(59 * time.Minute)
	step("an hour is not over", false)
	b.Elapse(time.Minute)
	before := b.Ring()
	step("an hour is over", true)
	middle := b.Ring()
	rebalance(t, b, 2)
	for part := range middle.Partitions() {
		if samePart(before, middle, part) || samePart(middle, b.Ring(), part) {
			continue
		}
		t.Errorf("partition %d moved twice within an hour", part)
	}
	if err := b.Remove(4); err != nil {
		t.Fatal(err)
	}
	step("a removed device does not wait", true)
	if load := b.Load(); load[4] != 0 {
		t.Errorf("%d replicas on the removed device", load[4])
	}
}

func samePart(a, b *ring.Ring, part int) bool {
	return fmt.Sprint(ids(a.Primaries(uint32(part)))) == fmt.Sprint(ids(b.Primaries(uint32(part))))
}

func ids(devs []*ring.Device) (out []int) {
	for _, d := range devs {
		out = append(out, d.ID)
	}
	return out
}

func TestRefuses(t *testing.T) {
	good := ring.Device{Region: 1, Zone: 1, IP: "10.0.0.1", Port: 6200, Device: "sda", Weight: 1}
	with := func(f func(*ring.Device)) ring.Device { d := good; f(&d); return d }
	for name, d := range map[string]ring.Device{
		"no ip":           with(func(d *ring.Device) { d.IP = "" }),
		"no name":         with(func(d *ring.Device) { d.Device = "" }),
		"port":            with(func(d *ring.Device) { d.Port = 70000 }),
		"zone":            with(func(d *ring.Device) { d.Zone = -1 }),
		"negative weight": with(func(d *ring.Device) { d.Weight = -1 }),
		"no number":       with(func(d *ring.Device) { d.Weight = math.NaN() }),
		"infinite":        with(func(d *ring.Device) { d.Weight = math.Inf(1) }),
	} {
		if _, err := New(4, 1, 0).Add(d); !swift.Is(err, swift.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	b := New(4, 2, 0)
	if _, err := b.Add(good); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Add(good); !swift.Is(err, swift.Conflict) {
		t.Errorf("the same device twice: %v", err)
	}
	if err := b.Rebalance(1); !swift.Is(err, swift.Invalid) {
		t.Errorf("two replicas on one device: %v", err)
	}
	if err := b.Remove(7); !swift.Is(err, swift.NotFound) {
		t.Errorf("an unknown device: %v", err)
	}
	for _, n := range []*Builder{New(-1, 1, 0), New(40, 1, 0), New(4, 0.5, 0), New(4, math.NaN(), 0), New(4, 1, -1)} {
		if _, err := n.Add(good); err != nil {
			t.Fatal(err)
		}
		if err := n.Rebalance(1); !swift.Is(err, swift.Invalid) {
			t.Errorf("power %d, %g replicas, %d hours: %v", n.partPower, n.replicas, n.minPartHours, err)
		}
	}
}

func BenchmarkRebalance(b *testing.B) {
	s := shapes[5]
	s.partPower = 14
	for i := range b.N {
		rebalance(b, s.build(b), uint64(i))
	}
}
