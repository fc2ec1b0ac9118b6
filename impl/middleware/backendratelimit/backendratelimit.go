// Package backendratelimit is the backend_ratelimit filter of storage servers:
// it answers 529 to requests that would exceed a rate per device, or per device
// and method, so that a proxy turns to another node.
//
// Rates are options of the filter's section. A file of their own,
// backend-ratelimit.conf with a section [backend_ratelimit], overrides them and
// is read again every config_reload_interval, so that an operator can turn the
// limits of a running server. What is not in the file any more is what the
// filter's section says.
package backendratelimit

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"math"
	"path"
	"strconv"
	"strings"
	"sync"
	"time"

	"apus/impl/config"
	"apus/impl/event"
	"apus/impl/host"
	"apus/impl/middleware"
	"apus/impl/web"
)

const (
	section           = "backend_ratelimit"
	defaultFile       = "backend-ratelimit.conf"
	defaultInterval   = time.Minute
	defaultBuffer     = 1.0 // seconds
	tooMany           = 529 // what Swift's nodes say when they want to be left alone
	maxLimiters       = 10_000
	rateSuffix        = "requests_per_device_per_second"
	bufferKey         = "requests_per_device_rate_buffer"
	partitionBits     = 64
	partitionBase     = 10
	wholeDevice       = "" // stands for all methods in limits.rates
	partsOfDevicePath = 3
)

func limitedMethods() []string {
	return []string{"GET", "HEAD", "PUT", "POST", "DELETE", "UPDATE", "REPLICATE"}
}

// limits are the tunables that the file can change.
type limits struct {
	buffer float64            // seconds
	rates  map[string]float64 // per second, by method
}

func (l limits) equal(m limits) bool {
	for method, r := range l.rates {
		if m.rates[method] != r {
			return false
		}
	}
	return l.buffer == m.buffer
}

// readLimits reads the limits from s; what it does not name is as in def.
func readLimits(s *config.Section, def limits) limits {
	rate := func(key, method string) float64 { return s.Float(key, def.rates[method], 0, math.MaxFloat64) }
	out := limits{
		buffer: s.Float(bufferKey, def.buffer, 0, math.MaxFloat64),
		rates:  map[string]float64{wholeDevice: rate(rateSuffix, wholeDevice)},
	}
	for _, m := range limitedMethods() {
		out.rates[m] = rate(strings.ToLower(m)+"_"+rateSuffix, m)
	}
	return out
}

type key struct{ device, method string }

// governor is the limits and limiters of one filter.
type governor struct {
	fs       host.FS
	log      *slog.Logger
	file     string
	interval time.Duration // 0: never
	base     limits        // of the filter's section
	watch    host.Stopwatch

	mu struct {
		sync.Mutex
		limits   limits
		expected bool // the file was there the last time, or was named
		loaded   time.Duration
		limiters map[key]*limiter
	}
}

type filter struct {
	*governor
	next   web.Handler
	events *event.Sink
}

var _ middleware.Constructor = New

// New reads the limits and the file.
func New(env *middleware.Env, opts *config.Section) (web.Filter, error) {
	g := &governor{fs: env.Host.FS, log: env.Host.Log, watch: host.StartStopwatch()}
	named, ok := opts.Lookup("backend_ratelimit_conf_path")
	if g.file = named; !ok {
		g.file = path.Join(opts.String("swift_dir", "/etc/swift"), defaultFile)
	}
	g.interval = opts.Seconds("config_reload_interval", defaultInterval)
	g.base = readLimits(opts, limits{buffer: defaultBuffer})
	g.mu.limits, g.mu.expected, g.mu.limiters = g.base, ok, map[key]*limiter{}
	g.load(context.Background())
	return func(next web.Handler) web.Handler { return &filter{g, next, env.Events} }, nil
}

func (f *filter) Serve(ctx context.Context, req *web.Request) *web.Response {
	f.reload(ctx)
	if device, ok := deviceOf(req.Path); ok && !f.allow(device, req.Method) {
		f.events.EmitRateLimit(event.RateLimit{Device: device, Method: req.Method})
		return web.NewResponse(tooMany)
	}
	return f.next.Serve(ctx, req)
}

