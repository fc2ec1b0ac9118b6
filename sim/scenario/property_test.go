package scenario

import (
	"bytes"
	"flag"
	"slices"
	"strconv"
	"testing"
	"time"

	"apus/faults/budget"
	"apus/faults/nemesis"
	"apus/sim/cluster"
	"apus/sim/engine"
	"apus/sim/workload"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

const (
	propertyChecks = 20
	shortChecks    = 5
	// propertyTime is after how long the remaining checks pass untried, on a
	// machine that is too busy for them.
	propertyTime   = 45 * time.Second
	propertyFaults = 10 * time.Second // faults begin and end within
)

// TestRandomPlansAndWorkloads lets rapid draw cluster, workload and fault
// plan, so that it makes all of them small when a promise is broken.
func TestRandomPlansAndWorkloads(t *testing.T) {
	limitChecks(t)
	profile, err := nemesis.ByName("everything")
	require.NoError(t, err)
	begun, tried := time.Now(), 0
	defer func() { t.Logf("%d simulations", tried) }()
	rapid.Check(t, func(rt *rapid.T) {
		seed := rapid.Uint64Range(1, 1<<16).Draw(rt, "seed")
		w := engine.NewWorld(seed)
		c, err := cluster.New(w, clusterConfig(w)) // never started: tells what there is to break
		if err != nil {
			rt.Fatal(err)
		}
		script := workload.GenScript().Draw(rt, "workload")
		faults := profile.Gen(c.Topology(), budget.DefaultRules(), propertyFaults).Draw(rt, "plan")
		if !t.Failed() && time.Since(begun) > propertyTime {
			return
		}
		tried++
		var text bytes.Buffer
		if err := script.Save(&text); err != nil {
			rt.Fatal(err)
		}
		report, err := engine.Run(t, engine.Job{Scenario: "random", Seed: seed, Options: map[string]string{
			PlanOption: faults.String(), ScriptOption: text.String(),
		}}, Random)
		if err != nil {
			rt.Fatalf("seed %d (%s engine): %v\nplan:\n%s", seed, engine.Engine, err, faults)
		}
		var broken []string
		for _, v := range report.Violations {
			rt.Logf("seed %d (%s engine): %s: %s\n%s\nplan:\n%s", seed, engine.Engine, v.Check, v.Message, v.Detail, faults)
			broken = append(broken, v.Check)
		}
		if broken != nil { // rapid makes small what fails with the same words
			rt.Fatalf("broken: %s", slices.Min(broken))
		}
	})
}

// limitChecks bounds the checks unless -rapid.checks was given.
func limitChecks(t *testing.T) {
	const name = "rapid.checks"
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == name })
	if given {
		return
	}
	n := propertyChecks
	if testing.Short() {
		n = shortChecks
	}
	old := flag.Lookup(name).Value.String()
	require.NoError(t, flag.Set(name, strconv.Itoa(n)))
	t.Cleanup(func() { require.NoError(t, flag.Set(name, old)) })
}
