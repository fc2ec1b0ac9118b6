package ring

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strconv"
	"testing"

	"apus/impl/swift"
)

// golden is what OpenStack Swift says about one ring; see testdata/README.md.
type golden struct {
	PartPower     int        `json:"part_power"`
	NextPartPower *int       `json:"next_part_power"`
	Version       *int64     `json:"version"`
	ReplicaCount  float64    `json:"replica_count"`
	Rows          [][]uint32 `json:"rows"`
	Parts         [][2][]int `json:"parts"`
	Lookups       [][2]any   `json:"lookups"`
}

func readJSON(t testing.TB, name string, into any) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, into); err != nil {
		t.Fatal(err)
	}
}

func readGolden(t testing.TB, name string) *Ring {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", name+".ring.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := Read(f)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func goldens(t testing.TB) (map[string]golden, []string) {
	t.Helper()
	var all map[string]golden
	readJSON(t, "golden.json", &all)
	var names []string
	for n := range all {
		names = append(names, n)
	}
	sort.Strings(names)
	return all, names
}

func ids(devs []*Device) []int {
	out := []int{}
	for _, d := range devs {
		out = append(out, d.ID)
	}
	return out
}

func TestGoldenRings(t *testing.T) {
	all, names := goldens(t)
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			want, r := all[name], readGolden(t, name)
			if r.PartPower() != want.PartPower || r.Partitions() != 1<<want.PartPower {
				t.Errorf("part power %d, %d partitions; want power %d", r.PartPower(), r.Partitions(), want.PartPower)
			}
			if fmt.Sprint(assignment(r)) != fmt.Sprint(want.Rows) {
				t.Error("the assignment differs")
			}
			if r.ReplicaCount() != want.ReplicaCount {
				t.Errorf("%g replicas, want %g", r.ReplicaCount(), want.ReplicaCount)
			}
			if want.Version != nil && r.Info().Version != *want.Version {
				t.Errorf("version %d, want %d", r.Info().Version, *want.Version)
			}
			if want.NextPartPower != nil && r.Info().NextPartPower != *want.NextPartPower {
				t.Errorf("next part power %d, want %d", r.Info().NextPartPower, *want.NextPartPower)
			}
			for part, w := range want.Parts {
				checkPartition(t, r, uint32(part), w)
			}
			checkLookups(t, r, want)
		})
	}
}

// assignment is the rows of a ring as numbers.
func assignment(r *Ring) [][]uint32 {
	out := [][]uint32{}
	for _, w := range r.rows {
		ids := []uint32{}
		for part := range w.len() {
			ids = append(ids, w.at(part))
		}
		out = append(out, ids)
	}
	return out
}

func checkPartition(t *testing.T, r *Ring, part uint32, want [2][]int) {
	t.Helper()
	if got := ids(r.Primaries(part)); !slices.Equal(got, want[0]) {
		t.Errorf("partition %d: primaries %v, want %v", part, got, want[0])
	}
	if got := ids(slices.Collect(r.Handoffs(part))); !slices.Equal(got, want[1]) {
		t.Errorf("partition %d: handoffs %v, want %v", part, got, want[1])
	}
	for d := range r.Handoffs(part) { // a consumer may stop early
		if d.ID != want[1][0] {
			t.Errorf("partition %d: first handoff %d, want %d", part, d.ID, want[1][0])
		}
		break
	}
}

func checkLookups(t *testing.T, r *Ring, want golden) {
	t.Helper()
	hasher, err := swift.NewHasher("", "sfx")
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range want.Lookups {
		p, err := swift.ParsePath(l[0].(string))
		if err != nil {
			t.Fatal(err)
		}
		if got := r.Partition(hasher.Hash(p)); float64(got) != l[1].(float64) {
			t.Errorf("%s is in partition %d, want %v", l[0], got, l[1])
		}
	}
}

func largeRing() *Ring {
	const power, parts = 18, 1 << 18
	var devs []*Device
	for i := range 40 {
		devs = append(devs, &Device{ID: i, Region: 1 + i%2, Zone: i % 5, IP: fmt.Sprintf("10.0.%d.%d", i%5, i%10), Port: 6200, Device: "d" + strconv.Itoa(i), Weight: 100})
	}
	rows := make([][]uint16, 3)
	for k := range rows {
		n := parts
		if k == 2 {
			n = parts / 3
		}
		rows[k] = make([]uint16, n)
		for p := range rows[k] {
			rows[k][p] = uint16((p*(2*k+3) + k*13 + (p>>9)*7) % 40)
		}
	}
	return New(devs, power, rows)
}

func TestLargeRingStrides(t *testing.T) {
	var want map[string][2][]int
	readJSON(t, "large.json", &want)
	r := largeRing()
	for name, w := range want {
		part, err := strconv.Atoi(name)
		if err != nil {
			t.Fatal(err)
		}
		checkPartition(t, r, uint32(part), w)
	}
}

func TestUnassignedReplicas(t *testing.T) {
	devs := []*Device{{ID: 0, IP: "a"}, nil, {ID: 2, IP: "b"}, {ID: 3, IP: "c"}}
	r := New(devs, 2, [][]uint16{{0, NoDevice, 0, 0}, {2, 2, 2, 2}})
	for _, c := range []struct {
		part                uint32
		primaries, handoffs []int
	}{
		{0, []int{0, 2}, []int{}}, // device 3 holds nothing, so it is no handoff either
		{1, []int{2}, []int{0}},
		{7, []int{}, []int{0, 2}}, // beyond the ring: nobody's
	} {
		if got := ids(r.Primaries(c.part)); !slices.Equal(got, c.primaries) {
			t.Errorf("partition %d: primaries %v, want %v", c.part, got, c.primaries)
		}
		got := ids(slices.Collect(r.Handoffs(c.part)))
		if sort.Ints(got); !slices.Equal(got, c.handoffs) {
			t.Errorf("partition %d: handoffs %v, want %v", c.part, got, c.handoffs)
		}
	}
	if r.Assigned(0, 1) != nil || r.Assigned(1, 1).ID != 2 || r.Assigned(2, 0) != nil {
		t.Error("Assigned disagrees with the rows")
	}
}

func BenchmarkHandoffs(b *testing.B) {
	r := largeRing()
	for i := range b.N {
		n := 0
		for range r.Handoffs(uint32(i) % uint32(r.Partitions())) {
			if n++; n == 3 {
				break
			}
		}
	}
}
