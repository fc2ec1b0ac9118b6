// Package ratelimit is the ratelimit filter: it slows down writes to accounts
// and containers, and refuses when a request would have to wait too long.
//
// account_ratelimit limits PUT and DELETE of an account's containers, a second;
// container_ratelimit_SIZE writes to the objects of a container that holds SIZE
// objects or more, and container_listing_ratelimit_SIZE its listings; between
// two sizes the rate goes in a straight line. The account's sysmeta
// Global-Write-Ratelimit limits all its writes together, or is WHITELIST
// (nothing is limited) or BLACKLIST (497, after a second); account_whitelist
// and account_blacklist say the same in the file.
//
// # The shared state
//
// Each limit is a counter in the cache, of a key such as "ratelimit/a/c": the
// time, in 1/clock_accuracy seconds since 1970, when the next request is due. A
// request adds what it takes at the rate and sleeps until it is its turn. A
// counter that is more than rate_buffer_seconds in the past is set to the
// present, so that what was not used in that time, and no more, makes up for a
// burst. A request that would sleep max_sleep_time_seconds takes back what it
// added and is 498. Without a cache, or when it fails, nothing is limited.
package ratelimit

import (
	"context"
	"errors"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"apus/impl/config"
	"apus/impl/host"
	"apus/impl/info"
	"apus/impl/middleware"
	"apus/impl/swift"
	"apus/impl/web"
)

const (
	containerPrefix = "container_ratelimit_"
	listingPrefix   = "container_listing_ratelimit_"
	accountFlag     = "global-write-ratelimit" // in sysmeta
	blacklistSleep  = time.Second

	statusBlacklisted = 497
	statusRateLimited = 498
)

type settings struct {
	account              float64 // a second; 0: no limit
	maxSleep, logSleep   time.Duration
	accuracy, buffer     int64 // ticks a second; seconds
	whitelist, blacklist []string
	containers, listings steps
	clock                host.Clock
	warned               sync.Once
}

type filter struct {
	*settings
	next web.Handler
}

var _ middleware.Constructor = New

// New reads the limits.
func New(env *middleware.Env, opts *config.Section) (web.Filter, error) {
	s := &settings{
		account:  opts.Float("account_ratelimit", 0, 0, math.MaxFloat64),
		maxSleep: opts.Seconds("max_sleep_time_seconds", time.Minute), logSleep: opts.Seconds("log_sleep_time_seconds", 0),
		accuracy: opts.Int("clock_accuracy", 1000, 1, 1e6), buffer: opts.Int("rate_buffer_seconds", 5, 0, 1e6),
		whitelist: opts.List("account_whitelist"), blacklist: opts.List("account_blacklist"),
		containers: readSteps(opts, containerPrefix), listings: readSteps(opts, listingPrefix),
		clock: env.Host.Clock,
	}
	for name, list := range map[string][]string{"account_whitelist": s.whitelist, "account_blacklist": s.blacklist} {
		if len(list) > 0 {
			env.Host.Log.Warn("option is deprecated; set X-Account-Sysmeta-Global-Write-Ratelimit of the accounts instead", "option", name)
		}
	}
	env.Info.Register("ratelimit", map[string]any{
		"account_ratelimit": s.account, "max_sleep_time_seconds": s.maxSleep.Seconds(),
		"container_ratelimits": s.containers.table(), "container_listing_ratelimits": s.listings.table(),
	})
	return func(next web.Handler) web.Handler { return &filter{s, next} }, nil
}

// handledKey marks the context of a request that has waited, in case the
// pipeline has the filter twice.
type handledKey struct{}

// Serve lets requests wait for their turn.
func (f *filter) Serve(ctx context.Context, req *web.Request) *web.Response {
	path, ok := req.API()
	if !ok || ctx.Value(handledKey{}) != nil {
		return f.next.Serve(ctx, req)
	}
	if req.Meta.Cache == nil {
		f.warned.Do(func() { req.Meta.Log.Warn("Cannot ratelimit without a memcached client") })
		return f.next.Serve(ctx, req)
	}
	flag := info.Account(ctx, f.next, req, path.Account).Sysmeta[accountFlag]
	switch {
	case flag == "WHITELIST" || slices.Contains(f.whitelist, path.Account):
	case flag == "BLACKLIST" || slices.Contains(f.blacklist, path.Account):
		req.Meta.Log.Error("Returning 497 because of blacklisting", "account", path.Account)
		_ = sleep(ctx, blacklistSleep) // who hangs up does not hear the answer
		return web.HTML(statusBlacklisted, "Your account has been blacklisted")
	default:
		for _, l := range f.limits(ctx, req, path, flag) {
			if refusal := f.wait(ctx, req, l); refusal != nil {
				return refusal
			}
		}
	}
	return f.next.Serve(context.WithValue(ctx, handledKey{}, true), req)
}

