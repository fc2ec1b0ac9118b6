package main

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"apus/impl/broker"
	"apus/impl/host/real"
	"apus/impl/swift"
)

const (
	// stride visits the rows in an order that is far from that of their names.
	stride = 7919
	// grouped is how many names have a prefix in common.
	grouped = 1000
	// listed is how many names a page has.
	listed = 10_000
	// pages is how often a page is fetched.
	pages = 9
	stamp = "1700000002.00000"
	etag  = "d41d8cd98f00b204e9800998ecf8427e"
)

// order says which row comes at i-th, of so many.
type order func(i, of int) int

// orders are those in which rows come in bulk, by what to call them.
var orders = []struct {
	name string
	by   order
}{{"in order", inOrder}, {"scattered", scattered}}

// inOrder is that of the names. A batch of rows fills a few new pages of the
// database.
func inOrder(i, _ int) int { return i }

// scattered is none. With a million rows a batch of 10,000 changes about half of
// all pages of the index, each of which is written twice and synced: it is the
// disk that is measured.
func scattered(i, of int) int { return i * stride % of }

func name(k int) string { return fmt.Sprintf("group-%04d/object-%08d", k/grouped, k) }

func object(k int) broker.Object {
	return broker.Object{Name: name(k), CreatedAt: stamp, Size: 1, ContentType: "text/plain", ETag: etag}
}

// target is where a database is, as REPLICATE and the others name it.
func target(path string) (replicate, plain string) {
	sum := md5.Sum([]byte(path + hashSuffix))
	part := binary.BigEndian.Uint32(sum[:4]) >> 28
	return fmt.Sprintf("/d1/%d/%x", part, sum), fmt.Sprintf("/d1/%d%s", part, path)
}

// client keeps one connection.
type client struct {
	http.Client
	base string
}

func (n *node) client(kind string) *client {
	return &client{http.Client{Transport: &http.Transport{}}, "http://" + n.addr(kind)}
}

func (c *client) do(ctx context.Context, method, path string, body []byte) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header = http.Header{
		"X-Timestamp": {stamp}, "X-Put-Timestamp": {stamp}, "X-Size": {"1"}, "X-Content-Type": {"text/plain"}, "X-Etag": {etag},
		"X-Backend-Storage-Policy-Index": {"0"},
	}
	resp, err := c.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode/100 != 2 {
		err = fmt.Errorf("%s %s: status %d: %.200s", method, path, resp.StatusCode, answer)
	}
	return answer, err
}

const grown = "/AUTH_bench/grown"

