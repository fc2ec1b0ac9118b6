package containers

import (
	"io/fs"
	"path/filepath"

	"apus/impl/host"
)

// below is a file system whose root is a directory of another: what a
// container will see at /.
type below struct {
	host.FS
	root string
}

func (b below) at(name string) string { return filepath.Join(b.root, name) }

func (b below) OpenFile(name string, flag int, perm fs.FileMode) (host.File, error) {
	return b.FS.OpenFile(b.at(name), flag, perm)
}

func (b below) CreateUnnamed(dir string, perm fs.FileMode) (host.File, error) {
	return nil, host.ErrUnsupported // it would be linked above the root
}

func (b below) MkdirAll(name string, perm fs.FileMode) error { return b.FS.MkdirAll(b.at(name), perm) }

func (b below) Rename(from, to string) error { return b.FS.Rename(b.at(from), b.at(to)) }

func (b below) Remove(name string) error { return b.FS.Remove(b.at(name)) }

func (b below) SyncDir(name string) error { return b.FS.SyncDir(b.at(name)) }

func (b below) Stat(name string) (fs.FileInfo, error) { return b.FS.Stat(b.at(name)) }
