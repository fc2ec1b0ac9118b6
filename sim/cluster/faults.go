package cluster

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path"
	"strings"

	"apus/faults/budget"
	"apus/faults/catalog"
	"apus/faults/plan"
	"apus/impl/host"
	"apus/sim/disk"
	simnet "apus/sim/net"
)

// faultState is what the driver remembers.
type faultState struct {
	counter plan.Counter
	// rules are the events in force or past that the disks and the network
	// count themselves, by rule name.
	rules map[string]plan.Event
	past  map[string]int // fired on disks that are gone
	next  int
	rng   *rand.Rand
}

var _ plan.Driver = (*Cluster)(nil)

// Topology describes the cluster to the fault budget.
func (c *Cluster) Topology() budget.Topology {
	var out budget.Topology
	for i, m := range c.nodes {
		out = append(out, budget.Node{
			Name: m.name, Zone: c.layout.Nodes[i].Zone, Devices: m.devices,
			Processes: []string{"account", "container", "object", "container-updater", "object-updater"},
		})
	}
	for _, m := range c.proxies {
		out = append(out, budget.Node{Name: m.name, Processes: []string{"proxy"}})
	}
	for _, m := range c.clients {
		out = append(out, budget.Node{Name: m.name, Client: true})
	}
	return out
}

func (c *Cluster) machine(name string) *machine {
	for _, list := range [][]*machine{c.nodes, c.proxies, c.clients} {
		for _, m := range list {
			if m.name == name {
				return m
			}
		}
	}
	return nil
}

// Apply implements plan.Driver for every kind of the catalogue.
func (c *Cluster) Apply(_ context.Context, e plan.Event) (func(context.Context) error, error) {
	if err := (catalog.Vocabulary{}).Check(e); err != nil {
		return nil, err
	}
	name, part := catalog.Split(e.Target)
	m := c.machine(name)
	if m == nil {
		return nil, fmt.Errorf("target %q: the cluster has no such machine", e.Target)
	}
	switch {
	case strings.HasPrefix(e.Kind, "disk-"):
		return c.applyDisk(e, m, part)
	case strings.HasPrefix(e.Kind, "net-") || e.Kind == "partition":
		return c.applyNet(e, m, part)
	case strings.HasPrefix(e.Kind, "clock-"):
		by := catalog.ArgsOf(e).Duration("by")
		m.clock.Step(by)
		c.faults.counter.Hit(e)
		return func(context.Context) error { m.clock.Step(-by); return nil }, nil
	}
	return c.applyProcess(e, m, part)
}

// Fired implements plan.Driver.
func (c *Cluster) Fired() map[string]int {
	out := c.faults.counter.Fired()
	add := func(fired map[string]int) {
		for id, n := range fired {
			if e, ok := c.faults.rules[id]; ok && n > 0 {
				out[e.String()] += n
			}
		}
	}
	add(c.net.Fired())
	add(c.faults.past)
	for _, m := range c.nodes {
		for _, at := range m.disks.Mounts() {
			add(m.disks.Disk(at).Fired())
		}
		for _, d := range m.detached {
			add(d.Fired())
		}
	}
	return out
}

// keepFired saves what the disks have counted before they are replaced.
func (m *machine) keepFired() {
	f := &m.cluster.faults
	if f.past == nil {
		f.past = map[string]int{}
	}
	for _, at := range m.disks.Mounts() {
		for id, n := range m.disks.Disk(at).Fired() {
			f.past[id] += n
		}
	}
}

// ruleID names a rule of an event.
func (c *Cluster) ruleID(e plan.Event) string {
	c.faults.next++
	id := fmt.Sprintf("%03d %s", c.faults.next, e.Kind)
	if c.faults.rules == nil {
		c.faults.rules = map[string]plan.Event{}
	}
	c.faults.rules[id] = e
	return id
}

