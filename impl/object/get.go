package object

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"apus/impl/config"
	"apus/impl/diskfile"
	"apus/impl/swift"
	"apus/impl/web"
)

// get answers GET and HEAD.
func (c *call) get(_ context.Context) *web.Response {
	f, err := c.obj.Open(c.openOptions())
	if err != nil {
		return c.absent(err)
	}
	resp := &web.Response{Status: http.StatusOK, Header: http.Header{}, Body: http.NoBody, ContentLength: f.Size}
	c.describe(resp.Header, f)
	c.ignoreRange(f.Metadata)
	if c.Method == http.MethodHead {
		f.Close()
		return web.Conditional(c.Request, resp, web.ConditionalOptions{})
	}
	body, err := f.Body(diskfile.BodyOptions{Whole: c.Header.Get("Range") == "", KeepCache: c.keepCache(f.Metadata)})
	if err != nil {
		return c.absent(err)
	}
	resp.Body = web.Track("object "+c.Path, body)
	return web.Conditional(c.Request, resp, web.ConditionalOptions{})
}

// absent answers for an object that could not be opened.
func (c *call) absent(err error) *web.Response {
	var m *diskfile.Missing
	if !errors.As(err, &m) {
		return c.failure(err)
	}
	resp := web.NewResponse(http.StatusNotFound)
	if !m.Timestamp.IsZero() {
		resp.Header.Set("X-Backend-Timestamp", m.Timestamp.Internal())
	}
	return web.Conditional(c.Request, resp, web.ConditionalOptions{})
}

// describe sets the headers that tell about the object.
func (c *call) describe(h http.Header, f *diskfile.File) {
	contentType := f.Metadata[diskfile.KeyContentType]
	if contentType == "" {
		contentType = "application/octet-stream"
	}
	h["Content-Type"] = []string{contentType}
	for k, v := range f.Metadata {
		if c.s.shown(k) {
			h.Set(k, v)
		}
	}
	ts := f.Timestamp()
	internal := f.DataTimestamp.Internal()
	newest := internal
	if ts != f.DataTimestamp {
		newest = ts.Internal()
	}
	for _, set := range [...]struct{ name, value string }{
		{"Etag", `"` + f.Metadata[diskfile.KeyETag] + `"`},
		{"Last-Modified", web.FormatDate(time.Unix(ts.CeilSeconds(), 0))},
		{"X-Timestamp", ts.Normal()},
		{"X-Backend-Timestamp", newest},
		{"X-Backend-Data-Timestamp", internal},
		{"X-Backend-Durable-Timestamp", internal},
	} {
		h[set.name] = []string{set.value}
	}
}

// shown reports metadata that is shown as a header: the user's, the
// system's, and what is allowed by configuration.
func (s *Server) shown(key string) bool {
	switch key { // what every object has costs no copy
	case diskfile.KeyETag, diskfile.KeyContentLength:
		return false // see readSettings
	case diskfile.KeyName:
	case diskfile.KeyTimestamp:
		key = "x-timestamp"
	case diskfile.KeyContentType:
		key = "content-type"
	default:
		key = strings.ToLower(key)
	}
	return userMeta(key) || sysMeta(key) || transientMeta(key) || s.cfg.allowed[key]
}

// The arguments are in lower case. A name that ends at its prefix is none.
func userMeta(key string) bool      { return hasName(key, "x-object-meta-") }
func sysMeta(key string) bool       { return hasName(key, "x-object-sysmeta-") }
func transientMeta(key string) bool { return hasName(key, "x-object-transient-sysmeta-") }

func hasName(key, prefix string) bool {
	return len(key) > len(prefix) && strings.HasPrefix(key, prefix)
}

// ignoreRange drops the Range header when the object has one of the metadata
// that the proxy names: it must then see the whole, such as a manifest.
func (c *call) ignoreRange(md diskfile.Metadata) {
	for name := range strings.SplitSeq(c.Header.Get("X-Backend-Ignore-Range-If-Metadata-Present"), ",") {
		if _, ok := md[diskfile.Title(strings.TrimSpace(name))]; ok {
			c.Header.Del("Range")
		}
	}
}

func (c *call) keepCache(md diskfile.Metadata) bool {
	private := c.Header.Get("X-Auth-Token") != "" || c.Header.Get("X-Storage-Token") != ""
	return c.s.cfg.keepCachePrivate || !private ||
		c.s.cfg.keepCacheSLO && config.Truth(md["X-Static-Large-Object"])
}

// found is what a write needs to know of the object that is there.
type found struct {
	file *diskfile.File // nil without a live object; closed already
	time swift.Timestamp
	gone *diskfile.Missing // why file is nil
}

// look reads the state of the object before a write. A response says that it
// cannot be known.
func (c *call) look() (found, *web.Response) {
	f, err := c.obj.Open(diskfile.OpenOptions{Now: c.time})
	var m *diskfile.Missing
	switch {
	case err == nil:
		f.Close()
		return found{file: f, time: f.DataTimestamp}, nil
	case errors.As(err, &m):
		return found{gone: m, time: m.Timestamp}, nil
	}
	return found{}, c.failure(err)
}
