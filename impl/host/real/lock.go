//go:build linux

package real

import (
	"golang.org/x/sys/unix"

	"apus/impl/host"
)

// TryLock implements host.File with flock.
func (f *File) TryLock(mode host.LockMode) error {
	how := [...]int{host.Unlocked: unix.LOCK_UN, host.Shared: unix.LOCK_SH, host.Exclusively: unix.LOCK_EX}[mode]
	return f.do("flock", func(fd int) error { return unix.Flock(fd, how|unix.LOCK_NB) })
}

// TryLockRange implements host.File with locks of the open file description.
// They conflict with the locks that SQLite in another process takes.
func (f *File) TryLockRange(mode host.LockMode, offset, length int64) error {
	kind := [...]int16{host.Unlocked: unix.F_UNLCK, host.Shared: unix.F_RDLCK, host.Exclusively: unix.F_WRLCK}[mode]
	return f.do("lock", func(fd int) error {
		lk := unix.Flock_t{Type: kind, Whence: unix.SEEK_SET, Start: offset, Len: length}
		err := unix.FcntlFlock(uintptr(fd), unix.F_OFD_SETLK, &lk)
		if err == unix.EACCES {
			err = unix.EAGAIN // POSIX lets a system say it either way
		}
		return err
	})
}
