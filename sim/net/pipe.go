package simnet

import (
	"time"
)

// connection is a pair of ends with a pipe each way.
type connection struct {
	id     uint64
	port   int // of the listening side
	opened time.Time
	dialer end
	accept end
}

// markKind is what arrives at the end of a stretch of a pipe.
type markKind uint8

const (
	markData markKind = iota
	markFin
	markRst
)

// mark is one arrival: everything up to offset end, at an instant.
type mark struct {
	at   int64
	end  uint64
	kind markKind
}

// pipe is one direction of a connection: bytes from the writer to the reader,
// of which a part has arrived. Guarded by the network's mutex.
type pipe struct {
	net      *Network
	from, to *end
	draws    stream
	effects  effects
	link     *link

	// buf is a ring; offsets count from the start of the stream:
	// head ≤ arrived ≤ tail.
	buf                 []byte
	head, arrived, tail uint64
	owed                int // read, but the writer cannot know yet

	marks  []mark // in flight, by instant
	first  int    // index of the next in marks
	lastAt int64
	timer  *time.Timer
	armed  bool
	held   bool // waits in net.held, not for its timer

	heldSince int64
	finSent   bool
	rstSent   bool
	dead      bool            // nothing arrives any more
	carried   int64           // bytes delivered
	cut       map[*rule]int64 // at how many a rule resets; -1: never
}

func (p *pipe) init(n *Network, from, to *end) {
	p.net, p.from, p.to = n, from, to
	p.draws = n.streamLocked(from.label + ">" + to.label)
	key := [2]string{from.machine.ip, to.machine.ip}
	p.link = n.mu.links[key]
	if p.link == nil {
		p.link = &link{}
		n.mu.links[key] = p.link
	}
}

func (p *pipe) effectsLocked() *effects {
	return p.net.effectsLocked(&p.effects, route{p.from.machine, p.to.machine, p.from.conn.port, p.from.proc.name, p.to.proc.name})
}

func (p *pipe) roomLocked() int { return p.net.cfg.Buffer - int(p.tail-p.head) - p.owed }

// writeLocked accepts as much of b as there is room for and sends it off.
func (p *pipe) writeLocked(b []byte) int {
	b = b[:min(len(b), max(0, p.roomLocked()))]
	p.growLocked(len(b))
	for rest := b; len(rest) > 0; {
		at := int(p.tail) & (len(p.buf) - 1)
		n := copy(p.buf[at:], rest)
		p.tail += uint64(n)
		rest = rest[n:]
	}
	for left := len(b); left > 0; {
		size := min(left, p.net.cfg.MSS)
		if p.draws.next()&7 == 0 {
			size = 1 + p.draws.below(size)
		}
		left -= size
		p.sendLocked(markData, p.tail-uint64(left), size)
	}
	return len(b)
}

// growLocked makes the ring hold n bytes more. Its size is a power of two.
func (p *pipe) growLocked(n int) {
	used := int(p.tail - p.head)
	if used+n <= len(p.buf) {
		return
	}
	size := max(512, len(p.buf))
	for size < used+n {
		size *= 2
	}
	grown := make([]byte, size)
	for at := p.head; at < p.tail; {
		from := int(at) & (len(p.buf) - 1)
		to := int(at) & (size - 1)
		stretch := min(int(p.tail-at), len(p.buf)-from, size-to)
		copy(grown[to:], p.buf[from:from+stretch])
		at += uint64(stretch)
	}
	p.buf = grown
}

// sendLocked puts a mark on its way.
func (p *pipe) sendLocked(kind markKind, end uint64, size int) {
	n, e := p.net, p.effectsLocked()
	now := n.now()
	depart := max(now, p.link.free)
	if e.bandwidth > 0 {
		depart += int64(size) * int64(time.Second) / e.bandwidth
		p.link.free = depart
		if e.throttle != nil {
			n.mu.fired[e.throttle.id]++
		}
	}
	at := depart + int64(n.delayLocked(&p.draws, p.from.machine, p.to.machine, e))
	p.lastAt = max(at, p.lastAt+1)
	if p.first > 0 && len(p.marks) == cap(p.marks) {
		p.marks = p.marks[:copy(p.marks, p.marks[p.first:])]
		p.first = 0
	}
	p.marks = append(p.marks, mark{at: p.lastAt, end: end, kind: kind})
	p.armLocked(now)
}

// armLocked sets the timer for the next arrival.
func (p *pipe) armLocked(now int64) {
	if p.armed || p.held || p.dead || p.first == len(p.marks) {
		return
	}
	next := &p.marks[p.first]
	next.at = max(next.at, now+1)
	for {
		if _, taken := p.net.mu.instants[next.at]; !taken {
			break
		}
		next.at++
	}
	p.net.mu.instants[next.at] = struct{}{}
	p.armed = true
	if p.timer == nil {
		p.timer = time.AfterFunc(time.Duration(next.at-now), p.fire)
	} else {
		p.timer.Reset(time.Duration(next.at - now))
	}
}

// drainLinksLocked books what is in flight anew, at what links carry now: a
// queue drains as soon as the limit that made it is gone, and what connections
// that have been reset left in it is gone with them.
func (n *Network) drainLinksLocked() {
	now := n.now()
	for _, l := range n.mu.links {
		l.free = min(l.free, now)
	}
	for _, c := range n.connsLocked() {
		c.dialer.out.hastenLocked(now)
		c.accept.out.hastenLocked(now)
	}
}

