// Package readonly is the read_only filter: clusters, accounts and containers that take no writes.
package readonly

import (
	"apus/impl/config"
	"apus/impl/middleware"
	"apus/impl/web"
)

var _ middleware.Constructor = New

// New builds the filter.
func New(_ *middleware.Env, _ *config.Section) (web.Filter, error) {
	return func(next web.Handler) web.Handler { return next }, nil
}
