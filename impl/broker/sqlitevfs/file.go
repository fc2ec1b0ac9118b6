package sqlitevfs

import (
	"cmp"
	"errors"
	"io"
	"path"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/vfs"

	"apus/impl/host"
)

// Where SQLite locks, in every implementation.
const (
	pendingByte  = 0x40000000
	reservedByte = pendingByte + 1
	sharedFirst  = pendingByte + 2
	sharedSize   = 510
)

// sectorSize is what a torn write can damage.
const sectorSize = 4096

// file is one open file of a connection. SQLite calls it from one goroutine
// at a time.
type file struct {
	f       host.File
	fs      host.FS
	name    string
	flags   vfs.OpenFlag
	level   vfs.LockLevel
	syncDir bool // the name is new and not durable yet
	pending buffered
}

var (
	_ vfs.File          = (*file)(nil)
	_ vfs.FileLockState = (*file)(nil)
)

func (f *file) Close() error {
	err := cmp.Or(f.flush(), f.f.Close())
	if f.flags&vfs.OPEN_DELETEONCLOSE != 0 {
		err = errors.Join(err, f.fs.Remove(f.name))
	}
	return err
}

// flush writes what waits. Its error is one of writing, whoever called.
func (f *file) flush() error { return writeError(f.pending.flush()) }

func writeError(err error) error {
	if mapped := mapError(err); mapped != err {
		return mapped
	}
	return vfs.SystemError(err, sqlite3.IOERR_WRITE)
}

func (f *file) ReadAt(p []byte, off int64) (int, error) {
	if err := f.flush(); err != nil {
		return 0, err
	}
	n, err := f.f.ReadAt(p, off)
	return n, mapError(err)
}

func (f *file) WriteAt(p []byte, off int64) (int, error) {
	n, err := f.pending.writeAt(p, off)
	return n, writeError(err)
}

func (f *file) Truncate(size int64) error {
	if err := f.flush(); err != nil {
		return err
	}
	return mapError(f.f.Truncate(size))
}

func (f *file) Sync(vfs.SyncFlag) error {
	if err := f.flush(); err != nil {
		return err
	}
	if err := f.f.Sync(); err != nil {
		return vfs.SystemError(err, sqlite3.IOERR_FSYNC) // never "full": what was written is lost
	}
	if f.syncDir {
		if err := f.fs.SyncDir(path.Dir(f.name)); err != nil {
			return vfs.SystemError(err, sqlite3.IOERR_DIR_FSYNC)
		}
		f.syncDir = false
	}
	return nil
}

func (f *file) Size() (int64, error) {
	if err := f.flush(); err != nil {
		return 0, err
	}
	info, err := f.f.Stat()
	if err != nil {
		return 0, vfs.SystemError(err, sqlite3.IOERR_FSTAT)
	}
	return info.Size(), nil
}

func (f *file) SectorSize() int { return sectorSize }

// DeviceCharacteristics promises nothing about writes: a power cut may tear
// a sector that held synced bytes too.
func (f *file) DeviceCharacteristics() vfs.DeviceCharacteristic { return vfs.IOCAP_SUBPAGE_READ }

func (f *file) LockState() vfs.LockLevel { return f.level }

// Lock moves up: none to shared, shared to reserved, shared or reserved to
// exclusive. When the shared range is still read by others the way to
// exclusive ends at pending, which keeps new readers out.
func (f *file) Lock(want vfs.LockLevel) error {
	if f.level >= want {
		return nil
	}
	switch want {
	case vfs.LOCK_SHARED:
		return f.lockShared()
	case vfs.LOCK_RESERVED:
		if err := f.tryLock(host.Exclusively, reservedByte, 1); err != nil {
			return err
		}
	case vfs.LOCK_EXCLUSIVE:
		if f.level == vfs.LOCK_RESERVED {
			if err := f.tryLock(host.Exclusively, pendingByte, 1); err != nil {
				return err
			}
			f.level = vfs.LOCK_PENDING
		}
		if err := f.tryLock(host.Exclusively, sharedFirst, sharedSize); err != nil {
			return err
		}
	}
	f.level = want
	return nil
}

