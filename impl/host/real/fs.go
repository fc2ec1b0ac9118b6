//go:build linux

package real

import (
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"apus/impl/host"
)

// FS is the file system of the operating system. Names are its own.
type FS struct{}

var _ host.FS = FS{}

// OpenFile implements host.FS.
func (FS) OpenFile(name string, flag int, perm fs.FileMode) (host.File, error) {
	const op = "open"
	mode := os.O_RDONLY
	if flag&host.ReadWrite != 0 {
		mode = os.O_RDWR
	}
	for _, m := range [...]struct{ ours, theirs int }{
		{host.Create, os.O_CREATE},
		{host.Exclusive, os.O_EXCL},
		{host.Truncate, os.O_TRUNC},
		{host.Append, os.O_APPEND},
	} {
		if flag&m.ours != 0 {
			mode |= m.theirs
		}
	}
	fd, err := open(name, mode, perm)
	if err == nil && mode&os.O_RDWR == 0 {
		err = refuseDir(fd)
	}
	if err != nil {
		return nil, wrap(op, name, err)
	}
	return &File{d: descriptor{fd: fd}, name: name, appends: flag&host.Append != 0}, nil
}

// open is the system call. Package os would try each file with the poller,
// which takes none that has a place in a file system: five more calls.
//
// Reading leaves the time of access alone, as Swift's operators mount their
// disks: nothing asks for that time, and each change of it is a write to the
// disk. Linux allows it to the owner of a file only.
func open(name string, mode int, perm fs.FileMode) (fd int, err error) {
	for flags := mode | unix.O_CLOEXEC | unix.O_NOATIME; ; {
		fd, err = unix.Open(name, flags, uint32(perm.Perm()))
		switch {
		case err == unix.EPERM && flags&unix.O_NOATIME != 0:
			flags &^= unix.O_NOATIME
		case err != unix.EINTR:
			return fd, err
		}
	}
}

// refuseDir closes fd and fails if it is a directory.
func refuseDir(fd int) error {
	var st unix.Stat_t
	err := retry(func() error { return unix.Fstat(fd, &st) })
	if err == nil && st.Mode&unix.S_IFMT == unix.S_IFDIR {
		err = unix.EISDIR
	}
	if err != nil {
		_ = unix.Close(fd) // nothing was written
	}
	return err
}

// CreateUnnamed implements host.FS.
func (FS) CreateUnnamed(dir string, perm fs.FileMode) (host.File, error) {
	fd, err := open(dir, unix.O_TMPFILE|unix.O_RDWR, perm)
	if err == unix.EISDIR || err == unix.EINVAL {
		err = unix.EOPNOTSUPP // kernels and file systems that do not know the flag
	}
	if err != nil {
		return nil, wrap("tmpfile", dir, err)
	}
	return &File{d: descriptor{fd: fd}}, nil
}

// Mkdir implements host.FS.
func (FS) Mkdir(name string, perm fs.FileMode) error {
	return wrap("mkdir", name, os.Mkdir(name, perm))
}

// MkdirAll implements host.FS.
func (FS) MkdirAll(name string, perm fs.FileMode) error {
	return wrap("mkdir", name, os.MkdirAll(name, perm))
}

// Remove implements host.FS.
func (FS) Remove(name string) error { return wrap("remove", name, os.Remove(name)) }

// RemoveAll implements host.FS.
func (FS) RemoveAll(name string) error { return wrap("remove", name, os.RemoveAll(name)) }

// Rename implements host.FS. It is the system call itself: os.Rename refuses
// to replace an empty directory.
func (FS) Rename(oldName, newName string) error {
	err := retry(func() error { return unix.Rename(oldName, newName) })
	if err == unix.EEXIST {
		err = unix.ENOTEMPTY // XFS says it this way
	}
	return wrap("rename", oldName, err)
}

// Link implements host.FS.
func (FS) Link(oldName, newName string) error {
	return wrap("link", newName, os.Link(oldName, newName))
}

// Stat implements host.FS.
func (FS) Stat(name string) (fs.FileInfo, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, wrap("stat", name, err)
	}
	return info, nil
}

// onDir runs call with a descriptor of a directory.
func onDir(op, name string, flags int, call func(fd int) error) error {
	fd, err := open(name, unix.O_RDONLY|flags, 0)
	if err != nil {
		return wrap(op, name, err)
	}
	err = retry(func() error { return call(fd) })
	if cerr := unix.Close(fd); err == nil {
		err = cerr
	}
	return wrap(op, name, err)
}

// SyncDir implements host.FS.
func (FS) SyncDir(name string) error { return onDir("syncdir", name, unix.O_DIRECTORY, unix.Fsync) }

// SyncAll implements host.FS.
func (FS) SyncAll(name string) error { return onDir("syncall", name, 0, unix.Syncfs) }

// StatFS implements host.FS.
func (FS) StatFS(name string) (host.StatFS, error) {
	var st unix.Statfs_t
	if err := retry(func() error { return unix.Statfs(name, &st) }); err != nil {
		return host.StatFS{}, wrap("statfs", name, err)
	}
	unit := uint64(st.Frsize)
	if unit == 0 {
		unit = uint64(st.Bsize)
	}
	return host.StatFS{
		Total: st.Blocks * unit, Free: st.Bfree * unit, Avail: st.Bavail * unit,
		Files: st.Files, FilesFree: st.Ffree,
	}, nil
}

// IsMount implements host.FS: the device differs from the parent's, or name is
// its own parent. A bind mount within one file system goes unseen, as it does
// for os.path.ismount.
func (FS) IsMount(name string) (bool, error) {
	var st, up unix.Stat_t
	if err := retry(func() error { return unix.Lstat(name, &st) }); err != nil {
		return false, wrap("ismount", name, err)
	}
	if st.Mode&unix.S_IFMT != unix.S_IFDIR {
		return false, nil
	}
	if err := retry(func() error { return unix.Lstat(filepath.Join(name, ".."), &up) }); err != nil {
		return false, wrap("ismount", name, err)
	}
	return st.Dev != up.Dev || st.Ino == up.Ino, nil
}
