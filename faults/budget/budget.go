// Package budget says which faults a cluster must survive, so that random
// plans test promises instead of proving that a cluster without disks loses
// data.
//
// # The rule
//
// The cluster keeps three replicas of everything in three or more zones, each
// replica of a partition in another zone. A write is acknowledged when two
// replicas, or handoffs in their place, are durable; a read needs one. No
// replicator runs: what a replica missed while it was away it keeps missing.
//
//  1. At any instant at most one zone is impaired. A zone is impaired while a
//     fault that may make requests fail or stall acts on one of its machines
//     or devices, or on the path between one of them and a proxy.
//  2. Between the impairments of two different zones lies at least
//     Rules.Settle, in which error-limited nodes are tried again and stragglers
//     finish.
//  3. Durable content is damaged in one zone in the whole plan. Nothing mends
//     it, so from then on that zone counts as impaired to the end.
//  4. Of several proxies at most one is impaired at a time; of a single one
//     none, unless Rules.LoneProxy.
//  5. Clocks of proxies are wrong by at most Rules.MaxSkew in sum. A wrong clock
//     impairs nothing: it changes which of two writes is the newer.
//  6. On one machine, ending, stopping or pausing a process excludes every
//     other fault at the same time, and two faults of one kind do not overlap
//     on one target: the second could not be seen to fire.
//
// Under 1 to 3 every acknowledged write is, at any instant, on at least one
// reachable disk that is whole: its two copies lie in two zones (or one of
// them on a handoff, which was written because its zone was whole), and only
// one zone is impaired or damaged. So it can be read, is never lost, and a
// write finds its quorum. A power cut damages only what was never
// acknowledged, so it counts under 1, not 3.
//
// The path between two storage nodes carries no request of a client, only
// updates of listings, which may be late. A fault on it impairs the zone of
// its target alone. A fault between a client and a proxy impairs only that
// client, which is always allowed.
package budget

import (
	"fmt"
	"slices"
	"time"

	"apus/faults/catalog"
	"apus/faults/plan"
)

// Node is one machine.
type Node struct {
	Name    string
	Zone    int // of a storage node, from 1; 0 for others
	Devices []string
	// Processes are those that run on it, as the catalogue names them.
	Processes []string
	Client    bool
}

// IsProxy reports whether a proxy runs on the machine.
func (n Node) IsProxy() bool { return slices.Contains(n.Processes, "proxy") }

// Topology is the machines of a cluster.
type Topology []Node

// Node finds a machine by name.
func (t Topology) Node(name string) (Node, bool) {
	for _, n := range t {
		if n.Name == name {
			return n, true
		}
	}
	return Node{}, false
}

// Rules are the parameters of the rule.
type Rules struct {
	Settle    time.Duration
	MaxSkew   time.Duration
	LoneProxy bool
}

// DefaultRules fit error limits that forget after less than ten seconds.
func DefaultRules() Rules { return Rules{Settle: 10 * time.Second, MaxSkew: time.Minute} }

// Impairment is a time in which a machine was not whole.
type Impairment struct {
	Node     string
	Zone     int // 0: a proxy or a client
	From, To time.Duration
	Why      string
}

// Impairments are those of a plan, by start. A fault without a duration, and
// damage to durable content, lasts to the end of the plan.
func (t Topology) Impairments(p plan.Plan) []Impairment {
	var all []Impairment
	for _, e := range p {
		for _, i := range t.impairs(e) {
			i.To = min(i.To, max(p.End(), i.From))
			all = append(all, i)
		}
	}
	slices.SortStableFunc(all, func(a, b Impairment) int { return int(max(-1, min(1, a.From-b.From))) })
	return all
}

const forever = time.Duration(1<<63 - 1)

// impairs says which machines an event impairs, and when.
func (t Topology) impairs(e plan.Event) []Impairment {
	k, ok := catalog.Lookup(e.Kind)
	if !ok || !k.Severity.Impairs && k.Severity.Damages != catalog.Content {
		return nil
	}
	to := forever
	if end, ok := e.End(); ok && k.Severity.Damages != catalog.Content {
		to = end
	} else if e.Kind == "restart" {
		to = e.At
	}
	name, _ := catalog.Split(e.Target)
	target, _ := t.Node(name)
	victim := target
	if e.Way != plan.NoPeer {
		peer, _ := t.Node(e.Peer)
		victim = between(target, peer)
	}
	return []Impairment{{Node: victim.Name, Zone: victim.Zone, From: e.At, To: to, Why: e.String()}}
}

// between is the machine that a fault on the path between two impairs: a
// client before a storage node before a proxy; of two alike the first.
func between(a, b Node) Node {
	rank := func(n Node) int {
		switch {
		case n.Client:
			return 2
		case n.Zone > 0:
			return 1
		}
		return 0
	}
	if rank(b) > rank(a) {
		return b
	}
	return a
}

// Destroyed are the "node/device" whose durable content the plan damages.
func Destroyed(p plan.Plan) []string {
	var out []string
	for _, e := range p {
		if k, _ := catalog.Lookup(e.Kind); k.Severity.Damages == catalog.Content && !slices.Contains(out, e.Target) {
			out = append(out, e.Target)
		}
	}
	return out
}

