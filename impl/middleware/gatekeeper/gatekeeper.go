// Package gatekeeper is the gatekeeper filter: headers that servers and
// filters use among themselves neither come in from clients nor go out to
// them. It also keeps a client's X-Timestamp from becoming the timestamp of
// his write, and completes Location headers.
package gatekeeper

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"apus/impl/config"
	"apus/impl/middleware"
	"apus/impl/web"
)

type filter struct {
	next                          web.Handler
	shuntTimestamp, allowReserved bool
}

var _ middleware.Constructor = New

// New reads shunt_inbound_x_timestamp and allow_reserved_names_header.
func New(_ *middleware.Env, opts *config.Section) (web.Filter, error) {
	shunt := opts.Bool("shunt_inbound_x_timestamp", true)
	reserved := opts.Bool("allow_reserved_names_header", false)
	return func(next web.Handler) web.Handler { return &filter{next, shunt, reserved} }, nil
}

func (f *filter) Serve(ctx context.Context, req *web.Request) *web.Response {
	Strip(req.Header)
	if f.shuntTimestamp {
		move(req.Header, "X-Timestamp", "X-Backend-Inbound-X-Timestamp")
	}
	if f.allowReserved {
		move(req.Header, "X-Allow-Reserved-Names", "X-Backend-Allow-Reserved-Names")
	}
	resp := f.next.Serve(ctx, req)
	Strip(resp.Header)
	if loc := resp.Header.Get("Location"); loc != "" {
		resp.Header.Set("Location", location(loc, req))
	}
	return resp
}

func move(h http.Header, from, to string) {
	if v := h.Get(from); v != "" {
		h.Set(to, v)
	}
	h.Del(from)
}

// location is absolute, unless a filter asked for it without host.
func location(loc string, req *web.Request) string {
	if !req.Meta.RelativeLocation {
		if strings.HasPrefix(loc, "/") {
			return req.HostURL() + loc
		}
		return loc
	}
	u, err := url.Parse(loc)
	if err != nil {
		return loc
	}
	rel := url.URL{Path: u.Path, RawPath: u.RawPath, RawQuery: u.RawQuery, Fragment: u.Fragment, RawFragment: u.RawFragment}
	return rel.String()
}

// Strip removes the headers that are nobody's business outside.
func Strip(h http.Header) {
	for name := range h {
		if private(name) {
			delete(h, name)
		}
	}
}

// privatePrefixes are in the canonical form of header names, up to case.
var privatePrefixes = [...]string{
	"x-account-sysmeta-", "x-container-sysmeta-", "x-object-sysmeta-", "x-object-transient-sysmeta-",
	"x-backend",
}

// private also names the headers that steer container and expirer updates:
// they are older than the X-Backend prefix, and a client who could set them
// would choose where the object server connects to.
func private(name string) bool {
	name = strings.ToLower(name)
	for _, p := range privatePrefixes {
		if strings.HasPrefix(name, p) {
			return true
		}
	}
	switch name {
	case "x-account-host", "x-account-device", "x-account-partition",
		"x-container-host", "x-container-device", "x-container-partition", "x-container-root-db-state",
		"x-delete-at-host", "x-delete-at-device", "x-delete-at-partition", "x-delete-at-container":
		return true
	}
	return false
}
