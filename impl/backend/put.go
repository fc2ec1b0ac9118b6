package backend

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"sync/atomic"
	"time"

	"apus/impl/http1"
	"apus/impl/swift"
	"apus/impl/web"
)

const (
	putQueue     = 8        // chunks that may wait for one node
	putBodyLimit = 64 << 10 // of the answer to a PUT
	// putInline is how much of a body the caller writes by itself: it fits
	// the empty buffers of any connection, so that this does not wait.
	putInline = 16 << 10
)

// Put is a request with "Expect: 100-continue" whose body the caller feeds, or
// one that has its body with it.
// It is used by one goroutine. Abort ends it at any time and is always right
// to call, also after Response.
//
// A Put with its body is sent in one piece, at Finish. The node is not asked
// whether it wants the body; Asked says that there is a connection to it.
//
// A Put is over before Finish only when it has failed or the node does not want the
// rest of the body. A node to which a length was announced may answer as soon as it
// has so much; that answer is told after Finish, so that nobody takes it for a
// refusal.
//
// What the node says is read by a goroutine (exchange). The body is written by
// the caller as long as it is short, then by another goroutine (sender).
type Put struct {
	x      *exchange
	given  constant // the body that goes with the headers; nil if it is fed
	cancel context.CancelCauseFunc
	events chan<- *Put
	queue  chan *Chunk
	ended  bool          // Finish was called
	finish chan struct{} // closed by Finish

	// The body's way. The caller owns these until there is a sender.
	sink   sink
	inline int           // written by the caller
	sender chan struct{} // closed at the sender's end; nil without one
	last   atomic.Bool   // the end of the body is being written
	whole  bool          // the node has the whole body
	quit   bool          // it will not get more of it
	wrote  chan struct{} // closed when nothing more is written; guards whole

	asked chan struct{} // closed when the node asks for the body
	over  chan struct{} // closed by exchange at its end; guards the fields below
	head  *http1.Response
	body  []byte
	err   error
}

