package fanout

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"apus/impl/backend"
	"apus/impl/host"
	"apus/impl/web"
)

// GetRequest is a GET or HEAD of something that every replica has.
type GetRequest struct {
	Method   string
	Entity   string // "/a/c/o"
	RawQuery string
	Header   http.Header
	Nodes    *Nodes
	Server   string // ServerObject, …
	// Newest asks all nodes and takes the newest answer, which then cannot be
	// resumed elsewhere.
	Newest bool
	TxnID  string
}

// Get is the response of the first node that has the thing, else the answer
// that a quorum of the nodes agrees on, else 503. The body of an object
// resumes at other nodes when one fails. The caller owns the response.
func (f *Fanout) Get(ctx context.Context, r GetRequest) *web.Response {
	prefs := r.Nodes.opts.Preferences
	g := &getter{f: f, r: r, ctx: ctx, hunt: newHunt(r.Server, r.Newest, r.Nodes.Replicas(), prefs.missing())}
	g.timeout = f.cfg.NodeTimeout
	if g.hunt.object && !r.Newest {
		g.timeout = f.cfg.RecoverableNodeTimeout
	}
	find := g.find
	switch {
	case r.Newest:
		find = g.findNewest
	case prefs != nil && prefs.Concurrent && r.Nodes.Replicas() > 1:
		find = g.findHedged
	}
	resp, node := find(r.Header)
	if resp == nil {
		return g.notFound()
	}
	if r.Method == http.MethodHead {
		resp.Discard()
		resp.Body = http.NoBody
		return resp
	}
	if g.hunt.object && !r.Newest {
		resp.Body = g.resuming(resp, node)
	}
	return resp
}

// getter is the state of one Get; it lives on in a resuming body.
type getter struct {
	f       *Fanout
	r       GetRequest
	ctx     context.Context
	hunt    *hunt
	timeout time.Duration
}

// notFound is the answer when no node is a good source. It has the words of
// its status and the headers of the answer that decided it.
func (g *getter) notFound() *web.Response {
	a := g.hunt.verdict()
	resp := web.NewResponse(a.Status)
	if a.Status == http.StatusPreconditionFailed {
		resp = web.HTML(a.Status, "") // clients who made a condition know what it means
	}
	for name, values := range a.Header {
		// Of a failed condition clients are told what the object is.
		switch name {
		case "Content-Encoding", "Content-Disposition", "Content-Language":
			resp.Header[name] = values
			continue
		}
		if !strings.HasPrefix(name, "Content-") {
			resp.Header[name] = values
		}
	}
	return resp
}

// ask sends the request to one node; nil if it brought no answer.
func (g *getter) ask(ctx context.Context, node *Node, h http.Header) *web.Response {
	sw := host.StartStopwatch()
	resp, err := g.f.client.Do(ctx, &backend.Request{
		Method: g.r.Method, Addr: node.addr, Path: g.r.Nodes.path(node, g.r.Entity),
		RawQuery: g.r.RawQuery, Header: h, NodeTimeout: g.timeout, UnderWay: node.load,
	})
	if err != nil {
		g.f.failed(node, g.r.Method, g.r.Entity, g.r.TxnID, sw, err)
		return nil
	}
	g.f.timed(node, sw)
	g.f.answered(node, g.r.Method, g.r.Entity, g.r.TxnID, sw, resp.Status)
	return resp
}

// find asks node after node until one is a good source. The response is the
// caller's.
func (g *getter) find(h http.Header) (*web.Response, *Node) {
	for node, ok := g.r.Nodes.Next(); ok && g.ctx.Err() == nil; node, ok = g.r.Nodes.Next() {
		resp := g.ask(g.ctx, node, h)
		if resp == nil {
			continue
		}
		if g.hunt.judge(node, resp.Status, resp.Header) == source {
			return resp, node
		}
		resp.Discard()
	}
	return nil, nil
}

// findNewest asks all nodes at once. Each response is discarded by the
// goroutine that opened it unless it is the chosen one.
func (g *getter) findNewest(h http.Header) (*web.Response, *Node) {
	var nodes []*Node
	for node, ok := g.r.Nodes.Next(); ok; node, ok = g.r.Nodes.Next() {
		nodes = append(nodes, node)
	}
	responses := make([]*web.Response, len(nodes))
	cancels := make([]context.CancelFunc, len(nodes))
	var asked, finished sync.WaitGroup
	chosen, decided := -1, make(chan struct{})
	for i, node := range nodes {
		asked.Add(1)
		ctx, cancel := context.WithCancel(g.ctx)
		cancels[i] = cancel
		finished.Go(func() {
			responses[i] = g.ask(ctx, node, h)
			asked.Done()
			<-decided
			if i == chosen {
				return
			}
			if resp := responses[i]; resp != nil {
				lose(resp)
			}
			cancel()
		})
	}
	asked.Wait()
	chosen = g.choose(nodes, responses)
	close(decided)
	finished.Wait()
	if chosen < 0 {
		return nil, nil
	}
	resp := responses[chosen]
	resp.Body = &cancelBody{resp.Body, cancels[chosen]}
	return resp, nodes[chosen]
}

// lose finishes a response that was not chosen, without waiting for much.
func lose(resp *web.Response) {
	if resp.ContentLength >= 0 && resp.ContentLength <= loserLimit {
		resp.Discard()
		return
	}
	resp.Abandon()
}

// A body this small is worth reading to keep its connection.
const loserLimit = 4 << 10

// choose judges all answers in the order of the nodes.
func (g *getter) choose(nodes []*Node, responses []*web.Response) int {
	good := make([]http.Header, len(nodes))
	for i, resp := range responses {
		if resp == nil {
			continue
		}
		if g.hunt.judge(nodes[i], resp.Status, resp.Header) == source {
			good[i] = resp.Header
		}
	}
	return g.hunt.newestOf(good)
}

// cancelBody releases the context of an exchange when its body is closed.
type cancelBody struct {
	io.ReadCloser
	cancel context.CancelFunc
}

var _ web.ConnSource = (*cancelBody)(nil)

// Conn implements web.ConnSource if the body does.
func (b *cancelBody) Conn() (net.Conn, int64) {
	if src, ok := b.ReadCloser.(web.ConnSource); ok {
		return src.Conn()
	}
	return nil, 0
}

// Took implements web.ConnSource, after Conn has given a connection.
func (b *cancelBody) Took(n int64, err error) error {
	return b.ReadCloser.(web.ConnSource).Took(n, err)
}

func (b *cancelBody) Close() error {
	defer b.cancel()
	return b.ReadCloser.Close()
}
