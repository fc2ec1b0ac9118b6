package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"apus/sim/engine"
)

func replayCommand(s *settings) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "replay SEED",
		Short: "Run one seed again and keep everything about it",
		Example: `  apus-sim replay 17
  apus-sim replay 17 --scenario random --plan plan.txt --script script.json`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			result, dir, err := s.replay(cmd, args)
			if err != nil {
				return err
			}
			return s.tell(cmd.OutOrStdout(), &result, dir)
		},
	}
	s.flags(cmd)
	return cmd
}

// replay runs the seed in args with its events kept.
func (s *settings) replay(cmd *cobra.Command, args []string) (result engine.Result, dir string, err error) {
	seed, err := seedArg(args)
	if err != nil {
		return result, "", err
	}
	farm, err := s.farm()
	if err != nil {
		return result, "", err
	}
	dir, err = filepath.Abs(filepath.Join(s.out, fmt.Sprintf("seed-%d", seed)))
	if err != nil {
		return result, "", err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return result, "", err
	}
	job := s.job(seed)
	job.EventLog = filepath.Join(dir, "events.log")
	result, err = farm.One(cmd.Context(), job)
	if err != nil {
		return result, "", err
	}
	if err := cmd.Context().Err(); err != nil {
		return result, "", err
	}
	return result, dir, keepBundle(dir, &result)
}

func (s *settings) tell(w io.Writer, result *engine.Result, dir string) error {
	var sum summary
	sum.begin()
	sum.add(result)
	if result.Failed() {
		printFinding(w, s, result, dir)
	} else {
		fmt.Fprintf(w, "kept in %s\n", dir)
	}
	if result.Report != nil {
		fmt.Fprintf(w, "trace hash: %s\n", result.Report.TraceHash)
	}
	sum.print(w)
	if result.Failed() {
		return errFound
	}
	return nil
}

func explainCommand(s *settings) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "explain SEED",
		Short: "Run one seed again and draw it",
		Long: `Run one seed again and print where its drawings are: timeline.html, which any
browser shows, and trace.json, for https://ui.perfetto.dev. Scenarios that draw
nothing, and runs that crash, give a plain page of what is known.`,
		Example: "  apus-sim explain 17\n  apus-sim explain 17 --scenario register",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			result, dir, err := s.replay(cmd, args)
			if err != nil {
				return err
			}
			pages := drawings(&result)
			if len(pages) == 0 {
				pages = []string{plainName}
				if err := keepPlain(filepath.Join(dir, plainName), &result, dir); err != nil {
					return err
				}
			}
			for _, name := range pages {
				fmt.Fprintln(cmd.OutOrStdout(), filepath.Join(dir, name))
			}
			return nil
		},
	}
	s.flags(cmd)
	return cmd
}
