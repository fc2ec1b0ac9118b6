// Package cluster runs a whole Swift cluster in one simulation: machines with
// disks, clocks and addresses, and on them the very daemons of production,
// booted by impl/daemon from configuration text on the simulated disks.
//
// A machine is a storage node (account, container and object server and their
// updaters), a proxy, or a client, which runs nothing. A process can be killed
// and started again, a machine can lose its power, pause, or have its clock
// wrong. Killing fences first: from that instant no call of the incarnation
// has an effect; then its context ends and its goroutines must drain, and the
// next incarnation boots on what the disks hold.
package cluster

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"apus/impl/config"
	"apus/impl/daemon"
	"apus/impl/event"
	"apus/impl/host"
	"apus/impl/ring"
	"apus/impl/swift"
	"apus/impl/tools/layout"
	"apus/sim/disk"
	"apus/sim/engine"
	simnet "apus/sim/net"
)

// Config describes the cluster. Zero fields take the defaults of New.
type Config struct {
	Nodes     int // storage nodes, each a zone of its own; default 4
	Devices   int // per node; default 1
	Proxies   int // default 1
	Clients   int // client machines; default 4
	Replicas  int // default 3
	PartPower int // default 4
	// UpdaterInterval is the pause between passes of the updaters; default
	// 30 s.
	UpdaterInterval time.Duration
	Disk            disk.Config
	Net             simnet.Config
	// Tune changes the layout before it is written.
	Tune func(*layout.Cluster)
	// Events receives what the daemons of a machine emit; may be nil.
	Events func(machine string) *event.Sink
}

func (c *Config) setDefaults() {
	for _, f := range []struct {
		field *int
		value int
	}{{&c.Nodes, 4}, {&c.Devices, 1}, {&c.Proxies, 1}, {&c.Clients, 4}, {&c.Replicas, 3}, {&c.PartPower, 4}} {
		if *f.field == 0 {
			*f.field = f.value
		}
	}
	if c.UpdaterInterval == 0 {
		c.UpdaterInterval = 30 * time.Second
	}
}

// Node is a storage node as the checks see it.
type Node struct {
	Name, IP string
	Zone     int
	Devices  []string
}

// Cluster is a running cluster. Its methods are called from one goroutine at
// a time, except those that only look.
type Cluster struct {
	world  *engine.World
	cfg    Config
	net    *simnet.Network
	layout layout.Cluster
	rings  map[string]*ring.Ring
	hasher swift.Hasher

	nodes, proxies, clients []*machine
	clientNets              []*simnet.Process
	faults                  faultState
	drains                  sync.WaitGroup // incarnations that were killed
	mu                      struct {
		sync.Mutex
		undrained []error
	}
}

// Addresses and paths of the simulated machines.
const (
	devicesDir = "/srv/node"
	swiftDir   = "/etc/swift"
	proxyPort  = 8080
	// AuthUser and AuthKey are the credentials of Account.
	AuthUser = "test:tester"
	AuthKey  = "testing"
	Account  = "AUTH_test"
)

// New lays the cluster out on fresh disks. Nothing runs before Start.
func New(w *engine.World, cfg Config) (*Cluster, error) {
	cfg.setDefaults()
	cfg.Net.Trace, cfg.Disk.Trace = w.Trace, w.Trace
	c := &Cluster{world: w, cfg: cfg, net: simnet.New(w.Stream("network"), cfg.Net)}
	c.layout = layout.Cluster{
		Replicas: cfg.Replicas, PartPower: cfg.PartPower, RingSeed: w.Seed, Users: layout.TestUsers(),
		HashSuffix: "simulated", FernetKey: "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=",
		Updater: []string{fmt.Sprintf("interval = %g", cfg.UpdaterInterval.Seconds())},
	}
	c.addNodes()
	c.addProxies()
	for i := range cfg.Clients {
		m := c.newMachine(fmt.Sprintf("client%d", i+1), fmt.Sprintf("10.0.2.%d", i+1))
		c.clients = append(c.clients, m)
		c.clientNets = append(c.clientNets, c.net.Process(m.name, m.ip))
	}
	if cfg.Tune != nil {
		cfg.Tune(&c.layout)
	}
	return c, c.write()
}

func (c *Cluster) addNodes() {
	for i := range c.cfg.Nodes {
		m := c.newMachine(fmt.Sprintf("node%d", i+1), fmt.Sprintf("10.0.0.%d", i+1))
		n := layout.Node{
			Name: m.name, IP: m.ip, Region: 1, Zone: i + 1, Ports: layout.DefaultPorts(), Mounts: true,
			ConfDir: swiftDir, SwiftDir: swiftDir, DeviceDir: devicesDir,
		}
		for j := range c.cfg.Devices {
			d := fmt.Sprintf("d%d", j+1)
			n.Devices = append(n.Devices, d)
			m.mount(devicesDir+"/"+d, c.newDisk(m.name+"/"+d))
		}
		c.layout.Nodes = append(c.layout.Nodes, n)
		m.devices = n.Devices
		m.add(daemon.AccountServer, "account-server.conf")
		m.add(daemon.ContainerServer, "container-server.conf")
		m.add(daemon.ObjectServer, "object-server.conf")
		m.add(daemon.ContainerUpdater, "container-server.conf")
		m.add(daemon.ObjectUpdater, "object-server.conf")
		c.nodes = append(c.nodes, m)
	}
}

