package copy

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"

	"apus/impl/config"
	"apus/impl/middleware/heartbeat"
	"apus/impl/swift"
	"apus/impl/web"
)

// task is one copy.
type task struct {
	*filter
	client   *web.Request
	version  string // of the API
	from, to swift.Path
}

// copy answers a request for a copy.
func (f *filter) copy(ctx context.Context, t *task) *web.Response {
	src := t.open(ctx)
	switch {
	case src.Status >= http.StatusMultipleChoices:
		return src
	case src.ContentLength < 0, src.ContentLength > f.maxSize:
		// A length is unknown only when there are very many segments.
		src.Abandon()
		return web.NewResponse(http.StatusRequestEntityTooLarge)
	}
	put := t.put(src)
	about := t.about(src, put.Header)
	if config.Truth(t.client.Query().Get("heartbeat")) {
		return t.heartbeat(ctx, src, put, about)
	}
	resp := f.write(ctx, src, put)
	if resp.OK() {
		for name, v := range about {
			resp.Header[name] = v
		}
	}
	return resp
}

// write sends the PUT and finishes the source.
func (f *filter) write(ctx context.Context, src *web.Response, put *web.Request) *web.Response {
	body := &sourceBody{body: src.Body, name: put.Path, left: src.ContentLength}
	put.Body = body
	defer func() {
		if body.left == 0 {
			src.Discard() // reads its end, so that the connection is kept
		} else {
			src.Abandon()
		}
	}()
	return f.next.Serve(ctx, put)
}

// open requests the source.
func (t *task) open(ctx context.Context) *web.Response {
	get := t.client.Sub(http.MethodGet, "", source)
	get.SetSwift(t.version, t.from)
	get.Header = t.header()
	get.Header.Del("X-Backend-Storage-Policy-Index") // of the destination
	get.Header.Del("Content-Type")
	get.Header.Set("X-Newest", "true")
	get.RawQuery = t.client.RawQuery
	if query := t.query(); query.Get("multipart-manifest") == "get" {
		query.Set("format", "raw") // a form in which it may be PUT again
		get.SetQuery(query)
	}
	return t.next.Serve(ctx, get)
}

// header is the client's without what makes it a copy.
func (t *task) header() http.Header {
	h := t.client.Header.Clone()
	for _, name := range [...]string{
		"X-Copy-From", "X-Copy-From-Account", "Destination", "Destination-Account",
		"Content-Length", "Transfer-Encoding", "Expect",
	} {
		h.Del(name)
	}
	return h
}

// query is the client's, to be changed.
func (t *task) query() url.Values {
	q := url.Values{}
	for name, values := range t.client.Query() {
		q[name] = append([]string(nil), values...)
	}
	return q
}

// put is the request that writes what src is, still without its body.
func (t *task) put(src *web.Response) *web.Request {
	p := *t.client
	p.Method, p.Phases, p.ContentLength = http.MethodPut, nil, src.ContentLength
	p.SetSwift(t.version, t.to)
	p.Header = merge(src.Header, t.header(), config.Truth(t.client.Header.Get("X-Fresh-Metadata")))
	p.Header.Set("Content-Length", strconv.FormatInt(src.ContentLength, 10))
	query := t.query()
	_, static := src.Header["X-Static-Large-Object"]
	_, dynamic := src.Header["X-Object-Manifest"]
	asStored := query.Get("multipart-manifest") == "get"
	if asStored && static {
		query.Set("multipart-manifest", "put")
	}
	if asStored && dynamic {
		query.Del("multipart-manifest")
		p.Header["X-Object-Manifest"] = src.Header["X-Object-Manifest"]
	}
	query.Del("version-id")
	p.SetQuery(query)
	if src.Status == http.StatusOK && !static && (!dynamic || asStored) {
		// What is written is checked to be what the source is.
		p.Header.Set("Etag", web.Unquote(src.Header.Get("Etag")))
	} else {
		dropOverrides(p.Header)
	}
	if static && !asStored {
		dropManifest(p.Header)
	}
	return &p
}

// about is what the answer tells of a copy: its source, and the metadata that
// it was written with.
func (t *task) about(src *web.Response, written http.Header) http.Header {
	h := http.Header{}
	for name, v := range written {
		if isMeta(name) || name == "X-Delete-At" {
			h[name] = v
		}
	}
	h.Set("X-Copied-From-Account", heartbeat.Quote(t.from.Account))
	h.Set("X-Copied-From", heartbeat.Quote(t.from.Container+"/"+t.from.Object))
	if v := src.Header.Get("Last-Modified"); v != "" {
		h.Set("X-Copied-From-Last-Modified", v)
	}
	if v := src.Header.Get("X-Object-Version-Id"); v != "" {
		h.Set("X-Copied-From-Version-Id", v)
	}
	return h
}

// sourceBody is the body of the source as that of a PUT. Where it ends early
// the copy must not look complete, nor as if the client had gone.
type sourceBody struct {
	body io.Reader
	name string // of the copy
	left int64
}

var errShort = errors.New("the source of the copy ended early")

func (b *sourceBody) Read(p []byte) (int, error) {
	if b.left == 0 {
		return 0, io.EOF
	}
	n, err := b.body.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	switch {
	case err == nil, err == io.EOF && b.left == 0:
		return n, nil
	case err == io.EOF:
		err = errShort
	}
	return n, swift.E("copy.Read", b.name, swift.Unavailable, err)
}
