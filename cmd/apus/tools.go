package main

import (
	"os"

	"github.com/spf13/cobra"

	"apus/impl/host/real"
	"apus/impl/tools"
	"apus/impl/tools/accountinfo"
	"apus/impl/tools/containerinfo"
	"apus/impl/tools/getnodes"
	"apus/impl/tools/objectinfo"
	"apus/impl/tools/ringbuilder"
)

// tool is one of Swift's operator tools. It parses its own arguments, because
// scripts depend on the grammar that the tool always had.
type tool struct {
	name, short, example string
	run                  tools.Tool
}

// operatorTools lists the tools, by name.
var operatorTools = []tool{
	{"account-info", "Show what an account database says about itself",
		"  swift-account-info HASH.db", accountinfo.Run},
	{"container-info", "Show what a container database says about itself",
		"  swift-container-info -v HASH.db", containerinfo.Run},
	{"get-nodes", "Show the devices responsible for an item or a partition",
		"  swift-get-nodes /etc/swift/object.ring.gz AUTH_test container object", getnodes.Run},
	{"object-info", "Show the metadata of an object file and check its content",
		"  swift-object-info 1500000000.00000.data", objectinfo.Run},
	{"ring-builder", "Make and change rings",
		"  swift-ring-builder object.builder create 10 3 1", ringbuilder.Run},
	{"ring-builder-safe", "Make and change rings, one call at a time",
		"  swift-ring-builder-safe object.builder rebalance", ringbuilder.RunSafe},
}

// toolExit is the exit code of a tool that is not zero. The tool has said why.
type toolExit int

func (toolExit) Error() string { return "" }

func toolCommand(t tool) *cobra.Command {
	return &cobra.Command{
		Use: t.name, Short: t.short, Example: t.example,
		DisableFlagParsing: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			dir, err := os.Getwd()
			if err != nil {
				return err
			}
			h := real.New("localhost", newLog(os.Stderr, false))
			std := tools.Std{Dir: dir, In: os.Stdin, Out: os.Stdout, Err: os.Stderr}
			if code := t.run(cmd.Context(), h, args, std); code != 0 {
				return toolExit(code)
			}
			return nil
		},
	}
}
