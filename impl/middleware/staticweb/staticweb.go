// Package staticweb is the filter that serves containers as web sites to
// browsers: to whoever sent no token, came with a signed URL, or says
// X-Web-Mode: true.
//
// A container becomes a site by its metadata:
//
//	X-Container-Meta-Web-Index           object to answer with in place of a directory
//	X-Container-Meta-Web-Listings        true: a directory without index is listed
//	X-Container-Meta-Web-Listings-CSS    style sheet of listings, a path in the container or a URL
//	X-Container-Meta-Web-Listings-Label  shown in place of the path down to the container
//	X-Container-Meta-Web-Error           suffix: 404<suffix> is the page for status 404
//	X-Container-Meta-Web-Directory-Type  empty objects of this type are directories
//	                                     (default application/directory)
//
// A directory is what is asked for with a slash at the end; without one the
// client is sent there, so that relative links work. Nothing is shown that
// the client may not read by himself: every request made here has his rights.
// Texts of the container's owner and names of objects are escaped wherever
// they become HTML.
//
// A listing is a table with the id "listing", a heading and one row for each
// directory and object. Style sheets find rows by the classes "item", "subdir" and
// "type-…" (both halves of the content type), cells by "colname", "colsize"
// and "coldate".
package staticweb

import (
	"context"
	"net/http"
	"net/url"

	"apus/impl/config"
	"apus/impl/middleware"
	"apus/impl/web"
)

const (
	source = "SW" // of sub-requests, in logs
	// signedURL is who a request with a signed URL comes from.
	signedURL = ".wsgi.tempurl"
)

type filter struct {
	next         web.Handler
	scheme, host string // of redirects; empty: the client's
}

var (
	_ middleware.Constructor = New
	_ web.Handler            = (*filter)(nil)
)

// New reads url_base, of which the scheme, the host or both are used.
func New(env *middleware.Env, opts *config.Section) (web.Filter, error) {
	base, err := url.Parse(opts.String("url_base", ""))
	if err != nil {
		opts.Fail("url_base", "must be a URL such as https://www.example.com")
		base = &url.URL{}
	}
	env.Info.Register("staticweb", map[string]any{})
	return func(next web.Handler) web.Handler { return &filter{next, base.Scheme, base.Host} }, nil
}

// Serve takes reads of containers and objects by browsers and passes on the
// rest.
func (f *filter) Serve(ctx context.Context, req *web.Request) *web.Response {
	if req.Method != http.MethodGet && req.Method != http.MethodHead {
		return f.next.Serve(ctx, req)
	}
	if req.Authorize == nil {
		if !req.AuthorizeOverride { // other filters look at settings so
			req.Meta.Log.Warn("no auth filter has seen this request; it is not served as a web site", "path", req.Path)
		}
		return f.next.Serve(ctx, req)
	}
	_, path, ok := req.Swift()
	if !ok || path.IsAccount() {
		return f.next.Serve(ctx, req)
	}
	if u := req.Meta.User; u != "" && u != signedURL && !webMode(req) {
		return f.next.Serve(ctx, req)
	}
	v := &visit{filter: f, req: req, path: path}
	if path.IsContainer() {
		return v.container(ctx)
	}
	return v.object(ctx)
}

func webMode(req *web.Request) bool { return config.Truth(req.Header.Get("X-Web-Mode")) }
