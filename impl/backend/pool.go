package backend

import (
	"bufio"
	"context"
	"net"
	"sync"
	"time"

	"apus/impl/host"
)

const (
	readBuffer  = 8 << 10  // a head with a small body, and the beginnings of others
	writeBuffer = 20 << 10 // a head with a small body; larger ones are not kept
)

// conn is a connection to a node. One exchange at a time uses it.
type conn struct {
	net.Conn
	addr   string
	br     *bufio.Reader
	out    []byte      // for the next write
	quiet  func() bool // nothing to be read; nil if the Net cannot tell
	kill   func()      // closes; for context.AfterFunc
	reused bool        // there was an exchange before this one
	heard  bool        // a byte of this exchange's answer has come

	// While it is idle, guarded by the pool.
	since        host.Stopwatch
	older, newer *conn
}

func newConn(nc net.Conn, addr string, quiet func() bool) *conn {
	c := &conn{Conn: nc, addr: addr, quiet: quiet}
	c.br = bufio.NewReaderSize(c, readBuffer)
	c.kill = func() { _ = nc.Close() } // whoever uses it gets an error
	return c
}

// Read notes that something has come.
func (c *conn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if n > 0 {
		c.heard = true
	}
	return n, err
}

// usable reports whether a kept connection may carry another request, as far
// as can be known without waiting.
func (c *conn) usable() bool { return c.quiet == nil || c.quiet() }

// speaks reports whether the node is known to have said something.
func (c *conn) speaks() bool { return c.quiet != nil && !c.quiet() }

// pool keeps idle connections. They are looked at when they are taken; nobody
// waits on them.
type pool struct {
	max int // of one address
	ttl time.Duration
	mu  struct {
		sync.Mutex
		idle           map[string][]*conn // of an address, the oldest first
		oldest, newest *conn              // of all
		timer          *time.Timer
		armed, closed  bool
	}
}

// take is the connection to addr that was used last and is still good; nil if
// there is none.
func (p *pool) take(addr string) *conn {
	for {
		c := p.pop(addr)
		if c == nil || c.usable() {
			return c
		}
		c.kill()
	}
}

func (p *pool) pop(addr string) *conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	idle := p.mu.idle[addr]
	if len(idle) == 0 {
		return nil
	}
	c := idle[len(idle)-1]
	idle[len(idle)-1] = nil
	p.mu.idle[addr] = idle[:len(idle)-1]
	p.unlinkLocked(c)
	return c
}

// put keeps a connection, or closes it if there are enough.
func (p *pool) put(c *conn) {
	c.reused = true
	c.since = host.StartStopwatch()
	if !p.push(c) {
		c.kill()
	}
}

func (p *pool) push(c *conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	idle := p.mu.idle[c.addr]
	if p.mu.closed || len(idle) >= p.max {
		return false
	}
	if p.mu.idle == nil {
		p.mu.idle = map[string][]*conn{}
	}
	p.mu.idle[c.addr] = append(idle, c)
	c.older = p.mu.newest
	if c.older != nil {
		c.older.newer = c
	} else {
		p.mu.oldest = c
	}
	p.mu.newest = c
	if !p.mu.armed {
		p.armLocked(p.ttl)
	}
	return true
}

func (p *pool) unlinkLocked(c *conn) {
	if c.older != nil {
		c.older.newer = c.newer
	} else {
		p.mu.oldest = c.newer
	}
	if c.newer != nil {
		c.newer.older = c.older
	} else {
		p.mu.newest = c.older
	}
	c.older, c.newer = nil, nil
}

// armLocked sets the one timer, which is for the oldest connection, or for one
// that was the oldest.
func (p *pool) armLocked(d time.Duration) {
	p.mu.armed = true
	if p.mu.timer == nil {
		p.mu.timer = time.AfterFunc(d, p.sweep)
	} else {
		p.mu.timer.Reset(d)
	}
}

// sweep closes what has been idle for too long.
func (p *pool) sweep() {
	for _, c := range p.expired() {
		c.kill()
	}
}

func (p *pool) expired() (out []*conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mu.armed = false
	for c := p.mu.oldest; c != nil; c = p.mu.oldest {
		if left := p.ttl - c.since.Elapsed(); left > 0 && !p.mu.closed {
			p.armLocked(left)
			return out
		}
		idle := p.mu.idle[c.addr] // begins with c
		copy(idle, idle[1:])
		idle[len(idle)-1] = nil
		p.mu.idle[c.addr] = idle[:len(idle)-1]
		p.unlinkLocked(c)
		out = append(out, c)
	}
	clear(p.mu.idle) // addresses that are not used any more
	return out
}

// close closes what is idle and keeps nothing more.
func (p *pool) close() {
	p.mu.Lock()
	p.mu.closed = true
	if p.mu.timer != nil {
		p.mu.timer.Stop()
	}
	p.mu.Unlock()
	p.sweep()
}

// connect takes a kept connection or makes one.
func (c *Client) connect(ctx context.Context, addr string) (*conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if cn := c.pool.take(addr); cn != nil {
		return cn, nil
	}
	return c.dial(ctx, addr)
}

func (c *Client) dial(ctx context.Context, addr string) (*conn, error) {
	if err := c.done.Err(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, c.cfg.ConnTimeout)
	defer cancel()
	defer context.AfterFunc(c.done, cancel)()
	nc, err := c.net.Dial(ctx, addr)
	if err != nil {
		return nil, err
	}
	var quiet func() bool
	if p, ok := c.net.(host.Prober); ok {
		quiet = p.Probe(nc)
	}
	return newConn(nc, addr, quiet), nil
}
