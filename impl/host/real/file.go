//go:build linux

package real

import (
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"apus/impl/host"
)

// File is an open file of the operating system. It does without os.File, which
// asks for the flags of each descriptor it gets and has it watched by the
// garbage collector: a server opens several files for each request. In return
// only Close releases it.
type File struct {
	d    descriptor
	name string // "" if it was created without one
	// appends is set if it was opened Append.
	appends bool

	// whole is the file as package os knows it, for what only that does.
	// From then on it owns the descriptor.
	whole struct {
		sync.Mutex
		f *os.File
	}
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
func (f *File) SyscallConn() (syscall.RawConn, error) {
	whole, release, err := f.osFile("control")
	if err != nil {
		return nil, err
	}
	defer release()
	return whole.SyscallConn()
}

// osFile is the file as package os knows it. It must not be used after release,
// unless for what it refuses itself once it is closed.
func (f *File) osFile(op string) (whole *os.File, release func(), err error) {
	fd, ok := f.d.acquire()
	if !ok {
		return nil, nil, wrap(op, f.name, fs.ErrClosed)
	}
	f.whole.Lock()
	defer f.whole.Unlock()
	if f.whole.f == nil {
		f.whole.f = os.NewFile(uintptr(fd), f.name)
	}
	return f.whole.f, f.release, nil
}

// Name implements host.File.
func (f *File) Name() string { return f.name }

// maxIO is how much is asked of one call; from 2 GiB on Linux cuts it off.
const maxIO = 1 << 30

func (f *File) Read(p []byte) (n int, err error) {
	err = f.do("read", func(fd int) (err error) {
		n, err = unix.Read(fd, p[:min(len(p), maxIO)])
		return err
	})
	return ended(n, len(p), err)
}

// ended translates what a system call that reads returned.
func ended(n, want int, err error) (int, error) {
	if err == nil && n == 0 && want > 0 {
		err = io.EOF
	}
	return max(n, 0), err
}

// ReadAt implements io.ReaderAt.
func (f *File) ReadAt(p []byte, off int64) (done int, err error) {
	if off < 0 {
		return 0, wrap("read", f.name, unix.EINVAL)
	}
	for done < len(p) && err == nil {
		n, want := 0, min(len(p)-done, maxIO)
		err = f.do("read", func(fd int) (err error) {
			n, err = unix.Pread(fd, p[done:done+want], off+int64(done))
			return err
		})
		n, err = ended(n, want, err)
		done += n
	}
	return done, err
}

func (f *File) Write(p []byte) (int, error) {
	return f.writeAll(p, unix.Write)
}

// WriteAt implements io.WriterAt. Of a file opened Append it is an error, for
// Linux would append.
func (f *File) WriteAt(p []byte, off int64) (int, error) {
	if off < 0 || f.appends {
		return 0, wrap("write", f.name, unix.EINVAL)
	}
	return f.writeAll(p, func(fd int, p []byte) (int, error) {
		n, err := unix.Pwrite(fd, p, off)
		off += int64(max(n, 0))
		return n, err
	})
}

func (f *File) writeAll(p []byte, write func(fd int, p []byte) (int, error)) (done int, err error) {
	for {
		n, want := 0, min(len(p)-done, maxIO)
		err = f.do("write", func(fd int) (err error) {
			n, err = write(fd, p[done:done+want])
			return err
		})
		done += max(n, 0)
		switch {
		case err != nil || done == len(p):
			return done, err
		case n == 0:
			return done, wrap("write", f.name, io.ErrUnexpectedEOF)
		}
	}
}

// Seek implements io.Seeker.
func (f *File) Seek(offset int64, whence int) (at int64, err error) {
	err = f.do("seek", func(fd int) (err error) {
		at, err = unix.Seek(fd, offset, whence)
		return err
	})
	return max(at, 0), err
}

// Close implements io.Closer. It does not wait for calls that are under way: the
// last of them gives the descriptor back, and what the system says is lost.
func (f *File) Close() error {
	last, ok := f.d.close()
	switch {
	case !ok:
		return wrap("close", f.name, fs.ErrClosed)
	case last:
		return wrap("close", f.name, f.shut())
	}
	return nil
}

// shut gives the descriptor back; nobody uses it any more.
func (f *File) shut() error {
	f.whole.Lock()
	defer f.whole.Unlock()
	if f.whole.f != nil {
		return f.whole.f.Close()
	}
	return unix.Close(f.d.fd) // on Linux it is closed whatever is returned
}

// Stat implements host.File.
func (f *File) Stat() (fs.FileInfo, error) {
	i := &info{name: filepath.Base(f.name)}
	if err := f.do("stat", func(fd int) error { return unix.Fstat(fd, &i.st) }); err != nil {
		return nil, err
	}
	return i, nil
}

// Truncate implements host.File.
func (f *File) Truncate(size int64) error {
	return f.do("truncate", func(fd int) error { return unix.Ftruncate(fd, size) })
}

// Sync implements host.File.
func (f *File) Sync() error { return f.do("sync", unix.Fsync) }

// StartWriteback implements host.Writeback. An error stays with the file for
// Sync to report.
func (f *File) StartWriteback(offset, length int64) {
	_ = f.do("sync_file_range", func(fd int) error {
		return unix.SyncFileRange(fd, offset, length, unix.SYNC_FILE_RANGE_WRITE)
	})
}

// do runs call on the descriptor, which cannot be closed meanwhile, until no
// signal interrupts it.
func (f *File) do(op string, call func(fd int) error) error {
	fd, ok := f.d.acquire()
	if !ok {
		return wrap(op, f.name, fs.ErrClosed)
	}
	defer f.release()
	return wrap(op, f.name, retry(func() error { return call(fd) }))
}

// release ends a use of the descriptor.
func (f *File) release() {
	if f.d.release() {
		_ = f.shut() // Close has returned
	}
}

// Preallocate implements host.File.
func (f *File) Preallocate(size int64) error {
	if size <= 0 {
		return nil
	}
	return f.do("preallocate", func(fd int) error {
		return unix.Fallocate(fd, unix.FALLOC_FL_KEEP_SIZE, 0, size)
	})
}

// DropCache implements host.File.
func (f *File) DropCache(offset, length int64) {
	_ = f.do("fadvise", func(fd int) error {
		return unix.Fadvise(fd, offset, length, unix.FADV_DONTNEED)
	})
}

// LinkTo implements host.File. The short way needs a privilege before Linux
// 6.10, the way through /proc needs /proc.
func (f *File) LinkTo(name string) error {
	return f.do("link", func(fd int) error {
		err := unix.Linkat(fd, "", unix.AT_FDCWD, name, unix.AT_EMPTY_PATH)
		if err == unix.ENOENT { // which also stands for a missing privilege
			err = unix.Linkat(unix.AT_FDCWD, "/proc/self/fd/"+strconv.Itoa(fd), unix.AT_FDCWD, name, unix.AT_SYMLINK_FOLLOW)
		}
		return err
	})
}
