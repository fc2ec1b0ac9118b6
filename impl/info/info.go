// Package info answers what filters and the proxy keep asking: does this
// account or container exist, who may read it, where do its objects live.
//
// An answer comes from the request itself (web.Meta.Info), from the shared
// cache (web.Meta.Cache), or from a HEAD that is sent down the pipeline. Keys
// and values of the shared cache are Swift's: "account/<a>" and
// "container/<a>/<c>", JSON objects. An entry lives for the time that the
// proxy says, a tenth of it when the thing does not exist. A failure to find
// out is not cached and removes nothing. A given share of look-ups passes by
// the shared cache.
package info

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"

	"apus/impl/policy"
	"apus/impl/swift"
	"apus/impl/web"
)

// AccountInfo is what is known of an account.
type AccountInfo struct {
	Status                             int // of the HEAD; 0 for nonsense
	ContainerCount, ObjectCount, Bytes int64
	// Exists is false also for an account that is merely shown as empty
	// because a write would create it.
	Exists        bool
	Policies      map[int]Usage     // by the index of the storage policy
	Meta, Sysmeta map[string]string // lower case, without prefix
}

// Usage is an account's share of one storage policy.
type Usage struct {
	Containers int64 `json:"container_count"`
	Objects    int64 `json:"object_count"`
	Bytes      int64 `json:"bytes"`
}

// ContainerInfo is what is known of a container.
type ContainerInfo struct {
	Status                             int // of the HEAD; 0 if the account does not exist
	ReadACL, WriteACL, SyncTo, SyncKey string
	Versions                           string // X-Versions-Location
	ObjectCount, Bytes                 int64
	PolicyIndex                        int
	ShardingState                      string
	Meta, Sysmeta                      map[string]string // lower case, without prefix
}

// OK reports that the container exists.
func (c *ContainerInfo) OK() bool { return c.Status/100 == 2 }

// CORS is what the owner of a container says of requests from scripts of
// other sites.
type CORS struct{ AllowOrigin, ExposeHeaders, MaxAge string }

// CORS reads the container's metadata.
func (c *ContainerInfo) CORS() CORS {
	return CORS{
		AllowOrigin:   c.Meta["access-control-allow-origin"],
		ExposeHeaders: c.Meta["access-control-expose-headers"],
		MaxAge:        c.Meta["access-control-max-age"],
	}
}

// VersionsContainer is the container that has the versions of this one's
// objects; empty if there never was one.
func (c *ContainerInfo) VersionsContainer() string {
	name, _, _ := strings.Cut(web.UnescapePath(c.Sysmeta["versions-container"]), "/")
	return name
}

// OK reports that the account exists or would be created by a write.
func (a *AccountInfo) OK() bool { return a.Status/100 == 2 }

// Headers with which the proxy tells how long to remember.
const (
	RecheckAccount   = "X-Backend-Recheck-Account-Existence"
	RecheckContainer = "X-Backend-Recheck-Container-Existence"
	// FakeListing marks the answer for an account that a write would create.
	FakeListing = "X-Backend-Fake-Account-Listing"
)

// DefaultRecheck is how long an entry lives when nobody says.
const DefaultRecheck = 60 * time.Second

// AutoCreatePrefix begins the names of accounts that need not exist.
const AutoCreatePrefix = "."

func accountKey(account string) string { return "account/" + account }

func containerKey(account, container string) string { return "container/" + account + "/" + container }

// Account is the info of an account, if need be by a HEAD to next. The result
// is shared: do not modify.
func Account(ctx context.Context, next web.Handler, req *web.Request, account string) *AccountInfo {
	key := accountKey(account)
	if a, ok := local[*AccountInfo](req, key); ok {
		tally(req, "account", "infocache.hit")
		return a
	}
	if v, ok := cached(ctx, req, key); ok {
		if a := decoded(req, key, v, decodeAccount); a != nil {
			tally(req, "account", "cache.hit")
			keep(req, key, a)
			return a
		}
	}
	sub := subRequest(req, swift.Path{Account: account}, "GET_ACCOUNT_INFO")
	resp := next.Serve(ctx, sub)
	resp.Discard()
	countMiss(req, "account", resp.Status)
	if a, ok := local[*AccountInfo](req, key); ok {
		return a // the proxy has kept it
	}
	return SetAccount(ctx, req, account, resp.Status, resp.Header, nil)
}

