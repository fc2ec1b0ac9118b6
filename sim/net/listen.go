package simnet

import (
	"fmt"
	"net"
	"os"
	"slices"
	"syscall"

	"apus/impl/host"
)

// listener accepts on one port of a machine.
type listener struct {
	proc  *Process
	addr  *net.TCPAddr
	port  int
	stack []uintptr
	ready chan struct{} // signals the one Accept under way
	turn  chan struct{} // held by it
	mu    struct {      // guarded by net.mu
		closed bool
		queue  []*connection
	}
}

// Listen implements [host.Net].
func (p *Process) Listen(addr string) (net.Listener, error) {
	n := p.net
	n.mu.Lock()
	defer n.mu.Unlock()
	fail := func(err error) (net.Listener, error) {
		return nil, &net.OpError{Op: "listen", Net: "tcp", Err: err}
	}
	if p.mu.fenced {
		return fail(ErrDead)
	}
	ip, port, err := n.resolveLocked(p.machine, addr)
	if err != nil {
		return fail(err)
	}
	if ip != p.machine.ip {
		return fail(os.NewSyscallError("bind", syscall.EADDRNOTAVAIL))
	}
	if port == 0 {
		port = p.machine.ephemeralPort(p.portTakenLocked)
	}
	if p.machine.ports[port] != nil {
		return fail(fmt.Errorf("%w: %w", host.ErrAddrInUse, os.NewSyscallError("bind", syscall.EADDRINUSE)))
	}
	l := &listener{proc: p, addr: addrOf(ip, port), port: port, stack: callers(),
		ready: make(chan struct{}, 1), turn: make(chan struct{}, 1)}
	p.machine.ports[port] = l
	p.mu.listeners = append(p.mu.listeners, l)
	n.cfg.Trace("net listen", p.name, ip, port)
	return l, nil
}

// Accept waits for the next connection.
func (l *listener) Accept() (net.Conn, error) {
	stack := callers()
	l.turn <- struct{}{}
	defer func() { <-l.turn }()
	n := l.proc.net
	for {
		n.mu.Lock()
		conn, done, err := l.nextLocked(stack)
		n.mu.Unlock()
		if err != nil {
			return nil, &net.OpError{Op: "accept", Net: "tcp", Addr: l.addr, Err: err}
		}
		if done {
			return conn, nil
		}
		<-l.ready
	}
}

func (l *listener) nextLocked(stack []uintptr) (net.Conn, bool, error) {
	switch {
	case l.proc.mu.fenced:
		return nil, true, ErrDead
	case l.mu.closed:
		return nil, true, net.ErrClosed
	case len(l.mu.queue) == 0:
		return nil, false, nil
	}
	c := l.mu.queue[0]
	l.mu.queue = slices.Delete(l.mu.queue, 0, 1)
	c.accept.stack = stack
	l.proc.net.cfg.Trace("net accept", c.id, c.accept.label)
	return &Conn{&c.accept}, true, nil
}

// Close refuses later connections and resets those nobody accepted.
func (l *listener) Close() error {
	n := l.proc.net
	n.mu.Lock()
	defer n.mu.Unlock()
	var err error
	switch {
	case l.proc.mu.fenced:
		err = ErrDead
	case l.mu.closed:
		err = net.ErrClosed
	}
	if err != nil {
		return &net.OpError{Op: "close", Net: "tcp", Addr: l.addr, Err: err}
	}
	l.closeLocked(false)
	return nil
}

func (l *listener) closeLocked(silently bool) {
	l.mu.closed = true
	delete(l.proc.machine.ports, l.port)
	l.proc.mu.listeners = slices.DeleteFunc(l.proc.mu.listeners, func(o *listener) bool { return o == l })
	for _, c := range l.mu.queue {
		if silently {
			c.accept.fenceLocked(PowerLost)
			continue
		}
		c.accept.answerResetLocked()
		c.accept.closeLocked()
	}
	l.mu.queue = nil
	signal(l.ready)
}

// Addr is where it listens.
func (l *listener) Addr() net.Addr { return l.addr }
