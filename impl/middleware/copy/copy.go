// Package copy is the copy filter: it turns COPY with a Destination, and PUT
// with X-Copy-From, into a GET of the source and a PUT of the destination, which
// reads the body of the GET. Source and destination may be in different
// accounts (X-Copy-From-Account, Destination-Account); the client needs to be
// allowed to read the one and to write the other.
//
// Conditions and ranges of the request are the source's, which is read with
// X-Newest. What is not answered with 2xx is the answer. The destination gets
// the source's metadata, over which the request's wins, or with
// X-Fresh-Metadata none of the users' metadata but the request's. A large
// object is read as a whole, unless multipart-manifest=get asks for a copy of
// its manifest; a symlink is followed, unless symlink=get.
//
// A copy that is made tells where it came from: X-Copied-From,
// X-Copied-From-Account, X-Copied-From-Last-Modified, X-Copied-From-Version-Id,
// and the metadata that was written. With heartbeat=on the answer is 202 at
// once and a report when the copy is made.
package copy

import (
	"context"
	"net/http"
	"strings"
	"time"

	"apus/impl/config"
	"apus/impl/middleware"
	"apus/impl/swift"
	"apus/impl/web"
)

const source = "SSC" // of sub-requests, in logs

type filter struct {
	next       web.Handler
	maxSize    int64 // of an object
	yieldEvery time.Duration
}

var (
	_ middleware.Constructor = New
	_ web.Handler            = (*filter)(nil)
)

// New reads yield_frequency.
func New(env *middleware.Env, opts *config.Section) (web.Filter, error) {
	every := opts.Seconds("yield_frequency", 10*time.Second)
	maxSize := env.Swift.Limits.MaxFileSize
	return func(next web.Handler) web.Handler { return &filter{next, maxSize, every} }, nil
}

// Serve takes copies and passes on the rest.
func (f *filter) Serve(ctx context.Context, req *web.Request) *web.Response {
	version, path, ok := req.Swift()
	if !ok || !path.IsObject() {
		return f.next.Serve(ctx, req)
	}
	switch {
	case req.Method == "COPY":
		from, to, fault := endsOfCopy(req.Header, path)
		if fault != nil {
			return fault
		}
		return f.copy(ctx, &task{filter: f, client: req, version: version, from: from, to: to})
	case req.Method == http.MethodPut && req.Header.Get("X-Copy-From") != "":
		if req.ContentLength > 0 {
			return web.Plain(http.StatusBadRequest, "Copy requests require a zero byte body")
		}
		from, fault := sourceOfPut(req.Header, path)
		if fault != nil {
			return fault
		}
		return f.copy(ctx, &task{filter: f, client: req, version: version, from: from, to: path})
	case req.Method == http.MethodOptions:
		return f.options(ctx, req)
	}
	return f.next.Serve(ctx, req)
}

// endsOfCopy is what a COPY of path copies where.
func endsOfCopy(h http.Header, path swift.Path) (from, to swift.Path, fault *web.Response) {
	if h.Get("Destination") == "" {
		return from, to, web.HTML(http.StatusPreconditionFailed, "Destination header required")
	}
	account := path.Account
	if v, ok := h["Destination-Account"]; ok {
		account = web.UnescapePath(strings.Join(v, ","))
		if fault := checkAccount(account); fault != nil {
			return from, to, fault
		}
	}
	to, fault = parseObject(h, "Destination")
	to.Account = account
	return path, to, fault
}

// sourceOfPut is what a PUT to path copies.
func sourceOfPut(h http.Header, path swift.Path) (from swift.Path, fault *web.Response) {
	account := path.Account
	if v := h.Get("X-Copy-From-Account"); v != "" {
		account = web.UnescapePath(v)
		if fault := checkAccount(account); fault != nil {
			return from, fault
		}
	}
	from, fault = parseObject(h, "X-Copy-From")
	from.Account = account
	return from, fault
}

func checkAccount(name string) *web.Response {
	switch {
	case name == "":
		return web.HTML(http.StatusPreconditionFailed, "Account name cannot be empty")
	case strings.Contains(name, "/"):
		return web.HTML(http.StatusPreconditionFailed, "Account name cannot contain slashes")
	}
	return nil
}

// parseObject reads a header of the form container/object, percent-encoded,
// with or without a slash before it.
func parseObject(h http.Header, name string) (p swift.Path, fault *web.Response) {
	p.Container, p.Object, _ = strings.Cut(strings.TrimPrefix(web.UnescapePath(h.Get(name)), "/"), "/")
	if p.Container == "" || p.Object == "" {
		return p, web.HTML(http.StatusPreconditionFailed, name+" header must be of the form <container name>/<object name>")
	}
	return p, nil
}

// options adds COPY to what may be done with an object.
func (f *filter) options(ctx context.Context, req *web.Request) *web.Response {
	resp := f.next.Serve(ctx, req)
	if !resp.OK() {
		return resp
	}
	for _, name := range [...]string{"Allow", "Access-Control-Allow-Methods"} {
		if v := resp.Header.Get(name); v != "" && !strings.Contains(v, "COPY") {
			resp.Header.Set(name, v+", COPY")
		}
	}
	return resp
}
