package broker

import (
	"context"

	"apus/impl/swift"
)

// slot is a lock that may be held across disk I/O and waited for with a
// context.
type slot chan struct{}

func newSlot() slot { return make(slot, 1) }

func (s slot) lock(ctx context.Context) error {
	select {
	case s <- struct{}{}:
		return nil
	case <-ctx.Done():
		return swift.E("broker.lock", "", swift.Unavailable, ctx.Err())
	}
}

func (s slot) unlock() { <-s }
