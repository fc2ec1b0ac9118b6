package simnet

import (
	"syscall"
	"time"
)

// watchUnreachableLocked starts keep-alive probing on every connection that a
// partition or a pause has cut. Reachable ones are not probed, which nobody
// could observe and which would cost an event every few seconds.
func (n *Network) watchUnreachableLocked() {
	for _, c := range n.connsLocked() {
		if c.dialer.cutLocked() || c.accept.cutLocked() {
			c.dialer.watchLocked()
			c.accept.watchLocked()
		}
	}
}

func (e *end) cutLocked() bool {
	return len(e.out.effectsLocked().blocked) > 0 || len(e.in.effectsLocked().blocked) > 0
}

// watchLocked probes the peer until it answers or is given up.
func (e *end) watchLocked() {
	if e.mu.watching || e.mu.closed || e.mu.err != nil {
		return
	}
	e.mu.watching, e.mu.silent = true, 0
	e.probeLaterLocked()
}

func (e *end) probeLaterLocked() {
	jitter := time.Duration(e.out.draws.below(int(time.Millisecond)))
	time.AfterFunc(e.conn.net().cfg.KeepAlive+jitter, e.probe)
}

func (e *end) probe() {
	n := e.conn.net()
	n.mu.Lock()
	defer n.mu.Unlock()
	if e.mu.closed || e.mu.err != nil {
		e.mu.watching = false
		return
	}
	reachable := !e.cutLocked() && e.peer.machine.up
	switch unknown := e.peer.mu.gone || e.peer.mu.closed && e.peer.out.rstSent; {
	case reachable && unknown:
		e.mu.watching = false
		e.resetLocked("probe")
		return
	case reachable:
		e.mu.watching = false
		return
	}
	e.mu.silent++
	limit := n.cfg.KeepAliveProbes
	if e.out.held { // unacknowledged bytes: retransmission decides, not keep-alive
		limit = int(n.cfg.Retransmit / n.cfg.KeepAlive)
	}
	if e.mu.silent >= limit {
		e.mu.watching = false
		e.failLocked("timeout", syscall.ETIMEDOUT)
		return
	}
	e.probeLaterLocked()
}
