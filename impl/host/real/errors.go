//go:build linux

package real

import (
	"errors"
	"io"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"

	"apus/impl/host"
)

// kinds maps error numbers to what callers test for. Numbers that are absent
// are passed on; io/fs recognises those of its own errors.
var kinds = map[unix.Errno]error{
	unix.ENOSPC:     host.ErrNoSpace,
	unix.EDQUOT:     host.ErrNoSpace,
	unix.EIO:        host.ErrIO,
	unix.EROFS:      host.ErrReadOnly,
	unix.ENOTDIR:    host.ErrNotDir,
	unix.EISDIR:     host.ErrIsDir,
	unix.ENOTEMPTY:  host.ErrNotEmpty,
	unix.EUCLEAN:    host.ErrCorrupt,
	unix.ENODATA:    host.ErrNoXattr,
	unix.E2BIG:      host.ErrXattrSize,
	unix.ERANGE:     host.ErrXattrSize,
	unix.EAGAIN:     host.ErrWouldBlock,
	unix.EOPNOTSUPP: host.ErrUnsupported,
	unix.ENOSYS:     host.ErrUnsupported,
	unix.EXDEV:      host.ErrCrossDevice,
	// The descriptor is known to be open, so this says that it was not
	// opened for what was asked of it.
	unix.EBADF: fs.ErrPermission,
}

// wrap returns err as *fs.PathError around one of the errors of package host
// where one applies. It leaves nil and io.EOF alone.
func wrap(op, name string, err error) error {
	if err == nil || errors.Is(err, io.EOF) {
		return err
	}
	var errno unix.Errno
	if errors.As(err, &errno) {
		if kind, ok := kinds[errno]; ok {
			return &fs.PathError{Op: op, Path: name, Err: kind}
		}
		return &fs.PathError{Op: op, Path: name, Err: errno}
	}
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return &fs.PathError{Op: op, Path: name, Err: pe.Err}
	}
	var se *os.SyscallError
	if errors.As(err, &se) {
		return &fs.PathError{Op: op, Path: name, Err: se.Err}
	}
	return &fs.PathError{Op: op, Path: name, Err: err}
}

// retry repeats a system call that a signal interrupted.
func retry(call func() error) error {
	for {
		if err := call(); err != unix.EINTR {
			return err
		}
	}
}
