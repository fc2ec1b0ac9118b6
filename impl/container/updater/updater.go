// Package updater is the container-updater: it looks through the container
// databases of all devices and tells the account servers about containers
// that have changed since they were last told.
package updater

import (
	"context"
	"errors"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"path"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"apus/impl/backend"
	"apus/impl/broker"
	"apus/impl/config"
	"apus/impl/container"
	"apus/impl/event"
	"apus/impl/host"
	"apus/impl/ring"
	"apus/impl/swift"
)

// Rings finds rings by name; a *ring.Store does.
type Rings interface {
	Ring(name string) (*ring.Ring, error)
}

// Updater is the daemon.
type Updater struct {
	host   *host.Host
	swift  *config.Swift
	rings  Rings
	events *event.Sink

	broker      broker.Config
	timeouts    backend.Config
	mountCheck  bool
	interval    time.Duration
	concurrency int
	pause       time.Duration // between containers, of each worker
	suppression time.Duration

	// Swept, if set before Run or Once, is told after each sweep how long it
	// took: what recon calls container_updater_sweep.
	Swept func(elapsed time.Duration)

	// Accounts that could not be told are left alone for a while.
	mu struct {
		sync.Mutex
		suppressed map[string]host.Stopwatch
	}
}

// New reads the options devices, mount_check, interval, concurrency,
// containers_per_second, slowdown (its old form), account_suppression_time,
// conn_timeout and node_timeout.
func New(h *host.Host, sw *config.Swift, opts *config.Section, rings Rings, ev *event.Sink) (*Updater, error) {
	u := &Updater{
		host: h, swift: sw, rings: rings, events: ev,
		broker: broker.ReadConfig(opts), timeouts: container.ReadTimeouts(opts),
		mountCheck:  opts.Bool("mount_check", true),
		interval:    opts.Seconds("interval", 5*time.Minute),
		concurrency: int(opts.Int("concurrency", 4, 1, 1024)),
		suppression: opts.Seconds("account_suppression_time", time.Minute),
	}
	rate := 50.0
	if _, old := opts.Lookup("slowdown"); old {
		h.Log.Warn("The slowdown option is deprecated in favor of containers_per_second")
		rate = 1 / (opts.Float("slowdown", 0.01, 0, 1e6) + 0.01)
	}
	if rate = opts.Float("containers_per_second", rate, 0, 1e6); rate > 0 {
		u.pause = time.Duration(float64(time.Second) / rate)
	}
	u.mu.suppressed = map[string]host.Stopwatch{}
	return u, nil
}

// Run sweeps every interval until ctx ends, starting at a random moment of
// the first.
func (u *Updater) Run(ctx context.Context) error {
	wait := time.Duration(rand.Float64() * float64(u.interval))
	for sleep(ctx, wait) {
		watch := host.StartStopwatch()
		if err := u.sweep(ctx, u.concurrency); err != nil && ctx.Err() == nil {
			u.host.Log.Error("Container update sweep failed", "error", err.Error())
		}
		wait = max(u.interval-watch.Elapsed(), 0)
	}
	return nil
}

// Once sweeps once.
func (u *Updater) Once(ctx context.Context) error { return u.sweep(ctx, 1) }

func sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}

// sweep is one look at everything. What it opens it closes.
type sweep struct {
	*Updater
	pool   *broker.Pool
	client *backend.Client
	// Containers told about, failed and unchanged.
	told, failed, same atomic.Int64
}

// count counts for the line at the end of the sweep, and for whoever watches.
func (s *sweep) count(c *atomic.Int64, name string) {
	c.Add(1)
	s.events.Tick("", name)
}

func (u *Updater) sweep(ctx context.Context, workers int) error {
	if _, err := u.rings.Ring("account"); err != nil {
		return err
	}
	u.forgive()
	s := &sweep{Updater: u, pool: broker.NewPool(u.host, u.swift.Hasher, u.broker, u.events), client: backend.New(u.host.Net, u.timeouts)}
	defer s.pool.Close()
	defer s.client.Close()
	partitions := make(chan string)
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for dir := range partitions {
				s.partition(ctx, dir)
			}
		})
	}
	watch := host.StartStopwatch()
	for _, dir := range u.partitions() {
		select {
		case partitions <- dir:
			continue
		case <-ctx.Done():
		}
		break
	}
	close(partitions)
	wg.Wait()
	elapsed := watch.Elapsed()
	u.events.EmitTiming(event.Timing{Name: "timing", Duration: elapsed})
	u.host.Log.Info("Container update sweep completed", "elapsed", elapsed.String(),
		"successes", s.told.Load(), "failures", s.failed.Load(), "no_changes", s.same.Load())
	if u.Swept != nil && ctx.Err() == nil {
		u.Swept(elapsed)
	}
	return ctx.Err()
}

