// Package nemesis draws random fault plans that a cluster must survive
// (package budget) from named profiles. The same stream of random numbers
// gives the same plan.
package nemesis

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"apus/faults/budget"
	"apus/faults/catalog"
	"apus/faults/plan"
)

// Profile is a mix of faults.
type Profile struct {
	Name string
	Doc  string
	// Weights says how often each kind is drawn, relative to the others.
	Weights map[string]int
	// Gap is the mean time from one draw to the next.
	Gap time.Duration
	// For is the mean duration of a fault.
	For time.Duration
	// Subset makes every plan use a random subset of the kinds.
	Subset bool
}

// Profiles lists the named ones.
func Profiles() []Profile {
	net := map[string]int{
		"partition": 4, "net-latency": 3, "net-bandwidth": 2, "net-refuse": 2, "net-blackhole": 2, "net-reset": 3,
	}
	disks := map[string]int{
		"disk-eio": 4, "disk-full": 2, "disk-slow": 2, "disk-stall": 2, "disk-unmount": 2, "disk-readonly": 1,
	}
	crashes := map[string]int{"kill": 4, "power-cut": 4, "restart": 2, "pause": 2}
	clocks := map[string]int{"clock-skew": 2, "clock-step": 1}
	all := map[string]int{}
	for _, m := range []map[string]int{net, disks, crashes, clocks} {
		maps.Copy(all, m)
	}
	const gap, lasts = 6 * time.Second, 5 * time.Second
	return []Profile{
		{Name: "calm", Doc: "no faults", Gap: gap, For: lasts},
		{Name: "network", Doc: "partitions, latency, refused and reset connections", Weights: net, Gap: gap, For: lasts},
		{Name: "disks", Doc: "devices that fail, fill up, stall or vanish", Weights: disks, Gap: gap, For: lasts},
		{Name: "crashes", Doc: "killed, restarted and paused processes, power cuts", Weights: crashes, Gap: gap, For: lasts},
		{Name: "clocks", Doc: "wrong wall clocks", Weights: clocks, Gap: gap, For: 2 * lasts},
		{Name: "everything", Doc: "all of the above", Weights: all, Gap: gap, For: lasts},
		{Name: "swarm", Doc: "a random subset of everything, another for each plan", Weights: all, Gap: gap, For: lasts, Subset: true},
	}
}

// ByName finds a profile.
func ByName(name string) (Profile, error) {
	var names []string
	for _, p := range Profiles() {
		if p.Name == name {
			return p, nil
		}
		names = append(names, p.Name)
	}
	return Profile{}, fmt.Errorf("nemesis: there is no profile %q; the profiles are %s", name, strings.Join(names, ", "))
}

// Draw makes a plan that begins no event after length and ends every event
// by then. What the budget refuses is drawn again, a few times; then the
// moment passes without a fault.
func (p Profile) Draw(rng *rand.Rand, t budget.Topology, rules budget.Rules, length time.Duration) plan.Plan {
	weights := p.weights(rng)
	ledger := budget.NewLedger(t, rules)
	if len(weights) == 0 {
		return nil
	}
	const tries = 8
	for at := spread(rng, p.Gap); at < length; at += spread(rng, p.Gap) {
		for range tries {
			e, ok := event(rng, t, pick(rng, weights), at)
			if !ok {
				continue
			}
			if k, _ := catalog.Lookup(e.Kind); k.For != catalog.Never {
				e.For = max(min(spread(rng, p.For), length-at), time.Millisecond)
			}
			if ledger.Admit(e) == nil {
				break
			}
		}
	}
	return ledger.Plan()
}

// weights are those of one plan.
func (p Profile) weights(rng *rand.Rand) map[string]int {
	if !p.Subset {
		return p.Weights
	}
	names := slices.Sorted(maps.Keys(p.Weights))
	rng.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	out := map[string]int{}
	for _, name := range names[:1+rng.IntN(len(names))] {
		out[name] = p.Weights[name]
	}
	return out
}

// spread draws an exponential duration of the given mean, at most three
// times that, in milliseconds so that plans read well.
func spread(rng *rand.Rand, mean time.Duration) time.Duration {
	d := time.Duration(min(rng.ExpFloat64(), 3) * float64(mean))
	return max(d.Truncate(time.Millisecond), time.Millisecond)
}

