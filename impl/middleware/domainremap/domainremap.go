// Package domainremap is the domain_remap filter: it finds account and
// container in the Host of a request. Below one of the domains storage_domain,
// container.account.domain/object means /v1/account/container/object, and
// account.domain/container/object the same.
//
// A host name knows neither case nor underscores: the first "-" of an account
// without "_" stands for it, and the prefix up to it is written as
// reseller_prefixes has it. An account whose prefix is not among them gets
// default_reseller_prefix; without that the request goes on as it is.
// mangle_client_paths takes path_root away from paths that begin with it, which
// an object's name might do, too.
//
// A redirect to the translated path is turned back into one to the path that
// the client knows.
package domainremap

import (
	"context"
	"net/http"
	"strings"

	"apus/impl/config"
	"apus/impl/logline"
	"apus/impl/middleware"
	"apus/impl/web"
)

type settings struct {
	domains       []string // each begins with a dot
	root          string   // "v1"
	prefixes      []string
	defaultPrefix string
	mangle        bool
}

type filter struct {
	*settings
	next web.Handler
}

var _ middleware.Constructor = New

// New reads storage_domain, path_root, reseller_prefixes,
// default_reseller_prefix and mangle_client_paths.
func New(env *middleware.Env, opts *config.Section) (web.Filter, error) {
	s := &settings{
		root: strings.Trim(opts.String("path_root", "v1"), "/"), prefixes: opts.List("reseller_prefixes", "AUTH"),
		mangle: opts.Bool("mangle_client_paths", false),
	}
	for _, d := range opts.List("storage_domain", "example.com") {
		s.domains = append(s.domains, "."+strings.TrimPrefix(d, "."))
	}
	var shown any // null without one
	if v, ok := opts.Lookup("default_reseller_prefix"); ok {
		s.defaultPrefix, shown = v, v
	}
	env.Info.Register("domain_remap", map[string]any{"default_reseller_prefix": shown})
	return func(next web.Handler) web.Handler { return &filter{s, next} }, nil
}

// Serve translates the path.
func (f *filter) Serve(ctx context.Context, req *web.Request) *web.Response {
	parts, ok := f.below(req.Host)
	if !ok {
		return f.next.Serve(ctx, req)
	}
	if len(parts) > 2 {
		return web.Plain(http.StatusBadRequest, "Bad domain in host header")
	}
	account, ok := f.account(parts[len(parts)-1])
	if !ok {
		return f.next.Serve(ctx, req)
	}
	container := ""
	if len(parts) == 2 {
		container = parts[0] + "/"
	}
	out := *req
	out.Path = "/" + f.root + "/" + account + "/" + container + f.rest(req.Path)
	out.RawPath = logline.Quote(out.Path, "/")
	resp := f.next.Serve(ctx, &out)
	for _, name := range [...]string{"Location", "Content-Location"} {
		if v := resp.Header.Get(name); v != "" {
			resp.Header.Set(name, restore(v, out.Path, req.Path))
		}
	}
	return resp
}

// below is the labels of a host in front of a storage domain.
func (s *settings) below(host string) (labels []string, ok bool) {
	if i := strings.LastIndexByte(host, ':'); i >= 0 {
		host = host[:i]
	}
	for _, d := range s.domains {
		if front, ok := strings.CutSuffix(host, d); ok {
			return strings.Split(strings.Trim(front, "."), "."), true
		}
	}
	return nil, false
}

// account is what a label stands for; ok is false when its prefix is nobody's.
func (s *settings) account(label string) (account string, ok bool) {
	if len(s.prefixes) == 0 {
		return label, true
	}
	if !strings.Contains(label, "_") {
		label = strings.Replace(label, "-", "_", 1)
	}
	prefix, _, _ := strings.Cut(label, "_")
	for _, p := range s.prefixes {
		if strings.EqualFold(p, prefix) {
			return p + label[len(prefix):], true
		}
	}
	if s.defaultPrefix != "" {
		return s.defaultPrefix + "_" + label, true
	}
	return "", false
}

// rest is the client's path below account or container.
func (s *settings) rest(path string) string {
	path = strings.TrimPrefix(path, "/")
	if s.mangle && strings.HasPrefix(path+"/", s.root+"/") {
		return strings.TrimPrefix(path[len(s.root):], "/")
	}
	return path
}

// restore puts the path that the client asked for back into a URL.
func restore(url, translated, asked string) string {
	origin, path := "", url
	if strings.HasPrefix(url, "http://") || strings.HasPrefix(url, "https://") {
		scheme, rest, _ := strings.Cut(url, "://")
		host, _, _ := strings.Cut(rest, "/")
		origin, path = scheme+"://"+host, rest[len(host):]
	}
	for _, encoded := range [...]string{logline.Quote(translated, "/"), web.EscapePath(translated)} {
		if rest, ok := strings.CutPrefix(path, encoded); ok {
			return origin + logline.Quote(asked, "/") + rest
		}
	}
	return url
}
