//go:build linux

package real

import (
	"sort"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// xattrBuffers hold the metadata of most objects.
var xattrBuffers = sync.Pool{New: func() any { return new([4 << 10]byte) }}

// GetXattr implements host.File.
func (f *File) GetXattr(name string) ([]byte, error) {
	var value []byte
	err := f.do("getxattr", func(fd int) error {
		pooled := xattrBuffers.Get().(*[4 << 10]byte)
		defer xattrBuffers.Put(pooled)
		buf := pooled[:]
		for {
			n, err := unix.Fgetxattr(fd, name, buf)
			if err == unix.ERANGE {
				if n, err = unix.Fgetxattr(fd, name, nil); err == nil {
					buf = make([]byte, n)
					continue // it may have grown in between
				}
			}
			if err == nil {
				value = append(make([]byte, 0, n), buf[:n]...)
			}
			return err
		}
	})
	return value, err
}

// SetXattr implements host.File.
func (f *File) SetXattr(name string, value []byte) error {
	return f.do("setxattr", func(fd int) error {
		err := unix.Fsetxattr(fd, name, value, 0)
		if err == unix.ENOSPC {
			// A full inode and a full device say the same; the caller's
			// answer, fewer attributes, fits both.
			err = unix.ERANGE
		}
		return err
	})
}

// RemoveXattr implements host.File.
func (f *File) RemoveXattr(name string) error {
	return f.do("removexattr", func(fd int) error { return unix.Fremovexattr(fd, name) })
}

// ListXattr implements host.File. Names come sorted.
func (f *File) ListXattr() ([]string, error) {
	var names []string
	err := f.do("listxattr", func(fd int) error {
		for {
			size, err := unix.Flistxattr(fd, nil)
			if err != nil || size == 0 {
				return err
			}
			buf := make([]byte, size)
			n, err := unix.Flistxattr(fd, buf)
			if err == unix.ERANGE {
				continue // it has grown in between
			}
			if err != nil {
				return err
			}
			names = strings.Split(strings.TrimSuffix(string(buf[:n]), "\x00"), "\x00")
			return nil
		}
	})
	sort.Strings(names)
	return names, err
}
