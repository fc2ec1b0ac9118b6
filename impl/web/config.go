package web

import (
	"cmp"
	"crypto/tls"
	"log/slog"
	"time"

	"apus/impl/host"
	"apus/impl/http1"
)

// Defaults and limits of ServerConfig.
const (
	DefaultClientTimeout  = 60 * time.Second
	DefaultMaxHeaderBytes = 64 << 10
	DefaultMaxLine        = 8192
	DefaultMaxHeaders     = 126
)

// ServerConfig configures a Server. Zero fields but Clock have defaults.
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
	// RequireProxyProtocol makes every connection begin with a line of the
	// PROXY protocol, version 1, that says who the client is; one that does
	// not is refused with 400 (require_proxy_protocol).
	RequireProxyProtocol bool
	// Splicer, if not nil, moves bodies that are a ConnSource.
	Splicer host.Splicer
	Clock   host.Clock
	Log     *slog.Logger
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

func (c *ServerConfig) limits() http1.Limits {
	return http1.Limits{Start: DefaultMaxLine, Line: c.MaxLine, Total: c.MaxHeaderBytes, Count: c.MaxHeaders}
}
