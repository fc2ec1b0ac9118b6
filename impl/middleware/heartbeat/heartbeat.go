// Package heartbeat is for answers whose status is sent before the work is
// done: spaces keep the connection alive meanwhile, and the body ends with a
// [Report] of how it went. Clients ask for it with heartbeat=on.
//
// A report comes in the format that the client accepts: lines "key: value"
// and then "Errors:" with lines "name, status"; or a JSON object whose Errors
// are pairs; or XML with the keys as elements, in lower case with underscores.
package heartbeat

import (
	"context"
	"io"
	"time"
)

// Body is the body of such an answer. Nothing is done before it is read.
type Body struct {
	ctx    context.Context
	cancel context.CancelFunc
	every  time.Duration
	work   func(context.Context) []byte
	done   chan result // nil before the first Read
	rest   []byte      // of the report
	ended  bool
}

// result is what work returned, or how it panicked.
type result struct {
	report   []byte
	panicked any
}

var _ io.ReadCloser = (*Body)(nil)

// NewBody is a space, more of them while work runs, one every so often, and
// then what work returns. Work runs once, beside the reading. Close ends its
// context and waits for it; ctx lives as long as the body.
func NewBody(ctx context.Context, every time.Duration, work func(context.Context) []byte) *Body {
	ctx, cancel := context.WithCancel(ctx)
	return &Body{ctx: ctx, cancel: cancel, every: every, work: work}
}

func (b *Body) Read(p []byte) (int, error) {
	switch {
	case len(p) == 0:
		return 0, nil
	case b.ended:
		n := copy(p, b.rest)
		if b.rest = b.rest[n:]; n == 0 {
			return 0, io.EOF
		}
		return n, nil
	case b.done == nil: // the first space goes out at once, and the status with it
		b.done = make(chan result, 1)
		go b.run()
		return copy(p, " "), nil
	}
	var beat <-chan time.Time
	if b.every > 0 {
		timer := time.NewTimer(b.every)
		defer timer.Stop()
		beat = timer.C
	}
	select {
	case r := <-b.done:
		b.rest, b.ended = r.report, true
		if r.panicked != nil {
			panic(r.panicked) // where the request's own panics are handled
		}
		return b.Read(p)
	case <-beat:
		return copy(p, " "), nil
	}
}

func (b *Body) run() {
	var r result
	defer func() {
		r.panicked = recover()
		b.done <- r
	}()
	r.report = b.work(b.ctx)
}

// Close stops the work.
func (b *Body) Close() error {
	b.cancel()
	if b.done != nil && !b.ended {
		<-b.done
	}
	b.ended, b.rest = true, nil
	return nil
}
