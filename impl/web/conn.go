package web

import (
	"bufio"
	"container/list"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime/debug"
	"sync/atomic"
	"time"

	"apus/impl/host"
	"apus/impl/http1"
)

// States of a connection.
const (
	fresh  int32 = iota // nothing has come yet
	idle                // between requests
	busy                // with a request
	closed              // by the server while it was fresh or idle
)

// readBuffer takes a head and the body of a small object in one read.
const readBuffer = 8 << 10

// conn is a client's connection, served by one goroutine.
type conn struct {
	round   *round
	nc      net.Conn
	br      *bufio.Reader
	in      source // what br reads from
	place   *list.Element
	remote  string // who opened it
	local   string // to where; "": the connection's own address
	tls     bool
	secure  bool // tls, or a proxy in front says so
	state   atomic.Int32
	current atomic.Pointer[exchange]
}

func newConn(r *round, nc net.Conn) *conn {
	c := &conn{round: r, nc: nc, remote: nc.RemoteAddr().String()}
	c.in = source{nc: nc, cfg: &r.cfg}
	c.br = bufio.NewReaderSize(&c.in, readBuffer)
	_, c.tls = nc.(*tls.Conn)
	c.secure = c.tls
	return c
}

// serve carries requests until the connection ends.
func (c *conn) serve() {
	defer c.round.leave(c)
	defer c.nc.Close() // nothing depends on it
	if c.tls {
		// Reading the first byte writes too, to shake hands.
		_ = c.nc.SetWriteDeadline(host.Deadline(c.round.cfg.ReadHeaderTimeout))
	}
	if c.round.cfg.RequireProxyProtocol && !(c.await(c.round.cfg.ReadHeaderTimeout) && c.introduce()) {
		return
	}
	for timeout := c.round.cfg.ReadHeaderTimeout; c.await(timeout) && c.exchange(); timeout = c.round.cfg.IdleTimeout {
		c.state.Store(idle)
		if c.round.stopping() {
			return
		}
	}
}

// await waits for the first byte of a request.
func (c *conn) await(timeout time.Duration) bool {
	if c.br.Buffered() == 0 {
		c.in.await(timeout)
		if _, err := c.br.Peek(1); err != nil {
			return false
		}
	}
	c.in.began()
	return c.state.CompareAndSwap(idle, busy) || c.state.CompareAndSwap(fresh, busy)
}

// closeIf closes the connection if it is in this state.
func (c *conn) closeIf(state int32) {
	if c.state.CompareAndSwap(state, closed) {
		_ = c.nc.Close() // its goroutine sees
	}
}

// abort cuts the connection and ends its request's context.
func (c *conn) abort() {
	_ = c.nc.Close() // its goroutine sees
	if x := c.current.Load(); x != nil {
		x.life.cancel()
	}
}

// exchange reads a request and answers it; true if the connection may carry
// another.
func (c *conn) exchange() bool {
	head, err := http1.ReadRequest(c.br, c.round.limits)
	x := &exchange{c: c, head: head}
	resp := refusal(err)
	if err != nil && resp == nil {
		return false // the client has gone, or takes too long
	}
	if head != nil {
		x.req.Method = head.Method // HEAD is refused without a body
	}
	return c.carry(x, resp)
}

// carry answers a request, with resp if not nil; true if the connection may
// carry another.
func (c *conn) carry(x *exchange, resp *Response) bool {
	x.life.begin(c)
	c.current.Store(x)
	done := x.answer(resp)
	x.life.end()
	c.current.Store(nil)
	if done && x.hangUp {
		x.linger()
	}
	return done && !x.hangUp
}

// answer sends the response to the request, which is resp if not nil, and
// reports whether the client got all of it.
func (x *exchange) answer(resp *Response) bool {
	if resp == nil {
		resp = x.receive()
	}
	if resp != nil {
		x.hangUp, x.refused = true, true
	} else if resp = x.call(); resp == nil {
		return false
	}
	err := x.send(resp)
	if err != nil {
		x.c.round.cfg.Log.Debug("connection cut", "method", x.req.Method, "path", x.req.Path, "status", resp.Status, "err", err)
		x.cut()
	}
	return err == nil
}

