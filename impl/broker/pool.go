package broker

import (
	"container/list"
	"context"
	"sync"
	"time"

	"apus/impl/broker/sqlitevfs"
	"apus/impl/event"
	"apus/impl/host"
	"apus/impl/swift"
)

// Pool is the open databases of one server. It is safe for concurrent use.
type Pool struct {
	host   *host.Host
	hasher swift.Hasher
	cfg    Config
	events *event.Sink
	vfs    *sqlitevfs.FS
	caps   pendingCaps
	stop   chan struct{}
	wg     sync.WaitGroup // the janitor
	active sync.WaitGroup // databases in use
	mu     struct {
		sync.Mutex
		open    map[string]*db
		idle    list.List // of *db, longest unused first
		closed  bool
		janitor bool
	}
}

// NewPool opens nothing yet.
func NewPool(h *host.Host, hasher swift.Hasher, cfg Config, events *event.Sink) *Pool {
	p := &Pool{host: h, hasher: hasher, cfg: cfg, events: events, vfs: sqlitevfs.Register(h.FS), caps: usualCaps(), stop: make(chan struct{})}
	p.mu.open = map[string]*db{}
	return p
}

// Close waits for what is in use and closes every database. Later uses fail.
func (p *Pool) Close() error {
	p.mu.Lock()
	if p.mu.closed {
		p.mu.Unlock()
		return nil
	}
	p.mu.closed = true
	p.mu.Unlock()
	p.active.Wait()
	close(p.stop)
	p.wg.Wait()
	p.mu.Lock()
	victims := p.takeIdleLocked(func(*db) bool { return true })
	p.mu.Unlock()
	closeAll(victims)
	p.vfs.Close()
	return nil
}

// Open is the number of databases open now.
func (p *Pool) Open() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.mu.open)
}

// acquire pins a database; release lets go of it.
func (p *Pool) acquire(k *kind, file string) (*db, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.mu.closed {
		return nil, swift.E("broker.acquire", file, swift.Unavailable, context.Canceled)
	}
	d := p.mu.open[file]
	if d == nil {
		d = newDB(p, k, file)
		p.mu.open[file] = d
	}
	if d.idle != nil {
		p.mu.idle.Remove(d.idle)
		d.idle = nil
	}
	d.refs++
	p.active.Add(1)
	return d, nil
}

// retain pins a database that is pinned already, for work that outlives the
// call that started it.
func (p *Pool) retain(d *db) {
	p.mu.Lock()
	defer p.mu.Unlock()
	d.refs++
	p.active.Add(1)
}

func (p *Pool) release(d *db) {
	defer p.active.Done()
	p.mu.Lock()
	d.refs--
	var victims []*db
	switch {
	case d.refs > 0:
	case d.bare():
		delete(p.mu.open, d.file)
	default:
		d.age = 0
		d.idle = p.mu.idle.PushBack(d)
		excess := p.mu.idle.Len() - p.cfg.MaxIdle
		victims = p.takeIdleLocked(func(*db) bool { excess--; return excess >= 0 || p.mu.closed })
		p.startJanitorLocked()
	}
	p.mu.Unlock()
	closeAll(victims)
}

// takeIdleLocked removes the idle databases that the caller will close,
// looking at the longest unused first, up to the first that stays.
func (p *Pool) takeIdleLocked(take func(*db) bool) []*db {
	var victims []*db
	for e := p.mu.idle.Front(); e != nil; e = p.mu.idle.Front() {
		d := e.Value.(*db)
		if !take(d) {
			break
		}
		p.mu.idle.Remove(e)
		delete(p.mu.open, d.file)
		victims = append(victims, d)
	}
	return victims
}

func closeAll(victims []*db) {
	for _, d := range victims {
		d.drop()
	}
}

// The janitor lives while any database is open, so that a server at rest has
// neither files nor goroutines.
func (p *Pool) startJanitorLocked() {
	if p.mu.janitor || p.mu.closed || len(p.mu.open) == 0 {
		return
	}
	p.mu.janitor = true
	p.wg.Add(1)
	go p.janitor()
}

// idleAge is how many rounds of the janitor a database stays unused.
const idleAge = 2

func (p *Pool) janitor() {
	defer p.wg.Done()
	t := time.NewTicker(p.cfg.IdleTimeout / idleAge)
	defer t.Stop()
	for {
		select {
		case <-t.C:
		case <-p.stop:
			return
		}
		p.mu.Lock()
		for e := p.mu.idle.Front(); e != nil; e = e.Next() {
			e.Value.(*db).age++
		}
		victims := p.takeIdleLocked(func(d *db) bool { return d.age > idleAge })
		done := len(p.mu.open) == 0
		p.mu.janitor = !done
		p.mu.Unlock()
		closeAll(victims)
		if done {
			return
		}
	}
}
