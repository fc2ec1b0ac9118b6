package main

import (
	"testing"

	"apus/sim/engine"
)

// A mutant counts as found by its own property only, wherever it stands among
// what a run violates.
func TestDescribe(t *testing.T) {
	both := &engine.Report{Violations: []engine.Violation{
		{Check: "no leak", Message: "a file is open\nsince long"},
		{Check: "durability/lost", Message: `durability/lost "/a/c/o" at 1s: gone`},
	}}
	for _, c := range []struct {
		name, property string
		result         engine.Result
		index          int
		text           string
	}{
		{"the first", "no leak", engine.Result{Report: both}, 0, "no leak: a file is open"},
		{"a later one", "durability/lost", engine.Result{Report: both}, 1, `durability/lost: "/a/c/o" at 1s: gone`},
		{"none of them", "integrity/torn", engine.Result{Report: both}, -1, "no leak: a file is open"},
		{"no violation", "no leak", engine.Result{Report: &engine.Report{}}, -1, ""},
		{"a crash", "no leak", engine.Result{Crash: &engine.Crash{Kind: "hang", Status: "signal: quit"}}, -1, "hang: signal: quit"},
		{"an error", "no leak", engine.Result{Error: "no such plan"}, -1, "no such plan"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := violated(&c.result, c.property); got != c.index {
				t.Errorf("violated: %d, want %d", got, c.index)
			}
			if got := describe(&c.result, c.property); got != c.text {
				t.Errorf("describe: %q, want %q", got, c.text)
			}
		})
	}
}
