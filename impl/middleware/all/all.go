// Package all lists every filter that a pipeline can name.
package all

import (
	"apus/impl/middleware"
	"apus/impl/middleware/accountquotas"
	"apus/impl/middleware/backendratelimit"
	"apus/impl/middleware/bulk"
	"apus/impl/middleware/cache"
	"apus/impl/middleware/catcherrors"
	"apus/impl/middleware/cnamelookup"
	"apus/impl/middleware/containerquotas"
	"apus/impl/middleware/containersync"
	"apus/impl/middleware/copy"
	"apus/impl/middleware/crossdomain"
	"apus/impl/middleware/dlo"
	"apus/impl/middleware/domainremap"
	"apus/impl/middleware/etagquoter"
	"apus/impl/middleware/formpost"
	"apus/impl/middleware/gatekeeper"
	"apus/impl/middleware/healthcheck"
	"apus/impl/middleware/listendpoints"
	"apus/impl/middleware/listingformats"
	"apus/impl/middleware/namecheck"
	"apus/impl/middleware/profile"
	"apus/impl/middleware/proxylogging"
	"apus/impl/middleware/ratelimit"
	"apus/impl/middleware/readonly"
	"apus/impl/middleware/recon"
	"apus/impl/middleware/slo"
	"apus/impl/middleware/staticweb"
	"apus/impl/middleware/symlink"
	"apus/impl/middleware/tempauth"
	"apus/impl/middleware/tempurl"
	"apus/impl/middleware/versionedwrites"
)

// Registry maps the name after "use = egg:swift#" to what builds the filter.
func Registry() map[string]middleware.Constructor {
	return map[string]middleware.Constructor{
		"account_quotas":    accountquotas.New,
		"backend_ratelimit": backendratelimit.New,
		"bulk":              bulk.New,
		"catch_errors":      catcherrors.New,
		"cname_lookup":      cnamelookup.New,
		"container_quotas":  containerquotas.New,
		"container_sync":    containersync.New,
		"copy":              copy.New,
		"crossdomain":       crossdomain.New,
		"dlo":               dlo.New,
		"domain_remap":      domainremap.New,
		"etag_quoter":       etagquoter.New,
		"formpost":          formpost.New,
		"gatekeeper":        gatekeeper.New,
		"healthcheck":       healthcheck.New,
		"list_endpoints":    listendpoints.New,
		"listing_formats":   listingformats.New,
		"memcache":          cache.New,
		"name_check":        namecheck.New,
		"proxy_logging":     proxylogging.New,
		"ratelimit":         ratelimit.New,
		"read_only":         readonly.New,
		"recon":             recon.New,
		"slo":               slo.New,
		"staticweb":         staticweb.New,
		"symlink":           symlink.New,
		"tempauth":          tempauth.New,
		"tempurl":           tempurl.New,
		"versioned_writes":  versionedwrites.New,
		"xprofile":          profile.New,
	}
}
