// Package updater is the object-updater: it delivers the container updates
// that object servers left in async_pending.
//
// A pass looks at every device and policy. Of several updates of one object
// only the newest counts; the others are removed. It is sent to every primary
// of the container that does not have it. When all have taken it (404 is not
// taking it) the file is removed, else the file remembers who has. A file that
// cannot be understood is quarantined.
package updater

import (
	"context"
	"encoding/binary"
	"iter"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"apus/impl/backend"
	"apus/impl/config"
	"apus/impl/diskfile"
	"apus/impl/event"
	"apus/impl/host"
	"apus/impl/policy"
	"apus/impl/ring"
	"apus/impl/swift"
)

// Rings finds rings by name; a *ring.Store does.
type Rings interface {
	Ring(name string) (*ring.Ring, error)
}

var _ Rings = (*ring.Store)(nil)

// Updater is the daemon.
type Updater struct {
	host   *host.Host
	swift  *config.Swift
	rings  Rings
	events *event.Sink
	disks  *diskfile.Manager

	timeouts    backend.Config
	interval    time.Duration
	concurrency int
	pause       time.Duration // between updates

	perContainer  float64 // updates a second, zero: no limit
	buckets       int     // into which containers are sorted for that
	deferred      int     // updates that may wait for their container
	tracked, dump int     // containers with failures that are remembered, and reported

	// Report, if set before the first pass, is told what each pass came to.
	Report func(Stats)
}

// New reads the options devices, mount_check, interval, concurrency,
// objects_per_second (or the older slowdown), conn_timeout, node_timeout,
// max_objects_per_container_per_second, per_container_ratelimit_buckets,
// max_deferred_updates, async_tracker_max_entries and async_tracker_dump_count.
func New(h *host.Host, sw *config.Swift, opts *config.Section, rings Rings, ev *event.Sink) (*Updater, error) {
	const most = 1 << 24
	u := &Updater{
		host: h, swift: sw, rings: rings, events: ev,
		disks: diskfile.New(h, sw.Hasher, diskfile.ReadConfig(opts), ev),
		timeouts: backend.Config{
			ConnTimeout: opts.Seconds("conn_timeout", 500*time.Millisecond),
			NodeTimeout: opts.Seconds("node_timeout", 10*time.Second),
		},
		interval:     opts.Seconds("interval", 5*time.Minute),
		concurrency:  int(opts.Int("concurrency", 8, 1, 1024)),
		perContainer: opts.Float("max_objects_per_container_per_second", 0, 0, 1e6),
		buckets:      int(opts.Int("per_container_ratelimit_buckets", 1000, 1, most)),
		deferred:     int(opts.Int("max_deferred_updates", 10000, 0, most)),
		tracked:      int(opts.Int("async_tracker_max_entries", 100, 1, most)),
		dump:         int(opts.Int("async_tracker_dump_count", 5, 1, most)),
	}
	rate := 50.0
	if _, ok := opts.Lookup("slowdown"); ok {
		rate = 1 / (opts.Float("slowdown", 0.01, 0, 1e6) + 0.01)
	}
	if rate = opts.Float("objects_per_second", rate, 0, 1e6); rate > 0 {
		u.pause = time.Duration(float64(time.Second) / rate)
	}
	for _, key := range [...]string{"updater_workers", "report_interval"} { // Python's processes and progress lines
		opts.Lookup(key)
	}
	return u, nil
}

// Run makes a pass every interval until ctx ends, the first at a random moment
// of it.
func (u *Updater) Run(ctx context.Context) error {
	wait := time.Duration(rand.Float64() * float64(u.interval))
	for sleep(ctx, wait) {
		watch := host.StartStopwatch()
		if err := u.Once(ctx); err != nil && ctx.Err() == nil {
			u.host.Log.LogAttrs(ctx, slog.LevelError, "object update pass failed", slog.Any("error", err))
		}
		wait = max(u.interval-watch.Elapsed(), 0)
	}
	return nil
}

