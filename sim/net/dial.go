package simnet

import (
	"context"
	"errors"
	"net"
	"os"
	"syscall"
	"time"
)

// synInterval is how long a dialer waits before it asks a second time; each
// later wait is twice as long.
const synInterval = time.Second

// Dial implements [host.Net].
func (p *Process) Dial(ctx context.Context, addr string) (net.Conn, error) {
	d := &dialing{p: p, stack: callers(), addr: addr}
	c, err := d.run(ctx)
	if err != nil {
		p.net.mu.Lock()
		p.net.cfg.Trace("net dial failed", p.name, addr, err)
		p.net.mu.Unlock()
		op := &net.OpError{Op: "dial", Net: "tcp", Err: err}
		if d.target != nil {
			op.Addr = d.target
		}
		return nil, op
	}
	return c, nil
}

// dialing is one connection attempt.
type dialing struct {
	p      *Process
	addr   string
	stack  []uintptr
	target *net.TCPAddr
	to     *machine
	port   int
	draws  stream
	out    effects
	back   effects
}

// answer is how an attempt to reach the other side ended.
type answer int

const (
	silence answer = iota
	refusal
	welcome
)

func (d *dialing) run(ctx context.Context) (net.Conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, dialError(err)
	}
	if err := d.begin(); err != nil {
		return nil, err
	}
	deadline := time.Now().Add(d.p.net.cfg.ConnectTimeout)
	for wait := synInterval; ; wait *= 2 {
		asked := time.Now()
		got, delay := d.ask()
		if got != silence {
			if err := d.sleep(ctx, delay); err != nil {
				return nil, err
			}
			if got, conn := d.finish(got); got == refusal {
				return nil, os.NewSyscallError("connect", syscall.ECONNREFUSED)
			} else if got == welcome {
				return conn, nil
			}
		}
		next := asked.Add(wait + time.Duration(d.draws.below(int(10*time.Millisecond))))
		if next.After(deadline) {
			if err := d.sleep(ctx, time.Until(deadline)); err != nil {
				return nil, err
			}
			return nil, os.NewSyscallError("connect", syscall.ETIMEDOUT)
		}
		if err := d.sleep(ctx, time.Until(next)); err != nil {
			return nil, err
		}
	}
}

func (d *dialing) begin() error {
	n := d.p.net
	n.mu.Lock()
	defer n.mu.Unlock()
	if d.p.mu.fenced {
		return ErrDead
	}
	ip, port, err := n.resolveLocked(d.p.machine, d.addr)
	if err != nil {
		return err
	}
	n.mu.lastConn++
	d.draws = n.streamLocked(d.p.name+">"+d.addr) + stream(n.mu.lastConn)
	d.target, d.port, d.to = addrOf(ip, port), port, n.machineLocked(ip)
	n.cfg.Trace("net dial", d.p.name, d.addr)
	return nil
}

// ask decides what becomes of a SYN sent now, and when the dialer knows.
func (d *dialing) ask() (answer, time.Duration) {
	n := d.p.net
	n.mu.Lock()
	defer n.mu.Unlock()
	from := d.p.machine
	out := n.effectsLocked(&d.out, from, d.to, d.port)
	back := n.effectsLocked(&d.back, d.to, from, d.port)
	if n.blockedLocked(out) || n.blockedLocked(back) || !d.to.up {
		return silence, 0
	}
	delay := n.delayLocked(&d.draws, from, d.to, out) + n.delayLocked(&d.draws, d.to, from, back)
	for _, r := range out.connect {
		if !r.chosen() || !n.strikeLocked(r) {
			continue
		}
		if r.Kind == Refuse {
			return refusal, delay
		}
		return silence, 0
	}
	return welcome, delay
}

// finish is the moment the handshake ends.
func (d *dialing) finish(got answer) (answer, net.Conn) {
	n := d.p.net
	n.mu.Lock()
	defer n.mu.Unlock()
	if got == refusal {
		return refusal, nil
	}
	back := n.effectsLocked(&d.back, d.to, d.p.machine, d.port)
	if n.blockedLocked(back) || !d.to.up {
		return silence, nil
	}
	l := d.to.ports[d.port]
	if l == nil {
		return refusal, nil
	}
	if len(l.mu.queue) >= n.cfg.Backlog {
		return silence, nil
	}
	c := n.newConnLocked(d.p, d.p.machine.ephemeralPort(d.p.portTakenLocked), l)
	c.dialer.stack = d.stack
	n.cfg.Trace("net connect", c.id, c.dialer.label, c.accept.label)
	l.mu.queue = append(l.mu.queue, c)
	signal(l.ready)
	return welcome, &Conn{&c.dialer}
}

func (p *Process) portTakenLocked(port int) bool {
	if p.machine.ports[port] != nil {
		return true
	}
	for _, q := range p.machine.live {
		for _, e := range q.mu.ends {
			if e.local.Port == port {
				return true
			}
		}
	}
	return false
}

func (d *dialing) sleep(ctx context.Context, t time.Duration) error {
	timer := time.NewTimer(t)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	case <-d.p.dead:
	}
	select { // several may have happened; the gravest counts
	case <-d.p.dead:
		return ErrDead
	default:
	}
	return dialError(ctx.Err())
}

// dialError is the end of a context in the words of package net.
func dialError(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, context.DeadlineExceeded):
		return ctxTimeout{}
	case errors.Is(err, context.Canceled):
		return ctxCanceled{}
	}
	return err
}

type ctxTimeout struct{}

func (ctxTimeout) Error() string        { return "i/o timeout" }
func (ctxTimeout) Timeout() bool        { return true }
func (ctxTimeout) Temporary() bool      { return true }
func (ctxTimeout) Is(target error) bool { return target == context.DeadlineExceeded }

type ctxCanceled struct{}

func (ctxCanceled) Error() string        { return "operation was canceled" }
func (ctxCanceled) Is(target error) bool { return target == context.Canceled }
