package web

import (
	"cmp"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"

	"apus/impl/host"
	"apus/impl/http1"
	"apus/impl/swift"
)

// exchange is one request and its response on a connection.
type exchange struct {
	c    *conn
	head *http1.Request
	req  Request
	meta Meta
	life lifetime
	body requestBody
	out  clientWriter
	// hangUp closes the connection after the response, because what follows
	// on it may not be the start of a request, or nobody wants it to.
	hangUp  bool
	refused bool // what follows the head was not looked at
}

// receive makes the handler's request of the head; the answer is not nil for
// what Swift does not accept.
func (x *exchange) receive() *Response {
	head, cfg := x.head, &x.c.round.cfg
	x.hangUp = !head.KeepAlive || cfg.IdleTimeout <= 0
	target := originForm(head)
	if target == "" {
		return NewResponse(http.StatusBadRequest)
	}
	raw, query, _ := strings.Cut(target, "?")
	foldDuplicates(head.Header)
	foldUnderscores(head.Header)
	x.meta = Meta{TxnID: head.Header.Get("X-Trans-Id"), Log: cfg.Log, Start: cfg.Clock.Now()}
	x.req = Request{
		Method: head.Method, Path: UnescapePath(raw), RawPath: raw, RawQuery: query,
		Header: head.Header, Body: http.NoBody, ContentLength: head.Length,
		RemoteAddr: x.c.remote, Host: head.Host, Proto: head.Proto, TLS: x.c.secure, Meta: &x.meta,
	}
	if x.req.Host == "" {
		// A client who does not say whom he asks means whom he reached.
		x.req.Host = cmp.Or(x.c.local, x.c.nc.LocalAddr().String())
	}
	if head.Length != 0 {
		x.life.claim()
		x.body.begin(x, head.Length)
		x.req.Body, x.req.Phases = &x.body, x
	}
	return nil
}

// originForm is the target without the scheme and host that clients send to
// proxies; these say better than a Host field whom the client means. It is ""
// if the target names nothing.
func originForm(head *http1.Request) string {
	target := head.Target
	if strings.HasPrefix(target, "/") || target == "*" {
		return target
	}
	scheme, rest, ok := strings.Cut(target, "://")
	if !ok || !strings.EqualFold(scheme, "http") && !strings.EqualFold(scheme, "https") {
		return ""
	}
	end := strings.IndexAny(rest, "/?")
	if end < 0 {
		end = len(rest)
	}
	if head.Host = rest[:end]; strings.HasPrefix(rest[end:], "/") {
		return rest[end:]
	}
	return "/" + rest[end:]
}

// foldDuplicates joins repeated headers by commas, as Swift sees them.
func foldDuplicates(h http.Header) {
	for name, values := range h {
		if len(values) > 1 {
			h[name] = []string{strings.Join(values, ",")}
		}
	}
}

// foldUnderscores gives names dashes for underscores, which Swift does not tell
// apart: metadata "a_b" and "a-b" are one. Lengths are never taken from such
// names.
func foldUnderscores(h http.Header) {
	var names []string
	for name := range h {
		if strings.Contains(name, "_") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		values := h[name]
		delete(h, name)
		real := http1.CanonicalName(strings.ReplaceAll(name, "_", "-"))
		switch {
		case real == "Content-Length" || real == "Content-Type":
		case len(h[real]) > 0 && len(values) > 0:
			h[real] = []string{h[real][0] + "," + values[0]}
		default:
			h[real] = values
		}
	}
}

// requestBody is a client's body. Reading it first is what sends "100
// Continue".
type requestBody struct {
	x      *exchange
	in     http1.Body
	waits  bool // the client wants to be asked
	second bool
	got    int64 // has been read
	err    error // sticky; io.EOF when the body was read to its end
}

func (b *requestBody) begin(x *exchange, length int64) {
	b.x, b.waits = x, x.head.Expect
	b.in.Reset(x.c.br, length)
}

// Read implements Reader.
func (b *requestBody) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	if len(p) == 0 {
		return 0, nil
	}
	if b.waits {
		b.ask(nil)
	}
	b.x.c.in.what = inBody
	n, err := b.in.Read(p)
	b.got += int64(n)
	if err != nil {
		b.end(err)
	}
	return n, b.err
}

func (b *requestBody) end(err error) {
	if err == io.EOF {
		b.err = io.EOF
		b.x.life.release()
		return
	}
	b.err = bodyError(err)
	b.x.life.cancel()
}

// bodyError gives an error of reading from the client its kind. All that is
// not a timeout is his doing: a hang-up, or chunks that end in nonsense.
func bodyError(err error) error {
	var ne net.Error
	if errors.As(err, &ne) && ne.Timeout() {
		return swift.E("web.Read", "", swift.Timeout, err)
	}
	return swift.E("web.Read", "", swift.ClientGone, err)
}

// broken is true when the connection cannot carry another request.
func (b *requestBody) broken() bool { return b.err != nil && b.err != io.EOF }

// unread is true when some of the body may still come.
func (b *requestBody) unread() bool { return b.x != nil && b.err == nil }

// ask sends "100 Continue", unless the answer has begun.
func (b *requestBody) ask(h http.Header) error {
	b.waits = false
	if b.x.out.begun {
		return nil
	}
	nc := b.x.c.nc
	_ = nc.SetWriteDeadline(host.Deadline(b.x.c.round.cfg.ClientTimeout))
	text := http1.AppendStatusLine(nil, http.StatusContinue, "Continue")
	text = append(http1.AppendHeader(text, h, nil), "\r\n"...)
	_, err := nc.Write(text)
	return err
}

// Phases let a handler speak with a client who sends his request in steps and
// waits for "100 Continue" before each.
type Phases interface {
	// Continue sends "100 Continue" with h before the first Read of the body.
	// Without a call the first Read sends a bare one. A client who does not
	// wait gets nothing.
	Continue(h http.Header)
	// Next sends another "100 Continue" with h and returns the second body,
	// which the client sends in chunks after the first. The first must have
	// been read to its end. Afterwards the connection carries no other request.
	Next(h http.Header) (Reader, error)
}

var _ Phases = (*exchange)(nil)

// Continue implements Phases.
func (x *exchange) Continue(h http.Header) {
	if x.body.waits {
		_ = x.body.ask(h) // the next Read finds out
	}
}

// Next implements Phases.
func (x *exchange) Next(h http.Header) (Reader, error) {
	const op = "web.Next"
	if x.body.err != io.EOF || x.body.second {
		return nil, swift.E(op, x.req.Path, swift.Other, errors.New("the first body was not read to its end"))
	}
	x.hangUp = true
	x.life.claim()
	x.body = requestBody{x: x, second: true}
	x.body.in.Reset(x.c.br, http1.Chunked)
	if err := x.body.ask(h); err != nil {
		return nil, swift.E(op, x.req.Path, swift.ClientGone, err)
	}
	return &x.body, nil
}
