package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
	"slices"
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
		Long: "Compile the simulator once for each deliberate bug and run seeds until one breaks the\n" +
			"property that the bug is about, which that seed must not do without the bug.\n" +
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
		if _, err := fmt.Fprintf(w, "%-24s %-10s %-20s %s\n", m.Name, m.Scenario, m.Property, m.Bug); err != nil {
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
		h := &hunt{l: l, m: m, begun: time.Now()}
		if err := h.run(ctx); err != nil {
			return fmt.Errorf("mutant %s: %w", m.Name, err)
		}
		if h.tell() {
			found++
		}
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

// describe says in one line why a run failed: by the given property if it
// did, else by the first thing that is wrong.
func describe(r *engine.Result, property string) string {
	text := r.Error
	switch {
	case r.Crash != nil:
		text = r.Crash.Kind + ": " + r.Crash.Status
	case r.Report != nil && len(r.Report.Violations) > 0:
		v := r.Report.Violations[max(0, violated(r, property))]
		text = v.Check + ": " + strings.TrimPrefix(v.Message, v.Check+" ")
	}
	text, _, _ = strings.Cut(text, "\n")
	return fmt.Sprintf("%.200s", text)
}

// violated is the index of the first violation of a property, or -1.
func violated(r *engine.Result, property string) int {
	if r.Report == nil {
		return -1
	}
	return slices.IndexFunc(r.Report.Violations, func(v engine.Violation) bool { return v.Check == property })
}

// hunt is the search for one mutant.
type hunt struct {
	l     *ladder
	m     mutant.Mutant
	begun time.Time

	seeds  uint64         // that were run
	caught *engine.Result // the first run that violates the property because of the mutant
	other  *engine.Result // the first run that fails for another reason
}

// run compiles the mutant and runs seeds until one violates the property that
// must find it. The same seed without the mutant must not violate it.
func (h *hunt) run(ctx context.Context) error {
	h.progress("compiling")
	defer fmt.Fprint(h.l.progress, "\r\x1b[K")
	binary, err := h.l.build(ctx, h.m)
	if err != nil {
		return err
	}
	defer os.Remove(binary) // tens of megabytes each
	self, err := os.Executable()
	if err != nil {
		return err
	}
	hunting, stop := context.WithCancel(ctx)
	defer stop()
	var failed error
	err = h.l.farm(binary).Run(hunting, h.jobs(hunting), func(r engine.Result) {
		if h.caught != nil || failed != nil {
			return
		}
		h.seeds++
		h.progress(fmt.Sprintf("%d seeds", h.seeds))
		switch {
		case violated(&r, h.m.Property) >= 0:
			var sane engine.Result
			sane, failed = h.l.farm(self).One(ctx, r.Job)
			if sane.Report != nil && violated(&sane, h.m.Property) < 0 {
				h.caught = &r
				stop()
				return
			}
			fallthrough
		case r.Failed() && h.other == nil:
			h.other = &r
		}
	})
	if err = errors.Join(err, failed); err != nil || h.caught == nil {
		return errors.Join(err, ctx.Err())
	}
	return keepBundle(filepath.Join(h.l.dir, h.m.Name), h.caught)
}

func (h *hunt) jobs(ctx context.Context) iter.Seq[engine.Job] {
	return func(yield func(engine.Job) bool) {
		for seed := uint64(1); seed <= h.l.seeds && ctx.Err() == nil; seed++ {
			if !yield(engine.Job{Scenario: h.m.Scenario, Seed: seed, Options: h.m.Options}) {
				return
			}
		}
	}
}

func (h *hunt) progress(doing string) { fmt.Fprintf(h.l.progress, "\r\x1b[K%s: %s", h.m.Name, doing) }

// tell prints how the hunt ended and reports whether the mutant was found.
func (h *hunt) tell() (found bool) {
	took := time.Since(h.begun).Round(time.Second)
	if h.caught != nil {
		fmt.Fprintf(h.l.out, "found  %-24s by seed %d, %d seeds of %s, %v: %s\n",
			h.m.Name, h.caught.Seed, h.seeds, h.m.Scenario, took, describe(h.caught, h.m.Property))
		return true
	}
	fmt.Fprintf(h.l.out, "MISSED %-24s %d seeds of %s, %v, without %q: %s\n",
		h.m.Name, h.seeds, h.m.Scenario, took, h.m.Property, h.m.Bug)
	if h.other != nil {
		fmt.Fprintf(h.l.out, "       seed %d failed, but so: %s\n", h.other.Seed, describe(h.other, h.m.Property))
	}
	return false
}

// farm runs jobs with a binary of this command.
func (l *ladder) farm(binary string) *engine.Farm {
	return &engine.Farm{Workers: l.jobs, Limit: l.limit, Command: func(job engine.Job) []string {
		encoded, err := json.Marshal(job)
		if err != nil {
			panic(err) // strings and numbers
		}
		return []string{binary, "worker", string(encoded)}
	}}
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
