package fanout

import (
	"math/rand/v2"
	"strconv"
	"sync"

	"apus/impl/ring"
)

// Node is a device in its role for one partition.
type Node struct {
	*ring.Device
	Handoff bool
	addr    string
	key     string // ip:port/device
}

func newNode(d *ring.Device, handoff bool) *Node {
	addr := d.Addr()
	return &Node{Device: d, Handoff: handoff, addr: addr, key: addr + "/" + d.Device}
}

// Nodes deals out the nodes of one partition to one request: primaries in
// random order, then handoffs, without those that the limiter says to skip.
// It ends after as many nodes as the request may ask; one that turned out to
// be limited while it was asked does not count. Safe for concurrent use.
type Nodes struct {
	// Server is whom the nodes are asked as, ServerObject or another; it names
	// what is counted.
	Server   string
	f        *Fanout
	ring     *ring.Ring
	part     uint32
	replicas int // primaries of the partition
	mu       struct {
		sync.Mutex
		primaries []*Node
		handoffs  []*Node
		fetched   map[int]bool // devices that have been in handoffs
		left      int
		asked     []*Node // dealt out and not yet counted off left
		dealt     int     // handoffs among those dealt out
	}
}

// Nodes starts to deal out the nodes of a partition.
func (f *Fanout) Nodes(r *ring.Ring, part uint32) *Nodes {
	devs := r.Primaries(part)
	n := &Nodes{f: f, ring: r, part: part, replicas: len(devs)}
	n.mu.primaries = make([]*Node, len(devs))
	for i, d := range devs {
		n.mu.primaries[i] = newNode(d, false)
	}
	rand.Shuffle(len(devs), func(i, j int) {
		p := n.mu.primaries
		p[i], p[j] = p[j], p[i]
	})
	n.mu.left = f.cfg.RequestNodes(len(devs))
	return n
}

// Replicas is the number of primaries.
func (n *Nodes) Replicas() int { return n.replicas }

// Next is the next node to ask.
func (n *Nodes) Next() (*Node, bool) {
	node, limited, handoffs := n.next()
	for range limited {
		n.f.events.Tick("", "error_limiter.is_limited")
	}
	// As many handoffs as the request may ask beyond the primaries are nothing
	// remarkable; more of them say that primaries were skipped.
	if extra := handoffs - (n.f.cfg.RequestNodes(n.replicas) - n.replicas); extra > 0 {
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
	n.mu.primaries = nil
	n.mu.left = max(n.mu.left, most)
	h := &Nodes{Server: n.Server, f: n.f, ring: n.ring, part: n.part}
	for len(h.mu.primaries) < most {
		node := n.takeLocked()
		if node == nil {
			break
		}
		if !n.f.limiter.limited(node) {
			h.mu.primaries = append(h.mu.primaries, node)
		}
	}
	h.replicas = len(h.mu.primaries)
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
	if p := n.mu.primaries; len(p) > 0 {
		n.mu.primaries = p[1:]
		return p[0]
	}
	if len(n.mu.handoffs) == 0 {
		n.fetchLocked()
	}
	if h := n.mu.handoffs; len(h) > 0 {
		n.mu.handoffs = h[1:]
		return h[0]
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
		n.mu.handoffs = append(n.mu.handoffs, newNode(d, true))
		if len(n.mu.handoffs) >= n.mu.left {
			return
		}
	}
}

// path is where a node finds the entity: "/sda1/123/a/c/o".
func (n *Nodes) path(node *Node, entity string) string {
	return "/" + node.Device.Device + "/" + strconv.FormatUint(uint64(n.part), 10) + entity
}