// grow puts rows one by one into a new container. It tells how long all took
// and how long the last tenth.
func (n *node) grow(ctx context.Context, o options) (all, last time.Duration, err error) {
	_, path := target(grown)
	first := n.client("container")
	defer first.CloseIdleConnections()
	if _, err := first.do(ctx, http.MethodPut, path, nil); err != nil {
		return 0, 0, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var next atomic.Int64
	var tenth atomic.Int64 // when it began, in nanoseconds
	var wait sync.WaitGroup
	begun := time.Now()
	for range o.clients {
		wait.Go(func() {
			c := n.client("container")
			defer c.CloseIdleConnections()
			for i := int(next.Add(1)) - 1; i < o.rows; i = int(next.Add(1)) - 1 {
				if i == o.rows-o.rows/10 {
					tenth.Store(int64(time.Since(begun)))
				}
				if _, err := c.do(ctx, http.MethodPut, path+"/"+name(scattered(i, o.rows)), nil); err != nil {
					cancel(err)
					return
				}
			}
		})
	}
	wait.Wait()
	all = time.Since(begun)
	return all, all - time.Duration(tenth.Load()), context.Cause(ctx)
}

// bulk is a way to merge many rows at once, in an order, into a new database
// named like what it measures.
type bulk struct {
	name string
	run  func(ctx context.Context, n *node, o options, by order, database string) (time.Duration, error)
}

func bulks() []bulk {
	return []bulk{
		{"merge_items of a container over HTTP", func(ctx context.Context, n *node, o options, by order, database string) (time.Duration, error) {
			hash, path := target("/AUTH_bench/merged-" + database)
			return n.send(ctx, o, by, "container", "REPLICATE", path, hash, containerItem, mergeItems)
		}},
		{"UPDATE of a container over HTTP", func(ctx context.Context, n *node, o options, by order, database string) (time.Duration, error) {
			_, path := target("/AUTH_bench/updated-" + database)
			return n.send(ctx, o, by, "container", "UPDATE", path, path, containerItem, func(items []broker.Item) any { return items })
		}},
		{"merge_items of an account over HTTP", func(ctx context.Context, n *node, o options, by order, database string) (time.Duration, error) {
			hash, path := target("/AUTH_bench-" + database)
			return n.send(ctx, o, by, "account", "REPLICATE", path, hash, accountItem, mergeItems)
		}},
		{"broker.MergeItems", mergeHere},
	}
}

func mergeItems(items []broker.Item) any { return []any{"merge_items", items, "remote"} }

func containerItem(i, k int) broker.Item { return broker.ObjectItem(int64(i), object(k)) }

func accountItem(i, k int) broker.Item {
	put, _ := swift.ParseTimestamp(stamp) // it is one
	return broker.ContainerItem(int64(i), broker.ContainerRow{Name: name(k), PutTimestamp: put, ObjectCount: 1, BytesUsed: 1})
}

// send makes a database at path and sends it all rows. What the client does to
// make the bodies does not count.
func (n *node) send(ctx context.Context, o options, by order, kind, method, path, to string, item func(i, k int) broker.Item, body func([]broker.Item) any) (took time.Duration, err error) {
	c := n.client(kind)
	defer c.CloseIdleConnections()
	if _, err := c.do(ctx, http.MethodPut, path, nil); err != nil {
		return 0, err
	}
	for from := 0; from < o.rows; from += o.batch {
		text, err := json.Marshal(body(items(from, o, by, item)))
		if err != nil {
			return 0, err
		}
		begun := time.Now()
		if _, err := c.do(ctx, method, to, text); err != nil {
			return 0, err
		}
		took += time.Since(begun)
	}
	return took, nil
}

func items(from int, o options, by order, item func(i, k int) broker.Item) []broker.Item {
	out := make([]broker.Item, o.batch)
	for i := range out {
		out[i] = item(from+i, by(from+i, o.rows))
	}
	return out
}

// mergeHere merges without a server.
func mergeHere(ctx context.Context, n *node, o options, by order, database string) (took time.Duration, err error) {
	hasher, err := swift.NewHasher("", hashSuffix)
	if err != nil {
		return 0, err
	}
	cfg := broker.DefaultConfig()
	cfg.Devices = n.DeviceDir
	p := broker.NewPool(real.New("bench", slog.New(slog.DiscardHandler)), hasher, cfg, nil)
	defer p.Close()
	c := p.Container("d1", "0", "AUTH_bench", "here-"+database)
	put, err := swift.ParseTimestamp(stamp)
	if err == nil {
		err = c.Create(ctx, broker.ContainerInit{PutTimestamp: put, Limits: swift.DefaultLimits()})
	}
	for from := 0; from < o.rows && err == nil; from += o.batch {
		rows := items(from, o, by, containerItem)
		begun := time.Now()
		err = c.MergeItems(ctx, rows, "remote")
		took += time.Since(begun)
	}
	return took, err
}

// listing is a page and how many entries it has.
type listing struct {
	name, query string
	entries     int
}

func listings(o options) []listing {
	groups := min((o.rows+grouped-1)/grouped, listed)
	middle := o.rows / grouped / 2
	return []listing{
		{"listing of 10,000 names from the start", "?format=json", listed},
		{"listing of 10,000 names from the middle", fmt.Sprintf("?format=json&marker=group-%04d", middle), min(listed, o.rows-middle*grouped)},
		{"first page with a delimiter", "?format=json&delimiter=/", groups},
	}
}

// list fetches a page some times; the median.
func (n *node) list(l listing) (time.Duration, error) {
	_, path := target(grown)
	c := n.client("container")
	defer c.CloseIdleConnections()
	var took []time.Duration
	for range pages {
		begun := time.Now()
		answer, err := c.do(context.Background(), http.MethodGet, path+l.query, nil)
		if err != nil {
			return 0, err
		}
		took = append(took, time.Since(begun))
		var entries []json.RawMessage
		if err := json.Unmarshal(answer, &entries); err != nil || len(entries) != l.entries {
			return 0, fmt.Errorf("%d entries instead of %d: %w", len(entries), l.entries, err)
		}
	}
	slices.Sort(took)
	return took[len(took)/2], nil
}
