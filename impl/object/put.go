package object

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"apus/impl/diskfile"
	"apus/impl/host"
	"apus/impl/swift"
	"apus/impl/web"
)

// ingestBuffer is the size of the pieces in which a body is written.
const ingestBuffer = 256 << 10

var buffers = sync.Pool{New: func() any { b := make([]byte, ingestBuffer); return &b }}

// put stores an object.
func (c *call) put(ctx context.Context) *web.Response {
	if resp := c.checkCreation(); resp != nil {
		return resp
	}
	old, resp := c.look()
	switch {
	case resp != nil && resp.Status != http.StatusServiceUnavailable:
		return resp
	case resp != nil: // files kept being replaced; Commit decides
		resp.Discard()
	case c.barred(old):
		return web.NewResponse(http.StatusPreconditionFailed)
	case !old.time.Before(c.time):
		return conflict(old.time)
	}
	size := c.ContentLength
	if size < 0 {
		size, _ = strconv.ParseInt(c.Header.Get("X-Backend-Obj-Content-Length"), 10, 64)
	}
	w, err := c.obj.Create(size)
	if err != nil {
		return c.failure(err)
	}
	defer w.Abort()
	if resp := c.receive(w); resp != nil {
		return resp
	}
	if want := web.Unquote(strings.TrimSpace(c.Header.Get("Etag"))); want != "" && !strings.EqualFold(want, w.ETag()) {
		return web.NewResponse(http.StatusUnprocessableEntity)
	}
	md := c.metadata()
	md[diskfile.KeyTimestamp] = c.time.Internal()
	md[diskfile.KeyContentType] = c.Header.Get("Content-Type")
	md[diskfile.KeyContentLength] = strconv.FormatInt(w.Size(), 10)
	md[diskfile.KeyETag] = w.ETag()
	if err := w.Commit(c.time, md); err != nil {
		return c.commitFailure(err)
	}
	row := map[string]string{
		"X-Size": md[diskfile.KeyContentLength], "X-Content-Type": md[diskfile.KeyContentType],
		"X-Timestamp": c.time.Internal(), "X-Etag": md[diskfile.KeyETag],
	}
	override(row, headerValues(c.Header))
	if resp := c.updateContainers(ctx, http.MethodPut, row); resp != nil {
		return resp
	}
	resp = web.NewResponse(http.StatusCreated)
	resp.Header.Set("Etag", md[diskfile.KeyETag])
	return resp
}

// barred reports whether If-None-Match forbids the write.
func (c *call) barred(old found) bool {
	inm := c.Header.Get("If-None-Match")
	return inm != "" && old.file != nil && web.MatchesAny(inm, []string{old.file.Metadata[diskfile.KeyETag]})
}

// receive writes the request's body. A response says what was wrong with it.
func (c *call) receive(w *diskfile.Writer) *web.Response {
	buf := buffers.Get().(*[]byte)
	defer buffers.Put(buf)
	watch := host.StartStopwatch()
	limit := c.s.swift.Limits.MaxFileSize
	for {
		n, err := fill(c.Body, *buf)
		if n > 0 {
			if _, werr := w.Write((*buf)[:n]); werr != nil {
				return c.failure(werr)
			}
		}
		switch {
		case w.Size() > limit:
			return web.Plain(http.StatusRequestEntityTooLarge, "Your request is too large.")
		case watch.Elapsed() > c.s.cfg.maxUpload:
			return web.NewResponse(http.StatusRequestTimeout)
		case err == io.EOF:
			if c.ContentLength >= 0 && w.Size() != c.ContentLength {
				return web.NewResponse(499)
			}
			return nil
		case swift.Is(err, swift.Timeout):
			return web.NewResponse(http.StatusRequestTimeout)
		case err != nil:
			return web.NewResponse(499)
		}
	}
}

// fill reads until p is full or the body ends, so that a body which comes in
// small pieces is not written in small pieces.
func fill(r io.Reader, p []byte) (n int, err error) {
	for n < len(p) && err == nil {
		var m int
		m, err = r.Read(p[n:])
		n += m
	}
	return n, err
}

