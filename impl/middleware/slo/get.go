package slo

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"strconv"

	"apus/impl/config"
	"apus/impl/middleware/segments"
	"apus/impl/swift"
	"apus/impl/web"
)

// get answers GET and HEAD of an object that may be large.
func (f *filter) get(ctx context.Context, client *web.Request) *web.Response {
	query := client.Query()
	req := *client
	req.Header = client.Header.Clone()
	if query.Get("multipart-manifest") == "get" {
		return f.getManifest(ctx, &req, query.Get("format") == "raw")
	}
	// The object server judges conditions by the ETag of the whole, if it was
	// stored, and always sends the whole manifest.
	web.AddEtagIsAt(&req, etagHeader)
	wholeManifests(req.Header)
	resp := f.next.Serve(ctx, &req)
	if !isLarge(resp) {
		return resp
	}
	part, refusal := partNumber(&req)
	if refusal != nil {
		resp.Abandon()
		return refusal
	}
	return f.large(ctx, &req, resp, part)
}

// wholeManifests makes the object server send a manifest whole, and of any
// other object what Range asks for.
func wholeManifests(h http.Header) {
	ignore := h.Get(ignoreRangesIf)
	if ignore != "" {
		ignore += ","
	}
	h.Set(ignoreRangesIf, ignore+markerHeader)
}

func isLarge(resp *web.Response) bool { return config.Truth(resp.Header.Get(markerHeader)) }

// large turns the manifest's response into the large object's.
func (f *filter) large(ctx context.Context, req *web.Request, resp *web.Response, part int) *web.Response {
	known, size := storedSize(resp)
	// What only the segments can tell needs the manifest's body.
	failed := resp.Status/100 == 3 || resp.Status == http.StatusPreconditionFailed
	needed := !known || req.Method == http.MethodGet && !failed || req.Method == http.MethodHead && part > 0
	if !needed {
		return withoutBody(req, resp, size)
	}
	if req.Method == http.MethodHead || resp.Status != http.StatusOK {
		var done bool
		if resp, done = f.refetch(ctx, req, resp); done {
			return resp
		}
	}
	text, err := resp.ReadAll(maxStoredManifest)
	if err != nil {
		return web.FromError(swift.E("slo.get", req.Path, swift.Unavailable, err))
	}
	list, err := decodeManifest(text)
	if err != nil {
		req.Meta.Log.Error("cannot read a manifest", "path", req.Path, "err", err)
		return web.NewResponse(http.StatusInternalServerError)
	}
	return f.respond(ctx, req, resp, list, part)
}

// storedSize is the size of a large object that the manifest's headers
// tell; those of old manifests do not.
func storedSize(resp *web.Response) (known bool, size int64) {
	size, err := strconv.ParseInt(resp.Header.Get(sizeHeader), 10, 64)
	return err == nil && size >= 0 && resp.Header.Get(etagHeader) != "", size
}

// withoutBody finishes HEAD, 304 and 412 from the headers alone.
func withoutBody(req *web.Request, resp *web.Response, size int64) *web.Response {
	resp.Abandon()
	resp.Body = http.NoBody
	dress(resp, size, resp.Header.Get(etagHeader))
	if !resp.OK() {
		resp.SetLength(0)
		return resp
	}
	return web.Conditional(req, resp, web.ConditionalOptions{})
}

// dress gives a manifest's response the headers of the large object.
func dress(resp *web.Response, size int64, etag string) {
	h := resp.Header
	h.Set(manifestEtag, web.Unquote(h.Get("Etag")))
	h.Set("Etag", `"`+etag+`"`)
	h.Del("Content-Range")
	resp.SetLength(size)
}

// refetch gets the whole manifest where the first answer was not it. done
// means that the result is for the client as it is.
func (f *filter) refetch(ctx context.Context, req *web.Request, first *web.Response) (resp *web.Response, done bool) {
	first.Abandon()
	again := sub(req, http.MethodGet, req.Path, "MultipartGET")
	again.RawQuery = req.RawQuery
	resp = f.next.Serve(ctx, again)
	if isLarge(resp) && resp.Status == http.StatusOK {
		return resp, false
	}
	if isLarge(resp) || timestamp(resp).Before(timestamp(first)) {
		// Older than what was just seen, or an error.
		resp.Discard()
		return web.NewResponse(http.StatusServiceUnavailable), true
	}
	if req.Method == http.MethodHead {
		resp.Abandon()
		resp.Body = http.NoBody
	}
	if resp.Status == http.StatusOK {
		resp = web.Conditional(req, resp, web.ConditionalOptions{})
	}
	return resp, true
}

func timestamp(resp *web.Response) swift.Timestamp {
	t, _ := swift.ParseTimestamp(resp.Header.Get("X-Backend-Timestamp")) // zero if absent
	return t
}

