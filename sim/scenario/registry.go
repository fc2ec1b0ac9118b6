package scenario

import (
	"context"

	"apus/sim/engine"
)

// Mix is the name of the scenario that runs when none is named.
const Mix = "mix"

// Registry lists every scenario by name.
func Registry() map[string]engine.Scenario {
	return map[string]engine.Scenario{
		Mix:        mixed,
		"random":   Random,
		"register": Register,
		"founding": Founding,
		"features": Features,
		"node":     Node,
		"updates":  Updates,
		"idle":     Idle,
		"boundary": Boundary,

		"conformance": Conformance,
	}
}

// mixed lets the seed choose: most runs are random faults, some judge what
// can be judged without faults only.
func mixed(ctx context.Context, w *engine.World) (*engine.Report, error) {
	run := Random
	switch w.Seed % 10 {
	case 0:
		run = Features
		switch {
		case w.Seed%50 == 0:
			run = Conformance
		case w.Seed%20 == 0:
			run = Founding
		}
	case 5:
		run = Register
	case 2, 7:
		run = Node
	case 8:
		run = Updates
	}
	return run(ctx, w)
}
