package web

import (
	"context"
	"sync"
	"time"
)

// lifetime is the context of a request. It ends when the client hangs up,
// which somebody has to watch for by reading from the connection. Most small
// requests never ask, so the watch begins with the first question, and not
// before the request's body has been read.
type lifetime struct {
	c  *conn
	mu struct {
		sync.Mutex
		ctx     context.Context // what was asked for; nil before
		cancel  context.CancelFunc
		over    bool          // the request has ended, or the client has gone
		free    bool          // nobody else reads from the connection
		leaving bool          // the watch is being ended
		watch   chan struct{} // closed at the end of the watch; nil without one
	}
}

var _ context.Context = (*lifetime)(nil)

// begin starts the life of a request without body.
func (l *lifetime) begin(c *conn) {
	l.c = c
	l.mu.free = true
}

// Deadline implements context.Context.
func (l *lifetime) Deadline() (time.Time, bool) { return time.Time{}, false }

// Done implements context.Context.
func (l *lifetime) Done() <-chan struct{} { return l.asked().Done() }

// Err implements context.Context.
func (l *lifetime) Err() error { return l.asked().Err() }

// Value implements context.Context.
func (l *lifetime) Value(key any) any {
	l.mu.Lock()
	ctx := l.mu.ctx
	l.mu.Unlock()
	if ctx == nil {
		ctx = l.c.round.base
	}
	return ctx.Value(key)
}

// asked makes the context that is handed out.
func (l *lifetime) asked() context.Context {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.mu.ctx == nil {
		l.mu.ctx, l.mu.cancel = context.WithCancel(l.c.round.base)
		if l.mu.over {
			l.mu.cancel()
		}
		l.watchLocked()
	}
	return l.mu.ctx
}

// watchLocked begins the watch if it is wanted and possible.
func (l *lifetime) watchLocked() {
	if l.mu.ctx == nil || !l.mu.free || l.mu.over || l.mu.watch != nil {
		return
	}
	l.c.in.unbounded()
	watch := make(chan struct{})
	l.mu.watch = watch
	go func() {
		defer close(watch)
		l.look()
	}()
}

// look reads ahead until the client hangs up or the buffer is full of further
// requests.
func (l *lifetime) look() {
	br := l.c.br
	for br.Buffered() < br.Size() {
		if _, err := br.Peek(br.Buffered() + 1); err != nil {
			l.mu.Lock()
			gone := !l.mu.leaving
			l.mu.Unlock()
			if gone {
				l.cancel()
			}
			return
		}
	}
}

// release says that nobody reads from the connection until claim or end.
func (l *lifetime) release() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.mu.free = true
	l.watchLocked()
}

// longAgo as a deadline ends a Read at once.
var longAgo = time.Unix(1, 0)

// claim ends the watch, for whoever reads from the connection next.
func (l *lifetime) claim() {
	l.mu.Lock()
	l.mu.free = false
	watch := l.mu.watch
	l.mu.leaving = watch != nil
	l.mu.Unlock()
	if watch == nil {
		return
	}
	_ = l.c.nc.SetReadDeadline(longAgo)
	<-watch
	l.mu.Lock()
	defer l.mu.Unlock()
	l.mu.watch, l.mu.leaving = nil, false
}

// cancel ends the context.
func (l *lifetime) cancel() {
	l.mu.Lock()
	l.mu.over = true
	cancel := l.mu.cancel
	l.mu.Unlock()
	if cancel != nil {
		cancel()
	}
}

// end is the end of the request.
func (l *lifetime) end() {
	l.claim()
	l.cancel()
}
