// Package crossdomain is the crossdomain filter: GET /crossdomain.xml answers
// with the policy document that tells browser plug-ins which sites may use the
// API. cross_domain_policy is its content.
package crossdomain

import (
	"context"
	"net/http"

	"apus/impl/config"
	"apus/impl/middleware"
	"apus/impl/web"
)

const (
	path          = "/crossdomain.xml"
	defaultPolicy = `<allow-access-from domain="*" secure="false" />`
	head          = `<?xml version="1.0"?>` + "\n" +
		`<!DOCTYPE cross-domain-policy SYSTEM "http://www.adobe.com/xml/dtds/cross-domain-policy.dtd" >` + "\n" +
		"<cross-domain-policy>\n"
	tail = "\n</cross-domain-policy>"
)

var _ middleware.Constructor = New

// New reads cross_domain_policy.
func New(env *middleware.Env, opts *config.Section) (web.Filter, error) {
	document := head + opts.String("cross_domain_policy", defaultPolicy) + tail
	env.Info.Register("crossdomain", map[string]any{})
	return func(next web.Handler) web.Handler {
		return web.HandlerFunc(func(ctx context.Context, req *web.Request) *web.Response {
			if req.Path == path && req.Method == http.MethodGet {
				return web.Text(http.StatusOK, document, "application/xml")
			}
			return next.Serve(ctx, req)
		})
	}, nil
}
