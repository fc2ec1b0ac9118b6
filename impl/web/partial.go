package web

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
)

// serveRanges narrows a 200 to what the Range header asks for.
func serveRanges(req *Request, resp *Response) *Response {
	header := req.Header.Get("Range")
	if header == "" || req.Method == http.MethodHead || resp.Status != http.StatusOK ||
		resp.Header.Get("Content-Range") != "" {
		return resp
	}
	size := resp.ContentLength
	ranges, verdict := ParseRange(header, size)
	if verdict == RangeUnsatisfiable {
		return unsatisfiable(resp, size)
	}
	source, ok := resp.Body.(Ranger)
	if verdict == RangeIgnored || !ok {
		return resp
	}
	boundary := ""
	if len(ranges) > 1 {
		boundary = fmt.Sprintf("%016x%016x", rand.Uint64(), rand.Uint64())
	}
	return partial(resp, source, ranges, boundary)
}

// unsatisfiable turns resp into 416, which keeps the headers of the entity, as
// upstream's does: also its Content-Type, though the body is an HTML sentence.
func unsatisfiable(resp *Response, size int64) *Response {
	resp.Abandon()
	explain := NewResponse(http.StatusRequestedRangeNotSatisfiable)
	resp.Status, resp.Body = explain.Status, explain.Body
	resp.SetLength(explain.ContentLength)
	resp.Header.Set("Content-Range", fmt.Sprintf("bytes */%d", size))
	return resp
}

// partial turns resp into 206. The first range is opened before that is
// decided, so that a source that cannot deliver still chooses the status.
func partial(resp *Response, source Ranger, ranges []Range, boundary string) *Response {
	first, err := source.OpenRange(ranges[0].Start, ranges[0].End)
	if err != nil {
		resp.Abandon()
		return FromError(err)
	}
	size := resp.ContentLength
	body := &rangesBody{source: source, whole: resp.Body, part: first, ranges: ranges}
	resp.Status, resp.Body = http.StatusPartialContent, body
	if len(ranges) == 1 {
		resp.Header.Set("Content-Range", ContentRange(ranges[0], size))
		resp.SetLength(ranges[0].Len())
		return resp
	}
	body.separators = Separators(ranges, resp.Header.Get("Content-Type"), boundary, size)
	resp.Header.Set("Content-Type", "multipart/byteranges;boundary="+boundary)
	resp.SetLength(MultipartLength(ranges, body.separators))
	return resp
}

// Separators is the text of multipart/byteranges around the ranges: one
// before each and one after the last.
func Separators(ranges []Range, contentType, boundary string, size int64) []string {
	out := make([]string, 0, len(ranges)+1)
	crlf := ""
	for _, r := range ranges {
		out = append(out, fmt.Sprintf("%s--%s\r\nContent-Type: %s\r\nContent-Range: %s\r\n\r\n",
			crlf, boundary, contentType, ContentRange(r, size)))
		crlf = "\r\n"
	}
	return append(out, crlf+"--"+boundary+"--")
}

// MultipartLength is the Content-Length of ranges with their separators.
func MultipartLength(ranges []Range, separators []string) int64 {
	var n int64
	for _, r := range ranges {
		n += r.Len()
	}
	for _, s := range separators {
		n += int64(len(s))
	}
	return n
}

// rangesBody reads one range after the other from source, which is whole
// seen as a Ranger, with separators between.
type rangesBody struct {
	source     Ranger
	whole      io.Closer
	part       io.ReadCloser // open range; nil between ranges
	left       int64         // bytes still due of the open range
	ranges     []Range       // the first is the open or the next one
	started    bool          // the separator before ranges[0] is out
	separators []string      // separators[0] precedes ranges[0]; nil for one range
	pending    string        // rest of a separator being sent
}

var errShortRange = errors.New("the source ended before the range did")

func (b *rangesBody) Read(p []byte) (int, error) {
	for {
		if b.pending != "" {
			n := copy(p, b.pending)
			b.pending = b.pending[n:]
			return n, nil
		}
		if len(b.ranges) == 0 {
			return 0, io.EOF
		}
		if !b.started {
			b.started, b.left = true, b.ranges[0].Len()
			b.nextSeparator()
			continue
		}
		if b.left == 0 {
			if err := b.nextRange(); err != nil {
				return 0, err
			}
			continue
		}
		n, err := b.readPart(p)
		if n > 0 || err != nil {
			return n, err
		}
	}
}

func (b *rangesBody) nextSeparator() {
	if len(b.separators) > 0 {
		b.pending, b.separators = b.separators[0], b.separators[1:]
	}
}

// nextRange closes the range that was read to its end.
func (b *rangesBody) nextRange() error {
	if err := b.closePart(); err != nil {
		return err
	}
	b.ranges, b.started = b.ranges[1:], false
	if len(b.ranges) == 0 {
		b.nextSeparator()
	}
	return nil
}

func (b *rangesBody) readPart(p []byte) (int, error) {
	if b.part == nil {
		part, err := b.source.OpenRange(b.ranges[0].Start, b.ranges[0].End)
		if err != nil {
			return 0, err
		}
		b.part = part
	}
	n, err := b.part.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	if err == io.EOF {
		err = nil
		if b.left > 0 {
			err = errShortRange
		}
	}
	return n, err
}

// WriteTo hands a single range to the part's own WriteTo, which may reach
// sendfile.
func (b *rangesBody) WriteTo(w io.Writer) (int64, error) {
	wt, ok := b.part.(io.WriterTo)
	if ok && b.separators == nil && !b.started {
		b.started = true
		n, err := wt.WriteTo(w)
		if want := b.ranges[0].Len(); err == nil && n != want {
			err = errShortRange
		}
		b.left = 0
		return n, err
	}
	return copyBuffered(w, readerOnly{b})
}

func (b *rangesBody) closePart() error {
	if b.part == nil {
		return nil
	}
	err := b.part.Close()
	b.part = nil
	return err
}

// Close closes the open range, then the source.
func (b *rangesBody) Close() error {
	err := b.closePart()
	if werr := b.whole.Close(); err == nil {
		err = werr
	}
	return err
}
