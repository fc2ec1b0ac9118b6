package disk

import (
	"io/fs"
	"strings"
	"time"

	"apus/impl/host"
)

// maxName is the longest name of a directory entry.
const maxName = 255

// newInode makes a file that has no name yet.
func (d *Disk) newInode(mode fs.FileMode, now time.Time) *inode {
	d.lastID++
	d.files++
	return &inode{id: d.lastID, mode: mode, mtime: now}
}

// walk finds what rel names.
func (d *Disk) walk(rel string) (*inode, error) {
	at := d.root
	for rest := rel[1:]; rest != ""; {
		var name string
		name, rest, _ = strings.Cut(rest, "/")
		if at.dir == nil {
			return nil, host.ErrNotDir
		}
		if len(name) > maxName {
			return nil, errTooLong
		}
		if at = at.dir.entries[name]; at == nil {
			return nil, fs.ErrNotExist
		}
	}
	return at, nil
}

// walkDir finds the directory that rel names.
func (d *Disk) walkDir(rel string) (*inode, error) {
	ino, err := d.walk(rel)
	if err == nil && ino.dir == nil {
		err = host.ErrNotDir
	}
	return ino, err
}

// walkParent finds the directory that holds the last name of rel, and what is
// there, which may be nothing.
func (d *Disk) walkParent(rel string) (at *place, ino *inode, err error) {
	i := strings.LastIndexByte(rel, '/')
	name := rel[i+1:]
	if name == "" {
		return nil, d.root, errBusy // the root has no parent
	}
	if len(name) > maxName {
		return nil, nil, errTooLong
	}
	dir, err := d.walkDir(rel[:max(i, 1)])
	if err != nil {
		return nil, nil, err
	}
	if dir.nlink == 0 {
		return nil, nil, fs.ErrNotExist
	}
	return &place{dir, name}, dir.dir.entries[name], nil
}

// enter gives ino a name.
func (d *Disk) enter(at *place, ino *inode, now time.Time) {
	at.dir.dir.put(at.name, ino)
	at.dir.mtime = now
	ino.nlink++
	d.record(&change{to: at, ino: ino}, nil)
}

// create makes a file or directory at a free place.
func (d *Disk) create(at *place, mode fs.FileMode, now time.Time) (*inode, error) {
	if d.cfg.Inodes > 0 && d.files >= d.cfg.Inodes {
		return nil, host.ErrNoSpace
	}
	ino := d.newInode(mode, now)
	if mode.IsDir() {
		ino.dir = newDirectory(at.dir)
	}
	if at != nil {
		d.enter(at, ino, now)
	}
	return ino, nil
}

// remove takes a name away.
func (d *Disk) remove(at *place, ino *inode, now time.Time) error {
	var gone *inode
	if ino.dir != nil {
		if len(ino.dir.entries) > 0 {
			return host.ErrNotEmpty
		}
		gone = ino
	}
	at.dir.dir.drop(at.name)
	at.dir.mtime = now
	d.record(&change{from: at}, gone)
	ino.nlink--
	d.release(ino)
	return nil
}

// rename moves what is at from, replacing what is at to.
func (d *Disk) rename(from, to *place, ino, old *inode, now time.Time) error {
	if ino == old {
		return nil // two names of one file: POSIX wants nothing to happen
	}
	if ino.dir != nil {
		for up := to.dir; ; up = up.dir.parent {
			if up == ino {
				return fs.ErrInvalid
			}
			if up == up.dir.parent {
				break
			}
		}
	}
	var gone *inode
	if old != nil {
		switch {
		case ino.dir != nil && old.dir == nil:
			return host.ErrNotDir
		case ino.dir == nil && old.dir != nil:
			return host.ErrIsDir
		case old.dir != nil && len(old.dir.entries) > 0:
			return host.ErrNotEmpty
		}
		if old.dir != nil {
			gone = old
		}
	}
	from.dir.dir.drop(from.name)
	to.dir.dir.put(to.name, ino)
	from.dir.mtime, to.dir.mtime = now, now
	if ino.dir != nil {
		ino.dir.parent = to.dir
	}
	d.record(&change{from: from, to: to, ino: ino}, gone)
	if old != nil {
		old.nlink--
		d.release(old)
	}
	return nil
}

// release frees the space of a file that nothing leads to any more. Its
// content stays as long as a power cut could bring a name back.
func (d *Disk) release(ino *inode) {
	if ino.nlink > 0 || ino.opens > 0 {
		return
	}
	d.used -= ino.charged * pageSize
	ino.charged = 0
	d.files--
	delete(d.dirty, ino)
}

// charge accounts for n bytes at off and returns how many of them fit.
func (d *Disk) charge(ino *inode, off, n int64) int64 {
	if n <= 0 {
		return 0
	}
	for i := off / pageSize; i <= (off+n-1)/pageSize; i++ {
		if i < ino.reserved || ino.vol.page(i) != nil {
			continue
		}
		if d.cfg.Size > 0 && d.used+pageSize > d.cfg.Size {
			return max(0, i*pageSize-off)
		}
		d.used += pageSize
		ino.charged++
	}
	return n
}

// reserve accounts for the first size bytes, all or nothing.
func (d *Disk) reserve(ino *inode, size int64) error {
	want := pagesOf(size)
	var more int64
	for i := ino.reserved; i < want; i++ {
		if ino.vol.page(i) == nil {
			more++
		}
	}
	if d.cfg.Size > 0 && d.used+more*pageSize > d.cfg.Size {
		return host.ErrNoSpace
	}
	d.used += more * pageSize
	ino.charged += more
	ino.reserved = max(ino.reserved, want)
	return nil
}

// resize truncates or extends a file.
func (d *Disk) resize(ino *inode, size int64) {
	keep := pagesOf(size)
	for i := keep; i < max(int64(len(ino.vol.pages)), ino.reserved); i++ {
		if i < ino.reserved || ino.vol.page(i) != nil {
			d.used -= pageSize
			ino.charged--
		}
	}
	ino.reserved = min(ino.reserved, keep)
	d.soil(ino, size/pageSize, max(keep, int64(len(ino.vol.pages))))
	ino.vol.truncate(size)
}

// soil notes that pages lo up to hi of a file are being changed.
func (d *Disk) soil(ino *inode, lo, hi int64) {
	ino.markDirty(lo, hi)
	ino.touched = d.age()
	d.dirty[ino] = struct{}{}
}

// statFS describes the file system.
func (d *Disk) statFS() host.StatFS {
	total, inodes := uint64(d.cfg.Size), uint64(d.cfg.Inodes)
	if total == 0 {
		total = 1 << 40
	}
	if inodes == 0 {
		inodes = 1 << 32
	}
	free := total - min(total, uint64(d.used))
	return host.StatFS{Total: total, Free: free, Avail: free, Files: inodes, FilesFree: inodes - min(inodes, uint64(d.files))}
}
