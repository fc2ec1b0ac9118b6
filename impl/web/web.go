// Package web is HTTP as the rest of apus sees it: a [Handler] takes a
// [Request] and returns one [Response], a [Filter] wraps a Handler, and [Server]
// serves the outermost Handler to clients.
//
// # Who closes a body
//
// Every Response has one owner at a time. Whoever holds one does exactly one
// of three things with it:
//
//   - returns it;
//   - wraps its Body and returns it; closing the wrapper closes the inner
//     body once;
//   - finishes it with [Response.Discard] or [Response.ReadAll].
//
// Server is the only closer on the success path, and it closes as well when a
// handler panics, when the client hangs up, and for HEAD, 304 and 412. In
// tests every body is tracked (see [TrackBodies]): closing twice panics and a
// leak shows the stack that created the body.
//
// The request's Body belongs to the Server; handlers read it and do not close it.
package web

import (
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"apus/impl/event"
	"apus/impl/swift"
)

// Handler answers a request. The result is never nil and its Body is never
// nil. ctx ends when the client hangs up or the response has been sent; it
// outlives the call, until the body is closed.
type Handler interface {
	Serve(ctx context.Context, req *Request) *Response
}

// HandlerFunc is a Handler that is a function.
type HandlerFunc func(ctx context.Context, req *Request) *Response

// Serve calls f.
func (f HandlerFunc) Serve(ctx context.Context, req *Request) *Response { return f(ctx, req) }

// Filter wraps a Handler.
type Filter func(next Handler) Handler

// Request is one HTTP request, a client's or a sub-request that a filter
// makes of it.
type Request struct {
	Method string
	// Path is percent-decoded and starts with a slash. It is bytes: nothing
	// says that it is valid UTF-8.
	Path string
	// RawPath is Path as the client sent it (still encoded), for logs and
	// signatures. Sub-requests leave it empty.
	RawPath string
	// RawQuery is the query string without "?".
	RawQuery string
	Header   http.Header
	// Body is never nil. Reading past a client's disconnect returns an error
	// of kind swift.ClientGone, past its deadline swift.Timeout.
	Body Reader
	// ContentLength is -1 when unknown (chunked).
	ContentLength int64
	// Phases is nil unless the request came with a body over a connection.
	Phases     Phases
	RemoteAddr string
	Host       string
	Proto      string // "HTTP/1.1"
	TLS        bool   // the connection is encrypted

	// Meta travels with the request through the pipeline and is shared with
	// its sub-requests.
	Meta *Meta
	// Source names the filter that made this sub-request in logs ("SLO",
	// "TA", …); empty for the client's own request.
	Source string
	// Authorize, when set by an auth filter, decides whether the request may
	// go on once ACL is known; nil result means yes. A sub-request keeps it
	// unless made with PreAuthorized.
	Authorize func(ctx context.Context, req *Request) *Response
	// ACL is the container or account ACL that applies, set by the proxy
	// before it calls Authorize.
	ACL string
	// SyncKey is the X-Container-Sync-Key of the container that is written to,
	// set by the proxy before it calls Authorize if the request brings a
	// timestamp, as those of container-sync do.
	SyncKey string
	// AuthorizeOverride is set together with Authorize by a filter that has
	// decided by itself (a signed URL); auth filters then step aside, unless
	// configured not to.
	AuthorizeOverride bool
	// Verbatim is set for what another cluster's container-sync sends: a
	// large object's manifest or a symlink comes as it is stored there, perhaps
	// before what it points to, and is stored as it is.
	Verbatim bool
	// CleanACL, set by an auth filter, checks and normalises the ACL that the
	// client wants in a header such as X-Container-Read. Nil: store as is.
	CleanACL func(header, value string) (string, error)
	// Owner is set by the auth filter for requests of the account's owner,
	// who may see and change ACLs and sync settings.
	Owner bool
	// Reseller is set by the auth filter for requests of a reseller admin,
	// who may also change quotas.
	Reseller bool

	query url.Values
}

// Reader is a request body. It is io.Reader under a local name so that
// documentation can point at its errors.
type Reader interface {
	Read(p []byte) (int, error)
}

