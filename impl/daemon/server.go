package daemon

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"apus/impl/account"
	"apus/impl/config"
	"apus/impl/container"
	"apus/impl/host"
	"apus/impl/middleware"
	"apus/impl/middleware/all"
	"apus/impl/object"
	"apus/impl/proxy"
	"apus/impl/swift"
	"apus/impl/web"
)

// app is the innermost handler of a pipeline. Close waits for what the app
// still does in the background.
type app interface {
	web.Handler
	Close(ctx context.Context) error
}

// server answers HTTP on one address.
type server struct {
	parts *parts
	at    listening
	app   app
	http  *web.Server
}

// defaultClientTimeout is how long a client may stall.
const defaultClientTimeout = 60 * time.Second

var errNotAPass = errors.New("a server has no passes; run it without once")

func (s *server) once(context.Context) error { return errNotAPass }

func (s *server) run(ctx context.Context, ready chan<- struct{}) error {
	ln, err := s.at.listen(ctx, s.parts.host.Net)
	if err != nil {
		return errors.Join(unlessStopped(ctx, err), s.app.Close(context.WithoutCancel(ctx)))
	}
	close(ready)
	s.parts.log.Info("listening", "addr", ln.Addr().String())
	err = s.http.Serve(ctx, ln)
	// The request context is gone by now; what the app owns is bounded by
	// its own timeouts.
	return errors.Join(err, s.app.Close(context.WithoutCancel(ctx)))
}

// defaultPorts are where Swift's servers listen.
var defaultPorts = map[Kind]int64{ProxyServer: 8080, ObjectServer: 6200, ContainerServer: 6201, AccountServer: 6202}

func buildServer(p *parts) (worker, error) {
	filters, last, err := p.conf.Pipeline()
	if err != nil {
		return nil, err
	}
	env := &middleware.Env{Host: p.host, Swift: p.swift, Info: middleware.NewCapabilities(), Events: p.events, Rings: p.rings, App: last.Options}
	a, err := buildApp(p, last, env.Info)
	if err != nil {
		return nil, err
	}
	handler, err := wrap(p, env, filters, a)
	if err != nil {
		return nil, err
	}
	if a, ok := a.(interface {
		Prepare(next web.Handler) web.Handler
	}); ok {
		handler = a.Prepare(handler)
	}
	def := p.conf.Section("DEFAULT")
	bind := def.String("bind_ip", "0.0.0.0")
	port := def.Int("bind_port", defaultPorts[p.kind], 0, 65535)
	cfg, err := serverConfig(p, def)
	if err != nil {
		return nil, err
	}
	cfg.RequireProxyProtocol = last.Options.Bool("require_proxy_protocol", false)
	cfg.Splicer, _ = p.host.Net.(host.Splicer)
	return &server{
		parts: p, app: a, at: readListening(def, net.JoinHostPort(bind, strconv.FormatInt(port, 10))),
		http: web.NewServer(handler, cfg),
	}, nil
}

// serverConfig reads how the server treats connections. Unlike upstream's, it
// takes all clients unless max_clients says otherwise: a connection without a
// request costs little here, and proxies keep theirs.
func serverConfig(p *parts, def *config.Section) (web.ServerConfig, error) {
	limits := p.swift.Limits
	clients := def.Seconds("client_timeout", defaultClientTimeout)
	cfg := web.ServerConfig{
		ClientTimeout: clients,
		IdleTimeout:   keepAlive(def, clients),
		MaxLine:       limits.MaxHeaderSize,
		MaxHeaders:    limits.MaxMetaCount + otherHeaders + max(limits.ExtraHeaderCount, 0),
		MaxClients:    int(def.Int("max_clients", 0, 1, 1<<20)),
		Clock:         p.host.Clock,
		Log:           p.log,
	}
	file := def.String("cert_file", "")
	if file == "" {
		return cfg, nil
	}
	p.log.Warn("TLS in this server is meant for tests; put a terminator in front in production")
	certificate, err := readPEM(p.host, file)
	if err != nil {
		return cfg, err
	}
	key, err := readPEM(p.host, def.String("key_file", file))
	if err != nil {
		return cfg, err
	}
	pair, err := tls.X509KeyPair(certificate, key)
	if err != nil {
		def.Fail("cert_file", "with key_file is no certificate with its key: "+err.Error())
		return cfg, nil
	}
	cfg.Certificate = &pair
	return cfg, nil
}

