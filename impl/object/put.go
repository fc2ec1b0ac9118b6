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
	"time"
	"unicode/utf8"

	"apus/impl/diskfile"
	"apus/impl/event"
	"apus/impl/expiry"
	"apus/impl/host"
	"apus/impl/swift"
	"apus/impl/web"
)

// ingestBuffer is the size of the pieces in which a body is written.
const ingestBuffer = 256 << 10

var buffers = sync.Pool{New: func() any { b := make([]byte, ingestBuffer); return &b }}

// put stores an object.
func (c *call) put(_ context.Context) *web.Response {
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
	size, err := c.announced()
	if err != nil {
		return web.Plain(http.StatusBadRequest, "%v", err)
	}
	w, err := c.obj.Create(size)
	if err != nil {
		return c.failure(err)
	}
	defer w.Abort()
	md, footers, resp := c.store(w, size)
	if resp != nil {
		return resp
	}
	return c.stored(old, md, footers)
}

// store writes the body and commits it.
func (c *call) store(w *diskfile.Writer, size int64) (md, footers diskfile.Metadata, resp *web.Response) {
	up, err := c.openUpload()
	if err != nil {
		return nil, nil, c.failure(err)
	}
	if resp := c.receive(w, up.object, size); resp != nil {
		return nil, nil, resp
	}
	if footers, err = up.footers(); err != nil {
		return nil, nil, c.failure(err)
	}
	md = c.metadata()
	for _, k := range sortedKeys(footers) {
		if lower := strings.ToLower(k); userMeta(lower) || sysMeta(lower) || transientMeta(lower) {
			md[k] = footers[k]
		}
	}
	md[diskfile.KeyTimestamp] = c.time.Internal()
	md[diskfile.KeyContentType] = c.Header.Get("Content-Type")
	md[diskfile.KeyContentLength] = strconv.FormatInt(w.Size(), 10)
	md[diskfile.KeyETag] = w.ETag()
	want := footers["Etag"]
	if want == "" {
		want = c.Header.Get("Etag")
	}
	if want = web.Unquote(strings.TrimSpace(want)); want != "" && !strings.EqualFold(want, w.ETag()) {
		return nil, nil, web.NewResponse(http.StatusUnprocessableEntity)
	}
	if err := up.finish(); err != nil {
		return nil, nil, c.failure(err)
	}
	if err := w.Commit(c.time, md); err != nil {
		return nil, nil, c.commitFailure(err)
	}
	return md, footers, nil
}

// stored tells the expirer's queue and the containers what has been stored.
func (c *call) stored(old found, md, footers diskfile.Metadata) *web.Response {
	var before int64
	if old.file != nil {
		before = old.file.Metadata.DeleteAt()
	}
	row := map[string]string{
		"X-Size": md[diskfile.KeyContentLength], "X-Content-Type": md[diskfile.KeyContentType],
		"X-Timestamp": c.time.Internal(), "X-Etag": md[diskfile.KeyETag],
	}
	override(row, c.values(), footers)
	if resp := c.tell(c.queueUpdates(md, before, md.DeleteAt()), http.MethodPut, row); resp != nil {
		return resp
	}
	resp := web.NewResponse(http.StatusCreated)
	resp.Header.Set("Etag", `"`+md[diskfile.KeyETag]+`"`)
	return resp
}

// announced is the length of the object that the proxy promises, -1 if none.
func (c *call) announced() (int64, error) {
	v := c.Header.Get("X-Backend-Obj-Content-Length")
	if c.ContentLength >= 0 || v == "" {
		return c.ContentLength, nil
	}
	n, err := strconv.ParseInt(strings.TrimSpace(v), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("X-Backend-Obj-Content-Length should be a number; was %q", v)
	}
	return n, nil
}

// barred reports whether If-None-Match forbids the write.
func (c *call) barred(old found) bool {
	inm := c.Header.Get("If-None-Match")
	return inm != "" && old.file != nil && web.MatchesAny(inm, []string{old.file.Metadata[diskfile.KeyETag]})
}

