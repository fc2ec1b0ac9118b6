package main

import (
	"maps"

	"apus/sim/engine"
	"apus/sim/engine/demo"
	"apus/sim/scenario"
)

// defaultScenario is what runs when none is named.
const defaultScenario = scenario.Mix

// scenarios lists everything that can be run, by name.
func scenarios() map[string]engine.Scenario {
	all := maps.Clone(scenario.Registry())
	all["demo"] = demo.Run // tries the engine itself
	return all
}
