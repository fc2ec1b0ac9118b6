package disk

import (
	"io/fs"
	"sort"
	"time"
)

// xattrs is an immutable set of extended attributes; changing it makes another.
type xattrs map[string]string

func (x xattrs) with(name, value string) xattrs {
	out := make(xattrs, len(x)+1)
	for k, v := range x {
		out[k] = v
	}
	out[name] = value
	return out
}

func (x xattrs) without(name string) xattrs {
	out := make(xattrs, len(x))
	for k, v := range x {
		if k != name {
			out[k] = v
		}
	}
	return out
}

func (x xattrs) size() int {
	n := 0
	for k, v := range x {
		n += len(k) + len(v)
	}
	return n
}

// inode is a file or a directory, in both images.
type inode struct {
	id    uint64
	dir   *directory // nil for a file
	mode  fs.FileMode
	mtime time.Time
	nlink int // names in the volatile image
	opens int

	vol, dur   content
	dirtyLo    int64 // pages that may differ between the images
	dirtyHi    int64
	xvol, xdur xattrs
	xpast      []xattrs // between xdur and xvol, the ages of it that a crash may leave
	touched    time.Duration
	reserved   int64 // pages charged from the start by Preallocate
	charged    int64 // pages
	locks      lockTable
}

// directory holds the entries of a directory, in both images.
type directory struct {
	parent  *inode // volatile; the root's parent is itself
	entries map[string]*inode
	sorted  []string // names of entries, nil when stale
	durable map[string]*inode
	pending []*change          // transactions that touch this directory, oldest first
	last    map[string]*change // the latest pending one of each name
	named   *change            // the one that gave it its present name
}

func newDirectory(parent *inode) *directory {
	return &directory{
		parent:  parent,
		entries: map[string]*inode{},
		durable: map[string]*inode{},
		last:    map[string]*change{},
	}
}

func (dir *directory) put(name string, ino *inode) {
	if dir.entries[name] == nil {
		dir.sorted = nil
	}
	dir.entries[name] = ino
}

func (dir *directory) drop(name string) {
	delete(dir.entries, name)
	dir.sorted = nil
}

// names lists the entries in order. The slice must not be changed.
func (dir *directory) names() []string {
	if dir.sorted == nil {
		dir.sorted = sortedNames(dir.entries)
	}
	return dir.sorted
}

func sortedNames(entries map[string]*inode) []string {
	out := make([]string, 0, len(entries))
	for name := range entries {
		out = append(out, name)
	}
	sort.Strings(out)
	return out
}

// markDirty notes that pages lo up to hi may differ from the durable image.
func (ino *inode) markDirty(lo, hi int64) {
	if ino.dirtyLo == ino.dirtyHi {
		ino.dirtyLo, ino.dirtyHi = lo, hi
		return
	}
	ino.dirtyLo, ino.dirtyHi = min(ino.dirtyLo, lo), max(ino.dirtyHi, hi)
}

// flush makes content and attributes durable.
func (ino *inode) flush() {
	ino.vol.syncTo(&ino.dur, ino.dirtyLo, ino.dirtyHi)
	ino.dirtyLo, ino.dirtyHi = 0, 0
	ino.xdur, ino.xpast = ino.xvol, nil
}

// lose is what a failed sync does: pages stay readable, count as written, and
// never reach the medium.
func (ino *inode) lose() {
	for i := ino.dirtyLo; i < min(ino.dirtyHi, int64(len(ino.vol.pages))); i++ {
		if pg := ino.vol.pages[i]; pg != nil && !pg.frozen {
			pg.lost = true
		}
	}
}

// evict drops clean pages from the cache. It shows what lost pages hide.
func (ino *inode) evict(lo, hi int64) {
	for i := lo; i < min(hi, int64(len(ino.vol.pages))); i++ {
		if pg := ino.vol.pages[i]; pg != nil && pg.lost {
			ino.vol.pages[i] = ino.dur.page(i)
		}
	}
}

// isDirty reports whether a power cut may change the file.
func (ino *inode) isDirty() bool {
	return ino.dirtyLo != ino.dirtyHi || ino.vol.size != ino.dur.size || len(ino.xpast) > 0
}
