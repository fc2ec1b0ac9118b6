package web

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"apus/impl/http1"
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
	// ContentLength is -1 when unknown; the Server then sends chunks. It is the
	// length a GET would have, also in the answer to HEAD.
	ContentLength int64
	// Duplex says that reading Body reads the request's body too, so that the Server
	// must leave that alone. Whoever sets it has read some of the request's
	// body, because after the header nobody asks the client to send it.
	Duplex bool
	// standard says that the body is the standard text of the status, which
	// HEAD does not count as a length.
	standard bool
}

// Discard finishing reads at most this much to let the connection be reused.
const discardLimit = 64 << 10

const htmlType = "text/html; charset=UTF-8"

// NewResponse is an answer with the standard short text of its status as
// body, if Swift has one.
func NewResponse(status int) *Response {
	prose := statusProse(status)
	if prose == "" || !http1.BodyAllowed(status) {
		return Text(status, "", htmlType)
	}
	r := Text(status, fmt.Sprintf("<html><h1>%s</h1><p>%s</p></html>", StatusText(status), prose), htmlType)
	r.standard = true
	return r
}

// Text is an answer whose body is the given text.
func Text(status int, body, contentType string) *Response {
	h := http.Header{"Content-Type": {contentType}}
	return &Response{Status: status, Header: h, Body: Bytes(body), ContentLength: int64(len(body))}
}

// Plain is an answer in text/plain, for explanations of what was wrong.
func Plain(status int, format string, args ...any) *Response {
	return Text(status, fmt.Sprintf(format, args...), "text/plain")
}

// HTML is a text of no special form that is called HTML, as upstream's are
// where it says nothing else.
func HTML(status int, body string) *Response { return Text(status, body, htmlType) }

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

// Slice is a body of bytes that nobody changes any more. It implements
// io.WriterTo and io.Seeker, and ReadAll returns the bytes themselves.
func Slice(b []byte) io.ReadCloser { return &sliceBody{*bytes.NewReader(b), b} }

type sliceBody struct {
	bytes.Reader
	all []byte
}

func (*sliceBody) Close() error { return nil }

// rest is what is still to be read, and is read with this.
func (b *sliceBody) rest() []byte {
	rest := b.all[len(b.all)-b.Len():]
	b.Reset(nil)
	b.all = nil
	return rest
}

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
	b, whole, err := r.ReadUpTo(limit)
	if cerr := r.Body.Close(); err == nil {
		err = cerr
	}
	if err == nil && !whole {
		return nil, swift.E("web.ReadAll", "", swift.TooLarge, fmt.Errorf("body is larger than %d bytes", limit))
	}
	return b, err
}

// ReadUpTo reads the body if it has no more than limit bytes. If it has more
// it is not whole: the first bytes are returned and the others are still to be
// read. The response is not finished.
func (r *Response) ReadUpTo(limit int64) (b []byte, whole bool, err error) {
	if s, ok := r.Body.(*sliceBody); ok && int64(s.Len()) <= limit {
		return s.rest(), true, nil
	}
	b, err = readAll(io.LimitReader(r.Body, limit+1), min(r.ContentLength, limit))
	return b, int64(len(b)) <= limit, err
}

// firstRead is how much room is made before there is any sign that a length is
// true: an answer to HEAD has one too.
const firstRead = 512

// readAll reads rd to its end, which is likely to come after so many bytes.
func readAll(rd io.Reader, expected int64) ([]byte, error) {
	b := make([]byte, 0, firstRead)
	for {
		n, err := rd.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		switch {
		case err == io.EOF:
			return b, nil
		case err != nil:
			return b, err
		case len(b) < cap(b):
		case len(b) <= int(expected):
			b = slices.Grow(b, int(expected)+1-len(b)) // one more to see the end
		default:
			b = slices.Grow(b, len(b))
		}
	}
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
	case 413:
		return "Request Entity Too Large"
	case 414:
		return "Request URI Too Long"
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
	case 500:
		return "Internal Error"
	case 507:
		return "Insufficient Storage"
	case 529:
		return "Too Many Backend Requests"
	}
	return http.StatusText(status)
}

// statusProse is the sentence that goes with a status. Clients show it to
// their users, so it is Swift's; "" where Swift sends no body.
func statusProse(status int) string {
	switch status {
	case 202:
		return "The request is accepted for processing."
	case 301:
		return "The resource has moved permanently."
	case 302, 307:
		return "The resource has moved temporarily."
	case 303:
		return "The response to the request can be found under a different URI."
	case 501:
		return "The requested method is not implemented by this server."
	case 502:
		return "Bad gateway."
	case 503:
		return "The server is currently unavailable. Please try again at a later time."
	case 504:
		return "A timeout has occurred speaking to a backend server."
	case 507:
		return "There was not enough space to save the resource. Drive: unknown"
	case 529:
		return "The server is incapable of performing the requested operation due to too many requests. Slow down."
	}
	switch status / 100 {
	case 1, 2, 3:
		return ""
	case 4:
		return refusalProse(status)
	}
	return "The server has either erred or is incapable of performing the requested operation."
}

func refusalProse(status int) string {
	switch status {
	case 401:
		return "This server could not verify that you are authorized to access the document you requested."
	case 402:
		return "Access was denied for financial reasons."
	case 403:
		return "Access was denied to this resource."
	case 404:
		return "The resource could not be found."
	case 405:
		return "The method is not allowed for this resource."
	case 406:
		return "The resource is not available in a format acceptable to your browser."
	case 408:
		return "The server has waited too long for the request to be sent by the client."
	case 409:
		return "There was a conflict when trying to complete your request."
	case 410:
		return "This resource is no longer available."
	case 411:
		return "Content-Length header required."
	case 412:
		return "A precondition for this request was not met."
	case 413:
		return "The body of your request was too large for this server."
	case 414:
		return "The request URI was too long for this server."
	case 415:
		return "The request media type is not supported by this server."
	case 416:
		return "The Range requested is not available."
	case 417:
		return "Expectation failed."
	case 422:
		return "Unable to process the contained instructions"
	case 498:
		return "The request was rate limited."
	case 499:
		return "The client was disconnected during request."
	}
	return "The server could not comply with the request since it is either malformed or otherwise incorrect."
}
