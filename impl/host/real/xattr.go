//go:build linux

package real

import (
	"sort"
	"strings"

	"golang.org/x/sys/unix"
)

// GetXattr implements host.File. The first try is made with a buffer that
// holds the metadata of most objects.
func (f *File) GetXattr(name string) ([]byte, error) {
	var value []byte
	err := f.control("getxattr", func(fd int) error {
		buf := make([]byte, 1024)
		for {
			n, err := unix.Fgetxattr(fd, name, buf)
			if err == unix.ERANGE {
				if n, err = unix.Fgetxattr(fd, name, nil); err == nil {
					buf = make([]byte, n)
					continue // it may have grown in between
				}
			}
			if err == nil {
				value = buf[:n:n]
			}
			return err
		}
	})
	return value, err
}

// SetXattr implements host.File.
func (f *File) SetXattr(name string, value []byte) error {
	return f.control("setxattr", func(fd int) error {
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
	return f.control("removexattr", func(fd int) error { return unix.Fremovexattr(fd, name) })
}

// ListXattr implements host.File. Names come sorted.
func (f *File) ListXattr() ([]string, error) {
	var names []string
	err := f.control("listxattr", func(fd int) error {
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
