//go:build linux

package real

import "sync/atomic"

// descriptor counts the calls that use a file descriptor. It is closed by the
// last of them, so that none finds its number closed, or given to another file.
type descriptor struct {
	fd    int
	state atomic.Int64 // calls under way, and closing
}

// closing is set in the state once Close was called.
const closing = 1 << 62

// acquire is the descriptor, to be released again, unless it is being closed.
func (d *descriptor) acquire() (fd int, ok bool) {
	for {
		n := d.state.Load()
		if n&closing != 0 {
			return -1, false
		}
		if d.state.CompareAndSwap(n, n+1) {
			return d.fd, true
		}
	}
}

// release ends a use. Whoever is the last has to close the descriptor.
func (d *descriptor) release() (last bool) { return d.state.Add(-1) == closing }

// close lets no further call begin; ok is false the second time.
func (d *descriptor) close() (last, ok bool) {
	n := d.state.Or(closing)
	return n == 0, n&closing == 0
}