func pick(rng *rand.Rand, weights map[string]int) string {
	names := slices.Sorted(maps.Keys(weights))
	total := 0
	for _, n := range names {
		total += weights[n]
	}
	x := rng.IntN(total)
	for _, n := range names {
		if x -= weights[n]; x < 0 {
			return n
		}
	}
	panic("nemesis: weights do not add up")
}

// event draws target, peer and arguments for a kind; not ok if the cluster
// has nothing to aim at.
func event(rng *rand.Rand, t budget.Topology, kind string, at time.Duration) (plan.Event, bool) {
	k, ok := catalog.Lookup(kind)
	if !ok {
		panic(fmt.Sprintf("nemesis: no kind %q in the catalogue", kind))
	}
	e := plan.Event{At: at, Kind: kind}
	targets := targets(t, k)
	if len(targets) == 0 {
		return e, false
	}
	e.Target = targets[rng.IntN(len(targets))]
	if k.Peer == catalog.Must || k.Peer == catalog.May && !strings.Contains(e.Target, "/") && rng.IntN(2) == 0 {
		if e.Peer, ok = peer(rng, t, e.Target); !ok {
			return e, false
		}
		e.Way = []plan.Way{plan.Both, plan.Both, plan.Out, plan.In}[rng.IntN(4)]
	}
	for _, a := range k.Args {
		if v, ok := value(rng, kind, a); ok {
			if e.Args == nil {
				e.Args = map[string]string{}
			}
			e.Args[a.Name] = v
		}
	}
	return e, true
}

// targets are all that a kind can be aimed at, clients and the dead links
// between them excepted.
func targets(t budget.Topology, k catalog.Kind) []string {
	var out []string
	for _, n := range t {
		if n.Client {
			continue
		}
		if k.Target&catalog.Machine != 0 {
			out = append(out, n.Name)
		}
		if k.Target&catalog.Process != 0 {
			for _, p := range n.Processes {
				out = append(out, n.Name+"/"+p)
			}
		}
		if k.Target&catalog.Device != 0 {
			for _, d := range n.Devices {
				out = append(out, n.Name+"/"+d)
			}
		}
	}
	return out
}

// peer draws a machine that the target talks to: not two clients, not a
// client and a storage node.
func peer(rng *rand.Rand, t budget.Topology, target string) (string, bool) {
	var out []string
	self, _ := t.Node(target)
	for _, n := range t {
		if n.Name != target && !(n.Client && !self.IsProxy()) && !(n.IsProxy() && self.IsProxy()) {
			out = append(out, n.Name)
		}
	}
	if len(out) == 0 {
		return "", false
	}
	return out[rng.IntN(len(out))], true
}

// value draws an argument; not ok leaves it at its default.
func value(rng *rand.Rand, kind string, a catalog.Arg) (string, bool) {
	switch kind + "." + a.Name {
	case "net-latency.delay", "net-latency.jitter", "disk-slow.delay":
		return logUniform(rng, time.Millisecond, 2*time.Second).String(), true
	case "net-bandwidth.rate":
		return strconv.Itoa(1 << (12 + rng.IntN(9))), true
	case "net-reset.after":
		return strconv.Itoa(rng.IntN(1 << 17)), true
	case "clock-skew.by", "clock-step.by":
		d := logUniform(rng, time.Millisecond, 30*time.Second)
		if rng.IntN(2) == 0 {
			d = -d
		}
		return d.String(), true
	}
	switch a.Type {
	case catalog.Choice:
		return a.Choices[rng.IntN(len(a.Choices))], true
	case catalog.Probability:
		return []string{"0.1", "0.3", "1"}[rng.IntN(3)], true
	}
	return "", false
}

// logUniform draws a duration whose logarithm is uniform, to two digits.
func logUniform(rng *rand.Rand, low, high time.Duration) time.Duration {
	d := float64(low) * math.Pow(float64(high)/float64(low), rng.Float64())
	unit := time.Millisecond / 10
	for d/float64(unit) >= 100 {
		unit *= 10
	}
	return time.Duration(d).Round(unit)
}
