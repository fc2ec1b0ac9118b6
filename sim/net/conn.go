package simnet

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"time"
)

// Conn is a connection as its process holds it: [net.Conn] and CloseWrite.
type Conn struct{ e *end }

var _ net.Conn = (*Conn)(nil)

// ID numbers the connection; both sides have the same.
func (c *Conn) ID() uint64 { return c.e.conn.id }

// Read reads what has arrived, at least one byte.
func (c *Conn) Read(b []byte) (int, error) {
	e := c.e
	e.readTurn <- struct{}{}
	defer func() { <-e.readTurn }()
	n := e.conn.net()
	for {
		n.mu.Lock()
		size, done, err := e.readLocked(b)
		if !done {
			e.armDeadlineLocked(&e.mu.readTimer, e.mu.readBy, e.wakeReader)
		}
		n.mu.Unlock()
		if done {
			return size, c.wrap("read", err)
		}
		<-e.readReady
	}
}

func (e *end) readLocked(b []byte) (n int, done bool, err error) {
	switch {
	case e.proc.mu.fenced:
		return 0, true, ErrDead
	case e.mu.closed:
		return 0, true, net.ErrClosed
	case passed(e.mu.readBy):
		return 0, true, os.ErrDeadlineExceeded
	case len(b) == 0:
		return 0, true, nil
	case e.in.arrived > e.in.head:
		return e.in.readLocked(b), true, nil
	case e.mu.err != nil:
		return 0, true, e.mu.err
	case e.mu.eof:
		return 0, true, io.EOF
	}
	return 0, false, nil
}

// Probe implements [host.Prober].
func (p *Process) Probe(c net.Conn) (quiet func() bool) {
	e := c.(*Conn).e
	return func() bool {
		p.net.mu.Lock()
		defer p.net.mu.Unlock()
		return !e.proc.mu.fenced && !e.mu.closed && !e.mu.eof && e.mu.err == nil && e.in.arrived == e.in.head
	}
}

// Write returns when all of b is in the buffers of the network.
func (c *Conn) Write(b []byte) (int, error) {
	e := c.e
	e.writeTurn <- struct{}{}
	defer func() { <-e.writeTurn }()
	n := e.conn.net()
	written := 0
	for {
		n.mu.Lock()
		err := e.writableLocked()
		if err == nil && written < len(b) {
			written += e.out.writeLocked(b[written:])
		}
		done := err != nil || written == len(b)
		if !done {
			e.armDeadlineLocked(&e.mu.writeTimer, e.mu.writeBy, e.wakeWriter)
		}
		n.mu.Unlock()
		if done {
			return written, c.wrap("write", err)
		}
		<-e.writeReady
	}
}

func (e *end) writableLocked() error {
	switch {
	case e.proc.mu.fenced:
		return ErrDead
	case e.mu.closed:
		return net.ErrClosed
	case passed(e.mu.writeBy):
		return os.ErrDeadlineExceeded
	case e.mu.err != nil && !e.mu.told:
		e.mu.told = true
		return e.mu.err
	case e.mu.err != nil || e.out.finSent:
		return syscall.EPIPE
	}
	return nil
}

// Close closes both directions. Unread bytes turn the FIN into a RST, as in
// every kernel.
func (c *Conn) Close() error {
	e := c.e
	n := e.conn.net()
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case e.proc.mu.fenced:
		return c.wrap("close", ErrDead)
	case e.mu.closed:
		return c.wrap("close", net.ErrClosed)
	}
	e.closeLocked()
	e.wakeReader()
	e.wakeWriter()
	return nil
}

// CloseWrite sends a FIN and leaves reading open.
func (c *Conn) CloseWrite() error {
	e := c.e
	n := e.conn.net()
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case e.proc.mu.fenced:
		return c.wrap("close", ErrDead)
	case e.mu.closed:
		return c.wrap("close", net.ErrClosed)
	case e.mu.err != nil:
		return c.wrap("close", syscall.ENOTCONN)
	}
	n.cfg.Trace("net half-close", e.conn.id, e.label)
	e.finLocked()
	e.wakeWriter()
	return nil
}

// LocalAddr is the address of this side.
func (c *Conn) LocalAddr() net.Addr { return c.e.local }

// RemoteAddr is the address of the peer.
func (c *Conn) RemoteAddr() net.Addr { return c.e.peer.local }

// SetDeadline sets both deadlines.
func (c *Conn) SetDeadline(t time.Time) error { return c.deadline(t, true, true) }

// SetReadDeadline bounds Read, also one under way; the zero time unbounds it.
func (c *Conn) SetReadDeadline(t time.Time) error { return c.deadline(t, true, false) }

// SetWriteDeadline bounds Write, also one under way; the zero time unbounds it.
func (c *Conn) SetWriteDeadline(t time.Time) error { return c.deadline(t, false, true) }

func (c *Conn) deadline(t time.Time, read, write bool) error {
	e := c.e
	n := e.conn.net()
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case e.proc.mu.fenced:
		return c.wrap("set", ErrDead)
	case e.mu.closed:
		return c.wrap("set", net.ErrClosed)
	}
	if read {
		e.mu.readBy = t
		e.wakeReader()
	}
	if write {
		e.mu.writeBy = t
		e.wakeWriter()
	}
	return nil
}

// armDeadlineLocked wakes a blocked call at its deadline. A timer that is no
// longer wanted wakes nobody or wakes in vain.
func (e *end) armDeadlineLocked(timer **time.Timer, by time.Time, wake func()) {
	if by.IsZero() {
		return
	}
	if left := time.Until(by); *timer == nil {
		*timer = time.AfterFunc(left, wake)
	} else {
		(*timer).Reset(left)
	}
}

func passed(by time.Time) bool { return !by.IsZero() && !time.Now().Before(by) }

// wrap dresses an error as package net does.
func (c *Conn) wrap(op string, err error) error {
	if err == nil || errors.Is(err, io.EOF) {
		return err
	}
	var errno syscall.Errno
	if errors.As(err, &errno) {
		err = os.NewSyscallError(op, errno)
	}
	return &net.OpError{Op: op, Net: "tcp", Source: c.LocalAddr(), Addr: c.RemoteAddr(), Err: err}
}
