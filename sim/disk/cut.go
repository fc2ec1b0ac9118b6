package disk

import (
	"io/fs"
	"math/rand/v2"
	"slices"

	"apus/impl/host"
)

// PowerCut returns the disk as it is found after a power cut, with the same
// name, fault rules and configuration. The old disk is dead: calls on it fail
// with ErrDead. It can be cut again, which shows another of the outcomes that
// RandomSubset may have.
func (d *Disk) PowerCut(mode CutMode) *Disk {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.powerOff()
	return d.found(mode, d.faults)
}

// Glimpse returns the disk as it would be found after a power cut now, without
// fault rules, while the disk itself goes on.
func (d *Disk) Glimpse(mode CutMode) *Disk {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.found(mode, newFaultSet(d.seed))
}

// found makes the disk that a power cut leaves.
func (d *Disk) found(mode CutMode, faults *faultSet) *Disk {
	d.commitAged()
	d.cuts++
	after := newDisk(d.name, [2]uint64{mix(d.seed[0]), mix(d.seed[1] + d.cuts)}, d.cfg, faults)
	after.born = d.born
	after.lastID = d.lastID
	c := &cut{
		old: d, after: after, mode: mode,
		rng:     stream(after.seed, "cut"),
		entries: map[*inode]map[string]*inode{},
		copied:  map[*inode]*inode{},
	}
	c.choose()
	c.copyDir(d.root, after.root)
	return after
}

// cut is a power cut at work.
type cut struct {
	old, after *Disk
	mode       CutMode
	rng        *rand.Rand
	entries    map[*inode]map[string]*inode // of directories that chosen changes touch
	copied     map[*inode]*inode            // old to new
}

// choose decides which pending name transactions survive, and applies them to
// copies of the durable entries.
func (c *cut) choose() {
	if c.mode == DropUnsynced {
		return
	}
	chance, prefix := 1.0, len(c.old.log)
	if c.mode == RandomSubset {
		switch c.rng.IntN(4) {
		case 0: // the journal of most file systems: a prefix of history
			prefix = c.rng.IntN(len(c.old.log) + 1)
		case 1:
			chance = 0.15
		case 2:
			chance = 0.5
		case 3:
			chance = 0.85
		}
	}
	for i, ch := range c.old.log {
		if ch.done {
			continue
		}
		ch.keep = i < prefix && (chance == 1 || c.rng.Float64() < chance)
		for _, dep := range ch.deps {
			ch.keep = ch.keep && (dep.done || dep.keep)
		}
		if ch.keep {
			c.apply(ch)
		}
	}
}

func (c *cut) apply(ch *change) {
	if p := ch.from; p != nil {
		delete(c.of(p.dir), p.name)
	}
	if p := ch.to; p != nil {
		c.of(p.dir)[p.name] = ch.ino
	}
}

// of returns the entries of a directory after the cut, ready to be changed.
func (c *cut) of(dir *inode) map[string]*inode {
	m := c.entries[dir]
	if m == nil {
		m = make(map[string]*inode, len(dir.dir.durable)+1)
		for name, ino := range dir.dir.durable {
			m[name] = ino
		}
		c.entries[dir] = m
	}
	return m
}

// copyDir fills a directory of the new disk, in the order of names.
func (c *cut) copyDir(from, to *inode) {
	to.id, to.mode, to.mtime = from.id, from.mode, from.mtime
	entries := from.dir.durable
	if changed := c.entries[from]; changed != nil {
		entries = changed
	}
	for _, name := range sortedNames(entries) {
		ino := c.copy(entries[name], to)
		ino.nlink++
		to.dir.entries[name] = ino
		to.dir.durable[name] = ino
	}
}

// copy returns the new inode for an old one.
func (c *cut) copy(from, parent *inode) *inode {
	if ino := c.copied[from]; ino != nil {
		if ino.dir != nil {
			panic("disk: directory with two names after a power cut")
		}
		return ino
	}
	c.after.files++
	ino := &inode{id: from.id, mode: from.mode, mtime: from.mtime}
	c.copied[from] = ino
	if from.dir != nil {
		ino.dir = newDirectory(parent)
		c.copyDir(from, ino)
		return ino
	}
	c.fill(from, ino)
	return ino
}

