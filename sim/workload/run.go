package workload

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"sync"
	"time"

	"apus/impl/host"
	"apus/sim/model"
)

// World is where a script is played.
type World struct {
	// Net is the network stack of a client machine, by number of the client.
	Net func(client int) host.Net
	// Proxies are "ip:port". Clients take them in turn.
	Proxies []string
	// User and Key are shown to /auth/v1.0 once by each client.
	User, Key string
	// Start is virtual time zero, and Epoch what a right wall clock shows then.
	Start, Epoch time.Time
	// Known are values that were written before; may be nil.
	Known map[model.ValueID]model.Value
}

// Run plays a script and returns what the clients saw, sorted, without facts.
// It ends when every client is done, or soon after ctx; goroutines and
// connections are gone by then. An error means that the setup could not be
// done; the history tells how far it came.
func Run(ctx context.Context, s *Script, w World) (*model.History, error) {
	h := &model.History{Seed: s.Seed, Values: map[model.ValueID]model.Value{}}
	maps.Copy(h.Values, w.Known)
	values := newRegistry(h.Values)
	clients := make([]*client, max(1, len(s.Clients)))
	for i := range clients {
		clients[i] = newClient(i, s, w, values)
	}
	err := clients[0].setUp(ctx, s.Setup)
	if err == nil {
		var wg sync.WaitGroup
		for i, steps := range s.Clients {
			wg.Go(func() { clients[i].play(ctx, steps) })
		}
		wg.Wait()
	}
	for _, c := range clients {
		c.transport.CloseIdleConnections()
		h.Ops = append(h.Ops, c.ops...)
	}
	h.Sort()
	return h, err
}

// registry is the values written so far. Clients look up what others wrote.
type registry struct {
	mu struct {
		sync.Mutex
		byID  map[model.ValueID]model.Value
		bySum map[string]model.ValueID // of those that are no copies
	}
}

func newRegistry(byID map[model.ValueID]model.Value) *registry {
	r := &registry{}
	r.mu.byID, r.mu.bySum = byID, model.BySum(byID)
	return r
}

func (r *registry) add(v model.Value) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.mu.byID[v.ID] = v
	if !v.Copy {
		r.mu.bySum[v.Sum()] = v.ID
	}
}

// get is the value, or an empty one if nothing of that identity was written.
// What a copy is a copy of, its ETag tells.
func (r *registry) get(id model.ValueID, etag string) model.Value {
	r.mu.Lock()
	defer r.mu.Unlock()
	v := r.mu.byID[id]
	if !v.Copy {
		return v
	}
	return r.mu.byID[r.mu.bySum[strings.Trim(etag, `"`)]].As(id)
}

// client is one client; it belongs to one goroutine.
type client struct {
	id        int
	seed      uint64
	timeout   time.Duration
	w         World
	values    *registry
	transport *http.Transport
	turn      int // next proxy
	token     string
	account   string
	ops       []*model.Op
	seen      map[string]seen // by decoded path
	versions  map[string][]string
}

// seen is what a client last saw of a name.
type seen struct{ etag, modified string }

func newClient(id int, s *Script, w World, values *registry) *client {
	return &client{
		id: id, seed: s.Seed, timeout: s.Timeout, w: w, values: values, turn: id,
		seen: map[string]seen{}, versions: map[string][]string{}, transport: newTransport(w.Net(id)),
	}
}

// setUp does the steps, each until it succeeds.
func (c *client) setUp(ctx context.Context, steps []Step) error {
	const tries = 20
	for _, st := range steps {
		for try := 0; ; try++ {
			op := c.step(ctx, st)
			if op != nil && op.Resp.Success() {
				break
			}
			if try == tries || !sleep(ctx, time.Second) {
				return fmt.Errorf("workload: setup did not succeed: %v", op)
			}
		}
	}
	return nil
}

func (c *client) play(ctx context.Context, steps []Step) {
	for _, st := range steps {
		if !sleep(ctx, st.Think) {
			return
		}
		c.step(ctx, st)
	}
}

func sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// step does one step, with authentication first if need be, and returns its
// operation; nil if it came to nothing.
func (c *client) step(ctx context.Context, st Step) *model.Op {
	if c.token == "" && !c.authenticate(ctx) {
		return nil
	}
	var op *model.Op
	switch st.Kind {
	case model.ObjectPut:
		op = c.putObject(ctx, st)
	case model.ManifestPut:
		op = c.putLarge(ctx, st)
	case model.ObjectGet, model.ObjectHead, model.VersionGet:
		op = c.getObject(ctx, st)
	case model.ObjectCopy:
		op = c.copyObject(ctx, st)
	case model.BulkDelete:
		op = c.bulkDelete(ctx, st)
	default:
		op = c.simple(ctx, st)
	}
	if op != nil && op.Resp.Status == http.StatusUnauthorized && !op.Req.Signed {
		c.token = ""
	}
	return op
}

// authenticate fetches a token and the account, trying every proxy once.
func (c *client) authenticate(ctx context.Context) bool {
	for range c.w.Proxies {
		op := &model.Op{Client: c.id, Kind: model.Auth}
		ex := c.begin(ctx, op, Step{}, http.MethodGet, "")
		ex.req.URL.Path, ex.req.URL.RawPath = "/auth/v1.0", ""
		ex.req.Header.Set("X-Auth-User", c.w.User)
		ex.req.Header.Set("X-Auth-Key", c.w.Key)
		resp := ex.send()
		if resp == nil {
			continue
		}
		token, storage := resp.Header.Get("X-Auth-Token"), resp.Header.Get("X-Storage-Url")
		ex.finish(resp)
		if account, ok := accountOf(storage); ok && op.Resp.Success() && token != "" {
			c.token, c.account = token, account
			return true
		}
	}
	return false
}
