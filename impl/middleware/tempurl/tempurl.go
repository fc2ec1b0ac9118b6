// Package tempurl is the tempurl filter: URLs that let whoever holds them
// make one kind of request until a time, because they are signed with a key
// of the account or the container.
//
// # What is signed
//
// The parameter temp_url_sig is the HMAC of lines without a newline at the
// end: "ip=range" if temp_url_ip_range is given, the method, the time as
// seconds since 1970, and the path, which is "/v1/account/container/object"
// or, with temp_url_prefix, "prefix:/v1/account/container/" and the prefix.
// temp_url_expires is the time, in seconds or as 2006-01-02T15:04:05Z. What is
// signed for GET, PUT or POST allows HEAD too.
//
// # What it allows
//
// A request that is signed well passes auth filters, for paths of the account
// or, if a key of the container signed it, for paths of the container. Its
// other parameters are dropped, so that nothing is asked for that was not
// signed; so are headers that the operator lists, in requests and answers.
package tempurl

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"apus/impl/config"
	"apus/impl/event"
	"apus/impl/host"
	"apus/impl/middleware"
	"apus/impl/middleware/tempurl/sign"
	"apus/impl/swift"
	"apus/impl/web"
)

// User is the identity of requests that a signed URL allows, for filters that
// treat those like anonymous ones.
const User = ".wsgi.tempurl"

type filter struct {
	next    web.Handler
	clock   host.Clock
	methods []string
	digests sign.Digests
	events  *event.Sink
	in, out headerRule
}

var _ middleware.Constructor = New

// New reads methods, allowed_digests and the lists of headers to remove and,
// as exceptions, to allow.
func New(env *middleware.Env, opts *config.Section) (web.Filter, error) {
	section := map[string]any{}
	list := func(key, def string) []string {
		names := append([]string{}, strings.Fields(opts.String(key, def))...)
		section[key] = names
		return names
	}
	f := filter{
		clock:   env.Host.Clock,
		methods: list("methods", "GET HEAD PUT POST DELETE"),
		digests: sign.ReadDigests(opts),
		events:  env.Events,
		in: newHeaderRule(
			list("incoming_remove_headers", "x-timestamp x-open-expired"), list("incoming_allow_headers", "")),
		out: newHeaderRule(
			list("outgoing_remove_headers", "x-object-meta-*"), list("outgoing_allow_headers", "x-object-meta-public-*")),
	}
	env.Info.Register("tempurl", f.digests.Publish(section))
	return func(next web.Handler) web.Handler {
		one := f
		one.next = next
		return &one
	}, nil
}

// Serve lets requests without a signature pass as they are.
func (f *filter) Serve(ctx context.Context, req *web.Request) *web.Response {
	if req.Method == http.MethodOptions {
		return f.next.Serve(ctx, req)
	}
	c := readClaim(req.RawQuery)
	if !c.made() {
		return f.next.Serve(ctx, req)
	}
	path := req.Path
	target, key, ok := f.check(ctx, req, &c)
	if !ok {
		return refuse(req)
	}
	if name := pointer(req); name != "" {
		return web.HTML(http.StatusBadRequest, "The header '"+name+"' is not allowed in this tempurl")
	}
	f.in.clean(req.Header)
	req.Authorize, req.AuthorizeOverride = key.Scope(target), true
	req.Meta.User = User
	req.SetQuery(c.query())
	resp := f.next.Serve(ctx, req)
	f.out.clean(resp.Header)
	if resp.OK() && reads(req.Method) {
		static := resp.Header.Get("X-Backend-Content-Generator") == "staticweb"
		if target.Object == "" && !static {
			// Only after the fact is it clear that this is no web page.
			resp.Discard()
			return refuse(req)
		}
		stored := resp.Header.Get("Content-Disposition")
		resp.Header.Set("Content-Disposition", c.disposition(static, stored, path))
		resp.Header.Set("Expires", web.FormatDate(c.until))
	}
	return resp
}

func reads(method string) bool { return method == http.MethodGet || method == http.MethodHead }

// check finds out whether what the client claims is so, and with which key.
func (f *filter) check(ctx context.Context, req *web.Request, c *claim) (target swift.Path, key sign.Key, ok bool) {
	if !c.complete(f.clock.Now()) {
		return target, key, false
	}
	sig, ok := f.digests.Parse(c.signature)
	if !ok {
		return target, key, false
	}
	c.signature = sig.Hex // what filters behind get to see
	target, ok = f.target(req, c)
	if !ok || !c.from(req.RemoteAddr) {
		return target, key, false
	}
	keys := sign.Keys(ctx, f.next, req, target)
	for _, message := range c.messages(req.Method, target) {
		for _, k := range keys {
			if sig.Signs(message, k.Secret) {
				f.events.Tick("", "tempurl.digests."+sig.Digest)
				return target, k, true
			}
		}
	}
	return target, key, false
}

// target is what the request is for, when that can be signed for: an object,
// and with an empty prefix the container, where a web page may be.
func (f *filter) target(req *web.Request, c *claim) (swift.Path, bool) {
	root := reads(req.Method) && c.hasPrefix && c.prefix == ""
	version, p, ok := req.Swift()
	if !ok || version != "v1" || p.IsAccount() || !slices.Contains(f.methods, req.Method) {
		return p, false
	}
	if strings.Trim(p.Object, "/") == "" && !root {
		return p, false
	}
	return p, strings.HasPrefix(p.Object, c.prefix)
}

// refuse says no and not why, so that nobody learns from trying.
func refuse(req *web.Request) *web.Response {
	if req.Method == http.MethodHead {
		return sign.Unauthorized("unknown", "")
	}
	return sign.Unauthorized("unknown", "401 Unauthorized: Temp URL invalid\n")
}

// pointer is a header that would make what is written stand for something
// else, which the holder of the URL may not be allowed to read.
func pointer(req *web.Request) string {
	if reads(req.Method) {
		return ""
	}
	for _, name := range [...]string{"X-Object-Manifest", "X-Symlink-Target"} {
		if _, ok := req.Header[name]; ok {
			return name
		}
	}
	return ""
}

// query is what is left of the parameters.
func (c *claim) query() url.Values {
	q := url.Values{"temp_url_sig": {c.signature}, "temp_url_expires": {c.expires}}
	if c.hasPrefix {
		q.Set("temp_url_prefix", c.prefix)
	}
	if c.filename != "" {
		q.Set("filename", c.filename)
	}
	if c.inline {
		q.Set("inline", "") // web pages put it into their links
	}
	return q
}
