//go:build linux

package real

import (
	"io"
	"io/fs"
	"os"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"

	"apus/impl/host"
)

// File is an open file of the operating system.
type File struct {
	f    *os.File
	name string // "" if it was created without one
}

var (
	_ host.File        = (*File)(nil)
	_ host.RangeWriter = (*File)(nil)
	_ host.Writeback   = (*File)(nil)
	_ io.WriterTo      = (*File)(nil)
	_ io.ReaderFrom    = (*File)(nil)
	_ syscall.Conn     = (*File)(nil)
)

// SyscallConn lets a connection recognise a file behind an io.LimitedReader,
// so that it can use sendfile.
func (f *File) SyscallConn() (syscall.RawConn, error) { return f.f.SyscallConn() }

// Name implements host.File.
func (f *File) Name() string { return f.name }

func (f *File) Read(p []byte) (int, error) {
	n, err := f.f.Read(p)
	return n, wrap("read", f.name, err)
}

// ReadAt implements io.ReaderAt.
func (f *File) ReadAt(p []byte, off int64) (int, error) {
	n, err := f.f.ReadAt(p, off)
	return n, wrap("read", f.name, err)
}

func (f *File) Write(p []byte) (int, error) {
	n, err := f.f.Write(p)
	return n, wrap("write", f.name, err)
}

// WriteAt implements io.WriterAt.
func (f *File) WriteAt(p []byte, off int64) (int, error) {
	n, err := f.f.WriteAt(p, off)
	return n, wrap("write", f.name, err)
}

// Seek implements io.Seeker.
func (f *File) Seek(offset int64, whence int) (int64, error) {
	n, err := f.f.Seek(offset, whence)
	return n, wrap("seek", f.name, err)
}

// Close implements io.Closer.
func (f *File) Close() error { return wrap("close", f.name, f.f.Close()) }

// Stat implements host.File.
func (f *File) Stat() (fs.FileInfo, error) {
	info, err := f.f.Stat()
	if err != nil {
		return nil, wrap("stat", f.name, err)
	}
	return info, nil
}

// Truncate implements host.File.
func (f *File) Truncate(size int64) error { return wrap("truncate", f.name, f.f.Truncate(size)) }

// Sync implements host.File.
func (f *File) Sync() error { return wrap("sync", f.name, f.f.Sync()) }

// StartWriteback implements host.Writeback. An error stays with the file for
// Sync to report.
func (f *File) StartWriteback(offset, length int64) {
	_ = f.control("sync_file_range", func(fd int) error {
		return unix.SyncFileRange(fd, offset, length, unix.SYNC_FILE_RANGE_WRITE)
	})
}

// control runs call on the descriptor, which cannot be closed meanwhile.
func (f *File) control(op string, call func(fd int) error) error {
	rc, err := f.f.SyscallConn()
	if err != nil {
		return wrap(op, f.name, err)
	}
	var cerr error
	if err := rc.Control(func(fd uintptr) { cerr = retry(func() error { return call(int(fd)) }) }); err != nil {
		return wrap(op, f.name, fs.ErrClosed)
	}
	return wrap(op, f.name, cerr)
}

// Preallocate implements host.File.
func (f *File) Preallocate(size int64) error {
	if size <= 0 {
		return nil
	}
	return f.control("preallocate", func(fd int) error {
		return unix.Fallocate(fd, unix.FALLOC_FL_KEEP_SIZE, 0, size)
	})
}

// DropCache implements host.File.
func (f *File) DropCache(offset, length int64) {
	_ = f.control("fadvise", func(fd int) error {
		return unix.Fadvise(fd, offset, length, unix.FADV_DONTNEED)
	})
}

// LinkTo implements host.File. The way through /proc needs no privilege; the
// other one works where /proc is not mounted.
func (f *File) LinkTo(name string) error {
	return f.control("link", func(fd int) error {
		err := unix.Linkat(unix.AT_FDCWD, "/proc/self/fd/"+strconv.Itoa(fd), unix.AT_FDCWD, name, unix.AT_SYMLINK_FOLLOW)
		if err == unix.ENOENT {
			err = unix.Linkat(fd, "", unix.AT_FDCWD, name, unix.AT_EMPTY_PATH)
		}
		return err
	})
}
