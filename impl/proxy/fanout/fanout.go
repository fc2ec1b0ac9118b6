// Package fanout turns one request of the proxy into requests to the storage
// nodes that share the work: [Fanout.Put] streams a body to several nodes at
// once, [Fanout.Get] reads from one node and goes on at another when that one
// fails, [Fanout.Each] sends small requests to all replicas.
//
// Which nodes, how many have to agree and which answer is the client's are
// decided by pure functions (quorum.go, hunt.go); what is left is plumbing.
//
// # Ownership
//
// A fan-out ends everything that it began before it returns, but for two
// things. A response that it returns belongs to the caller, and closing its
// body closes the connection behind it. Nodes that have not answered when a
// quorum has may finish on their own: the Fanout owns those stragglers, each
// is bounded by the node timeout, and Close waits for them.
package fanout

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"apus/impl/backend"
	"apus/impl/event"
	"apus/impl/host"
	"apus/impl/swift"
)

// Config holds the tunables of a Fanout. Zero values mean the defaults.
type Config struct {
	NodeTimeout            time.Duration // default 10 s
	RecoverableNodeTimeout time.Duration // of reads that can go on elsewhere; default NodeTimeout
	PostQuorumTimeout      time.Duration // stragglers get this to be counted; default 0.5 s
	ClientChunkSize        int           // of a PUT's body; default 64 KiB
	InlinePut              int           // bodies of PUTs up to so many bytes go with the headers; default none
	SuppressionLimit       int           // errors of a node before it is skipped; default 10, negative: none
	SuppressionInterval    time.Duration // it is skipped for; default 60 s
	// Timed says that some Preferences sort by timing.
	Timed        bool
	TimingExpiry time.Duration // how long it is known how fast a node answers; default 300 s
	// RequestNodes is how many nodes a request may ask, by the number of
	// primaries; default twice that.
	RequestNodes func(primaries int) int
}

func (c Config) withDefaults() Config {
	def := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	def(&c.NodeTimeout, 10*time.Second)
	def(&c.RecoverableNodeTimeout, c.NodeTimeout)
	def(&c.PostQuorumTimeout, 500*time.Millisecond)
	def(&c.SuppressionInterval, time.Minute)
	def(&c.TimingExpiry, 5*time.Minute)
	if c.ClientChunkSize <= 0 {
		c.ClientChunkSize = 64 << 10
	}
	switch {
	case c.SuppressionLimit == 0:
		c.SuppressionLimit = 10
	case c.SuppressionLimit < 0:
		c.SuppressionLimit = 0
	}
	if c.RequestNodes == nil {
		c.RequestNodes = func(n int) int { return 2 * n }
	}
	return c
}

// Fanout sends requests to storage nodes.
type Fanout struct {
	cfg     Config
	client  *backend.Client
	limiter *limiter
	timings timings
	loads   loads
	events  *event.Sink
	chunks  *backend.Chunks
	life    context.Context // ends in Close at the latest
	end     context.CancelFunc
	owned   sync.WaitGroup
}

// New makes a Fanout over client, which stays the caller's.
func New(client *backend.Client, cfg Config, ev *event.Sink) *Fanout {
	cfg = cfg.withDefaults()
	f := &Fanout{
		cfg: cfg, client: client, events: ev,
		limiter: newLimiter(cfg.SuppressionLimit, cfg.SuppressionInterval, ev),
		chunks:  backend.NewChunks(cfg.ClientChunkSize),
	}
	f.timings.expiry = cfg.TimingExpiry
	f.life, f.end = context.WithCancel(context.Background())
	return f
}

// Close waits for stragglers, until ctx ends; then it cuts them off.
func (f *Fanout) Close(ctx context.Context) error {
	stop := context.AfterFunc(ctx, f.end)
	f.owned.Wait()
	stop()
	f.end()
	return ctx.Err()
}

// detach is a context for exchanges that may outlive the request: it ends
// with req until keep is called, and with the Fanout.
func (f *Fanout) detach(req context.Context) (ctx context.Context, keep func(), cancel context.CancelFunc) {
	ctx, cancel = context.WithCancel(f.life)
	stop := context.AfterFunc(req, cancel)
	return ctx, func() { stop() }, cancel
}

// Answer is a small response, read to its end.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
	Node   *Node // nil in answers that stand for a missing one
}

// get is the value of a header; Answers may have none.
func (a *Answer) get(name string) string {
	if a.Header == nil {
		return ""
	}
	return a.Header.Get(name)
}

// timed remembers how long a node took to answer, if nodes are sorted by that.
func (f *Fanout) timed(node *Node, sw host.Stopwatch) {
	if f.cfg.Timed {
		f.timings.seen(node, sw.Elapsed())
	}
}

// failed records an exchange that brought no answer.
func (f *Fanout) failed(node *Node, method, path, txn string, sw host.Stopwatch, err error) {
	f.events.EmitBackend(event.Backend{
		Node: node.key, Method: method, Path: path, TxnID: txn, Err: err, Duration: sw.Elapsed(),
	})
	if !errors.Is(err, context.Canceled) && swift.KindOf(err) == swift.Unavailable {
		f.limiter.failed(node, err.Error())
	}
}

// answered records an exchange, and reports whether the answer says something
// about what was asked and not about the node's own trouble.
func (f *Fanout) answered(node *Node, method, path, txn string, sw host.Stopwatch, status int) bool {
	f.events.EmitBackend(event.Backend{
		Node: node.key, Method: method, Path: path, TxnID: txn, Status: status, Duration: sw.Elapsed(),
	})
	switch {
	case status == http.StatusInsufficientStorage:
		f.limiter.limit(node, "507 Insufficient Storage")
		return false
	case status == statusTooManyBackendRequests:
		return false
	case status >= 500:
		f.limiter.failed(node, http.StatusText(status))
		return false
	}
	return true
}

// A node that limits its own rate answers this; it is not an error of the node.
const statusTooManyBackendRequests = 529
