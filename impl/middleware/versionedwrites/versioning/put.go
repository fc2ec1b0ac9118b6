package versioning

import (
	"context"
	"net/http"
	"strconv"
	"strings"

	"apus/impl/config"
	"apus/impl/logline"
	"apus/impl/middleware/versionedwrites/archive"
	"apus/impl/swift"
	"apus/impl/web"
)

// put stores the client's object as a version and links to it.
func (o *object) put(ctx context.Context) *web.Response {
	if fault := o.keepCurrent(ctx); fault != nil {
		return fault
	}
	at, fault := o.stamp()
	if fault != nil {
		return fault
	}
	t, fault := o.putVersion(ctx, versionOf(at))
	if fault != nil {
		return fault
	}
	return o.link(ctx, t)
}

// keepCurrent makes a version of the current object if it is not one. A
// response means that the client's request must not go on.
func (o *object) keepCurrent(ctx context.Context) *web.Response {
	if denial := o.move.MayWrite(ctx, o.req); denial != nil {
		return denial
	}
	current := o.move.Open(ctx, o.req, o.version, o.path)
	if current.Status == http.StatusNotFound {
		current.Discard()
		return nil
	}
	if fault := verdict(current); fault != nil {
		return fault
	}
	if o.req.Method == http.MethodPut && web.MatchesAny(o.req.Header.Get("If-None-Match"), []string{"*"}) {
		// The link would not be written: neither must the version.
		current.Abandon()
		return web.NewResponse(http.StatusPreconditionFailed)
	}
	if current.Header.Get(linkMark) == "true" {
		current.Discard()
		return nil
	}
	at, ok := archive.Written(current.Header, "X-Backend-Timestamp", "X-Timestamp")
	if !ok {
		current.Abandon()
		return web.NewResponse(http.StatusServiceUnavailable)
	}
	stored := o.move.Store(ctx, o.req, o.version, o.versionPath(versionOf(at)), current)
	return o.written(stored)
}

// written is the verdict on a write of a version, which it finishes.
func (o *object) written(resp *web.Response) *web.Response {
	if resp.Status == http.StatusNotFound {
		resp.Discard()
		return noContainer()
	}
	if fault := verdict(resp); fault != nil {
		return fault
	}
	resp.Discard()
	return nil
}

// target is what a link says of the version that it leads to.
type target struct {
	id                       swift.Timestamp
	etag, bytes, contentType string
}

// counter counts the bytes of a body, whose length need not be known before.
type counter struct {
	web.Reader
	n int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.n += int64(n)
	return n, err
}

// putVersion stores what the client sends as a version.
func (o *object) putVersion(ctx context.Context, id swift.Timestamp) (target, *web.Response) {
	put := o.move.Request(o.req, http.MethodPut, o.version, o.versionPath(id))
	put.Source = "" // what the client sends is checked as his
	put.Header = withoutExpiry(o.req.Header)
	put.Header.Set(allowReserved, "true")
	body := &counter{Reader: o.req.Body}
	put.Body, put.ContentLength, put.Phases = body, o.req.ContentLength, o.req.Phases
	resp := o.next.Serve(ctx, put)
	if fault := o.written(resp); fault != nil {
		return target{}, fault
	}
	t := target{id: id, etag: web.Unquote(resp.Header.Get("Etag")), bytes: strconv.FormatInt(body.n, 10)}
	if size := put.Header.Get(sloSize); size != "" {
		t.bytes = size
	}
	t.contentType = put.Header.Get("Content-Type")
	if t.contentType == "" { // the symlink filter has chosen one
		head := o.head(ctx, id)
		head.Discard()
		t.contentType = head.Header.Get("Content-Type")
	}
	t.contentType, _, _ = strings.Cut(t.contentType, ";")
	return t, nil
}

// withoutExpiry is for versions: they outlive the link.
func withoutExpiry(h http.Header) http.Header {
	h = h.Clone()
	h.Del("X-Delete-At")
	h.Del("X-Delete-After")
	return h
}

// head asks for a version as it is stored.
func (o *object) head(ctx context.Context, id swift.Timestamp) *web.Response {
	head := o.move.Request(o.req, http.MethodHead, o.version, o.versionPath(id))
	head.RawQuery = "symlink=get"
	return o.next.Serve(ctx, head)
}

// notOfLinks are headers of an object that its link must not have.
var notOfLinks = [...]string{
	"Etag", "X-If-Delete-At", targetAccount, "X-Object-Manifest", "X-Static-Large-Object", sloEtag, sloSize,
}

// link makes a version the current one. The client's request becomes the PUT
// of the link, with his metadata, and is subject to his rights.
func (o *object) link(ctx context.Context, t target) *web.Response {
	at, fault := o.stamp()
	if fault != nil {
		return fault
	}
	req, h := *o.req, o.req.Header
	for _, name := range notOfLinks {
		h.Del(name)
	}
	to := o.versionPath(t.id)
	h.Set("X-Timestamp", at.WithOffset(1).Internal()) // after what it links to
	h.Set("Content-Type", t.contentType)
	h.Set(targetHeader, logline.Quote(to.Container+"/"+to.Object, "/"))
	h.Set(targetEtag, t.etag)
	h.Set(targetBytes, t.bytes)
	for _, mark := range [...]string{linkMark, extendMark, reservedMark, allowReserved} {
		h.Set(mark, "true")
	}
	h.Del("Transfer-Encoding")
	h.Del("Expect")
	req.Method, req.Body, req.ContentLength, req.Phases, req.Source = http.MethodPut, http.NoBody, 0, nil, source
	// The version is there even if the link was refused.
	return t.label(o.next.Serve(ctx, &req))
}

// label tells the client which version an answer is about.
func (t *target) label(resp *web.Response) *web.Response {
	resp.Header.Set("Etag", t.etag)
	resp.Header.Set(versionHeader, t.id.Internal())
	return resp
}

// delete writes a delete marker, then deletes the link.
func (o *object) delete(ctx context.Context) *web.Response {
	if fault := o.keepCurrent(ctx); fault != nil {
		return fault
	}
	at, fault := o.stamp()
	if fault != nil {
		return fault
	}
	id := versionOf(at)
	marker := o.move.PutMarker(ctx, o.req, o.version, o.versionPath(id), at)
	if fault := verdict(marker); fault != nil {
		return fault
	}
	marker.Discard()
	resp := o.next.Serve(ctx, o.req)
	if resp.OK() || resp.Status == http.StatusNotFound {
		resp.Header.Set(versionHeader, id.Internal())
		resp.Header.Set("X-Backend-Content-Type", archive.DeleteMarker)
	}
	return resp
}

// post changes the metadata of the link and, where that leads to a version,
// of the version.
func (o *object) post(ctx context.Context) *web.Response {
	again := o.move.Request(o.req, http.MethodPost, o.version, o.path)
	again.Header = withoutExpiry(o.req.Header) // as the client sent them
	again.Header.Set(allowReserved, "true")
	resp := o.next.Serve(ctx, o.req)
	if resp.Status != http.StatusTemporaryRedirect || !config.Truth(resp.Header.Get(linkMark)) {
		return resp
	}
	again.Path = web.UnescapePath(resp.Header.Get("Location"))
	if _, to, ok := again.Swift(); !ok || to.Account != o.path.Account || to.Container != o.hidden {
		return resp
	}
	resp.Discard()
	return o.next.Serve(ctx, again)
}
