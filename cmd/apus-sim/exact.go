package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"slices"
	"syscall"

	"github.com/spf13/cobra"

	"apus/sim/engine"
)

func exactCommand(s *settings) *cobra.Command {
	var seeds, first uint64
	var runs, busy int
	var planted bool
	cmd := &cobra.Command{
		Use:   "exact",
		Short: "Prove that a seed always gives the same run, on a busy machine",
		Example: `  apus-sim exact
  apus-sim exact --seeds 5 --runs 2 --scenario register --busy 0`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			farm, err := s.farm()
			if err != nil {
				return err
			}
			ctx, cancel := context.WithCancel(cmd.Context())
			defer cancel()
			stop, err := keepBusy(ctx, busy)
			if err != nil {
				return err
			}
			defer stop()
			p := &proof{cmd: cmd, s: s, runs: runs, planted: planted, hashes: map[uint64][]string{}}
			err = farm.Run(ctx, func(yield func(engine.Job) bool) {
				for range runs {
					for i := range seeds {
						if !yield(s.job(first + i)) {
							return
						}
					}
				}
			}, p.take)
			if err == nil {
				err = cmd.Context().Err()
			}
			if err != nil {
				return err
			}
			return p.conclude()
		},
	}
	s.flags(cmd)
	cmd.Flags().Uint64Var(&seeds, "seeds", 50, "how many seeds")
	cmd.Flags().Uint64Var(&first, "first", 1, "the first seed")
	cmd.Flags().IntVar(&runs, "runs", 3, "how often each, in fresh processes")
	cmd.Flags().IntVar(&busy, "busy", runtime.NumCPU(), "processes that spin beside")
	cmd.Flags().BoolVar(&planted, "planted", false, "succeed only if runs differ: proves that a difference is noticed")
	return cmd
}

// proof gathers the trace hashes of repeated runs.
type proof struct {
	cmd     *cobra.Command
	s       *settings
	runs    int
	planted bool
	hashes  map[uint64][]string
	total   int
}

func (p *proof) take(r engine.Result) {
	p.total++
	hash := "no report"
	if r.Report != nil {
		hash = fmt.Sprintf("%s, %d events", r.Report.TraceHash, r.Report.Events)
	} else {
		printFinding(p.cmd.OutOrStdout(), p.s, &r, "nothing")
		hash += fmt.Sprint(p.total) // equal to no other
	}
	p.hashes[r.Seed] = append(p.hashes[r.Seed], hash)
}

// conclude counts a run as identical when it agrees with most runs of its
// seed.
func (p *proof) conclude() error {
	out := p.cmd.OutOrStdout()
	var seeds []uint64
	for seed := range p.hashes {
		seeds = append(seeds, seed)
	}
	slices.Sort(seeds)
	identical := 0
	for _, seed := range seeds {
		counts := map[string]int{}
		most := 0
		for _, hash := range p.hashes[seed] {
			counts[hash]++
			most = max(most, counts[hash])
		}
		if most > 1 || p.runs == 1 {
			identical += most
		}
		if len(counts) > 1 && !p.planted {
			fmt.Fprintf(out, "seed %d differs: %q\n", seed, p.hashes[seed])
		}
	}
	if p.planted {
		if identical == p.total {
			return fmt.Errorf("a planted difference was not noticed in %d runs", p.total)
		}
		fmt.Fprintf(out, "planted: a difference was noticed in %d of %d runs\n", p.total-identical, p.total)
		return nil
	}
	fmt.Fprintf(out, "engine: %s\n", engine.Engine)
	fmt.Fprintf(out, "exact: %d of %d runs identical\n", identical, p.total)
	if identical != p.total {
		return errFound
	}
	return nil
}

// keepBusy starts processes that use the machine up, so that it is shown that
// the wall clock decides nothing.
func keepBusy(ctx context.Context, n int) (stop func(), err error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	var started []*exec.Cmd
	stop = func() {
		cancel()
		for _, cmd := range started {
			_ = cmd.Wait() // killed
		}
	}
	for range n {
		cmd := exec.CommandContext(ctx, self, "spin")
		cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // nobody else would end it
		if err := cmd.Start(); err != nil {
			stop()
			return nil, err
		}
		started = append(started, cmd)
	}
	return stop, nil
}

func spinCommand() *cobra.Command {
	return &cobra.Command{
		Use:    "spin",
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			signal.Reset() // to die of them
			parent := os.Getppid()
			for x := 1; ; x++ {
				if x&(1<<24-1) == 0 && os.Getppid() != parent {
					return nil
				}
			}
		},
	}
}
