package host

import (
	"errors"
	"io"
	"io/fs"
)

// Errors of FS and File beyond fs.ErrNotExist, fs.ErrExist, fs.ErrPermission
// and fs.ErrClosed. Test for them with errors.Is.
var (
	ErrNoSpace     = errors.New("no space left on device")                   // ENOSPC, EDQUOT: write to another device
	ErrIO          = errors.New("input/output error")                        // EIO: the medium is bad; quarantine or go elsewhere
	ErrReadOnly    = errors.New("read-only file system")                     // EROFS
	ErrNotDir      = errors.New("not a directory")                           // ENOTDIR
	ErrIsDir       = errors.New("is a directory")                            // EISDIR
	ErrNotEmpty    = errors.New("directory not empty")                       // ENOTEMPTY
	ErrCorrupt     = errors.New("structure needs cleaning")                  // EUCLEAN: the file system found itself damaged
	ErrNoXattr     = errors.New("no such extended attribute")                // ENODATA
	ErrXattrSize   = errors.New("extended attribute too large for the file") // E2BIG, ERANGE; ENOSPC from setxattr
	ErrWouldBlock  = errors.New("lock is held elsewhere")                    // EWOULDBLOCK of a Try… lock
	ErrUnsupported = errors.New("operation not supported by the file system")
	ErrCrossDevice = errors.New("link or rename across file systems") // EXDEV
)

// Flags of OpenFile; exactly one of ReadOnly, ReadWrite.
const (
	ReadOnly  = 0
	ReadWrite = 1 << iota
	Create    // create if absent, with perm
	Exclusive // with Create: fail with fs.ErrExist if present
	Truncate  // set the size to zero
	Append    // every Write goes to the end
)

// FS is every byte on disk. Names are absolute, slash-separated and clean.
//
// What a power cut leaves, unless a method says otherwise: file contents and
// sizes as of the last successful File.Sync (later writes may be present,
// absent, or torn at sector granularity, and the size may be old, new or, of a
// file that grew, in between); directory entries as of the last successful
// SyncDir of their directory (later creations, links, renames and removals may
// each be present or absent; a rename is old or new, never neither when the
// target existed). A file whose directory entry survived but whose content was
// never synced may be empty or hold garbage in the unsynced range.
type FS interface {
	// OpenFile opens a file. Opening a directory ReadOnly is an error
	// (ErrIsDir); use ReadDir and SyncDir.
	OpenFile(name string, flag int, perm fs.FileMode) (File, error)
	// CreateUnnamed creates a ReadWrite file without a name on the file
	// system that holds dir. It vanishes when closed unless File.LinkTo gave
	// it a name. ErrUnsupported: use OpenFile with Create|Exclusive and Rename.
	CreateUnnamed(dir string, perm fs.FileMode) (File, error)

	// Mkdir creates one directory; MkdirAll also its absent parents, and
	// succeeds when the directory exists. Each new entry needs SyncDir of
	// its parent to survive.
	Mkdir(name string, perm fs.FileMode) error
	MkdirAll(name string, perm fs.FileMode) error
	// Remove removes a file or an empty directory (ErrNotEmpty).
	Remove(name string) error
	// RemoveAll removes name and what is below it; absent is success.
	RemoveAll(name string) error
	// Rename replaces newName atomically. Both need SyncDir of their parents.
	Rename(oldName, newName string) error
	// Link makes newName another name of oldName; fs.ErrExist if taken.
	Link(oldName, newName string) error
	// ReadDir lists a directory sorted by name.
	ReadDir(name string) ([]fs.DirEntry, error)
	Stat(name string) (fs.FileInfo, error)
	// Chtimes is not offered: no format of Swift depends on setting times.

	// SyncDir makes the entries of a directory durable.
	SyncDir(name string) error
	// SyncAll makes everything durable that was written, linked, renamed or
	// removed on the file system holding name before the call (syncfs). An
	// error means that nothing of it can be relied on.
	SyncAll(name string) error
	// StatFS describes the file system holding name.
	StatFS(name string) (StatFS, error)
	// IsMount reports whether name is the root of a mounted file system.
	IsMount(name string) (bool, error)
}

