package disk

import (
	"errors"
	"math/rand/v2"
	"time"

	"apus/impl/host"
)

var errSkeleton = errors.New("disk: skeleton")

// Disk is a simulated disk. Its methods may be called from several goroutines.
type Disk struct{}

// New returns an empty disk. All randomness is derived from rng, of which a
// fixed amount is drawn here.
func New(name string, rng *rand.Rand, cfg Config) *Disk { panic(errSkeleton) }

func (d *Disk) Name() string { panic(errSkeleton) }

// PowerCut returns the disk as found after a power cut. The old disk is dead.
func (d *Disk) PowerCut(mode CutMode) *Disk { panic(errSkeleton) }

// SetRule adds or replaces a fault rule.
func (d *Disk) SetRule(id string, r Rule) { panic(errSkeleton) }

// ClearRule removes a rule and lets go of operations that it stalls.
func (d *Disk) ClearRule(id string) { panic(errSkeleton) }

// Fired tells how often each rule fired, cleared ones included.
func (d *Disk) Fired() map[string]int { panic(errSkeleton) }

// Ops is the number of persistent operations so far.
func (d *Disk) Ops() int64 { panic(errSkeleton) }

// SetCrashAt kills the disk just before its n-th persistent operation, n counted from 1 since the disk was made.
func (d *Disk) SetCrashAt(n int64) { panic(errSkeleton) }

// FailAt makes the n-th persistent operation fail with err, once.
func (d *Disk) FailAt(n int64, err error) { panic(errSkeleton) }

// Crashed reports whether SetCrashAt has struck.
func (d *Disk) Crashed() bool { panic(errSkeleton) }

// Stats counts what the disk did.
func (d *Disk) Stats() Stats { panic(errSkeleton) }

// SetLatency replaces the latency.
func (d *Disk) SetLatency(l Latency) { panic(errSkeleton) }

// Corrupt flips a bit in stored content, persistently.
func (d *Disk) Corrupt(name string, offset int64) error { panic(errSkeleton) }

// Rule is one fault.
type Rule struct {
	Ops     OpSet         // which operations; 0 is all
	Path    string        // glob over the path within the disk; "" is all
	Process string        // glob over the process name; "" is all
	Err     error         // what the operation returns
	Prob    float64       // chance per matching operation; 0 is always
	Skip    int           // the first so many matches pass
	Count   int           // fire at most so often; 0 is unlimited
	Sticky  bool          // a block that failed once keeps failing until it is written again
	Short   bool          // with Err on a write: half of the bytes land first
	Delay   time.Duration // wait before the operation
	Tail    time.Duration // mean of an exponential wait on top of Delay
	Stall   bool          // wait until the rule is cleared or the process is killed
	Rot     bool          // reads return content with a flipped bit
	Lie     bool          // syncs succeed and make nothing durable
}

// OpSet is a set of kinds of operation.
type OpSet uint32

// Kinds of operation.
const (
	OpOpen OpSet = 1 << iota // OpenFile of what exists, CreateUnnamed excluded
	OpCreate
	OpRead
	OpWrite
	OpTruncate
	OpSync
	OpSyncDir
	OpSyncAll
	OpPreallocate
	OpMkdir
	OpRemove
	OpRename
	OpLink
	OpReadDir
	OpStat
	OpStatFS
	OpGetXattr
	OpSetXattr
	OpLock
)

// ParseOps reads a comma-separated list such as "read,write".
func ParseOps(list string) (OpSet, error) { panic(errSkeleton) }

// Machine is a mount table.
type Machine struct{}

// NewMachine returns a machine without disks; mount one at "/" first.
func NewMachine(clock host.Clock) *Machine { panic(errSkeleton) }

// Mount attaches d at path and makes the mount point on the disk below.
func (m *Machine) Mount(path string, d *Disk) { panic(errSkeleton) }

// Unmount takes the disk at path away by force.
func (m *Machine) Unmount(path string) { panic(errSkeleton) }

// Disk returns the disk mounted at path, or nil.
func (m *Machine) Disk(path string) *Disk { panic(errSkeleton) }

// Mounts lists the mount points, sorted.
func (m *Machine) Mounts() []string { panic(errSkeleton) }

// Process returns the file system as a new process incarnation sees it.
func (m *Machine) Process(name string) *Process { panic(errSkeleton) }

// Inspector returns a view that faults, latency and counters do not touch.
func (m *Machine) Inspector(name string) *Process { panic(errSkeleton) }

// PowerCut fences every process and returns the machine after reboot: the
// same mount points, with each disk as found after the cut.
func (m *Machine) PowerCut(mode CutMode) *Machine { panic(errSkeleton) }

// Process is the host.FS of one process incarnation.
type Process struct{ host.FS }

// Fence kills the process.
func (p *Process) Fence() { panic(errSkeleton) }

// OpenFiles lists the files that the process holds open, in order of opening.
func (p *Process) OpenFiles() []OpenFile { panic(errSkeleton) }

// OpenFile is an open file and where it was opened.
type OpenFile struct{ Path, Stack string }
