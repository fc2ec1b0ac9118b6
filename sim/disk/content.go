package disk

// pageSize is the unit of storage, of copy-on-write and of space accounting.
const pageSize = 4096

// page holds up to pageSize bytes; what lies beyond len(b) is zero. A frozen
// page is shared between images and never written again.
type page struct {
	b      []byte
	frozen bool
	lost   bool // a failed sync took it for written; it never reaches the medium
	lo, hi int  // written since the page was made, the part at risk
}

// content is the bytes of a file in one image. A nil page is a hole.
type content struct {
	pages []*page
	size  int64
}

func pagesOf(size int64) int64 { return (size + pageSize - 1) / pageSize }

func (c *content) page(i int64) *page {
	if i < int64(len(c.pages)) {
		return c.pages[i]
	}
	return nil
}

// readAt copies from the content; the caller keeps within size.
func (c *content) readAt(p []byte, off int64) {
	for len(p) > 0 {
		i, o := off/pageSize, int(off%pageSize)
		n := min(len(p), pageSize-o)
		var have []byte
		if pg := c.page(i); pg != nil && o < len(pg.b) {
			have = pg.b[o:]
		}
		clear(p[copy(p[:n], have):n])
		p, off = p[n:], off+int64(n)
	}
}

// writable returns page i ready to be written up to byte hi of it.
func (c *content) writable(i int64, lo, hi int) *page {
	if n := i + 1; n > int64(len(c.pages)) {
		if n > int64(cap(c.pages)) {
			grown := make([]*page, n, max(n, 2*int64(cap(c.pages))))
			copy(grown, c.pages)
			c.pages = grown
		} else {
			c.pages = c.pages[:n]
		}
	}
	pg := c.pages[i]
	switch {
	case pg == nil:
		pg = &page{lo: lo, hi: hi}
		c.pages[i] = pg
	case pg.frozen:
		pg = &page{b: append(make([]byte, 0, max(hi, len(pg.b))), pg.b...), lo: lo, hi: hi}
		c.pages[i] = pg
	default:
		pg.lo, pg.hi, pg.lost = min(pg.lo, lo), max(pg.hi, hi), false
	}
	if hi > len(pg.b) {
		pg.grow(hi)
	}
	return pg
}

func (pg *page) grow(n int) {
	if n <= cap(pg.b) {
		old := len(pg.b)
		pg.b = pg.b[:n]
		clear(pg.b[old:])
		return
	}
	b := make([]byte, n, min(pageSize, max(n, 2*cap(pg.b))))
	copy(b, pg.b)
	pg.b = b
}

// writeAt copies p into the content and extends it.
func (c *content) writeAt(p []byte, off int64) {
	for len(p) > 0 {
		i, o := off/pageSize, int(off%pageSize)
		n := min(len(p), pageSize-o)
		copy(c.writable(i, o, o+n).b[o:], p[:n])
		p, off = p[n:], off+int64(n)
	}
	c.size = max(c.size, off)
}

// truncate sets the size; what is cut off reads as zero if it comes back.
func (c *content) truncate(size int64) {
	if size < c.size {
		if n := pagesOf(size); n < int64(len(c.pages)) {
			clear(c.pages[n:])
			c.pages = c.pages[:n]
		}
		i, o := size/pageSize, int(size%pageSize)
		if pg := c.page(i); pg != nil && o < len(pg.b) {
			pg = c.writable(i, o, len(pg.b))
			pg.b = pg.b[:o]
		}
	}
	c.size = size
}

// share returns a copy that has every page in common with c.
func (c *content) share() content {
	out := content{size: c.size}
	if len(c.pages) > 0 {
		out.pages = make([]*page, len(c.pages))
		copy(out.pages, c.pages)
	}
	for _, pg := range out.pages {
		if pg != nil {
			pg.frozen = true
		}
	}
	return out
}

// syncTo makes pages lo up to hi of dst those of c. Pages that a failed sync
// lost stay as they are in dst.
func (c *content) syncTo(dst *content, lo, hi int64) {
	if n := len(c.pages); n != len(dst.pages) {
		pages := dst.pages
		if n > cap(pages) {
			pages = make([]*page, n, cap(c.pages))
			copy(pages, dst.pages)
		} else {
			if n < len(pages) {
				clear(pages[n:])
			}
			pages = pages[:n]
		}
		dst.pages = pages
	}
	for i := lo; i < min(hi, int64(len(c.pages))); i++ {
		pg := c.pages[i]
		if pg != nil && pg.lost {
			continue
		}
		if pg != nil {
			pg.frozen = true
		}
		dst.pages[i] = pg
	}
	dst.size = c.size
}
