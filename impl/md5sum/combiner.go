package md5sum

import (
	"runtime"
	"sync"
)

// step bounds, in bytes of each stream, how long a leader works before it
// looks who came: about 50 µs, in which the runtime cannot preempt it.
const step = 16 << 10

// How a leader waits for company: until so many streams have joined it, by
// giving the processor away at most so many times. After so many leaders in a row
// for whom nobody came, one in so many tries.
const (
	company  = 3
	patience = 8
	lonely   = 8
	retry    = 32
)

// process is the combiner of all hashes. Nodes of a simulated cluster share
// it, which changes no digest and not the order of anything but goroutines.
var process combiner

// combiner brings Writes of different streams together.
type combiner struct {
	mu      sync.Mutex // held for no longer than it takes to move a pointer
	leaders int        // at work, or woken to be
	first   *digest    // the queue
	last    *digest
	waiting int                 // its length
	futile  int                 // leaders in a row for whom nobody came
	bytes   [maxLanes + 1]int64 // hashed so far, by number of streams at once

	yield func() // gives the processor away; nil: nobody waits
}

// YieldBy has leaders give the processor away by calling yield, and wait for
// company so; without it they only let the goroutines of this process run. It
// is for main, before anything is hashed.
func YieldBy(yield func()) { process.yield = yield }

// hash hashes p, whole blocks, as d's next.
func (c *combiner) hash(d *digest, p []byte) {
	d.piece = p
	c.mu.Lock()
	if c.waiting < c.leaders*maxLanes {
		d.toLane()
		c.push(d)
		c.mu.Unlock()
		d.wait.Lock()
		if d.leader {
			d.leader = false
			c.lead(d)
		}
	} else {
		c.leaders++
		wait := c.futile < lonely || c.futile%retry == 0
		c.mu.Unlock()
		c.gather(wait)
		c.lead(d)
	}
	d.piece = nil
	d.toStandard()
}

// gather lets those run who may join, in this process and, with wait, on this
// machine: where there are more threads than processors this thread gets its
// turn again when others had theirs; where there are not it costs a microsecond
// or two.
func (c *combiner) gather(wait bool) {
	runtime.Gosched()
	for range patience {
		if !wait || c.yield == nil || c.accompanied() {
			break
		}
		c.yield()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.first != nil {
		c.futile = 0
	} else {
		c.futile++
	}
}

func (c *combiner) accompanied() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.waiting >= company
}

// lead hashes d's piece, and with it what waits.
func (c *combiner) lead(d *digest) {
	var b batch
	b.add(d)
	for len(d.piece) > 0 {
		c.join(&b)
		b.hash(min(b.shortest(), step))
		b.release(d)
	}
	c.handOver(&b)
}

// join moves streams from the queue into the batch.
func (c *combiner) join(b *batch) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.first != nil && b.n < maxLanes {
		b.add(c.pop())
	}
}

// handOver ends a leader's work: what is left of its batch goes to the head of
// the queue, and the first of the queue leads.
func (c *combiner) handOver(b *batch) {
	c.mu.Lock()
	for i := b.n - 1; i >= 0; i-- {
		c.unpop(b.stream[i])
	}
	heir := c.first
	if heir == nil {
		c.leaders--
	} else {
		c.pop()
	}
	for lanes, n := range b.bytes {
		c.bytes[lanes] += n
	}
	c.mu.Unlock()
	if heir != nil {
		heir.leader = true
		heir.wait.Unlock()
	}
}

func (c *combiner) push(d *digest) {
	if c.first == nil {
		c.first = d
	} else {
		c.last.next = d
	}
	c.last = d
	c.waiting++
}

func (c *combiner) unpop(d *digest) {
	if c.first == nil {
		c.last = d
	}
	d.next = c.first
	c.first = d
	c.waiting++
}

func (c *combiner) pop() *digest {
	d := c.first
	c.first, d.next = d.next, nil
	c.waiting--
	return d
}
