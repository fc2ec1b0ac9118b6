// Package versionedwrites is the versioned_writes filter, which keeps what is
// overwritten and deleted. There are two kinds, one filter each: package legacy
// (X-Versions-Location and X-History-Location), nearer to the client, and
// package versioning (X-Versions-Enabled). A container has one kind at most.
package versionedwrites

import (
	"errors"

	"apus/impl/config"
	"apus/impl/middleware"
	"apus/impl/middleware/versionedwrites/legacy"
	"apus/impl/middleware/versionedwrites/versioning"
	"apus/impl/swift"
	"apus/impl/web"
)

var _ middleware.Constructor = New

// New reads allow_versioned_writes and allow_object_versioning.
func New(env *middleware.Env, opts *config.Section) (web.Filter, error) {
	mode := legacy.ByContainer
	text := opts.String("allow_versioned_writes", "")
	switch allowed := opts.Bool("allow_versioned_writes", false); {
	case allowed:
		mode = legacy.Allowed
		env.Info.Register("versioned_writes", map[string]any{
			"allowed_flags": []string{"x-versions-location", "x-history-location"},
		})
	case text != "":
		mode = legacy.Forbidden
	}
	archiving := legacy.New(env, mode)
	if !opts.Bool("allow_object_versioning", false) {
		return archiving, nil
	}
	if env.Info.Public()["symlink"] == nil {
		return nil, swift.E("versionedwrites.New", "", swift.Invalid, errors.New(
			"allow_object_versioning needs the symlink filter after this one in the pipeline"))
	}
	env.Info.Register("object_versioning", map[string]any{})
	keeping := versioning.New(env)
	return func(next web.Handler) web.Handler { return archiving(keeping(next)) }, nil
}
