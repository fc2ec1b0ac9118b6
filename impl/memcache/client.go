package memcache

import (
	"bufio"
	"context"
	"crypto/md5"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"sort"
	"strconv"
	"strings"
	"sync"
	"time"

	"apus/impl/event"
	"apus/impl/host"
)

const (
	defaultPort   = "11211"
	pointsPerNode = 50
	pickleFlag    = 1 // values of old Swifts; never read
	jsonFlag      = 2
	// maxRelative is the longest expiry that memcached takes for a duration.
	maxRelative = 30 * 24 * time.Hour
	maxValue    = 64 << 20
)

// ClientConfig configures a Client. Zero fields have Swift's defaults.
type ClientConfig struct {
	Servers []string // "host[:port]"
	// ConnectTimeout (0.3 s), IOTimeout of one exchange (2 s), PoolTimeout
	// for a free connection (1 s).
	ConnectTimeout, IOTimeout, PoolTimeout time.Duration
	MaxConns                               int // to each server; 2
	Tries                                  int // servers asked for one key; 3
	// A server with more than ErrorLimit (10) errors within ErrorInterval
	// (60 s) is left alone for as long; a negative interval turns that off.
	ErrorLimit    int
	ErrorInterval time.Duration
	// TLS, if not nil, is how to speak to the servers, each of which must prove
	// the name or address it is configured by.
	TLS *tls.Config
	// LargeValue is the size from which a value is worth a warning; zero for none.
	LargeValue int
	Log        *slog.Logger
	// Events hears how long what failed took.
	Events *event.Sink
}

func (c ClientConfig) withDefaults() ClientConfig {
	for _, d := range []struct {
		p   *time.Duration
		def time.Duration
	}{
		{&c.ConnectTimeout, 300 * time.Millisecond}, {&c.IOTimeout, 2 * time.Second},
		{&c.PoolTimeout, time.Second}, {&c.ErrorInterval, time.Minute},
	} {
		if *d.p == 0 {
			*d.p = d.def
		}
	}
	for _, n := range []struct {
		p   *int
		def int
	}{{&c.MaxConns, 2}, {&c.Tries, 3}, {&c.ErrorLimit, 10}} {
		if *n.p == 0 {
			*n.p = n.def
		}
	}
	c.Tries = min(c.Tries, len(c.Servers))
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}

// Client speaks memcached's text protocol to a ring of servers. Servers stand
// on the ring at the MD5 of "<server>-<0…49>", keys are sent as their MD5, and
// values carry the flag of JSON, so that a Client shares entries with Swift
// when the values are JSON.
type Client struct {
	cfg    ClientConfig
	net    host.Net
	clock  host.Clock
	points []point // by hash
	watch  host.Stopwatch
	nodes  map[string]*node
}

type point struct {
	hash string
	node *node
}

// node is one server. Its slots channel is the pool: a nil slot is a
// connection to be made.
type node struct {
	name, addr string
	slots      chan *conn
	reading    chan struct{} // one is taken out while a batch of gets is under way
	mu         struct {
		sync.Mutex
		errors       []time.Duration // when they happened, since the client's start
		skippedUntil time.Duration
		open         *batch // gets that have not been sent yet
	}
}

type conn struct {
	net.Conn
	rd *bufio.Reader
}

var _ Cache = (*Client)(nil)

// NewClient connects when it is first asked.
func NewClient(n host.Net, clock host.Clock, cfg ClientConfig) (*Client, error) {
	cfg = cfg.withDefaults()
	if len(cfg.Servers) == 0 {
		return nil, errors.New("memcache: no servers")
	}
	c := &Client{cfg: cfg, net: n, clock: clock, watch: host.StartStopwatch(), nodes: map[string]*node{}}
	for _, name := range cfg.Servers {
		if c.nodes[name] != nil {
			continue
		}
		nd := &node{
			name: name, addr: withPort(name), slots: make(chan *conn, cfg.MaxConns), reading: make(chan struct{}, maxReading),
		}
		for range cfg.MaxConns {
			nd.slots <- nil
		}
		for range maxReading {
			nd.reading <- struct{}{}
		}
		c.nodes[name] = nd
		for i := range pointsPerNode {
			c.points = append(c.points, point{hashKey(fmt.Sprintf("%s-%d", name, i)), nd})
		}
	}
	sort.Slice(c.points, func(i, j int) bool { return c.points[i].hash < c.points[j].hash })
	return c, nil
}

