// Package healthcheck is the healthcheck filter: /healthcheck answers OK
// without asking anybody behind it, or 503 while the file named by
// disable_path exists.
package healthcheck

import (
	"context"
	"net/http"

	"apus/impl/config"
	"apus/impl/host"
	"apus/impl/middleware"
	"apus/impl/web"
)

type filter struct {
	next        web.Handler
	fs          host.FS
	disablePath string
}

var _ middleware.Constructor = New

// New reads disable_path.
func New(env *middleware.Env, opts *config.Section) (web.Filter, error) {
	disable := opts.String("disable_path", "")
	return func(next web.Handler) web.Handler { return &filter{next, env.Host.FS, disable} }, nil
}

func (f *filter) Serve(ctx context.Context, req *web.Request) *web.Response {
	if req.Path != "/healthcheck" {
		return f.next.Serve(ctx, req)
	}
	if f.disablePath != "" {
		if _, err := f.fs.Stat(f.disablePath); err == nil {
			return web.Text(http.StatusServiceUnavailable, "DISABLED BY FILE", "text/plain")
		}
	}
	return web.Text(http.StatusOK, "OK", "text/plain")
}
