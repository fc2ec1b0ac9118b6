// Package profile is the xprofile filter: it shows what the process spends its
// time and memory on, under /__profile__ (option path):
//
//	/__profile__                     the list, as HTML, or text for who accepts text/plain
//	/__profile__/heap                a profile for "go tool pprof"; likewise allocs, block,
//	                                 goroutine, mutex, threadcreate; ?debug=1 is text
//	/__profile__/profile?seconds=30  CPU time from now on
//	/__profile__/trace?seconds=1     an execution trace for "go tool trace"
//
// Profiles tell of the process alone, but more than strangers should know:
// only clients on the machine itself get them, unless allow_remote is true. A
// proxy on the same machine that speaks for strangers is one, too: do not let
// it pass on the path. max_seconds (60) bounds a measurement. The options of
// Swift's Python profiler are known and mean nothing here.
package profile

import (
	"bytes"
	"context"
	"fmt"
	"html"
	"net"
	"net/http"
	"net/netip"
	"runtime"
	"runtime/pprof"
	"slices"
	"strconv"
	"strings"
	"time"

	"apus/impl/config"
	"apus/impl/middleware"
	"apus/impl/web"
)

const (
	defaultSeconds = 60
	mostSeconds    = 3600
	cpuSeconds     = 30
	traceSeconds   = 1
	binaryType     = "application/octet-stream"
	textType       = "text/plain; charset=utf-8"
)

type settings struct {
	path   string
	remote bool
	most   float64 // seconds
}

type filter struct {
	*settings
	next web.Handler
}

var _ middleware.Constructor = New

// New reads path, allow_remote and max_seconds.
func New(_ *middleware.Env, opts *config.Section) (web.Filter, error) {
	s := &settings{
		path:   strings.ReplaceAll(opts.String("path", "__profile__"), "/", ""),
		remote: opts.Bool("allow_remote", false), most: opts.Float("max_seconds", defaultSeconds, 0, mostSeconds),
	}
	for _, key := range strings.Fields("log_filename_prefix dump_interval dump_timestamp flush_at_shutdown unwind profile_module") {
		opts.Lookup(key)
	}
	if s.path == "" {
		opts.Fail("path", "must be a name")
	}
	return func(next web.Handler) web.Handler { return &filter{s, next} }, nil
}

// Serve answers for its path.
func (f *filter) Serve(ctx context.Context, req *web.Request) *web.Response {
	first, name, _ := strings.Cut(strings.TrimPrefix(req.Path, "/"), "/")
	if first != f.path {
		return f.next.Serve(ctx, req)
	}
	switch {
	case !f.remote && !local(req.RemoteAddr):
		return web.Plain(http.StatusForbidden, "Profiles are for clients on this machine; allow_remote lets others see them.")
	case req.Method != http.MethodGet && req.Method != http.MethodHead:
		resp := web.NewResponse(http.StatusMethodNotAllowed)
		resp.Header.Set("Allow", "GET, HEAD")
		return resp
	case name == "":
		return f.index(req)
	case name == "profile":
		return f.measure(ctx, req, cpu, cpuSeconds)
	case name == "trace":
		return f.measure(ctx, req, execution, traceSeconds)
	}
	return lookup(req, name)
}

// local reports whether a client is on this machine.
func local(addr string) bool {
	hostname, _, err := net.SplitHostPort(addr)
	if err != nil {
		hostname = addr
	}
	ip, err := netip.ParseAddr(hostname)
	return err == nil && ip.Unmap().IsLoopback()
}

// index lists the profiles and how many entries they have.
func (f *filter) index(req *web.Request) *web.Response {
	profiles := pprof.Profiles()
	slices.SortFunc(profiles, func(a, b *pprof.Profile) int { return strings.Compare(a.Name(), b.Name()) })
	plain := strings.HasPrefix(req.Header.Get("Accept"), "text/plain")
	var b strings.Builder
	line := func(name, query, what string) {
		link := "/" + f.path + "/" + name + query
		if plain {
			fmt.Fprintf(&b, "%s\t%s\n", link, what)
			return
		}
		fmt.Fprintf(&b, "<tr><td><a href=\"%s\">%s</a></td><td>%s</td></tr>\n", html.EscapeString(link), html.EscapeString(name), html.EscapeString(what))
	}
	for _, p := range profiles {
		line(p.Name(), "?debug=1", strconv.Itoa(p.Count()))
	}
	line("profile", "?seconds="+strconv.Itoa(cpuSeconds), "CPU time")
	line("trace", "?seconds="+strconv.Itoa(traceSeconds), "execution trace")
	if plain {
		return web.Text(http.StatusOK, b.String(), textType)
	}
	return web.Text(http.StatusOK, "<!DOCTYPE html>\n<title>Profiles</title>\n<table>\n"+b.String()+"</table>\n", "text/html; charset=utf-8")
}

// lookup is one of the profiles that the runtime always keeps.
func lookup(req *web.Request, name string) *web.Response {
	p := pprof.Lookup(name)
	if p == nil {
		return web.Plain(http.StatusNotFound, "There is no profile %s.", name)
	}
	debug := 0
	if v := req.Query().Get("debug"); v != "" {
		var err error
		if debug, err = strconv.Atoi(v); err != nil || debug < 0 {
			return web.Plain(http.StatusBadRequest, "debug must be 0, 1 or 2")
		}
	}
	if name == "heap" && config.Truth(req.Query().Get("gc")) {
		runtime.GC()
	}
	var b buffer
	if err := p.WriteTo(&b, debug); err != nil {
		return web.Plain(http.StatusInternalServerError, "%s", err)
	}
	if debug > 0 {
		return b.response(textType)
	}
	return b.response(binaryType)
}

// measure runs a measurement for the seconds that the client wants.
func (f *filter) measure(ctx context.Context, req *web.Request, m measurement, seconds float64) *web.Response {
	seconds = min(seconds, f.most)
	if v := req.Query().Get("seconds"); v != "" {
		var err error
		if seconds, err = strconv.ParseFloat(v, 64); err != nil || !(seconds >= 0 && seconds <= f.most) {
			return web.Plain(http.StatusBadRequest, "seconds must be a number up to %g", f.most)
		}
	}
	var b buffer
	if err := m.start(&b); err != nil {
		return web.Plain(http.StatusConflict, "%s", err) // another one runs
	}
	timer := time.NewTimer(time.Duration(seconds * float64(time.Second)))
	select {
	case <-timer.C:
	case <-ctx.Done():
		timer.Stop()
	}
	m.stop()
	return b.response(binaryType)
}

// buffer keeps a profile, within bounds.
type buffer struct {
	bytes.Buffer
	full bool
}

const maxProfile = 64 << 20

// Write drops what is too much.
func (b *buffer) Write(p []byte) (int, error) {
	if b.full = b.full || b.Len()+len(p) > maxProfile; b.full {
		return len(p), nil
	}
	return b.Buffer.Write(p)
}

func (b *buffer) response(contentType string) *web.Response {
	if b.full {
		return web.Plain(http.StatusInternalServerError, "The profile is larger than %d bytes.", maxProfile)
	}
	return web.Text(http.StatusOK, b.String(), contentType)
}