func withPort(server string) string {
	if _, _, err := net.SplitHostPort(server); err == nil {
		return server
	}
	return net.JoinHostPort(strings.Trim(server, "[]"), defaultPort)
}

// keyPrefix says what a key is about, without the name in it.
func keyPrefix(key string) string { return key[:max(strings.LastIndexByte(key, '/'), 0)] }

func hashKey(key string) string {
	sum := md5.Sum([]byte(key))
	return hex.EncodeToString(sum[:])
}

// order is the servers for a key: the second point after the key's hash
// first, as Swift does, then on around the ring.
func (c *Client) order(hash string) []*node {
	at := sort.Search(len(c.points), func(i int) bool { return c.points[i].hash > hash })
	out := make([]*node, 0, min(c.cfg.Tries, len(c.nodes)))
	for i := 0; len(out) < cap(out); i++ {
		if n := c.points[(at+1+i)%len(c.points)].node; !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	return out
}

// Set tells the first server that answers.
func (c *Client) Set(ctx context.Context, key string, value []byte, ttl time.Duration) {
	hash := hashKey(key)
	if c.cfg.LargeValue > 0 && len(value) >= c.cfg.LargeValue {
		c.cfg.Log.Warn("value is large", "key_prefix", keyPrefix(key), "bytes", len(value))
	}
	_ = c.do(ctx, "set", hash, func(cn *conn) error {
		line, err := cn.ask(fmt.Appendf(nil, "set %s %d %d %d\r\n%s\r\n", hash, jsonFlag, c.expiry(ttl), len(value), value))
		if err == nil && line != "STORED" {
			err = fmt.Errorf("set was answered %q", line)
		}
		return err
	})
}

// Delete tells the first server that answers.
func (c *Client) Delete(ctx context.Context, key string) {
	hash := hashKey(key)
	_ = c.do(ctx, "delete", hash, func(cn *conn) error {
		_, err := cn.ask([]byte("delete " + hash + "\r\n"))
		return err
	})
}

// Incr adds delta to a counter, which starts at zero and does not fall below,
// and returns its new value.
func (c *Client) Incr(ctx context.Context, key string, delta int64, ttl time.Duration) (int64, error) {
	var value int64
	hash := hashKey(key)
	err := c.do(ctx, "incr", hash, func(cn *conn) (err error) {
		value, err = incr(cn, hash, delta, c.expiry(ttl))
		return err
	})
	return value, err
}

// expiry is seconds from now, or Unix time for what is far.
func (c *Client) expiry(ttl time.Duration) int64 {
	if ttl > maxRelative {
		return c.clock.Now().Add(ttl).Unix()
	}
	return int64(ttl / time.Second)
}

// Close drops the connections that are not in use.
func (c *Client) Close() {
	for _, n := range c.nodes {
		for range c.cfg.MaxConns {
			select {
			case cn := <-n.slots:
				if cn != nil {
					_ = cn.Close()
				}
				n.slots <- nil
			default:
			}
		}
	}
}

var errPool = errors.New("no connection became free in time")

var errNoServer = errors.New("no memcached server answers")

// do runs one exchange with the first server that takes part in it.
func (c *Client) do(ctx context.Context, verb, hash string, exchange func(*conn) error) error {
	for _, n := range c.order(hash) {
		if n.skipped(c.watch.Elapsed()) {
			continue
		}
		err := c.account(ctx, n, verb, func() error { return c.exchange(ctx, n, exchange) })
		if err == nil || ctx.Err() != nil {
			return err
		}
	}
	return errNoServer
}

// account keeps account of the failures of a server.
func (c *Client) account(ctx context.Context, n *node, verb string, exchange func() error) error {
	watch := host.StartStopwatch()
	err := exchange()
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	c.cfg.Log.Error("memcached failed", "server", n.name, "verb", verb, "err", err)
	c.cfg.Events.EmitTiming(event.Timing{Name: "memcached." + verb + "." + trouble(err) + ".timing", Duration: watch.Elapsed()})
	n.failed(c.watch.Elapsed(), c.cfg.ErrorLimit, c.cfg.ErrorInterval)
	return err
}

// trouble is the kind of a failure in the names of metrics.
func trouble(err error) string {
	var ne net.Error
	if errors.As(err, &ne) && ne.Timeout() || errors.Is(err, errPool) {
		return "timeout"
	}
	return "conn_err"
}

func (c *Client) exchange(ctx context.Context, n *node, exchange func(*conn) error) error {
	cn, err := free(ctx, n.slots, c.cfg.PoolTimeout)
	if err != nil {
		return err
	}
	defer func() { n.slots <- cn }() // a nil connection after a failure
	if cn == nil {
		if cn, err = c.dial(ctx, n.addr); err != nil {
			return err
		}
	}
	err = cn.SetDeadline(host.Deadline(c.cfg.IOTimeout))
	if err == nil {
		err = exchange(cn)
	}
	if err != nil {
		_ = cn.Close()
		cn = nil
	}
	return err
}

// free takes out what is free, or becomes free in time.
func free[T any](ctx context.Context, slots <-chan T, patience time.Duration) (slot T, err error) {
	select {
	case slot = <-slots:
		return slot, nil
	default:
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case slot = <-slots:
		return slot, nil
	case <-timer.C:
		return slot, errPool
	case <-ctx.Done():
		return slot, ctx.Err()
	}
}

func (c *Client) dial(ctx context.Context, addr string) (*conn, error) {
	nc, err := c.connect(ctx, addr)
	if err != nil {
		return nil, err
	}
	if c.cfg.TLS == nil {
		return &conn{nc, bufio.NewReader(nc)}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, c.cfg.IOTimeout)
	defer cancel()
	cfg := c.cfg.TLS.Clone()
	cfg.ServerName, _, _ = net.SplitHostPort(addr) // withPort has made it so
	secure := tls.Client(nc, cfg)
	if err := secure.HandshakeContext(ctx); err != nil {
		_ = nc.Close()
		return nil, err
	}
	return &conn{secure, bufio.NewReader(secure)}, nil
}

func (c *Client) connect(ctx context.Context, addr string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.ConnectTimeout)
	defer cancel()
	return c.net.Dial(ctx, addr)
}