func (c *Cluster) applyProcess(e plan.Event, m *machine, part string) (func(context.Context) error, error) {
	targets := m.processes
	if part != "" {
		p := m.find(part)
		if p == nil {
			return nil, fmt.Errorf("target %q: there is no process %q on %s", e.Target, part, m.name)
		}
		targets = []*process{p}
	}
	start := func(context.Context) error {
		for _, p := range targets {
			p.start()
		}
		return nil
	}
	switch e.Kind {
	case "kill":
		for _, p := range targets {
			if p.kill() {
				c.faults.counter.Hit(e)
			}
		}
		return start, nil
	case "restart":
		return c.applyRestart(e, targets, start)
	case "power-cut":
		mode := map[string]disk.CutMode{"drop": disk.DropUnsynced, "keep": disk.KeepAll, "random": disk.RandomSubset}
		c.faults.counter.Add(e, m.powerCut(mode[catalog.ArgsOf(e).Text("mode")]))
		return start, nil
	case "pause":
		return c.applyPause(e, m, part)
	}
	return nil, fmt.Errorf("kind %q is in the catalogue and not in the simulator", e.Kind)
}

// applyRestart stops gracefully in the background, as draining takes time.
func (c *Cluster) applyRestart(e plan.Event, targets []*process, start func(context.Context) error) (func(context.Context) error, error) {
	done := make(chan struct{})
	c.drains.Go(func() {
		defer close(done)
		for _, p := range targets {
			if err := p.stop(); err != nil {
				c.mu.Lock()
				c.mu.undrained = append(c.mu.undrained, err)
				c.mu.Unlock()
			}
			c.faults.counter.Hit(e)
			if e.For == 0 {
				p.start()
			}
		}
	})
	return func(ctx context.Context) error {
		<-done
		return start(ctx)
	}, nil
}

// applyPause stops a machine, or what one server sends, receives and does on
// disk.
func (c *Cluster) applyPause(e plan.Event, m *machine, part string) (func(context.Context) error, error) {
	id := c.ruleID(e)
	processes := "*"
	if part == "" {
		c.faults.rules["pause "+m.ip] = e
		c.net.Pause(m.ip)
	} else {
		p := m.find(part)
		if p == nil {
			return nil, fmt.Errorf("target %q: there is no process %q on %s", e.Target, part, m.name)
		}
		processes = m.name + "/" + string(p.kind) + "#*"
		if port := c.port(m, part); port != 0 {
			c.net.SetRule(id, simnet.Rule{Kind: simnet.Partition, To: m.ip, Both: true, Port: port})
		}
	}
	if part == "" {
		processes = m.name + "/*"
	}
	for _, at := range m.disks.Mounts() {
		m.disks.Disk(at).SetRule(id, disk.Rule{Process: processes, Stall: true})
	}
	return func(context.Context) error {
		if part == "" {
			c.net.Resume(m.ip)
		}
		c.net.ClearRule(id)
		for _, at := range m.disks.Mounts() {
			m.disks.Disk(at).ClearRule(id)
		}
		return nil
	}, nil
}

// port is where a process of a machine listens; 0 if it does not.
func (c *Cluster) port(m *machine, part string) int {
	switch part {
	case "proxy":
		return proxyPort
	case "account", "container", "object":
		for i, n := range c.nodes {
			if n == m {
				p := c.layout.Nodes[i].Ports
				return map[string]int{"account": p.Account, "container": p.Container, "object": p.Object}[part]
			}
		}
	}
	return 0
}

func (c *Cluster) applyNet(e plan.Event, m *machine, part string) (func(context.Context) error, error) {
	rule := simnet.Rule{To: m.ip, Port: c.port(m, part), Both: true}
	if e.Way != plan.NoPeer {
		peer := c.machine(e.Peer)
		if peer == nil {
			return nil, fmt.Errorf("peer %q: the cluster has no such machine", e.Peer)
		}
		rule.From = peer.ip
		switch e.Way {
		case plan.In:
			rule.Both = false
		case plan.Out:
			rule.From, rule.To, rule.Both = m.ip, peer.ip, false
		}
	}
	args := catalog.ArgsOf(e)
	switch e.Kind {
	case "partition":
		rule.Kind = simnet.Partition
	case "net-latency":
		rule.Kind, rule.Latency, rule.Tail = simnet.Slow, args.Duration("delay"), args.Duration("jitter")
	case "net-bandwidth":
		rule.Kind, rule.Bandwidth = simnet.Throttle, args.Int("rate")
	case "net-refuse":
		rule.Kind, rule.Both = simnet.Refuse, rule.Both && e.Way == plan.Both
	case "net-blackhole":
		rule.Kind, rule.Both = simnet.Blackhole, rule.Both && e.Way == plan.Both
	case "net-reset":
		rule.Kind, rule.AfterBytes, rule.P = simnet.Reset, args.Int("after"), args.Float("p")
	}
	id := c.ruleID(e)
	c.net.SetRule(id, rule)
	return func(context.Context) error { c.net.ClearRule(id); return nil }, nil
}