// respond makes the large object's response, of whose own headers resp has
// the rest.
func (f *filter) respond(ctx context.Context, req *web.Request, resp *web.Response, list []segment, part int) *web.Response {
	size, etag := measure(list)
	dress(resp, size, etag)
	resp.Status, resp.Body = http.StatusOK, http.NoBody
	if part > 0 {
		resp.Header.Set("X-Parts-Count", strconv.Itoa(len(list)))
		if part > len(list) || list[part-1].length() == 0 {
			return noSuchPart(req, resp, size)
		}
		r := partRange(list, part)
		if req.Method == http.MethodHead {
			return partHead(req, resp, http.StatusPartialContent, web.ContentRange(r, size), r.Len())
		}
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-%d", r.Start, r.End-1))
	}
	if req.Method == http.MethodHead {
		return web.Conditional(req, resp, web.ConditionalOptions{})
	}
	body := (&reader{Fetcher: segments.NewFetcher(ctx, f.next, req, source, f.limits), filter: f}).newBody(list, size)
	resp.Body = body
	resp = web.Conditional(req, resp, web.ConditionalOptions{})
	if resp.Status == http.StatusOK {
		if err := body.Open(); err != nil {
			resp.Abandon()
			return web.FromError(err)
		}
	}
	return resp
}

const badPart = "The requested part number is not satisfiable"

// noSuchPart answers for a part that there is not.
func noSuchPart(req *web.Request, resp *web.Response, size int64) *web.Response {
	const status = http.StatusRequestedRangeNotSatisfiable
	resp = partHead(req, resp, status, "bytes */"+strconv.FormatInt(size, 10), 0)
	if req.Method != http.MethodHead && resp.Status == status {
		resp.Body = web.Bytes(badPart)
		resp.SetLength(int64(len(badPart)))
	}
	return resp
}

// partHead answers with a part's status, range and length, unless a condition
// fails.
func partHead(req *web.Request, resp *web.Response, status int, contentRange string, length int64) *web.Response {
	resp.Header.Set("Content-Range", contentRange)
	if resp = web.Conditional(req, resp, web.ConditionalOptions{}); resp.Status == http.StatusOK {
		resp.Status = status
		resp.SetLength(length)
	}
	return resp
}

// partNumber is 0 when the request names none.
func partNumber(req *web.Request) (int, *web.Response) {
	values, ok := req.Query()["part-number"]
	if !ok {
		return 0, nil
	}
	n, err := strconv.Atoi(values[0])
	if err != nil || n <= 0 {
		return 0, web.HTML(http.StatusBadRequest, "Part number must be an integer greater than 0")
	}
	if _, verdict := web.ParseRange(req.Header.Get("Range"), math.MaxInt64); verdict != web.RangeIgnored {
		return 0, web.HTML(http.StatusBadRequest, "Range requests are not supported with part number queries")
	}
	return n, nil
}

// getManifest answers with the manifest itself, as it is stored or in the
// form of a PUT.
func (f *filter) getManifest(ctx context.Context, req *web.Request, raw bool) *web.Response {
	if raw = raw && req.Method == http.MethodGet; raw {
		wholeManifests(req.Header)
	}
	resp := f.next.Serve(ctx, req)
	if raw && isLarge(resp) && resp.Status != http.StatusOK {
		// A condition was judged by what is stored, but means the raw form;
		// so does a range, which old object servers take out of it.
		resp.Abandon()
		plain := *req
		plain.Header = req.Header.Clone()
		plain.Header.Del("Range")
		for _, name := range web.ConditionHeaders {
			plain.Header.Del(name)
		}
		resp = f.next.Serve(ctx, &plain)
		if !isLarge(resp) && resp.OK() {
			return web.Conditional(req, resp, web.ConditionalOptions{}) // it is another object by now
		}
	}
	if !isLarge(resp) {
		return resp
	}
	switch {
	case !raw: // also if a condition failed, of whose body this is not the type
		resp.Header.Set("Content-Type", "application/json; charset=utf-8")
		return resp
	case !resp.OK():
		return resp
	}
	text, err := resp.ReadAll(maxStoredManifest)
	if err == nil {
		text, err = rawManifest(text)
	}
	if err != nil {
		req.Meta.Log.Error("cannot read a manifest", "path", req.Path, "err", err)
		return web.NewResponse(http.StatusInternalServerError)
	}
	resp.Header.Set("Etag", md5Hex(text))
	resp.Body = web.Bytes(string(text))
	resp.SetLength(int64(len(text)))
	return web.Conditional(req, resp, web.ConditionalOptions{Etags: []string{md5Hex(text)}})
}