func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}

// Once makes one pass over all devices. Devices that cannot be used are
// skipped; an error means that no pass was possible, or that ctx ended.
func (u *Updater) Once(ctx context.Context) error {
	if _, err := u.rings.Ring("container"); err != nil {
		return err
	}
	devices, err := u.disks.Devices()
	if err != nil {
		return err
	}
	p := &pass{Updater: u, client: backend.New(u.host.Net, u.timeouts), watch: host.StartStopwatch()}
	defer p.client.Close()
	for _, name := range devices {
		d, err := u.disks.Device(name)
		if err != nil {
			p.log(ctx, slog.LevelWarn, "device is skipped", slog.String("device", name), slog.Any("error", err))
			continue
		}
		for _, pol := range u.swift.Policies.All() {
			p.device(ctx, d, pol)
		}
	}
	sum := p.stats(p.watch.Elapsed(), u.dump)
	u.events.EmitTiming(event.Timing{Name: "timing", Duration: sum.Elapsed})
	u.host.Log.LogAttrs(ctx, slog.LevelInfo, "object update pass completed",
		slog.Int64("successes", sum.Successes), slog.Int64("failures", sum.Failures),
		slog.Int64("quarantines", sum.Quarantines), slog.Int64("unlinks", sum.Unlinks),
		slog.Int64("outdated_unlinks", sum.OutdatedUnlinks), slog.Int64("errors", sum.Errors),
		slog.Int64("redirects", sum.Redirects), slog.Int64("skips", sum.Skips),
		slog.Int64("deferrals", sum.Deferrals), slog.Int64("drains", sum.Drains))
	if u.Report != nil {
		u.Report(sum)
	}
	return ctx.Err()
}

// pass is one look at everything.
type pass struct {
	*Updater
	counters
	client *backend.Client
	watch  host.Stopwatch
}

// count counts for the line at the end of the pass, and for whoever watches.
func (p *pass) count(c *atomic.Int64, name string) {
	c.Add(1)
	p.events.Tick("", name)
}

func (p *pass) log(ctx context.Context, level slog.Level, msg string, attrs ...slog.Attr) {
	p.host.Log.LogAttrs(ctx, level, msg, attrs...)
}

// job is an update that was read and not sent yet.
type job struct {
	diskfile.Pending
	update *diskfile.Update
}

// device sends what is pending on d, several at a time.
func (p *pass) device(ctx context.Context, d *diskfile.Device, pol *policy.Policy) {
	var g errgroup.Group
	defer func() { _ = g.Wait() }() // the functions return no errors
	g.SetLimit(p.concurrency)
	start := func(j job) {
		g.Go(func() error {
			p.update(ctx, d, pol, j)
			return nil
		})
	}
	l := newLimiter[job](p.perContainer, p.buckets, p.deferred)
	for j := range p.jobs(ctx, d, pol) {
		v := l.offer(p.watch.Elapsed(), p.containerHash(j.update), j)
		if v.skipped {
			p.count(&p.skips, "skips")
		}
		if !v.admitted {
			p.count(&p.deferrals, "deferrals")
			continue
		}
		start(j)
		if p.pause > 0 && !sleep(ctx, p.pause) {
			return
		}
	}
	p.drain(ctx, l, start)
}

// drain starts what had to wait, until the next pass is due.
func (p *pass) drain(ctx context.Context, l *limiter[job], start func(job)) {
	for ctx.Err() == nil && p.watch.Elapsed() < p.interval {
		now := p.watch.Elapsed()
		j, at, ok := l.next(now)
		if !ok {
			return
		}
		if at > now && !sleep(ctx, at-now) {
			p.count(&p.skips, "skips")
			break
		}
		p.count(&p.drains, "drains")
		start(j)
	}
	if left := int64(l.left()); left > 0 {
		p.skips.Add(left)
		p.events.EmitCount(event.Count{Name: "skips", Value: left})
	}
}