// Container is the info of a container, if need be by a HEAD to next. The
// result is shared: do not modify.
func Container(ctx context.Context, next web.Handler, req *web.Request, account, container string) *ContainerInfo {
	key := containerKey(account, container)
	if c, ok := local[*ContainerInfo](req, key); ok {
		tally(req, "container", "infocache.hit")
		return c
	}
	if v, ok := cachedContainer(ctx, req, key, accountKey(account)); ok {
		if c := decoded(req, key, v, decodeContainer); c != nil {
			tally(req, "container", "cache.hit")
			keep(req, key, c)
			return c
		}
	}
	if !strings.HasPrefix(account, AutoCreatePrefix) {
		switch a := Account(ctx, next, req, account); {
		case a.Status >= 500:
			return &ContainerInfo{Status: a.Status}
		case !a.OK():
			return &ContainerInfo{}
		}
	}
	sub := subRequest(req, swift.Path{Account: account, Container: container}, "GET_CONTAINER_INFO")
	resp := next.Serve(ctx, sub)
	resp.Discard()
	countMiss(req, "container", resp.Status)
	if c, ok := local[*ContainerInfo](req, key); ok {
		return c
	}
	return SetContainer(ctx, req, account, container, resp.Status, resp.Header)
}

// tally tells operators where an answer came from.
func tally(req *web.Request, server, where string) { req.Meta.Events.Tick("", server+".info."+where) }

// countMiss tells them that the cache did not have it, and what the servers
// said then.
func countMiss(req *web.Request, server string, status int) {
	state := "miss"
	if req.Meta.Cache == nil {
		state = "disabled"
	}
	tally(req, server, "cache."+state+"."+strconv.Itoa(status))
}

func subRequest(req *web.Request, p swift.Path, source string) *web.Request {
	sub := req.PreAuthorized(http.MethodHead, "", source)
	sub.SetSwift("v1", p)
	sub.Header.Set("X-Backend-Allow-Reserved-Names", "true")
	return sub
}

// SetAccount remembers what an answer about an account says, unless it is a
// failure to find out, and returns it. Usage is that of the given policies;
// without them it is unknown.
func SetAccount(
	ctx context.Context, req *web.Request, account string, status int, h http.Header, policies *policy.Set,
) *AccountInfo {
	a := accountOf(status, h)
	a.Policies = usage(h, policies)
	if ttl, ok := lifetime(status, h.Get(RecheckAccount)); ok {
		key := accountKey(account)
		keep(req, key, a)
		share(ctx, req, key, encodeAccount(a), ttl)
	}
	return a
}

// SetContainer remembers what an answer about a container says, unless it is
// a failure to find out, and returns it.
func SetContainer(ctx context.Context, req *web.Request, account, container string, status int, h http.Header) *ContainerInfo {
	c := containerOf(status, h)
	if ttl, ok := lifetime(status, h.Get(RecheckContainer)); ok {
		key := containerKey(account, container)
		keep(req, key, c)
		share(ctx, req, key, encodeContainer(c, h), ttl)
	}
	return c
}

// lifetime is how long to remember an answer with this status.
func lifetime(status int, recheck string) (time.Duration, bool) {
	ttl := DefaultRecheck
	if n, err := strconv.Atoi(recheck); err == nil && n >= 0 {
		ttl = time.Duration(n) * time.Second
	}
	switch {
	case status == http.StatusNotFound || status == http.StatusGone:
		return ttl / 10, true
	case status/100 == 2:
		return ttl, true
	}
	return 0, false
}

// Clear forgets an account, or a container of it.
func Clear(ctx context.Context, req *web.Request, p swift.Path) {
	key := accountKey(p.Account)
	if p.Container != "" {
		key = containerKey(p.Account, p.Container)
	}
	req.Meta.InfoMu.Lock()
	delete(req.Meta.Info, key)
	delete(req.Meta.Info, aheadKey(key))
	req.Meta.InfoMu.Unlock()
	if req.Meta.Cache != nil {
		req.Meta.Cache.Delete(ctx, key)
	}
}

func local[T any](req *web.Request, key string) (T, bool) {
	req.Meta.InfoMu.Lock()
	defer req.Meta.InfoMu.Unlock()
	v, ok := req.Meta.Info[key].(T)
	return v, ok
}

func keep(req *web.Request, key string, v any) {
	req.Meta.InfoMu.Lock()
	defer req.Meta.InfoMu.Unlock()
	if req.Meta.Info == nil {
		req.Meta.Info = map[string]any{}
	}
	req.Meta.Info[key] = v
}
