package engine

import (
	"sync"
	"time"

	"apus/impl/host"
)

// Clock is the wall clock of one machine: the virtual clock moved to [Epoch],
// plus an offset that may be wrong from the start, drift, and jump. Timers do
// not follow it, as on a real machine.
type Clock struct {
	start time.Time // virtual
	mu    struct {
		sync.Mutex
		since  time.Time     // virtual instant at which offset held
		offset time.Duration // error at since
		drift  float64       // seconds of error gained per second
	}
}

var _ host.Clock = (*Clock)(nil)

// Clock returns a new wall clock that is skew ahead of the true time.
func (w *World) Clock(skew time.Duration) *Clock {
	c := &Clock{start: w.start}
	c.mu.since, c.mu.offset = w.start, skew
	return c
}

// Now reads the clock.
func (c *Clock) Now() time.Time {
	now := time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	return Epoch.Add(now.Sub(c.start) + c.errorLocked(now))
}

// Error is how far the clock is ahead of the true time.
func (c *Clock) Error() time.Duration {
	now := time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.errorLocked(now)
}

// Step moves the clock at once, in either direction.
func (c *Clock) Step(by time.Duration) {
	c.rebase(func() { c.mu.offset += by })
}

// SetError makes the clock ahead of the true time by skew.
func (c *Clock) SetError(skew time.Duration) {
	c.rebase(func() { c.mu.offset = skew })
}

// SetDrift makes the clock gain that many seconds per second from now on:
// 0.001 is fast by a thousandth, a negative value is slow.
func (c *Clock) SetDrift(drift float64) {
	c.rebase(func() { c.mu.drift = drift })
}

func (c *Clock) rebase(change func()) {
	now := time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mu.offset, c.mu.since = c.errorLocked(now), now
	change()
}

func (c *Clock) errorLocked(now time.Time) time.Duration {
	return c.mu.offset + time.Duration(c.mu.drift*float64(now.Sub(c.mu.since)))
}
