package fanout

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"apus/impl/backend"
	"apus/impl/host"
	"apus/impl/swift"
)

// PutRequest is an object on its way to the nodes of its partition.
type PutRequest struct {
	Entity  string        // "/a/c/o"
	Headers []http.Header // one for every replica
	Nodes   *Nodes
	Body    io.Reader
	Length  int64 // -1 unknown
	MaxSize int64
	// IfNoneMatch says that an existing object forbids the PUT.
	IfNoneMatch bool
	TxnID       string
}

// Put stores the object on as many nodes as there are headers, and on no less
// than a quorum. The client's body is read once and fed to all nodes; a node
// that fails or falls behind by the node timeout is dropped. An error is
// about the client's body: ClientGone, Timeout or TooLarge.
//
// Nodes are asked first whether they want the body, unless that is short
// (Config.InlinePut) and the PUT does not depend on what they have. Then the
// body is read before all else, and once a quorum of nodes has taken a connection
// it goes out together with the headers, which saves a round trip and half of
// the packets. Nodes that then refuse it are still replaced, but a few that
// took it keep it when no quorum comes about and the client is told so.
func (f *Fanout) Put(ctx context.Context, r PutRequest) (Answer, error) {
	shared, keep, cancel := f.detach(ctx)
	p := &putter{
		f: f, r: &r, ctx: ctx, shared: shared, n: len(r.Headers),
		limit: len(r.Headers) + maxReplacements,
		live:  make([]*putNode, 0, len(r.Headers)),
	}
	p.events = make(chan *backend.Put, 2*p.limit)
	defer func() {
		if len(p.live) == 0 {
			keep()
			cancel()
			return
		}
		p.adopt(keep, cancel)
	}()
	defer p.dropUnlessComplete()
	if f.cfg.InlinePut > 0 && r.Length >= 0 && r.Length <= int64(f.cfg.InlinePut) && !r.IfNoneMatch {
		if err := p.readBody(); err != nil {
			return Answer{}, err
		}
	}
	if a, done, err := p.connect(); done || err != nil {
		return a, err
	}
	if p.body != nil {
		return p.sendBody()
	}
	if err := p.transfer(); err != nil {
		return Answer{}, err
	}
	if !p.complete {
		if ctx.Err() != nil {
			return Answer{}, gone(ctx)
		}
		return putVerdict(p.answers, p.n), nil
	}
	return p.gather(nil)
}

// A PUT goes on to this many more nodes for those that fail before the body.
const maxReplacements = 16

// putNode is one node of a PUT.
type putNode struct {
	*backend.Put
	node   *Node
	header http.Header
	sw     host.Stopwatch
}

// putter is the state of one PUT; one goroutine uses it.
type putter struct {
	f        *Fanout
	r        *PutRequest
	ctx      context.Context // the request's
	shared   context.Context // the exchanges'
	n        int             // replicas
	begun    int
	limit    int
	live     []*putNode // in order of their beginning
	answers  []Answer
	events   chan *backend.Put
	body     []byte // that goes with the headers; nil if it is fed
	complete bool   // the nodes that live have the whole body
}

func (p *putter) dropUnlessComplete() {
	if p.complete {
		return
	}
	for _, l := range p.live {
		l.Abort()
	}
	p.live = nil
}

// begin asks the next node to take the object; nil if there is none.
func (p *putter) begin(h http.Header) *putNode {
	if p.begun >= p.limit {
		return nil
	}
	node, ok := p.r.Nodes.Next()
	if !ok {
		return nil
	}
	p.begun++
	l := &putNode{node: node, header: h, sw: host.StartStopwatch()}
	req := &backend.Request{
		Method: http.MethodPut, Addr: node.addr, Path: p.r.Nodes.path(node, p.r.Entity),
		Header: h, ContentLength: p.r.Length, UnderWay: node.load,
	}
	if p.body != nil {
		req.Body = bytes.NewReader(p.body)
	}
	l.Put = p.f.client.BeginPut(p.shared, req, p.events)
	p.live = append(p.live, l)
	return l
}

