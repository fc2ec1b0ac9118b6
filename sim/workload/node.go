package workload

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"sort"
	"strconv"
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
	Rows    bool // a container server; else an object server
}

// NodeWorld is where the node is.
type NodeWorld struct {
	Net    func(client int) host.Net
	Addr   string // "ip:port"
	Device string
	// Partition places a path; the servers do not check it, but paths of one
	// object must agree.
	Partition func(p swift.Path) uint32
	Start     time.Time // virtual time zero
	Epoch     time.Time // wall clock at virtual time zero
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
	if cfg.Rows {
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
		if o := c.step(ctx, n); o.NoDial && !sleep(ctx, 100*time.Millisecond) {
			return
		}
	}
}

// stamp draws a timestamp that nobody else draws, near the present and, now
// and then, older than one drawn before.
func (c *nodeClient) stamp() swift.Timestamp {
	const unique = 1000
	n := c.turn.Add(1)
	base := swift.TimestampOf(c.w.Epoch).Ticks()
	return swift.NewTimestamp(base+(n+c.rng.Int64N(9))*unique+n%unique, 0)
}

func (c *nodeClient) step(ctx context.Context, n int) *model.NodeOp {
	o := &model.NodeOp{Client: c.id, Name: model.Name(fmt.Sprintf("o%d", c.rng.IntN(c.cfg.Names)))}
	x := c.rng.IntN(100)
	switch {
	case c.cfg.Rows && x < 40:
		o.Kind = model.RowPut
	case c.cfg.Rows && x < 60:
		o.Kind = model.RowDelete
	case c.cfg.Rows:
		o.Kind, o.Name = model.RowList, ""
	case x < 35:
		o.Kind = model.NodePut
	case x < 45:
		o.Kind = model.NodePost
	case x < 55:
		o.Kind = model.NodeDelete
	default:
		o.Kind = model.NodeGet
	}
	if o.Kind != model.NodeGet && o.Kind != model.RowList {
		o.Timestamp = c.stamp().Normal()
		o.Value = model.NewValueID(c.cfg.Seed, c.id, n)
	}
	c.ask(ctx, o)
	return o
}

// ask sends one request and records the answer.
func (c *nodeClient) ask(ctx context.Context, o *model.NodeOp) {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
	defer cancel()
	req := c.request(ctx, o)
	c.ops = append(c.ops, o)
	o.Start = time.Since(c.w.Start)
	defer func() { o.End = time.Since(c.w.Start) }()
	resp, err := c.transport.RoundTrip(req)
	if err != nil {
		var d *dialError
		o.NoDial, o.Err = errors.As(err, &d), err.Error()
		return
	}
	defer func() { _ = resp.Body.Close() }()
	if err := c.answer(o, resp); err != nil {
		// Without its body the answer to a read says nothing; that to a write
		// was in the status.
		o.Err = err.Error()
		if o.Kind == model.NodeGet || o.Kind == model.RowList {
			return
		}
	}
	o.Status = resp.StatusCode
}

func (c *nodeClient) request(ctx context.Context, o *model.NodeOp) *http.Request {
	p := swift.Path{Account: NodeAccount, Container: NodeContainer, Object: string(o.Name)}
	place := p
	if c.cfg.Rows {
		place = p.Parent()
		if o.Kind == model.RowList {
			place = p
		}
	}
	u := &url.URL{Scheme: "http", Host: c.w.Addr, Path: fmt.Sprintf("/%s/%d%s", c.w.Device, c.w.Partition(place), p)}
	method := map[model.NodeKind]string{
		model.NodePut: "PUT", model.NodePost: "POST", model.NodeDelete: "DELETE", model.NodeGet: "GET",
		model.RowPut: "PUT", model.RowDelete: "DELETE", model.RowList: "GET",
	}[o.Kind]
	req := (&http.Request{Method: method, URL: u, Host: c.w.Addr, Header: http.Header{}, Body: http.NoBody}).WithContext(ctx)
	req.Header.Set("X-Backend-Storage-Policy-Index", "0")
	if o.Timestamp != "" {
		req.Header.Set("X-Timestamp", o.Timestamp)
	}
	c.fill(req, o)
	return req
}

// fill adds what a write carries.
func (c *nodeClient) fill(req *http.Request, o *model.NodeOp) {
	v := model.Value{ID: o.Value}
	switch o.Kind {
	case model.NodePut:
		v = model.NewValue(o.Value, nodeSize(o.Value, c.cfg.MaxSize))
		req.Header.Set("Content-Type", o.Value.ContentType())
		req.ContentLength = v.Size
		if v.Size > 0 {
			req.Body = io.NopCloser(v.Reader(0))
		}
	case model.NodePost:
		req.Header.Set("X-Object-Meta-Post", o.Value.String())
	case model.RowPut:
		req.Header.Set("X-Size", strconv.FormatUint(uint64(o.Value)%1e6, 10))
		req.Header.Set("X-Content-Type", o.Value.ContentType())
		req.Header.Set("X-Etag", o.Value.String())
	case model.RowList:
		req.URL.RawQuery = "format=json"
	}
}

// nodeSize is how large a value is: known to readers from its identity.
func nodeSize(id model.ValueID, most int64) int64 {
	return int64(uint64(id) >> 8 % uint64(most+1))
}

// answer reads what a read saw; err when the body broke off.
func (c *nodeClient) answer(o *model.NodeOp, resp *http.Response) error {
	switch {
	case o.Kind == model.NodeGet && resp.StatusCode == http.StatusOK:
		o.Seen = model.ValueOfType(resp.Header.Get("Content-Type"))
		o.SeenStamp = resp.Header.Get("X-Timestamp")
		_ = o.SeenPost.UnmarshalText([]byte(resp.Header.Get("X-Object-Meta-Post"))) // absent: 0
		v := model.NewValue(o.Seen, nodeSize(o.Seen, c.cfg.MaxSize))
		span, err := v.Compare(resp.Body, 0)
		switch {
		case span.Bad >= 0:
			o.Bad = fmt.Sprintf("byte %d is not that of value %s: %s", span.Bad, o.Seen, span.Found)
		case err == nil && span.Got != v.Size:
			o.Bad = fmt.Sprintf("%d bytes came, value %s has %d", span.Got, o.Seen, v.Size)
		}
		return err
	case o.Kind == model.NodeGet && resp.StatusCode == http.StatusNotFound:
		o.SeenStamp = resp.Header.Get("X-Backend-Timestamp")
	case o.Kind == model.RowList && resp.StatusCode == http.StatusOK:
		return nodeRows(o, resp)
	}
	_, err := io.CopyN(io.Discard, resp.Body, drainLimit)
	if err == io.EOF {
		err = nil
	}
	return err
}

func nodeRows(o *model.NodeOp, resp *http.Response) error {
	text, err := io.ReadAll(io.LimitReader(resp.Body, drainLimit))
	if err != nil {
		return err
	}
	var lines []struct {
		Name string
		Type string `json:"content_type"`
	}
	if err := json.NewDecoder(bytes.NewReader(text)).Decode(&lines); err != nil {
		o.Bad = fmt.Sprintf("the listing is no JSON: %v", err)
		return nil
	}
	for _, l := range lines {
		o.Rows = append(o.Rows, model.NodeRow{Name: model.Name(l.Name), Value: model.ValueOfType(l.Type)})
	}
	return nil
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
