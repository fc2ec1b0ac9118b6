package simnet

import (
	"errors"
	"math/rand/v2"
	"net"
	"slices"
	"strconv"
	"sync"
	"time"

	"apus/impl/host"
)

// ErrDead is what every call of a fenced process returns.
var ErrDead = errors.New("simnet: process is gone")

// Network joins machines. Create it inside the bubble that uses it.
type Network struct {
	cfg   Config
	start time.Time
	base  uint64 // of all random streams

	// mu guards the state of every machine, process, listener and
	// connection. It is never held across a wait.
	mu struct {
		sync.Mutex
		machines map[string]*machine
		names    map[string]string // host name → ip
		links    map[[2]string]*link
		conns    map[uint64]*connection
		lastConn uint64
		instants map[int64]struct{} // at which something will arrive
		held     []*pipe
		rules    []*rule // by id
		ruleGen  uint64
		fired    map[string]int
	}
}

// machine is one address. It outlives its processes.
type machine struct {
	ip       string
	up       bool
	live     []*Process
	ports    map[int]*listener
	lastPort int
}

// link is what two machines share in one direction.
type link struct{ free int64 } // instant at which the line is idle

// firstEphemeral is where the ports of dialers and of Listen on port 0 start.
const (
	firstEphemeral = 32768
	lastEphemeral  = 60999
)

// New returns an empty network whose randomness comes from rng.
func New(rng *rand.Rand, cfg Config) *Network {
	if err := cfg.validate(); err != nil {
		panic(err)
	}
	n := &Network{cfg: cfg.withDefaults(), start: time.Now(), base: rng.Uint64()}
	n.mu.machines = map[string]*machine{}
	n.mu.names = map[string]string{}
	n.mu.links = map[[2]string]*link{}
	n.mu.conns = map[uint64]*connection{}
	n.mu.instants = map[int64]struct{}{}
	n.mu.fired = map[string]int{}
	n.mu.ruleGen = 1
	return n
}

// Name makes a host name resolve to an address, on every machine.
func (n *Network) Name(name, ip string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.mu.names[name] = ip
}

// Process is the network as one incarnation of one process sees it.
type Process struct {
	net     *Network
	name    string
	machine *machine
	dead    chan struct{} // closed when fenced
	mu      struct {      // guarded by net.mu
		fenced    bool
		ends      []*end
		listeners []*listener
	}
}

var (
	_ host.Net     = (*Process)(nil)
	_ host.Prober  = (*Process)(nil)
	_ host.Splicer = (*Process)(nil)
)

// Process starts a process on the machine with that address, which is switched
// on if it was off.
func (n *Network) Process(name, ip string) *Process {
	n.mu.Lock()
	defer n.mu.Unlock()
	m := n.machineLocked(ip)
	p := &Process{net: n, name: name, machine: m, dead: make(chan struct{})}
	m.live = append(m.live, p)
	if !m.up {
		m.up = true
		n.cfg.Trace("net up", ip)
		n.releaseHeldLocked()
	}
	return p
}

func (n *Network) machineLocked(ip string) *machine {
	m := n.mu.machines[ip]
	if m == nil {
		m = &machine{ip: ip, ports: map[int]*listener{}, lastPort: firstEphemeral}
		n.mu.machines[ip] = m
	}
	return m
}

// Death is how a process ends.
type Death int

// Deaths.
const (
	// Killed ends the process alone: its kernel closes what it had open, and
	// refuses what comes later.
	Killed Death = iota
	// PowerLost ends the process without a word. Peers keep half-open
	// connections until they send something after the machine is back, or
	// give up. The machine is off when its last process is gone.
	PowerLost
)

// Fence ends the process. Every call it has under way and every later one
// fails with [ErrDead].
func (p *Process) Fence(how Death) {
	n := p.net
	n.mu.Lock()
	defer n.mu.Unlock()
	if p.mu.fenced {
		return
	}
	p.mu.fenced = true
	close(p.dead)
	n.cfg.Trace("net fence", p.name, int(how))
	for _, l := range slices.Clone(p.mu.listeners) {
		l.closeLocked(how == PowerLost)
	}
	for _, e := range slices.Clone(p.mu.ends) {
		e.fenceLocked(how)
	}
	p.machine.live = slices.DeleteFunc(p.machine.live, func(o *Process) bool { return o == p })
	if how == PowerLost && len(p.machine.live) == 0 {
		p.machine.up = false
		n.cfg.Trace("net down", p.machine.ip)
	}
}

// PowerOff cuts the power of a machine: [PowerLost] for all of its processes.
func (n *Network) PowerOff(ip string) {
	n.mu.Lock()
	live := slices.Clone(n.machineLocked(ip).live)
	n.mu.Unlock()
	for _, p := range live {
		p.Fence(PowerLost)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.machineLocked(ip).up = false
}

// Name is the name given to [Network.Process].
func (p *Process) Name() string { return p.name }

// resolveLocked turns "host:port" into an address as seen from machine m.
func (n *Network) resolveLocked(m *machine, addr string) (ip string, port int, err error) {
	name, service, err := net.SplitHostPort(addr)
	if err != nil {
		return "", 0, err
	}
	port, err = strconv.Atoi(service)
	if err != nil || port < 0 || port > 65535 {
		return "", 0, &net.AddrError{Err: "invalid port", Addr: addr}
	}
	switch name {
	case "", "0.0.0.0", "::", "127.0.0.1", "::1", "localhost":
		return m.ip, port, nil
	}
	if known := n.mu.names[name]; known != "" {
		return known, port, nil
	}
	if n.mu.machines[name] == nil && net.ParseIP(name) == nil {
		return "", 0, &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
	}
	return name, port, nil
}

func (m *machine) ephemeralPort(taken func(int) bool) int {
	for range lastEphemeral - firstEphemeral + 1 {
		m.lastPort++
		if m.lastPort > lastEphemeral {
			m.lastPort = firstEphemeral
		}
		if !taken(m.lastPort) {
			return m.lastPort
		}
	}
	panic("simnet: no free port on " + m.ip)
}

func (n *Network) now() int64 { return int64(time.Since(n.start)) }

// delayLocked draws the one-way delay of something small that travels now, and
// counts the rules that lengthened it.
func (n *Network) delayLocked(s *stream, from, to *machine, e *effects) time.Duration {
	d := n.cfg.Latency + s.tail(n.cfg.Tail)
	if from == to {
		d = n.cfg.Loopback + s.tail(n.cfg.Loopback/4)
	}
	for _, r := range e.slow {
		d += r.Latency + s.tail(r.Tail)
		n.mu.fired[r.id]++
	}
	return d + time.Duration(s.below(1000))
}

func (n *Network) blockedLocked(e *effects) bool {
	for _, id := range e.blocked {
		n.mu.fired[id]++
	}
	return len(e.blocked) > 0
}

func addrOf(ip string, port int) *net.TCPAddr {
	return &net.TCPAddr{IP: net.ParseIP(ip), Port: port}
}
