// Package formpost is the formpost filter: uploads from HTML forms that a signature allows until a time.
package formpost

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
