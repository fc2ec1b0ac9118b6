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
}

// New reads the options devices, mount_check, interval, concurrency,
// objects_per_second, conn_timeout and node_timeout.
func New(h *host.Host, sw *config.Swift, opts *config.Section, rings Rings, ev *event.Sink) (*Updater, error) {
	u := &Updater{
		host: h, swift: sw, rings: rings, events: ev,
		disks: diskfile.New(h, sw.Hasher, diskfile.ReadConfig(opts), ev),
		timeouts: backend.Config{
			ConnTimeout: opts.Seconds("conn_timeout", 500*time.Millisecond),
			NodeTimeout: opts.Seconds("node_timeout", 10*time.Second),
		},
		interval:    opts.Seconds("interval", 5*time.Minute),
		concurrency: int(opts.Int("concurrency", 8, 1, 1024)),
	}
	if rate := opts.Float("objects_per_second", 50, 0, 1e6); rate > 0 {
		u.pause = time.Duration(float64(time.Second) / rate)
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
	p := &pass{Updater: u, client: backend.New(u.host.Net, u.timeouts)}
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
	u.host.Log.LogAttrs(ctx, slog.LevelInfo, "object update pass completed",
		slog.Int64("successes", p.sent.Load()), slog.Int64("failures", p.failed.Load()),
		slog.Int64("outdated", p.outdated.Load()), slog.Int64("quarantines", p.bad.Load()))
	return ctx.Err()
}

// pass is one look at everything.
type pass struct {
	*Updater
	client                      *backend.Client
	sent, failed, outdated, bad atomic.Int64
}

func (p *pass) log(ctx context.Context, level slog.Level, msg string, attrs ...slog.Attr) {
	p.host.Log.LogAttrs(ctx, level, msg, attrs...)
}

// device sends what is pending on d, several at a time.
func (p *pass) device(ctx context.Context, d *diskfile.Device, pol *policy.Policy) {
	var g errgroup.Group
	defer func() { _ = g.Wait() }() // the functions return no errors
	g.SetLimit(p.concurrency)
	last := ""
	for pending, err := range d.Updates(pol) {
		if ctx.Err() != nil {
			return
		}
		switch {
		case err != nil:
			p.failed.Add(1)
			p.log(ctx, slog.LevelError, "cannot look for pending updates", slog.Any("error", err))
			continue
		case pending.Hash == last:
			p.outdated.Add(1)
			if err := d.RemoveUpdate(pending.Path); err != nil {
				p.log(ctx, slog.LevelError, "cannot remove an outdated update", slog.Any("error", err))
			}
			continue
		}
		last = pending.Hash
		g.Go(func() error {
			p.update(ctx, d, pol, pending)
			return nil
		})
		if p.pause > 0 && !sleep(ctx, p.pause) {
			return
		}
	}
}

// update delivers one file, with one more try where a container server knows
// a better place.
func (p *pass) update(ctx context.Context, d *diskfile.Device, pol *policy.Policy, pending diskfile.Pending) {
	u, err := d.LoadUpdate(pending.Path)
	switch {
	case swift.Is(err, swift.NotFound):
		return
	case swift.Is(err, swift.Corrupt):
		p.bad.Add(1)
		qerr := d.QuarantineUpdate(pending.Path)
		p.events.EmitQuarantine(event.Quarantine{Path: pending.Path, Reason: err.Error()})
		p.log(ctx, slog.LevelError, "a pending update is bad and quarantined", slog.Any("reason", err), slog.Any("error", qerr))
		return
	case err != nil:
		p.failed.Add(1)
		p.log(ctx, slog.LevelError, "cannot read a pending update", slog.Any("error", err))
		return
	}
	before := len(u.Successes)
	out := p.deliver(ctx, pol, u)
	if out.redirected {
		out = p.deliver(ctx, pol, u)
	} else if !out.done && len(u.Successes) == before {
		p.failed.Add(1)
		return
	}
	if out.done {
		p.sent.Add(1)
		err = d.RemoveUpdate(pending.Path)
		p.events.EmitAsyncUpdate(event.AsyncUpdate{Path: "/" + u.Account + "/" + u.Container + "/" + u.Object, Sent: true})
	} else {
		p.failed.Add(1)
		err = d.RewriteUpdate(pol, pending.Path, u)
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
