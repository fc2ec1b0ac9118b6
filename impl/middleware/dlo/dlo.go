// Package dlo is the filter for dynamic large objects: an object whose
// X-Object-Manifest names a container and a prefix, percent-encoded and with a
// slash between, is read as all objects of the container whose names begin so,
// one after the other in the order of the listing. The object's own body counts
// for nothing; with multipart-manifest=get it is what is read.
//
// A listing comes in pages. When the first page is all, the ETag is the MD5 of
// the segments' ETags written one after the other, and the length is known.
// When it is not, both are unknown, the ETag is that of the object itself, and
// a range is served only if it ends within the first page. Several ranges at
// once are not served: the answer is the whole.
//
// The listing tells how long the segments are, but not which they must be: an
// object that was replaced since is read as it is now. Bytes more or fewer than
// promised end the body with an error. How the segments are read, package
// segments tells; answers without a body open none.
package dlo

import (
	"context"
	"net/http"
	"strings"

	"apus/impl/config"
	"apus/impl/middleware"
	"apus/impl/middleware/segments"
	"apus/impl/web"
)

const (
	source         = "DLO" // of sub-requests, in logs
	manifestHeader = "X-Object-Manifest"
	ignoreRangesIf = "X-Backend-Ignore-Range-If-Metadata-Present"
	// smallBody is what is read of a manifest's own body to keep the
	// connection.
	smallBody = 1024
)

type filter struct {
	next     web.Handler
	limits   segments.Limits
	pageSize int // of listings
}

var (
	_ middleware.Constructor = New
	_ web.Handler            = (*filter)(nil)
)

// New reads max_get_time, rate_limit_after_segment and
// rate_limit_segments_per_sec. A section that has none of them leaves them to
// the section of the proxy, where they were before there was this filter.
func New(env *middleware.Env, opts *config.Section) (web.Filter, error) {
	limits := segments.ReadLimits(home(env, opts))
	return func(next web.Handler) web.Handler {
		return &filter{next, limits, env.Swift.Limits.ContainerListingLimit}
	}, nil
}

// home is the section that has the options.
func home(env *middleware.Env, opts *config.Section) *config.Section {
	for _, name := range []string{"max_get_time", "rate_limit_after_segment", "rate_limit_segments_per_sec"} {
		if _, ok := opts.Lookup(name); ok {
			return opts
		}
	}
	if env.App == nil {
		return opts
	}
	return env.App
}

// Serve takes what concerns manifests and passes on the rest.
func (f *filter) Serve(ctx context.Context, req *web.Request) *web.Response {
	if _, path, ok := req.Swift(); !ok || !path.IsObject() {
		return f.next.Serve(ctx, req)
	}
	switch req.Method {
	case http.MethodGet, http.MethodHead:
		if req.Query().Get("multipart-manifest") != "get" {
			return f.get(ctx, req)
		}
	case http.MethodPut:
		if v, ok := req.Header[manifestHeader]; ok && !valid(strings.Join(v, ",")) {
			return web.HTML(http.StatusBadRequest, "X-Object-Manifest must be in the format container/prefix")
		}
	}
	return f.next.Serve(ctx, req)
}

// valid reports whether a manifest may be stored.
func valid(manifest string) bool {
	container, prefix, _ := strings.Cut(manifest, "/")
	return container != "" && prefix != "" && prefix[0] != '/' && !strings.ContainsAny(manifest, "?&")
}

// get answers GET and HEAD of an object that may be a manifest.
func (f *filter) get(ctx context.Context, client *web.Request) *web.Response {
	req := *client
	req.Header = client.Header.Clone()
	// Ranges are of the whole, not of what is stored.
	ignore := manifestHeader
	if have := req.Header.Get(ignoreRangesIf); have != "" {
		ignore = have + "," + ignore
	}
	req.Header.Set(ignoreRangesIf, ignore)
	resp := f.next.Serve(ctx, &req)
	manifest, ok := resp.Header[manifestHeader]
	if !ok || len(manifest) == 0 {
		return resp
	}
	if n := resp.ContentLength; n >= 0 && n < smallBody {
		resp.Discard()
	} else {
		resp.Abandon()
	}
	resp.Body = http.NoBody
	container, prefix, ok := strings.Cut(web.UnescapePath(manifest[0]), "/")
	if !ok || container == "" {
		return web.NewResponse(http.StatusConflict) // set by a POST, which may say anything
	}
	d := &object{filter: f, ctx: ctx, req: &req, container: container, prefix: prefix}
	return d.respond(resp)
}
