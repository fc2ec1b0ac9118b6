// Package proxy is the proxy-server app at the end of the pipeline: it maps
// the client API (/v1/account/container/object) to requests to the account,
// container and object servers that the rings name, and their answers back.
//
// Each request is a call; account.go, container.go and object.go hold what
// the verbs do. How several nodes are asked is fanout's business.
package proxy

import (
	"context"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"unicode/utf8"

	"apus/impl/backend"
	"apus/impl/config"
	"apus/impl/event"
	"apus/impl/host"
	"apus/impl/info"
	"apus/impl/middleware"
	"apus/impl/policy"
	"apus/impl/proxy/fanout"
	"apus/impl/ring"
	"apus/impl/swift"
	"apus/impl/web"
)

// Rings finds rings by name: "account", "container", "object", "object-1", ….
type Rings interface {
	Ring(name string) (*ring.Ring, error)
}

// Server is the app.
type Server struct {
	host   *host.Host
	swift  *config.Swift
	rings  Rings
	opts   options
	info   *middleware.Capabilities
	client *backend.Client
	fan    *fanout.Fanout
	stamps swift.Stamps
	types  mimeTypes
	events *event.Sink
	// What may be done to the three kinds of resource.
	onAccount, onContainer, onObject map[string]verb
}

var _ web.Handler = (*Server)(nil)

// New reads opts, the section of the app, and publishes what the cluster can
// in caps.
func New(h *host.Host, sw *config.Swift, rings Rings, opts *config.Section, caps *middleware.Capabilities, ev *event.Sink) (*Server, error) {
	o := readOptions(opts, sw.Policies)
	if err := opts.Err(); err != nil {
		return nil, err
	}
	s := &Server{host: h, swift: sw, rings: rings, opts: o, info: caps, events: ev}
	if h.FS != nil {
		var err error
		if s.types, err = readMimeTypes(h.FS, opts.String("swift_dir", "/etc/swift")); err != nil {
			return nil, err
		}
	}
	s.client = backend.New(h.Net, o.backend)
	s.fan = fanout.New(s.client, o.fanout, ev)
	s.onAccount, s.onContainer, s.onObject = accountVerbs(o.allowAccountManagement), containerVerbs(), objectVerbs()
	caps.Register("swift", s.capabilities())
	return s, nil
}

// Close waits for requests to storage nodes that outlived theirs, and drops
// the connections that are kept. It cuts what is left when ctx ends.
func (s *Server) Close(ctx context.Context) error {
	err := s.fan.Close(ctx)
	s.client.Close()
	return err
}

// Prepare wraps the outermost filter, for what filters must know of the app
// when they ask for account and container info.
func (s *Server) Prepare(next web.Handler) web.Handler {
	common := &info.Common{SkipAccount: s.opts.skipAccountCache, SkipContainer: s.opts.skipContainerCache}
	return web.HandlerFunc(func(ctx context.Context, req *web.Request) *web.Response {
		info.Begin(req, common)
		return next.Serve(ctx, req)
	})
}

// call is one request on its way through the app.
type call struct {
	*Server
	ctx   context.Context
	req   *web.Request
	path  swift.Path
	stamp swift.Timestamp // of this request
	// stamped is set when the request came with its timestamp.
	stamped bool
	// allowed is set when the client may do what he asks for, whatever the
	// ACL of the container.
	allowed bool
	// policy of the object, once it is known.
	policy *policy.Policy
}

// verb is what one method does to one kind of resource.
type verb struct {
	serve func(*call) *web.Response
	// late verbs look up the container's ACL before a client is denied.
	late bool
}

// Serve answers a request.
func (s *Server) Serve(ctx context.Context, req *web.Request) *web.Response {
	if req.Path == "/info" {
		return s.serveInfo(req)
	}
	version, p, ok := req.Swift()
	if fault := refuse(req, version, ok); fault != nil {
		s.events.Tick("", "errors")
		return fault
	}
	if s.opts.denied(req.Host) {
		return web.HTML(http.StatusForbidden, "Invalid host header")
	}
	c := &call{Server: s, ctx: ctx, req: req, path: p}
	if fault := c.stampRequest(); fault != nil {
		return fault
	}
	verbs := s.verbs(p)
	v, ok := verbs[req.Method]
	switch {
	case ok:
	case mayUpdate(req, p):
		v = verb{serve: updateContainer}
	default:
		return methodNotAllowed(verbs)
	}
	if fault := reservedNames(p); fault != nil {
		return fault
	}
	if req.Authorize != nil {
		switch denial := req.Authorize(ctx, req); {
		case denial == nil:
			c.allowed = true
		case !v.late:
			return denial
		default:
			denial.Discard()
		}
	}
	resp := c.serveCORS(v)
	if c.policy != nil {
		// For logs and metrics. The request's header will not do: a filter may
		// send it on to a container of another policy.
		resp.Header.Set("X-Backend-Storage-Policy-Index", strconv.Itoa(c.policy.Index))
	}
	return resp
}

