package updater

import "time"

// limiter keeps busy containers from using up a pass. Updates are sorted into
// buckets by their container; a bucket lets one through every gap, and what
// comes too soon waits in it for the end of the pass. It is pure: the caller
// brings the time, as elapsed since the pass began.
type limiter[T any] struct {
	gap     time.Duration // zero: no limit
	most    int           // updates that may wait in all buckets together
	buckets []bucket[T]
	// waiting names the bucket of each update that waits, the longest first.
	waiting []int
}

type bucket[T any] struct {
	ready time.Duration // when the next may go
	queue []T
}

func newLimiter[T any](perSecond float64, buckets, most int) *limiter[T] {
	l := &limiter[T]{most: most, buckets: make([]bucket[T], max(buckets, 1))}
	if perSecond > 0 {
		l.gap = time.Duration(float64(time.Second) / perSecond)
	}
	return l
}

// verdict on an update.
type verdict struct {
	admitted bool
	// skipped says that an update is left for a later pass: this one, if none
	// may wait, or the one that has waited longest, to make room.
	skipped bool
}

// offer asks whether item may go now; else it waits or is skipped.
func (l *limiter[T]) offer(now time.Duration, hash uint32, item T) verdict {
	i := int(hash % uint32(len(l.buckets)))
	b := &l.buckets[i]
	if l.gap == 0 || now >= b.ready {
		b.ready = max(b.ready, now) + l.gap
		return verdict{admitted: true}
	}
	if l.most == 0 {
		return verdict{skipped: true}
	}
	skipped := len(l.waiting) >= l.most
	if skipped {
		// What was read from the disk lately is more likely the newest of its
		// object.
		oldest := &l.buckets[l.waiting[0]]
		oldest.queue, l.waiting = oldest.queue[1:], l.waiting[1:]
	}
	b.queue = append(b.queue, item)
	l.waiting = append(l.waiting, i)
	return verdict{skipped: skipped}
}

// next is the update that may go first of those that wait, and when; ok is
// false when none waits. Of one bucket the last to come is the first to go.
func (l *limiter[T]) next(now time.Duration) (item T, at time.Duration, ok bool) {
	var b *bucket[T]
	for i := range l.buckets {
		if c := &l.buckets[i]; len(c.queue) > 0 && (b == nil || c.ready < b.ready) {
			b = c
		}
	}
	if b == nil {
		return item, 0, false
	}
	last := len(b.queue) - 1
	item, b.queue = b.queue[last], b.queue[:last]
	at = max(b.ready, now)
	b.ready = at + l.gap
	return item, at, true
}

// left is how many updates still wait, and forgets them.
func (l *limiter[T]) left() (n int) {
	for i := range l.buckets {
		n += len(l.buckets[i].queue)
		l.buckets[i].queue = nil
	}
	l.waiting = nil
	return n
}
