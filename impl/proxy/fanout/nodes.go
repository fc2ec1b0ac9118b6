package fanout

import (
	"log/slog"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"

	"apus/impl/ring"
)

// Node is a device in its role for one partition.
type Node struct {
	*ring.Device
	Handoff bool
	addr    string
	key     string        // ip:port/device
	load    *atomic.Int64 // requests with bodies that this proxy has under way to its server
}

func (n *Node) name() {
	n.addr = n.Addr()
	n.key = n.addr + "/" + n.Device.Device
}

// Purpose is what nodes are dealt out for; it decides who comes first.
type Purpose int

// Purposes. With write affinity, Writing goes to near nodes before others,
// and Deleting to primaries and then to near handoffs.
const (
	Reading Purpose = iota
	Writing
	Deleting
)

// NodeOptions say how to deal out nodes.
type NodeOptions struct {
	Preferences *Preferences // nil: none
	Purpose     Purpose
	// Replication talks to the nodes over the network of the daemons.
	Replication bool
	// Log hears of handoffs beyond those that a request may always ask; nil
	// is nobody.
	Log *slog.Logger
}

// Nodes deals out the nodes of one partition to one request: primaries in
// the order of the preferences, then handoffs, without those that the limiter
// says to skip. It ends after as many nodes as the request may ask; one that
// turned out to be limited while it was asked does not count. Safe for
// concurrent use.
type Nodes struct {
	// Server is whom the nodes are asked as, ServerObject or another; it names
	// what is counted.
	Server   string
	f        *Fanout
	ring     *ring.Ring
	part     uint32
	replicas int // primaries of the partition
	opts     NodeOptions
	mu       struct {
		sync.Mutex
		first    []*Node // in the place of primaries
		handoffs []*Node
		fetched  map[int]bool // devices that have been in first or handoffs
		left     int
		asked    []*Node // dealt out and not yet counted off left
		dealt    int     // handoffs among those dealt out
	}
}

// Nodes starts to deal out the nodes of a partition for reading, without
// preferences.
func (f *Fanout) Nodes(r *ring.Ring, part uint32) *Nodes { return f.NodesFor(r, part, NodeOptions{}) }

// NodesFor starts to deal out the nodes of a partition.
func (f *Fanout) NodesFor(r *ring.Ring, part uint32, opts NodeOptions) *Nodes {
	devs := r.Primaries(part)
	n := &Nodes{f: f, ring: r, part: part, replicas: len(devs), opts: opts}
	n.mu.left = f.cfg.RequestNodes(len(devs))
	p := opts.Preferences
	if opts.Purpose == Reading || p == nil || len(p.WriteAffinity) == 0 {
		n.mu.first = make([]*Node, len(devs))
		nodes := make([]Node, len(devs))
		for i, d := range devs {
			nodes[i].Device, nodes[i].load = d, f.loads.of(d)
			n.mu.first[i] = &nodes[i]
		}
		p.sort(n.mu.first, &f.timings)
		return n
	}
	n.orderLocked(devs)
	return n
}

// orderLocked puts near nodes first. As many as there are primaries are then
// sorted, as primaries would be.
func (n *Nodes) orderLocked(primaries []*ring.Device) {
	p := n.opts.Preferences
	var order []*ring.Device
	if n.opts.Purpose == Writing {
		order = p.localFirst(primaries, n.ring.Handoffs(n.part))
	} else {
		order = append(order, primaries...)
		if most := p.deleteHandoffs(primaries); most > 0 {
			for d := range n.ring.Handoffs(n.part) {
				if p.WriteAffinity.holds(d) {
					order = append(order, d)
				}
				if len(order) == len(primaries)+most {
					break
				}
			}
		}
	}
	for _, d := range primaries {
		if !slices.Contains(order, d) {
			order = append(order, d)
		}
	}
	n.mu.fetched = make(map[int]bool, len(order))
	for _, d := range order {
		n.mu.fetched[d.ID] = true
		n.mu.first = append(n.mu.first, &Node{Device: d, Handoff: !slices.Contains(primaries, d), load: n.f.loads.of(d)})
	}
	p.sort(n.mu.first[:len(primaries)], &n.f.timings)
}

