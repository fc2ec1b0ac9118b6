package backend

import (
	"sync"
	"sync/atomic"
)

// Chunk is a piece of a body on its way to several nodes. It returns to a
// pool when the last holder releases it.
type Chunk struct {
	buf  []byte
	n    int
	refs atomic.Int32
	pool *Chunks
}

// Chunks is a pool of chunks of one size.
type Chunks struct {
	size int
	pool sync.Pool
}

// NewChunks makes a pool of chunks of size bytes.
func NewChunks(size int) *Chunks { return &Chunks{size: size} }

// Get is a chunk with one reference and nothing in it.
func (p *Chunks) Get() *Chunk {
	c, _ := p.pool.Get().(*Chunk)
	if c == nil {
		c = &Chunk{buf: make([]byte, p.size), pool: p}
	}
	c.n = 0
	c.refs.Store(1)
	return c
}

// Space is where to put bytes; SetLen says how many.
func (c *Chunk) Space() []byte { return c.buf }

// SetLen makes the first n bytes of Space the content.
func (c *Chunk) SetLen(n int) { c.n = n }

// Bytes is the content.
func (c *Chunk) Bytes() []byte { return c.buf[:c.n] }

// Retain adds a reference.
func (c *Chunk) Retain() { c.refs.Add(1) }

// Release drops a reference.
func (c *Chunk) Release() {
	switch n := c.refs.Add(-1); {
	case n == 0:
		c.pool.pool.Put(c)
	case n < 0:
		panic("backend: chunk released more often than retained")
	}
}
