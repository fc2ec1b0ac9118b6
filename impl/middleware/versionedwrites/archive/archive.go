// Package archive is what both kinds of object versioning do alike: look at
// an object as it is stored, put it under another name, write a delete
// marker, and say what a failure of these means for the client's request.
//
// All sub-requests are made with the filter's own rights, so that a client who
// may write to a container need not be allowed to read it, nor to touch the
// container that has the old versions. Whether he may write at all is
// therefore asked first, by MayWrite.
package archive

import (
	"context"
	"net/http"
	"strings"

	"apus/impl/host"
	"apus/impl/info"
	"apus/impl/swift"
	"apus/impl/web"
)

// DeleteMarker is the content type of the empty object that says when an
// object was deleted. Clients cannot write it: parameters that begin with
// swift_ are refused.
const DeleteMarker = "application/x-deleted;swift_versions_deleted=1"

const (
	allowReserved = "X-Backend-Allow-Reserved-Names"
	sloSize       = "X-Object-Sysmeta-Slo-Size"
)

// Mover makes the sub-requests of one filter.
type Mover struct {
	Next        web.Handler
	Source      string // of sub-requests, in logs
	MaxFileSize int64
	// Reserved says that names of archived objects are reserved ones.
	Reserved bool
	Clock    host.Clock

	stamps swift.Stamps
}

// Now is a timestamp that this Mover has not given before, also when the
// clock stands still or steps back a little: two versions with one timestamp
// would be one.
func (m *Mover) Now() swift.Timestamp { return m.stamps.Next(m.Clock.Now()) }

// Request is a sub-request with the filter's rights.
func (m *Mover) Request(req *web.Request, method, version string, p swift.Path) *web.Request {
	sub := req.PreAuthorized(method, "", m.Source)
	sub.SetSwift(version, p)
	if m.Reserved {
		sub.Header.Set(allowReserved, "true")
	}
	return sub
}

// MayWrite asks whether the client may write to the container of his request.
// Nil means yes.
func (m *Mover) MayWrite(ctx context.Context, req *web.Request) *web.Response {
	if req.Authorize == nil {
		return nil
	}
	_, p, _ := req.Swift()
	asked := *req
	asked.ACL = info.Container(ctx, m.Next, req, p.Account, p.Container).WriteACL
	return asked.Authorize(ctx, &asked)
}

// Open reads an object as it is stored: of a symbolic link, the link. An
// object that is too large to be stored again is answered with 413.
func (m *Mover) Open(ctx context.Context, req *web.Request, version string, p swift.Path) *web.Response {
	sub := m.Request(req, http.MethodGet, version, p)
	sub.RawQuery = "symlink=get"
	sub.Header.Set("X-Newest", "True")
	sub.Header.Del(allowReserved) // the name is the client's
	resp := m.Next.Serve(ctx, sub)
	if resp.OK() && (resp.ContentLength < 0 || resp.ContentLength > m.MaxFileSize) {
		resp.Abandon()
		return web.NewResponse(http.StatusRequestEntityTooLarge)
	}
	return resp
}

// Store puts what Open returned under another name. It finishes from.
func (m *Mover) Store(ctx context.Context, req *web.Request, version string, p swift.Path, from *web.Response) *web.Response {
	defer from.Abandon()
	sub := m.Request(req, http.MethodPut, version, p)
	for name, values := range from.Header {
		if stored(name) {
			sub.Header[name] = values
		}
	}
	if size := from.Header.Get(sloSize); size != "" {
		// Listings take the size of a large object from its content type, of
		// which readers do not see this.
		sub.Header.Set("Content-Type", from.Header.Get("Content-Type")+"; swift_bytes="+size)
	}
	sub.Body, sub.ContentLength = from.Body, from.ContentLength
	return m.Next.Serve(ctx, sub)
}

// stored tells headers of an object from those of an answer.
func stored(name string) bool {
	switch name {
	case "X-Timestamp", "Last-Modified", "Date", "Accept-Ranges", "Content-Length", "Content-Range", "Content-Location",
		"Connection", "Vary", "X-Trans-Id", "X-Openstack-Request-Id":
		return false
	}
	return !strings.HasPrefix(name, "X-Backend-")
}

// PutMarker writes a delete marker. A zero stamp means now.
func (m *Mover) PutMarker(ctx context.Context, req *web.Request, version string, p swift.Path, stamp swift.Timestamp) *web.Response {
	sub := m.Request(req, http.MethodPut, version, p)
	sub.Header.Set("Content-Type", DeleteMarker)
	if !stamp.IsZero() {
		sub.Header.Set("X-Timestamp", stamp.Internal())
	}
	return m.Next.Serve(ctx, sub)
}

// Written is the time of an object's write as its answer tells it, by the
// first of the named headers, else by Last-Modified.
func Written(h http.Header, names ...string) (swift.Timestamp, bool) {
	for _, name := range names {
		if t, err := swift.ParseTimestamp(h.Get(name)); err == nil {
			return t, true
		}
	}
	t, ok := web.ParseDate(h.Get("Last-Modified"))
	return swift.TimestampOf(t), ok
}

// ContainerOf is the container that a setting names: it may be encoded, and
// the rest of a path may follow.
func ContainerOf(setting string) string {
	name, _, _ := strings.Cut(web.UnescapePath(setting), "/")
	return name
}