// named fills in the names of a node that is about to be dealt out; most never
// are.
func (n *Nodes) named(node *Node) *Node {
	node.name()
	if n.opts.Replication {
		node.addr = node.ReplicationAddr()
	}
	return node
}

// Replicas is the number of primaries.
func (n *Nodes) Replicas() int { return n.replicas }

// DeleteHandoffs is how many handoffs a DELETE goes to beside the primaries.
func (n *Nodes) DeleteHandoffs() int {
	return n.opts.Preferences.deleteHandoffs(n.ring.Primaries(n.part))
}

// Next is the next node to ask.
func (n *Nodes) Next() (*Node, bool) {
	node, limited, handoffs := n.next()
	for range limited {
		n.f.events.Tick("", "error_limiter.is_limited")
	}
	// As many handoffs as the request may ask beyond the primaries are nothing
	// remarkable; more of them say that primaries were skipped.
	if extra := handoffs - (n.f.cfg.RequestNodes(n.replicas) - n.replicas); extra > 0 {
		if n.opts.Log != nil {
			n.opts.Log.Warn("handoff requested", "node", node.key, "partition", n.part)
		}
		n.f.events.Tick("", n.Server+".handoff_count")
		if extra == n.replicas {
			n.f.events.Tick("", n.Server+".handoff_all_count")
		}
	}
	return node, node != nil
}

// next is the next node, how many were skipped on the way, and which handoff
// it is (zero for a primary).
func (n *Nodes) next() (node *Node, limited, handoffs int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.settleLocked()
	for n.mu.left > 0 {
		node := n.takeLocked()
		switch {
		case node == nil:
			return nil, limited, 0
		case n.f.limiter.limited(node):
			limited++
			continue
		case node.Handoff:
			n.mu.dealt++
			handoffs = n.mu.dealt
		}
		n.mu.asked = append(n.mu.asked, node)
		return node, limited, handoffs
	}
	return nil, limited, 0
}

// handoffsOnly deals out up to most handoffs that n has not dealt out, and
// nothing else.
func (n *Nodes) handoffsOnly(most int) *Nodes {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.mu.first = nil
	n.mu.left = max(n.mu.left, most)
	h := &Nodes{Server: n.Server, f: n.f, ring: n.ring, part: n.part, opts: n.opts}
	for len(h.mu.first) < most {
		node := n.takeLocked()
		if node == nil {
			break
		}
		if !n.f.limiter.limited(node) {
			h.mu.first = append(h.mu.first, node)
		}
	}
	h.replicas = len(h.mu.first)
	h.mu.left = h.replicas
	return h
}

// settleLocked counts off the nodes asked before.
func (n *Nodes) settleLocked() {
	for _, node := range n.mu.asked {
		if !n.f.limiter.limited(node) {
			n.mu.left--
		}
	}
	n.mu.asked = n.mu.asked[:0]
}

func (n *Nodes) takeLocked() *Node {
	if p := n.mu.first; len(p) > 0 {
		n.mu.first = p[1:]
		return n.named(p[0])
	}
	if len(n.mu.handoffs) == 0 {
		n.fetchLocked()
	}
	if h := n.mu.handoffs; len(h) > 0 {
		n.mu.handoffs = h[1:]
		return n.named(h[0])
	}
	return nil
}

// fetchLocked takes as many handoffs from the ring as can be needed.
func (n *Nodes) fetchLocked() {
	if n.mu.fetched == nil {
		n.mu.fetched = map[int]bool{}
	}
	for d := range n.ring.Handoffs(n.part) {
		if n.mu.fetched[d.ID] {
			continue
		}
		n.mu.fetched[d.ID] = true
		n.mu.handoffs = append(n.mu.handoffs, &Node{Device: d, Handoff: true, load: n.f.loads.of(d)})
		if len(n.mu.handoffs) >= n.mu.left {
			return
		}
	}
}

// path is where a node finds the entity: "/sda1/123/a/c/o".
func (n *Nodes) path(node *Node, entity string) string {
	return "/" + node.Device.Device + "/" + strconv.FormatUint(uint64(n.part), 10) + entity
}