// readBody reads a short body.
func (p *putter) readBody() error {
	if p.r.MaxSize > 0 && p.r.Length > p.r.MaxSize {
		return tooLarge(p.r.Entity)
	}
	p.body = make([]byte, p.r.Length)
	n, err := io.ReadFull(p.r.Body, p.body)
	if err == nil {
		err = atEnd(p.r.Body)
	}
	switch {
	case err == errMore:
		return p.wrongLength(int64(n) + 1)
	case err == io.ErrUnexpectedEOF || err == io.EOF && int64(n) < p.r.Length:
		return p.wrongLength(int64(n))
	case err != io.EOF:
		return clientError(err)
	}
	return nil
}

// sendBody sends headers and body to the nodes that there is a connection to,
// and to others in place of those that fail.
func (p *putter) sendBody() (Answer, error) {
	p.complete = true
	for _, l := range p.live {
		l.Finish()
	}
	a, err := p.gather(func(h http.Header) {
		if l := p.begin(h); l != nil {
			l.Finish()
		}
	})
	for _, answer := range p.answers {
		if err == nil && answer.Status == http.StatusConflict {
			return Answer{Status: http.StatusAccepted}, nil // as if it had been asked first
		}
	}
	return a, err
}

var errMore = errors.New("the body goes on")

// atEnd is io.EOF if the body has no more.
func atEnd(body io.Reader) error {
	var one [1]byte
	n, err := io.ReadFull(body, one[:])
	if n > 0 {
		return errMore
	}
	return err
}

// waiting counts the nodes that have not said whether they want the body.
func (p *putter) waiting() int {
	n := 0
	for _, l := range p.live {
		if !l.Asked() {
			n++
		}
	}
	return n
}

// connect begins with one node for every header and replaces those that fail.
// done means that the body is not wanted.
func (p *putter) connect() (a Answer, done bool, err error) {
	for _, h := range p.r.Headers {
		p.begin(h)
	}
	for p.waiting() > 0 {
		select {
		case <-p.ctx.Done():
			return Answer{}, true, gone(p.ctx)
		case <-p.events:
		}
		p.reap(func(h http.Header) { p.begin(h) })
	}
	a, done = startVerdict(p.answers, len(p.live), p.n, p.r.IfNoneMatch)
	return a, done, nil
}

func gone(ctx context.Context) error {
	return swift.E("fanout.Put", "", swift.ClientGone, context.Cause(ctx))
}

// reap takes the nodes whose exchange is over off the live ones and keeps
// their answers. Replace is called for those without one.
func (p *putter) reap(replace func(http.Header)) {
	var retry []http.Header
	live := p.live[:0]
	for _, l := range p.live {
		switch {
		case !l.Over():
			live = append(live, l)
		case !p.settle(l) && replace != nil:
			retry = append(retry, l.header)
		}
	}
	clear(p.live[len(live):])
	p.live = live
	for _, h := range retry {
		replace(h)
	}
}

// settle keeps the answer of a node whose exchange is over.
func (p *putter) settle(l *putNode) (answered bool) {
	resp, err := l.Response(p.ctx)
	l.Abort()
	if err != nil {
		p.f.failed(l.node, http.MethodPut, p.r.Entity, p.r.TxnID, l.sw, err)
		return false
	}
	body, _ := resp.ReadAll(answerLimit) // constant
	if !p.f.answered(l.node, http.MethodPut, p.r.Entity, p.r.TxnID, l.sw, resp.Status) {
		return false
	}
	p.answers = append(p.answers, Answer{Status: resp.Status, Header: resp.Header, Body: body, Node: l.node})
	return true
}

// short reports that the object can no longer reach a quorum of nodes.
func (p *putter) short() bool {
	return len(p.live) < Quorum(p.n) && !HaveQuorum(p.answers, Quorum(p.n))
}

