// Package backendtest is a network in memory with storage nodes that answer
// as told, for the tests of what talks to storage nodes. Connections are
// counted from the outside.
package backendtest

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sort"
	"sync"
	"sync/atomic"

	"apus/impl/host"
)

// Net is a network of nodes in one process. It works in a synctest bubble.
type Net struct {
	mu struct {
		sync.Mutex
		listeners map[string]*listener
		silent    map[string]bool
		open      map[*conn]bool
		dials     map[string]int
	}
}

var (
	_ host.Net    = (*Net)(nil)
	_ host.Prober = (*Net)(nil)
)

// New has no nodes.
func New() *Net {
	n := &Net{}
	n.mu.listeners, n.mu.silent = map[string]*listener{}, map[string]bool{}
	n.mu.open, n.mu.dials = map[*conn]bool{}, map[string]int{}
	return n
}

// ErrRefused is what dialling nobody gives.
var ErrRefused = errors.New("connection refused")

// Dial connects to a listener.
func (n *Net) Dial(ctx context.Context, addr string) (net.Conn, error) {
	n.mu.Lock()
	l, silent := n.mu.listeners[addr], n.mu.silent[addr]
	n.mu.dials[addr]++
	n.mu.Unlock()
	switch {
	case silent:
		<-ctx.Done()
		return nil, ctx.Err()
	case l == nil:
		return nil, ErrRefused
	}
	a, b := newPair()
	c := &conn{Conn: a, net: n, addr: addr}
	n.mu.Lock()
	n.mu.open[c] = true
	n.mu.Unlock()
	select {
	case l.conns <- b:
		return c, nil
	case <-l.done:
		c.Close()
		return nil, ErrRefused
	case <-ctx.Done():
		c.Close()
		return nil, ctx.Err()
	}
}

// Listen accepts on addr.
func (n *Net) Listen(addr string) (net.Listener, error) {
	l := &listener{net: n, addr: addr, conns: make(chan net.Conn), done: make(chan struct{})}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.mu.listeners[addr] != nil {
		return nil, errors.New("address in use")
	}
	n.mu.listeners[addr] = l
	return l, nil
}

// Silence makes addr accept nothing and refuse nothing.
func (n *Net) Silence(addr string, silent bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.mu.silent[addr] = silent
}

// Open lists the addresses of the open dialled connections.
func (n *Net) Open() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	var out []string
	for c := range n.mu.open {
		out = append(out, c.addr)
	}
	sort.Strings(out)
	return out
}

// Dials counts attempts to connect to addr.
func (n *Net) Dials(addr string) int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.mu.dials[addr]
}

// Serve runs an HTTP server on addr until stop is called.
func (n *Net) Serve(addr string, h http.Handler) (stop func()) {
	l, err := n.Listen(addr)
	if err != nil {
		panic(err)
	}
	srv := &http.Server{Handler: h}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = srv.Serve(l)
	}()
	return func() {
		_ = srv.Close()
		<-done
	}
}

type listener struct {
	net   *Net
	addr  string
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func (l *listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *listener) Close() error {
	l.once.Do(func() {
		close(l.done)
		l.net.mu.Lock()
		delete(l.net.mu.listeners, l.addr)
		l.net.mu.Unlock()
	})
	return nil
}

func (l *listener) Addr() net.Addr { return memAddr(l.addr) }

type memAddr string

func (memAddr) Network() string  { return "mem" }
func (a memAddr) String() string { return string(a) }

// conn is the dialler's end.
type conn struct {
	net.Conn
	net  *Net
	addr string
	cut  atomic.Bool
}

func (c *conn) Close() error {
	c.net.mu.Lock()
	delete(c.net.mu.open, c)
	c.net.mu.Unlock()
	return c.Conn.Close()
}

// Probe implements host.Prober.
func (n *Net) Probe(c net.Conn) (quiet func() bool) { return c.(*conn).Conn.(*end).in.quiet }

// Write fails on a cut connection.
func (c *conn) Write(b []byte) (int, error) {
	if c.cut.Load() {
		c.Conn.Close()
		return 0, errReset
	}
	return c.Conn.Write(b)
}

var errReset = errors.New("connection reset by peer")

// CutOnWrite makes every open connection fail when it is next written to.
func (n *Net) CutOnWrite() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for c := range n.mu.open {
		c.cut.Store(true)
	}
}