// containerHash sorts updates by the container that they go to.
func (p *pass) containerHash(u *diskfile.Update) uint32 {
	h := p.swift.Hasher.Hash(destination(u))
	return binary.BigEndian.Uint32(h[:4])
}

// jobs reads what is pending. Of one object only the newest counts, the others
// are removed; what cannot be understood is quarantined.
func (p *pass) jobs(ctx context.Context, d *diskfile.Device, pol *policy.Policy) iter.Seq[job] {
	return func(yield func(job) bool) {
		last := ""
		for pending, err := range d.Updates(pol) {
			if ctx.Err() != nil {
				return
			}
			switch {
			case err != nil:
				p.errors.Add(1)
				p.log(ctx, slog.LevelError, "cannot look for pending updates", slog.Any("error", err))
				continue
			case pending.Hash == last:
				p.count(&p.outdated, "outdated_unlinks")
				if err := d.RemoveUpdate(pending.Path); err != nil {
					p.log(ctx, slog.LevelError, "cannot remove an outdated update", slog.Any("error", err))
				}
				continue
			}
			last = pending.Hash
			if u := p.load(ctx, d, pending); u != nil && !yield(job{pending, u}) {
				return
			}
		}
	}
}

// load reads one file; nil if there is nothing to send.
func (p *pass) load(ctx context.Context, d *diskfile.Device, pending diskfile.Pending) *diskfile.Update {
	u, err := d.LoadUpdate(pending.Path)
	switch {
	case swift.Is(err, swift.NotFound):
		return nil
	case swift.Is(err, swift.Corrupt):
		p.bad.Add(1)
		qerr := d.QuarantineUpdate(pending.Path)
		p.events.EmitQuarantine(event.Quarantine{Path: pending.Path, Reason: err.Error()})
		p.log(ctx, slog.LevelError, "a pending update is bad and quarantined", slog.Any("reason", err), slog.Any("error", qerr))
		return nil
	case err != nil:
		p.count(&p.errors, "errors")
		p.log(ctx, slog.LevelError, "cannot read a pending update", slog.Any("error", err))
		return nil
	}
	return u
}

// update delivers one update, with one more try where a container server knows
// a better place.
func (p *pass) update(ctx context.Context, d *diskfile.Device, pol *policy.Policy, j job) {
	u := j.update
	before := len(u.Successes)
	out := p.deliver(ctx, pol, u)
	changed := out.redirected || len(u.Successes) != before
	if out.redirected {
		p.count(&p.redirects, "redirects")
		if out = p.deliver(ctx, pol, u); out.redirected {
			p.count(&p.redirects, "redirects")
		}
	}
	var err error
	switch {
	case out.done:
		p.sent.Add(1)
		p.unlinks.Add(1)
		err = d.RemoveUpdate(j.Path)
		p.events.EmitAsyncUpdate(event.AsyncUpdate{Path: "/" + u.Account + "/" + u.Container + "/" + u.Object, Sent: true})
	default:
		p.count(&p.failed, "failures")
		p.late(u, j.Timestamp, p.tracked)
		if changed {
			err = d.RewriteUpdate(pol, j.Path, u)
		}
	}
	if err != nil {
		p.log(ctx, slog.LevelError, "cannot change a pending update", slog.Any("error", err))
	}
}

// outcome of one attempt: done when every primary has the row; redirected when
// the update now names another container.
type outcome struct{ done, redirected bool }

// follow makes u go to the shard that a container server named; back to the
// root container if it has been there already.
func follow(u *diskfile.Update, target string) {
	u.Successes = nil
	if slices.Contains(u.Redirects, target) {
		u.ContainerPath, u.Redirects = "", nil
		return
	}
	u.ContainerPath = target
	u.Redirects = append(u.Redirects, target)
}