// transfer feeds the client's body to the nodes, until its end or until a
// quorum is out of reach.
func (p *putter) transfer() error {
	var got int64
	for {
		c := p.f.chunks.Get()
		n, err := p.r.Body.Read(c.Space())
		c.SetLen(n)
		got += int64(n)
		if n > 0 && err != nil && err != io.EOF {
			n = 0
		}
		if p.r.MaxSize > 0 && got > p.r.MaxSize {
			c.Release()
			return tooLarge(p.r.Entity)
		}
		if n > 0 {
			p.feed(c)
		}
		c.Release()
		switch {
		case err == io.EOF:
			return p.finish(got)
		case err != nil:
			return clientError(err)
		case len(p.live) < Quorum(p.n):
			return nil
		}
	}
}

func tooLarge(entity string) error {
	return swift.E("fanout.Put", entity, swift.TooLarge, errors.New("object is larger than max_file_size"))
}

// clientError keeps the kind of an error of the client's body; what has none
// is a disconnect.
func clientError(err error) error {
	if k := swift.KindOf(err); k != swift.Other {
		return err
	}
	return swift.E("fanout.Put", "", swift.ClientGone, err)
}

// finish ends the body at the nodes, if it is as long as announced.
func (p *putter) finish(got int64) error {
	if p.r.Length >= 0 && got != p.r.Length {
		return p.wrongLength(got)
	}
	p.reap(nil)
	if p.short() {
		return nil
	}
	p.complete = true
	for _, l := range p.live {
		l.Finish()
	}
	return nil
}

func (p *putter) wrongLength(got int64) error {
	return swift.E("fanout.Put", p.r.Entity, swift.ClientGone, fmt.Errorf("client sent %d bytes of %d", got, p.r.Length))
}

// feed queues a chunk for all nodes. Those without room get the node timeout,
// all the same one.
func (p *putter) feed(c *backend.Chunk) {
	var deadline chan struct{}
	live := p.live[:0]
	for _, l := range p.live {
		ok, err := l.TrySend(c)
		if !ok && err == nil {
			if deadline == nil {
				deadline = make(chan struct{})
				defer time.AfterFunc(p.f.cfg.NodeTimeout, func() { close(deadline) }).Stop()
			}
			err = l.Send(c, deadline)
		}
		if err == nil {
			live = append(live, l)
			continue
		}
		p.drop(l, err)
	}
	clear(p.live[len(live):])
	p.live = live
}

// drop ends the exchange with a node that does not take the body. An answer
// that it gave instead counts.
func (p *putter) drop(l *putNode, err error) {
	if l.Over() {
		p.settle(l)
		return
	}
	l.Abort()
	p.f.failed(l.node, http.MethodPut, p.r.Entity, p.r.TxnID, l.sw, err)
}

// gather waits for the answers of the nodes that have the whole body, or get it.
// Replace, if not nil, is called for those without one.
func (p *putter) gather(replace func(http.Header)) (Answer, error) {
	var late <-chan time.Time
	for p.reap(replace); len(p.live) > 0; p.reap(replace) {
		if late == nil && HaveQuorum(p.answers, Quorum(p.n)) {
			t := time.NewTimer(p.f.cfg.PostQuorumTimeout)
			defer t.Stop()
			late = t.C
		}
		select {
		case <-p.events:
			continue
		case <-late:
		case <-p.ctx.Done():
			return Answer{}, gone(p.ctx)
		}
		break
	}
	return putVerdict(p.answers, p.n), nil
}

// adopt lets the nodes that have the whole object finish storing it.
func (p *putter) adopt(keep func(), cancel context.CancelFunc) {
	keep()
	f, r, live := p.f, p.r, p.live
	f.owned.Go(func() {
		defer cancel()
		for _, l := range live {
			resp, err := l.Response(f.life)
			l.Abort()
			if err != nil {
				f.failed(l.node, http.MethodPut, r.Entity, r.TxnID, l.sw, err)
				continue
			}
			f.answered(l.node, http.MethodPut, r.Entity, r.TxnID, l.sw, resp.Status)
		}
	})
}
