package statsd

import (
	"net/http"
	"strconv"

	"apus/impl/event"
)

// Names is what a sink has to know to name metrics.
type Names struct {
	// Daemon is who counts when an event does not say so: the name that the
	// daemon logs under.
	Daemon string
	// Methods are the methods of a proxy's clients that have a name of their
	// own; others are BAD_METHOD.
	Methods []string
	// Policy reports whether there is a storage policy with the index.
	Policy func(index string) bool
}

// DefaultMethods are the Methods of a proxy unless log_statsd_valid_http_methods
// says otherwise.
func DefaultMethods() []string {
	return []string{"GET", "HEAD", "POST", "PUT", "DELETE", "COPY", "OPTIONS", "UPDATE"}
}

const proxyServer = "proxy-server"

// Sink listens and sends; nil for a nil Client.
func (c *Client) Sink(n Names) *event.Sink {
	if c == nil {
		return nil
	}
	l := &listener{c, n, map[string]bool{}}
	for _, m := range n.Methods {
		l.methods[m] = true
	}
	return &event.Sink{
		Request:     l.request,
		Transfer:    l.transferred,
		Quarantine:  func(event.Quarantine) { l.tick("quarantines") },
		AsyncUpdate: l.asyncUpdate,
		ErrorLimit:  l.errorLimit,
		RateLimit:   func(event.RateLimit) { l.tick("backend.ratelimit") },
		Count:       func(e event.Count) { c.count(l.name(e.Scope, e.Name), e.Value, byDefault) },
		Timing:      func(e event.Timing) { c.timing(l.name(e.Scope, e.Name), e.Duration, byDefault) },
	}
}

type listener struct {
	*Client
	names   Names
	methods map[string]bool
}

func (l *listener) name(scope, name string) string {
	if scope == "" {
		scope = l.names.Daemon
	}
	if scope == "" {
		return name
	}
	return scope + "." + name
}

func (l *listener) tick(name string) { l.count(l.name("", name), 1, byDefault) }

// asyncUpdate: an update that was delivered has also left the disk.
func (l *listener) asyncUpdate(e event.AsyncUpdate) {
	if !e.Sent {
		l.tick("async_pendings")
		return
	}
	l.tick("successes")
	l.tick("unlinks")
}

func (l *listener) errorLimit(e event.ErrorLimit) {
	if e.Forced {
		l.tick("error_limiter.forced_limit")
		return
	}
	l.tick("error_limiter.incremented_limit")
}

func (l *listener) request(e event.Request) {
	if e.Server == proxyServer {
		l.proxied(e)
		return
	}
	if e.Server == "object-server" {
		l.objectLabelled(e)
	}
	rate, known := storageRate(e.Server, e.Method)
	if !known {
		return
	}
	kind := ".timing"
	if e.Status/100 == 5 {
		kind = ".errors.timing"
	}
	l.timing(l.name("", e.Method+kind), e.Duration, rate)
}

// storageRate is the share of requests to a storage server whose duration is
// worth a datagram; false for methods that it does not have.
func storageRate(server, method string) (float64, bool) {
	switch method {
	case http.MethodPut, http.MethodGet, http.MethodPost, http.MethodDelete, http.MethodOptions:
		return byDefault, true
	case "UPDATE":
		return byDefault, server == "container-server"
	}
	switch server + " " + method {
	case "account-server HEAD", "account-server REPLICATE":
		return byDefault, true
	case "container-server HEAD", "object-server REPLICATE", "object-server SSYNC":
		return 0.1, true
	case "container-server REPLICATE":
		return 0.01, true
	case "object-server HEAD":
		return 0.8, true
	}
	return 0, false
}

// proxied names a request to a proxy by what it was about, and a second time
// by its storage policy.
func (l *listener) proxied(e event.Request) {
	l.proxiedLabelled(e)
	method := l.method(e.Method)
	kind := event.SubjectOf(e.Path).Resource
	who := kind
	if who == "" {
		who = e.Source
	}
	if who == "" {
		who = "UNKNOWN"
	}
	l.transfer(e, who, method)
	if l.policed(kind, e.Policy) {
		l.transfer(e, "object.policy."+e.Policy, method)
	}
}

// method is one that has a name of its own.
func (l *listener) method(m string) string {
	if !l.methods[m] {
		return "BAD_METHOD"
	}
	return m
}

// policed reports that a resource is an object of a policy that there is.
func (l *listener) policed(resource, policy string) bool {
	return resource == "object" && policy != "" && l.names.Policy != nil && l.names.Policy(policy)
}

func (l *listener) transfer(e event.Request, who, method string) {
	name := func(status int) string { return l.name(proxyServer, who+"."+method+"."+strconv.Itoa(status)) }
	if e.FirstByte > 0 {
		l.timing(name(e.WireStatus)+".first-byte.timing", e.FirstByte, byDefault)
	}
	l.timing(name(e.Status)+".timing", e.Duration, byDefault)
	l.count(name(e.Status)+".xfer", e.BytesIn+e.BytesOut, byDefault)
}
