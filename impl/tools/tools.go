// Package tools holds what the operator tools share. Each tool's body is a
// package below it; cmd/apus only names them.
package tools

import (
	"context"
	"io"
	"path"

	"apus/impl/host"
)

// Std is the surroundings of a tool that was started from a command line.
type Std struct {
	Dir      string // working directory, absolute
	In       io.Reader
	Out, Err io.Writer
}

// Abs is the absolute form of a file name given on the command line.
func (s Std) Abs(name string) string {
	if path.IsAbs(name) {
		return path.Clean(name)
	}
	return path.Join(s.Dir, name)
}

// Tool runs one tool with the arguments after its name and returns its exit
// code. It closes nothing of std.
type Tool func(ctx context.Context, h *host.Host, args []string, std Std) int
