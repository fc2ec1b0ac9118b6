package main

import (
	"fmt"
	"os/exec"
	"strings"

	"github.com/spf13/cobra"

	"apus/sim/engine/overlay"
)

func overlayCommand() *cobra.Command {
	var dir string
	var replace map[string]string
	cmd := &cobra.Command{
		Use:   "overlay",
		Short: "Write the overlay that makes a build of this command exact",
		Long: `Write changed copies of a few files of the installed Go runtime, and the JSON
file for go build -overlay. The path of that file is printed.

	apus-sim overlay --out out/overlay
	go build -tags ` + overlay.Tag + ` -overlay out/overlay/overlay.json \
		-ldflags '-X testing.testBinary=1' -o bin/apus-sim ./cmd/apus-sim`,
		Example: "  apus-sim overlay --out out/overlay\n  apus-sim overlay --replace impl/ring/ring.go=/tmp/ring.go",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			said, err := exec.CommandContext(cmd.Context(), "go", "env", "GOROOT", "GOVERSION").Output()
			if err != nil {
				return fmt.Errorf("go env: %w", err)
			}
			goroot, version, _ := strings.Cut(strings.TrimSpace(string(said)), "\n")
			path, err := overlay.Write(goroot, version, dir, replace)
			if err != nil {
				return err
			}
			fmt.Fprintln(cmd.OutOrStdout(), path)
			return nil
		},
	}
	cmd.Flags().StringVar(&dir, "out", "out/overlay", "directory for the files")
	cmd.Flags().StringToStringVar(&replace, "replace", nil, "compile another file in place of a source file, path=file")
	return cmd
}
