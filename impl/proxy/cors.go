package proxy

import (
	"net/http"
	"slices"
	"sort"
	"strings"

	"apus/impl/config"
	"apus/impl/info"
	"apus/impl/web"
)

// corsOptions are what the operator says of requests from scripts of other
// sites; the owner of a container says more in its metadata.
type corsOptions struct {
	origins []string // allowed everywhere
	expose  []string // headers that scripts may always read
	// strict answers origins that are not allowed as if there was no CORS.
	strict bool
}

func readCORS(s *config.Section) corsOptions {
	return corsOptions{
		origins: s.List("cors_allow_origin"), expose: s.List("cors_expose_headers"),
		strict: s.Bool("strict_cors_mode", true),
	}
}

// alwaysExposed are the headers that scripts may read everywhere.
var alwaysExposed = [...]string{
	"cache-control", "content-language", "content-type", "expires", "last-modified", "pragma",
	"etag", "x-timestamp", "x-trans-id", "x-openstack-request-id",
}

// allows reports whether a script of this origin may see the container.
func (o *corsOptions) allows(c *info.CORS, origin string) bool {
	match := func(a string) bool { return a == origin || a == "*" }
	return slices.ContainsFunc(o.origins, match) || slices.ContainsFunc(strings.Fields(c.AllowOrigin), match)
}

// allow names the origin in an answer to a script.
func allow(h http.Header, c *info.CORS, origin string) {
	if strings.TrimSpace(c.AllowOrigin) == "*" {
		h.Set("Access-Control-Allow-Origin", "*")
		return
	}
	h.Set("Access-Control-Allow-Origin", origin)
	vary(h, "Origin")
}

func vary(h http.Header, name string) {
	if old := h.Get("Vary"); old != "" {
		name = old + ", " + name
	}
	h.Set("Vary", name)
}

// exposed lists the headers of an answer that a script may read, each once.
func (o *corsOptions) exposed(h http.Header, c *info.CORS) string {
	names := append(alwaysExposed[:len(alwaysExposed):len(alwaysExposed)], o.expose...)
	for name := range h {
		if strings.HasPrefix(name, "X-Container-Meta") || strings.HasPrefix(name, "X-Object-Meta") {
			names = append(names, strings.ToLower(name))
		}
	}
	names = append(names, strings.Fields(strings.ToLower(c.ExposeHeaders))...)
	sort.Strings(names)
	return strings.Join(slices.Compact(names), ", ")
}

// serveCORS serves a request that a script may have made.
func (c *call) serveCORS(v verb) *web.Response {
	origin := c.req.Header.Get("Origin")
	if origin == "" || c.path.Container == "" || c.req.Method == http.MethodOptions {
		return v.serve(c)
	}
	rules := info.Container(c.ctx, c.Server, c.req, c.path.Account, c.path.Container).CORS()
	resp := v.serve(c)
	o := &c.opts.cors
	if o.strict && !o.allows(&rules, origin) {
		return resp
	}
	if resp.Header.Get("Access-Control-Expose-Headers") == "" {
		resp.Header.Set("Access-Control-Expose-Headers", o.exposed(resp.Header, &rules))
	}
	if resp.Header.Get("Access-Control-Allow-Origin") == "" {
		allow(resp.Header, &rules, origin)
	}
	return resp
}

// serveOptions answers OPTIONS: with what a script of another site may do when
// its browser asks, else with the methods that there are.
func serveOptions(c *call) *web.Response {
	verbs := c.verbs(c.path)
	list, origin := allowList(verbs), c.req.Header.Get("Origin")
	resp := web.HTML(http.StatusOK, "")
	resp.Header.Set("Allow", list)
	if origin == "" || c.path.Container == "" {
		return resp
	}
	rules := info.Container(c.ctx, c.Server, c.req, c.path.Account, c.path.Container).CORS()
	_, known := verbs[c.req.Header.Get("Access-Control-Request-Method")]
	if !known || !c.opts.cors.allows(&rules, origin) {
		resp = web.NewResponse(http.StatusUnauthorized)
		resp.Header.Set("Allow", list)
		return resp
	}
	delete(resp.Header, "Content-Type")
	h := resp.Header
	allow(h, &rules, origin)
	if rules.MaxAge != "" {
		h.Set("Access-Control-Max-Age", rules.MaxAge)
	}
	h.Set("Access-Control-Allow-Methods", list)
	// All that is asked for is allowed, as nobody can list what clients make up.
	if asked := config.SplitList(c.req.Header.Get("Access-Control-Request-Headers")); len(asked) > 0 {
		sort.Strings(asked)
		h.Set("Access-Control-Allow-Headers", strings.Join(slices.Compact(asked), ", "))
		vary(h, "Access-Control-Request-Headers")
	}
	return resp
}
