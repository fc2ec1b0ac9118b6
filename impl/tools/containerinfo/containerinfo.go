// Package containerinfo is swift-container-info: it prints what a container database says
// about itself.
package containerinfo

import (
	"context"

	"apus/impl/host"
	"apus/impl/tools"
	"apus/impl/tools/dbinfo"
)

var _ tools.Tool = Run

// Run prints the database named by the one argument.
func Run(ctx context.Context, h *host.Host, args []string, std tools.Std) int {
	return dbinfo.Run(ctx, h, dbinfo.Container, args, std)
}
