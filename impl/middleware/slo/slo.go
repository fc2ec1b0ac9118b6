// Package slo is the filter for static large objects: one object that is
// stored as a manifest, a JSON list of segments, and read as the segments one
// after the other.
//
// # What is stored
//
// The manifest is an ordinary object with X-Static-Large-Object: True. Its
// body is a JSON list in which a segment is either {"data": base64} or {"name":
// "/container/object", "hash", "bytes", "content_type", "last_modified"} with
// "range": "first-last" for a part of an object and "sub_slo": true for
// another large object. Sysmeta Slo-Etag and Slo-Size hold the ETag and size of
// the whole. The ETag is the MD5 of the segments' hashes written one after the
// other, each followed by ":range;" where there is one; inline data counts
// with its own MD5. For listings the content type carries the parameter
// swift_bytes, and the container hears the ETag "manifest's; slo_etag=whole's".
//
// # Reading
//
// The first segment that a request needs is opened before the status is
// chosen, so that a manifest whose first segment is gone or changed answers
// 409 (503 when it cannot be reached). How the rest is read, package segments
// tells. Answers without a body (HEAD, 304, 412, 416) open no segment at all.
package slo

import (
	"context"
	"net/http"
	"time"

	"apus/impl/config"
	"apus/impl/expiry"
	"apus/impl/middleware"
	"apus/impl/middleware/segments"
	"apus/impl/web"
)

const (
	source = "SLO" // of sub-requests, in logs

	markerHeader   = "X-Static-Large-Object"
	etagHeader     = "X-Object-Sysmeta-Slo-Etag"
	sizeHeader     = "X-Object-Sysmeta-Slo-Size"
	manifestEtag   = "X-Manifest-Etag"
	listingEtag    = "X-Object-Sysmeta-Container-Update-Override-Etag"
	ignoreRangesIf = "X-Backend-Ignore-Range-If-Metadata-Present"

	// maxDepth is how many manifests may be inside each other.
	maxDepth = 10
	// maxStoredManifest bounds what is read into memory as a manifest. What
	// is stored is longer than what the client sent.
	maxStoredManifest = 64 << 20
)

// options are the filter's settings.
type options struct {
	maxSegments, maxManifestSize   int64
	limitUnder                     int64 // segments smaller than this are paced
	limits                         segments.Limits
	concurrency, deleteConcurrency int64
	yieldEvery                     time.Duration
	asyncDelete                    bool
	queue                          expiry.Queue
}

func readOptions(s *config.Section) options {
	const most = 1 << 40
	o := options{
		maxSegments:     s.Int("max_manifest_segments", 1000, 1, 1e6),
		maxManifestSize: s.Int("max_manifest_size", 8<<20, 1, maxStoredManifest/4),
		limitUnder:      s.Int("rate_limit_under_size", 1<<20, 0, most),
		limits:          segments.ReadLimits(s),
		concurrency:     max(s.Int("concurrency", 2, 0, 1000), 1),
		yieldEvery:      s.Seconds("yield_frequency", 10*time.Second),
		asyncDelete:     s.Bool("allow_async_delete", true),
		queue:           expiry.ReadQueue(s),
	}
	o.deleteConcurrency = max(s.Int("delete_concurrency", o.concurrency, 0, 1000), 1)
	return o
}

// New builds the filter.
func New(env *middleware.Env, opts *config.Section) (web.Filter, error) {
	o := readOptions(opts)
	env.Info.Register("slo", map[string]any{
		"max_manifest_segments": o.maxSegments,
		"max_manifest_size":     o.maxManifestSize,
		"yield_frequency":       int64(o.yieldEvery.Seconds()),
		"min_segment_size":      1,
		"allow_async_delete":    o.asyncDelete,
	})
	return func(next web.Handler) web.Handler { return &filter{options: o, env: env, next: next} }, nil
}

type filter struct {
	options
	env  *middleware.Env
	next web.Handler
}

var _ web.Handler = (*filter)(nil)

// Serve takes what concerns large objects and passes on the rest.
func (f *filter) Serve(ctx context.Context, req *web.Request) *web.Response {
	_, path, ok := req.Swift()
	if !ok || path.IsAccount() || req.Verbatim {
		return f.next.Serve(ctx, req)
	}
	if path.IsContainer() {
		if req.Method == http.MethodGet {
			return f.listing(ctx, req)
		}
		return f.next.Serve(ctx, req)
	}
	mode := req.Query().Get("multipart-manifest")
	switch {
	case req.Method == http.MethodPut && mode == "put":
		return f.put(ctx, req)
	case req.Method == http.MethodDelete && mode == "delete":
		if f.asyncDelete && config.Truth(req.Query().Get("async")) {
			return f.deleteLater(ctx, req)
		}
		return f.delete(ctx, req)
	case req.Method == http.MethodGet || req.Method == http.MethodHead:
		return f.get(ctx, req)
	case req.Header.Get(markerHeader) != "":
		return web.HTML(http.StatusBadRequest, markerHeader+" is a reserved header. To create a static large object "+
			"add query param multipart-manifest=put.")
	}
	return f.next.Serve(ctx, req)
}

// sub makes a sub-request on behalf of the client.
func sub(req *web.Request, method, path, agent string) *web.Request {
	return segments.Sub(req, method, path, source, agent)
}
