package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"apus/faults/catalog"
	"apus/faults/nemesis"
)

func faultsCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "faults",
		Short: "Print the catalogue of faults and the profiles that draw them",
		Long: `Print every kind of fault with its targets and arguments, and the profiles.
A plan is a text with an event on each line:

	at 12.5s for 3s partition node2 <-> node3
	at 20s for 10s disk-eio node1/d2 op=read p=0.3
	at 30s kill node3/object for 5s`,
		Example: "  apus-sim faults\n  apus-sim run --seeds 1 --scenario random --plan my-plan.txt",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			out := cmd.OutOrStdout()
			if err := catalog.Print(out); err != nil {
				return err
			}
			for _, p := range nemesis.Profiles() {
				if _, err := fmt.Fprintf(out, "--profile %-12s %s\n", p.Name, p.Doc); err != nil {
					return err
				}
			}
			return nil
		},
	}
}
