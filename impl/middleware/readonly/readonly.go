// Package readonly is the read_only filter: it refuses writes, to all accounts
// (read_only) or to those whose X-Account-Sysmeta-Read-Only is true; false lets
// an account write although the cluster is read only. allow_deletes lets DELETE
// through.
package readonly

import (
	"context"
	"net/http"
	"strings"

	"apus/impl/config"
	"apus/impl/info"
	"apus/impl/middleware"
	"apus/impl/web"
)

type filter struct {
	next           web.Handler
	all, mayDelete bool
}

var _ middleware.Constructor = New

// New reads read_only and allow_deletes.
func New(env *middleware.Env, opts *config.Section) (web.Filter, error) {
	all, mayDelete := opts.Bool("read_only", false), opts.Bool("allow_deletes", false)
	if all {
		env.Info.Register("read_only", map[string]any{})
	}
	return func(next web.Handler) web.Handler { return &filter{next, all, mayDelete} }, nil
}

// Serve lets through what does not write.
func (f *filter) Serve(ctx context.Context, req *web.Request) *web.Response {
	path, ok := req.API()
	if !ok || !f.writes(req.Method) {
		return f.next.Serve(ctx, req)
	}
	account := path.Account
	if to, ok := req.Header["Destination-Account"]; ok && req.Method == "COPY" {
		switch account = to[0]; {
		case account == "":
			return web.HTML(http.StatusPreconditionFailed, "Account name cannot be empty")
		case strings.Contains(account, "/"):
			return web.HTML(http.StatusPreconditionFailed, "Account name cannot contain slashes")
		}
	}
	if f.readOnly(ctx, req, account) {
		return web.HTML(http.StatusMethodNotAllowed, "Writes are disabled for this account.")
	}
	return f.next.Serve(ctx, req)
}

func (f *filter) writes(method string) bool {
	switch method {
	case http.MethodPut, http.MethodPost, "COPY":
		return true
	case http.MethodDelete:
		return !f.mayDelete
	}
	return false
}

func (f *filter) readOnly(ctx context.Context, req *web.Request, account string) bool {
	if v := info.Account(ctx, f.next, req, account).Sysmeta["read-only"]; v != "" {
		return config.Truth(v)
	}
	return f.all
}
