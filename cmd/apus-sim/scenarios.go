package main

import (
	"io"
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

// explain draws the run of a seed as one HTML page. dir holds what the run
// left: its artifacts, each under its name, and the text of its events in
// events.log.
var explain func(out io.Writer, result *engine.Result, dir string) error = explainPlainly