func (n *node) skipped(now time.Duration) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return now < n.mu.skippedUntil
}

func (n *node) failed(now time.Duration, limit int, interval time.Duration) {
	if interval < 0 {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	recent := n.mu.errors[:0]
	for _, at := range n.mu.errors {
		if at > now-interval {
			recent = append(recent, at)
		}
	}
	n.mu.errors = append(recent, now)
	if len(n.mu.errors) > limit {
		n.mu.skippedUntil = now + interval
	}
}

// ask sends a command and reads the line of the answer.
func (cn *conn) ask(command []byte) (string, error) {
	if _, err := cn.Write(command); err != nil {
		return "", err
	}
	return cn.line()
}

func (cn *conn) line() (string, error) {
	line, err := cn.rd.ReadSlice('\n')
	if err != nil {
		return "", err
	}
	return strings.TrimRight(string(line), "\r\n"), nil
}

// incr counts, or adds the counter when there is none; somebody else may add
// it between the two.
func incr(cn *conn, hash string, delta, expiry int64) (int64, error) {
	verb, step := "incr", delta
	if delta < 0 {
		verb, step = "decr", -delta
	}
	count := func() (int64, bool, error) {
		line, err := cn.ask(fmt.Appendf(nil, "%s %s %d\r\n", verb, hash, step))
		if err != nil || line == "NOT_FOUND" {
			return 0, false, err
		}
		n, err := strconv.ParseInt(strings.TrimSpace(line), 10, 64)
		return n, true, err
	}
	n, ok, err := count()
	if ok || err != nil {
		return n, err
	}
	start := max(delta, 0)
	text := strconv.FormatInt(start, 10)
	line, err := cn.ask(fmt.Appendf(nil, "add %s 0 %d %d\r\n%s\r\n", hash, expiry, len(text), text))
	if err != nil || line == "STORED" {
		return start, err
	}
	n, ok, err = count()
	if err == nil && !ok {
		err = errors.New("the counter vanished twice")
	}
	return n, err
}
