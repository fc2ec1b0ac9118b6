package web

import (
	"cmp"
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"time"

	"apus/impl/host"
)

// Defaults and limits of ServerConfig.
const (
	DefaultClientTimeout  = 60 * time.Second
	DefaultMaxHeaderBytes = 64 << 10
	DefaultMaxLine        = 8192
	DefaultMaxHeaders     = 126
)

// ServerConfig configures an Edge and the Server around it. Zero fields but
// Clock have defaults.
type ServerConfig struct {
	// ClientTimeout is how long a client may take to send, or to take, the
	// next bytes of a body (client_timeout). Default 60 s.
	ClientTimeout time.Duration
	// ReadHeaderTimeout is how long a client may take to send a request's
	// header once it began, IdleTimeout how long it may keep a connection
	// without a request (keepalive_timeout; negative: each request needs a
	// connection of its own). Default ClientTimeout.
	ReadHeaderTimeout, IdleTimeout time.Duration
	// DrainTimeout is how long requests may take to finish once Serve's
	// context has ended. Default ClientTimeout.
	DrainTimeout time.Duration
	// MaxHeaderBytes limits the header (64 KiB), MaxLine each of its lines
	// (max_header_size, 8192), MaxHeaders their number (126). The request line
	// may have up to DefaultMaxLine bytes.
	MaxHeaderBytes, MaxLine, MaxHeaders int
	// MaxClients is how many connections are served at once (max_clients);
	// others wait to be accepted. Zero: all.
	MaxClients int
	// Certificate, if not nil, makes the server speak TLS.
	Certificate *tls.Certificate
	Clock       host.Clock
	Log         *slog.Logger
}

func (c ServerConfig) withDefaults() ServerConfig {
	if c.Clock == nil {
		panic("web: ServerConfig.Clock is nil; it dates every response")
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	c.ClientTimeout = cmp.Or(c.ClientTimeout, DefaultClientTimeout)
	c.ReadHeaderTimeout = cmp.Or(c.ReadHeaderTimeout, c.ClientTimeout)
	c.IdleTimeout = cmp.Or(c.IdleTimeout, c.ClientTimeout)
	c.DrainTimeout = cmp.Or(c.DrainTimeout, c.ClientTimeout)
	c.MaxHeaderBytes = cmp.Or(c.MaxHeaderBytes, DefaultMaxHeaderBytes)
	c.MaxLine = cmp.Or(c.MaxLine, DefaultMaxLine)
	c.MaxHeaders = cmp.Or(c.MaxHeaders, DefaultMaxHeaders)
	return c
}

// Edge joins a Handler to net/http. It gives each request a Meta, closes each
// response's body exactly once, and cuts the connection when a body does not
// end as its length promised, so that no client takes it for complete.
type Edge struct {
	h     Handler
	cfg   ServerConfig
	dated atomic.Pointer[dated]
}

// dated is the Date of responses within one second.
type dated struct {
	second int64
	header []string // shared by responses, so nobody may write to it
}

// date is the Date of a response.
func (e *Edge) date() []string {
	now := e.cfg.Clock.Now()
	d := e.dated.Load()
	if d == nil || d.second != now.Unix() {
		d = &dated{now.Unix(), []string{FormatDate(now)}}
		e.dated.Store(d)
	}
	return d.header
}

var _ http.Handler = (*Edge)(nil)

// NewEdge needs a Clock in cfg.
func NewEdge(h Handler, cfg ServerConfig) *Edge { return &Edge{h: h, cfg: cfg.withDefaults()} }

// ServeHTTP answers one request. It panics with http.ErrAbortHandler to have
// the connection cut.
func (e *Edge) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x := &exchange{edge: e, w: w, r: r, rc: http.NewResponseController(w)}
	if r.Body != nil && r.Body != http.NoBody {
		// The deadline of the previous response on this connection must not
		// hit the 100 Continue of this one.
		_ = x.rc.SetWriteDeadline(time.Time{})
	}
	var resp *Response
	req, fault := x.request()
	if fault != nil {
		resp = fault
		x.hangUp = true
	} else {
		resp = e.call(r.Context(), req)
	}
	if err := x.send(resp); err != nil {
		e.cfg.Log.Debug("connection cut", "method", r.Method, "path", r.URL.Path, "status", resp.Status, "err", err)
		panic(http.ErrAbortHandler)
	}
}

