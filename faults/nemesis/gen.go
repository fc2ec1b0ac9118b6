package nemesis

import (
	"math/rand/v2"
	"time"

	"apus/faults/budget"
	"apus/faults/catalog"
	"apus/faults/plan"

	"pgregory.net/rapid"
)

// Gen draws plans within the budget for property tests. Each event is drawn
// on its own, so rapid leaves out, advances and shortens events one by one.
func (p Profile) Gen(t budget.Topology, rules budget.Rules, length time.Duration) *rapid.Generator[plan.Plan] {
	return rapid.Custom(func(rt *rapid.T) plan.Plan {
		if len(p.Weights) == 0 {
			return nil
		}
		ledger := budget.NewLedger(t, rules)
		n := rapid.IntRange(0, 8).Draw(rt, "events")
		for range n {
			at := time.Duration(rapid.Int64Range(0, length.Milliseconds()).Draw(rt, "at")) * time.Millisecond
			seed := rapid.Uint64Range(0, 1<<20).Draw(rt, "event")
			rng := rand.New(rand.NewPCG(seed, 0))
			e, ok := event(rng, t, pick(rng, p.Weights), at)
			if !ok {
				continue
			}
			if k, _ := catalog.Lookup(e.Kind); k.For != catalog.Never {
				e.For = time.Duration(rapid.Int64Range(1, max(1, (length-at).Milliseconds())).Draw(rt, "for")) * time.Millisecond
			}
			_ = ledger.Admit(e) // what the budget refuses is left out
		}
		return ledger.Plan()
	})
}
