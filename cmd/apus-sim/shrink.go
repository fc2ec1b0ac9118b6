package main

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"apus/faults/plan"
	"apus/sim/engine"
	"apus/sim/scenario"
	"apus/sim/shrink"
	"apus/sim/workload"
)

func shrinkCommand(s *settings) *cobra.Command {
	var runs int
	cmd := &cobra.Command{
		Use:   "shrink SEED",
		Short: "Find the fewest faults and requests with which a seed still fails",
		Long: `Run a failing seed again and again with fewer and shorter faults, fewer clients
and requests and smaller objects, for as long as the same property is violated.
The smallest plan and workload, and what a run of them leaves, are kept in the
directory "small" of the seed.`,
		Example: "  apus-sim shrink 17\n  apus-sim shrink 17 --runs 1000 --scenario register",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			result, dir, err := s.replay(cmd, args)
			if err != nil {
				return err
			}
			if !result.Failed() {
				return fmt.Errorf("seed %d does not fail", result.Seed)
			}
			farm, err := s.farm()
			if err != nil {
				return err
			}
			sh := &shrinking{s: s, cmd: cmd, farm: farm, job: result.Job, want: checks(&result)}
			sh.job.EventLog = ""
			return sh.run(&result, filepath.Join(dir, "small"), runs)
		},
	}
	s.flags(cmd)
	cmd.Flags().IntVar(&runs, "runs", 400, "how many runs to spend")
	return cmd
}

// shrinking is the search for a small case of one seed.
type shrinking struct {
	s    *settings
	cmd  *cobra.Command
	farm *engine.Farm
	job  engine.Job
	want []string // the checks that failed; one of them must go on failing
}

func (sh *shrinking) run(result *engine.Result, dir string, runs int) error {
	first, err := sh.inputs(sh.cmd.Context(), result)
	if err != nil {
		return err
	}
	progress := sh.cmd.ErrOrStderr()
	best, err := shrink.Minimise(sh.cmd.Context(), first, sh.fails, shrink.Options{
		Runs: runs, Log: func(run int, fails bool, best shrink.Case) {
			fmt.Fprintf(progress, "\r\x1b[Krun %d %s, smallest: %s", run, map[bool]string{true: "fails", false: "passes"}[fails], best.Size())
		},
	})
	fmt.Fprint(progress, "\r\x1b[K")
	if err != nil {
		return err
	}
	return sh.tell(first, best, dir)
}

// inputs are plan and workload of the run. A run that ended before it could
// leave them is asked to draw them only.
func (sh *shrinking) inputs(ctx context.Context, result *engine.Result) (shrink.Case, error) {
	c := shrink.Case{Seed: sh.job.Seed}
	if result.Report == nil {
		drawn, err := sh.farm.One(ctx, with(sh.job, scenario.DrawOption, scenario.DrawOnly))
		if err != nil {
			return c, err
		}
		result = &drawn
	}
	if result.Report == nil || result.Report.Artifacts[scenario.ScriptArtifact] == nil {
		return c, fmt.Errorf("seed %d of scenario %s has no %s to shrink", sh.job.Seed, sh.job.Scenario, scenario.ScriptArtifact)
	}
	var err error
	if c.Plan, err = plan.Parse(string(result.Report.Artifacts[scenario.PlanArtifact])); err != nil {
		return c, err
	}
	c.Script, err = workload.Load(bytes.NewReader(result.Report.Artifacts[scenario.ScriptArtifact]))
	return c, err
}

// fails runs a case and says whether it violates what the seed violated.
func (sh *shrinking) fails(ctx context.Context, c shrink.Case) (bool, error) {
	job, err := sh.jobOf(c)
	if err != nil {
		return false, err
	}
	result, err := sh.farm.One(ctx, job)
	if err != nil {
		return false, err
	}
	return sh.same(&result), ctx.Err()
}

func (sh *shrinking) same(result *engine.Result) bool {
	return slices.ContainsFunc(checks(result), func(c string) bool { return slices.Contains(sh.want, c) })
}

// jobOf makes the job that runs a case.
func (sh *shrinking) jobOf(c shrink.Case) (engine.Job, error) {
	var script bytes.Buffer
	if err := c.Script.Save(&script); err != nil {
		return engine.Job{}, err
	}
	return with(sh.job, scenario.PlanOption, c.Plan.String(), scenario.ScriptOption, script.String()), nil
}

// tell runs the smallest case once more, to keep everything about it.
func (sh *shrinking) tell(first shrink.Case, best shrink.Result, dir string) error {
	job, err := sh.jobOf(best.Case)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	job.EventLog = filepath.Join(dir, "events.log")
	result, err := sh.farm.One(sh.cmd.Context(), job)
	if err != nil {
		return err
	}
	if !sh.same(&result) {
		return fmt.Errorf("the smallest case failed and now passes; the %s engine does not repeat it", engine.Engine)
	}
	if err := keepBundle(dir, &result); err != nil {
		return err
	}
	files := map[string]string{}
	for option, name := range map[string]string{
		scenario.PlanOption: scenario.PlanArtifact, scenario.ScriptOption: scenario.ScriptArtifact,
	} {
		files[option] = filepath.Join(dir, name)
		if err := os.WriteFile(files[option], []byte(job.Options[option]), 0o644); err != nil {
			return err
		}
	}
	out := sh.cmd.OutOrStdout()
	printFinding(out, sh.s.withFiles(files), &result, dir)
	fmt.Fprint(out, best.Plan.String())
	for i, steps := range best.Script.Clients {
		for _, step := range steps {
			fmt.Fprintf(out, "client %d: %s %q %q\n", i, step.Kind, step.Container, step.Object)
		}
	}
	for _, name := range drawings(&result) {
		fmt.Fprintln(out, filepath.Join(dir, name))
	}
	complete := "nothing more can be left out"
	if !best.Complete {
		complete = "the runs were used up"
	}
	fmt.Fprintf(out, "shrink: %s, before %s, after %d runs; %s\n", best.Size(), first.Size(), best.Runs, complete)
	return nil
}

// with is the job with more options, given as names and values in turn.
func with(job engine.Job, pairs ...string) engine.Job {
	all := map[string]string{}
	maps.Copy(all, job.Options)
	for i := 0; i < len(pairs); i += 2 {
		all[pairs[i]] = pairs[i+1]
	}
	job.Options = all
	return job
}

// checks names what failed, each once.
func checks(r *engine.Result) []string {
	var names []string
	switch {
	case r.Error != "":
		names = append(names, "error")
	case r.Crash != nil:
		names = append(names, r.Crash.Kind)
	case r.Report != nil:
		for _, v := range r.Report.Violations {
			names = append(names, v.Check)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
