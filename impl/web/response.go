package web

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"apus/impl/swift"
)

// Response is the answer to a Request. See the package documentation for who
// closes Body.
type Response struct {
	Status int
	Header http.Header
	// Body is never nil. A body that can copy itself faster than Read
	// implements io.WriterTo.
	Body io.ReadCloser
	// ContentLength is -1 when unknown; Edge then sends chunks. It is the
	// length a GET would have, also in the answer to HEAD.
	ContentLength int64
}

// Discard finishing reads at most this much to let the connection be reused.
const discardLimit = 64 << 10

// NewResponse is an answer with the standard short text of its status as
// body (none for 204 and 304).
func NewResponse(status int) *Response {
	if status == http.StatusNoContent || status == http.StatusNotModified || status < 200 {
		return &Response{Status: status, Header: http.Header{}, Body: http.NoBody}
	}
	text := StatusText(status)
	return Text(status, fmt.Sprintf("<html><h1>%s</h1><p>%s</p></html>", text, statusProse(status)), "text/html; charset=UTF-8")
}

// Text is an answer whose body is the given text.
func Text(status int, body, contentType string) *Response {
	h := http.Header{"Content-Type": {contentType}}
	return &Response{Status: status, Header: h, Body: Bytes(body), ContentLength: int64(len(body))}
}

// Plain is an answer in text/plain, for explanations of what was wrong.
func Plain(status int, format string, args ...any) *Response {
	return Text(status, fmt.Sprintf(format, args...), "text/plain; charset=UTF-8")
}

// Empty is an answer with no body and Content-Length 0.
func Empty(status int) *Response {
	return &Response{Status: status, Header: http.Header{}, Body: http.NoBody}
}

// FromError is the answer that an error asks for. Only errors of a kind that
// is the client's doing are explained to him.
func FromError(err error) *Response {
	kind := swift.KindOf(err)
	switch kind {
	case swift.Invalid, swift.TooLarge, swift.Precondition, swift.Unprocessable, swift.NotImplemented:
		var e *swift.Error
		if errors.As(err, &e) && e.Err != nil {
			return Plain(kind.Status(), "%s", e.Err.Error())
		}
	}
	return NewResponse(kind.Status())
}

// Bytes is a body of constant bytes. It implements io.WriterTo and io.Seeker.
func Bytes(s string) io.ReadCloser { return bytesBody{strings.NewReader(s)} }

type bytesBody struct{ *strings.Reader }

func (bytesBody) Close() error { return nil }

// OK reports a 2xx status.
func (r *Response) OK() bool { return r.Status/100 == 2 }

// Discard finishes the response without looking at it: it reads at most
// 64 KiB, so that a short rest lets the connection be used again, then
// closes. Errors do not matter to anybody any more and are dropped.
func (r *Response) Discard() {
	_, _ = io.CopyN(io.Discard, r.Body, discardLimit)
	_ = r.Body.Close()
}

// Abandon finishes the response without reading from it.
func (r *Response) Abandon() { _ = r.Body.Close() }

// ReadAll finishes the response and returns its body. A body larger than
// limit is an error of kind swift.TooLarge.
func (r *Response) ReadAll(limit int64) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r.Body, limit+1))
	if cerr := r.Body.Close(); err == nil {
		err = cerr
	}
	if err == nil && int64(len(b)) > limit {
		return nil, swift.E("web.ReadAll", "", swift.TooLarge, fmt.Errorf("body is larger than %d bytes", limit))
	}
	return b, err
}

// Replace discards the body and puts another in its place. The length is in
// bytes, -1 if unknown.
func (r *Response) Replace(body io.ReadCloser, length int64) {
	r.Discard()
	r.Body, r.ContentLength = body, length
}

// SetLength sets ContentLength and keeps a Content-Length header, if there
// is one, in step.
func (r *Response) SetLength(n int64) {
	r.ContentLength = n
	if r.Header.Get("Content-Length") != "" {
		r.Header.Set("Content-Length", strconv.FormatInt(n, 10))
	}
}

// WrapBody is body with another reader in front: reads go to rd, Close goes
// to body. It is the usual way to wrap and return.
func WrapBody(rd io.Reader, body io.ReadCloser) io.ReadCloser {
	return struct {
		io.Reader
		io.Closer
	}{rd, body}
}

// StatusText is "404 Not Found"'s words, with the statuses that Swift adds to
// HTTP's.
func StatusText(status int) string {
	switch status {
	case 416:
		return "Requested Range Not Satisfiable"
	case 422:
		return "Unprocessable Entity"
	case 497:
		return "Blacklisted"
	case 498:
		return "Rate Limited"
	case 499:
		return "Client Disconnect"
	case 507:
		return "Insufficient Storage"
	case 529:
		return "Too Many Backend Requests"
	}
	return http.StatusText(status)
}

func statusProse(status int) string {
	switch status / 100 {
	case 2, 3:
		return "The request was handled."
	case 4:
		switch status {
		case 401:
			return "This server could not verify that you are authorized to access the document you requested."
		case 404:
			return "The resource could not be found."
		case 412:
			return "A precondition for this request was not met."
		case 416:
			return "The Range requested is not available."
		}
		return "The server could not comply with the request."
	}
	return "The server has either erred or is incapable of performing the requested operation."
}
