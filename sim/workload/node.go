package workload

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"sort"
	"sync"
	"sync/atomic"
	"time"

	"apus/impl/host"
	"apus/impl/swift"
	"apus/sim/model"
)

// NodeConfig is what to ask one storage node.
type NodeConfig struct {
	Seed    uint64
	Clients int
	Steps   int // of each client
	Names   int // objects, or rows of the one container
	Think   time.Duration
	Timeout time.Duration
	MaxSize int64
	Subject NodeSubject
	// Extras draws, besides plain writes and reads, everything else that the
	// server promises an order for: conditional and malformed writes, expiry,
	// content types and metadata with times of their own, merges.
	Extras bool
	// Apart gives every client names of its own and timestamps that rise, so
	// that it follows from the answers what there is at the end, which each
	// client then reads.
	Apart bool
}

// NodeSubject is what the clients write and read.
type NodeSubject int

// Subjects of a node workload.
const (
	NodeObjects    NodeSubject = iota // of an object server
	NodeRows                          // of one container of a container server
	NodeContainers                    // of a container server: created, removed and created again
	NodeAccounts                      // of an account server; RunNode does not know them
)

// Subjects is how many RunNode knows.
const Subjects = 3

// NodeWorld is where the node is.
type NodeWorld struct {
	Net    func(client int) host.Net
	Addr   string // "ip:port"
	Device string
	// Partition places a path; the servers do not check it, but paths of one
	// object must agree.
	Partition func(p swift.Path) uint32
	// Header adds to the headers of a write, such as where its row goes; may be
	// nil.
	Header func(h http.Header, o *model.NodeOp)
	Start  time.Time // virtual time zero
	Epoch  time.Time // wall clock at virtual time zero
}

// The names that node workloads use.
const (
	NodeAccount   = "AUTH_node"
	NodeContainer = "c"
)

// RunNode drives one storage node directly, with timestamps of its own that
// mostly rise and sometimes do not. The node may be killed and restarted
// meanwhile; who does so adds the crashes to the history. A container server
// gets its container first.
func RunNode(ctx context.Context, cfg NodeConfig, w NodeWorld) (*model.NodeHistory, error) {
	h := &model.NodeHistory{Seed: cfg.Seed}
	var turn atomic.Int64
	clients := make([]*nodeClient, cfg.Clients)
	for i := range clients {
		clients[i] = &nodeClient{
			id: i, cfg: cfg, w: w, turn: &turn, rng: rand.New(rand.NewPCG(cfg.Seed, uint64(i))), transport: newTransport(w.Net(i)),
		}
	}
	if cfg.Subject == NodeRows {
		if err := clients[0].makeContainer(ctx); err != nil {
			return h, err
		}
	}
	var wg sync.WaitGroup
	for _, c := range clients {
		wg.Go(func() { c.play(ctx) })
	}
	wg.Wait()
	for _, c := range clients {
		c.transport.CloseIdleConnections()
		h.Ops = append(h.Ops, c.ops...)
	}
	sort.SliceStable(h.Ops, func(i, j int) bool { return h.Ops[i].Start < h.Ops[j].Start })
	for i, o := range h.Ops {
		o.ID = i
	}
	return h, nil
}

type nodeClient struct {
	id        int
	cfg       NodeConfig
	w         NodeWorld
	turn      *atomic.Int64 // of all clients
	rng       *rand.Rand
	transport *http.Transport
	ops       []*model.NodeOp
}

func (c *nodeClient) play(ctx context.Context) {
	for n := range c.cfg.Steps {
		if !sleep(ctx, time.Duration(min(c.rng.ExpFloat64(), 5)*float64(c.cfg.Think))) {
			return
		}
		o := c.step(n)
		c.ask(ctx, o)
		if o.NoDial && !sleep(ctx, 100*time.Millisecond) {
			return
		}
	}
	for n := range c.cfg.Names {
		if c.cfg.Apart {
			c.ask(ctx, &model.NodeOp{Client: c.id, Kind: model.NodeGet, Name: c.name(n)})
		}
	}
}

// name is the n-th name that the client uses.
func (c *nodeClient) name(n int) model.Name {
	if c.cfg.Apart {
		return model.Name(fmt.Sprintf("o%d-%d", c.id, n))
	}
	return model.Name(fmt.Sprintf("o%d", n))
}

// stamp draws a timestamp that nobody else draws, near the present and, now
// and then, older than one drawn before.
func (c *nodeClient) stamp() swift.Timestamp {
	const unique = 1000
	n := c.turn.Add(1)
	base := swift.TimestampOf(c.w.Epoch).Ticks()
	if c.cfg.Apart {
		return swift.NewTimestamp(base+n*unique, 0)
	}
	return swift.NewTimestamp(base+(n+c.rng.Int64N(9))*unique+n%unique, 0)
}

// makeContainer asks for the container until the server has it.
func (c *nodeClient) makeContainer(ctx context.Context) error {
	const tries = 20
	p := swift.Path{Account: NodeAccount, Container: NodeContainer}
	for range tries {
		u := &url.URL{Scheme: "http", Host: c.w.Addr, Path: fmt.Sprintf("/%s/%d%s", c.w.Device, c.w.Partition(p), p)}
		req := (&http.Request{Method: http.MethodPut, URL: u, Host: c.w.Addr, Header: http.Header{}, Body: http.NoBody}).WithContext(ctx)
		req.Header.Set("X-Timestamp", swift.TimestampOf(c.w.Epoch).Normal())
		req.Header.Set("X-Backend-Storage-Policy-Index", "0")
		resp, err := c.transport.RoundTrip(req)
		if err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode/100 == 2 {
				return nil
			}
		}
		if !sleep(ctx, time.Second) {
			break
		}
	}
	return fmt.Errorf("workload.RunNode: %s does not make a container", c.w.Addr)
}