// BeginPut sends the headers of req, to which it adds Expect; ContentLength -1
// sends chunks, as does 0. With a Body of constant bytes (a *bytes.Reader of
// ContentLength) it connects, and sends all at Finish; any other Body is
// ignored. The Put is sent to events when the node asks for the body
// ([Put.Asked]) and when the exchange is over ([Put.Over]); events must have
// room for both.
func (c *Client) BeginPut(ctx context.Context, req *Request, events chan<- *Put) *Put {
	p := &Put{
		events: events, queue: make(chan *Chunk, putQueue), wrote: make(chan struct{}),
		finish: make(chan struct{}), asked: make(chan struct{}), over: make(chan struct{}),
	}
	ctx, p.cancel = context.WithCancelCause(ctx)
	p.x = c.newExchange(ctx, req)
	switch p.given = req.constant(); {
	case p.given != nil:
		p.quit, p.whole = true, true
		close(p.wrote)
	case req.Header.Get("Expect") == "":
		req.Header.Set("Expect", "100-continue")
	}
	go p.exchange()
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
func (p *Put) exchange() {
	defer func() { p.events <- p }()
	defer close(p.over)
	err := p.begin()
	if err == nil && p.head == nil {
		err = p.conclude(p.x.receive(http.StatusOK))
	}
	if err != nil {
		p.err = p.x.req.failed(p.x.ctx, err)
	}
}

// begin brings the node to say whether it wants the body.
func (p *Put) begin() error {
	cn, err := p.x.c.connect(p.x.ctx, p.x.req.Addr)
	if err != nil {
		return err
	}
	if p.given != nil {
		p.tellAsked()
		select {
		case <-p.finish:
		case <-p.x.ctx.Done():
			cn.kill()
			return p.x.ctx.Err()
		}
	}
	if err = p.ask(cn); err == nil || !p.x.stale(err) {
		return err
	}
	if cn, err = p.x.c.dial(p.x.ctx, p.x.req.Addr); err != nil {
		return err
	}
	return p.ask(cn)
}

// ask sends the head of the request and reads what the node says to it: that
// it wants the body, or its answer.
func (p *Put) ask(cn *conn) error {
	p.x.begin(cn)
	head, err := p.firstWord(cn)
	switch {
	case err != nil:
		p.x.end(false)
		return err
	case p.given != nil:
		return p.conclude(head, nil)
	case head.Status >= 200:
		p.head = head
		p.x.end(false)
		return nil
	}
	_ = cn.SetDeadline(time.Time{}) // the caller's time
	p.sink = newSink(cn, p.length())
	p.tellAsked()
	return nil
}

func (p *Put) tellAsked() {
	close(p.asked)
	p.events <- p
}

// length is how the body is announced.
func (p *Put) length() int64 {
	if p.x.req.ContentLength > 0 {
		return p.x.req.ContentLength
	}
	return -1
}

func (p *Put) firstWord(cn *conn) (*http1.Response, error) {
	length, until := p.length(), http.StatusContinue
	if p.given != nil {
		length, until = p.given.Size(), http.StatusOK
	}
	out, err := p.x.req.appendHead(cn.out[:0], length, false)
	if err != nil {
		return nil, err
	}
	if p.given != nil {
		if out, err = appendBody(out, p.given); err != nil {
			return nil, err
		}
	}
	sent := p.x.write(out)
	if timedOut(sent) {
		return nil, errTooSlow
	}
	head, err := p.x.receive(until)
	switch {
	case sent != nil && err != nil:
		err = sent
	case sent != nil: // the answer counts, the connection does not
		head.KeepAlive = false
	}
	return head, err
}

// conclude reads the rest of the answer, which may come before the body is
// complete.
func (p *Put) conclude(head *http1.Response, err error) error {
	if err != nil {
		p.x.end(false)
		return err
	}
	p.head = head
	if !p.complete() {
		// The node does not want the rest. What it wrote about that is
		// not waited for, as it may wait for the rest to pass.
		p.x.end(false)
		return nil
	}
	p.x.body.Reset(p.x.cn.br, head.Length)
	p.x.patience()
	p.body, err = io.ReadAll(io.LimitReader(&p.x.body, putBodyLimit))
	if timedOut(err) {
		err = errTooSlow
	}
	p.x.end(head.KeepAlive && p.x.body.Err() == io.EOF)
	if err != nil {
		return err
	}
	select {
	case <-p.finish:
	case <-p.x.ctx.Done():
	}
	return nil
}

// complete reports whether the node has the whole body. If it says that it has
// stored it, the end is at most still on its way out of the sender's hands.
func (p *Put) complete() bool {
	if p.last.Load() && p.head.Status/100 == 2 {
		select {
		case <-p.wrote:
		case <-p.x.ctx.Done():
		}
	}
	return closed(p.wrote) && p.whole
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
		Status: p.head.Status, Header: p.head.Header,
		Body: io.NopCloser(bytes.NewReader(p.body)), ContentLength: int64(len(p.body)),
	}
}

var (
	errQueueFull = errors.New("node takes the body too slowly")
	errTooEarly  = errors.New("node answered before the end of the body")
)

// TrySend takes a piece of the body, of which it keeps a reference, if there
// is room.
func (p *Put) TrySend(c *Chunk) (ok bool, err error) {
	if p.Over() {
		return false, p.broken(errTooEarly)
	}
	if p.sender == nil && p.Asked() && p.inline+len(c.Bytes()) <= putInline {
		p.inline += len(c.Bytes())
		p.write(c)
		return true, nil
	}
	p.startSender()
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
	return swift.E("backend.PUT", p.x.req.Addr+p.x.req.Path, swift.Unavailable, err)
}

// Finish says that the body is complete.
func (p *Put) Finish() {
	if p.ended {
		return
	}
	p.ended = true
	defer close(p.finish) // when all is written that the caller writes
	close(p.queue)
	switch {
	case p.sender != nil, p.given != nil:
	case p.Asked():
		p.writeEnd()
	default:
		p.startSender()
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
		return nil, swift.E("backend.PUT", p.x.req.Addr+p.x.req.Path, swift.Other, context.Cause(ctx))
	}
	if p.err != nil {
		return nil, p.err
	}
	return p.answer(), nil
}

var errAborted = errors.New("aborted")

// Abort closes the connection unless the exchange is over, and waits for the
// goroutines behind it.
func (p *Put) Abort() {
	p.cancel(errAborted)
	<-p.over
	if p.sender != nil {
		<-p.sender
	}
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
