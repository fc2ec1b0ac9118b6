//go:build linux

package real

import (
	"fmt"
	"sync"

	"golang.org/x/sys/unix"

	"apus/impl/groupcommit"
	"apus/impl/host"
)

// SharedFS is FS with one group of committers for each file system.
type SharedFS struct {
	FS
	volumes *volumes
}

var _ host.Committer = SharedFS{}

// volumes are the file systems that something was committed on.
type volumes struct {
	mu     sync.Mutex
	groups map[uint64]*groupcommit.Group // by st_dev
}

func (v *volumes) group(dev uint64) *groupcommit.Group {
	v.mu.Lock()
	defer v.mu.Unlock()
	g := v.groups[dev]
	if g == nil {
		if v.groups == nil {
			v.groups = map[uint64]*groupcommit.Group{}
		}
		g = new(groupcommit.Group)
		v.groups[dev] = g
	}
	return g
}

// Commit implements host.Committer.
func (f SharedFS) Commit(name string, alone func() error) error {
	const op = "commit"
	var st unix.Stat_t
	if err := retry(func() error { return unix.Stat(name, &st) }); err != nil {
		return wrap(op, name, err)
	}
	return f.volumes.group(st.Dev).Commit(alone, func() error {
		return onDir(op, name, 0, func(fd int) error { return syncVolume(fd, st.Dev) })
	})
}

// syncVolume syncs the file system that fd is on. Others rely on that: where
// something else was mounted there meanwhile it must not be taken for theirs.
func syncVolume(fd int, dev uint64) error {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return err
	}
	if st.Dev != dev {
		return fmt.Errorf("another file system was mounted: %w", unix.ESTALE)
	}
	return unix.Syncfs(fd)
}