// receive writes the body, which must have size bytes unless that is -1. A
// response says what was wrong with it.
func (c *call) receive(w *diskfile.Writer, body io.Reader, size int64) *web.Response {
	buf := buffers.Get().(*[]byte)
	defer buffers.Put(buf)
	watch := host.StartStopwatch()
	var writing time.Duration
	limit := c.s.swift.Limits.MaxFileSize
	for {
		n, err := fill(body, *buf)
		if n > 0 {
			begun := watch.Elapsed()
			if _, werr := w.Write((*buf)[:n]); werr != nil {
				return c.failure(werr)
			}
			writing += watch.Elapsed() - begun
		}
		switch {
		case w.Size() > limit:
			return web.Plain(http.StatusRequestEntityTooLarge, "Your request is too large.")
		case watch.Elapsed() > c.s.cfg.maxUpload:
			c.s.events.Tick("", "PUT.timeouts")
			return web.NewResponse(http.StatusRequestTimeout)
		case err == io.EOF:
			if size >= 0 && w.Size() != size {
				return web.NewResponse(499)
			}
			c.countTransfer(writing, w.Size())
			return nil
		case swift.Is(err, swift.Timeout):
			return web.NewResponse(http.StatusRequestTimeout)
		case err != nil:
			return web.NewResponse(499)
		}
	}
}

// countTransfer tells how fast the device takes data.
func (c *call) countTransfer(writing time.Duration, size int64) {
	if size > 0 {
		perKilobyte := time.Duration(float64(writing) / float64(size) * 1000)
		c.s.events.EmitTiming(event.Timing{Name: "PUT." + c.dev.Name + ".timing", Duration: perKilobyte})
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
	for k, v := range c.values() {
		lower := strings.ToLower(k)
		if c.s.shown(lower) && !(c.Method == http.MethodPost && sysMeta(lower)) || extra[lower] {
			md[diskfile.Title(k)] = v
		}
	}
	return md
}

// values are the request's headers, folded once. Nothing changes them after
// checkDeleteAt.
func (c *call) values() map[string]string {
	if c.folded == nil {
		c.folded = headerValues(c.Header)
	}
	return c.folded
}

// headerValues folds repeated headers.
func headerValues(h http.Header) map[string]string {
	out := make(map[string]string, len(h))
	for k, vs := range h {
		out[k] = strings.Join(vs, ",") // of one it is that one
	}
	return out
}

// checkCreation refuses malformed PUTs.
func (c *call) checkCreation() *web.Response {
	limits := c.s.swift.Limits
	switch {
	case c.unmeasured():
		return web.Plain(http.StatusLengthRequired, "Missing Content-Length header.")
	case c.ContentLength > limits.MaxFileSize:
		return web.Plain(http.StatusRequestEntityTooLarge, "Your request is too large.")
	case utf8.RuneCountInString(c.obj.Path.Object) > limits.MaxObjectNameLength:
		return web.Plain(http.StatusBadRequest, "Object name length of %d longer than %d",
			utf8.RuneCountInString(c.obj.Path.Object), limits.MaxObjectNameLength)
	case c.Header.Get("Content-Type") == "" || !utf8.ValidString(c.Header.Get("Content-Type")):
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

// unmeasured reports a request over a connection that says neither how long
// its body is nor that it comes in chunks. To net/http it has none.
func (c *call) unmeasured() bool {
	return c.ContentLength == 0 && c.Header.Get("Content-Length") == "" && c.Body == web.Reader(http.NoBody)
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
		c.Header.Set("X-Delete-At", expiry.Text(now+n))
		c.Header.Del("X-Delete-After")
	}
	at := c.Header.Get("X-Delete-At")
	if at == "" {
		return nil
	}
	n, err := strconv.ParseInt(strings.TrimSpace(at), 10, 64)
	if err != nil {
		return errors.New("Non-integer X-Delete-At")
	}
	n = min(max(n, -expiry.MaxDeleteAt), expiry.MaxDeleteAt) * swift.TicksPerSecond
	past := n <= c.time.Ticks() && !c.truth("X-Backend-Replication")
	if c.Method == http.MethodPost { // zero takes an object out of the queue
		past = n != 0 && n < c.time.Ticks()
	}
	if past {
		return errors.New("X-Delete-At in past")
	}
	return nil
}

// checkMetadata holds the user's metadata to the limits.
func (c *call) checkMetadata() error {
	const prefix = "x-object-meta-"
	limits := c.s.swift.Limits
	values := c.values()
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
