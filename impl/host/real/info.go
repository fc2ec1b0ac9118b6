//go:build linux

package real

import (
	"io/fs"
	"time"

	"golang.org/x/sys/unix"
)

// info describes an open file.
type info struct {
	name string
	st   unix.Stat_t
}

var _ fs.FileInfo = (*info)(nil)

func (i *info) Name() string       { return i.name }
func (i *info) Size() int64        { return i.st.Size }
func (i *info) IsDir() bool        { return i.Mode().IsDir() }
func (i *info) ModTime() time.Time { return time.Unix(i.st.Mtim.Unix()) }

// Sys is the *unix.Stat_t.
func (i *info) Sys() any { return &i.st }

// types are what S_IFMT says.
var types = map[uint32]fs.FileMode{
	unix.S_IFDIR:  fs.ModeDir,
	unix.S_IFLNK:  fs.ModeSymlink,
	unix.S_IFBLK:  fs.ModeDevice,
	unix.S_IFCHR:  fs.ModeDevice | fs.ModeCharDevice,
	unix.S_IFIFO:  fs.ModeNamedPipe,
	unix.S_IFSOCK: fs.ModeSocket,
}

func (i *info) Mode() fs.FileMode {
	mode := fs.FileMode(i.st.Mode&0o777) | types[i.st.Mode&unix.S_IFMT]
	for _, bit := range [...]struct {
		theirs uint32
		ours   fs.FileMode
	}{{unix.S_ISUID, fs.ModeSetuid}, {unix.S_ISGID, fs.ModeSetgid}, {unix.S_ISVTX, fs.ModeSticky}} {
		if i.st.Mode&bit.theirs != 0 {
			mode |= bit.ours
		}
	}
	return mode
}