// Committer is an FS on whose file systems users meet that know nothing of each
// other: several devices on one, or several hosts of this process. It lets them
// share what makes durable. An FS need not be one.
type Committer interface {
	// Commit returns when everything the caller did before on the file system
	// that holds name is durable: by alone, which syncs what the caller did and
	// no more, or by a SyncAll that others share. An error of that means that
	// nothing of it can be relied on. Alone must not call Commit.
	Commit(name string, alone func() error) error
}

// StatFS describes a file system. Sizes are bytes.
type StatFS struct {
	Total, Free, Avail uint64 // Avail: free to unprivileged users
	Files, FilesFree   uint64 // inodes
}

// File is an open file. Positions are shared by Read, Write and Seek as in
// POSIX; ReadAt and WriteAt leave them alone. Methods may be called from
// several goroutines, Close once.
//
// A real file also implements io.WriterTo and io.ReaderFrom, so that io.Copy
// reaches sendfile and copy_file_range, and RangeWriter.
type File interface {
	io.Reader
	io.ReaderAt
	io.Writer
	io.WriterAt
	io.Seeker
	// Close releases the file and every lock taken through it. It does not
	// make anything durable.
	io.Closer

	Name() string // as opened; "" for an unnamed file
	Stat() (fs.FileInfo, error)
	Truncate(size int64) error
	// Sync makes content, size and extended attributes durable, not the
	// name. After an error the unsynced data must be taken as lost, even if
	// a later Sync succeeds.
	Sync() error
	// Preallocate reserves size bytes from the start without changing the
	// visible size; ErrNoSpace if there is not enough.
	Preallocate(size int64) error
	// DropCache tells the system that the content will not be read again
	// soon. It is advice and has no error.
	DropCache(offset, length int64)
	// LinkTo gives an unnamed file a name; fs.ErrExist if taken. The entry
	// needs SyncDir.
	LinkTo(name string) error

	// Extended attributes. Names carry their namespace ("user.…").
	// GetXattr of an absent name is ErrNoXattr.
	GetXattr(name string) ([]byte, error)
	SetXattr(name string, value []byte) error
	RemoveXattr(name string) error
	ListXattr() ([]string, error)

	// TryLock takes or converts a whole-file advisory lock (flock); owner is
	// this open file. ErrWouldBlock when another holder conflicts; a
	// conversion that fails so has lost the lock it started from.
	TryLock(mode LockMode) error
	// TryLockRange is the byte-range twin (fcntl, open-file-description
	// owner) that SQLite expects; independent of TryLock. Length 0 means to
	// the end. A conversion that fails leaves the lock as it was.
	// Exclusively needs a file opened ReadWrite.
	TryLockRange(mode LockMode, offset, length int64) error
}

// RangeWriter is what a File may also implement: sending a part of itself to w,
// with sendfile where both sides can.
type RangeWriter interface {
	// WriteRangeTo writes n bytes from offset off to w and tells how many w
	// took. It leaves the position of the file alone and may run in several
	// goroutines. io.ErrUnexpectedEOF: the file ends earlier.
	WriteRangeTo(w io.Writer, off, n int64) (int64, error)
}

// Writeback is what a File may also implement: beginning early with what a Sync
// to come would have to do.
type Writeback interface {
	// StartWriteback has length bytes from offset on brought to the disk and
	// does not wait for that. It is advice: it has no error, and Sync is as
	// needed after it as before.
	StartWriteback(offset, length int64)
}

// LockMode is the mode of an advisory lock.
type LockMode int

// Lock modes.
const (
	Unlocked LockMode = iota
	Shared
	Exclusively
)
