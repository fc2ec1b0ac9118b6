// Package disk is a simulated disk with a file system on it: host.FS in memory
// with the crash behaviour of a real one, and every fault a real one has.
//
// # Images
//
// A [Disk] holds two images. The volatile image is what processes see. The
// durable image is what a power cut leaves. Content, size and extended
// attributes of a file move from one to the other on File.Sync; names move on
// SyncDir of the directory that holds them; SyncAll moves everything. A name
// that is durable may lead to a file whose content is not, and a durable file
// may have no durable name.
//
// Names are changed by transactions: enter, remove, rename. Each is pending
// until its directory is synced. A transaction depends on earlier pending ones
// that touched the same name in the same directory; a rename depends on what
// made the directory it leads to; the removal of a directory depends on
// everything that emptied it. A commit takes its dependencies along. A rename is one transaction even across directories. It
// is committed by SyncDir of the directory that holds the new name; SyncDir of
// the other one alone leaves it pending, which is the least that the contract
// of host.FS grants.
//
// [Disk.PowerCut] returns the disk as it is found afterwards. [RandomSubset]
// keeps a random set of pending transactions that is closed under dependency
// and, of unsynced content, a random mixture of old, new and garbage sectors.
// Garbage never reaches bytes that were not written since the last sync. All
// choices come from the disk's random stream in an order that does not depend
// on maps, so a seed decides them.
//
// # Processes
//
// A [Machine] is a mount table. A [Process] is the host.FS of one process
// incarnation on it. [Process.Fence] is kill -9: later calls fail with
// [ErrDead], locks are released, and the volatile image stays, as the page
// cache of a living kernel does.
//
// # Faults
//
// A [Rule] on a disk makes matching operations fail, wait, lie or return rot.
// Rules have names; each has its own random stream, derived from its name, so
// that one more rule or one less leaves the others as they were. How often
// each one fired is counted.
package disk