// hastenLocked lets marks arrive earlier, as far as the link now allows.
func (p *pipe) hastenLocked(now int64) {
	if p.dead || p.held || p.first == len(p.marks) {
		return
	}
	if p.armed {
		p.armed = false
		delete(p.net.mu.instants, p.marks[p.first].at)
		p.timer.Stop()
	}
	e := p.effectsLocked()
	sent, last := p.arrived, now
	for i := p.first; i < len(p.marks); i++ {
		m := &p.marks[i]
		depart := max(now, p.link.free)
		if e.bandwidth > 0 && m.end > sent {
			depart += int64(m.end-sent) * int64(time.Second) / e.bandwidth
			p.link.free = depart
		}
		at := depart + int64(p.net.delayLocked(&p.draws, p.from.machine, p.to.machine, e))
		m.at = max(min(m.at, at), last+1)
		sent, last = max(sent, m.end), m.at
	}
	p.lastAt = last
	p.armLocked(now)
}

// fire is the timer's: the next mark arrives.
func (p *pipe) fire() {
	n := p.net
	n.mu.Lock()
	defer n.mu.Unlock()
	if !p.armed {
		return
	}
	p.armed = false
	now := n.now()
	delete(n.mu.instants, p.marks[p.first].at)
	if p.dead {
		return
	}
	p.arriveLocked(now)
	p.armLocked(now)
}

func (p *pipe) arriveLocked(now int64) {
	next := p.marks[p.first]
	blocked := p.net.blockedLocked(p.effectsLocked())
	if next.kind == markRst {
		p.popLocked()
		if !blocked && !p.to.mu.gone { // a reset is sent once
			p.to.resetLocked("rst")
		}
		return
	}
	if blocked || p.to.mu.gone && !p.to.machine.up {
		p.holdLocked(now)
		return
	}
	p.popLocked()
	if p.to.mu.closed {
		if next.kind == markData {
			p.arrived, p.head = next.end, next.end
			p.to.answerResetLocked()
		}
		return
	}
	if next.kind == markFin {
		p.to.mu.eof = true
		p.net.cfg.Trace("net fin", p.to.conn.id, p.to.label)
		p.to.wakeReader()
		return
	}
	p.deliverLocked(next.end)
}

func (p *pipe) popLocked() {
	p.first++
	if p.first == len(p.marks) {
		p.marks, p.first = p.marks[:0], 0
	}
}

func (p *pipe) deliverLocked(end uint64) {
	size := int64(end - p.arrived)
	for _, r := range p.effectsLocked().resets {
		if hit, at := p.cutAtLocked(r, size); hit && p.net.strikeLocked(r) {
			p.arrived += uint64(at)
			p.net.cfg.Trace("net cut", p.to.conn.id, p.to.label, at)
			p.to.resetLocked("cut")
			p.from.resetLocked("cut")
			return
		}
	}
	p.arrived = end
	p.carried += size
	p.net.cfg.Trace("net data", p.to.conn.id, p.to.label, size)
	p.to.wakeReader()
}

// holdLocked keeps what should arrive now until the obstacle is gone.
func (p *pipe) holdLocked(now int64) {
	if p.held {
		return
	}
	p.held, p.heldSince = true, now
	p.net.mu.held = append(p.net.mu.held, p)
	p.net.cfg.Trace("net hold", p.to.conn.id, p.to.label)
	p.from.watchLocked()
}

// releaseHeldLocked lets retransmission bring over what need not be held any
// longer. TCP tries again the later the longer it had to wait.
func (n *Network) releaseHeldLocked() {
	now := n.now()
	held := n.mu.held
	n.mu.held = nil
	for _, p := range held {
		blocked := len(p.effectsLocked().blocked) > 0 || p.to.mu.gone && !p.to.machine.up
		if blocked && !p.dead {
			n.mu.held = append(n.mu.held, p)
			continue
		}
		p.held = false
		if p.dead || p.first == len(p.marks) {
			continue
		}
		backoff := min(200*time.Millisecond+time.Duration(now-p.heldSince)/4, 5*time.Second)
		p.marks[p.first].at = now + 1 + int64(p.draws.below(int(backoff)))
		p.armLocked(now)
	}
	for _, c := range n.connsLocked() {
		c.dialer.out.repayLocked()
		c.accept.out.repayLocked()
	}
}

// readLocked takes bytes that have arrived and gives the writer room, of which
// it learns only if acknowledgements get through.
func (p *pipe) readLocked(b []byte) int {
	n := min(len(b), int(p.arrived-p.head))
	for done := 0; done < n; {
		at := int(p.head) & (len(p.buf) - 1)
		k := copy(b[done:n], p.buf[at:])
		p.head += uint64(k)
		done += k
	}
	p.owed += n
	p.repayLocked()
	return n
}

func (p *pipe) repayLocked() {
	if p.owed == 0 || len(p.to.out.effectsLocked().blocked) > 0 {
		return
	}
	p.owed = 0
	if p.roomLocked() >= p.net.cfg.Buffer/4 {
		p.from.wakeWriter()
	}
}

// stopLocked ends the pipe: nothing in flight arrives.
func (p *pipe) stopLocked() {
	p.dead = true
	if p.armed && p.timer.Stop() {
		delete(p.net.mu.instants, p.marks[p.first].at)
		p.armed = false
	}
	p.marks, p.first = nil, 0
}

// cutAtLocked says whether a rule cuts the connection within the next size
// bytes of a pipe, and after how many of them. Whether a rule strikes a
// connection at all is drawn once.
func (p *pipe) cutAtLocked(r *rule, size int64) (bool, int64) {
	if p.cut == nil {
		p.cut = map[*rule]int64{}
	}
	limit, known := p.cut[r]
	if !known {
		limit = -1
		if r.chosen() {
			limit = p.carried + r.AfterBytes
		}
		p.cut[r] = limit
	}
	if limit < 0 || p.carried+size <= limit {
		return false, 0
	}
	return true, limit - p.carried
}