func (c *Cluster) addProxies() {
	for i := range c.cfg.Proxies {
		m := c.newMachine(fmt.Sprintf("proxy%d", i+1), fmt.Sprintf("10.0.1.%d", i+1))
		c.layout.Proxies = append(c.layout.Proxies, layout.Proxy{
			Name: m.name, IP: m.ip, Port: proxyPort, ConfDir: swiftDir, SwiftDir: swiftDir,
		})
		m.add(daemon.ProxyServer, "proxy-server.conf")
		c.proxies = append(c.proxies, m)
	}
}

func (c *Cluster) newDisk(name string) *disk.Disk {
	return disk.New(name, c.world.Stream("disk "+name), c.cfg.Disk)
}

// write puts configuration and rings on the disks, durably.
func (c *Cluster) write() error {
	rings, err := c.layout.Rings()
	if err != nil {
		return err
	}
	c.rings = rings
	conf, err := config.Parse(c.layout.SwiftConf(), "swift.conf")
	if err != nil {
		return err
	}
	common, err := config.ReadSwift(conf)
	if err != nil {
		return err
	}
	c.hasher = common.Hasher
	for i, n := range c.layout.Nodes {
		if err := c.nodes[i].setUp(func(fs host.FS) error { return c.layout.WriteNode(fs, n, rings) }); err != nil {
			return err
		}
	}
	for i, p := range c.layout.Proxies {
		if err := c.proxies[i].setUp(func(fs host.FS) error { return c.layout.WriteProxy(fs, p, rings) }); err != nil {
			return err
		}
	}
	return nil
}

// bootLimit is how long a fresh cluster may take to answer, in virtual time.
const bootLimit = time.Minute

// Start boots every daemon and waits until all answer.
func (c *Cluster) Start(ctx context.Context) error {
	for _, m := range c.daemons() {
		m.start()
	}
	return c.AwaitReady(ctx, bootLimit)
}

// AwaitReady waits until every daemon that should run answers.
func (c *Cluster) AwaitReady(ctx context.Context, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for _, m := range c.daemons() {
		for _, p := range m.processes {
			if err := p.awaitReady(ctx); err != nil {
				return fmt.Errorf("%s on %s does not start: %w\n%s", p.kind, m.name, err, m.log.tail())
			}
		}
	}
	return nil
}

// Stop ends every daemon gracefully, as SIGTERM does, and waits for all. The
// clients' connections must be closed before.
func (c *Cluster) Stop() error {
	var errs []error
	for _, m := range slices.Backward(c.daemons()) {
		errs = append(errs, m.stop())
	}
	c.drains.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	return errors.Join(append(errs, c.mu.undrained...)...)
}

// drain watches over the end of an incarnation that was killed. One that does
// not end is reported by Stop.
func (c *Cluster) drain(inc *incarnation) {
	c.drains.Go(func() {
		if err := inc.await(); err != nil {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.mu.undrained = append(c.mu.undrained, err)
		}
	})
}

func (c *Cluster) daemons() []*machine {
	return append(slices.Clone(c.nodes), c.proxies...)
}

// Client is the network of the i-th client machine, counted from 0 and modulo
// their number.
func (c *Cluster) Client(i int) host.Net { return c.clientNets[i%len(c.clientNets)] }

// ClientName names the machine of Client(i).
func (c *Cluster) ClientName(i int) string { return c.clients[i%len(c.clients)].name }

// ProxyAddrs are the proxies as "ip:port".
func (c *Cluster) ProxyAddrs() []string {
	var out []string
	for _, m := range c.proxies {
		out = append(out, fmt.Sprintf("%s:%d", m.ip, proxyPort))
	}
	return out
}

// Nodes lists the storage nodes.
func (c *Cluster) Nodes() []Node {
	var out []Node
	for i, m := range c.nodes {
		out = append(out, Node{Name: m.name, IP: m.ip, Zone: c.layout.Nodes[i].Zone, Devices: m.devices})
	}
	return out
}

// Ring is "account", "container" or "object".
func (c *Cluster) Ring(name string) *ring.Ring { return c.rings[name] }

// Hasher places paths on the rings.
func (c *Cluster) Hasher() swift.Hasher { return c.hasher }

// Inspect is the file system of the i-th node for a judge: no fault touches it
// and nothing it does is counted. Devices are at /srv/node/<device>.
func (c *Cluster) Inspect(node int) host.FS { return c.nodes[node].disks.Inspector("judge") }

// Conns lists the open connections of the network, clients' included.
func (c *Cluster) Conns() []simnet.ConnInfo { return c.net.Conns() }

// OpenFile is a file that a daemon holds open.
type OpenFile struct {
	Machine, Process, Path, Stack string
}

// OpenFiles lists the files that daemons hold open.
func (c *Cluster) OpenFiles() []OpenFile {
	var out []OpenFile
	for _, m := range c.daemons() {
		for _, p := range m.processes {
			for _, f := range p.openFiles() {
				out = append(out, OpenFile{m.name, string(p.kind), f.Path, f.Stack})
			}
		}
	}
	return out
}

// Logs is what the machines logged lately, by machine name.
func (c *Cluster) Logs() map[string][]byte {
	out := map[string][]byte{}
	for _, m := range c.daemons() {
		out[m.name] = m.log.tail()
	}
	return out
}

// Host is a host on a client machine, for judges that need one. Its file
// system is the client's own.
func (c *Cluster) Host(i int) *host.Host {
	m := c.clients[i%len(c.clients)]
	return &host.Host{
		Name: m.name, FS: m.disks.Process("judge"), Net: c.Client(i), Clock: m.clock,
		Log: slog.New(slog.DiscardHandler),
	}
}
