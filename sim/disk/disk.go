package disk

import (
	"errors"
	"time"
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
