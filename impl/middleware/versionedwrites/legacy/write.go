package legacy

import (
	"context"
	"net/http"

	"apus/impl/middleware/versionedwrites/archive"
	"apus/impl/swift"
	"apus/impl/web"
)

// write is one client's PUT or DELETE of an object whose old versions are
// kept.
type write struct {
	*filter
	req     *web.Request
	version string // of the API
	path    swift.Path
	archive string
}

// archived is where a version with this name is kept.
func (w *write) archived(name string) swift.Path {
	return swift.Path{Account: w.path.Account, Container: w.archive, Object: name}
}

// archiveCurrent copies the current version to the archive, if there is one.
// A response means that the client's request must not go on.
func (w *write) archiveCurrent(ctx context.Context) *web.Response {
	if denial := w.move.MayWrite(ctx, w.req); denial != nil {
		return denial
	}
	current := w.move.Open(ctx, w.req, w.version, w.path)
	if current.Status == http.StatusNotFound {
		current.Discard()
		return nil
	}
	if fault := verdict(current); fault != nil {
		return fault
	}
	at, ok := archive.Written(current.Header, "X-Timestamp")
	if !ok {
		current.Abandon()
		return web.NewResponse(http.StatusServiceUnavailable)
	}
	stored := w.move.Store(ctx, w.req, w.version, w.archived(prefix(w.path.Object)+at.Internal()), current)
	if fault := verdict(stored); fault != nil {
		return fault
	}
	stored.Discard()
	return nil
}

// deleteToHistory archives the current version and a delete marker, then
// deletes.
func (w *write) deleteToHistory(ctx context.Context) *web.Response {
	if fault := w.archiveCurrent(ctx); fault != nil {
		return fault
	}
	name := prefix(w.path.Object) + w.move.Now().Internal()
	marker := w.move.PutMarker(ctx, w.req, w.version, w.archived(name), swift.Timestamp{})
	if fault := verdict(marker); fault != nil {
		return fault
	}
	marker.Discard()
	return w.next.Serve(ctx, w.req)
}

// deleteFromStack brings back the newest archived version. Without any it is
// a plain DELETE.
func (w *write) deleteFromStack(ctx context.Context) *web.Response {
	versions := &walk{write: w}
	for {
		v, fault := versions.next(ctx)
		if fault != nil {
			return fault
		}
		if v == nil {
			return w.filter.next.Serve(ctx, w.req)
		}
		if denial := versions.mayWrite(ctx); denial != nil {
			return denial
		}
		if v.ContentType == archive.DeleteMarker {
			return w.undelete(ctx, versions, v.Name)
		}
		restored, fault := w.restore(ctx, v.Name)
		switch {
		case fault != nil:
			return fault
		case restored:
			return w.deleteArchived(ctx, v.Name)
		}
		// A listing may still show what is gone.
	}
}

// undelete answers a DELETE where the newest that was archived is a delete
// marker. While the object is there it is newer than the marker, and deleting
// it is all that there is to do. Else the marker goes, and what was deleted
// comes back, unless that was a deletion again.
func (w *write) undelete(ctx context.Context, versions *walk, marker string) *web.Response {
	head := w.move.Request(w.req, http.MethodHead, w.version, w.path)
	head.Header.Set("X-Newest", "True")
	current := w.filter.next.Serve(ctx, head)
	if current.Status != http.StatusNotFound {
		if fault := verdict(current); fault != nil {
			return fault
		}
		current.Discard()
		return w.filter.next.Serve(ctx, w.req)
	}
	current.Discard()
	for {
		v, fault := versions.next(ctx)
		if fault != nil {
			return fault
		}
		if v == nil || v.ContentType == archive.DeleteMarker {
			break
		}
		restored, fault := w.restore(ctx, v.Name)
		if fault != nil {
			return fault
		}
		if !restored {
			continue
		}
		gone := w.deleteArchived(ctx, v.Name)
		if gone.Status != http.StatusNotFound {
			if fault := verdict(gone); fault != nil {
				return fault
			}
		}
		gone.Discard()
		break
	}
	return w.deleteArchived(ctx, marker)
}

// restore copies an archived version back; false when it is not there any
// more.
func (w *write) restore(ctx context.Context, name string) (bool, *web.Response) {
	old := w.move.Open(ctx, w.req, w.version, w.archived(name))
	if old.Status == http.StatusNotFound {
		old.Discard()
		return false, nil
	}
	if fault := verdict(old); fault != nil {
		return false, fault
	}
	put := w.move.Store(ctx, w.req, w.version, w.path, old)
	if fault := verdict(put); fault != nil {
		return false, fault
	}
	put.Discard()
	return true, nil
}

func (w *write) deleteArchived(ctx context.Context, name string) *web.Response {
	return w.filter.next.Serve(ctx, w.move.Request(w.req, http.MethodDelete, w.version, w.archived(name)))
}
