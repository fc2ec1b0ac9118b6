package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"apus/sim/engine"
)

// Names that a scenario uses for its fault plan, one event a line: the artifact
// that tells which plan ran, and the option that makes it run another one.
const (
	planArtifact = "plan.txt"
	planOption   = "plan"
)

func shrinkCommand(s *settings) *cobra.Command {
	var budget int
	cmd := &cobra.Command{
		Use:   "shrink SEED",
		Short: "Find a small fault plan with which a seed still fails",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			farm, err := s.farm()
			if err != nil {
				return err
			}
			result, dir, err := s.replay(cmd, args)
			if err != nil {
				return err
			}
			if !result.Failed() {
				return fmt.Errorf("seed %d does not fail", result.Seed)
			}
			if result.Report == nil || result.Report.Artifacts[planArtifact] == nil {
				return fmt.Errorf("seed %d left no %s to shrink", result.Seed, planArtifact)
			}
			sh := &shrinking{cmd: cmd, farm: farm, job: result.Job, want: checks(&result), left: budget}
			sh.job.EventLog = ""
			small := sh.minimize(planLines(result.Report.Artifacts[planArtifact]))
			if sh.err != nil {
				return sh.err
			}
			return s.tellSmall(cmd, sh.job, dir, small)
		},
	}
	s.flags(cmd)
	cmd.Flags().IntVar(&budget, "runs", 200, "how many runs to spend")
	return cmd
}

func (s *settings) tellSmall(cmd *cobra.Command, job engine.Job, dir string, small []string) error {
	path := filepath.Join(dir, "small-plan.txt")
	text := planText(small)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		return err
	}
	job.Options = maps.Clone(job.Options)
	if job.Options == nil {
		job.Options = map[string]string{}
	}
	job.Options[planOption] = "@" + path
	fmt.Fprintf(cmd.OutOrStdout(), "%skept in %s\nreplay: %s\n", text, path, s.replayLine(job))
	return nil
}

// shrinking removes lines of a plan as long as the seed keeps failing the same
// check, in halves first and then ever finer.
type shrinking struct {
	cmd  *cobra.Command
	farm *engine.Farm
	job  engine.Job
	want []string
	left int
	err  error
}

func (sh *shrinking) minimize(lines []string) []string {
	if sh.fails(nil) {
		return nil
	}
	for size := (len(lines) + 1) / 2; size > 0; {
		removed := false
		for at := 0; at < len(lines) && len(lines) > 1; {
			rest := slices.Concat(lines[:at], lines[min(at+size, len(lines)):])
			if len(rest) > 0 && sh.fails(rest) {
				lines, removed = rest, true
				continue
			}
			at += size
		}
		if !removed || size > len(lines) {
			size /= 2
		}
	}
	return lines
}

func (sh *shrinking) fails(lines []string) bool {
	if sh.left == 0 || sh.err != nil {
		return false
	}
	sh.left--
	result, err := sh.farm.One(sh.cmd.Context(), withPlan(sh.job, lines))
	if err == nil {
		err = sh.cmd.Context().Err()
	}
	if err != nil {
		sh.err = err
		return false
	}
	same := slices.ContainsFunc(checks(&result), func(c string) bool { return slices.Contains(sh.want, c) })
	fmt.Fprintf(sh.cmd.ErrOrStderr(), "%d events: %s\n", len(lines), map[bool]string{true: "fails", false: "passes"}[same])
	return same
}

// planText begins with a comment, because a scenario takes an empty plan for
// none given.
func planText(lines []string) string {
	return "# shrunk\n" + strings.Join(slices.Concat(lines, []string{""}), "\n")
}

// withPlan makes the job run that plan.
func withPlan(job engine.Job, lines []string) engine.Job {
	options := maps.Clone(job.Options)
	if options == nil {
		options = map[string]string{}
	}
	options[planOption] = planText(lines)
	job.Options = options
	return job
}

func planLines(text []byte) []string {
	var lines []string
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if line != "" && !strings.HasPrefix(line, "#") {
			lines = append(lines, line)
		}
	}
	return lines
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