const mutations = disk.OpCreate | disk.OpWrite | disk.OpTruncate | disk.OpPreallocate | disk.OpMkdir |
	disk.OpRename | disk.OpLink | disk.OpSetXattr

// diskOps are the operations that an argument op= names.
func diskOps(name string) disk.OpSet {
	switch name {
	case "read":
		return disk.OpRead | disk.OpGetXattr | disk.OpReadDir
	case "write":
		return mutations | disk.OpRemove
	case "fsync":
		return disk.OpSync | disk.OpSyncDir | disk.OpSyncAll
	case "open":
		return disk.OpOpen | disk.OpCreate
	}
	return 0
}

func (c *Cluster) applyDisk(e plan.Event, m *machine, device string) (func(context.Context) error, error) {
	at := path.Join(devicesDir, device)
	d := m.device(at)
	if d == nil {
		return nil, fmt.Errorf("target %q: the machine has no such device", e.Target)
	}
	args := catalog.ArgsOf(e)
	var rule disk.Rule
	switch e.Kind {
	case "disk-eio":
		rule = disk.Rule{Err: host.ErrIO, Ops: diskOps(args.Text("op")), Prob: args.Float("p"), Path: args.Text("path")}
	case "disk-full":
		rule = disk.Rule{Err: host.ErrNoSpace, Ops: mutations}
	case "disk-readonly":
		rule = disk.Rule{Err: host.ErrReadOnly, Ops: mutations | disk.OpRemove}
	case "disk-slow":
		rule = disk.Rule{Delay: args.Duration("delay"), Prob: args.Float("p")}
	case "disk-stall":
		rule = disk.Rule{Stall: true}
	case "disk-unmount":
		m.disks.Unmount(at)
		m.detached[at] = d
		c.faults.counter.Hit(e)
		return func(context.Context) error {
			m.disks.Mount(at, m.detached[at])
			delete(m.detached, at)
			return nil
		}, nil
	case "disk-wipe":
		m.keepFired()
		m.disks.Unmount(at)
		delete(m.detached, at)
		m.disks.Mount(at, c.newDisk(fmt.Sprintf("%s/%s after %d faults", m.name, device, c.faults.next)))
		c.faults.counter.Hit(e)
		return nil, nil
	case "disk-rot":
		return nil, c.rot(e, m, at, args.Int("files"))
	}
	id := c.ruleID(e)
	d.SetRule(id, rule)
	// The disk may be another after a power cut.
	return func(context.Context) error {
		if d := m.device(at); d != nil {
			d.ClearRule(id)
		}
		return nil
	}, nil
}

// device is the disk of a mount point, also while it is not mounted.
func (m *machine) device(at string) *disk.Disk {
	if d := m.detached[at]; d != nil {
		return d
	}
	return m.disks.Disk(at)
}

// rot flips bits in stored objects.
func (c *Cluster) rot(e plan.Event, m *machine, at string, files int64) error {
	view := m.disks.Inspector("rot")
	var found []string
	var walk func(dir string)
	walk = func(dir string) {
		entries, err := view.ReadDir(dir)
		if err != nil {
			return
		}
		for _, entry := range entries {
			name := path.Join(dir, entry.Name())
			if entry.IsDir() {
				walk(name)
			} else if strings.HasSuffix(name, ".data") {
				found = append(found, name)
			}
		}
	}
	walk(path.Join(at, "objects"))
	if c.faults.rng == nil {
		c.faults.rng = c.world.Stream("rot")
	}
	for range min(files, int64(len(found))) {
		name := found[c.faults.rng.IntN(len(found))]
		info, err := view.Stat(name)
		if err != nil || info.Size() == 0 {
			continue
		}
		within := strings.TrimPrefix(name, at)
		if err := m.disks.Disk(at).Corrupt(within, c.faults.rng.Int64N(info.Size())); err != nil {
			return err
		}
		c.faults.counter.Hit(e)
	}
	return nil
}

// FiredByKind adds up what fired for the closing summary.
func (c *Cluster) FiredByKind(p plan.Plan) map[string]int {
	return plan.ByKind(p, c.Fired())
}
