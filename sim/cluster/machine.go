package cluster

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"apus/impl/daemon"
	"apus/impl/event"
	"apus/impl/host"
	"apus/sim/disk"
	"apus/sim/engine"
	simnet "apus/sim/net"
)

// machine is one simulated computer.
type machine struct {
	cluster   *Cluster
	name, ip  string
	clock     *engine.Clock
	disks     *disk.Machine
	devices   []string
	detached  map[string]*disk.Disk // by mount point, while not mounted
	log       *logBuffer
	processes []*process
}

func (c *Cluster) newMachine(name, ip string) *machine {
	clock := c.world.Clock(0)
	m := &machine{cluster: c, name: name, ip: ip, clock: clock, disks: disk.NewMachine(clock), detached: map[string]*disk.Disk{}, log: newLogBuffer(clock)}
	m.disks.Mount("/", disk.New(name+"/root", c.world.Stream("disk "+name+"/root"), disk.Config{}))
	return m
}

func (m *machine) mount(path string, d *disk.Disk) { m.disks.Mount(path, d) }

func (m *machine) add(kind daemon.Kind, conf string) {
	m.processes = append(m.processes, &process{machine: m, kind: kind, conf: swiftDir + "/" + conf})
}

// setUp lets fill write to the machine's disks and makes that durable.
func (m *machine) setUp(fill func(host.FS) error) error {
	p := m.disks.Process("setup")
	defer p.Fence()
	if err := fill(p); err != nil {
		return fmt.Errorf("setting up %s: %w", m.name, err)
	}
	return p.SyncAll("/")
}

func (m *machine) start() {
	for _, p := range m.processes {
		p.start()
	}
}

// stop ends every process gracefully, servers' clients first.
func (m *machine) stop() error {
	var errs []error
	for i := len(m.processes) - 1; i >= 0; i-- {
		errs = append(errs, m.processes[i].stop())
	}
	return errors.Join(errs...)
}

// find is the process of a kind given as "object", "object-server" or
// "object-updater".
func (m *machine) find(kind string) *process {
	for _, p := range m.processes {
		if string(p.kind) == kind || string(p.kind) == kind+"-server" {
			return p
		}
	}
	return nil
}

// process is one daemon of a machine through all its incarnations. A process
// that ends by itself, for example because its disk failed while it booted, is
// started again after restartPause, as a service manager does.
type process struct {
	machine *machine
	kind    daemon.Kind
	conf    string

	mu struct {
		sync.Mutex
		inc *incarnation // nil while the process is down
		gen int
	}
}

// incarnation is one life of a process.
type incarnation struct {
	name   string
	cancel context.CancelFunc
	done   chan struct{} // closed when everything has drained
	ready  chan struct{}

	mu struct {
		sync.Mutex
		fs     *disk.Process
		net    *simnet.Process
		killed bool
	}
}

const (
	restartPause = time.Second
	// drainLimit is how long the goroutines of a process may take to end once
	// their calls fail or their context is over, in virtual time. Handlers
	// that were told to stop may still wait for a backend's timeout.
	drainLimit = 2 * time.Minute
)

// start boots the process if it is down.
func (p *process) start() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.mu.inc != nil {
		return
	}
	p.mu.gen++
	ctx, cancel := context.WithCancel(context.Background())
	inc := &incarnation{
		name:   fmt.Sprintf("%s/%s#%d", p.machine.name, p.kind, p.mu.gen),
		cancel: cancel, done: make(chan struct{}), ready: make(chan struct{}),
	}
	p.mu.inc = inc
	p.machine.cluster.world.Trace("start", inc.name)
	go func() {
		defer close(inc.done)
		p.live(ctx, inc)
	}()
}

// live runs the daemon, and again if it ends by itself.
func (p *process) live(ctx context.Context, inc *incarnation) {
	for attempt := 0; ; attempt++ {
		h, ok := inc.host(p.machine, attempt)
		if !ok {
			return
		}
		d, err := daemon.New(h, p.kind, p.conf, p.machine.sink())
		if err == nil {
			err = p.runOnce(ctx, inc, d)
		}
		if ctx.Err() != nil {
			return
		}
		h.Log.Error("process ended by itself", "process", inc.name, "error", err)
		p.machine.cluster.world.Trace("ended", inc.name, fmt.Sprint(err))
		inc.fence(simnet.Killed)
		select {
		case <-time.After(restartPause):
		case <-ctx.Done():
			return
		}
	}
}

