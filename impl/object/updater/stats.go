package updater

import (
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"apus/impl/diskfile"
	"apus/impl/swift"
)

// Stats is what a pass over all devices came to.
type Stats struct {
	Elapsed time.Duration
	// Successes were taken by every primary of their container, Failures not.
	// Quarantines could not be understood, Errors not be read.
	Successes, Failures, Quarantines, Errors int64
	// Unlinks are files removed after success, OutdatedUnlinks those that
	// something newer made useless.
	Unlinks, OutdatedUnlinks int64
	Redirects                int64
	// Deferrals had to wait for their container; of these Drains were sent
	// after all. Skips were not looked at for want of time or room.
	Deferrals, Drains, Skips int64
	// Failing is the number of containers with failures, Oldest those whose
	// updates have waited longest, the oldest first.
	Failing int
	Oldest  []Waiting
}

// Waiting is a container and its oldest update that failed.
type Waiting struct {
	Account, Container string
	Timestamp          swift.Timestamp
}

// counters are Stats while a pass is under way.
type counters struct {
	sent, failed, bad, errors, unlinks, outdated, redirects, deferrals, drains, skips atomic.Int64

	mu     sync.Mutex
	oldest []Waiting // one a container, the oldest first; mu guards it
}

// late notes a failure. Of more than most containers the youngest is dropped.
func (c *counters) late(u *diskfile.Update, ts swift.Timestamp, most int) {
	w := Waiting{u.Account, u.Container, ts}
	c.mu.Lock()
	defer c.mu.Unlock()
	same := slices.IndexFunc(c.oldest, func(o Waiting) bool { return o.Account == w.Account && o.Container == w.Container })
	if same >= 0 {
		if !ts.Before(c.oldest[same].Timestamp) {
			return
		}
		c.oldest = slices.Delete(c.oldest, same, same+1)
	}
	at, _ := slices.BinarySearchFunc(c.oldest, w, func(a, b Waiting) int {
		if d := a.Timestamp.Compare(b.Timestamp); d != 0 {
			return d
		}
		return strings.Compare(a.Account+"/"+a.Container, b.Account+"/"+b.Container)
	})
	c.oldest = slices.Insert(c.oldest, at, w)
	if len(c.oldest) > most {
		c.oldest = c.oldest[:most]
	}
}

// stats is the sum, with at most dump of the oldest.
func (c *counters) stats(elapsed time.Duration, dump int) Stats {
	c.mu.Lock()
	defer c.mu.Unlock()
	return Stats{
		Elapsed: elapsed, Successes: c.sent.Load(), Failures: c.failed.Load(), Quarantines: c.bad.Load(), Errors: c.errors.Load(),
		Unlinks: c.unlinks.Load(), OutdatedUnlinks: c.outdated.Load(), Redirects: c.redirects.Load(),
		Deferrals: c.deferrals.Load(), Drains: c.drains.Load(), Skips: c.skips.Load(),
		Failing: len(c.oldest), Oldest: slices.Clone(c.oldest[:min(dump, len(c.oldest))]),
	}
}
