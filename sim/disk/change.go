package disk

import "time"

// change is a transaction on names that is not durable yet. With both from and
// to it is a rename.
type change struct {
	from, to *place
	ino      *inode // what is entered or moved; nil for a removal
	deps     []*change
	depth    int  // pending transactions of the same name before this one
	done     bool // committed, or cancelled by its opposite
	keep     bool // scratch of PowerCut
	at       time.Duration
}

// place is a name in a directory.
type place struct {
	dir  *inode
	name string
}

// cancelDepth is how many pending transactions of one name are kept apart.
// Deeper ones that undo each other are forgotten, so that a file which is
// created and removed for ever needs no memory.
const cancelDepth = 4

func (c *change) places() []*place {
	out := make([]*place, 0, 2)
	if c.from != nil {
		out = append(out, c.from)
	}
	if c.to != nil {
		out = append(out, c.to)
	}
	return out
}

// record appends a transaction to the log. gone is a directory that it makes
// unreachable: everything that emptied it has to come first, lest what was
// moved out be lost with it.
func (d *Disk) record(c *change, gone *inode) {
	if c.to == nil && gone == nil && d.cancel(c.from) {
		return
	}
	c.at = d.age()
	places := c.places()
	for _, p := range places {
		if prev := p.dir.dir.last[p.name]; prev != nil {
			c.deps = append(c.deps, prev)
			c.depth = max(c.depth, prev.depth+1)
		}
	}
	if gone != nil {
		gone.dir.pending = undone(gone.dir.pending)
		c.deps = append(c.deps, gone.dir.pending...)
	}
	if c.from != nil && c.to != nil {
		d.orderMove(c)
	}
	if c.to != nil && c.ino.dir != nil {
		c.ino.dir.named = c
	}
	for _, p := range places {
		dir := p.dir.dir
		dir.last[p.name] = c
		if n := len(dir.pending); n > 0 && dir.pending[n-1] == c {
			continue // both places are in one directory
		}
		if len(dir.pending) == cap(dir.pending) {
			dir.pending = undone(dir.pending)
		}
		dir.pending = append(dir.pending, c)
	}
	d.log = append(d.log, c)
	d.undone++
	if limit := d.cfg.MaxPending; d.undone > limit {
		d.commitOldest(d.undone - limit/2)
	}
	d.trim()
}

// orderMove adds the dependencies of a rename. The directory that it leads to
// has to be there first, lest what is moved be lost from both ends, and
// reordered moves of directories could make a circle.
func (d *Disk) orderMove(c *change) {
	for up := c.to.dir; up != d.root; up = up.dir.parent {
		if named := up.dir.named; named != nil && !named.done {
			c.deps = append(c.deps, named)
		}
	}
	if c.ino.dir == nil {
		return
	}
	if d.lastDirMove != nil && !d.lastDirMove.done {
		c.deps = append(c.deps, d.lastDirMove)
	}
	d.lastDirMove = c
}

// cancel forgets the creation of the name at p if it is pending on top of
// enough others, and reports whether it did.
func (d *Disk) cancel(p *place) bool {
	prev := p.dir.dir.last[p.name]
	if prev == nil || prev.from != nil || prev.depth < cancelDepth {
		return false
	}
	prev.done = true
	d.undone--
	if before := prev.deps[0]; before.done {
		delete(p.dir.dir.last, p.name)
	} else {
		p.dir.dir.last[p.name] = before
	}
	prev.deps = nil
	return true
}

// commit makes a transaction durable, after those that it depends on.
func (d *Disk) commit(c *change) {
	if c.done {
		return
	}
	c.done = true
	d.undone--
	for _, dep := range c.deps {
		d.commit(dep)
	}
	c.deps = nil
	if p := c.from; p != nil {
		delete(p.dir.dir.durable, p.name)
	}
	if p := c.to; p != nil {
		p.dir.dir.durable[p.name] = c.ino
	}
	for _, p := range c.places() {
		if p.dir.dir.last[p.name] == c {
			delete(p.dir.dir.last, p.name)
		}
	}
}

// commitDir commits what SyncDir of dir promises: every transaction whose
// result is in dir.
func (d *Disk) commitDir(dir *inode) {
	for _, c := range dir.dir.pending {
		if c.to == nil || c.to.dir == dir {
			d.commit(c)
		}
	}
	dir.dir.pending = undone(dir.dir.pending)
	d.trim()
}

// commitAll commits everything.
func (d *Disk) commitAll() {
	for _, c := range d.log {
		d.commit(c)
		for _, p := range c.places() {
			p.dir.dir.pending = nil
		}
	}
	d.log = nil
}

// commitOldest commits the n oldest transactions.
func (d *Disk) commitOldest(n int) {
	for _, c := range d.log {
		if n <= 0 {
			break
		}
		if !c.done {
			d.commit(c)
			n--
		}
	}
}

// commitAged commits what was written back by itself.
func (d *Disk) commitAged() {
	if d.cfg.Writeback == 0 {
		return
	}
	limit := d.age() - d.cfg.Writeback
	for _, c := range d.log {
		if c.at <= limit {
			d.commit(c)
		}
	}
}

// trim drops transactions that are done once they are most of the log.
func (d *Disk) trim() {
	if len(d.log) > 64 && d.undone < len(d.log)/2 {
		d.log = undone(d.log)
	}
}

// undone filters a list in place.
func undone(list []*change) []*change {
	kept := list[:0]
	for _, c := range list {
		if !c.done {
			kept = append(kept, c)
		}
	}
	clear(list[len(kept):])
	return kept
}
