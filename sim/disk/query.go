package disk

import (
	"errors"
	"io/fs"
	"path"
	"time"

	"apus/impl/host"
)

func isNotExist(err error) bool { return errors.Is(err, fs.ErrNotExist) }
func isExist(err error) bool    { return errors.Is(err, fs.ErrExist) }

// info is a file's description at one moment.
type info struct {
	name  string
	size  int64
	mode  fs.FileMode
	mtime time.Time
}

func (i info) Name() string               { return i.name }
func (i info) Size() int64                { return i.size }
func (i info) Mode() fs.FileMode          { return i.mode }
func (i info) ModTime() time.Time         { return i.mtime }
func (i info) IsDir() bool                { return i.mode.IsDir() }
func (i info) Sys() any                   { return nil }
func (i info) Type() fs.FileMode          { return i.mode.Type() }
func (i info) Info() (fs.FileInfo, error) { return i, nil }
func (i info) String() string             { return fs.FormatFileInfo(i) }

func (ino *inode) info(name string) info {
	i := info{name: name, size: ino.vol.size, mode: ino.mode, mtime: ino.mtime}
	if ino.dir != nil {
		i.size = pageSize
	}
	return i
}

// entry is a directory entry. Its Info asks again, as the system does.
type entry struct {
	p    *Process
	dir  string
	name string
	mode fs.FileMode
}

func (e entry) Name() string               { return e.name }
func (e entry) IsDir() bool                { return e.mode.IsDir() }
func (e entry) Type() fs.FileMode          { return e.mode.Type() }
func (e entry) Info() (fs.FileInfo, error) { return e.p.Stat(path.Join(e.dir, e.name)) }
func (e entry) String() string             { return fs.FormatDirEntry(e) }

// ReadDir implements host.FS.
func (p *Process) ReadDir(name string) ([]fs.DirEntry, error) {
	c, _, err := p.begin(OpReadDir, "readdir", name)
	if err != nil {
		return nil, err
	}
	d := c.mt.d
	defer d.mu.Unlock()
	ino, err := d.walkDir(c.rel)
	if err != nil {
		return nil, c.fail(err)
	}
	names := ino.dir.names()
	out := make([]fs.DirEntry, 0, len(names))
	for _, n := range names {
		out = append(out, entry{p: p, dir: name, name: n, mode: ino.dir.entries[n].mode})
	}
	return out, nil
}

// Stat implements host.FS.
func (p *Process) Stat(name string) (fs.FileInfo, error) {
	c, _, err := p.begin(OpStat, "stat", name)
	if err != nil {
		return nil, err
	}
	d := c.mt.d
	defer d.mu.Unlock()
	ino, err := d.walk(c.rel)
	if err != nil {
		return nil, c.fail(err)
	}
	return ino.info(path.Base(name)), nil
}

// SyncDir implements host.FS. After an error the names are still pending.
func (p *Process) SyncDir(name string) error {
	c, v, err := p.begin(OpSyncDir, "syncdir", name)
	if err != nil {
		return err
	}
	d := c.mt.d
	defer d.mu.Unlock()
	ino, err := d.walkDir(c.rel)
	if err != nil {
		return c.fail(err)
	}
	d.stats.Syncs++
	if v.err != nil || v.lie {
		return c.fail(v.err)
	}
	d.commitDir(ino)
	return nil
}

// SyncAll implements host.FS. After an error the content that was at risk is
// lost, as after a failed File.Sync; names stay pending.
func (p *Process) SyncAll(name string) error {
	c, v, err := p.begin(OpSyncAll, "syncall", name)
	if err != nil {
		return err
	}
	d := c.mt.d
	defer d.mu.Unlock()
	if _, err := d.walk(c.rel); err != nil {
		return c.fail(err)
	}
	d.stats.Syncs++
	if v.err != nil {
		for ino := range d.dirty {
			ino.lose()
		}
		return c.fail(v.err)
	}
	if !v.lie {
		for ino := range d.dirty {
			ino.flush()
		}
		clear(d.dirty)
		d.commitAll()
	}
	return nil
}

// StatFS implements host.FS.
func (p *Process) StatFS(name string) (host.StatFS, error) {
	c, _, err := p.begin(OpStatFS, "statfs", name)
	if err != nil {
		return host.StatFS{}, err
	}
	d := c.mt.d
	defer d.mu.Unlock()
	if _, err := d.walk(c.rel); err != nil {
		return host.StatFS{}, c.fail(err)
	}
	return d.statFS(), nil
}

// IsMount implements host.FS.
func (p *Process) IsMount(name string) (bool, error) {
	c, _, err := p.begin(OpStat, "ismount", name)
	if err != nil {
		return false, err
	}
	d := c.mt.d
	defer d.mu.Unlock()
	ino, err := d.walk(c.rel)
	if err != nil {
		return false, c.fail(err)
	}
	return ino == d.root, nil
}
