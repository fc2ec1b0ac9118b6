package symlink

import (
	"context"
	"maps"
	"net/http"
	"strings"

	"apus/impl/config"
	"apus/impl/logline"
	"apus/impl/web"
)

// getLink answers with the link itself.
func (f *filter) getLink(ctx context.Context, req *web.Request) *web.Response {
	resp := f.next.Serve(ctx, req)
	for _, name := range [...]struct{ stored, shown string }{
		{storedTarget, targetHeader}, {storedAccount, accountHeader}, {storedEtag, etagHeader}, {storedBytes, bytesHeader},
	} {
		if v, ok := resp.Header[name.stored]; ok {
			resp.Header[name.shown] = v
			delete(resp.Header, name.stored)
		}
	}
	return resp
}

// get answers with the object at the end of the links.
func (f *filter) get(ctx context.Context, client *web.Request) *web.Response {
	req := *client
	req.Header = maps.Clone(client.Header) // enough for one that is replaced
	// A link has no bytes to take a range of: 416 would be about nothing.
	if have := req.Header.Get(ignoreRangesIf); have != "" {
		req.Header.Set(ignoreRangesIf, have+","+storedTarget)
	} else {
		req.Header.Set(ignoreRangesIf, storedTarget)
	}
	w := walk{filter: f, origin: &req}
	return w.from(ctx, &req, "", true)
}

// walk follows links for one request.
type walk struct {
	*filter
	origin *web.Request // whose rights, header and query every hop has
	hops   int
	at     string // encoded path of the latest target; empty before the first hop
	moved  bool   // at came from a link, not from the client
}

// from asks for req and goes on while links come back. etag is what the link
// that led to req promised. A dynamic link in the first place ends the walk
// unless soft.
func (w *walk) from(ctx context.Context, req *web.Request, etag string, soft bool) *web.Response {
	for {
		hop := *req // the proxy writes into what it serves
		resp := w.next.Serve(ctx, &hop)
		link := linkOf(resp.Header)
		if link.target == "" || link.etag == "" && !soft {
			return w.arrive(resp, etag)
		}
		resp.Discard()
		if found := linkEtag(link, resp.Header); etag != "" && etag != found {
			return w.conflict("X-Symlink-Target-Etag headers do not match")
		}
		if w.hops >= w.loopMax {
			return web.Plain(http.StatusConflict,
				"Too many levels of symbolic links, maximum allowed is %d", w.loopMax)
		}
		if !link.extends {
			w.hops++
		}
		w.at, w.moved = link.path(req), true
		req, etag, soft = w.request(link), link.etag, true
	}
}

// arrive is the answer of what is no link.
func (w *walk) arrive(resp *web.Response, etag string) *web.Response {
	if found := web.Unquote(resp.Header.Get("Etag")); etag != "" && found != "" && etag != found {
		resp.Abandon() // it may be long
		return w.conflict("Object Etag '" + found + "' does not match X-Symlink-Target-Etag header '" + etag + "'")
	}
	if w.at != "" {
		resp.Header.Set("Content-Location", w.at)
	}
	return resp
}

func (w *walk) conflict(text string) *web.Response {
	resp := web.Plain(http.StatusConflict, "%s", text)
	at := w.at
	if !w.moved {
		at = web.UnescapePath(at) // what the client asked for is told as it reads
	}
	resp.Header.Set("Content-Location", at)
	return resp
}

// request asks for the target that the walk is at. Nothing of the hop before
// is left in it, in particular not the right to what is reserved.
func (w *walk) request(link link) *web.Request {
	path := web.UnescapePath(w.at)
	var sub *web.Request
	if link.reserved {
		sub = w.origin.PreAuthorized(w.origin.Method, path, source)
	} else {
		sub = w.origin.Sub(w.origin.Method, path, source)
	}
	sub.RawQuery = w.origin.RawQuery
	sub.Header = w.origin.Header.Clone()
	sub.Header.Del("X-Backend-Storage-Policy-Index") // of the link's container
	sub.Header.Del(allowReserved)
	if link.reserved {
		sub.Header.Set(allowReserved, "true")
	}
	return sub
}

// link is what an object's metadata says of it. Paths are percent-encoded.
type link struct {
	target   string // empty: it is no link
	account  string
	etag     string // empty: it is dynamic
	extends  bool
	reserved bool
}

func linkOf(h http.Header) link {
	return link{
		target: h.Get(storedTarget), account: h.Get(storedAccount), etag: h.Get(storedEtag),
		extends: config.Truth(h.Get(extendMark)), reserved: h.Get(reservedMark) != "",
	}
}

// linkEtag is the ETag by which other static links know this one: the
// object's at its end, if it vouches for that, else its own.
func linkEtag(l link, h http.Header) string {
	if l.etag != "" {
		return l.etag
	}
	return web.Unquote(h.Get("Etag"))
}

// path is the encoded path of the target of the link that req asked for.
func (l link) path(req *web.Request) string {
	version, path, _ := req.Swift()
	account := l.account
	if account == "" {
		account = quote(path.Account)
	}
	return "/" + version + "/" + account + "/" + strings.TrimLeft(l.target, "/")
}

// quote encodes a path as clients and other Swift servers store it.
func quote(path string) string { return logline.Quote(path, "/") }
