// Package containerquotas is the container_quotas filter: limits that a
// container's owner sets on its bytes and objects, for containers that others
// may write to.
//
// X-Container-Meta-Quota-Bytes and X-Container-Meta-Quota-Count are digits,
// else their PUT or POST is 400. An object PUT that would exceed them is 413;
// what counts is what the container is known to hold, which may be a minute
// old. A body of unknown length counts as nothing. Versions of objects count
// with their bytes.
package containerquotas

import (
	"context"
	"math"
	"net/http"
	"strconv"
	"strings"

	"apus/impl/config"
	"apus/impl/info"
	"apus/impl/middleware"
	"apus/impl/swift"
	"apus/impl/web"
)

const (
	bytesHeader = "X-Container-Meta-Quota-Bytes"
	countHeader = "X-Container-Meta-Quota-Count"
)

type filter struct{ next web.Handler }

var _ middleware.Constructor = New

// New has no options.
func New(env *middleware.Env, _ *config.Section) (web.Filter, error) {
	env.Info.Register("container_quotas", map[string]any{})
	return func(next web.Handler) web.Handler { return &filter{next} }, nil
}

// Serve checks new quotas and what they limit.
func (f *filter) Serve(ctx context.Context, req *web.Request) *web.Response {
	_, path, ok := req.Swift()
	switch {
	case !ok || path.IsAccount():
	case path.IsContainer() && (req.Method == http.MethodPut || req.Method == http.MethodPost):
		if v := req.Header.Get(bytesHeader); v != "" && !digits(v) {
			return web.HTML(http.StatusBadRequest, "Invalid bytes quota.")
		}
		if v := req.Header.Get(countHeader); v != "" && !digits(v) {
			return web.HTML(http.StatusBadRequest, "Invalid count quota.")
		}
	case path.IsObject() && req.Method == http.MethodPut:
		c := info.Container(ctx, f.next, req, path.Account, path.Container)
		if c.OK() && exceeded(c, f.kept(ctx, req, path, c)+max(0, req.ContentLength)) {
			return refuse(ctx, req, c)
		}
	}
	return f.next.Serve(ctx, req)
}

// kept is the bytes of a container's versions, which are in another one.
func (f *filter) kept(ctx context.Context, req *web.Request, path swift.Path, c *info.ContainerInfo) int64 {
	versions := c.VersionsContainer()
	if versions == "" || c.Meta["quota-bytes"] == "" {
		return 0
	}
	return info.Container(ctx, f.next, req, path.Account, versions).Bytes
}

// exceeded reports whether another object of this size is too much.
func exceeded(c *info.ContainerInfo, size int64) bool {
	if most, ok := quota(c.Meta["quota-bytes"]); ok && size > most-c.Bytes {
		return true
	}
	most, ok := quota(c.Meta["quota-count"])
	return ok && c.ObjectCount >= most
}

// refuse tells of the quota only to those who could have stored the object.
func refuse(ctx context.Context, req *web.Request, c *info.ContainerInfo) *web.Response {
	if req.Authorize != nil {
		asked := *req
		asked.ACL = c.WriteACL
		if denial := asked.Authorize(ctx, &asked); denial != nil {
			return denial
		}
	}
	return web.HTML(http.StatusRequestEntityTooLarge, "Upload exceeds quota.")
}

func digits(v string) bool { return v != "" && strings.Trim(v, "0123456789") == "" }

// quota is what a stored value says; ok is false when it says nothing.
func quota(v string) (n int64, ok bool) {
	if !digits(v) {
		return 0, false
	}
	n, err := strconv.ParseInt(v, 10, 64)
	if err != nil {
		return math.MaxInt64, true // more than fits anywhere
	}
	return n, true
}
