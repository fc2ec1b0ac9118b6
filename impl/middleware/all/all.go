// Package all lists every filter that a pipeline can name.
package all

import (
	"apus/impl/middleware"
	"apus/impl/middleware/backendratelimit"
	"apus/impl/middleware/cache"
	"apus/impl/middleware/catcherrors"
	"apus/impl/middleware/gatekeeper"
	"apus/impl/middleware/healthcheck"
	"apus/impl/middleware/listingformats"
	"apus/impl/middleware/proxylogging"
	"apus/impl/middleware/recon"
	"apus/impl/middleware/slo"
	"apus/impl/middleware/tempauth"
)

// Registry maps the name after "use = egg:swift#" to what builds the filter.
func Registry() map[string]middleware.Constructor {
	return map[string]middleware.Constructor{
		"backend_ratelimit": backendratelimit.New,
		"catch_errors":      catcherrors.New,
		"gatekeeper":        gatekeeper.New,
		"healthcheck":       healthcheck.New,
		"listing_formats":   listingformats.New,
		"memcache":          cache.New,
		"proxy_logging":     proxylogging.New,
		"recon":             recon.New,
		"slo":               slo.New,
		"tempauth":          tempauth.New,
	}
}
