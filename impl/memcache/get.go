package memcache

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

const (
	// maxReading is how many batches of gets are under way to one server. More
	// would make them smaller, not faster.
	maxReading = 2
	// maxBatch bounds the keys of one command.
	maxBatch = 100
)

// ask is one key that is asked for.
type ask struct {
	hash  string
	nodes []*node // still to be tried, in turn
	value []byte  // nil is a miss
}

// batch is the keys of requests that were on their way at the same time, to be
// asked for by one command. Whoever opens it sends it; others may join until it
// is sent.
type batch struct {
	asks []*ask
	done chan struct{} // closed when the values, or err, are there
	err  error
}

// Get is a miss when no server answers.
func (c *Client) Get(ctx context.Context, key string) ([]byte, bool) {
	v := c.GetEach(ctx, key)[0]
	return v, v != nil
}

// GetEach asks for keys of one server together, also with those of other
// callers. A key is a miss when no server answers.
func (c *Client) GetEach(ctx context.Context, keys ...string) [][]byte {
	asks, pending := make([]ask, len(keys)), make([]*ask, len(keys))
	for i, key := range keys {
		asks[i].hash = hashKey(key)
		asks[i].nodes = c.order(asks[i].hash)
		pending[i] = &asks[i]
	}
	for {
		var now []*ask
		var n *node
		if n, now, pending = c.share(pending); n == nil {
			break
		}
		if c.read(ctx, n, now) == nil {
			continue
		}
		if ctx.Err() != nil {
			return make([][]byte, len(keys)) // the asks may still be written to
		}
		for _, a := range now {
			a.nodes, a.value = a.nodes[1:], nil
		}
		pending = append(pending, now...)
	}
	values := make([][]byte, len(keys))
	for i := range asks {
		values[i] = asks[i].value
	}
	return values
}

// share takes those of the asks out whose next server is the same, and returns
// the server too. Asks that no server is left for are dropped.
func (c *Client) share(asks []*ask) (n *node, now, later []*ask) {
	elapsed := c.watch.Elapsed()
	for _, a := range asks {
		for len(a.nodes) > 0 && a.nodes[0].skipped(elapsed) {
			a.nodes = a.nodes[1:]
		}
		switch {
		case len(a.nodes) == 0:
		case n == nil || n == a.nodes[0]:
			n, now = a.nodes[0], append(now, a)
		default:
			later = append(later, a)
		}
	}
	return n, now, later
}

// read asks a server for keys, in a batch that is open or in a new one.
func (c *Client) read(ctx context.Context, n *node, asks []*ask) error {
	b, first := n.join(asks)
	if !first {
		select {
		case <-b.done:
			return b.err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	// Others depend on this exchange, so it does not end with the caller's
	// interest. Its own limits are short.
	ctx = context.WithoutCancel(ctx)
	b.err = c.account(ctx, n, "get", func() error {
		if _, err := free(ctx, n.reading, c.cfg.PoolTimeout); err != nil {
			return err
		}
		defer func() { n.reading <- struct{}{} }()
		runtime.Gosched() // let those join that are about to ask
		return c.exchange(ctx, n, func(cn *conn) error { return get(cn, n.seal(b)) })
	})
	n.seal(b)
	close(b.done)
	return b.err
}

// join adds asks to the open batch, or opens one.
func (n *node) join(asks []*ask) (b *batch, first bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	b = n.mu.open
	if b == nil || len(b.asks)+len(asks) > maxBatch {
		b, first = &batch{done: make(chan struct{})}, true
		n.mu.open = b
	}
	b.asks = append(b.asks, asks...)
	return b, first
}

// seal lets nobody join any more.
func (n *node) seal(b *batch) []*ask {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.mu.open == b {
		n.mu.open = nil
	}
	return b.asks
}

// get asks for all keys and reads "VALUE key flags size" and the value of each
// that there is, and "END".
func get(cn *conn, asks []*ask) error {
	command := append(make([]byte, 0, 512), "get"...)
	var hashes []string
	for _, a := range asks {
		if !slices.Contains(hashes, a.hash) {
			hashes = append(hashes, a.hash)
			command = append(append(command, ' '), a.hash...)
		}
	}
	line, err := cn.ask(append(command, "\r\n"...))
	for ; err == nil && line != "END"; line, err = cn.line() {
		words := strings.Fields(line)
		if len(words) < 4 || words[0] != "VALUE" {
			return fmt.Errorf("get was answered %q", line)
		}
		flags, err1 := strconv.Atoi(words[2])
		size, err2 := strconv.Atoi(words[3])
		if err1 != nil || err2 != nil || size < 0 || size > maxValue {
			return fmt.Errorf("get was answered %q", line)
		}
		buf := make([]byte, size+len("\r\n"))
		if _, err := io.ReadFull(cn.rd, buf); err != nil {
			return err
		}
		if flags&pickleFlag != 0 {
			continue
		}
		for _, a := range asks {
			if a.hash == words[1] {
				a.value = buf[:size:size]
			}
		}
	}
	return err
}