// call runs the handler; its panic becomes 500.
func (e *Edge) call(ctx context.Context, req *Request) (resp *Response) {
	defer func() {
		switch p := recover(); p {
		case nil:
		case http.ErrAbortHandler:
			panic(p)
		default:
			req.Meta.Log.Error("panic in handler", "method", req.Method, "path", req.Path,
				"txn", req.Meta.TxnID, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			resp = NewResponse(http.StatusInternalServerError)
		}
	}()
	resp = e.h.Serve(ctx, req)
	if resp == nil || resp.Body == nil {
		panic("web: handler returned no response or one without body")
	}
	return resp
}

// exchange is one request and its response on a connection.
type exchange struct {
	edge *Edge
	w    http.ResponseWriter
	r    *http.Request
	rc   *http.ResponseController
	body *requestBody // nil when the request has none
	// hangUp closes the connection after the response, because what follows
	// on it may not be the start of a request.
	hangUp bool
	raw    *raw // set once the connection was taken from net/http
}

// request converts what net/http parsed; fault is the answer to what Swift
// does not accept.
func (x *exchange) request() (req *Request, fault *Response) {
	r, cfg := x.r, &x.edge.cfg
	if fault := checkHeader(r, cfg); fault != nil {
		return nil, fault
	}
	raw, query, _ := strings.Cut(r.RequestURI, "?")
	if !strings.HasPrefix(raw, "/") && r.URL.Host != "" {
		raw = r.URL.EscapedPath() // absolute form, as sent to proxies
	}
	foldDuplicates(r.Header)
	req = &Request{
		Method: r.Method, Path: UnescapePath(raw), RawPath: raw, RawQuery: query,
		Header: r.Header, Body: http.NoBody, ContentLength: r.ContentLength,
		RemoteAddr: r.RemoteAddr, Host: hostOf(r), Proto: r.Proto, TLS: r.TLS != nil,
		Meta: &Meta{
			TxnID: r.Header.Get("X-Trans-Id"), Log: cfg.Log, Start: cfg.Clock.Now(),
		},
	}
	if r.Body != nil && r.Body != http.NoBody {
		x.body = &requestBody{inner: r.Body, rc: x.rc, timeout: cfg.ClientTimeout}
		req.Body, req.Phases = x.body, x
	}
	return req, nil
}

// hostOf is the host that the client asked; for one who does not say, the
// address he reached.
func hostOf(r *http.Request) string {
	if r.Host != "" {
		return r.Host
	}
	if addr, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr); ok {
		return addr.String()
	}
	return ""
}

// checkHeader applies the limits on lines.
func checkHeader(r *http.Request, cfg *ServerConfig) *Response {
	const end = len("\r\n")
	if len(r.Method)+len(r.RequestURI)+len(r.Proto)+len("  ")+end >= DefaultMaxLine {
		return NewResponse(http.StatusRequestURITooLong)
	}
	lines, total := 0, 0
	for name, values := range r.Header {
		lines += len(values)
		for _, v := range values {
			line := len(name) + len(": ") + len(v) + end
			if line >= cfg.MaxLine {
				return Plain(http.StatusBadRequest, "Header Line Too Long")
			}
			total += line
		}
	}
	switch {
	case total > cfg.MaxHeaderBytes:
		return Plain(http.StatusBadRequest, "Headers Too Large")
	case lines > cfg.MaxHeaders:
		return Plain(http.StatusBadRequest, "Too Many Headers")
	}
	return nil
}

// foldDuplicates joins repeated headers by commas, as Swift sees them.
func foldDuplicates(h http.Header) {
	for name, values := range h {
		if len(values) > 1 {
			h[name] = []string{strings.Join(values, ",")}
		}
	}
}

// UnescapePath decodes percent signs; what is no escape stays as it is.
func UnescapePath(s string) string {
	if !strings.Contains(s, "%") {
		return s
	}
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			hi, ok1 := unhex(s[i+1])
			lo, ok2 := unhex(s[i+2])
			if ok1 && ok2 {
				out = append(out, hi<<4|lo)
				i += 2
				continue
			}
		}
		out = append(out, s[i])
	}
	return string(out)
}

func unhex(c byte) (byte, bool) {
	switch {
	case '0' <= c && c <= '9':
		return c - '0', true
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10, true
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}
