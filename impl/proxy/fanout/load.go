package fanout

import (
	"sync"
	"sync/atomic"

	"apus/impl/ring"
)

// loads are how many requests with bodies a proxy has under way to each server.
// Reads go to the replica whose server has the fewest: by chance alone some
// servers would always have a queue while others wait.
type loads struct {
	mu     sync.RWMutex
	counts map[server]*atomic.Int64
}

// server is one object, container or account server.
type server struct {
	ip   string
	port int
}

// of is the count of a device's server. It never goes away; a cluster has few
// servers.
func (l *loads) of(d *ring.Device) *atomic.Int64 {
	s := server{d.IP, d.Port}
	l.mu.RLock()
	n := l.counts[s]
	l.mu.RUnlock()
	if n != nil {
		return n
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if n = l.counts[s]; n == nil {
		if l.counts == nil {
			l.counts = map[server]*atomic.Int64{}
		}
		n = new(atomic.Int64)
		l.counts[s] = n
	}
	return n
}

// sortByLoad puts nodes with less to do first and leaves others in their order.
// Counts change while it sorts, so each is looked at once.
func sortByLoad(nodes []*Node) {
	var few [8]int64
	loads := few[:0]
	for _, n := range nodes {
		load := int64(0)
		if n.load != nil {
			load = n.load.Load()
		}
		loads = append(loads, load)
	}
	for i := 1; i < len(nodes); i++ { // a partition has few replicas
		for j := i; j > 0 && loads[j] < loads[j-1]; j-- {
			loads[j], loads[j-1] = loads[j-1], loads[j]
			nodes[j], nodes[j-1] = nodes[j-1], nodes[j]
		}
	}
}
