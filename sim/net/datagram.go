package simnet

import (
	"io"
	"net"

	"apus/impl/host"
)

var (
	_ host.Datagrams = (*Process)(nil)
	_ io.WriteCloser = (*datagrams)(nil)
)

// datagrams is a socket whose datagrams arrive nowhere: they are lost, as any
// datagram may be. The trace tells what was sent.
type datagrams struct {
	proc   *Process
	addr   string
	closed bool // guarded by net.mu
}

// Datagrams implements [host.Datagrams].
func (p *Process) Datagrams(addr string) (io.WriteCloser, error) {
	p.net.mu.Lock()
	defer p.net.mu.Unlock()
	_, _, err := net.SplitHostPort(addr)
	if err == nil && p.mu.fenced {
		err = ErrDead
	}
	if err != nil {
		return nil, &net.OpError{Op: "dial", Net: "udp", Err: err}
	}
	return &datagrams{proc: p, addr: addr}, nil
}

func (d *datagrams) Write(b []byte) (int, error) {
	n := d.proc.net
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case d.closed:
		return 0, &net.OpError{Op: "write", Net: "udp", Err: net.ErrClosed}
	case d.proc.mu.fenced:
		return 0, &net.OpError{Op: "write", Net: "udp", Err: ErrDead}
	}
	n.cfg.Trace("net datagram", d.proc.name, d.addr, len(b))
	return len(b), nil
}

func (d *datagrams) Close() error {
	d.proc.net.mu.Lock()
	defer d.proc.net.mu.Unlock()
	if d.closed {
		return &net.OpError{Op: "close", Net: "udp", Err: net.ErrClosed}
	}
	d.closed = true
	return nil
}