func (f *file) lockShared() error {
	if err := f.tryLock(host.Shared, pendingByte, 1); err != nil {
		return err
	}
	err := f.tryLock(host.Shared, sharedFirst, sharedSize)
	if uerr := f.tryLock(host.Unlocked, pendingByte, 1); uerr != nil && err == nil {
		err = uerr
	}
	if err == nil {
		f.level = vfs.LOCK_SHARED
	}
	return err
}

// Unlock moves down to shared or none.
func (f *file) Unlock(want vfs.LockLevel) error {
	if f.level <= want {
		return nil
	}
	return cmp.Or(f.flush(), f.unlock(want)) // nothing waits, unless synchronous is OFF
}

func (f *file) unlock(want vfs.LockLevel) error {
	was := f.level
	f.level = want
	if want == vfs.LOCK_NONE {
		return f.release(pendingByte, 2+sharedSize)
	}
	if was == vfs.LOCK_EXCLUSIVE {
		if err := f.f.TryLockRange(host.Shared, sharedFirst, sharedSize); err != nil {
			return vfs.SystemError(err, sqlite3.IOERR_RDLOCK)
		}
	}
	return f.release(pendingByte, 2)
}

func (f *file) release(offset, length int64) error {
	if err := f.f.TryLockRange(host.Unlocked, offset, length); err != nil {
		return vfs.SystemError(err, sqlite3.IOERR_UNLOCK)
	}
	return nil
}

// CheckReservedLock asks whether anybody is about to write. host.File cannot
// look at a lock without taking it, so it is taken for a moment; a writer who
// comes just then finds the file busy and tries again.
func (f *file) CheckReservedLock() (bool, error) {
	if f.level >= vfs.LOCK_RESERVED {
		return true, nil
	}
	err := f.f.TryLockRange(host.Shared, reservedByte, 1)
	if errors.Is(err, host.ErrWouldBlock) {
		return true, nil
	}
	if err != nil {
		return false, vfs.SystemError(err, sqlite3.IOERR_CHECKRESERVEDLOCK)
	}
	return false, f.release(reservedByte, 1)
}

func (f *file) tryLock(mode host.LockMode, offset, length int64) error {
	err := f.f.TryLockRange(mode, offset, length)
	if errors.Is(err, host.ErrWouldBlock) {
		return vfs.SystemError(err, sqlite3.BUSY)
	}
	if err != nil {
		return vfs.SystemError(err, sqlite3.IOERR_LOCK)
	}
	return nil
}

// scratch is a file without a name, in memory.
type scratch struct{ b []byte }

var _ vfs.File = (*scratch)(nil)

func (s *scratch) Close() error { return nil }

func (s *scratch) ReadAt(p []byte, off int64) (int, error) {
	if off >= int64(len(s.b)) {
		return 0, io.EOF
	}
	n := copy(p, s.b[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (s *scratch) WriteAt(p []byte, off int64) (int, error) {
	if need := int(off) + len(p); need > len(s.b) {
		s.b = append(s.b, make([]byte, need-len(s.b))...)
	}
	return copy(s.b[off:], p), nil
}

func (s *scratch) Truncate(size int64) error {
	if size < int64(len(s.b)) {
		s.b = s.b[:size]
	}
	return nil
}

func (s *scratch) Sync(vfs.SyncFlag) error          { return nil }
func (s *scratch) Size() (int64, error)             { return int64(len(s.b)), nil }
func (s *scratch) Lock(vfs.LockLevel) error         { return nil }
func (s *scratch) Unlock(vfs.LockLevel) error       { return nil }
func (s *scratch) CheckReservedLock() (bool, error) { return false, nil }
func (s *scratch) SectorSize() int                  { return sectorSize }
func (s *scratch) DeviceCharacteristics() vfs.DeviceCharacteristic {
	return vfs.IOCAP_ATOMIC | vfs.IOCAP_SAFE_APPEND
}