// metadata is the headers of the request that are stored.
func (c *call) metadata() diskfile.Metadata {
	md := diskfile.Metadata{}
	extra := map[string]bool{}
	for _, h := range strings.Fields(c.Header.Get("X-Backend-Replication-Headers")) {
		extra[strings.ToLower(h)] = true
	}
	for k, v := range headerValues(c.Header) {
		lower := strings.ToLower(k)
		if c.s.stored(lower) && !(c.Method == http.MethodPost && sysMeta(lower)) || extra[lower] {
			md[diskfile.Title(k)] = v
		}
	}
	return md
}

// headerValues folds repeated headers.
func headerValues(h http.Header) map[string]string {
	out := make(map[string]string, len(h))
	for k, vs := range h {
		out[k] = strings.Join(vs, ",")
	}
	return out
}

// checkCreation refuses malformed PUTs.
func (c *call) checkCreation() *web.Response {
	limits := c.s.swift.Limits
	switch {
	case c.ContentLength > limits.MaxFileSize:
		return web.Plain(http.StatusRequestEntityTooLarge, "Your request is too large.")
	case len(c.obj.Path.Object) > limits.MaxObjectNameLength:
		return web.Plain(http.StatusBadRequest, "Object name length of %d longer than %d",
			len(c.obj.Path.Object), limits.MaxObjectNameLength)
	case c.Header.Get("Content-Type") == "":
		return web.Plain(http.StatusBadRequest, "No content type")
	case !utf8.ValidString(c.Header.Get("Content-Type")):
		return web.Plain(http.StatusBadRequest, "Invalid Content-Type")
	}
	if err := c.checkDeleteAt(); err != nil {
		return web.Plain(http.StatusBadRequest, "%v", err)
	}
	if err := c.checkMetadata(); err != nil {
		return web.Plain(http.StatusBadRequest, "%v", err)
	}
	return nil
}

// checkDeleteAt also turns X-Delete-After into X-Delete-At.
func (c *call) checkDeleteAt() error {
	now := c.time.Ticks() / swift.TicksPerSecond
	if after := c.Header.Get("X-Delete-After"); after != "" && c.Method == http.MethodPut {
		n, err := strconv.ParseInt(strings.TrimSpace(after), 10, 64)
		if err != nil {
			return errors.New("Non-integer X-Delete-After")
		}
		if n <= 0 {
			return errors.New("X-Delete-After in past")
		}
		c.Header.Set("X-Delete-At", strconv.FormatInt(now+n, 10))
	}
	at := c.Header.Get("X-Delete-At")
	if at == "" {
		return nil
	}
	n, err := strconv.ParseInt(strings.TrimSpace(at), 10, 64)
	if err != nil {
		return errors.New("Non-integer X-Delete-At")
	}
	if n*swift.TicksPerSecond < c.time.Ticks() && !c.truth("X-Backend-Replication") && n != 0 {
		return errors.New("X-Delete-At in past")
	}
	return nil
}

// checkMetadata holds the user's metadata to the limits.
func (c *call) checkMetadata() error {
	const prefix = "x-object-meta-"
	limits := c.s.swift.Limits
	values := headerValues(c.Header)
	count, size := 0, 0
	for _, k := range sortedKeys(values) {
		v := values[k]
		if len(v) > limits.MaxHeaderSize {
			return fmt.Errorf("Header value too long: %s", k[:min(len(k), limits.MaxMetaNameLength)])
		}
		name, ok := strings.CutPrefix(strings.ToLower(k), prefix)
		if !ok {
			continue
		}
		count++
		size += len(name) + len(v)
		switch {
		case name == "":
			return errors.New("Metadata name cannot be empty")
		case len(name) > limits.MaxMetaNameLength:
			return fmt.Errorf("Metadata name too long: %s%s", prefix, name)
		case len(v) > limits.MaxMetaValueLength:
			return fmt.Errorf("Metadata value longer than %d: %s%s", limits.MaxMetaValueLength, prefix, name)
		case count > limits.MaxMetaCount:
			return fmt.Errorf("Too many metadata items; max %d", limits.MaxMetaCount)
		case size > limits.MaxMetaOverallSize:
			return fmt.Errorf("Total metadata too large; max %d", limits.MaxMetaOverallSize)
		}
	}
	return nil
}
