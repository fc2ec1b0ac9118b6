package object

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"apus/impl/diskfile"
	"apus/impl/swift"
	"apus/impl/web"
)

// post replaces the object's own metadata, and its content type if the request
// has one. The body and the system metadata of the PUT stay.
func (c *call) post(_ context.Context) *web.Response {
	if err := c.checkDeleteAt(); err != nil {
		return web.Plain(http.StatusBadRequest, "%v", err)
	}
	if err := c.checkMetadata(); err != nil {
		return web.Plain(http.StatusBadRequest, "%v", err)
	}
	typeTime, err := c.contentTypeTime()
	if err != nil {
		return web.Plain(http.StatusBadRequest, "%v", err)
	}
	f, err := c.obj.Open(c.openOptions())
	var missing *diskfile.Missing
	switch {
	case errors.As(err, &missing):
		return web.NewResponse(http.StatusNotFound)
	case err != nil:
		return c.failure(err)
	}
	f.Close()
	if !f.Timestamp().Before(c.time) && !f.ContentTypeTimestamp().Before(typeTime) {
		return conflict(f.Timestamp())
	}
	md, ts := c.metadata(), c.time
	md[diskfile.KeyTimestamp] = c.time.Internal()
	queue := c.queueUpdates(f.DataMetadata, f.Metadata.DeleteAt(), md.DeleteAt())
	if !f.Timestamp().Before(c.time) { // only the content type is newer
		if f.MetaMetadata == nil {
			return conflict(f.Timestamp())
		}
		md, ts, queue = f.MetaMetadata.Clone(), f.MetaMetadata.Timestamp(), nil
	}
	contentType := c.chooseContentType(f, md, typeTime)
	if err := c.obj.WriteMetadata(ts, md); err != nil {
		return c.commitFailure(err)
	}
	shown := listedType(f, contentType)
	if resp := c.tell(queue, http.MethodPut, c.postRow(f, md, contentType.time, shown)); resp != nil {
		return resp
	}
	resp := web.NewResponse(http.StatusAccepted)
	resp.Header.Set("X-Backend-Content-Type", shown)
	for k, v := range f.Metadata {
		if sysMeta(strings.ToLower(k)) {
			resp.Header.Set(k, v)
		}
	}
	return resp
}

// contentTypeTime is when the content type of the request was set; zero
// without one.
func (c *call) contentTypeTime() (swift.Timestamp, error) {
	if c.Header.Get("Content-Type") == "" {
		return swift.Timestamp{}, nil
	}
	if v := c.Header.Get("Content-Type-Timestamp"); v != "" {
		return swift.ParseTimestamp(v)
	}
	return c.time, nil
}

// typed is a content type and when it was set.
type typed struct {
	value string
	time  swift.Timestamp
}

// chooseContentType decides between the request's and the object's, and stores
// the result in md unless it is that of the .data file anyway.
func (c *call) chooseContentType(f *diskfile.File, md diskfile.Metadata, requested swift.Timestamp) typed {
	ct := typed{f.Metadata[diskfile.KeyContentType], f.ContentTypeTimestamp()}
	if requested.After(ct.time) {
		ct = typed{c.Header.Get("Content-Type"), requested}
	} else if ct.time == f.DataTimestamp {
		return ct
	}
	md[diskfile.KeyContentType], md[diskfile.KeyContentTime] = ct.value, ct.time.Internal()
	return ct
}

// listedType is the content type as the listing keeps it. The size of a large
// object stands in a parameter of the content type of the PUT and must not get
// lost with it.
func listedType(f *diskfile.File, ct typed) string {
	if ct.time != f.DataTimestamp {
		if _, bytes := swift.SplitSwiftBytes(f.DataMetadata[diskfile.KeyContentType]); bytes != "" {
			return ct.value + ";swift_bytes=" + bytes
		}
	}
	return ct.value
}