// deviceOf is the device of a path "/device/partition…". Others, such as
// /recon/mem, are not limited.
func deviceOf(p string) (string, bool) {
	rest, ok := strings.CutPrefix(p, "/")
	parts := strings.SplitN(rest, "/", partsOfDevicePath)
	if !ok || len(parts) < 2 || parts[0] == "" {
		return "", false
	}
	_, err := strconv.ParseInt(parts[1], partitionBase, partitionBits)
	return parts[0], err == nil
}

// allow asks the limiter of the device and then that of the method on it, which
// both have to agree.
func (g *governor) allow(device, method string) bool {
	now := float64(g.watch.Elapsed()) / float64(time.Millisecond)
	g.mu.Lock()
	defer g.mu.Unlock()
	if _, limited := g.mu.limits.rates[method]; !limited || method == wholeDevice {
		return true
	}
	return g.allowLocked(key{device, wholeDevice}, now) && g.allowLocked(key{device, method}, now)
}

func (g *governor) allowLocked(k key, now float64) bool {
	rate, buffer := g.mu.limits.rates[k.method], g.mu.limits.buffer
	if rate <= 0 {
		return true
	}
	l := g.mu.limiters[k]
	if l == nil {
		if len(g.mu.limiters) >= maxLimiters {
			g.forgetLocked(now)
		}
		l = newLimiter()
		if len(g.mu.limiters) < maxLimiters {
			g.mu.limiters[k] = l
		}
	}
	return l.allow(now, rate, buffer)
}

// forgetLocked drops the limiters that are as good as new.
func (g *governor) forgetLocked(now float64) {
	for k, l := range g.mu.limiters {
		if l.idle(now, g.mu.limits.buffer) {
			delete(g.mu.limiters, k)
		}
	}
}

// reload reads the file again when it is time. Other requests go on meanwhile
// with the limits there are.
func (g *governor) reload(ctx context.Context) {
	if g.interval <= 0 {
		return
	}
	now := g.watch.Elapsed()
	g.mu.Lock()
	due := now-g.mu.loaded >= g.interval
	if due {
		g.mu.loaded = now
	}
	g.mu.Unlock()
	if due {
		g.load(ctx)
	}
}

// load reads the file. When it cannot be read or is wrong, the limits stay.
func (g *governor) load(ctx context.Context) {
	next, err := g.readFile()
	g.mu.Lock()
	expected := g.mu.expected
	changed := err == nil && !next.equal(g.mu.limits)
	if changed {
		g.mu.limits = next
	}
	absent := err != nil && !errors.Is(err, errInvalid)
	if err == nil || absent {
		g.mu.expected = err == nil
	}
	g.mu.Unlock()
	file := slog.String("file", g.file)
	switch {
	case changed:
		g.log.LogAttrs(ctx, slog.LevelInfo, "Loaded config file, config changed", file)
	case err == nil && !expected:
		g.log.LogAttrs(ctx, slog.LevelInfo, "Loaded new config file, config unchanged", file)
	case err == nil:
		g.log.LogAttrs(ctx, slog.LevelDebug, "Loaded existing config file, config unchanged", file)
	case !absent:
		g.log.LogAttrs(ctx, slog.LevelWarn, "Invalid config file, config unchanged", file, slog.Any("error", err))
	case expected:
		g.log.LogAttrs(ctx, slog.LevelWarn, "Failed to load config file, config unchanged", file, slog.Any("error", err))
	}
}

// errInvalid marks a file that is there but wrong.
var errInvalid = errors.New("invalid file")

func (g *governor) readFile() (limits, error) {
	if _, err := g.fs.Stat(g.file); err != nil {
		return limits{}, err
	}
	file, err := config.Load(g.fs, g.file)
	switch {
	case errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) || errors.Is(err, host.ErrIO):
		return limits{}, err
	case err != nil:
		return limits{}, errors.Join(errInvalid, err)
	case !file.Has(section):
		return limits{}, errors.Join(errInvalid, errors.New("it has no section ["+section+"]; add one"))
	}
	out := readLimits(file.Section(section), g.base)
	if err := file.Err(); err != nil {
		return limits{}, errors.Join(errInvalid, err)
	}
	return out, nil
}
