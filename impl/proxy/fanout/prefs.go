package fanout

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"apus/impl/host"
	"apus/impl/ring"
)

// Sorting is the order in which a read asks primaries.
type Sorting int

// Orders of primaries. Among nodes that are equally good the one comes first
// that has the fewest requests of this proxy under way, else chance decides.
const (
	Shuffle    Sorting = iota
	ByTiming           // the node that answered fastest of late first
	ByAffinity         // the nearest first
)

// Preferences say which nodes the requests of a storage policy go to first.
// The zero value shuffles and asks one node after the other.
type Preferences struct {
	Sorting       Sorting
	ReadAffinity  Affinity
	WriteAffinity Locality // empty: none
	// WriteNodes is how many near nodes a write tries before any other, by
	// the number of replicas; nil is twice that.
	WriteNodes func(replicas int) int
	// HandoffDeletes is how many near handoffs a DELETE goes to as well;
	// negative is as many as there are primaries far away.
	HandoffDeletes int
	// MissingPrimaries is how many primaries that know nothing of a thing are
	// not believed by a read, because a rebalance may have brought them
	// in just now. Negative is none, zero the default of one.
	MissingPrimaries int
	// Concurrent reads ask the next node when ConcurrencyTimeout has passed
	// without an answer, and take the first that is good.
	Concurrent         bool
	ConcurrencyTimeout time.Duration
}

func (p *Preferences) missing() int {
	switch {
	case p == nil || p.MissingPrimaries == 0:
		return 1
	case p.MissingPrimaries < 0:
		return 0
	}
	return p.MissingPrimaries
}

// sort puts primaries in the order in which to ask them.
func (p *Preferences) sort(primaries []*Node, t *timings) {
	rand.Shuffle(len(primaries), func(i, j int) { primaries[i], primaries[j] = primaries[j], primaries[i] })
	sortByLoad(primaries)
	switch {
	case p == nil || p.Sorting == Shuffle:
	case p.Sorting == ByTiming:
		t.sort(primaries)
	default:
		slices.SortStableFunc(primaries, func(a, b *Node) int {
			return cmp.Compare(p.ReadAffinity.rank(a.Device), p.ReadAffinity.rank(b.Device))
		})
	}
}

// localFirst is the near nodes that a write goes to before any other, as many
// as the preferences say: primaries, then handoffs.
func (p *Preferences) localFirst(primaries []*ring.Device, handoffs func(yield func(*ring.Device) bool)) []*ring.Device {
	want := 2 * len(primaries)
	if p.WriteNodes != nil {
		want = p.WriteNodes(len(primaries))
	}
	var out []*ring.Device
	take := func(d *ring.Device) bool {
		if len(out) < want && p.WriteAffinity.holds(d) {
			out = append(out, d)
		}
		return len(out) < want
	}
	for _, d := range primaries {
		take(d)
	}
	if len(out) < want {
		handoffs(take)
	}
	return out
}

// deleteHandoffs is how many near handoffs a DELETE goes to beside primaries.
func (p *Preferences) deleteHandoffs(primaries []*ring.Device) int {
	if p == nil || len(p.WriteAffinity) == 0 {
		return 0
	}
	if p.HandoffDeletes >= 0 {
		return p.HandoffDeletes
	}
	far := 0
	for _, d := range primaries {
		if !p.WriteAffinity.holds(d) {
			far++
		}
	}
	return far
}

// timings remembers how long hosts took to answer.
type timings struct {
	expiry time.Duration
	mu     sync.Mutex
	byIP   map[string]timing
}

type timing struct {
	took time.Duration
	at   host.Stopwatch
}

// seen records that a node took so long. Timings are kept by address, as the
// time goes to the network and the machine, not to one disk.
func (t *timings) seen(n *Node, took time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.byIP == nil {
		t.byIP = map[string]timing{}
	}
	t.byIP[n.IP] = timing{took.Round(time.Millisecond), host.StartStopwatch()}
}

// sort puts fast nodes first. Those of which nothing is known come before
// them, so that it gets known.
func (t *timings) sort(nodes []*Node) {
	t.mu.Lock()
	defer t.mu.Unlock()
	took := func(n *Node) time.Duration {
		if v, ok := t.byIP[n.IP]; ok && v.at.Elapsed() < t.expiry {
			return v.took
		}
		return -1
	}
	slices.SortStableFunc(nodes, func(a, b *Node) int { return cmp.Compare(took(a), took(b)) })
}
