// Package backend speaks HTTP to one storage node: one request, one response.
//
// It is stock net/http over host.Net with Swift's timeouts. A node gets
// ConnTimeout to accept a connection and NodeTimeout for each step after
// that: taking the next piece of a request body, answering with headers,
// delivering the next piece of a response body. The time that the caller's
// own body takes to produce bytes does not count. A node that is too slow
// loses its connection and the caller gets an error of kind
// swift.Unavailable, as for every other failure of the node.
//
// # Connections
//
// Connections are kept and reused. A response body that is read to its end
// gives its connection back; one that is closed before closes it. Idle
// connections close after IdleTimeout.
//
// A kept connection may turn out dead when it is used. Requests that change
// nothing (GET, HEAD) are then sent again on another connection by net/http,
// others only if not one byte of them had been written. A [Client.StartPut]
// that loses a kept connection before the node said "100 Continue" is sent
// again once, on a new connection: without its body the node cannot have done
// anything. All else is reported as a failure of the node, because it may or
// may not have acted.
package backend

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
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
	// Body may be nil. It is read until EOF or ContentLength bytes, on
	// another goroutine, at the latest until Do returns or ctx ends.
	Body io.Reader
	// ContentLength is -1 when unknown (chunked). It is ignored without Body.
	ContentLength int64
	// NodeTimeout overrides the client's when positive.
	NodeTimeout time.Duration
}

// Client is a pool of connections to storage nodes.
type Client struct {
	cfg   Config
	kept  *http.Transport // reuses connections
	fresh *http.Transport // one connection a request
	done  context.Context
	stop  context.CancelFunc
}

// New makes a Client; it connects when asked to.
func New(n host.Net, cfg Config) *Client {
	c := &Client{cfg: cfg.withDefaults()}
	c.done, c.stop = context.WithCancel(context.Background())
	c.kept = c.transport(n)
	c.fresh = c.transport(n)
	c.fresh.DisableKeepAlives = true
	return c
}

func (c *Client) transport(n host.Net) *http.Transport {
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	return &http.Transport{
		DialContext: func(ctx context.Context, _, addr string) (net.Conn, error) {
			ctx, cancel := context.WithTimeout(ctx, c.cfg.ConnTimeout)
			defer cancel()
			defer context.AfterFunc(c.done, cancel)()
			return n.Dial(ctx, addr)
		},
		Protocols:           &protocols,
		DisableCompression:  true,
		IdleConnTimeout:     c.cfg.IdleTimeout,
		MaxIdleConnsPerHost: c.cfg.MaxIdlePerHost,
		// The wait for "100 Continue" is bounded by the request's own
		// watch; this must merely never be the one that ends first.
		ExpectContinueTimeout: time.Hour,
	}
}

// Close drops idle connections. Requests under way are not touched and their
// connections close when they end.
func (c *Client) Close() {
	c.stop()
	c.kept.CloseIdleConnections()
	c.fresh.CloseIdleConnections()
}

// Do sends req and returns the node's final answer, whatever its status. The
// caller owns the response. An error means that there was none: its kind is
// that of a failed req.Body, or swift.Unavailable; when ctx ended it wraps
// the cause of that.
func (c *Client) Do(ctx context.Context, req *Request) (*web.Response, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	w := c.newWatch(req, cancel)
	var body io.Reader
	if req.Body != nil {
		body = &watchedReader{req.Body, w}
	}
	hr := req.httpRequest(ctx, body)
	if g, ok := req.Body.(interface {
		io.Reader
		io.ReaderAt
		Size() int64
	}); ok {
		// The bytes of a constant body can be sent again.
		hr.GetBody = func() (io.ReadCloser, error) {
			return io.NopCloser(&watchedReader{io.NewSectionReader(g, 0, g.Size()), w}), nil
		}
	}
	w.start(c.cfg.ConnTimeout)
	resp, err := c.kept.RoundTrip(hr)
	w.end()
	if err != nil {
		defer cancel(nil)
		return nil, req.failed(ctx, err)
	}
	return req.response(ctx, resp, c.newWatch(req, cancel)), nil
}

func (req *Request) httpRequest(ctx context.Context, body io.Reader) *http.Request {
	h := req.Header
	if h == nil {
		h = http.Header{}
	}
	hr := &http.Request{
		Method: req.Method, Header: h, Host: req.Addr,
		URL:   &url.URL{Scheme: "http", Host: req.Addr, Path: req.Path, RawQuery: req.RawQuery},
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	}
	if body != nil {
		hr.Body, hr.ContentLength = io.NopCloser(body), req.ContentLength
		if hr.ContentLength == 0 {
			hr.Body = http.NoBody
		}
	}
	return hr.WithContext(ctx)
}

func (req *Request) response(ctx context.Context, resp *http.Response, w *watch) *web.Response {
	out := &web.Response{Status: resp.StatusCode, Header: resp.Header, ContentLength: resp.ContentLength}
	if resp.Body == http.NoBody {
		w.cancel(nil)
		out.Body = http.NoBody
		return out
	}
	out.Body = web.Track("backend "+req.Method+" "+req.Addr, &body{inner: resp.Body, ctx: ctx, req: req, w: w})
	return out
}

var errTooSlow = errors.New("node timeout")

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
