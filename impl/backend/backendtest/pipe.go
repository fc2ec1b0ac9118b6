package backendtest

import (
	"io"
	"net"
	"sync"
	"time"
)

// Bytes that one direction of a connection holds before its writer blocks.
const window = 64 << 10

// pipe is one direction of a connection: a bounded buffer.
type pipe struct {
	mu       sync.Mutex
	buf      []byte
	closed   error // what a reader gets at the end; nil while open
	broken   bool  // the reader is gone
	changed  chan struct{}
	rdl, wdl time.Time
}

func newPipe() *pipe { return &pipe{changed: make(chan struct{})} }

// wakeLocked lets everybody look again.
func (p *pipe) wakeLocked() {
	close(p.changed)
	p.changed = make(chan struct{})
}

// wait sleeps until something changes or the deadline passes.
func wait(changed <-chan struct{}, deadline time.Time) bool {
	if deadline.IsZero() {
		<-changed
		return true
	}
	t := time.NewTimer(time.Until(deadline))
	defer t.Stop()
	select {
	case <-changed:
		return true
	case <-t.C:
		return false
	}
}

func (p *pipe) read(b []byte) (int, error) {
	for {
		p.mu.Lock()
		if p.broken {
			p.mu.Unlock()
			return 0, net.ErrClosed
		}
		if len(p.buf) > 0 {
			n := copy(b, p.buf)
			p.buf = p.buf[n:]
			p.wakeLocked()
			p.mu.Unlock()
			return n, nil
		}
		if p.closed != nil {
			defer p.mu.Unlock()
			return 0, p.closed
		}
		changed, deadline := p.changed, p.rdl
		p.mu.Unlock()
		if !wait(changed, deadline) {
			return 0, errDeadline
		}
	}
}

// quiet reports that a read would wait.
func (p *pipe) quiet() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return !p.broken && len(p.buf) == 0 && p.closed == nil
}

func (p *pipe) write(b []byte) (int, error) {
	total := 0
	for {
		p.mu.Lock()
		if p.closed != nil || p.broken {
			p.mu.Unlock()
			return total, io.ErrClosedPipe
		}
		if room := window - len(p.buf); room > 0 {
			n := min(room, len(b))
			p.buf = append(p.buf, b[:n]...)
			b, total = b[n:], total+n
			p.wakeLocked()
		}
		changed, deadline := p.changed, p.wdl
		p.mu.Unlock()
		if len(b) == 0 {
			return total, nil
		}
		if !wait(changed, deadline) {
			return total, errDeadline
		}
	}
}

type deadlineError struct{}

func (deadlineError) Error() string   { return "i/o timeout" }
func (deadlineError) Timeout() bool   { return true }
func (deadlineError) Temporary() bool { return true }

var errDeadline = deadlineError{}

// end is one end of a connection.
type end struct{ in, out *pipe }

func newPair() (a, b net.Conn) {
	x, y := newPipe(), newPipe()
	return &end{x, y}, &end{y, x}
}

func (e *end) Read(b []byte) (int, error)  { return e.in.read(b) }
func (e *end) Write(b []byte) (int, error) { return e.out.write(b) }

func (e *end) Close() error {
	e.out.mu.Lock()
	if e.out.closed == nil {
		e.out.closed = io.EOF
	}
	e.out.wakeLocked()
	e.out.mu.Unlock()
	e.in.mu.Lock()
	e.in.broken = true
	e.in.wakeLocked()
	e.in.mu.Unlock()
	return nil
}

func (e *end) SetReadDeadline(t time.Time) error {
	e.in.mu.Lock()
	defer e.in.mu.Unlock()
	e.in.rdl = t
	e.in.wakeLocked()
	return nil
}

func (e *end) SetWriteDeadline(t time.Time) error {
	e.out.mu.Lock()
	defer e.out.mu.Unlock()
	e.out.wdl = t
	e.out.wakeLocked()
	return nil
}

func (e *end) SetDeadline(t time.Time) error {
	_ = e.SetReadDeadline(t)
	return e.SetWriteDeadline(t)
}

func (e *end) LocalAddr() net.Addr  { return memAddr("local") }
func (e *end) RemoteAddr() net.Addr { return memAddr("remote") }
