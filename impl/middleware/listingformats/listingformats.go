// Package listingformats is the listing_formats filter: account and container
// servers list in JSON, and this filter makes of it what the client asked
// for, by ?format= or by the Accept header: text, JSON or XML. It also hides
// names with a NUL byte, which filters keep for themselves.
//
// Swift's proxy puts it into every pipeline that does not name it, inside
// proxy-logging and the cache, outside everything that lists.
package listingformats

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	"apus/impl/config"
	"apus/impl/middleware"
	"apus/impl/web"
)

// A body larger than this is no listing of ours and is passed on.
const maxListing = 2 * 1024 * 10000

// KeepHeader, set to true in a response by a filter that has made the form of
// a listing its own business, passes it on as it is. Clients do not see it.
const KeepHeader = "X-Backend-Keep-Listing"

type filter struct{ next web.Handler }

var _ middleware.Constructor = New

// New has no options.
func New(*middleware.Env, *config.Section) (web.Filter, error) {
	return func(next web.Handler) web.Handler { return &filter{next} }, nil
}

func (f *filter) Serve(ctx context.Context, req *web.Request) *web.Response {
	version, p, ok := req.Swift()
	if !ok || p.IsObject() || version != "v1" && version != "v1.0" ||
		req.Method != http.MethodGet && req.Method != http.MethodHead {
		return f.next.Serve(ctx, req)
	}
	q := req.Query()
	byQuery := q.Has("format")
	if v := q.Get("format"); !utf8.ValidString(v) {
		return web.Plain(http.StatusBadRequest, "\"format\" parameter not valid UTF-8")
	}
	want, fault := contentType(q.Get("format"), req.Header.Get("Accept"))
	switch fault {
	case 0:
	case http.StatusBadRequest:
		return web.HTML(fault, "Invalid Accept header")
	default:
		return web.NewResponse(fault)
	}
	if q.Get("format") != "" {
		req.Header.Set("Accept", want) // for filters that list in one form only
	}
	q.Set("format", "json")
	req.SetQuery(q)
	resp := f.next.Serve(ctx, req)
	if resp.Header.Get(KeepHeader) != "" {
		resp.Header.Del(KeepHeader)
		return resp
	}
	if resp.Status != http.StatusOK && resp.Status != http.StatusNoContent {
		return resp
	}
	if !byQuery {
		vary(resp.Header)
	}
	if mime, _, _ := strings.Cut(resp.Header.Get("Content-Type"), ";"); strings.TrimSpace(mime) != "application/json" {
		return resp
	}
	if req.Method == http.MethodHead {
		resp.Header.Set("Content-Type", want+"; charset=utf-8")
		resp.SetLength(0)
		return resp
	}
	if resp.ContentLength > maxListing {
		return resp
	}
	name := p.Account
	if p.Container != "" {
		name = p.Container
	}
	return convert(resp, want, name, p.IsContainer(), reserved(req))
}

func reserved(req *web.Request) bool {
	return config.Truth(req.Header.Get("X-Backend-Allow-Reserved-Names"))
}

func vary(h http.Header) {
	v := h.Get("Vary")
	switch {
	case v == "":
		h.Set("Vary", "Accept")
	case !slices.Contains(config.SplitList(strings.ToLower(v)), "accept"):
		h.Set("Vary", v+", Accept")
	}
}

// convert replaces the JSON body. A body that is not a listing is passed on
// as it is.
func convert(resp *web.Response, want, name string, container, reserved bool) *web.Response {
	body, whole, err := resp.ReadUpTo(maxListing)
	if err != nil {
		resp.Abandon()
		return web.NewResponse(http.StatusServiceUnavailable)
	}
	if !whole {
		resp.Body = web.WrapBody(io.MultiReader(bytes.NewReader(body), resp.Body), resp.Body)
		return resp
	}
	out, ok := render(body, want, name, container, reserved)
	if !ok {
		resp.Replace(web.Slice(body), int64(len(body)))
		return resp
	}
	if len(out) == 0 {
		resp.Status = http.StatusNoContent
	}
	resp.Header.Set("Content-Type", want+"; charset=utf-8")
	resp.Replace(web.Slice(out), int64(len(out)))
	resp.SetLength(int64(len(out)))
	return resp
}
