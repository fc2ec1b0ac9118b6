package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"apus/sim/engine"
	"apus/sim/engine/overlay"
	"apus/sim/mutant"
)

// mutantSeeds is within how many seeds a mutant must be found.
const mutantSeeds = 500

func ladderCommand() *cobra.Command {
	var match string
	var list bool
	var seeds uint64
	var jobs int
	var limit time.Duration
	var out string
	cmd := &cobra.Command{
		Use:   "ladder",
		Short: "Plant known bugs, one at a time, and see whether the simulator finds them",
		Long: "Compile the simulator once for each deliberate bug and run seeds until one fails.\n" +
			"The last line says how many were found. Run it in the module's directory.",
		Example: "  apus-sim ladder\n  apus-sim ladder --match 'slo-*'\n  apus-sim ladder --list",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if list {
				return listMutants(cmd.OutOrStdout())
			}
			l := &ladder{
				out: cmd.OutOrStdout(), progress: cmd.ErrOrStderr(), dir: out,
				match: match, seeds: seeds, jobs: jobs, limit: limit,
			}
			return l.climb(cmd.Context())
		},
	}
	cmd.Flags().StringVar(&match, "match", "*", "only the mutants whose name matches this glob")
	cmd.Flags().BoolVar(&list, "list", false, "list the mutants and exit")
	cmd.Flags().Uint64Var(&seeds, "seeds", mutantSeeds, "within how many seeds a mutant must be found")
	cmd.Flags().IntVarP(&jobs, "jobs", "j", runtime.NumCPU(), "workers at a time")
	cmd.Flags().DurationVar(&limit, "limit", 2*time.Minute, "wall-clock time after which a seed counts as hung")
	cmd.Flags().StringVar(&out, "out", "out/ladder", "directory for what is kept")
	return cmd
}

func listMutants(w io.Writer) error {
	for _, m := range mutant.Table() {
		if _, err := fmt.Fprintf(w, "%-32s %-10s %s\n", m.Name, m.Scenario, m.Bug); err != nil {
			return err
		}
	}
	return nil
}

// ladder is one climb.
type ladder struct {
	out, progress io.Writer
	dir, match    string
	seeds         uint64
	jobs          int
	limit         time.Duration
}

func (l *ladder) climb(ctx context.Context) error {
	var tried, found int
	for _, m := range mutant.Table() {
		ok, err := path.Match(l.match, m.Name)
		if err != nil {
			return fmt.Errorf("--match %q: %w", l.match, err)
		}
		if !ok {
			continue
		}
		tried++
		result, n, err := l.hunt(ctx, m)
		if err != nil {
			return fmt.Errorf("mutant %s: %w", m.Name, err)
		}
		if result == nil {
			fmt.Fprintf(l.out, "MISSED %-32s after %d seeds of %s: %s\n", m.Name, n, m.Scenario, m.Bug)
			continue
		}
		found++
		fmt.Fprintf(l.out, "found  %-32s after %d seeds: %s\n", m.Name, n, describe(result))
	}
	fmt.Fprintf(l.out, "ladder: %d of %d found\n", found, tried)
	if tried == 0 {
		return fmt.Errorf("--match %q matches no mutant; see --list", l.match)
	}
	if found < tried {
		return errFound
	}
	return nil
}

// describe says in one line why a run failed.
func describe(r *engine.Result) string {
	text := r.Error
	switch {
	case r.Crash != nil:
		text = r.Crash.Kind + ": " + r.Crash.Status
	case r.Report != nil && len(r.Report.Violations) > 0:
		text = r.Report.Violations[0].Check + ": " + r.Report.Violations[0].Message
	}
	text, _, _ = strings.Cut(text, "\n")
	return fmt.Sprintf("%.160s", text)
}

// hunt compiles a mutant and runs seeds until one fails. It returns the first
// failure and the number of seeds that it took.
func (l *ladder) hunt(ctx context.Context, m mutant.Mutant) (*engine.Result, uint64, error) {
	fmt.Fprintf(l.progress, "\r\x1b[K%s: compiling", m.Name)
	binary, err := l.build(ctx, m)
	if err != nil {
		return nil, 0, err
	}
	defer os.Remove(binary) // tens of megabytes each
	farm := &engine.Farm{Workers: l.jobs, Limit: l.limit, Command: func(job engine.Job) []string {
		encoded, err := json.Marshal(job)
		if err != nil {
			panic(err) // strings and numbers
		}
		return []string{binary, "worker", string(encoded)}
	}}
	hunting, stop := context.WithCancel(ctx)
	defer stop()
	var done uint64
	var failure *engine.Result
	err = farm.Run(hunting, func(yield func(engine.Job) bool) {
		for i := range l.seeds {
			if hunting.Err() != nil || !yield(engine.Job{Scenario: m.Scenario, Seed: i + 1}) {
				return
			}
		}
	}, func(r engine.Result) {
		if failure != nil {
			return
		}
		done++
		fmt.Fprintf(l.progress, "\r\x1b[K%s: %d seeds", m.Name, done)
		if r.Failed() {
			failure = &r
			stop()
		}
	})
	fmt.Fprint(l.progress, "\r\x1b[K")
	if failure == nil && err == nil {
		err = ctx.Err()
	}
	if failure != nil {
		err = keepBundle(filepath.Join(l.dir, m.Name), failure)
	}
	return failure, done, err
}

// build links a simulator with the bug in it.
func (l *ladder) build(ctx context.Context, m mutant.Mutant) (string, error) {
	module, err := os.Getwd()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(l.dir, m.Name)
	replace, err := m.Write(module, filepath.Join(dir, "src"))
	if err != nil {
		return "", err
	}
	said, err := exec.CommandContext(ctx, "go", "env", "GOROOT", "GOVERSION").Output()
	if err != nil {
		return "", fmt.Errorf("go env: %w", err)
	}
	goroot, version, _ := strings.Cut(strings.TrimSpace(string(said)), "\n")
	json, err := overlay.Write(goroot, version, filepath.Join(dir, "overlay"), replace)
	if err != nil {
		return "", err
	}
	binary, err := filepath.Abs(filepath.Join(dir, "apus-sim"))
	if err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, "go", "build", "-tags", overlay.Tag, "-overlay", json,
		"-ldflags", "-X testing.testBinary=1", "-o", binary, "./cmd/apus-sim")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("it does not compile, which proves nothing: %w\n%s", err, out)
	}
	return binary, nil
}
