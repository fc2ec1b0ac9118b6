package fanout

import (
	"sync"
	"time"

	"apus/impl/event"
	"apus/impl/host"
)

// limiter remembers the errors of nodes, and which to skip because of them.
type limiter struct {
	most     int
	interval time.Duration
	events   *event.Sink
	mu       struct {
		sync.Mutex
		nodes map[string]*errorCount
	}
}

type errorCount struct {
	errors int
	last   host.Stopwatch // since the latest
}

func newLimiter(most int, interval time.Duration, ev *event.Sink) *limiter {
	l := &limiter{most: most, interval: interval, events: ev}
	l.mu.nodes = map[string]*errorCount{}
	return l
}

// failed counts an error of the node.
func (l *limiter) failed(n *Node, reason string) { l.add(n, 1, event.ErrorLimit{Reason: reason}) }

// limit makes the node be skipped at once.
func (l *limiter) limit(n *Node, reason string) {
	l.add(n, l.most+1, event.ErrorLimit{Reason: reason, Forced: true})
}

func (l *limiter) add(n *Node, errors int, why event.ErrorLimit) {
	l.mu.Lock()
	c := l.mu.nodes[n.key]
	if c == nil {
		c = &errorCount{}
		l.mu.nodes[n.key] = c
	}
	before := c.errors > l.most
	c.errors += errors
	c.last = host.StartStopwatch()
	after := c.errors > l.most
	l.mu.Unlock()
	if after && !before {
		why.Node = n.key
		l.events.EmitErrorLimit(why)
	}
}

// limited reports whether to skip the node. Its errors are forgotten when the
// latest is older than the interval.
func (l *limiter) limited(n *Node) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.mu.nodes[n.key]
	if c == nil {
		return false
	}
	if c.last.Elapsed() >= l.interval {
		delete(l.mu.nodes, n.key)
		return false
	}
	return c.errors > l.most
}
