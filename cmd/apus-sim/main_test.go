package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"apus/sim/engine"
	"apus/sim/scenario"

	"github.com/stretchr/testify/require"
)

// TestMain lets the test binary be its own worker.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "worker" {
		if err := newCommand(testScenarios).Execute(); err != nil {
			panic(err)
		}
		return
	}
	os.Exit(m.Run())
}

var testScenarios = map[string]engine.Scenario{
	defaultScenario: func(ctx context.Context, w *engine.World) (*engine.Report, error) {
		w.Trace("draw", w.Stream("x").Uint64())
		time.Sleep(max(time.Minute, w.For))
		w.Mark("slept")
		return &engine.Report{Requests: 3, Checks: 2, Faults: map[string]int{"sloth": 1}}, nil
	},
	"violates": func(_ context.Context, w *engine.World) (*engine.Report, error) {
		plan := w.Options[scenario.PlanOption]
		if _, given := w.Options[scenario.PlanOption]; !given {
			plan = "at 1s kill node1\nat 2s kill node2\nat 3s kill node3\nat 4s kill node4\n"
		}
		script := w.Options[scenario.ScriptOption]
		if script == "" {
			script = `{"seed":2,"timeout":1,"setup":[],"clients":[[{"n":0,"kind":"object-get"}],[{"n":0,"kind":"object-put"}]]}`
		}
		report := &engine.Report{Artifacts: map[string][]byte{
			scenario.PlanArtifact: []byte(plan), scenario.ScriptArtifact: []byte(script),
		}}
		if w.Seed%2 == 0 && strings.Contains(plan, "node3") {
			report.Violations = []engine.Violation{{Check: "no lie", Message: "it lied", Detail: "twice"}}
		}
		return report, nil
	},
	"errs": func(context.Context, *engine.World) (*engine.Report, error) {
		return nil, errors.New("no way")
	},
	"panics": func(context.Context, *engine.World) (*engine.Report, error) {
		panic("out of cheese")
	},
	"leaks": func(context.Context, *engine.World) (*engine.Report, error) {
		go func() { <-make(chan int) }()
		return nil, nil
	},
	"hangs": func(context.Context, *engine.World) (*engine.Report, error) {
		for spinning := 0; ; spinning++ {
			if spinning < 0 {
				return nil, nil
			}
		}
	},
}

// simulate runs the command line and returns what it printed.
func simulate(t *testing.T, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	cmd := newCommand(testScenarios)
	cmd.SetOut(&out)
	cmd.SetErr(new(bytes.Buffer))
	cmd.SetArgs(args)
	err := cmd.ExecuteContext(t.Context())
	return out.String(), err
}

func TestRunSumsUp(t *testing.T) {
	dir := t.TempDir()
	out, err := simulate(t, "run", "--seeds", "4", "--for", "2m", "--out", dir)
	require.NoError(t, err)
	lines := strings.Split(strings.TrimSpace(out), "\n")
	require.Contains(t, lines[len(lines)-1],
		"sim: 4 seeds, 8m0s virtual time, 12 requests, 4 events, 4 faults of 1 kinds, 8 checks, 0 violations, ")
	require.Contains(t, out, "reached: slept 4")
	require.Contains(t, out, "faults by kind: sloth 4")
	results, err := os.ReadFile(filepath.Join(dir, "results.jsonl"))
	require.NoError(t, err)
	require.Equal(t, 4, strings.Count(string(results), "\n"))
}

func TestRunReportsFindings(t *testing.T) {
	for name, want := range map[string][]string{
		"violates": {"seed 2, commit ", "no lie: it lied", " replay 2 --scenario violates", "1 violations"},
		"errs":     {"not carried out: no way"},
		"panics":   {"crash: exit status 2: panic: out of cheese"},
		"leaks":    {"crash: exit status 2: panic: deadlock: main bubble goroutine has exited"},
		"hangs":    {"hang: exit status 2: SIGQUIT"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			out, err := simulate(t, "run", "--seeds", "2", "--scenario", name, "--out", dir, "--limit", "3s")
			require.ErrorIs(t, err, errFound)
			for _, text := range want {
				require.Contains(t, out, text)
			}
			require.FileExists(t, filepath.Join(dir, "seed-2", "result.json"))
			if name == "hangs" {
				dump, err := os.ReadFile(filepath.Join(dir, "seed-2", "output.txt"))
				require.NoError(t, err)
				require.Contains(t, string(dump), "main_test.go", "the goroutine that spins")
			}
		})
	}
}

func TestReplayKeepsEvents(t *testing.T) {
	dir := t.TempDir()
	first, err := simulate(t, "replay", "7", "--out", dir)
	require.NoError(t, err)
	again, err := simulate(t, "replay", "7", "--out", dir)
	require.NoError(t, err)
	hash := func(out string) string {
		_, rest, _ := strings.Cut(out, "trace hash: ")
		return strings.Fields(rest)[0]
	}
	require.Equal(t, hash(first), hash(again))
	events, err := os.ReadFile(filepath.Join(dir, "seed-7", "events.log"))
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(string(events), "0 draw "))
}

func TestExplainWritesAPage(t *testing.T) {
	out, err := simulate(t, "explain", "2", "--scenario", "violates", "--out", t.TempDir())
	require.NoError(t, err)
	page, err := os.ReadFile(strings.TrimSpace(out))
	require.NoError(t, err)
	require.Contains(t, string(page), "no lie: it lied")
}

func TestShrinkFindsTheLineThatMatters(t *testing.T) {
	dir := t.TempDir()
	out, err := simulate(t, "shrink", "2", "--scenario", "violates", "--out", dir)
	require.NoError(t, err)
	require.Contains(t, out, "kill node3")
	require.NotContains(t, out, "kill node2")
	require.Contains(t, out, "shrink: ")
	require.Contains(t, out, "nothing more can be left out")
	_, err = simulate(t, "shrink", "1", "--scenario", "violates", "--out", dir)
	require.ErrorContains(t, err, "does not fail")
}

func TestExactCountsDifferences(t *testing.T) {
	out, err := simulate(t, "exact", "--seeds", "2", "--runs", "2", "--busy", "0")
	require.NoError(t, err)
	require.True(t, strings.HasSuffix(out, "exact: 4 of 4 runs identical\n"), out)
	_, err = simulate(t, "exact", "--seeds", "2", "--runs", "2", "--busy", "0", "--planted")
	require.ErrorContains(t, err, "not noticed")
	p := &proof{cmd: newCommand(testScenarios), runs: 3, total: 6, hashes: map[uint64][]string{1: {"a", "a", "b"}, 2: {"c", "c", "c"}}}
	var text bytes.Buffer
	p.cmd.SetOut(&text)
	require.ErrorIs(t, p.conclude(), errFound)
	require.Contains(t, text.String(), "exact: 5 of 6 runs identical")
}

func TestUnknownScenario(t *testing.T) {
	_, err := simulate(t, "run", "--scenario", "nothing")
	require.ErrorContains(t, err, `no scenario "nothing"; there are: errs`)
}
