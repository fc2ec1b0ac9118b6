package disk

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"sync"
	"time"

	"apus/impl/host"
)

// ErrDead is returned by every call of a fenced process, and by calls on a
// disk that has lost its power.
var ErrDead = errors.New("process or disk is gone")

// Config describes a disk. The zero value is an unlimited disk without latency.
type Config struct {
	// Size is the capacity in bytes; 0 is unlimited (StatFS then reports 1 TiB).
	Size int64
	// Inodes limits the number of files and directories; 0 is unlimited.
	Inodes int64
	// Sector is the unit in which unsynced content tears: a power of two from
	// 512 to 4096. The default is 4096.
	Sector int
	// XattrLimit bounds the names and values of one file's extended
	// attributes in bytes, as ext4 does with about 4000; 0 is unlimited. One
	// value never exceeds 64 KiB.
	XattrLimit int
	// NoUnnamed makes CreateUnnamed fail with host.ErrUnsupported.
	NoUnnamed bool
	// Latency of every operation. The zero value does not sleep.
	Latency Latency
	// Writeback is the age at which unsynced changes have reached the medium
	// without being asked to, as the kernel's periodic writeback does. 0 is
	// never: whatever was not synced stays at risk.
	Writeback time.Duration
	// Trace, when not nil, is told every operation that changes what is stored
	// or makes it durable, in order. It must not call back into the disk.
	Trace func(kind string, args ...any)
	// MaxPending bounds the pending name transactions; beyond it the oldest
	// are committed. The default is 65536.
	MaxPending int
}

// Latency is how long operations take. Each delay is its base plus an
// exponential tail with mean Tail, plus some nanoseconds so that no two tie.
type Latency struct {
	Read, Write, Sync, Meta time.Duration
	Tail                    time.Duration
	// Bandwidth in bytes per second delays Read and Write; 0 is unlimited.
	Bandwidth int64
}

// CutMode is what a power cut does to changes that were not synced.
type CutMode int

// Power cut modes.
const (
	// DropUnsynced loses all of them.
	DropUnsynced CutMode = iota
	// KeepAll loses none.
	KeepAll
	// RandomSubset keeps a random legal part and tears content.
	RandomSubset
)

// Stats counts what a disk did since it was made.
type Stats struct {
	Calls        int64 // every call that reached the disk
	Ops          int64 // calls that change what is stored or make it durable
	Reads        int64
	Writes       int64
	Syncs        int64 // Sync, SyncDir, SyncAll
	BytesRead    int64
	BytesWritten int64
	Pending      int   // name transactions that are not durable
	Files        int64 // files and directories
	Used         int64 // bytes
}

// Disk is a simulated disk. Its methods may be called from several goroutines.
type Disk struct {
	name   string
	seed   [2]uint64 // all random streams are derived from it
	faults *faultSet // shared by the disk before and after a power cut
	off    chan struct{}
	born   host.Stopwatch

	mu          sync.Mutex // guards what follows, and is never held while waiting
	cfg         Config
	rng         *rand.Rand // latency
	root        *inode
	lastID      uint64
	dirty       map[*inode]struct{}
	log         []*change // pending name transactions, oldest first
	undone      int       // of them, how many are not done
	lastDirMove *change
	used        int64 // bytes
	files       int64
	stats       Stats
	dead        bool // power is off
	cuts        uint64
	crashAt     int64
	failAt      int64
	failErr     error
	onCrash     func()
	onOp        func(Op, func(CutMode) *Disk)
}

// New returns an empty disk. Its random streams are derived from two numbers
// drawn from rng.
func New(name string, rng *rand.Rand, cfg Config) *Disk {
	if cfg.Sector == 0 {
		cfg.Sector = pageSize
	}
	if cfg.Sector < 512 || cfg.Sector > pageSize || cfg.Sector&(cfg.Sector-1) != 0 {
		panic(fmt.Sprintf("disk: sector of %d bytes", cfg.Sector))
	}
	if cfg.MaxPending == 0 {
		cfg.MaxPending = 1 << 16
	}
	seed := [2]uint64{rng.Uint64(), rng.Uint64()}
	return newDisk(name, seed, cfg, newFaultSet(seed))
}

func newDisk(name string, seed [2]uint64, cfg Config, faults *faultSet) *Disk {
	d := &Disk{
		name: name, seed: seed, cfg: cfg, faults: faults,
		off:   make(chan struct{}),
		born:  host.StartStopwatch(),
		rng:   stream(seed, "latency"),
		dirty: map[*inode]struct{}{},
	}
	d.root = d.newInode(fs.ModeDir|0o755, time.Time{})
	d.root.dir = newDirectory(d.root)
	d.root.nlink = 1
	return d
}

// Name is the name given to New.
func (d *Disk) Name() string { return d.name }

// age is the time since the disk was made, where anything depends on it.
func (d *Disk) age() time.Duration {
	if d.cfg.Writeback == 0 {
		return 0
	}
	return d.born.Elapsed()
}

// Ops is the number of persistent operations so far: calls that change what is
// stored or make it durable, failed ones included.
func (d *Disk) Ops() int64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.stats.Ops
}

// SetCrashAt turns the power off just before the n-th persistent operation,
// counted from 1 since the disk was made. From then on every call is ErrDead.
// What the cut left is asked for with PowerCut. 0 takes the order back.
func (d *Disk) SetCrashAt(n int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.crashAt = n
}

// OnCrash sets what runs, once, when SetCrashAt strikes, on the goroutine that
// made the call.
func (d *Disk) OnCrash(f func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.onCrash = f
}

// Op is one persistent operation.
type Op struct {
	N    int64 // counted from 1 since the disk was made
	Kind OpSet
	Path string // within the disk
}

// OnOp calls f right before every persistent operation takes effect, on the
// goroutine that made the call. With the function that it is given, f takes
// what a power cut at that instant would leave, while the disk goes on; see
// Glimpse. f must call nothing else of the disk. nil takes the order back.
func (d *Disk) OnOp(f func(op Op, cut func(CutMode) *Disk)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.onOp = f
}

// FailAt makes the n-th persistent operation fail with err, once.
func (d *Disk) FailAt(n int64, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.failAt, d.failErr = n, err
}

// Crashed reports whether the power is off.
func (d *Disk) Crashed() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.dead
}

// Stats counts what the disk did.
func (d *Disk) Stats() Stats {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := d.stats
	s.Pending, s.Files, s.Used = d.undone, d.files, d.used
	return s
}

// SetLatency replaces the latency.
func (d *Disk) SetLatency(l Latency) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.cfg.Latency = l
}

// SetSize replaces the capacity. What is stored stays, even if it is more.
func (d *Disk) SetSize(bytes int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.cfg.Size = bytes
}

// SetRule adds a fault rule, or replaces the one of the same name, which
// starts its counts and its random stream afresh.
func (d *Disk) SetRule(id string, r Rule) { d.faults.set(id, r) }

// ClearRule removes a rule and lets go of the operations that it stalls.
func (d *Disk) ClearRule(id string) { d.faults.clear(id) }

// Fired tells how often each rule fired, including rules that were cleared. A
// disk and what PowerCut makes of it share their rules and counts.
func (d *Disk) Fired() map[string]int { return d.faults.counts() }

// powerOff makes every later call fail. It returns what OnCrash set.
func (d *Disk) powerOff() func() {
	if d.dead {
		return nil
	}
	d.dead = true
	close(d.off)
	hook := d.onCrash
	d.onCrash = nil
	return hook
}
