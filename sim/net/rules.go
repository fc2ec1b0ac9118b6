package simnet

import (
	"maps"
	"path"
	"slices"
	"strings"
	"time"
)

// Kind is what a [Rule] does.
type Kind string

// Kinds of rules.
const (
	// Partition holds everything that travels From → To. Established
	// connections keep their bytes and deliver them after the rule is gone;
	// new ones get no answer.
	Partition Kind = "partition"
	// Refuse answers new connections From → To with a refusal.
	Refuse Kind = "refuse"
	// Blackhole leaves new connections From → To without an answer.
	Blackhole Kind = "blackhole"
	// Slow adds Latency and a Tail to everything that travels From → To.
	Slow Kind = "slow"
	// Throttle limits what travels From → To to Bandwidth.
	Throttle Kind = "throttle"
	// Reset resets connections, seen by both ends, once they have carried
	// AfterBytes more bytes From → To.
	Reset Kind = "reset"
	// Pause holds everything that machines matching From send or should
	// receive, within a machine too: a stopped process or virtual machine.
	Pause Kind = "pause"
)

// Rule is one fault of the network. From and To are globs (path.Match) over IP
// addresses; empty means any.
type Rule struct {
	Kind     Kind
	From, To string
	Both     bool // the same from To to From
	Port     int  // only connections to this port; 0: any
	// Proc, if not empty, is a glob over process names: only connections of
	// which such a process holds an end.
	Proc string

	Latency, Tail time.Duration // of Slow
	Bandwidth     int64         // of Throttle, bytes a second
	AfterBytes    int64         // of Reset

	// P is the share of connections that Refuse, Blackhole and Reset hit;
	// zero means all. Count limits how often they do; zero means no limit.
	P     float64
	Count int
}

type rule struct {
	Rule
	id    string
	left  int // hits left, if Count > 0
	draws stream
}

// Direction says which way a partition cuts.
type Direction int

// Directions.
const (
	BothWays Direction = iota
	OneWay             // only what travels from the first to the second
)

// SetRule puts a fault into force under a name of the caller's choice,
// replacing the one of that name.
func (n *Network) SetRule(id string, r Rule) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.dropRuleLocked(id)
	added := &rule{Rule: r, id: id, left: r.Count, draws: n.streamLocked("rule " + id)}
	at, _ := slices.BinarySearchFunc(n.mu.rules, id, func(r *rule, id string) int { return strings.Compare(r.id, id) })
	n.mu.rules = slices.Insert(n.mu.rules, at, added)
	n.rulesChangedLocked()
	n.cfg.Trace("net rule", id, string(r.Kind), r.From, r.To)
	if r.Kind == Partition || r.Kind == Pause {
		n.watchUnreachableLocked()
	}
}

// ClearRule ends the fault of that name, if there is one.
func (n *Network) ClearRule(id string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	throttled := n.throttledLocked(id)
	if n.dropRuleLocked(id) {
		n.rulesChangedLocked()
		n.cfg.Trace("net clear", id)
		if throttled {
			n.drainLinksLocked()
		}
		n.releaseHeldLocked()
	}
}

// ClearRules ends every fault.
func (n *Network) ClearRules() {
	n.mu.Lock()
	defer n.mu.Unlock()
	throttled := n.throttledLocked("")
	n.mu.rules = nil
	n.rulesChangedLocked()
	n.cfg.Trace("net clear", "*")
	if throttled {
		n.drainLinksLocked()
	}
	n.releaseHeldLocked()
}

// throttledLocked reports whether the rule of that name, or with "" any rule,
// limits bandwidth.
func (n *Network) throttledLocked(id string) bool {
	return slices.ContainsFunc(n.mu.rules, func(r *rule) bool { return r.Kind == Throttle && (id == "" || r.id == id) })
}

func (n *Network) dropRuleLocked(id string) bool {
	before := len(n.mu.rules)
	n.mu.rules = slices.DeleteFunc(n.mu.rules, func(r *rule) bool { return r.id == id })
	return len(n.mu.rules) < before
}

// Partition cuts what travels between machines that match the globs.
func (n *Network) Partition(from, to string, dir Direction) {
	n.SetRule(partitionID(from, to), Rule{Kind: Partition, From: from, To: to, Both: dir == BothWays})
}

// Heal undoes [Network.Partition] of the same globs.
func (n *Network) Heal(from, to string) { n.ClearRule(partitionID(from, to)) }

func partitionID(from, to string) string { return "partition " + from + " " + to }

// Pause stops a machine as a suspended virtual machine stops: nothing leaves
// it, nothing reaches it, and nothing is lost.
func (n *Network) Pause(ip string) { n.SetRule("pause "+ip, Rule{Kind: Pause, From: ip}) }

// Resume undoes [Network.Pause].
func (n *Network) Resume(ip string) { n.ClearRule("pause " + ip) }

// Fired counts, by rule name, how often each fault has changed what happened: a chunk held, delayed or throttled, a connection
// refused, swallowed or reset. The counts outlive the rules.
func (n *Network) Fired() map[string]int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return maps.Clone(n.mu.fired)
}

// effects is what the rules in force do to one direction between two machines,
// for connections to one port.
type effects struct {
	gen       uint64
	blocked   []string // ids of what holds traffic
	slow      []*rule
	throttle  *rule // the narrowest
	connect   []*rule
	resets    []*rule
	bandwidth int64
}

func (n *Network) rulesChangedLocked() { n.mu.ruleGen++ }

// route is a direction between two machines, for connections to one port.
type route struct {
	from, to         *machine
	port             int
	fromProc, toProc string
}

func (n *Network) effectsLocked(e *effects, way route) *effects {
	if e.gen == n.mu.ruleGen {
		return e
	}
	*e = effects{gen: n.mu.ruleGen, bandwidth: n.cfg.Bandwidth}
	for _, r := range n.mu.rules {
		if !r.matches(way) {
			continue
		}
		switch r.Kind {
		case Partition, Pause:
			e.blocked = append(e.blocked, r.id)
		case Slow:
			e.slow = append(e.slow, r)
		case Throttle:
			if e.throttle == nil || r.Bandwidth < e.throttle.Bandwidth {
				e.throttle, e.bandwidth = r, r.Bandwidth
			}
		case Refuse, Blackhole:
			e.connect = append(e.connect, r)
		case Reset:
			e.resets = append(e.resets, r)
		}
	}
	return e
}

func (r *rule) matches(way route) bool {
	if r.Port != 0 && r.Port != way.port {
		return false
	}
	if r.Proc != "" && !globs(r.Proc, way.fromProc) && !globs(r.Proc, way.toProc) {
		return false
	}
	from, to := way.from.ip, way.to.ip
	if r.Kind == Pause {
		return globs(r.From, from) || globs(r.From, to)
	}
	return globs(r.From, from) && globs(r.To, to) || r.Both && globs(r.From, to) && globs(r.To, from)
}

// chosen draws whether the rule applies to a connection.
func (r *rule) chosen() bool { return r.P <= 0 || r.draws.float() < r.P }

// strike takes one of the rule's hits, if any is left.
func (n *Network) strikeLocked(r *rule) bool {
	if r.Count > 0 && r.left == 0 {
		return false
	}
	r.left--
	n.mu.fired[r.id]++
	return true
}

func globs(pattern, ip string) bool {
	if pattern == "" || pattern == "*" || pattern == ip {
		return true
	}
	ok, err := path.Match(pattern, ip)
	return ok && err == nil
}
