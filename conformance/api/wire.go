package api

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// wireLimit bounds what a case does on a connection of its own.
const wireLimit = 20 * time.Second

// wire is a connection on which a case writes bytes itself.
type wire struct {
	e *Env
	net.Conn
	r *bufio.Reader
}

// dial opens a connection to the endpoint; the end of the case closes it.
func (e *Env) dial() *wire {
	if e.t.Dial == nil {
		e.Skip("the target has no way to open connections")
	}
	if e.t.Owner.Storage.Scheme != "http" {
		e.Skip("cases that write bytes themselves need an endpoint of plain http")
	}
	host := e.t.Owner.Storage.Host
	if e.t.Owner.Storage.Port() == "" {
		host = net.JoinHostPort(host, "80")
	}
	c, err := e.t.Dial(e.ctx, host)
	if err != nil {
		e.Failf("dialing %s: %v", host, err)
	}
	e.later(func() { c.Close() })
	if err := c.SetDeadline(time.Now().Add(wireLimit)); err != nil {
		e.Failf("setting the limit of a connection: %v", err)
	}
	return &wire{e, c, bufio.NewReader(c)}
}

// send writes text; lines end in CRLF, however they end in text.
func (w *wire) send(text string) {
	if err := w.try(text); err != nil {
		w.e.Failf("writing to the endpoint: %v", err)
	}
}

// try is send for what the endpoint may refuse to read.
func (w *wire) try(text string) error {
	_, err := io.WriteString(w.Conn, strings.ReplaceAll(text, "\n", "\r\n"))
	return err
}

// request is the head of a request with Host and token, without the empty
// line that ends it.
func (w *wire) request(method, path string, lines ...string) string {
	head := fmt.Sprintf("%s %s HTTP/1.1\nHost: %s\nX-Auth-Token: %s\n", method, w.e.path(path), w.e.t.Owner.Storage.Host, w.e.token)
	return head + strings.Join(append(lines, ""), "\n")
}

// answer reads a response and its body; one that does not come fails the
// case.
func (w *wire) answer(method string) (*http.Response, string) {
	resp, text, err := w.tryAnswer(method)
	if err != nil {
		w.e.Failf("reading the answer to %s: %v", method, err)
	}
	return resp, text
}

func (w *wire) tryAnswer(method string) (*http.Response, string, error) {
	resp, err := http.ReadResponse(w.r, &http.Request{Method: method})
	if err != nil {
		return nil, "", err
	}
	text, err := io.ReadAll(io.LimitReader(resp.Body, bodyLimit))
	resp.Body.Close()
	return resp, string(text), err
}

// want reads a response and checks its status.
func (w *wire) want(method string, codes ...int) (*http.Response, string) {
	resp, text := w.answer(method)
	for _, c := range codes {
		if resp.StatusCode == c {
			return resp, text
		}
	}
	w.e.Failf("the answer to %s is %s %q, want %v", method, resp.Status, text, codes)
	return nil, ""
}

// ended expects that the endpoint closes the connection.
func (w *wire) ended() {
	if b, err := w.r.ReadByte(); err == nil {
		w.e.Failf("the connection goes on with %q, and should be closed", b)
	} else if n, ok := err.(net.Error); ok && n.Timeout() {
		w.e.Failf("the connection is still open after %v, and should be closed", wireLimit)
	}
}

// alive checks that the endpoint still answers on new connections.
func (e *Env) alive() {
	e.do("HEAD", "").Status(http.StatusNoContent)
}

// leave asks for a large body, reads its beginning and closes the connection.
func (e *Env) leave(method, path string) {
	w := e.dial()
	w.send(w.request(method, path) + "\n")
	resp, err := http.ReadResponse(w.r, &http.Request{Method: method})
	if err != nil {
		e.Failf("reading the answer to %s: %v", method, err)
	}
	_, err = io.ReadFull(resp.Body, make([]byte, 1000))
	w.Close()
	if err != nil || resp.StatusCode/100 != 2 {
		e.Failf("the answer to %s is %s, and its first 1000 bytes: %v", method, resp.Status, err)
	}
}
