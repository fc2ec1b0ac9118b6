//go:build linux

package real

import (
	"bytes"
	"encoding/binary"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"
)

// listBuffers hold what one getdents64 returns.
var listBuffers = sync.Pool{New: func() any { return new([8 << 10]byte) }}

// ReadDir implements host.FS. Servers list a small directory for each request,
// so it goes without the os.File that os.ReadDir makes.
func (FS) ReadDir(name string) ([]fs.DirEntry, error) {
	var list []fs.DirEntry
	err := onDir("readdir", name, unix.O_DIRECTORY, func(fd int) (err error) {
		list, err = readEntries(fd, name)
		return err
	})
	if err != nil {
		return list, err
	}
	slices.SortFunc(list, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return list, nil
}

func readEntries(fd int, dir string) (list []fs.DirEntry, err error) {
	buf := listBuffers.Get().(*[8 << 10]byte)
	defer listBuffers.Put(buf)
	for {
		n, err := unix.Getdents(fd, buf[:])
		if err == unix.EINTR {
			continue
		}
		if err != nil || n <= 0 {
			return list, err
		}
		if list, err = appendEntries(list, dir, buf[:n]); err != nil {
			return list, err
		}
	}
}

// Where the fields of struct linux_dirent64 are.
const (
	direntLength = unsafe.Offsetof(unix.Dirent{}.Reclen)
	direntType   = unsafe.Offsetof(unix.Dirent{}.Type)
	direntName   = unsafe.Offsetof(unix.Dirent{}.Name)
)

// appendEntries takes the entries out of what getdents64 returned.
func appendEntries(list []fs.DirEntry, dir string, b []byte) ([]fs.DirEntry, error) {
	for len(b) > 0 {
		if len(b) <= int(direntName) {
			return list, unix.EIO
		}
		length := int(binary.NativeEndian.Uint16(b[direntLength:]))
		if length <= int(direntName) || length > len(b) {
			return list, unix.EIO
		}
		kind := b[direntType]
		name, _, _ := bytes.Cut(b[direntName:length], []byte{0})
		b = b[length:]
		if s := string(name); s != "." && s != ".." {
			e := &entry{dir: dir, name: s}
			ok, err := e.setType(kind)
			if err != nil {
				return list, err
			}
			if ok {
				list = append(list, e)
			}
		}
	}
	return list, nil
}

// entry is one name in a directory.
type entry struct {
	dir, name string
	mode      fs.FileMode // type bits
}

var _ fs.DirEntry = (*entry)(nil)

func (e *entry) Name() string               { return e.name }
func (e *entry) IsDir() bool                { return e.mode.IsDir() }
func (e *entry) Type() fs.FileMode          { return e.mode }
func (e *entry) Info() (fs.FileInfo, error) { return os.Lstat(filepath.Join(e.dir, e.name)) }
func (e *entry) String() string             { return fs.FormatDirEntry(e) }

// setType translates d_type. A file system that does not tell it is asked; ok
// is false if the file is gone by then.
func (e *entry) setType(kind byte) (ok bool, err error) {
	switch kind {
	case unix.DT_REG:
	case unix.DT_DIR:
		e.mode = fs.ModeDir
	case unix.DT_LNK:
		e.mode = fs.ModeSymlink
	case unix.DT_BLK:
		e.mode = fs.ModeDevice
	case unix.DT_CHR:
		e.mode = fs.ModeDevice | fs.ModeCharDevice
	case unix.DT_FIFO:
		e.mode = fs.ModeNamedPipe
	case unix.DT_SOCK:
		e.mode = fs.ModeSocket
	default:
		info, err := e.Info()
		if os.IsNotExist(err) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		e.mode = info.Mode().Type()
	}
	return true, nil
}
