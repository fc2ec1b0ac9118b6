// Package accountquotas is the account_quotas filter: limits on the bytes and
// objects of an account, in total and in each storage policy, which only
// resellers set and which do not bind them.
//
// Clients say X-Account-Quota-Bytes, X-Account-Quota-Count, and each of them
// with -Policy-<name>; X-Remove- in front or an empty value removes. Stored are
// X-Account-Sysmeta-Quota-Bytes and so on, with the policy's index instead of
// its name. X-Account-Meta-Quota-Bytes is what old clients say and old accounts
// have.
package accountquotas

import (
	"context"
	"math"
	"net/http"
	"strconv"
	"strings"

	"apus/impl/config"
	"apus/impl/info"
	"apus/impl/middleware"
	"apus/impl/policy"
	"apus/impl/swift"
	"apus/impl/web"
)

type filter struct {
	next     web.Handler
	policies *policy.Set
}

var _ middleware.Constructor = New

// New has no options.
func New(env *middleware.Env, _ *config.Section) (web.Filter, error) {
	env.Info.Register("account_quotas", map[string]any{})
	return func(next web.Handler) web.Handler { return &filter{next, env.Swift.Policies} }, nil
}

// Serve translates quotas on accounts and applies them to new objects.
func (f *filter) Serve(ctx context.Context, req *web.Request) *web.Response {
	_, path, ok := req.Swift()
	switch {
	case !ok:
	case path.IsAccount():
		return f.account(ctx, req)
	case path.IsObject() && req.Method == http.MethodPut && !req.Reseller:
		return f.upload(ctx, req, path)
	}
	return f.next.Serve(ctx, req)
}

// setting is one quota: "Account-Quota-Bytes" in public, and how it is stored.
type setting struct{ public, stored string }

func (f *filter) settings() []setting {
	var out []setting
	for _, kind := range [...]string{"Quota-Bytes", "Quota-Count"} {
		out = append(out, setting{"Account-" + kind, "X-Account-Sysmeta-" + kind})
		for _, p := range f.policies.All() {
			out = append(out, setting{
				"Account-" + kind + "-Policy-" + p.Name,
				"X-Account-Sysmeta-" + kind + "-Policy-" + strconv.Itoa(p.Index),
			})
		}
	}
	return out
}

func (f *filter) account(ctx context.Context, req *web.Request) *web.Response {
	if req.Method == http.MethodPut || req.Method == http.MethodPost {
		out := *req
		out.Header = req.Header.Clone()
		if status := f.translate(out.Header, req.Reseller); status != 0 {
			return web.NewResponse(status)
		}
		req = &out
	}
	resp := f.next.Serve(ctx, req)
	for _, s := range f.settings() {
		if v := resp.Header.Get(s.stored); v != "" {
			resp.Header.Set("X-"+s.public, v)
		}
	}
	return resp
}

// translate puts the quotas of a request into the form that is stored. It
// returns the status of a refusal, or zero.
func (f *filter) translate(h http.Header, reseller bool) int {
	for _, verb := range [...]string{"X-", "X-Remove-"} {
		old, now := verb+"Account-Meta-Quota-Bytes", verb+"Account-Quota-Bytes"
		if v, ok := h[http.CanonicalHeaderKey(old)]; ok && h.Get(now) == "" {
			h[http.CanonicalHeaderKey(now)] = v
		}
	}
	for _, s := range f.settings() {
		values, asked := h[http.CanonicalHeaderKey("X-"+s.public)]
		value := ""
		if len(values) > 0 {
			value = values[0]
		}
		if h.Get("X-Remove-"+s.public) != "" {
			value, asked = "", true
		}
		switch {
		case !asked:
		case !reseller:
			return http.StatusForbidden
		case value != "" && !digits(value):
			return http.StatusBadRequest
		default:
			h.Set(s.stored, value)
		}
	}
	return 0
}

func (f *filter) upload(ctx context.Context, req *web.Request, path swift.Path) *web.Response {
	a := info.Account(ctx, f.next, req, path.Account)
	size := max(0, req.ContentLength)
	bytes, ok := a.Sysmeta["quota-bytes"]
	if !ok {
		bytes = a.Meta["quota-bytes"]
	}
	if exceeds(bytes, a.Bytes, size) || exceeds(a.Sysmeta["quota-count"], a.ObjectCount, 1) {
		return f.refuse(ctx, req, "Upload exceeds quota.")
	}
	if !byPolicy(a.Sysmeta) {
		return f.next.Serve(ctx, req)
	}
	index := info.Container(ctx, f.next, req, path.Account, path.Container).PolicyIndex
	used, suffix := a.Policies[index], "-policy-"+strconv.Itoa(index)
	if exceeds(a.Sysmeta["quota-bytes"+suffix], used.Bytes, size) || exceeds(a.Sysmeta["quota-count"+suffix], used.Objects, 1) {
		return f.refuse(ctx, req, "Upload exceeds policy quota.")
	}
	return f.next.Serve(ctx, req)
}

// byPolicy reports whether any policy has a quota, else the container's policy
// need not be known.
func byPolicy(sysmeta map[string]string) bool {
	for name := range sysmeta {
		if strings.HasPrefix(name, "quota-bytes-policy-") || strings.HasPrefix(name, "quota-count-policy-") {
			return true
		}
	}
	return false
}

// refuse answers 413, once the client has proved that he may write: whether he
// may depends on the container, so that the proxy asks later.
func (f *filter) refuse(ctx context.Context, req *web.Request, why string) *web.Response {
	if req.Authorize == nil {
		return web.HTML(http.StatusRequestEntityTooLarge, why)
	}
	out, authorize := *req, req.Authorize
	out.Authorize = func(ctx context.Context, r *web.Request) *web.Response {
		if denial := authorize(ctx, r); denial != nil {
			return denial
		}
		return web.HTML(http.StatusRequestEntityTooLarge, why)
	}
	return f.next.Serve(ctx, &out)
}

// exceeds reports whether more on top of what is used is over a stored quota.
// What is no number limits nothing.
func exceeds(quota string, used, more int64) bool {
	if quota = strings.TrimSpace(quota); !digits(quota) {
		return false
	}
	most, err := strconv.ParseInt(quota, 10, 64)
	if err != nil {
		most = math.MaxInt64 // longer than any number here
	}
	return more > most-used
}

func digits(v string) bool { return v != "" && strings.Trim(v, "0123456789") == "" }
