package backend

import (
	"context"
	"io"
	"sync"
	"time"
)

// watch ends an exchange whose node does nothing for too long. It runs while
// the node has to act and is paused while the caller has to. One watch sees
// the request through, another the body of the response: the end of the
// request's body may be read after the response has begun.
type watch struct {
	limit  time.Duration
	cancel context.CancelCauseFunc
	mu     struct {
		sync.Mutex
		timer *time.Timer
		ended bool
	}
}

func (c *Client) newWatch(req *Request, cancel context.CancelCauseFunc) *watch {
	w := &watch{limit: c.cfg.NodeTimeout, cancel: cancel}
	if req.NodeTimeout > 0 {
		w.limit = req.NodeTimeout
	}
	return w
}

// start gives the node its time, and something extra.
func (w *watch) start(extra time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.mu.ended:
	case w.mu.timer == nil:
		w.mu.timer = time.AfterFunc(w.limit+extra, func() { w.cancel(errTooSlow) })
	default:
		w.mu.timer.Reset(w.limit + extra)
	}
}

func (w *watch) pause() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.mu.timer != nil {
		w.mu.timer.Stop()
	}
}

// end pauses for good.
func (w *watch) end() {
	w.pause()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.mu.ended = true
}

// watchedReader is a request body: the node is given time from each piece to
// the next.
type watchedReader struct {
	inner io.Reader
	w     *watch
}

func (r *watchedReader) Read(p []byte) (int, error) {
	r.w.pause()
	n, err := r.inner.Read(p)
	r.w.start(0)
	return n, err
}

// body is the body of a response. The node is given time for each piece.
type body struct {
	inner io.ReadCloser
	ctx   context.Context // of this exchange; holds the cause of its end
	req   *Request
	w     *watch
	err   error
}

func (b *body) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	b.w.start(0)
	n, err := b.inner.Read(p)
	b.w.pause()
	switch err {
	case nil:
		return n, nil
	case io.EOF:
		b.err = io.EOF
	default:
		b.err = b.req.failed(b.ctx, err)
	}
	return n, b.err
}

// Close gives the connection back if the body was read to its end, and closes
// it otherwise.
func (b *body) Close() error {
	err := b.inner.Close()
	b.w.cancel(nil)
	return err
}
