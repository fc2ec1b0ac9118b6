package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"apus/sim/engine"
)

// settings are the flags that most commands share.
type settings struct {
	scenario string
	virtual  time.Duration
	options  options
	workers  int
	limit    time.Duration
	out      string
	inOrder  bool

	registry map[string]engine.Scenario
}

func newCommand(registry map[string]engine.Scenario) *cobra.Command {
	root := &cobra.Command{
		Use:   "apus-sim",
		Short: "Simulate clusters under faults, deterministically (" + engine.Engine + " engine)",
		Long: `Simulate whole clusters under faults, deterministically: a seed decides
everything that happens. This binary has the ` + engine.Engine + ` engine.

Exit codes:
  0  done, and nothing is wrong
  1  done, and something is: a property was violated, a run crashed or hung,
     two runs of a seed differ, or a planted bug was not found
  2  not done: wrong usage, a seed that does not fail given to shrink, a file
     that cannot be read or written, or an interrupt
explain and shrink exit 0 when the drawing or the small case was made.`,
		Example:       "  apus-sim run --seeds 200\n  apus-sim explain 17\n  apus-sim shrink 17",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	s := &settings{registry: registry}
	root.AddCommand(runCommand(s), replayCommand(s), shrinkCommand(s), explainCommand(s), exactCommand(s),
		benchCommand(s), scenariosCommand(s), faultsCommand(), ladderCommand(), overlayCommand(), workerCommand(s), spinCommand())
	return root
}

func (s *settings) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&s.scenario, "scenario", defaultScenario, "what to run; see apus-sim scenarios")
	f.DurationVar(&s.virtual, "for", 0, "virtual time of each run (default: the scenario's)")
	s.options.flags(f)
	f.IntVarP(&s.workers, "jobs", "j", runtime.NumCPU(), "workers at a time")
	f.DurationVar(&s.limit, "limit", 2*time.Minute, "wall-clock time after which a seed counts as hung")
	f.StringVar(&s.out, "out", "out/sim", "directory for what is kept")
	f.BoolVar(&s.inOrder, "in-order", false, "do not choose randomly among runnable goroutines")
}

func (s *settings) job(seed uint64) engine.Job {
	return engine.Job{Scenario: s.scenario, Seed: seed, For: s.virtual, Options: s.options.values, InOrder: s.inOrder}
}

// farm starts this binary as its own worker.
func (s *settings) farm() (*engine.Farm, error) {
	if s.registry[s.scenario] == nil {
		return nil, fmt.Errorf("no scenario %q; there are: %s", s.scenario, strings.Join(s.names(), ", "))
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	command := func(engine.Job) []string { return []string{self, "worker"} }
	return &engine.Farm{Command: command, Workers: s.workers, Limit: s.limit}, nil
}

func (s *settings) names() []string {
	var names []string
	for name := range s.registry {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// replayLine is the command that repeats a job.
func (s *settings) replayLine(job engine.Job) string {
	line := os.Args[0] + " replay " + strconv.FormatUint(job.Seed, 10) + " --scenario " + job.Scenario
	if job.For != 0 {
		line += " --for " + job.For.String()
	}
	line += s.options.line(job.Options)
	if job.InOrder {
		line += " --in-order"
	}
	return line
}

// withFiles are the settings with more options that were read from files.
func (s *settings) withFiles(files map[string]string) *settings {
	more := *s
	more.options.files = maps.Clone(files)
	for name, file := range s.options.files {
		if more.options.files[name] == "" {
			more.options.files[name] = file
		}
	}
	return &more
}

func seedArg(args []string) (uint64, error) {
	seed, err := strconv.ParseUint(args[0], 0, 64)
	if err != nil {
		return 0, fmt.Errorf("seed %q: not a number", args[0])
	}
	return seed, nil
}

func scenariosCommand(s *settings) *cobra.Command {
	return &cobra.Command{
		Use:     "scenarios",
		Short:   "List the scenarios",
		Example: "  apus-sim scenarios\n  apus-sim run --scenario conformance --seeds 3",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			for _, name := range s.names() {
				fmt.Fprintln(cmd.OutOrStdout(), name)
			}
			return nil
		},
	}
}

func workerCommand(s *settings) *cobra.Command {
	return &cobra.Command{
		Use:    "worker < JOB",
		Hidden: true,
		// The job comes on standard input; arguments are for who reads ps.
		RunE: func(*cobra.Command, []string) error {
			var job engine.Job
			if err := json.NewDecoder(os.Stdin).Decode(&job); err != nil {
				return fmt.Errorf("the job on standard input: %w", err)
			}
			scenario := s.registry[job.Scenario]
			if scenario == nil {
				return errors.New("no scenario " + job.Scenario)
			}
			engine.Work(job, scenario)
			return nil
		},
	}
}
