package fanout

import (
	"bytes"
	"context"
	"net/http"
	"time"

	"apus/impl/backend"
	"apus/impl/host"
)

// EachRequest is a small request to every replica.
type EachRequest struct {
	Method   string
	Entity   string // "/a/c/o"
	RawQuery string
	// Headers holds one header for every request to make.
	Headers []http.Header
	Body    []byte
	Nodes   *Nodes
	// Count is how many answers make the whole, usually the number of
	// replicas; 0 means that.
	Count int
	TxnID string
}

// Small answers of nodes are read up to this.
const answerLimit = 1 << 20

// Each sends one request for every header, each to the first node that gives
// it an answer. It returns when a quorum agrees and the rest had
// PostQuorumTimeout to be counted. Missing answers are 503.
func (f *Fanout) Each(ctx context.Context, r EachRequest) []Answer {
	if r.Count == 0 {
		r.Count = r.Nodes.Replicas()
	}
	shared, keep, cancel := f.detach(ctx)
	results := make(chan *Answer, len(r.Headers))
	pending := len(r.Headers)
	f.owned.Add(pending)
	left := newCountdown(pending, cancel)
	for _, h := range r.Headers {
		go func() {
			defer f.owned.Done()
			defer left.done()
			results <- f.one(shared, &r, h)
		}()
	}
	answers := make([]Answer, 0, r.Count)
	take := func(a *Answer) {
		pending--
		if a != nil && useful(a.Node.Handoff, a.Status, a.Header) {
			answers = append(answers, *a)
		}
	}
	for pending > 0 && !HaveQuorum(answers, Quorum(r.Count)) {
		take(<-results)
	}
	if pending > 0 {
		late := time.NewTimer(f.cfg.PostQuorumTimeout)
		defer late.Stop()
		for open := true; open && pending > 0; {
			select {
			case a := <-results:
				take(a)
			case <-late.C:
				open = false
			}
		}
	}
	keep()
	return pad(answers, r.Count)
}

// one asks nodes until one answers; nil if none did.
func (f *Fanout) one(ctx context.Context, r *EachRequest, h http.Header) *Answer {
	for node, ok := r.Nodes.Next(); ok && ctx.Err() == nil; node, ok = r.Nodes.Next() {
		sw := host.StartStopwatch()
		req := &backend.Request{
			Method: r.Method, Addr: node.addr, Path: r.Nodes.path(node, r.Entity), RawQuery: r.RawQuery, Header: h,
		}
		if len(r.Body) > 0 {
			req.Body, req.ContentLength = bytes.NewReader(r.Body), int64(len(r.Body))
		}
		resp, err := f.client.Do(ctx, req)
		var body []byte
		if err == nil {
			body, err = resp.ReadAll(answerLimit)
		}
		if err != nil {
			f.failed(node, r.Method, r.Entity, r.TxnID, sw, err)
			continue
		}
		f.timed(node, sw)
		if f.answered(node, r.Method, r.Entity, r.TxnID, sw, resp.Status) {
			return &Answer{Status: resp.Status, Header: resp.Header, Body: body, Node: node}
		}
	}
	return nil
}