// runOnce runs a daemon that was built, telling when it is ready.
func (p *process) runOnce(ctx context.Context, inc *incarnation, d *daemon.Daemon) error {
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx) }()
	select {
	case <-d.Ready():
		select {
		case <-inc.ready:
		default:
			close(inc.ready)
		}
		return <-ended
	case err := <-ended:
		return err
	}
}

// host makes the world of the next attempt. It is false once the incarnation
// was killed.
func (inc *incarnation) host(m *machine, attempt int) (*host.Host, bool) {
	inc.mu.Lock()
	defer inc.mu.Unlock()
	if inc.mu.killed {
		return nil, false
	}
	name := fmt.Sprintf("%s.%d", inc.name, attempt)
	inc.mu.fs = m.disks.Process(name)
	inc.mu.net = m.cluster.net.Process(name, m.ip)
	return &host.Host{
		Name: m.name, FS: inc.mu.fs, Net: inc.mu.net, Clock: m.clock,
		Log: slog.New(m.log).With("process", inc.name),
	}, true
}

// fence lets no further effect of the current attempt escape.
func (inc *incarnation) fence(how simnet.Death) {
	inc.mu.Lock()
	fs, net := inc.mu.fs, inc.mu.net
	inc.mu.Unlock()
	if net != nil {
		net.Fence(how)
	}
	if fs != nil {
		fs.Fence()
	}
}

// kill ends the incarnation as SIGKILL does, and reports whether there was
// one. From the moment it returns no effect of the incarnation escapes; its
// goroutines drain in the background.
func (p *process) kill() bool {
	inc := p.take()
	if inc == nil {
		return false
	}
	p.machine.cluster.world.Trace("kill", inc.name)
	inc.kill(simnet.Killed)
	p.machine.cluster.drain(inc)
	return true
}

func (inc *incarnation) kill(how simnet.Death) {
	inc.mu.Lock()
	inc.mu.killed = true
	inc.mu.Unlock()
	inc.fence(how)
	inc.cancel()
}

// stop ends the incarnation as SIGTERM does, then releases its world.
func (p *process) stop() error {
	inc := p.take()
	if inc == nil {
		return nil
	}
	p.machine.cluster.world.Trace("stop", inc.name)
	inc.cancel()
	err := inc.await()
	inc.fence(simnet.Killed)
	return err
}

// take makes the process down and returns the incarnation that was up.
func (p *process) take() *incarnation {
	p.mu.Lock()
	defer p.mu.Unlock()
	inc := p.mu.inc
	p.mu.inc = nil
	return inc
}

func (inc *incarnation) await() error {
	limit := time.NewTimer(drainLimit)
	defer limit.Stop()
	select {
	case <-inc.done:
		return nil
	case <-limit.C:
		return fmt.Errorf("goroutines of %s have not drained %v after it was told to end", inc.name, drainLimit)
	}
}

func (p *process) awaitReady(ctx context.Context) error {
	p.mu.Lock()
	inc := p.mu.inc
	p.mu.Unlock()
	if inc == nil {
		return nil // it is meant to be down
	}
	select {
	case <-inc.ready:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (p *process) openFiles() []disk.OpenFile {
	p.mu.Lock()
	inc := p.mu.inc
	p.mu.Unlock()
	if inc == nil {
		return nil
	}
	inc.mu.Lock()
	fs := inc.mu.fs
	inc.mu.Unlock()
	if fs == nil {
		return nil
	}
	return fs.OpenFiles()
}

func (m *machine) sink() *event.Sink {
	if m.cluster.cfg.Events == nil {
		return nil
	}
	return m.cluster.cfg.Events(m.name)
}

// powerCut fences every process at once and leaves the disks as found
// afterwards. It reports how many processes were running.
func (m *machine) powerCut(mode disk.CutMode) int {
	var incs []*incarnation
	for _, p := range m.processes {
		if inc := p.take(); inc != nil {
			incs = append(incs, inc)
			inc.mu.Lock()
			inc.mu.killed = true
			inc.mu.Unlock()
			inc.fence(simnet.PowerLost)
		}
	}
	m.cluster.world.Trace("power cut", m.name, int(mode))
	m.keepFired()
	m.disks = m.disks.PowerCut(mode)
	for _, inc := range incs {
		inc.cancel()
		m.cluster.drain(inc)
	}
	return len(incs)
}
