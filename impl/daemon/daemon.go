// Package daemon turns a host and a configuration file into a running Swift
// daemon: it is where everything is put together, and the one entrance that
// production and simulation share.
//
// Servers (proxy, account, container, object) build their pipeline from the
// paste part of the file; background daemons read the section of their name.
// [New] reads and checks and has no other effect; [Daemon.Run] works until its
// context ends and then drains.
package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path"
	"sort"
	"strings"

	"apus/impl/config"
	"apus/impl/event"
	"apus/impl/host"
	"apus/impl/metrics"
	"apus/impl/ring"
	"apus/impl/swift"
)

// Kind names a daemon as Swift's commands do, without "swift-".
type Kind string

// Kinds of daemon.
const (
	ProxyServer      Kind = "proxy-server"
	AccountServer    Kind = "account-server"
	ContainerServer  Kind = "container-server"
	ObjectServer     Kind = "object-server"
	ObjectUpdater    Kind = "object-updater"
	ContainerUpdater Kind = "container-updater"
)

// Kinds lists every daemon there is, sorted.
func Kinds() []Kind {
	kinds := make([]Kind, 0, len(builders()))
	for k := range builders() {
		kinds = append(kinds, k)
	}
	sort.Slice(kinds, func(i, j int) bool { return kinds[i] < kinds[j] })
	return kinds
}

// worker is what a Daemon runs.
type worker interface {
	// run works until ctx ends and returns once everything it started has
	// ended. It closes ready when it answers requests or has begun to work.
	run(ctx context.Context, ready chan<- struct{}) error
	// once does one pass, for background daemons.
	once(ctx context.Context) error
}

// builder makes a worker of what New has read.
type builder func(*parts) (worker, error)

func builders() map[Kind]builder {
	return map[Kind]builder{
		ProxyServer: buildServer, AccountServer: buildServer,
		ContainerServer: buildServer, ObjectServer: buildServer,
		ObjectUpdater: buildObjectUpdater, ContainerUpdater: buildContainerUpdater,
	}
}

// parts is what every builder needs.
type parts struct {
	kind    Kind
	host    *host.Host
	filters *host.Host // each of which has a log_level of its own
	conf    *config.File
	swift   *config.Swift
	rings   *ring.Store
	metrics *metrics.Set
	events  *event.Sink // of the daemon's own section
	log     *slog.Logger
}

// Daemon is one configured daemon.
type Daemon struct {
	kind   Kind
	log    *slog.Logger
	worker worker
	ready  chan struct{}
}

// New reads the configuration file conf (or conf.d directory) and swift.conf
// on h and builds the daemon. Everything that is wrong with the options is in
// one error. events may be nil.
func New(h *host.Host, kind Kind, conf string, events *event.Sink) (*Daemon, error) {
	const op = "daemon.New"
	build := builders()[kind]
	if build == nil {
		return nil, swift.E(op, string(kind), swift.Invalid, fmt.Errorf("no such daemon; there are %v", Kinds()))
	}
	file, err := config.Load(h.FS, conf)
	if err != nil {
		return nil, err
	}
	swiftDir := file.Section("DEFAULT").String("swift_dir", "/etc/swift")
	swiftFile, err := config.Load(h.FS, path.Join(swiftDir, "swift.conf"))
	if err != nil {
		return nil, err
	}
	common, err := config.ReadSwift(swiftFile)
	if err != nil {
		return nil, err
	}
	all := h
	h = withLevel(h, ownSection(file, kind), "")
	log := h.Log.With("server", string(kind))
	o := observe(h, file, kind, common, events, log)
	w, err := build(&parts{
		kind: kind, host: h, filters: all, conf: file, swift: common, rings: ring.NewStore(h.FS, swiftDir),
		metrics: o.metrics, events: o.metrics.Section(ownSection(file, kind), ""), log: log,
	})
	if err = errors.Join(file.Err(), err); err != nil {
		return nil, err
	}
	if unknown := unknownOptions(file, kind); len(unknown) > 0 {
		log.Warn("options that this daemon does not know", "options", strings.Join(unknown, " "))
	}
	o.worker = w
	return &Daemon{kind: kind, log: log, worker: o, ready: make(chan struct{})}, nil
}

func (k Kind) isServer() bool { return strings.HasSuffix(string(k), "-server") }

// Run works until ctx ends, drains, and returns nil; or returns why it could
// not start or go on. Call it once.
func (d *Daemon) Run(ctx context.Context) error {
	err := d.worker.run(ctx, d.ready)
	if err != nil && ctx.Err() == nil {
		d.log.Error("daemon ends", "error", err)
	}
	return err
}

// Once does one pass of a background daemon. Servers refuse.
func (d *Daemon) Once(ctx context.Context) error { return d.worker.once(ctx) }

// Ready is closed when the daemon answers requests or has begun to work.
func (d *Daemon) Ready() <-chan struct{} { return d.ready }
