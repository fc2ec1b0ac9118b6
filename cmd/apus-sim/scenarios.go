package main

import (
	"io"

	"apus/sim/engine"
	"apus/sim/engine/demo"
)

// defaultScenario is what runs when none is named.
const defaultScenario = "demo"

// scenarios lists everything that can be run, by name.
func scenarios() map[string]engine.Scenario {
	return map[string]engine.Scenario{
		"demo": demo.Run,
	}
}

// explain draws the run of a seed as one HTML page. dir holds what the run
// left: its artifacts, each under its name, and the text of its events in
// events.log.
var explain func(out io.Writer, result *engine.Result, dir string) error = explainPlainly
