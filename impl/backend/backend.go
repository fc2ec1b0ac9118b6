// Package backend speaks HTTP to one storage node: one request, one response.
//
// It is HTTP/1.1 over host.Net (package http1 has the syntax) with Swift's
// timeouts. A node gets ConnTimeout to accept a connection and NodeTimeout for
// each step after that: taking the next piece of a request body, answering
// with headers, delivering the next piece of a response body. The time that
// the caller's own body takes to produce bytes does not count. A node that is
// too slow loses its connection and the caller gets an error of kind
// swift.Unavailable, as for every other failure of the node.
//
// [Client.Do] works on the caller's goroutine and starts none. A [Put] has one
// for what the node says, and a second while there is more of a body than
// surely fits the buffers of a connection.
//
// # Connections
//
// Connections are kept and reused. A response body that is read to its end
// gives its connection back; one that is closed before closes it. Idle
// connections close after IdleTimeout. Nobody waits on an idle connection;
// whether its node has closed it is looked at when it is taken, if the Net is a
// host.Prober.
//
// A kept connection may nevertheless turn out dead when it is used. A request is
// then sent again once, on a new connection, if not one byte of it had been
// written, or not one byte of an answer had come and it changes nothing
// (GET, HEAD). A [Put] that loses a kept connection before the node said
// anything is sent again, too: without its body the node cannot have done
// anything, and of one that had its body with it a node that did act says so,
// by 409 for the same timestamp. All else is reported as a failure of the node,
// because it may or may not have acted.
//
// A node that answers before it has the whole body is heard: the rest is not
// sent, and its connection is closed behind the answer.
package backend

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync/atomic"
	"time"

	"apus/impl/host"
	"apus/impl/swift"
	"apus/impl/web"
)

// Config holds the tunables of a Client. Zero values mean the defaults.
type Config struct {
	ConnTimeout    time.Duration // to connect; default 0.5 s
	NodeTimeout    time.Duration // for each step of an exchange; default 10 s
	IdleTimeout    time.Duration // a kept connection closes after; default 3 s
	MaxIdlePerHost int           // kept connections a node; default 64
}

func (c Config) withDefaults() Config {
	if c.ConnTimeout <= 0 {
		c.ConnTimeout = 500 * time.Millisecond
	}
	if c.NodeTimeout <= 0 {
		c.NodeTimeout = 10 * time.Second
	}
	if c.IdleTimeout <= 0 {
		c.IdleTimeout = 3 * time.Second
	}
	if c.MaxIdlePerHost <= 0 {
		c.MaxIdlePerHost = 64
	}
	return c
}

// Request is what to ask a node.
type Request struct {
	Method   string
	Addr     string // "ip:port"
	Path     string // decoded: "/sda1/123/a/c/o"
	RawQuery string
	// Header is sent as it is and not modified. It should name a User-Agent.
	Header http.Header
	// Body may be nil. Do reads it until EOF or ContentLength bytes and does
	// not close it.
	Body io.Reader
	// ContentLength is -1 when unknown (chunked). It is ignored without Body.
	ContentLength int64
	// NodeTimeout overrides the client's when positive.
	NodeTimeout time.Duration
	// UnderWay, if not nil, is one more from when the request has a connection
	// until it gives that up.
	UnderWay *atomic.Int64
}

// Client is a pool of connections to storage nodes.
type Client struct {
	cfg    Config
	net    host.Net
	pool   pool
	pieces *Chunks
	done   context.Context // ended by Close
	stop   context.CancelFunc
}

// New makes a Client; it connects when asked to.
func New(n host.Net, cfg Config) *Client {
	c := &Client{cfg: cfg.withDefaults(), net: n, pieces: NewChunks(pieceSize)}
	c.pool.max, c.pool.ttl = c.cfg.MaxIdlePerHost, c.cfg.IdleTimeout
	c.done, c.stop = context.WithCancel(context.Background())
	return c
}

// Close drops idle connections. Requests under way are not touched and their
// connections close when they end.
func (c *Client) Close() {
	c.stop()
	c.pool.close()
}

// Do sends req and returns the node's final answer, whatever its status. The
// caller owns the response; one goroutine at a time uses its body, and the end
// of ctx ends a Read that waits. An error means that there was none: its kind is
// that of a failed req.Body, or swift.Unavailable; when ctx ended it wraps
// the cause of that.
func (c *Client) Do(ctx context.Context, req *Request) (*web.Response, error) {
	x := c.newExchange(ctx, req)
	head, err := x.run()
	if err != nil {
		return nil, req.failed(ctx, err)
	}
	return x.response(head), nil
}

// failed wraps an error of the exchange for the caller.
func (req *Request) failed(ctx context.Context, err error) error {
	kind := swift.KindOf(err)
	if kind == swift.Other {
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		if !errors.Is(err, context.Canceled) {
			kind = swift.Unavailable
		}
	}
	return swift.E("backend."+req.Method, req.Addr+req.Path, kind, err)
}
