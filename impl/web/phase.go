package web

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"strings"

	"apus/impl/host"
	"apus/impl/swift"
)

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
	if !strings.EqualFold(x.r.Header.Get("Expect"), "100-continue") || x.body == nil || x.body.started {
		return
	}
	for name, values := range h {
		x.w.Header()[name] = values
	}
	x.writeDeadline()
	x.w.WriteHeader(http.StatusContinue)
	clear(x.w.Header())
}

// raw is a connection that was taken from net/http, whose server knows only
// one body for a request.
type raw struct {
	conn net.Conn
	buf  *bufio.ReadWriter
}

// Next implements Phases.
func (x *exchange) Next(h http.Header) (Reader, error) {
	const op = "web.Next"
	if x.body == nil || x.body.err != io.EOF || x.raw != nil {
		return nil, swift.E(op, x.r.URL.Path, swift.Other, errors.New("the first body was not read to its end"))
	}
	conn, buf, err := x.rc.Hijack()
	if err != nil {
		return nil, swift.E(op, x.r.URL.Path, swift.Other, err)
	}
	x.raw = &raw{conn, buf}
	_ = conn.SetWriteDeadline(host.Deadline(x.edge.cfg.ClientTimeout))
	_, _ = buf.WriteString("HTTP/1.1 100 Continue\r\n") // Flush reports errors
	_ = h.Write(buf)
	_, _ = buf.WriteString("\r\n")
	if err := buf.Flush(); err != nil {
		return nil, swift.E(op, x.r.URL.Path, swift.ClientGone, err)
	}
	chunks := &wholeChunks{httputil.NewChunkedReader(buf.Reader), buf.Reader}
	return &requestBody{inner: chunks, rc: conn, timeout: x.edge.cfg.ClientTimeout}, nil
}

// wholeChunks also reads the line that ends the chunks: what is left unread at
// the end would make the system reset the connection, and the answer with it.
type wholeChunks struct {
	chunks io.Reader
	buf    *bufio.Reader
}

func (w *wholeChunks) Read(p []byte) (int, error) {
	n, err := w.chunks.Read(p)
	if err == io.EOF {
		_, _ = w.buf.ReadSlice('\n')
	}
	return n, err
}

// send writes resp and closes the connection.
func (r *raw) send(x *exchange, resp *Response) error {
	defer r.conn.Close() // nothing depends on it
	if resp.Header.Get("Date") == "" {
		resp.Header.Set("Date", FormatDate(x.edge.cfg.Clock.Now()))
	}
	_ = r.conn.SetWriteDeadline(host.Deadline(x.edge.cfg.ClientTimeout))
	out := http.Response{
		Status: fmt.Sprint(resp.Status, " ", StatusText(resp.Status)), StatusCode: resp.Status,
		ProtoMajor: 1, ProtoMinor: 1, Header: resp.Header, Body: resp.Body, ContentLength: resp.ContentLength,
		Close: true, Request: x.r,
	}
	if !bodyAllowed(resp.Status) {
		out.Body, out.ContentLength = http.NoBody, 0
	}
	if err := out.Write(r.buf); err != nil {
		return err
	}
	return r.buf.Flush()
}
