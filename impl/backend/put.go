package backend

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"

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
	events chan<- *Put
	queue  chan *Chunk
	ended  bool          // Finish was called
	asked  chan struct{} // closed when the node asks for the body
	sent   chan struct{} // closed when the transport has taken the whole body
	over   chan struct{} // closed by exchange at its end; guards the fields below
	resp   *http.Response
	body   []byte
	err    error
}

// BeginPut sends the headers of req, to which it adds Expect. Body of req is
// ignored; ContentLength -1 sends chunks, as does 0. The Put is sent to
// events when the node asks for the body ([Put.Asked]) and when the exchange
// is over ([Put.Over]); events must have room for both.
func (c *Client) BeginPut(ctx context.Context, req *Request, events chan<- *Put) *Put {
	p := &Put{
		req: req, events: events, queue: make(chan *Chunk, putQueue),
		asked: make(chan struct{}), sent: make(chan struct{}), over: make(chan struct{}),
	}
	p.ctx, p.cancel = context.WithCancelCause(ctx)
	p.w = c.newWatch(req, p.cancel)
	if req.Header.Get("Expect") == "" {
		req.Header.Set("Expect", "100-continue")
	}
	p.w.start(c.cfg.ConnTimeout)
	go p.exchange(c)
	return p
}

// StartPut is BeginPut, waiting for what the node says first. A node that
// answers at once instead of asking for the body gives a response, whose Body
// is constant, and its connection is closed.
func (c *Client) StartPut(ctx context.Context, req *Request) (*Put, *web.Response, error) {
	p := c.BeginPut(ctx, req, make(chan *Put, 2))
	select {
	case <-p.asked:
		return p, nil, nil
	case <-p.over:
	}
	p.Abort()
	if p.err != nil {
		return nil, nil, p.err
	}
	return nil, p.answer(), nil
}

// exchange is the goroutine of a Put.
func (p *Put) exchange(c *Client) {
	defer func() { p.events <- p }()
	defer close(p.over)
	defer p.w.end()
	reused := false
	ctx := httptrace.WithClientTrace(p.ctx, &httptrace.ClientTrace{
		GotConn: func(i httptrace.GotConnInfo) { reused = i.Reused },
		Got100Continue: func() {
			p.w.pause()
			close(p.asked)
			p.events <- p
		},
	})
	p.resp, p.err = c.kept.RoundTrip(p.httpRequest(ctx))
	if p.err != nil && reused && !p.Asked() && p.ctx.Err() == nil {
		p.w.start(c.cfg.ConnTimeout)
		p.resp, p.err = c.fresh.RoundTrip(p.httpRequest(ctx))
	}
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

func (p *Put) httpRequest(ctx context.Context) *http.Request {
	hr := p.req.httpRequest(ctx, nil)
	hr.Body, hr.ContentLength = &putReader{p: p}, p.req.ContentLength
	if hr.ContentLength == 0 {
		hr.ContentLength = -1
	}
	return hr
}

// Asked reports whether the node has asked for the body.
func (p *Put) Asked() bool { return closed(p.asked) }

// Over reports whether the exchange has ended, with or without an answer.
func (p *Put) Over() bool { return closed(p.over) }

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func (p *Put) answer() *web.Response {
	return &web.Response{
		Status: p.resp.StatusCode, Header: p.resp.Header,
		Body: io.NopCloser(bytes.NewReader(p.body)), ContentLength: int64(len(p.body)),
	}
}

var (
	errQueueFull = errors.New("node takes the body too slowly")
	errTooEarly  = errors.New("node answered before the end of the body")
)

// TrySend queues a piece of the body, of which it keeps a reference, if there
// is room.
func (p *Put) TrySend(c *Chunk) (ok bool, err error) {
	if p.Over() {
		return false, p.broken(errTooEarly)
	}
	c.Retain()
	select {
	case p.queue <- c:
		return true, nil
	default:
		c.Release()
		return false, nil
	}
}

// Send is TrySend that waits for room until deadline is closed.
func (p *Put) Send(c *Chunk, deadline <-chan struct{}) error {
	if ok, err := p.TrySend(c); ok || err != nil {
		return err
	}
	c.Retain()
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
	if p.Over() && p.err != nil {
		return p.err
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

// Response waits for the answer, after Finish or after Send failed. It returns
// at once when the Put is Over. Its body
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
