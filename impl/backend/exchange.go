package backend

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"

	"apus/impl/host"
	"apus/impl/http1"
	"apus/impl/web"
)

// maxInterim is how many answers before the final one a node may give.
const maxInterim = 8

// limits of an answer's head, for nodes that have gone mad. Metadata of an
// object is much less.
var limits = http1.Limits{Start: 8 << 10, Line: 64 << 10, Total: 256 << 10, Count: 2000}

var (
	errTooSlow   = errors.New("node timeout")
	errInterim   = errors.New("node does not come to its final answer")
	errSwitched  = errors.New("node switches protocols unasked")
	errShortBody = errors.New("body is shorter than announced")
	errLongBody  = errors.New("body is longer than announced")
	errClosed    = errors.New("read of a closed body")
)

// exchange is one request and its answer on one connection. It is the body of
// that answer, too: the connection is its own until the end of the body.
type exchange struct {
	c     *Client
	req   *Request
	ctx   context.Context
	limit time.Duration // of each step of the node
	cn    *conn
	stop  func() bool // ends the watch over ctx; nil if ctx cannot end
	began bool        // some of the request was written
	whole bool        // all of it was
	fault error       // of the caller's body
	keep  bool        // the connection is good when the answer has been read
	body  http1.Body
	// chunked bodies may need to read on within what has come.
	chunked bool
	err     error // what Read returns from now on
}

func (c *Client) newExchange(ctx context.Context, req *Request) *exchange {
	x := &exchange{c: c, req: req, ctx: ctx, limit: c.cfg.NodeTimeout}
	if req.NodeTimeout > 0 {
		x.limit = req.NodeTimeout
	}
	return x
}

// begin takes a connection over. It is closed as soon as ctx ends, which ends
// whatever waits on it.
func (x *exchange) begin(cn *conn) {
	cn.heard, x.cn = false, cn
	x.began, x.whole = false, false
	if x.req.UnderWay != nil {
		x.req.UnderWay.Add(1)
	}
	if x.ctx.Done() != nil {
		x.stop = context.AfterFunc(x.ctx, cn.kill)
	}
}

// end gives the connection up, to be kept if it is good.
func (x *exchange) end(good bool) {
	if x.req.UnderWay != nil {
		x.req.UnderWay.Add(-1)
	}
	watched := x.stop == nil || x.stop() // else ctx is closing it
	if good && watched && x.cn.br.Buffered() == 0 {
		x.c.pool.put(x.cn)
	} else {
		x.cn.kill()
	}
	x.stop = nil
}

// run sends the request and returns the head of the answer. A kept connection
// that turns out dead is replaced once, by a new one.
func (x *exchange) run() (*http1.Response, error) {
	cn, err := x.c.connect(x.ctx, x.req.Addr)
	if err != nil {
		return nil, err
	}
	head, err := x.attempt(cn)
	if err == nil || !x.stale(err) || x.began && !x.repeatable() {
		return head, err
	}
	if cn, err = x.c.dial(x.ctx, x.req.Addr); err != nil {
		return nil, err
	}
	return x.attempt(cn)
}

// stale reports whether a failure is that of a kept connection on which the
// node had not said a word.
func (x *exchange) stale(err error) bool {
	return x.cn.reused && !x.cn.heard && x.fault == nil && x.ctx.Err() == nil && err != errTooSlow
}

// repeatable reports whether the node may get the request twice.
func (x *exchange) repeatable() bool {
	if x.req.Method != http.MethodGet && x.req.Method != http.MethodHead {
		return false
	}
	return x.req.Body == nil || x.req.constant() != nil
}

func (x *exchange) attempt(cn *conn) (*http1.Response, error) {
	x.begin(cn)
	head, err := x.talk()
	if err != nil {
		x.end(false)
	}
	return head, err
}

// talk sends the request and reads the head of the answer. A node may answer
// without taking the whole body, and then perhaps resets the connection; its
// answer counts nevertheless.
func (x *exchange) talk() (*http1.Response, error) {
	sent := x.send()
	switch {
	case x.fault != nil:
		return nil, x.fault
	case timedOut(sent) && !x.cn.speaks():
		return nil, errTooSlow
	}
	head, err := x.receive(http.StatusOK)
	if err != nil && sent != nil {
		err = sent
	}
	return head, err
}

// patience gives the node its time to answer.
func (x *exchange) patience() { _ = x.cn.SetReadDeadline(host.Deadline(x.limit)) }

// receive reads heads of answers up to the one with this status, or up to the
// final one.
func (x *exchange) receive(until int) (*http1.Response, error) {
	for range maxInterim {
		head, err := http1.ReadResponse(x.cn.br, limits, x.req.Method)
		switch {
		case timedOut(err):
			return nil, errTooSlow
		case err != nil:
			return nil, err
		case head.Status == http.StatusSwitchingProtocols:
			return nil, errSwitched
		case head.Status >= 200, head.Status == until:
			return head, nil
		}
	}
	return nil, errInterim
}

// timedOut reports that a deadline of the connection has passed.
func timedOut(err error) bool {
	if err == nil {
		return false
	}
	var ne net.Error
	return errors.As(err, &ne) && ne.Timeout()
}

// contentLength is that of the body, or what HEAD says that it would be; -1
// unknown.
func contentLength(head *http1.Response, method string) int64 {
	if method != http.MethodHead {
		return max(head.Length, -1)
	}
	n, err := strconv.ParseInt(head.Header.Get("Content-Length"), 10, 64)
	if err != nil {
		return -1
	}
	return n
}

// response is the answer for the caller.
func (x *exchange) response(head *http1.Response) *web.Response {
	out := &web.Response{Status: head.Status, Header: head.Header, ContentLength: contentLength(head, x.req.Method)}
	x.keep = head.KeepAlive && x.whole
	if head.Length == 0 {
		x.end(x.keep)
		out.Body = http.NoBody
		return out
	}
	x.body.Reset(x.cn.br, head.Length)
	x.chunked = head.Length == http1.Chunked
	out.Body = web.Track("backend "+x.req.Method+" "+x.req.Addr, x)
	return out
}

// Read reads the body of the answer. The node is given time for each piece.
func (x *exchange) Read(p []byte) (int, error) {
	if x.err != nil {
		return 0, x.err
	}
	if x.chunked || x.cn.br.Buffered() == 0 { // else this does not wait
		x.patience()
	}
	n, err := x.body.Read(p)
	return n, x.read(err)
}

var _ web.ConnSource = (*exchange)(nil)

// Conn implements web.ConnSource.
func (x *exchange) Conn() (net.Conn, int64) {
	n := x.body.Direct()
	if x.err != nil || n == 0 {
		return nil, 0
	}
	x.patience()
	return x.cn.Conn, n
}

// Took implements web.ConnSource.
func (x *exchange) Took(n int64, err error) error {
	if x.err != nil {
		return x.err
	}
	return x.read(x.body.Took(n, err))
}

// read sees to what a read of the body has ended in.
func (x *exchange) read(err error) error {
	switch err {
	case nil:
		return nil
	case io.EOF:
		x.err = err
	default:
		if timedOut(err) {
			err = errTooSlow
		}
		x.err = x.req.failed(x.ctx, err)
	}
	x.end(x.keep && err == io.EOF)
	return x.err
}

// Close closes the connection unless the body was read to its end.
func (x *exchange) Close() error {
	if x.err == nil {
		x.err = errClosed
		x.end(false)
	}
	return nil
}