// limit is one that applies to a request.
type limit struct {
	key  string
	rate float64 // a second
}

// limits are those that apply, in order.
func (f *filter) limits(ctx context.Context, req *web.Request, path swift.Path, flag string) []limit {
	var out []limit
	add := func(key string, rate float64) {
		if rate > 0 {
			out = append(out, limit{key, rate})
		}
	}
	size := func() int64 { return info.Container(ctx, f.next, req, path.Account, path.Container).ObjectCount }
	writes := writes(req.Method)
	switch {
	case path.IsContainer() && (req.Method == http.MethodPut || req.Method == http.MethodDelete):
		add("ratelimit/"+path.Account, f.account)
	case path.IsObject() && writes && len(f.containers) > 0:
		add("ratelimit/"+path.Account+"/"+path.Container, f.containers.rate(size()))
	case path.IsContainer() && req.Method == http.MethodGet && len(f.listings) > 0:
		add("ratelimit_listing/"+path.Account+"/"+path.Container, f.listings.rate(size()))
	}
	if rate, err := strconv.ParseFloat(strings.TrimSpace(flag), 64); err == nil && writes && !math.IsInf(rate, 0) {
		add("ratelimit/global-write/"+path.Account, rate)
	}
	return out
}

func writes(method string) bool {
	switch method {
	case http.MethodPut, http.MethodDelete, http.MethodPost, "COPY":
		return true
	}
	return false
}

// wait sleeps until it is the request's turn, or says why it may not go on.
func (f *filter) wait(ctx context.Context, req *web.Request, l limit) *web.Response {
	d, err := f.turn(ctx, req.Meta.Cache, l)
	switch {
	case errors.Is(err, errTooLong):
		req.Meta.Log.Error("Returning 498. Ratelimit (Max Sleep)", "method", req.Method, "path", req.Path, "sleep", d.Seconds())
		return web.HTML(statusRateLimited, "Slow down")
	case err != nil:
		return nil // a cache that is down limits nobody
	}
	if f.logSleep > 0 && d > f.logSleep {
		req.Meta.Log.Warn("Ratelimit sleep log", "sleep", d.Seconds(), "path", req.Path)
	}
	if sleep(ctx, d) != nil {
		return web.NewResponse(swift.ClientGone.Status())
	}
	return nil
}

var errTooLong = errors.New("the wait is too long")

// turn takes the next turn and says how far away it is.
func (f *filter) turn(ctx context.Context, cache web.Cache, l limit) (time.Duration, error) {
	now := ticks(f.clock.Now(), f.accuracy)
	step := int64(math.Round(float64(f.accuracy) / l.rate))
	due, err := cache.Incr(ctx, l.key, step, 0)
	if err != nil {
		return 0, err
	}
	need := int64(0)
	if now-due > f.buffer*f.accuracy {
		cache.Set(ctx, l.key, strconv.AppendInt(nil, now+step, 10), 0)
	} else {
		need = max(0, due-now-step)
	}
	d := time.Duration(float64(need) / float64(f.accuracy) * float64(time.Second))
	if most := f.maxSleep.Seconds() * float64(f.accuracy); most-float64(need) <= float64(f.accuracy)/100 {
		if _, err := cache.Incr(ctx, l.key, -step, 0); err != nil {
			return 0, err
		}
		return d, errTooLong
	}
	return d, nil
}

func ticks(t time.Time, accuracy int64) int64 {
	const nano = int64(time.Second)
	return t.Unix()*accuracy + (int64(t.Nanosecond())*accuracy+nano/2)/nano
}

// sleep ends early, with an error, when ctx does.
func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
