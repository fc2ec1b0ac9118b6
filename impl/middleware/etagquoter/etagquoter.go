// Package etagquoter is the etag_quoter filter: it puts the Etag of objects
// into the quotes that HTTP wants and Swift leaves out, where the container
// says so with X-Container-Rfc-Compliant-Etags, else its account with
// X-Account-Rfc-Compliant-Etags, else enable_by_default. Both are kept as
// sysmeta; X-Remove- in front or an empty value removes them. Listings keep
// their bare hashes.
package etagquoter

import (
	"context"
	"net/http"
	"strings"

	"apus/impl/config"
	"apus/impl/info"
	"apus/impl/middleware"
	"apus/impl/swift"
	"apus/impl/web"
)

const flag = "rfc-compliant-etags" // in sysmeta

type filter struct {
	next   web.Handler
	quotes bool
}

var _ middleware.Constructor = New

// New reads enable_by_default.
func New(env *middleware.Env, opts *config.Section) (web.Filter, error) {
	quotes := opts.Bool("enable_by_default", false)
	env.Info.Register("etag_quoter", map[string]any{"enable_by_default": quotes})
	return func(next web.Handler) web.Handler { return &filter{next, quotes} }, nil
}

// Serve translates the flags of accounts and containers, and quotes for
// objects.
func (f *filter) Serve(ctx context.Context, req *web.Request) *web.Response {
	path, ok := req.API()
	switch {
	case !ok:
	case path.IsAccount():
		return f.translate(ctx, req, "Account")
	case path.IsContainer():
		return f.translate(ctx, req, "Container")
	case f.wanted(ctx, req, path):
		resp := f.next.Serve(ctx, req)
		if v, ok := resp.Header["Etag"]; ok && len(v) > 0 {
			resp.Header.Set("Etag", quote(v[0]))
		}
		return resp
	}
	return f.next.Serve(ctx, req)
}

func quote(etag string) string {
	if strings.HasSuffix(etag, `"`) && (strings.HasPrefix(etag, `"`) || strings.HasPrefix(etag, `W/"`)) {
		return etag
	}
	return `"` + etag + `"`
}

// wanted reports what applies to an object.
func (f *filter) wanted(ctx context.Context, req *web.Request, path swift.Path) bool {
	c := info.Container(ctx, f.next, req, path.Account, path.Container)
	if !c.OK() {
		return false
	}
	if v, ok := c.Sysmeta[flag]; ok {
		return config.Truth(v)
	}
	a := info.Account(ctx, f.next, req, path.Account)
	if !a.OK() {
		return false
	}
	if v, ok := a.Sysmeta[flag]; ok {
		return config.Truth(v)
	}
	return f.quotes
}

func (f *filter) translate(ctx context.Context, req *web.Request, kind string) *web.Response {
	public, stored := "X-"+kind+"-Rfc-Compliant-Etags", "X-"+kind+"-Sysmeta-Rfc-Compliant-Etags"
	values, asked := req.Header[public]
	remove := req.Header.Get("X-Remove-"+public[len("X-"):]) != ""
	if asked || remove {
		out := *req
		out.Header = req.Header.Clone()
		value := ""
		if !remove && values[0] != "" {
			value = map[bool]string{true: "True", false: "False"}[config.Truth(values[0])]
		}
		out.Header.Set(stored, value)
		req = &out
	}
	resp := f.next.Serve(ctx, req)
	if v, ok := resp.Header[http.CanonicalHeaderKey(stored)]; ok {
		resp.Header[public] = v
		delete(resp.Header, stored)
	}
	return resp
}
