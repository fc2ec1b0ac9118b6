package backend

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"time"

	"apus/impl/swift"
	"apus/impl/web"
)

const (
	putQueue     = 8        // chunks that may wait for one node
	putBodyLimit = 64 << 10 // of the answer to a PUT
)

// Put is a request with "Expect: 100-continue" whose body the caller feeds.
// It is used by one goroutine. Abort ends it at any time and is always right
// to call, also after Response.
type Put struct {
	req    *Request
	ctx    context.Context
	cancel context.CancelCauseFunc
	w      *watch
	queue  chan *Chunk
	ended  bool          // Finish was called
	over   chan struct{} // closed by exchange at its end; guards the fields below
	resp   *http.Response
	body   []byte
	err    error
	// sent is closed when the transport has taken the whole body.
	sent chan struct{}
}

// StartPut sends the headers of req, to which it adds Expect, and waits for the node to ask for the
// body: then it returns a Put. A node that answers at once instead gives a
// response, whose Body is constant, and its connection is closed. Body of req
// is ignored; ContentLength -1 sends chunks, as does 0.
func (c *Client) StartPut(ctx context.Context, req *Request) (*Put, *web.Response, error) {
	req.Header.Set("Expect", "100-continue")
	p, reused, resp, err := c.startPut(ctx, req, c.kept)
	if err != nil && reused && ctx.Err() == nil {
		p, _, resp, err = c.startPut(ctx, req, c.fresh)
	}
	return p, resp, err
}

func (c *Client) startPut(ctx context.Context, req *Request, t *http.Transport) (_ *Put, reused bool, _ *web.Response, _ error) {
	p := &Put{
		req: req, queue: make(chan *Chunk, putQueue),
		over: make(chan struct{}), sent: make(chan struct{}),
	}
	p.ctx, p.cancel = context.WithCancelCause(ctx)
	p.w = c.newWatch(req, p.cancel)
	asked := make(chan struct{})
	traced := httptrace.WithClientTrace(p.ctx, &httptrace.ClientTrace{
		GotConn:        func(i httptrace.GotConnInfo) { reused = i.Reused },
		Got100Continue: func() { close(asked) },
	})
	hr := req.httpRequest(traced, nil)
	hr.Body, hr.ContentLength = &putReader{p: p}, req.ContentLength
	if hr.ContentLength == 0 {
		hr.ContentLength = -1
	}
	p.w.start(c.cfg.ConnTimeout)
	go p.exchange(t, hr)
	select {
	case <-asked:
		p.w.pause()
		return p, false, nil, nil
	case <-p.over:
	}
	p.Abort()
	if p.err != nil {
		return nil, reused, nil, p.err
	}
	return nil, false, p.answer(), nil
}

// exchange is the goroutine of a Put. The connection is its own until over.
func (p *Put) exchange(t *http.Transport, hr *http.Request) {
	defer close(p.over)
	defer p.w.end()
	p.resp, p.err = t.RoundTrip(hr)
	if p.err != nil {
		p.err = p.req.failed(p.ctx, p.err)
		return
	}
	defer p.resp.Body.Close()
	select {
	case <-p.sent:
		p.w.start(0)
		p.body, p.err = io.ReadAll(io.LimitReader(p.resp.Body, putBodyLimit))
		if p.err != nil {
			p.err = p.req.failed(p.ctx, p.err)
		}
	default:
		// The node does not want the rest. What it wrote about that is
		// not waited for, as it may wait for the rest to pass.
	}
}

func (p *Put) answer() *web.Response {
	return &web.Response{
		Status: p.resp.StatusCode, Header: p.resp.Header,
		Body: io.NopCloser(bytes.NewReader(p.body)), ContentLength: int64(len(p.body)),
	}
}

// Over is closed when the exchange has ended, with or without an answer.
func (p *Put) Over() <-chan struct{} { return p.over }

var (
	errQueueFull = errors.New("node takes the body too slowly")
	errTooEarly  = errors.New("node answered before the end of the body")
)

// Send queues a piece of the body and keeps a reference to it. When the queue
// is full it waits until deadline fires.
func (p *Put) Send(c *Chunk, deadline <-chan time.Time) error {
	select {
	case <-p.over:
		return p.broken(errTooEarly)
	default:
	}
	c.Retain()
	select {
	case p.queue <- c:
		return nil
	default:
	}
	select {
	case p.queue <- c:
		return nil
	case <-p.over:
		c.Release()
		return p.broken(errTooEarly)
	case <-deadline:
		c.Release()
		return p.broken(errQueueFull)
	}
}

func (p *Put) broken(err error) error {
	select {
	case <-p.over:
		if p.err != nil {
			return p.err
		}
	default:
	}
	return swift.E("backend.PUT", p.req.Addr+p.req.Path, swift.Unavailable, err)
}

// Finish says that the body is complete.
func (p *Put) Finish() {
	if !p.ended {
		p.ended = true
		close(p.queue)
	}
}

// Response waits for the answer, after Finish or after Send failed. Its body
// is constant. An answer to an incomplete body is an answer, too.
func (p *Put) Response(ctx context.Context) (*web.Response, error) {
	select {
	case <-p.over:
	case <-ctx.Done():
		p.Abort()
		return nil, swift.E("backend.PUT", p.req.Addr+p.req.Path, swift.Other, context.Cause(ctx))
	}
	if p.err != nil {
		return nil, p.err
	}
	return p.answer(), nil
}

var errAborted = errors.New("aborted")

// Abort closes the connection unless the exchange is over, and waits for the
// goroutine behind it.
func (p *Put) Abort() {
	p.cancel(errAborted)
	<-p.over
	for {
		select {
		case c, ok := <-p.queue:
			if !ok {
				return
			}
			c.Release()
		default:
			return
		}
	}
}

// putReader is the request body that the transport reads.
type putReader struct {
	p    *Put
	cur  *Chunk
	rest []byte
	eof  bool
}

func (r *putReader) Read(b []byte) (int, error) {
	if r.eof {
		return 0, io.EOF
	}
	for len(r.rest) == 0 {
		r.drop()
		r.p.w.pause()
		if err := r.next(); err != nil {
			return 0, err
		}
	}
	n := copy(b, r.rest)
	r.rest = r.rest[n:]
	r.p.w.start(0)
	return n, nil
}

// next waits for a chunk. At the end of the body the node gets its time to
// answer.
func (r *putReader) next() error {
	select {
	case <-r.p.over:
		return errAborted
	case <-r.p.ctx.Done():
		return context.Cause(r.p.ctx)
	default:
	}
	select {
	case c, ok := <-r.p.queue:
		if !ok {
			r.eof = true
			r.p.w.start(0)
			close(r.p.sent)
			return io.EOF
		}
		r.cur, r.rest = c, c.Bytes()
		return nil
	case <-r.p.over:
		return errAborted
	case <-r.p.ctx.Done():
		return context.Cause(r.p.ctx)
	}
}

func (r *putReader) drop() {
	if r.cur != nil {
		r.cur.Release()
		r.cur = nil
	}
}

// Close is called by the transport when it is done with the body.
func (r *putReader) Close() error {
	r.drop()
	return nil
}
