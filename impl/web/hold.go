package web

import (
	"context"
	"io"
	"net"
	"sync"
)

// holdMax is the longest body that is sent in one piece with its header,
// holdSize what is held back of both.
const (
	holdMax  = 32 << 10
	holdSize = holdMax + 4<<10
)

var holdBuffers = sync.Pool{New: func() any { return new([holdSize]byte) }}

// heldConn is a connection that can hold back what net/http writes in pieces
// and send it at once. Whoever writes to it also holds and releases it.
type heldConn struct {
	net.Conn
	buf *[holdSize]byte // nil while nothing is held back
	n   int
}

// hold keeps back what is written from now on, until release or until it is
// more than holdSize.
func (c *heldConn) hold() { c.buf, c.n = holdBuffers.Get().(*[holdSize]byte), 0 }

// release sends what was held back.
func (c *heldConn) release() error {
	buf := c.buf
	if buf == nil {
		return nil
	}
	c.buf = nil
	defer holdBuffers.Put(buf)
	if c.n == 0 {
		return nil
	}
	_, err := c.Conn.Write(buf[:c.n])
	return err
}

func (c *heldConn) Write(p []byte) (int, error) {
	if c.buf != nil {
		if len(p) <= holdSize-c.n {
			c.n += copy(c.buf[c.n:], p)
			return len(p), nil
		}
		if err := c.release(); err != nil {
			return 0, err
		}
	}
	return c.Conn.Write(p)
}

// heldTCP is a heldConn with what net/http looks for in a TCP connection:
// sendfile and closing one direction.
type heldTCP struct {
	*heldConn
	tcp tcpConn
}

// tcpConn is what [net.TCPConn] has beyond a connection.
type tcpConn interface {
	net.Conn
	io.ReaderFrom
	CloseWrite() error
}

var _ io.ReaderFrom = heldTCP{}

func (c heldTCP) ReadFrom(r io.Reader) (int64, error) {
	if err := c.release(); err != nil {
		return 0, err
	}
	return c.tcp.ReadFrom(r)
}

func (c heldTCP) CloseWrite() error { return c.tcp.CloseWrite() }

// holdListener makes every connection one that can be held.
type holdListener struct{ net.Listener }

func (l holdListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	held := &heldConn{Conn: c}
	if tcp, ok := c.(tcpConn); ok {
		return heldTCP{held, tcp}, nil
	}
	return held, nil
}

// heldKey finds the connection of a request in its context.
type heldKey struct{}

func withHeld(ctx context.Context, c net.Conn) context.Context {
	switch c := c.(type) {
	case heldTCP:
		return context.WithValue(ctx, heldKey{}, c.heldConn)
	case *heldConn:
		return context.WithValue(ctx, heldKey{}, c)
	}
	return ctx
}
