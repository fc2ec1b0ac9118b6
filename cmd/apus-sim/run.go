package main

import (
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"apus/sim/engine"
)

func runCommand(s *settings) *cobra.Command {
	var seeds, first uint64
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Run many seeds",
		Long: `Run many seeds and judge each. What a failing seed leaves is kept in a
directory of its own: the violations, the plan and workload that ran, history,
logs, and a timeline as HTML and for Perfetto.`,
		Example: `  apus-sim run --seeds 200
  apus-sim run --scenario random --profile crashes --first 1000 --seeds 50
  apus-sim run --scenario random --plan my-plan.txt --seeds 10
  apus-sim run --scenario register --json | jq .report.requests`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			r := &seedRun{s: s, out: cmd.OutOrStdout(), progress: cmd.ErrOrStderr(), json: asJSON, seeds: seeds}
			return r.run(cmd, first)
		},
	}
	s.flags(cmd)
	cmd.Flags().Uint64Var(&seeds, "seeds", 200, "how many seeds")
	cmd.Flags().Uint64Var(&first, "first", 1, "the first seed")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print each result as a line of JSON instead of the summary")
	return cmd
}

// seedRun is one invocation of run.
type seedRun struct {
	s        *settings
	out      io.Writer
	progress io.Writer
	json     bool
	seeds    uint64

	sum     summary
	results *os.File
	shown   time.Time
	err     error // of writing what is kept
}

func (r *seedRun) run(cmd *cobra.Command, first uint64) error {
	farm, err := r.s.farm()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(r.s.out, 0o755); err != nil {
		return err
	}
	r.results, err = os.Create(filepath.Join(r.s.out, "results.jsonl"))
	if err != nil {
		return err
	}
	defer r.results.Close()
	r.sum.begin()
	err = farm.Run(cmd.Context(), r.jobs(first), r.take)
	fmt.Fprint(r.progress, "\r\x1b[K")
	switch {
	case err != nil:
		return err
	case r.err != nil:
		return r.err
	}
	if !r.json {
		r.sum.print(r.out)
	}
	switch {
	case cmd.Context().Err() != nil:
		return fmt.Errorf("interrupted after %d of %d seeds", r.sum.seeds, r.seeds)
	case r.sum.failed > 0:
		return errFound
	}
	return nil
}

func (r *seedRun) jobs(first uint64) iter.Seq[engine.Job] {
	return func(yield func(engine.Job) bool) {
		for i := range r.seeds {
			if !yield(r.s.job(first + i)) {
				return
			}
		}
	}
}

func (r *seedRun) take(result engine.Result) {
	r.sum.add(&result)
	if result.Failed() {
		dir := filepath.Join(r.s.out, fmt.Sprintf("seed-%d", result.Seed))
		r.keep(keepBundle(dir, &result))
		fmt.Fprint(r.progress, "\r\x1b[K")
		if !r.json {
			printFinding(r.out, r.s, &result, dir)
		}
	}
	line, err := json.Marshal(withoutBulk(result))
	r.keep(err)
	line = append(line, '\n')
	_, err = r.results.Write(line)
	r.keep(err)
	if r.json {
		_, err = r.out.Write(line)
		r.keep(err)
	}
	if now := time.Now(); now.Sub(r.shown) > 200*time.Millisecond {
		r.shown = now
		fmt.Fprintf(r.progress, "\r\x1b[K%d of %d seeds, %d failed, %s", r.sum.seeds, r.seeds, r.sum.failed, r.sum.rate())
	}
}

func (r *seedRun) keep(err error) {
	if r.err == nil {
		r.err = err
	}
}

// withoutBulk drops what has files of its own.
func withoutBulk(result engine.Result) engine.Result {
	if result.Report != nil {
		report := *result.Report
		report.Artifacts = nil
		result.Report = &report
	}
	return result
}
