package web

import (
	"net"
	"sync"
)

// limitedListener has at most so many connections open. Others wait in the
// system's queue.
type limitedListener struct {
	net.Listener
	slots  chan struct{}
	closed chan struct{}
	once   sync.Once
}

func newLimited(ln net.Listener, most int) *limitedListener {
	return &limitedListener{Listener: ln, slots: make(chan struct{}, most), closed: make(chan struct{})}
}

func (l *limitedListener) Accept() (net.Conn, error) {
	select {
	case l.slots <- struct{}{}:
	case <-l.closed:
		return nil, net.ErrClosed
	}
	c, err := l.Listener.Accept()
	if err != nil {
		<-l.slots
		return nil, err
	}
	leave := sync.OnceFunc(func() { <-l.slots })
	if tcp, ok := c.(*net.TCPConn); ok {
		return &limitedTCP{tcp, leave}, nil
	}
	return &limitedConn{c, leave}, nil
}

func (l *limitedListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

// limitedConn frees its place when it is closed.
type limitedConn struct {
	net.Conn
	leave func()
}

func (c *limitedConn) Close() error {
	defer c.leave()
	return c.Conn.Close()
}

// limitedTCP keeps what net/http looks for in a TCP connection.
type limitedTCP struct {
	*net.TCPConn
	leave func()
}

func (c *limitedTCP) Close() error {
	defer c.leave()
	return c.TCPConn.Close()
}