// Meta is what the filters of one client request tell each other.
type Meta struct {
	TxnID string
	Log   *slog.Logger
	Start time.Time // wall clock at arrival
	// User is the authenticated identity for logs: groups joined by commas.
	User string
	// UserID is the one name of that identity: "account:user".
	UserID string
	// Logged is set by the proxy-logging filter that writes the client's line, so
	// that an inner instance logs sub-requests only.
	Logged bool
	// Subject is what the client's request is about, as far as filters found
	// out; InfoMu guards it.
	Subject event.Subject
	// Info caches account and container info within the request; owned by
	// impl/info. Sub-requests may run concurrently, so InfoMu guards it.
	Info   map[string]any
	InfoMu sync.Mutex
	// LogInfo is what filters want to add to the client's log line.
	LogInfo []string
	// RelativeLocation leaves a Location header without scheme and host.
	RelativeLocation bool
	// Events hears what happens to the request; nil swallows. Set by catch_errors.
	Events *event.Sink
	// Cache is set by the cache filter; nil without one.
	Cache Cache
}

// NewRequest makes a request from nothing, for internal clients and tests.
// Header and Meta are fresh, the body is empty.
func NewRequest(method, path string) *Request {
	return &Request{
		Method: method, Path: path, Header: http.Header{}, Body: http.NoBody,
		Proto: "HTTP/1.1", Meta: &Meta{Log: slog.New(slog.DiscardHandler)},
	}
}

// Sub makes a sub-request with the same identity: Meta, what auth filters set
// and RemoteAddr are kept, the header is fresh but for the User-Agent and the
// Referer, which decides whether ACLs with referrers apply; the body is empty.
// A reseller's privilege does not pass on: what a filter does for him has the
// quotas of everybody, as in OpenStack's Swift.
func (r *Request) Sub(method, path, source string) *Request {
	s := &Request{
		Method: method, Path: path, Header: http.Header{}, Body: http.NoBody,
		RemoteAddr: r.RemoteAddr, Host: r.Host, Proto: r.Proto, TLS: r.TLS,
		Meta: r.Meta, Source: source, Authorize: r.Authorize, CleanACL: r.CleanACL,
		AuthorizeOverride: r.AuthorizeOverride, Owner: r.Owner,
	}
	for _, name := range [...]string{"User-Agent", "Referer"} {
		if v := r.Header.Get(name); v != "" {
			s.Header.Set(name, v)
		}
	}
	return s
}

// PreAuthorized is Sub for requests that the client need not be allowed to
// make himself, such as a filter's look at its own settings. An auth filter
// that it may still have to pass steps aside.
func (r *Request) PreAuthorized(method, path, source string) *Request {
	s := r.Sub(method, path, source)
	s.Authorize, s.AuthorizeOverride = nil, true
	s.Owner = true
	return s
}

// Query is RawQuery parsed by [ParseQuery]. Of a parameter that comes several
// times the last counts and the others are dropped, as Swift's servers have it.
// Do not modify; after changing RawQuery call SetQuery.
func (r *Request) Query() url.Values {
	if r.query == nil {
		params := ParseQuery(r.RawQuery)
		r.query = make(url.Values, len(params))
		for _, p := range params {
			r.query[p.Name] = []string{p.Value}
		}
	}
	return r.query
}

// SetQuery replaces the query.
func (r *Request) SetQuery(q url.Values) {
	r.RawQuery, r.query = q.Encode(), nil
}

// HostURL is the scheme and host that the client used, for absolute links.
func (r *Request) HostURL() string {
	if r.TLS {
		return "https://" + strings.TrimSuffix(r.Host, ":443")
	}
	return "http://" + strings.TrimSuffix(r.Host, ":80")
}

// Swift splits Path into version and the account, container and object.
// ok is false when there is no version or no account.
func (r *Request) Swift() (version string, p swift.Path, ok bool) {
	version, rest, found := strings.Cut(strings.TrimPrefix(r.Path, "/"), "/")
	if !found || version == "" || rest == "" {
		return version, swift.Path{}, false
	}
	p, err := swift.ParsePath("/" + rest)
	return version, p, err == nil
}

// API is Swift for requests of the client API: ok is false for a version that
// no client can mean, too.
func (r *Request) API() (p swift.Path, ok bool) {
	version, p, ok := r.Swift()
	return p, ok && (version == "v1" || version == "v1.0")
}

// PolicyIndex is the storage policy of a request, for logs and metrics, as the
// headers of its answer tell it, or its own; empty if neither does.
func PolicyIndex(req *Request, resp *Response) string {
	const name = "X-Backend-Storage-Policy-Index"
	return cmp.Or(resp.Header.Get(name), req.Header.Get(name))
}

// SetSwift makes Path of a version and p.
func (r *Request) SetSwift(version string, p swift.Path) {
	r.Path, r.RawPath = "/"+version+p.String(), ""
}

// EscapePath percent-encodes a decoded path for the wire, keeping slashes.
func EscapePath(p string) string {
	return (&url.URL{Path: p}).EscapedPath()
}