// Skew bounds how wrong the clock of any proxy can be under the plan.
func (t Topology) Skew(p plan.Plan) time.Duration {
	sum := map[string]time.Duration{}
	var most time.Duration
	for _, e := range p {
		n, _ := t.Node(e.Target)
		if !n.IsProxy() || e.Kind != "clock-skew" && e.Kind != "clock-step" {
			continue
		}
		sum[n.Name] += catalog.ArgsOf(e).Duration("by").Abs()
		most = max(most, sum[n.Name])
	}
	return most
}

// Ledger admits events one by one as long as the rule holds.
type Ledger struct {
	topology Topology
	rules    Rules
	plan     plan.Plan
	impaired []Impairment
}

// NewLedger is empty.
func NewLedger(t Topology, r Rules) *Ledger { return &Ledger{topology: t, rules: r} }

// Plan is what was admitted, by time.
func (l *Ledger) Plan() plan.Plan { return l.plan.Sorted() }

// Admit takes the event into the plan, or says which part of the rule
// forbids it.
func (l *Ledger) Admit(e plan.Event) error {
	if err := (catalog.Vocabulary{}).Check(e); err != nil {
		return err
	}
	if err := l.exists(e); err != nil {
		return err
	}
	if err := l.shadows(e); err != nil {
		return err
	}
	if skew := l.topology.Skew(append(slices.Clone(l.plan), e)); skew > l.rules.MaxSkew {
		return fmt.Errorf("rule 5: the clock of %s would be wrong by up to %v, more than %v", e.Target, skew, l.rules.MaxSkew)
	}
	added := l.topology.impairs(e)
	for _, i := range added {
		if err := l.bearable(i); err != nil {
			return err
		}
	}
	l.plan = append(l.plan, e)
	l.impaired = append(l.impaired, added...)
	return nil
}

// exists checks that the cluster has what the event names.
func (l *Ledger) exists(e plan.Event) error {
	name, part := catalog.Split(e.Target)
	n, ok := l.topology.Node(name)
	if ok && part != "" {
		ok = slices.Contains(n.Devices, part) || slices.Contains(n.Processes, part)
	}
	if !ok {
		return fmt.Errorf("the cluster has no %q", e.Target)
	}
	if _, ok := l.topology.Node(e.Peer); e.Way != plan.NoPeer && !ok {
		return fmt.Errorf("the cluster has no %q", e.Peer)
	}
	return nil
}

// bearable holds rules 1 to 4 for one more impairment.
func (l *Ledger) bearable(i Impairment) error {
	n, _ := l.topology.Node(i.Node)
	if n.Client {
		return nil
	}
	if i.Zone == 0 && l.proxies() < 2 && !l.rules.LoneProxy {
		return fmt.Errorf("rule 4: %s is the only proxy", i.Node)
	}
	for _, j := range l.impaired {
		m, _ := l.topology.Node(j.Node)
		switch {
		case m.Client || (i.Zone == 0) != (j.Zone == 0):
		case i.Zone == 0:
			if i.Node != j.Node && apart(i, j) < 0 {
				return fmt.Errorf("rule 4: two proxies are impaired at once, by this and by %q", j.Why)
			}
		case i.Zone != j.Zone && apart(i, j) < l.rules.Settle:
			return fmt.Errorf("rules 1 to 3: zone %d is impaired less than %v from zone %d, which is by %q",
				i.Zone, l.rules.Settle, j.Zone, j.Why)
		}
	}
	return nil
}

// apart is how much time lies between two impairments, negative if they
// overlap.
func apart(i, j Impairment) time.Duration {
	if j.From > i.From || j.From == i.From && j.To > i.To {
		i, j = j, i
	}
	return i.From - j.To // i begins later; j.To may be forever
}

func (l *Ledger) proxies() (n int) {
	for _, m := range l.topology {
		if m.IsProxy() {
			n++
		}
	}
	return n
}

// shadows holds rule 6.
func (l *Ledger) shadows(e plan.Event) error {
	for _, f := range l.plan {
		if !overlap(e, f) {
			continue
		}
		if e.Kind == f.Kind && e.Target == f.Target && e.Peer == f.Peer && e.Kind != "clock-step" {
			return fmt.Errorf("rule 6: %q is the same fault at the same time", f)
		}
		for _, pair := range [][2]plan.Event{{e, f}, {f, e}} {
			node, _ := catalog.Split(pair[0].Target)
			other, _ := catalog.Split(pair[1].Target)
			if stops(pair[0].Kind) && (node == other || node == pair[1].Peer) {
				return fmt.Errorf("rule 6: %q stops what the other acts on; the other is %q", pair[0], pair[1])
			}
		}
	}
	return nil
}

func stops(kind string) bool {
	switch kind {
	case "kill", "restart", "power-cut", "pause":
		return true
	}
	return false
}

func overlap(e, f plan.Event) bool { return e.At <= end(f) && f.At <= end(e) }

func end(e plan.Event) time.Duration {
	if t, ok := e.End(); ok {
		return t
	}
	if k, _ := catalog.Lookup(e.Kind); k.For == catalog.Never || e.Kind == "restart" {
		return e.At
	}
	return forever
}

// Check lists where a plan exceeds the rule, one text for each event that
// does. An event that exceeds it is left out of account for those after it.
func Check(p plan.Plan, t Topology, r Rules) []string {
	l := NewLedger(t, r)
	var out []string
	for _, e := range p.Sorted() {
		if err := l.Admit(e); err != nil {
			out = append(out, fmt.Sprintf("%s: %v", e, err))
		}
	}
	return out
}
