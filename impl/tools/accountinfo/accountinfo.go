// Package accountinfo is swift-account-info: it prints what an account database says
// about itself.
package accountinfo

import (
	"context"

	"apus/impl/host"
	"apus/impl/tools"
	"apus/impl/tools/dbinfo"
)

var _ tools.Tool = Run

// Run prints the database named by the one argument.
func Run(ctx context.Context, h *host.Host, args []string, std tools.Std) int {
	return dbinfo.Run(ctx, h, dbinfo.Account, args, std)
}
