package versioning

import (
	"context"
	"io"
	"net/http"
	"strings"

	"apus/impl/info"
	"apus/impl/middleware/versionedwrites/archive"
	"apus/impl/swift"
	"apus/impl/web"
)

// withID answers requests that name a version. They need a container that
// has versions, not one that makes new ones.
func (o *object) withID(ctx context.Context, id string) *web.Response {
	if o.req.Method == http.MethodPost {
		return web.HTML(http.StatusBadRequest, "POST to a specific version is not allowed")
	}
	if o.hidden == "" && id != nullVersion {
		return web.HTML(http.StatusBadRequest, "version-aware operations require that the container is versioned")
	}
	var at swift.Timestamp
	if id != nullVersion || o.req.Method == http.MethodPut {
		var err error
		if at, err = swift.ParseTimestamp(id); err != nil {
			return web.HTML(http.StatusBadRequest, "Invalid version parameter")
		}
	}
	switch {
	case o.req.Method == http.MethodOptions:
		return o.next.Serve(ctx, o.req) // is answered by the settings of the container
	case o.req.Method == http.MethodDelete && id == nullVersion:
		return o.next.Serve(ctx, o.req)
	case o.req.Method == http.MethodDelete:
		return o.deleteVersion(ctx, at, id)
	case o.req.Method == http.MethodPut:
		return o.restore(ctx, at)
	case id == nullVersion:
		return o.readNull(ctx)
	}
	return o.readVersion(ctx, at, id)
}

// toVersion makes the client's request one of a version. His rights stay
// what they are.
func (o *object) toVersion(id swift.Timestamp) *web.Request {
	req := *o.req
	req.Header = o.req.Header.Clone()
	req.SetSwift(o.version, o.versionPath(id))
	req.Header.Set(allowReserved, "true")
	return &req
}

// readVersion answers GET and HEAD. A delete marker is nothing to read.
func (o *object) readVersion(ctx context.Context, at swift.Timestamp, id string) *web.Response {
	resp := o.next.Serve(ctx, o.toVersion(at))
	if isMarker(resp.Header) {
		resp.Discard()
		resp = web.NewResponse(http.StatusNotFound)
		resp.Header.Set("Content-Type", archive.DeleteMarker)
		resp.Header.Set(versionHeader, id)
		return resp
	}
	if resp.OK() {
		resp.Header.Set(versionHeader, id)
	}
	return resp
}

func isMarker(h http.Header) bool { return isMarkerType(h.Get("Content-Type")) }

func isMarkerType(contentType string) bool { return contentType == archive.DeleteMarker }

// readNull answers GET and HEAD of what was written while nothing was kept.
func (o *object) readNull(ctx context.Context) *web.Response {
	resp := o.next.Serve(ctx, o.req)
	if !resp.OK() {
		return resp
	}
	if strings.Contains(web.UnescapePath(resp.Header.Get("Content-Location")), hiddenPrefix) {
		resp.Abandon() // the current object is a version
		return web.NewResponse(http.StatusNotFound)
	}
	resp.Header.Set(versionHeader, nullVersion)
	return resp
}

// current is the version that the object is now. Exists is false when it is
// deleted or none.
func (o *object) current(ctx context.Context) (id string, exists bool, fault *web.Response) {
	head := o.move.Request(o.req, http.MethodHead, o.version, o.path)
	head.RawQuery = "symlink=get"
	head.Header.Set("X-Newest", "True")
	head.Header.Del(allowReserved) // the name is the client's
	resp := o.next.Serve(ctx, head)
	if resp.Status != http.StatusNotFound {
		if fault := verdict(resp); fault != nil {
			return "", false, fault
		}
	}
	resp.Discard()
	if !resp.OK() || resp.Header.Get(linkMark) != "true" {
		return "", false, nil
	}
	id, exists = o.versionOfTarget(resp.Header.Get(targetHeader))
	return id, exists, nil
}

// deleteVersion removes a version for good, and the link if it leads there.
func (o *object) deleteVersion(ctx context.Context, at swift.Timestamp, id string) *web.Response {
	now, exists, fault := o.current(ctx)
	if fault != nil {
		return fault
	}
	del := o.toVersion(at)
	after := nullVersion
	switch {
	case exists && now == at.Internal():
		// The link goes first, so that it never leads to nothing. Whoever may
		// not delete versions must not get as far as that.
		if denial := o.move.MayWrite(ctx, del); denial != nil {
			return denial
		}
		if fault := o.unlink(ctx); fault != nil {
			return fault
		}
	case exists:
		after = now
	}
	resp := o.next.Serve(ctx, del)
	if resp.OK() || resp.Status == http.StatusNotFound {
		resp.Header.Set(versionHeader, id)
		resp.Header.Set(currentHeader, after)
	}
	return resp
}

func (o *object) unlink(ctx context.Context) *web.Response {
	req := *o.req
	req.Header = o.req.Header.Clone()
	req.SetQuery(nil)
	resp := o.next.Serve(ctx, &req)
	if fault := verdict(resp); fault != nil {
		return fault
	}
	resp.Discard()
	return nil
}

// restore makes an old version the current one.
func (o *object) restore(ctx context.Context, at swift.Timestamp) *web.Response {
	if refusal := withoutBody(o.req); refusal != nil {
		return refusal
	}
	if denial := o.move.MayWrite(ctx, o.req); denial != nil {
		return denial
	}
	head := o.head(ctx, at)
	if head.Status == http.StatusNotFound {
		head.Discard()
		if !info.Container(ctx, o.next, o.req, o.path.Account, o.hidden).OK() {
			return noContainer()
		}
		return web.Plain(http.StatusNotFound, "The specified version does not exist")
	}
	if fault := verdict(head); fault != nil {
		return fault
	}
	head.Discard()
	t := target{
		id: at, etag: web.Unquote(head.Header.Get("Etag")), bytes: head.Header.Get(sloSize),
		contentType: head.Header.Get("Content-Type"),
	}
	if isMarker(head.Header) {
		// No link can have this type. The refusal tells the version all the same.
		return t.label(web.HTML(http.StatusBadRequest, "Invalid Content-Type, swift_* is not a valid parameter name."))
	}
	if t.bytes == "" {
		t.bytes = formatLength(head.ContentLength)
	}
	if etag := head.Header.Get(sloEtag); etag != "" {
		o.req.Header.Set(listingEtag, emptyMD5+"; slo_etag="+etag) // as the PUT of a large object has it
	}
	return o.link(ctx, t)
}

// withoutBody refuses a client who sends anything.
func withoutBody(req *web.Request) *web.Response {
	full := req.ContentLength > 0
	switch {
	case lacksLength(req):
		return web.NewResponse(http.StatusLengthRequired)
	case req.ContentLength < 0:
		n, err := io.ReadFull(req.Body, make([]byte, 1))
		if err != nil && err != io.EOF {
			return web.FromError(err)
		}
		full = n > 0
	}
	if full {
		return web.Plain(http.StatusBadRequest, "PUT version-id requests require a zero byte body")
	}
	return nil
}

// lacksLength tells a client who says nothing of a body from one who sends an
// empty one.
func lacksLength(req *web.Request) bool {
	return req.ContentLength == 0 && req.Header.Get("Content-Length") == "" && req.Source == ""
}