// keepAlive is how long a connection may wait for a request: keepalive_timeout,
// by default or when empty as long as clients may stall; 0 there is -1 here.
func keepAlive(def *config.Section, clients time.Duration) time.Duration {
	const key = "keepalive_timeout"
	if strings.TrimSpace(def.String(key, "")) == "" {
		return clients
	}
	if d := def.Seconds(key, clients); d > 0 {
		return d
	}
	return -1
}

// otherHeaders is how many headers a request may have beside metadata.
const otherHeaders = 36

func readPEM(h *host.Host, name string) ([]byte, error) {
	f, err := h.FS.OpenFile(name, host.ReadOnly, 0)
	if err != nil {
		return nil, swift.E("daemon.New", name, swift.Other, err)
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, 1<<20))
}

// buildApp makes the app that the last word of the pipeline names. It must be
// the one that the daemon is for.
func buildApp(p *parts, last config.Part, info *middleware.Capabilities) (app, error) {
	if want := string(p.kind[:len(p.kind)-len("-server")]); last.Use != want {
		return nil, swift.E("daemon.New", p.conf.Path, swift.Invalid,
			fmt.Errorf("[app:%s] use = egg:swift#%s: a %s needs egg:swift#%s", last.Name, last.Use, p.kind, want))
	}
	switch p.kind {
	case ProxyServer:
		return proxy.New(p.host, p.swift, p.rings, last.Options, info, p.events)
	case AccountServer:
		return account.New(p.host, p.swift, last.Options, p.events)
	case ContainerServer:
		return container.New(p.host, p.swift, last.Options, p.events)
	default:
		return object.New(p.host, p.swift, last.Options, p.events)
	}
}

// mandatory filters are put in by Swift's proxy when the pipeline does not
// name them, each behind the first of every filter of its list that is there.
var mandatory = []struct {
	use   string
	after []string
}{
	{"catch_errors", nil},
	{"gatekeeper", []string{"catch_errors"}},
	{"listing_formats", []string{"catch_errors", "gatekeeper", "proxy_logging", "memcache"}},
	{"copy", []string{"staticweb", "tempauth", "keystoneauth", "catch_errors", "gatekeeper", "proxy_logging"}},
	{"dlo", []string{"copy", "staticweb", "tempauth", "keystoneauth", "catch_errors", "gatekeeper", "proxy_logging"}},
	{"versioned_writes", []string{
		"slo", "dlo", "copy", "staticweb", "tempauth", "keystoneauth", "catch_errors", "gatekeeper", "proxy_logging",
	}},
}

// complete adds the mandatory filters to a proxy's pipeline, innermost first.
func complete(filters []config.Part, empty *config.Section) []config.Part {
	for _, m := range slices.Backward(mandatory) {
		if indexOf(filters, m.use) >= 0 {
			continue
		}
		at := 0
		for _, use := range m.after {
			at = max(at, indexOf(filters, use)+1)
		}
		part := config.Part{Name: m.use, Use: m.use, Options: empty}
		filters = slices.Insert(slices.Clone(filters), at, part)
	}
	return filters
}

// alternative is what may stand in front of a filter's options for metrics and
// its log.
func alternative(use string) string {
	if use == "proxy_logging" {
		return "access_"
	}
	return ""
}

// indexOf is where a filter first stands, or -1.
func indexOf(filters []config.Part, use string) int {
	return slices.IndexFunc(filters, func(f config.Part) bool { return f.Use == use })
}

// wrap builds the filters around the app, innermost first.
func wrap(p *parts, env *middleware.Env, filters []config.Part, inner web.Handler) (web.Handler, error) {
	registry := all.Registry()
	if p.kind == ProxyServer {
		filters = complete(filters, p.conf.Section("filter:mandatory"))
	}
	handler := inner
	for i := len(filters) - 1; i >= 0; i-- {
		f := filters[i]
		construct := registry[f.Use]
		if construct == nil {
			return nil, swift.E("daemon.New", p.conf.Path, swift.Invalid,
				fmt.Errorf("[filter:%s] use = egg:swift#%s: there is no such filter", f.Name, f.Use))
		}
		own := *env
		own.Host = withLevel(p.filters, f.Options, alternative(f.Use))
		own.Events = p.metrics.Section(f.Options, alternative(f.Use))
		filter, err := construct(&own, f.Options)
		if err != nil {
			return nil, swift.E("daemon.New", "[filter:"+f.Name+"]", swift.Other, err)
		}
		handler = filter(handler)
	}
	return handler, nil
}
