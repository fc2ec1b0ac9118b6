package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"apus/sim/engine"
)

func benchCommand(s *settings) *cobra.Command {
	var seeds uint64
	cmd := &cobra.Command{
		Use:     "bench",
		Short:   "Measure how fast one core simulates",
		Example: "  apus-sim bench\n  apus-sim bench --scenario founding --seeds 3",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			farm, err := s.farm()
			if err != nil {
				return err
			}
			out := cmd.OutOrStdout()
			var sum summary
			sum.begin()
			for seed := range seeds {
				result, err := farm.One(cmd.Context(), s.job(seed+1))
				if err != nil {
					return err
				}
				if result.Report == nil {
					printFinding(out, s, &result, "nothing")
					return errFound
				}
				sum.add(&result)
				fmt.Fprintln(out, benchLine(&result))
			}
			fmt.Fprintf(out, "bench: %s, %d requests/s, %.0f times real time, %d MiB at most, %s engine\n", sum.rate(),
				int64(float64(sum.requests)/sum.cpu.Seconds()), sum.virtual.Seconds()/sum.cpu.Seconds(), sum.maxRSS>>20, engine.Engine)
			return nil
		},
	}
	s.flags(cmd)
	cmd.Flags().Uint64Var(&seeds, "seeds", 5, "how many seeds")
	return cmd
}

func benchLine(r *engine.Result) string {
	return fmt.Sprintf("seed %d: %v virtual in %v wall, %v processor: %s events, %s requests", r.Seed,
		r.Report.VirtualTime.Round(time.Millisecond), r.Wall.Round(time.Millisecond), r.CPU.Round(time.Millisecond),
		thousands(r.Report.Events), thousands(r.Report.Requests))
}
