package fanout

import (
	"context"
	"net/http"
	"time"

	"apus/impl/web"
)

// hedge is a search that has several requests under way.
type hedge struct {
	g        *getter
	header   http.Header
	arrivals chan arrival
	open     map[*Node]context.CancelFunc // under way
}

// arrival is what one request brought; resp is nil if that is nothing.
type arrival struct {
	node *Node
	resp *web.Response
}

// findHedged is find that does not wait for a slow node: when
// ConcurrencyTimeout has passed it asks the next one as well, up to as many at
// once as there are replicas. The first good source wins; the requests to the
// others are cut off, and each is over before this returns.
func (g *getter) findHedged(h http.Header) (*web.Response, *Node) {
	width := g.r.Nodes.Replicas()
	s := &hedge{g: g, header: h, arrivals: make(chan arrival, width), open: map[*Node]context.CancelFunc{}}
	defer s.end()
	for more := s.begin(); len(s.open) > 0; {
		a, ok := s.await(more && len(s.open) < width)
		if !ok {
			more = s.begin()
			continue
		}
		cancel := s.open[a.node]
		delete(s.open, a.node)
		if a.resp != nil {
			if g.hunt.judge(a.node, a.resp.Status, a.resp.Header) == source {
				a.resp.Body = &cancelBody{a.resp.Body, cancel}
				return a.resp, a.node
			}
			a.resp.Discard()
		}
		cancel()
		more = more && s.begin()
	}
	return nil, nil
}

// begin asks the next node, if there is one.
func (s *hedge) begin() bool {
	if s.g.ctx.Err() != nil {
		return false
	}
	node, ok := s.g.r.Nodes.Next()
	if !ok {
		return false
	}
	ctx, cancel := context.WithCancel(s.g.ctx)
	s.open[node] = cancel
	go func() { s.arrivals <- arrival{node, s.g.ask(ctx, node, s.header)} }()
	return true
}

// await is the next arrival. It is false when the time has come to ask another
// node, if there may be one.
func (s *hedge) await(another bool) (arrival, bool) {
	if !another {
		return <-s.arrivals, true
	}
	late := time.NewTimer(s.g.r.Nodes.opts.Preferences.ConcurrencyTimeout)
	defer late.Stop()
	select {
	case a := <-s.arrivals:
		return a, true
	case <-late.C:
		return arrival{}, false
	}
}

// end cuts off what is under way and waits for it.
func (s *hedge) end() {
	for _, cancel := range s.open {
		cancel()
	}
	for len(s.open) > 0 {
		a := <-s.arrivals
		if a.resp != nil {
			a.resp.Abandon()
		}
		delete(s.open, a.node)
	}
}