// postRow is the listing row after a POST. It repeats what the PUT said, for
// that may not have got there.
func (c *call) postRow(f *diskfile.File, md diskfile.Metadata, typeTime swift.Timestamp, contentType string) map[string]string {
	row := map[string]string{
		"X-Size": f.Metadata[diskfile.KeyContentLength], "X-Content-Type": contentType,
		"X-Timestamp": f.DataTimestamp.Internal(), "X-Content-Type-Timestamp": typeTime.Internal(),
		"X-Meta-Timestamp": md[diskfile.KeyTimestamp], "X-Etag": f.Metadata[diskfile.KeyETag],
	}
	// Of a fragment: what the whole object has.
	for field, key := range map[string]string{"X-Etag": "X-Object-Sysmeta-Ec-Etag", "X-Size": "X-Object-Sysmeta-Ec-Content-Length"} {
		if v, ok := f.Metadata[key]; ok {
			row[field] = v
		}
	}
	override(row, f.Metadata, nil)
	return row
}

// override applies what the proxy wants in the listing instead of the
// object's own values. The sysmeta form wins, and of one form the footers do.
func override(row, from, footers map[string]string) {
	for _, prefix := range []string{"x-backend-container-update-override-", "x-object-sysmeta-container-update-override-"} {
		for _, source := range []map[string]string{from, footers} {
			for k, v := range source { // names differ in more than case, so order does not matter
				if len(k) > len(prefix) && strings.EqualFold(k[:len(prefix)], prefix) {
					row[diskfile.Title("x-"+k[len(prefix):])] = v
				}
			}
		}
	}
}

// delete puts a tombstone over the object, also where nothing is.
func (c *call) delete(ctx context.Context) *web.Response {
	old, resp := c.look()
	if resp != nil {
		return resp
	}
	status := http.StatusNoContent
	var md diskfile.Metadata
	switch {
	case old.file != nil:
		md = old.file.Metadata
		if !old.time.Before(c.time) {
			status = http.StatusConflict
		}
	default:
		md = old.gone.Metadata // of an expired object
		status = http.StatusNotFound
	}
	if v, ok := c.Header["X-If-Delete-At"]; ok {
		if resp := c.ifDeleteAt(strings.Join(v, ","), old, md); resp != nil {
			return resp
		}
		status = http.StatusNoContent
	}
	if old.time.Before(c.time) {
		if err := c.obj.Delete(c.time); swift.Is(err, swift.Conflict) {
			// Something newer came in between: answer as if it had been there
			// from the start. It stays newer, so this happens once.
			return c.delete(ctx)
		} else if err != nil {
			return c.commitFailure(err)
		}
		row := map[string]string{"X-Timestamp": c.time.Internal()}
		if resp := c.tell(c.queueUpdates(nil, md.DeleteAt(), 0), http.MethodDelete, row); resp != nil {
			return resp
		}
	}
	latest := c.time
	if old.time.After(latest) {
		latest = old.time
	}
	resp = web.NewResponse(status)
	resp.Header.Set("X-Backend-Timestamp", latest.Internal())
	resp.Header.Set("X-Backend-Content-Type", md[diskfile.KeyContentType])
	return resp
}

// ifDeleteAt refuses an expirer's DELETE of an object that expires at another
// time by now.
func (c *call) ifDeleteAt(v string, old found, md diskfile.Metadata) *web.Response {
	want, err := swift.ParseTimestamp(v)
	switch {
	case err != nil:
		return web.HTML(http.StatusBadRequest, "Bad X-If-Delete-At header value")
	case old.time.IsZero():
		return web.NewResponse(http.StatusNotFound)
	case !old.time.Before(c.time):
		return web.NewResponse(http.StatusConflict)
	case swift.NewTimestamp(md.DeleteAt()*swift.TicksPerSecond, 0) != want:
		return web.HTML(http.StatusPreconditionFailed, "X-If-Delete-At and X-Delete-At do not match")
	}
	return nil
}
