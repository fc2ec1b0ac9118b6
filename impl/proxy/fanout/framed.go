package fanout

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"

	"apus/impl/swift"
	"apus/impl/web"
)

// framed reads the ranges of a multipart/byteranges body.
type framed struct {
	in       *bufio.Reader
	boundary string // with its two dashes
	left     int64  // of the range that is open
	open     bool
	raw      []byte // frames read so far; nil: not kept
}

var errFraming = errors.New("multipart/byteranges does not hold what was asked for")

func isMultipart(resp *web.Response) bool {
	return resp.Status == http.StatusPartialContent &&
		strings.HasPrefix(resp.Header.Get("Content-Type"), "multipart/byteranges")
}

// newFramed is nil if resp is not multipart/byteranges.
func newFramed(resp *web.Response) *framed {
	if !isMultipart(resp) {
		return nil
	}
	_, params, err := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if err != nil || params["boundary"] == "" {
		return nil
	}
	return &framed{in: bufio.NewReader(resp.Body), boundary: "--" + params["boundary"]}
}

// frame reads up to the bytes of the next range and returns its header.
func (f *framed) frame() (contentType, contentRange string, err error) {
	for begun := false; ; {
		line, err := f.in.ReadSlice('\n')
		if err != nil {
			return "", "", err
		}
		if f.raw != nil {
			f.raw = append(f.raw, line...)
		}
		text := string(bytes.TrimRight(line, "\r\n"))
		name, value, _ := strings.Cut(text, ":")
		switch {
		case !begun && text == "":
		case !begun && text != f.boundary:
			return "", "", errFraming
		case !begun:
			begun = true
		case text == "":
			return contentType, contentRange, nil
		case strings.EqualFold(name, "Content-Type"):
			contentType = strings.TrimSpace(value)
		case strings.EqualFold(name, "Content-Range"):
			contentRange = strings.TrimSpace(value)
		}
	}
}

// begin opens the next range, which must be want, unless one is open.
func (f *framed) begin(want web.Range) error {
	if f.open {
		return nil
	}
	_, v, err := f.frame()
	if err == nil {
		if have, _, ok := contentRange(v); !ok || have != want {
			err = errFraming
		}
	}
	if err != nil {
		if swift.KindOf(err) == swift.Other && err != io.EOF {
			err = swift.E("fanout.Get", "", swift.Unavailable, err)
		}
		return err
	}
	f.open, f.left = true, want.Len()
	return nil
}

// end is called when the open range has been read.
func (f *framed) end() { f.open = false }

// Read reads from the open range, or what is left when none is.
func (f *framed) Read(p []byte) (int, error) {
	if !f.open {
		return f.in.Read(p)
	}
	n, err := f.in.Read(p[:min(int64(len(p)), f.left)])
	f.left -= int64(n)
	return n, err
}

// unframe looks into the body of resp for the ranges that it holds. If these
// are not those that the client asked for, the body is left as it was.
func (r *resumer) unframe(resp *web.Response) bool {
	f := newFramed(resp)
	if f == nil {
		return false
	}
	f.raw = []byte{}
	contentType, v, err := f.frame()
	first, size, ok := contentRange(v)
	if err == nil && ok {
		ranges, verdict := web.ParseRange(r.g.r.Header.Get("Range"), size)
		separators := web.Separators(ranges, contentType, strings.TrimPrefix(f.boundary, "--"), size)
		if verdict == web.RangePartial && len(ranges) > 1 && ranges[0] == first &&
			web.MultipartLength(ranges, separators) == resp.ContentLength {
			f.open, f.left, f.raw = true, first.Len(), nil
			r.frames, r.ranges, r.separators = f, ranges, separators
			return true
		}
	}
	r.cur = web.WrapBody(io.MultiReader(bytes.NewReader(f.raw), f.in), resp.Body)
	return false
}