// partitions lists the partition directories of all devices, shuffled so
// that one bad device does not always come first.
func (u *Updater) partitions() []string {
	var out []string
	for _, device := range u.list(u.broker.Devices) {
		dir := path.Join(u.broker.Devices, device)
		if u.mountCheck {
			if ok, err := u.host.FS.IsMount(dir); err != nil || !ok {
				u.host.Log.Warn("Device is not mounted", "device", dir)
				continue
			}
		}
		root := path.Join(dir, broker.ContainersDir)
		for _, p := range u.list(root) {
			out = append(out, path.Join(root, p))
		}
	}
	rand.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out
}

// list names what is in a directory; nothing if it cannot be read.
func (u *Updater) list(dir string) []string {
	entries, err := u.host.FS.ReadDir(dir)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, host.ErrNotDir) {
			u.host.Log.Error("Cannot list directory", "dir", dir, "error", err.Error())
		}
		return nil
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name()
	}
	return names
}

func (s *sweep) partition(ctx context.Context, dir string) {
	for _, suffix := range s.list(dir) {
		for _, hash := range s.list(path.Join(dir, suffix)) {
			home := path.Join(dir, suffix, hash)
			for _, name := range s.list(home) {
				if !strings.HasSuffix(name, ".db") {
					continue
				}
				file := path.Join(home, name)
				if err := s.container(ctx, file); err != nil && ctx.Err() == nil {
					s.host.Log.Error("Container could not be processed", "file", file, "error", err.Error())
				}
				if !sleep(ctx, s.pause) {
					return
				}
				break // others are files of the same container
			}
		}
	}
}

// container tells the account about one container, if there is news.
func (s *sweep) container(ctx context.Context, file string) error {
	c := s.pool.ContainerFile(file)
	var info *broker.ContainerInfo
	err := c.View(ctx, func(x *broker.ContainerTx) (err error) {
		if info, err = x.Info(); err != nil {
			return err
		}
		// The objects of a shard are the root's: its updater tells of them.
		root, err := x.IsRoot()
		if !root {
			info.ObjectCount, info.BytesUsed = 0, 0
		}
		return err
	})
	if swift.Is(err, swift.NotFound) {
		return nil
	}
	if swift.Is(err, swift.Unavailable) {
		s.host.Log.Info("Container is busy; skipping", "file", file, "error", err.Error())
		return nil
	}
	if err != nil {
		return err
	}
	// A container that was made by its first row has no put timestamp until
	// somebody puts it; its counts are not to be trusted.
	if info.PutTimestamp.IsZero() || s.isSuppressed(info.Account) {
		return nil
	}
	if !info.Stale() {
		s.count(&s.same, "no_changes")
		return nil
	}
	statuses, err := s.report(ctx, info)
	if err != nil {
		return err
	}
	good, unknown := 0, 0
	for _, st := range statuses {
		if st/100 == 2 {
			good++
		}
		if st == http.StatusNotFound {
			unknown++
		}
	}
	switch {
	case good > len(statuses)/2:
		s.count(&s.told, "successes")
		return c.Update(ctx, func(x *broker.ContainerTx) error { return x.SetReported(info) })
	case unknown == len(statuses):
		s.count(&s.failed, "failures")
		return c.Quarantine(ctx, errors.New("no account replicas exist"))
	}
	s.count(&s.failed, "failures")
	s.suppress(info.Account)
	return nil
}

// report asks all servers of the account; a status is 0 where there was no
// answer.
func (s *sweep) report(ctx context.Context, info *broker.ContainerInfo) ([]int, error) {
	r, err := s.rings.Ring("account")
	if err != nil {
		return nil, err
	}
	part := r.Partition(s.swift.Hasher.Hash(swift.Path{Account: info.Account}))
	nodes := r.Primaries(part)
	h := container.Report(info, "container-updater")
	h.Set("X-Account-Override-Deleted", "yes")
	statuses := make([]int, len(nodes))
	var wg sync.WaitGroup
	for i, n := range nodes {
		wg.Go(func() {
			req := &backend.Request{
				Method: http.MethodPut, Addr: replicationAddr(n), Header: h,
				Path: "/" + n.Device + "/" + strconv.FormatUint(uint64(part), 10) + "/" + info.Account + "/" + info.Container,
			}
			resp, err := s.client.Do(ctx, req)
			if err != nil {
				s.host.Log.Error("Account update failed, will be tried again later", "node", req.Addr, "path", req.Path, "error", err.Error())
				return
			}
			resp.Discard()
			statuses[i] = resp.Status
		})
	}
	wg.Wait()
	return statuses, nil
}

func replicationAddr(d *ring.Device) string {
	if d.ReplicationIP == "" || d.ReplicationPort == 0 {
		return d.Addr()
	}
	return (&ring.Device{IP: d.ReplicationIP, Port: d.ReplicationPort}).Addr()
}

func (u *Updater) suppress(account string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.mu.suppressed[account] = host.StartStopwatch()
}

func (u *Updater) isSuppressed(account string) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	w, ok := u.mu.suppressed[account]
	return ok && w.Elapsed() < u.suppression
}

// forgive forgets suppressions that are over.
func (u *Updater) forgive() {
	u.mu.Lock()
	defer u.mu.Unlock()
	for account, w := range u.mu.suppressed {
		if w.Elapsed() >= u.suppression {
			delete(u.mu.suppressed, account)
		}
	}
}
