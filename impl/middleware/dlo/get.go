package dlo

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"math"
	"net/http"
	"strconv"
	"strings"

	"apus/impl/middleware/segments"
	"apus/impl/web"
)

// object is a large object that one request reads.
type object struct {
	*filter
	ctx               context.Context
	req               *web.Request
	container, prefix string
}

// respond makes the large object's response, of whose own headers resp has
// the rest.
func (o *object) respond(resp *web.Response) *web.Response {
	first, refusal := o.list("")
	if refusal != nil {
		if o.req.Method == http.MethodHead {
			refusal.Abandon()
			refusal.Body = http.NoBody
			refusal.SetLength(0)
		}
		return refusal
	}
	size, etag := measure(first.entries)
	length, ranged, satisfiable := resolve(o.req.Header.Get("Range"), size, first.last)
	if !satisfiable {
		return unsatisfiable(size)
	}
	if !ranged {
		o.req.Header.Del("Range") // of our copy of the request
	}
	resp.Status = http.StatusOK
	resp.Header.Del("Content-Range")
	resp.SetLength(length)
	if length < 0 {
		resp.Header.Del("Content-Length")
	}
	if first.last {
		resp.Header.Set("Etag", `"`+etag+`"`)
	}
	conditions := web.ConditionalOptions{Etags: []string{resp.Header.Get("Etag")}}
	if o.req.Method == http.MethodHead {
		return web.Conditional(o.req, resp, conditions)
	}
	fetcher := segments.NewFetcher(o.ctx, o.next, o.req, source, o.limits)
	body := segments.NewBody(fetcher, length, func(start, end int64) segments.Source {
		return o.cursor(first, start, end)
	})
	resp.Body = body
	resp = web.Conditional(o.req, resp, conditions)
	if resp.Status == http.StatusOK {
		if err := body.Open(); err != nil {
			resp.Abandon()
			return web.FromError(err)
		}
	}
	return resp
}

// measure is the size and the ETag of the segments.
func measure(entries []entry) (size int64, etag string) {
	sum := md5.New()
	for _, e := range entries {
		size += e.Bytes
		_, _ = sum.Write([]byte(web.Unquote(e.Hash)))
	}
	return size, hex.EncodeToString(sum.Sum(nil))
}

// resolve decides about a Range header when the first page of the listing is
// size bytes long. Length is that of the object by which the range is judged,
// -1 if it is unknown; ranged is false when the header is to be ignored.
func resolve(header string, size int64, lastPage bool) (length int64, ranged, satisfiable bool) {
	whole := size
	if !lastPage {
		whole = -1
	}
	if strings.Contains(header, ",") {
		return whole, false, true
	}
	if lastPage {
		_, verdict := web.ParseRange(header, size)
		return size, verdict == web.RangePartial, verdict != web.RangeUnsatisfiable
	}
	// What an object without end would make of it tells whether the range ends
	// by itself.
	ranges, verdict := web.ParseRange(header, math.MaxInt64)
	if verdict == web.RangePartial && ranges[0].End < size {
		return size, true, true
	}
	return whole, false, true
}

func unsatisfiable(size int64) *web.Response {
	resp := web.NewResponse(http.StatusRequestedRangeNotSatisfiable)
	resp.Header.Set("Accept-Ranges", "bytes")
	resp.Header.Set("Content-Range", "bytes */"+strconv.FormatInt(size, 10))
	return resp
}
