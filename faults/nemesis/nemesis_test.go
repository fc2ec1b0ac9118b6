package nemesis

import (
	"math/rand/v2"
	"testing"
	"time"

	"apus/faults/budget"
	"apus/faults/catalog"
	"apus/faults/plan"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func topology() budget.Topology {
	procs := []string{"account", "container", "object", "container-updater", "object-updater"}
	t := budget.Topology{
		{Name: "proxy1", Processes: []string{"proxy"}}, {Name: "proxy2", Processes: []string{"proxy"}},
		{Name: "client1", Client: true},
	}
	for i, name := range []string{"node1", "node2", "node3", "node4"} {
		t = append(t, budget.Node{Name: name, Zone: i + 1, Devices: []string{"d1", "d2"}, Processes: procs})
	}
	return t
}

func TestProfiles(t *testing.T) {
	const length = 5 * time.Minute
	kinds := map[string]int{}
	for _, p := range Profiles() {
		t.Run(p.Name, func(t *testing.T) {
			total := 0
			for seed := range uint64(40) {
				got := p.Draw(rand.New(rand.NewPCG(seed, 1)), topology(), budget.DefaultRules(), length)
				again := p.Draw(rand.New(rand.NewPCG(seed, 1)), topology(), budget.DefaultRules(), length)
				if d := cmp.Diff(got, again); d != "" {
					t.Fatalf("two draws of one seed differ: %s", d)
				}
				if err := got.Validate(catalog.Vocabulary{}); err != nil {
					t.Fatal(err)
				}
				if over := budget.Check(got, topology(), budget.DefaultRules()); over != nil {
					t.Fatalf("over budget: %v", over)
				}
				if got.End() > length {
					t.Fatalf("ends at %v", got.End())
				}
				back, err := plan.Parse(got.String())
				if err != nil || !cmp.Equal(got, back) {
					t.Fatalf("does not read back: %v\n%s", err, got)
				}
				for _, e := range got {
					kinds[e.Kind]++
				}
				total += len(got)
			}
			if (total == 0) != (p.Name == "calm") {
				t.Errorf("%d events", total)
			}
		})
	}
	everything, err := ByName("everything")
	if err != nil {
		t.Fatal(err)
	}
	for kind := range everything.Weights {
		if kinds[kind] == 0 {
			t.Errorf("%s is never drawn", kind)
		}
	}
	if _, err := ByName("chaos"); err == nil {
		t.Error("an unknown profile is found")
	}
}

func TestGen(t *testing.T) {
	p, err := ByName("everything")
	if err != nil {
		t.Fatal(err)
	}
	gen := p.Gen(topology(), budget.DefaultRules(), time.Minute)
	rapid.Check(t, func(rt *rapid.T) {
		got := gen.Draw(rt, "plan")
		if err := got.Validate(catalog.Vocabulary{}); err != nil {
			rt.Fatal(err)
		}
		if over := budget.Check(got, topology(), budget.DefaultRules()); over != nil {
			rt.Fatal(over)
		}
	})
}
