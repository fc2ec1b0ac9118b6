package fanout

import "sync/atomic"

// countdown calls f when done has been called n times.
type countdown struct {
	n atomic.Int32
	f func()
}

func newCountdown(n int, f func()) *countdown {
	c := &countdown{f: f}
	c.n.Store(int32(n))
	if n == 0 {
		f()
	}
	return c
}

func (c *countdown) done() {
	if c.n.Add(-1) == 0 {
		c.f()
	}
}
