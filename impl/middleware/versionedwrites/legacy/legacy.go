// Package legacy is the older object versioning: before an object of a
// container is overwritten, it is copied to the archive, another container of
// the account.
//
// # What is stored
//
// Container sysmeta Versions-Location is the name of the archive as the client
// gave it, Versions-Mode is stack or history. Containers that are older than
// sysmeta have X-Versions-Location instead. An archived object is called
//
//	<length of the object's name in 3 hex digits><name>/<timestamp of its write>
//
// so that the versions of one object, and no others, have one prefix and sort
// by age.
//
// # Deleting
//
// In stack mode DELETE brings back the newest archived version, and removes it
// from the archive. In history mode DELETE archives the object too and adds a
// delete marker; when such a container becomes a stack later, a DELETE
// undoes the deletion that the marker tells of.
//
// An archive that cannot be written makes PUT and DELETE fail, with 412 if
// that is the owner's to mend and 503 if not: an old version is not given up.
package legacy

import (
	"context"
	"fmt"
	"net/http"

	"apus/impl/info"
	"apus/impl/middleware"
	"apus/impl/middleware/versionedwrites/archive"
	"apus/impl/swift"
	"apus/impl/web"
)

// Mode is what the operator says of this kind of versioning.
type Mode int

// Modes.
const (
	// ByContainer is for those who say nothing: containers that have the
	// setting from before it was an option keep their versions.
	ByContainer Mode = iota
	Allowed
	Forbidden
)

const source = "VW" // of sub-requests, in logs

type filter struct {
	next web.Handler
	mode Mode
	move *archive.Mover
}

var _ web.Handler = (*filter)(nil)

// New builds the filter.
func New(env *middleware.Env, mode Mode) web.Filter {
	return func(next web.Handler) web.Handler {
		move := &archive.Mover{Next: next, Source: source, MaxFileSize: env.Swift.Limits.MaxFileSize}
		if env.Host != nil {
			move.Clock = env.Host.Clock
		}
		return &filter{next, mode, move}
	}
}

// Serve takes settings of containers and writes of objects and passes on the
// rest.
func (f *filter) Serve(ctx context.Context, req *web.Request) *web.Response {
	version, path, ok := req.Swift()
	switch {
	case !ok || path.IsAccount():
	case path.IsContainer():
		if f.mode != ByContainer {
			return f.container(ctx, req)
		}
	case req.Method == http.MethodPut || req.Method == http.MethodDelete:
		return f.object(ctx, req, version, path)
	}
	return f.next.Serve(ctx, req)
}

// object archives what a PUT or DELETE is about to destroy.
func (f *filter) object(ctx context.Context, req *web.Request, version string, path swift.Path) *web.Response {
	settings := info.Container(ctx, f.next, req, path.Account, path.Container)
	if settings.Status >= 500 {
		// Whether something is to be kept is not known.
		return web.NewResponse(http.StatusServiceUnavailable)
	}
	where, history := f.archiveOf(settings)
	if where == "" {
		return f.next.Serve(ctx, req)
	}
	w := &write{filter: f, req: req, version: version, path: path, archive: where}
	switch {
	case req.Method == http.MethodPut:
		if fault := w.archiveCurrent(ctx); fault != nil {
			return fault
		}
		return f.next.Serve(ctx, req)
	case history:
		return w.deleteToHistory(ctx)
	}
	return w.deleteFromStack(ctx)
}

// archiveOf is the archive of a container; empty if nothing is to be kept.
func (f *filter) archiveOf(c *info.ContainerInfo) (name string, history bool) {
	enabled := f.mode == Allowed
	setting := c.Sysmeta["versions-location"]
	if setting == "" {
		setting = c.Versions
		enabled = enabled || f.mode == ByContainer
	}
	if !enabled || setting == "" {
		return "", false
	}
	return archive.ContainerOf(setting), c.Sysmeta["versions-mode"] == "history"
}

// prefix begins the names of an object's archived versions.
func prefix(object string) string { return fmt.Sprintf("%03x%s/", len(object), object) }

// verdict is what the failure of a sub-request means for the client; nil if
// it succeeded. It finishes a response that failed.
func verdict(resp *web.Response) *web.Response {
	if resp.OK() {
		return nil
	}
	resp.Discard()
	if resp.Status/100 == 4 {
		// No archive, or no right to it.
		return web.NewResponse(http.StatusPreconditionFailed)
	}
	return web.NewResponse(http.StatusServiceUnavailable)
}