// refuse answers paths that are none of the API; ok says that this one names an
// account.
func refuse(req *web.Request, version string, ok bool) *web.Response {
	switch {
	case !validName(req.Path, allowReserved(req)):
		return web.HTML(http.StatusPreconditionFailed, "Invalid UTF8 or contains NULL")
	case !ok && version != "" && (req.Path == "/"+version || req.Path == "/"+version+"/"):
		return web.HTML(http.StatusPreconditionFailed, "Bad URL")
	case !ok || emptyNames(req.Path):
		return web.NewResponse(http.StatusNotFound)
	case version != "v1" && version != "v1.0":
		return web.NewResponse(http.StatusBadRequest)
	}
	return nil
}

// emptyNames finds what is no path though it begins like one: "/v1/a//".
func emptyNames(path string) bool {
	return strings.HasSuffix(path, "//") && strings.Count(path, "/") == 4
}

func (s *Server) verbs(p swift.Path) map[string]verb {
	switch {
	case p.IsObject():
		return s.onObject
	case p.IsContainer():
		return s.onContainer
	}
	return s.onAccount
}

func methodNotAllowed(verbs map[string]verb) *web.Response {
	resp := web.NewResponse(http.StatusMethodNotAllowed)
	resp.Header.Set("Allow", allowList(verbs))
	return resp
}

func allowList(verbs map[string]verb) string {
	names := make([]string, 0, len(verbs))
	for name := range verbs {
		names = append(names, name)
	}
	sortStrings(names)
	return strings.Join(names, ", ")
}

// authorize asks whether the client may go on, given the ACL that applies.
// Nil means yes.
func (c *call) authorize(acl string) *web.Response {
	c.req.ACL = acl
	if c.allowed || c.req.Authorize == nil {
		return nil
	}
	return c.req.Authorize(c.ctx, c.req)
}

// ring is the named ring; the response is set when there is none.
func (c *call) ring(name string) (*ring.Ring, *web.Response) {
	r, err := c.rings.Ring(name)
	if err != nil {
		c.log().Error("ring cannot be read", "ring", name, "err", err)
		return nil, web.NewResponse(http.StatusServiceUnavailable)
	}
	return r, nil
}

// nodes begins to deal out the nodes of an account or container.
func (c *call) nodes(r *ring.Ring, p swift.Path) *fanout.Nodes {
	return c.nodesFor(r, p, &c.opts.preferences.common, fanout.Reading)
}

// objectNodes begins to deal out the nodes of the object.
func (c *call) objectNodes(t target, purpose fanout.Purpose) *fanout.Nodes {
	return c.nodesFor(t.ring, c.path, c.opts.preferences.of(t.policy.Index), purpose)
}

func (c *call) nodesFor(r *ring.Ring, p swift.Path, prefs *fanout.Preferences, purpose fanout.Purpose) *fanout.Nodes {
	o := fanout.NodeOptions{
		Preferences: prefs, Purpose: purpose,
		Replication: truth(c.req.Header.Get("X-Backend-Use-Replication-Network")),
	}
	if c.opts.logHandoffs {
		o.Log = c.log()
	}
	n := c.fan.NodesFor(r, r.Partition(c.swift.Hasher.Hash(p)), o)
	switch {
	case p.IsObject():
		n.Server = fanout.ServerObject
	case p.IsContainer():
		n.Server = fanout.ServerContainer
	default:
		n.Server = fanout.ServerAccount
	}
	return n
}

func (c *call) log() *slog.Logger {
	if c.req.Meta.Log != nil {
		return c.req.Meta.Log
	}
	return slog.New(slog.DiscardHandler)
}

// allowReserved reports whether names may contain NUL, as those that filters
// keep for themselves do.
func allowReserved(req *web.Request) bool {
	return config.Truth(req.Header.Get("X-Backend-Allow-Reserved-Names"))
}

// reservedNames refuses paths that mix names which filters keep for themselves
// with those of users. Reserved names begin with NUL.
func reservedNames(p swift.Path) *web.Response {
	const nul = "\x00"
	if p.Object == "" {
		return nil
	}
	for _, x := range []struct{ kind, name string }{{"account", p.Account}, {"container", p.Container}, {"object", p.Object}} {
		if strings.Contains(x.name, nul) && !strings.HasPrefix(x.name, nul) {
			return web.HTML(http.StatusBadRequest, "Invalid reserved-namespace "+x.kind)
		}
	}
	switch inside, object := strings.HasPrefix(p.Container, nul), strings.HasPrefix(p.Object, nul); {
	case inside && !object:
		return web.HTML(http.StatusBadRequest, "Invalid user-namespace object in reserved-namespace container")
	case object && !inside:
		return web.HTML(http.StatusBadRequest, "Invalid reserved-namespace object in user-namespace container")
	}
	return nil
}

func validName(s string, reserved bool) bool {
	return utf8.ValidString(s) && (reserved || !strings.Contains(s, "\x00"))
}

// nextStamp is the timestamp of a write that begins now.
func (s *Server) nextStamp() swift.Timestamp { return s.stamps.Next(s.host.Clock.Now()) }

// stampRequest gives the request its timestamp, unless a filter has.
func (c *call) stampRequest() *web.Response {
	if v := c.req.Header.Get("X-Timestamp"); v != "" {
		t, err := swift.ParseTimestamp(v)
		if err != nil {
			return web.Plain(http.StatusBadRequest, "X-Timestamp should be a UNIX timestamp float value; was %q", v)
		}
		c.stamp, c.stamped = t, true
		return nil
	}
	c.stamp = c.nextStamp()
	c.req.Header.Set("X-Timestamp", c.stamp.Internal())
	return nil
}