// call runs the handler; its panic becomes 500, nil if it wants the connection
// cut.
func (x *exchange) call() (resp *Response) {
	req := &x.req
	defer func() {
		switch p := recover(); p {
		case nil, http.ErrAbortHandler:
		default:
			req.Meta.Log.Error("panic in handler", "method", req.Method, "path", req.Path,
				"txn", req.Meta.TxnID, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			resp = NewResponse(http.StatusInternalServerError)
		}
	}()
	resp = x.c.round.h.Serve(&x.life, req)
	if resp == nil || resp.Body == nil {
		panic("web: handler returned no response or one without body")
	}
	return resp
}

// cut lets the client see that his answer is not complete: one that ends with
// its connection needs more than the end of it.
func (x *exchange) cut() {
	if nc, ok := x.c.nc.(interface{ SetLinger(int) error }); ok && x.out.mode == toEnd {
		_ = nc.SetLinger(0) // best effort
	}
}

// lingerTime is how long a client may take to stop sending once he has got
// the last answer.
const lingerTime = 500 * time.Millisecond

// linger reads away what the client still sends after the last answer: what
// is unread when a connection is closed makes the system reset it, and the
// answer with it.
func (x *exchange) linger() {
	c := x.c
	if !x.refused && !x.body.unread() && c.br.Buffered() == 0 {
		return
	}
	nc, ok := c.nc.(interface{ CloseWrite() error })
	if !ok || nc.CloseWrite() != nil {
		return
	}
	c.in.await(lingerTime)
	_, _ = io.CopyN(io.Discard, c.br, restMax)
}

// source is the reading side of a connection with the deadline that fits what
// is read.
type source struct {
	nc   net.Conn
	cfg  *ServerConfig
	what part
}

// part is what a source reads.
type part byte

const (
	asSet  part = iota // with the deadline that was set
	inHead             // of which the beginning is there
	inBody
)

// await sets a deadline for all that is read from now on.
func (s *source) await(timeout time.Duration) {
	s.what = asSet
	_ = s.nc.SetReadDeadline(host.Deadline(timeout))
}

// unbounded takes the deadline away.
func (s *source) unbounded() {
	s.what = asSet
	_ = s.nc.SetReadDeadline(time.Time{})
}

// began says that a header has begun. Only one that is not there as a whole
// needs a deadline.
func (s *source) began() { s.what = inHead }

func (s *source) Read(p []byte) (int, error) {
	switch s.what {
	case inHead:
		s.await(s.cfg.ReadHeaderTimeout)
	case inBody:
		_ = s.nc.SetReadDeadline(host.Deadline(s.cfg.ClientTimeout))
	}
	return s.nc.Read(p)
}

// refusal is the answer to a head that is none, in Swift's words; nil if there
// is nobody to answer.
func refusal(err error) *Response {
	switch {
	case errors.Is(err, http1.ErrMalformed):
		return NewResponse(http.StatusBadRequest)
	case err == http1.ErrStartTooLong:
		return NewResponse(http.StatusRequestURITooLong)
	case err == http1.ErrLineTooLong:
		return Plain(http.StatusBadRequest, "Header Line Too Long")
	case err == http1.ErrTooLarge:
		return Plain(http.StatusBadRequest, "Headers Too Large")
	case err == http1.ErrTooMany:
		return Plain(http.StatusBadRequest, "Too Many Headers")
	case err == http1.ErrVersion:
		return NewResponse(http.StatusHTTPVersionNotSupported)
	case err == http1.ErrCoding:
		return Plain(http.StatusNotImplemented, "Unsupported Transfer-Coding header value specified in Transfer-Encoding header")
	}
	return nil
}
