// Package cnamelookup is the cname_lookup filter: a request for a domain that
// is none of storage_domain is one for the storage domain that its CNAME record
// in DNS leads to, at most lookup_depth records away. A domain that leads to
// none is 400. Requests by IP address go on as they are.
//
// nameservers ("ip[:port]", …) are asked over TCP, without the option those of
// /etc/resolv.conf. Answers are kept in the cache under "cname-<domain>", as
// JSON, for as long as DNS says; false is a domain without a record, kept for a
// minute.
package cnamelookup

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"apus/impl/config"
	"apus/impl/middleware"
	"apus/impl/web"
)

// Resolver looks up CNAME records.
type Resolver interface {
	// CNAME is the record of a domain and how long it may be kept; "" if there
	// is none. An error says that nobody knows.
	CNAME(ctx context.Context, domain string) (target string, ttl time.Duration, err error)
}

type settings struct {
	domains  []string // each begins with a dot
	depth    int64
	resolver Resolver
}

type filter struct {
	*settings
	next web.Handler
}

var _ middleware.Constructor = New

// New reads storage_domain, lookup_depth and nameservers.
func New(env *middleware.Env, opts *config.Section) (web.Filter, error) {
	return With(nil)(env, opts)
}

// With builds the filter around a resolver; nil is DNS.
func With(r Resolver) middleware.Constructor {
	return func(env *middleware.Env, opts *config.Section) (web.Filter, error) {
		s := &settings{depth: opts.Int("lookup_depth", 1, 0, 1000), resolver: r}
		for _, d := range opts.List("storage_domain", "example.com") {
			s.domains = append(s.domains, "."+strings.TrimPrefix(d, "."))
		}
		servers, ok := parseServers(opts.List("nameservers"))
		if !ok {
			opts.Fail("nameservers", "must be IPv4 or IPv6 addresses, each perhaps with :port")
		}
		if s.resolver == nil {
			if len(servers) == 0 {
				servers = systemServers(env.Host.FS)
			}
			s.resolver = &dns{env.Host.Net, servers}
		}
		env.Info.Register("cname_lookup", map[string]any{"lookup_depth": s.depth})
		return func(next web.Handler) web.Handler { return &filter{s, next} }, nil
	}
}

// Serve puts the storage domain into the Host.
func (f *filter) Serve(ctx context.Context, req *web.Request) *web.Response {
	domain, port := splitPort(req.Host)
	if len(f.domains) == 0 || domain == "" || isIP(domain) || f.stores(domain) {
		return f.next.Serve(ctx, req)
	}
	found, wrong := f.follow(ctx, req, domain)
	if wrong != "" {
		return web.Plain(http.StatusBadRequest, "%s", wrong)
	}
	out := *req
	out.Host = found + port
	resp := f.next.Serve(ctx, &out)
	for _, name := range [...]string{"Location", "Content-Location"} {
		if v := resp.Header.Get(name); v != "" {
			resp.Header.Set(name, restore(v, out.Host, req.Host))
		}
	}
	return resp
}

// splitPort is a Host without its port, and ":port".
func splitPort(host string) (domain, port string) {
	if i := strings.LastIndexByte(host, ':'); i >= 0 && !strings.HasSuffix(host, "]") {
		return host[:i], host[i:]
	}
	return host, ""
}

func isIP(domain string) bool {
	_, err := netip.ParseAddr(strings.Trim(domain, "[]"))
	return err == nil
}

// stores reports whether a domain is a storage domain or below one.
func (s *settings) stores(domain string) bool {
	for _, d := range s.domains {
		if strings.HasSuffix("."+domain, d) {
			return true
		}
	}
	return false
}

// follow goes from record to record up to a storage domain; wrong says why it
// came to none.
func (f *filter) follow(ctx context.Context, req *web.Request, domain string) (found, wrong string) {
	for range f.depth {
		next := f.lookup(ctx, req, domain)
		switch {
		case next == "" || next == domain:
			return "", "CNAME lookup failed to resolve to a valid domain"
		case f.stores(next):
			return next, ""
		}
		domain = next
	}
	return "", fmt.Sprintf("CNAME lookup failed after %d tries", f.depth)
}

// lookup asks the cache, then DNS.
func (f *filter) lookup(ctx context.Context, req *web.Request, domain string) string {
	key := "cname-" + domain
	if req.Meta.Cache != nil {
		if v, ok := req.Meta.Cache.Get(ctx, key); ok {
			var known any
			if json.Unmarshal(v, &known) == nil {
				target, _ := known.(string)
				return target
			}
		}
	}
	target, ttl, err := f.resolver.CNAME(ctx, domain)
	if err != nil {
		req.Meta.Log.Warn("CNAME cannot be looked up", "domain", domain, "err", err)
		return ""
	}
	if req.Meta.Cache != nil && ttl > 0 {
		var v any = target
		if target == "" {
			v = false
		}
		if text, err := json.Marshal(v); err == nil {
			req.Meta.Cache.Set(ctx, key, text, ttl)
		}
	}
	return target
}

// restore puts the host that the client asked for back into a URL.
func restore(url, found, asked string) string {
	scheme, rest, ok := strings.Cut(url, "://")
	if !ok || scheme != "http" && scheme != "https" {
		return url
	}
	path, ok := strings.CutPrefix(rest, found)
	if !ok || path != "" && path[0] != '/' {
		return url
	}
	return scheme + "://" + asked + path
}
