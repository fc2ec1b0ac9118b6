// Package namecheck is the name_check filter: rules on the characters and the length of names.
package namecheck

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