// fill gives a file its content after the cut.
func (c *cut) fill(from, ino *inode) {
	mode := c.mode
	if wb := c.old.cfg.Writeback; wb > 0 && from.touched <= c.old.age()-wb {
		mode = KeepAll
	}
	ino.xdur = from.xdur
	switch {
	case !from.isDirty() && !hasLost(from) || mode == DropUnsynced:
		ino.dur = from.dur.share()
	case mode == KeepAll:
		ino.dur = c.intact(from)
		ino.xdur = from.xvol
	default:
		c.fillRandomly(from, ino)
	}
	ino.vol = ino.dur.share()
	ino.xvol = ino.xdur
	for _, pg := range ino.vol.pages {
		if pg != nil {
			ino.charged++
		}
	}
	c.after.used += ino.charged * pageSize
}

func hasLost(ino *inode) bool {
	return slices.ContainsFunc(ino.vol.pages, func(pg *page) bool { return pg != nil && pg.lost })
}

// intact is the volatile content, but for pages that a failed sync has lost.
func (c *cut) intact(from *inode) content {
	out := from.vol.share()
	for i, pg := range out.pages {
		if pg != nil && pg.lost {
			out.pages[i] = from.dur.page(int64(i))
		}
	}
	return out
}

// fillRandomly keeps all, nothing or a mixture of what was not synced.
func (c *cut) fillRandomly(from, ino *inode) {
	if n := len(from.xpast); n > 0 {
		if i := c.rng.IntN(n + 1); i < n {
			ino.xdur = from.xpast[i]
		}
	}
	switch c.rng.IntN(4) {
	case 0:
		ino.dur = from.dur.share()
	case 1:
		ino.dur = c.intact(from)
	default:
		ino.dur = c.tear(from)
	}
}

// tear mixes old, new and garbage sectors, and old, new or partial size.
func (c *cut) tear(from *inode) content {
	out := from.dur.share()
	size := c.tornSize(from.dur.size, from.vol.size)
	pages := max(len(from.dur.pages), len(from.vol.pages))
	for i := range int64(pages) {
		if older, newer := from.dur.page(i), from.vol.page(i); older != newer {
			pg := c.tearPage(older, newer)
			if i < int64(len(out.pages)) {
				out.pages[i] = pg
			} else if pg != nil {
				b := out.writable(i, 0, len(pg.b))
				copy(b.b, pg.b)
			}
		}
	}
	out.size = max(size, int64(len(out.pages))*pageSize)
	out.truncate(size)
	return out.share()
}

// tornSize draws a size: old, new or, of a file that grew, a sector in between.
func (c *cut) tornSize(older, newer int64) int64 {
	switch c.rng.IntN(3) {
	case 0:
		return older
	case 1:
		return newer
	}
	sector := int64(c.old.cfg.Sector)
	if first, last := older/sector+1, (newer-1)/sector; newer > older && first <= last {
		return (first + c.rng.Int64N(last-first+1)) * sector
	}
	return newer
}

// tearPage draws each sector of a page. Garbage stays within what was written
// since the last sync.
func (c *cut) tearPage(older, newer *page) *page {
	b := make([]byte, pageSize)
	if older != nil {
		copy(b, older.b)
	}
	sector := c.old.cfg.Sector
	for at := 0; at < pageSize; at += sector {
		part := b[at : at+sector]
		switch draw := c.rng.IntN(20); {
		case draw < 9: // old
		case draw < 18:
			clear(part)
			if newer != nil && at < len(newer.b) {
				copy(part, newer.b[at:])
			}
		case newer != nil:
			lo, hi := max(newer.lo, at), min(newer.hi, at+sector)
			for i := lo; i < hi; i++ {
				b[i] = byte(c.rng.Uint32())
			}
		}
	}
	return &page{b: b}
}

// Corrupt flips a bit of the stored content of the file called name within the
// disk, in both images. It lasts until the place is written again.
func (d *Disk) Corrupt(name string, offset int64) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	ino, err := d.walk(name)
	if err == nil && ino.dir != nil {
		err = host.ErrIsDir
	}
	if err == nil && (offset < 0 || offset >= ino.vol.size) {
		err = fs.ErrInvalid
	}
	if err != nil {
		return &fs.PathError{Op: "corrupt", Path: name, Err: err}
	}
	i, o := offset/pageSize, int(offset%pageSize)
	was := ino.vol.page(i)
	bad := &page{lo: o, hi: o + 1}
	if was != nil {
		*bad = *was
		bad.b = slices.Clone(was.b)
	}
	bad.grow(max(len(bad.b), o+1))
	bad.b[o] ^= 1
	for _, image := range [...]*content{&ino.vol, &ino.dur} {
		if image.page(i) == was && i < int64(len(image.pages)) {
			image.pages[i] = bad
			bad.frozen = true
		}
	}
	return nil
}
