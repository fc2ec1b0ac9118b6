// Package cache is the memcache filter ([filter:cache]): it gives every
// request the cache that other filters and the proxy keep tokens and container
// information in.
//
// memcache_backend = memcached (the default) asks Swift's memcached servers:
// memcache_servers, memcache_max_connections, connect_timeout, io_timeout,
// pool_timeout, tries, error_suppression_limit and _interval,
// item_size_warning_threshold, and tls_enabled with tls_cafile, tls_certfile and
// tls_keyfile, here or in [memcache] of <swift_dir>/memcache.conf. That file
// counts unless both servers and connections are given here. memcache_backend = local, an option
// of our own, keeps entries in the process, up to memcache_local_max_bytes
// (64 MiB); it serves a cluster with a single proxy.
package cache

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"

	"apus/impl/config"
	"apus/impl/memcache"
	"apus/impl/middleware"
	"apus/impl/web"
)

const (
	backendOption   = "memcache_backend"
	defaultServer   = "127.0.0.1:11211"
	defaultMaxBytes = 64 << 20
)

var _ middleware.Constructor = New

// New reads memcache_backend and the options of that backend.
func New(env *middleware.Env, opts *config.Section) (web.Filter, error) {
	var c web.Cache
	switch backend := opts.String(backendOption, "memcached"); backend {
	case "local":
		c = memcache.NewLocal(opts.Int("memcache_local_max_bytes", defaultMaxBytes, 1<<10, 1<<40), env.Host.Clock)
	case "memcached":
		cfg, err := clientConfig(env, opts)
		if err != nil {
			return nil, err
		}
		if c, err = memcache.NewClient(env.Host.Net, env.Host.Clock, cfg); err != nil {
			return nil, fmt.Errorf("[%s]: %w", opts.Name, err)
		}
	default:
		opts.Fail(backendOption, "must be memcached or local")
	}
	return func(next web.Handler) web.Handler {
		return web.HandlerFunc(func(ctx context.Context, req *web.Request) *web.Response {
			req.Meta.Cache = c
			return next.Serve(ctx, req)
		})
	}, nil
}

// clientConfig looks into the section first, then into memcache.conf.
func clientConfig(env *middleware.Env, opts *config.Section) (memcache.ClientConfig, error) {
	file, err := memcacheConf(env, opts)
	if err != nil {
		return memcache.ClientConfig{}, err
	}
	o := &layered{opts, file.Section("memcache")}
	cfg := memcache.ClientConfig{
		Servers:        config.SplitList(o.string("memcache_servers", defaultServer)),
		ConnectTimeout: o.pick("connect_timeout").Seconds("connect_timeout", 0),
		IOTimeout:      o.pick("io_timeout").Seconds("io_timeout", 0),
		PoolTimeout:    o.pick("pool_timeout").Seconds("pool_timeout", 0),
		ErrorInterval:  o.pick("error_suppression_interval").Seconds("error_suppression_interval", 0),
		Tries:          int(o.pick("tries").Int("tries", 0, 0, 1000)),
		MaxConns:       int(o.pick(connections).Int(connections, opts.Int("max_connections", 0, 0, 10000), 0, 10000)),
		ErrorLimit:     int(o.pick("error_suppression_limit").Float("error_suppression_limit", 0, 0, 1e6)),
		LargeValue:     int(o.pick("item_size_warning_threshold").Int("item_size_warning_threshold", -1, -1, 1<<30)),
		Log:            env.Host.Log,
		Events:         env.Events,
	}
	if v, ok := o.pick("error_suppression_interval").Lookup("error_suppression_interval"); ok && cfg.ErrorInterval == 0 && v != "" {
		cfg.ErrorInterval = -1 // zero asks for no suppression
	}
	if cfg.TLS, err = tlsConfig(env.Host, o); err != nil {
		return cfg, err
	}
	return cfg, file.Err()
}

const connections = "memcache_max_connections"

// memcacheConf is memcache.conf, empty if there is none or if it is not needed.
func memcacheConf(env *middleware.Env, opts *config.Section) (*config.File, error) {
	name := path.Join(opts.String("swift_dir", "/etc/swift"), "memcache.conf")
	_, servers := opts.Lookup("memcache_servers")
	if servers && (opts.Int(connections, 0, 0, 10000) > 0 || opts.Int("max_connections", 0, 0, 10000) > 0) {
		return config.Parse("", name)
	}
	file, err := config.Load(env.Host.FS, name)
	if errors.Is(err, fs.ErrNotExist) {
		return config.Parse("", name)
	}
	return file, err
}

// layered is a section with a file behind it.
type layered struct{ opts, file *config.Section }

func (l *layered) pick(key string) *config.Section {
	if _, ok := l.opts.Lookup(key); ok {
		return l.opts
	}
	return l.file
}

func (l *layered) string(key, def string) string { return l.pick(key).String(key, def) }
