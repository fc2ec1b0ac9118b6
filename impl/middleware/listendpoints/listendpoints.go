// Package listendpoints is the list_endpoints filter: where the storage nodes keep an account, container or object.
package listendpoints

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
