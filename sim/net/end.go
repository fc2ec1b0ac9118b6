package simnet

import (
	"net"
	"runtime"
	"slices"
	"syscall"
	"time"
)

// end is one side of a connection: a socket. The exported face is [net.Conn].
type end struct {
	conn    *connection
	peer    *end
	in, out *pipe
	proc    *Process
	machine *machine
	local   *net.TCPAddr
	label   string // "ip:port", the local address
	stack   []uintptr

	readTurn, writeTurn   chan struct{} // held by the one Read or Write under way
	readReady, writeReady chan struct{} // signals to it

	mu struct { // guarded by net.mu
		closed bool  // by its process
		gone   bool  // lost power: no kernel holds it
		eof    bool  // the peer's FIN has arrived
		err    error // the connection ended by other means
		told   bool  // err was reported to a writer

		readBy, writeBy       time.Time
		readTimer, writeTimer *time.Timer
		watching              bool
		silent                int // unanswered probes
	}
}

func (e *end) init(c *connection, peer *end, proc *Process, ip string, m *machine, port int) {
	e.conn, e.peer, e.proc, e.machine = c, peer, proc, m
	e.local = addrOf(ip, port)
	e.label = e.local.String()
	e.readTurn, e.writeTurn = make(chan struct{}, 1), make(chan struct{}, 1)
	e.readReady, e.writeReady = make(chan struct{}, 1), make(chan struct{}, 1)
	e.out = new(pipe)
}

// newConnLocked builds a connection between a dialer and an accepting process.
func (n *Network) newConnLocked(dialer *Process, from int, l *listener) *connection {
	n.mu.lastConn++
	c := &connection{id: n.mu.lastConn, port: l.port, opened: time.Now()}
	c.dialer.init(c, &c.accept, dialer, dialer.machine.ip, dialer.machine, from)
	c.accept.init(c, &c.dialer, l.proc, l.proc.machine.ip, l.proc.machine, l.port)
	c.dialer.in, c.accept.in = c.accept.out, c.dialer.out
	c.dialer.out.init(n, &c.dialer, &c.accept)
	c.accept.out.init(n, &c.accept, &c.dialer)
	n.mu.conns[c.id] = c
	dialer.mu.ends = append(dialer.mu.ends, &c.dialer)
	l.proc.mu.ends = append(l.proc.mu.ends, &c.accept)
	return c
}

// callers records where the calling code opened something.
func callers() []uintptr {
	var pcs [32]uintptr
	return slices.Clone(pcs[:runtime.Callers(3, pcs[:])])
}

func (e *end) wakeReader() { signal(e.readReady) }
func (e *end) wakeWriter() { signal(e.writeReady) }

func signal(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}

// closeLocked is what the kernel does when a process closes its socket, by its
// own will or by dying.
func (e *end) closeLocked() {
	if e.mu.closed {
		return
	}
	e.mu.closed = true
	net := e.conn.net()
	net.cfg.Trace("net close", e.conn.id, e.label)
	if e.mu.err == nil {
		if e.in.arrived > e.in.head {
			e.answerResetLocked()
			e.in.head = e.in.arrived
		} else {
			e.finLocked()
		}
	}
	e.leaveLocked()
}

func (e *end) finLocked() {
	if e.out.finSent || e.out.rstSent || e.mu.err != nil {
		return
	}
	e.out.finSent = true
	e.out.sendLocked(markFin, e.out.tail, 0)
}

// answerResetLocked sends a RST to the peer.
func (e *end) answerResetLocked() {
	if e.out.rstSent || e.out.dead {
		return
	}
	e.out.rstSent = true
	if e.out.held { // a reset does not queue behind lost segments
		e.out.marks, e.out.first = nil, 0
		e.out.held = false
		e.conn.net().dropHeldLocked(e.out)
	}
	e.out.sendLocked(markRst, e.out.tail, 0)
}

// resetLocked ends the connection on this side, as an arriving RST does: what
// has arrived can still be read.
func (e *end) resetLocked(why string) {
	e.failLocked(why, syscall.ECONNRESET)
}

func (e *end) failLocked(why string, err error) {
	if e.mu.err != nil || e.mu.gone {
		return
	}
	e.conn.net().cfg.Trace("net reset", e.conn.id, e.label, why)
	e.mu.err = err
	e.in.stopLocked()
	e.out.stopLocked()
	e.wakeReader()
	e.wakeWriter()
	if e.mu.closed {
		e.leaveLocked()
	}
}

// fenceLocked ends the socket together with its process.
func (e *end) fenceLocked(how Death) {
	if how == Killed {
		e.closeLocked()
	} else {
		e.mu.gone, e.mu.closed = true, true
		e.out.stopLocked()
		e.leaveLocked()
		e.peer.watchLocked()
	}
	e.wakeReader()
	e.wakeWriter()
}

// leaveLocked forgets the socket; the connection goes when both sides have.
func (e *end) leaveLocked() {
	e.stopTimersLocked()
	if i := slices.Index(e.proc.mu.ends, e); i >= 0 {
		e.proc.mu.ends = slices.Delete(e.proc.mu.ends, i, i+1)
	}
	if e.peer.mu.closed {
		delete(e.conn.net().mu.conns, e.conn.id)
	}
}

func (e *end) stopTimersLocked() {
	for _, t := range []*time.Timer{e.mu.readTimer, e.mu.writeTimer} {
		if t != nil {
			t.Stop()
		}
	}
}

func (c *connection) net() *Network { return c.dialer.proc.net }

func (n *Network) dropHeldLocked(p *pipe) {
	n.mu.held = slices.DeleteFunc(n.mu.held, func(o *pipe) bool { return o == p })
}
