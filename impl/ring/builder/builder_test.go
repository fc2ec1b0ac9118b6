package builder

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"apus/impl/ring"
	"apus/impl/swift"
)

func aDevice(region, zone, host int, weight float64) ring.Device {
	return ring.Device{Region: region, Zone: zone, IP: fmt.Sprintf("10.%d.%d.%d", region, zone, host),
		Port: 6200, Device: "sda", Weight: weight}
}

// started is a builder whose clock the caller moves.
func started(t testing.TB, partPower int, replicas float64, hours int) (*Builder, *time.Time) {
	t.Helper()
	now := time.Unix(1700000000, 0)
	b, err := New(func() time.Time { return now }, partPower, replicas, hours)
	if err != nil {
		t.Fatal(err)
	}
	return b, &now
}

func add(t testing.TB, b *Builder, devs ...ring.Device) {
	t.Helper()
	for _, d := range devs {
		if _, err := b.AddDevice(d); err != nil {
			t.Fatal(err)
		}
	}
}

func rebalance(t testing.TB, b *Builder) Result {
	t.Helper()
	r, err := b.Rebalance(SeedNumber(1))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestNumbersThatMakeNoRing(t *testing.T) {
	for _, c := range []struct {
		power    int
		replicas float64
		hours    int
		want     string
	}{
		{33, 3, 1, "part_power must be at most 32 (was 33)"},
		{-1, 3, 1, "part_power must be at least 0 (was -1)"},
		{8, 0.5, 1, "replicas must be at least 1 (was 0.500000)"},
		{8, math.NaN(), 1, "replicas must be at least 1"},
		{8, 3, -1, "min_part_hours must be non-negative (was -1)"},
	} {
		_, err := New(time.Now, c.power, c.replicas, c.hours)
		if !swift.Is(err, swift.Invalid) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

func TestDeviceIDs(t *testing.T) {
	b, _ := started(t, 4, 1, 0)
	five := aDevice(1, 1, 1, 1)
	five.ID = 5
	if err := b.AddDeviceAt(five); err != nil {
		t.Fatal(err)
	}
	if err := b.AddDeviceAt(five); !swift.Is(err, swift.Conflict) {
		t.Errorf("a taken id: %v", err)
	}
	for want := range 5 { // holes first
		if id, err := b.AddDevice(aDevice(1, 1, 2, 1)); err != nil || id != want {
			t.Fatalf("id %d, %v; want %d", id, err, want)
		}
	}
	if id, _ := b.AddDevice(aDevice(1, 1, 2, 1)); id != 6 {
		t.Errorf("id %d after the last", id)
	}
	if b.Version() != 7 || !b.DevsChanged() {
		t.Errorf("version %d, changed %v", b.Version(), b.DevsChanged())
	}
	rebalance(t, b)
	if b.Version() != 8 || b.DevsChanged() {
		t.Errorf("after rebalance: version %d, changed %v", b.Version(), b.DevsChanged())
	}
}

func TestWideDeviceIDs(t *testing.T) {
	b, _ := started(t, 3, 1, 0)
	add(t, b, aDevice(1, 1, 1, 1))
	rebalance(t, b)
	wide := aDevice(1, 2, 1, 1)
	wide.ID = 0xffff // two bytes cannot tell it from none
	if err := b.AddDeviceAt(wide); err != nil || b.DevIDBytes() != 4 || b.SetDevIDBytes(2) {
		t.Fatalf("%v, %d bytes", err, b.DevIDBytes())
	}
	rebalance(t, b)
	if err := b.Validate(); err != nil || !slices.Contains(b.Row(0), 0xffff) {
		t.Errorf("row %v, %v", b.Row(0), err)
	}
	if err := b.RemoveDevice(0xffff); err != nil {
		t.Fatal(err)
	}
	rebalance(t, b)
	if b.DevIDBytes() != 2 || b.DevSlots() != 1 {
		t.Errorf("%d bytes, %d slots after the wide id left", b.DevIDBytes(), b.DevSlots())
	}
}

func TestWhatCannotBeChanged(t *testing.T) {
	b, _ := started(t, 4, 2, 1)
	add(t, b, aDevice(1, 1, 1, 1), aDevice(1, 2, 1, 1), aDevice(1, 3, 1, 1))
	if err := b.RemoveDevice(1); err != nil {
		t.Fatal(err)
	}
	for name, err := range map[string]error{
		"weight": b.SetWeight(1, 5), "region": b.SetRegion(1, 5), "zone": b.SetZone(1, 5), "twice": b.RemoveDevice(1),
	} {
		if !swift.Is(err, swift.Conflict) {
			t.Errorf("%s of a device that leaves: %v", name, err)
		}
	}
	if err := b.SetWeight(7, 1); !swift.Is(err, swift.NotFound) {
		t.Errorf("no such device: %v", err)
	}
	if err := b.SetWeight(0, math.Inf(1)); !swift.Is(err, swift.Invalid) {
		t.Errorf("infinite weight: %v", err)
	}
	if err := b.SetReplicas(3); err != nil {
		t.Fatal(err)
	}
	before := b.dict()
	if _, err := b.Rebalance(Seed{}); !swift.Is(err, swift.Invalid) || !strings.Contains(err.Error(), "Replica count of 3 requires more than 2 devices") {
		t.Errorf("three replicas on two devices: %v", err)
	}
	if diff := cmp.Diff(before, b.dict()); diff != "" {
		t.Errorf("a failed rebalance changed the builder:\n%s", diff)
	}
}

func TestMinPartHours(t *testing.T) {
	b, now := started(t, 6, 1, 24)
	add(t, b, aDevice(1, 1, 1, 1))
	rebalance(t, b)
	if left := b.MinPartSecondsLeft(); left != 24*3600 {
		t.Errorf("%d seconds left", left)
	}
	add(t, b, aDevice(1, 2, 1, 1))
	*now = now.Add(24*time.Hour - time.Second)
	if r := rebalance(t, b); r.Changed != 0 {
		t.Errorf("%d moved a second early", r.Changed)
	}
	// Upstream counts whole hours between calls: the call above was one.
	*now = now.Add(time.Hour)
	if r := rebalance(t, b); r.Changed != 32 {
		t.Errorf("%d of 32 moved after a day", r.Changed)
	}
	if err := b.SetWeight(0, 0); err != nil {
		t.Fatal(err)
	}
	if r := rebalance(t, b); r.Changed != 32 {
		t.Errorf("%d moved; those that never did may, the others rest", r.Changed)
	}
	if err := b.SetWeight(1, 0); err != nil {
		t.Fatal(err)
	}
	add(t, b, aDevice(1, 3, 1, 1))
	if r := rebalance(t, b); r.Changed != 0 {
		t.Errorf("%d moved, and all should rest", r.Changed)
	}
	b.PretendMinPartHoursPassed()
	rebalance(t, b)
	if r := b.PartsOn([]int{0, 1}); len(r) != 0 {
		t.Errorf("devices without weight hold %v", r)
	}
	if r := b.PartsOn([]int{2}); len(r) != 64 || r[5] != 1 {
		t.Errorf("device 2 holds %v", r)
	}
}

func TestFromRing(t *testing.T) {
	b, _ := started(t, 6, 2.5, 24)
	add(t, b, aDevice(1, 1, 1, 1), aDevice(1, 2, 1, 1), aDevice(1, 3, 1, 2), aDevice(2, 3, 1, 2))
	rebalance(t, b)
	r, err := b.Ring()
	if err != nil {
		t.Fatal(err)
	}
	got, err := FromRing(b.clock, r, 24)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(b.rows, got.rows); diff != "" || got.Version() != b.Version() || got.Replicas() != 2.5 {
		t.Errorf("version %d, %g replicas, rows %s", got.Version(), got.Replicas(), diff)
	}
	if err := got.Validate(); err != nil {
		t.Error(err)
	}
}

func TestValidateFinds(t *testing.T) {
	for name, c := range map[string]struct {
		harm func(b *Builder)
		want string
	}{
		"never rebalanced": {func(b *Builder) { b.rows = nil }, "did you forget to rebalance"},
		"miscounted":       {func(b *Builder) { b.devs[0].Parts++ }, "double accounted"},
		"unassigned":       {func(b *Builder) { b.rows[1][3] = none }, "Partition 3, replica 1 was not allocated"},
		"beyond the list":  {func(b *Builder) { b.rows[1][3] = 77 }, "Partition 3, replica 1 was not allocated"},
		"twice":            {func(b *Builder) { b.rows[1][3] = b.rows[0][3] }, "duplicate devices"},
	} {
		b, _ := started(t, 4, 2, 1)
		add(t, b, aDevice(1, 1, 1, 1), aDevice(1, 2, 1, 1), aDevice(1, 3, 1, 1))
		rebalance(t, b)
		if err := b.Validate(); err != nil {
			t.Fatal(err)
		}
		c.harm(b)
		if err := b.Validate(); !swift.Is(err, swift.Corrupt) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestDispersionReport(t *testing.T) {
	b, _ := started(t, 4, 3, 0)
	add(t, b, aDevice(1, 1, 1, 1), aDevice(1, 1, 2, 1), aDevice(1, 1, 3, 1), aDevice(1, 1, 4, 1))
	rebalance(t, b)
	for id := range 2 { // two zones where one was: replicas of partitions now share a zone
		if err := b.SetZone(id, 2); err != nil {
			t.Fatal(err)
		}
	}
	version := b.Version()
	r, err := b.Dispersal(func(name string) bool { return !strings.Contains(name, "-") }, true)
	if err != nil || b.Version() != version+1 {
		t.Fatalf("%v, version %d", err, b.Version())
	}
	var names []string
	for _, tier := range r.Tiers {
		names = append(names, tier.Name)
	}
	if fmt.Sprint(names) != "[r1 r1z1 r1z2]" || r.Worst != 0 {
		t.Errorf("%v, worst %g at %s", names, r.Worst, r.WorstTier)
	}
	if z := r.Tiers[1]; z.MaxReplicas != 2 || z.PlacedParts+r.Tiers[2].PlacedParts != 48 {
		t.Errorf("%+v", z)
	}
}

// cluster draws a cluster and a history.
func cluster(t *rapid.T) (*Builder, *time.Time) {
	now := time.Unix(1700000000, 0)
	replicas := float64(rapid.IntRange(1, 4).Draw(t, "replicas")) + rapid.SampledFrom([]float64{0, 0, 0.25, 0.5}).Draw(t, "fraction")
	b, err := New(func() time.Time { return now }, rapid.IntRange(0, 7).Draw(t, "power"), replicas, rapid.IntRange(0, 3).Draw(t, "hours"))
	if err != nil {
		t.Fatal(err)
	}
	for range rapid.IntRange(5, 24).Draw(t, "devices") {
		_, err := b.AddDevice(aDevice(rapid.IntRange(1, 2).Draw(t, "region"), rapid.IntRange(1, 3).Draw(t, "zone"),
			rapid.IntRange(1, 3).Draw(t, "host"), rapid.SampledFrom([]float64{100, 100, 50, 33.3, 250}).Draw(t, "weight")))
		if err != nil {
			t.Fatal(err)
		}
	}
	return b, &now
}

// What no history may break: the ring is valid, removal completes, a
// partition moves at most once in min-part-hours unless a device left, and
// replicas are no more crowded than planned.
func TestRulesHold(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b, now := cluster(t)
		for range rapid.IntRange(1, 6).Draw(t, "steps") {
			old := b.clone()
			change(t, b, now)
			moving := old.clone()
			moving.clock = b.clock
			moving.age()
			if _, err := b.Rebalance(SeedNumber(rapid.Uint64().Draw(t, "seed"))); err != nil {
				if swift.Is(err, swift.Invalid) { // too few devices left
					return
				}
				t.Fatal(err)
			}
			if err := b.Validate(); err != nil {
				t.Fatal(err)
			}
			if old.rows == nil {
				spread(t, b)
			}
			if old.rows != nil && old.replicas == b.replicas {
				calm(t, moving, b)
			}
		}
	})
}

func change(t *rapid.T, b *Builder, now *time.Time) {
	*now = now.Add(time.Duration(rapid.IntRange(0, 5).Draw(t, "pass")) * time.Hour)
	id := rapid.IntRange(0, b.DevSlots()-1).Draw(t, "id")
	switch rapid.IntRange(0, 3).Draw(t, "change") {
	case 0:
		_ = b.RemoveDevice(id) // a hole is not found
	case 1:
		_ = b.SetWeight(id, float64(rapid.IntRange(0, 300).Draw(t, "to")))
	case 2:
		if _, err := b.AddDevice(aDevice(1, rapid.IntRange(1, 5).Draw(t, "new zone"), 9, 100)); err != nil {
			t.Fatal(err)
		}
	}
}

// spread fails when a tier holds more of a partition than planned.
func spread(t *rapid.T, b *Builder) {
	tree := b.tree()
	p, err := b.plan(tree)
	if err != nil {
		t.Fatal(err)
	}
	for part := range b.Partitions() {
		at := make([]int32, len(tree.tiers))
		for _, row := range b.rows {
			if part < len(row) {
				for _, n := range tree.path[row[part]] {
					at[n]++
				}
			}
		}
		for n := 1; n < len(at); n++ {
			if at[n] > p.max[n] {
				t.Fatalf("partition %d has %d replicas in %v, %d are planned", part, at[n], tree.tiers[n], p.max[n])
			}
		}
	}
}

// calm fails when a partition that rests has moved from a device that stays.
func calm(t *rapid.T, old, b *Builder) {
	for part := range b.Partitions() {
		moved := 0
		for replica, row := range b.rows {
			if part >= len(row) || old.rows[replica][part] == row[part] {
				continue
			}
			if from := old.rows[replica][part]; int(from) < len(b.devs) && b.devs[from] != nil {
				moved++
			}
		}
		if moved > 0 && int(old.lastMoves[part]) < b.minPartHours {
			t.Fatalf("partition %d moved %d hours after its last move", part, old.lastMoves[part])
		}
	}
}

func BenchmarkThousandDevices(b *testing.B) {
	for range b.N {
		n, _ := started(b, 16, 3, 1)
		for i := range 1000 {
			add(b, n, aDevice(1, i%10, i/10%10, 100))
		}
		rebalance(b, n)
	}
}
