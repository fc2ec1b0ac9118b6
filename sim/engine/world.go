package engine

import (
	"context"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"maps"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

// Epoch is where the wall clock of every simulated machine starts, before its
// own skew. A synctest bubble starts in the year 2000, whose Unix time has
// nine digits; Swift's timestamps want ten.
var Epoch = time.Date(2026, time.January, 1, 0, 0, 0, 0, time.UTC)

// Scenario is one simulation. It runs inside a synctest bubble and returns
// when everything it started has ended. An error means that the scenario could
// not be carried out; what it found wrong goes into Report.Violations.
type Scenario func(ctx context.Context, w *World) (*Report, error)

// World is what a scenario knows about the run it is in.
type World struct {
	// Scenario is the name under which the run was asked for, if any.
	Scenario string
	// Seed decides everything: two worlds with one seed and one program
	// behave alike.
	Seed uint64
	// For is how much virtual time the scenario should cover; zero leaves it
	// to the scenario.
	For time.Duration
	// Options are scenario settings given by name on the command line.
	Options map[string]string

	start  time.Time
	trace  tracer
	nextGC atomic.Uint64 // heap size at which garbage is collected
	mu     struct {
		sync.Mutex
		marks map[string]int
	}
}

// NewWorld returns a world that starts now. Inside a bubble "now" is virtual.
func NewWorld(seed uint64) *World {
	w := &World{Seed: seed, Options: map[string]string{}, start: time.Now()}
	w.mu.marks = map[string]int{}
	w.trace.init(seed)
	w.nextGC.Store(garbageLimit)
	return w
}

// Stream returns the random stream of that name. Streams are independent, so
// that a part of the simulation that draws more or less, or not at all, leaves
// the others as they were. Each call starts the stream anew: keep the result.
func (w *World) Stream(name string) *rand.Rand {
	h := fnv.New128a()
	var seed [8]byte
	binary.LittleEndian.PutUint64(seed[:], w.Seed)
	h.Write(seed[:])
	h.Write([]byte(name))
	sum := h.Sum(nil)
	return rand.New(rand.NewPCG(mix(binary.BigEndian.Uint64(sum)), mix(binary.BigEndian.Uint64(sum[8:]))))
}

// Trace folds one event into the hash of the run, together with the virtual
// time. Two runs are identical when they trace the same events in the same
// order at the same instants. Arguments are hashed by value: strings, byte
// slices, numbers, booleans, durations and times; anything else by its
// default format, which must not contain an address.
func (w *World) Trace(kind string, args ...any) {
	w.trace.event(w.Elapsed(), kind, args)
}

// Listen calls fn with every later event of the named kinds. It is called
// wherever Trace is, and must neither block nor trace. The last call counts.
func (w *World) Listen(fn func(at time.Duration, kind string, args []any), kinds ...string) {
	w.trace.listen(fn, kinds)
}

// Kept says that somebody will look at this run whether it fails or not.
func (w *World) Kept() bool { return w.trace.kept() }

// Events returns how many events were traced so far.
func (w *World) Events() int64 { return w.trace.count() }

// TraceHash returns the hash of the events so far.
func (w *World) TraceHash() string { return w.trace.sum() }

// Mark counts that the run reached a place worth reaching. A farm of seeds can
// then tell which rare lines no seed ever hit.
func (w *World) Mark(name string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.mu.marks[name]++
}

// Marks returns the counts of [World.Mark].
func (w *World) Marks() map[string]int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return maps.Clone(w.mu.marks)
}

// Elapsed is the virtual time since the start of the run.
func (w *World) Elapsed() time.Duration { return time.Since(w.start) }

// String names the world in messages.
func (w *World) String() string { return fmt.Sprintf("seed %d at %v", w.Seed, w.Elapsed()) }

// mix is the finaliser of splitmix64.
func mix(x uint64) uint64 {
	x ^= x >> 30
	x *= 0xbf58476d1ce4e5b9
	x ^= x >> 27
	x *= 0x94d049bb133111eb
	return x ^ x>>31
}
