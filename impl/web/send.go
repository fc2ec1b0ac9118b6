package web

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"

	"apus/impl/http1"
)

var (
	errBodyLong  = errors.New("the body is longer than its Content-Length")
	errBodyShort = errors.New("the body ended before its Content-Length")
)

// send writes the response and closes its body. After an error the
// connection must be cut.
func (x *exchange) send(resp *Response) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = x.panicked(p)
		}
		x.out.free()
	}()
	defer func() {
		if cerr := resp.Body.Close(); cerr != nil {
			x.c.round.cfg.Log.Debug("close of a response body", "path", x.req.Path, "err", cerr)
		}
	}()
	duplex := resp.Duplex && x.body.unread()
	if !duplex {
		x.readRest()
	}
	x.begin(resp)
	if x.bodiless(resp.Status) {
		return x.out.flush()
	}
	if duplex {
		x.out.prompt = true
		if err := x.out.flush(); err != nil {
			return err
		}
	}
	err = x.out.copyFrom(resp.Body)
	if err == nil && x.out.left > 0 {
		err = errBodyShort
	}
	if err == nil && duplex {
		err = x.settle()
	}
	return x.out.finish(err)
}

// bodiless reports whether the response has no body.
func (x *exchange) bodiless(status int) bool {
	return x.req.Method == http.MethodHead || !http1.BodyAllowed(status)
}

// panicked turns a panic of a body into an error, for the header is out.
func (x *exchange) panicked(p any) error {
	if p != http.ErrAbortHandler {
		x.c.round.cfg.Log.Error("panic in response body", "method", x.req.Method, "path", x.req.Path,
			"panic", fmt.Sprint(p), "stack", string(debug.Stack()))
	}
	return fmt.Errorf("panic: %v", p)
}

// begin decides about the connection and the framing, and writes the head.
func (x *exchange) begin(resp *Response) {
	if x.body.broken() || resp.Status == http.StatusRequestTimeout || x.c.round.stopping() ||
		strings.EqualFold(resp.Header.Get("Connection"), "close") {
		x.hangUp = true
	}
	w := &x.out
	w.open(x.c)
	switch {
	case resp.ContentLength >= 0:
		w.mode, w.left = sized, resp.ContentLength
	case x.head == nil || x.head.Proto != "HTTP/1.0":
		w.mode = chunked
	default:
		w.mode, x.hangUp = toEnd, x.hangUp || !x.bodiless(resp.Status)
	}
	out := http1.AppendStatusLine(w.out, resp.Status, StatusText(resp.Status))
	out = http1.AppendHeader(out, resp.Header, hopByHop)
	if resp.Header["Date"] == nil {
		out = http1.AppendField(out, "Date", x.c.round.date())
	}
	out = x.appendFraming(out, resp)
	if x.hangUp {
		out = append(out, "Connection: close\r\n"...)
	} else if strings.EqualFold(x.head.Header.Get("Connection"), "keep-alive") {
		out = append(out, "Connection: keep-alive\r\n"...) // whoever asks is told
	}
	w.out = append(out, "\r\n"...)
}

// hopByHop are the fields that the server sets itself.
func hopByHop(name string) bool {
	return name == "Content-Length" || name == "Transfer-Encoding" || name == "Connection"
}

// appendFraming appends what says how long the body is, or would be.
func (x *exchange) appendFraming(out []byte, resp *Response) []byte {
	head := x.req.Method == http.MethodHead
	length := resp.ContentLength
	switch {
	case resp.Status == http.StatusNoContent:
		length = 0 // Swift's clients expect one
	case !http1.BodyAllowed(resp.Status):
		return out
	case head && resp.standard:
		length = 0
	case length < 0 && !head && x.out.mode == chunked:
		return append(out, "Transfer-Encoding: chunked\r\n"...)
	case length < 0:
		return out
	}
	out = append(out, "Content-Length: "...)
	return append(strconv.AppendInt(out, length, 10), "\r\n"...)
}

// restMax is how much of a request is read away for its connection to carry
// another.
const restMax = 256 << 10

// readRest sees to what the handler has left of the request: a short rest is
// read, for the connection to carry another. A client who waits to be
// asked need not send it.
func (x *exchange) readRest() {
	b := &x.body
	if !b.unread() {
		return
	}
	if x.hangUp = x.hangUp || b.waits || x.head.Length-b.got > restMax; x.hangUp {
		return
	}
	x.c.in.await(x.c.round.cfg.ClientTimeout) // for all of it
	_, _ = io.CopyN(io.Discard, &b.in, restMax)
	if err := b.in.Err(); err != nil {
		b.end(err)
	}
	x.hangUp = b.unread() || b.broken()
}

// settle sees to what a duplex response has left of the request. It must not
// look complete if the client has left in the middle.
func (x *exchange) settle() error {
	x.readRest()
	if x.body.broken() {
		return x.body.err
	}
	return nil
}
