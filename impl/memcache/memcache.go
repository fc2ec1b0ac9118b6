// Package memcache holds what proxies share for a while: [Local] keeps it in
// the process, [Client] in memcached servers as Swift does.
package memcache

import (
	"container/list"
	"context"
	"fmt"
	"strconv"
	"sync"
	"time"

	"apus/impl/host"
	"apus/impl/web"
)

// Cache is what filters use.
type Cache = web.Cache

// entryOverhead is a guess at what an entry costs beside key and value.
const entryOverhead = 200

// Local is a cache in the process. When it is full, what was not used for
// longest goes.
type Local struct {
	max   int64
	clock host.Clock
	mu    struct {
		sync.Mutex
		entries map[string]*list.Element
		recent  *list.List // of *entry; front was used last
		size    int64
	}
}

type entry struct {
	key     string
	value   []byte
	expires time.Time // zero: never
}

func (e *entry) size() int64 { return int64(len(e.key) + len(e.value) + entryOverhead) }

var _ Cache = (*Local)(nil)

// NewLocal holds up to about maxBytes.
func NewLocal(maxBytes int64, clock host.Clock) *Local {
	c := &Local{max: maxBytes, clock: clock}
	c.mu.entries, c.mu.recent = map[string]*list.Element{}, list.New()
	return c
}

// Get is the value that was set last, unless it was forgotten. Do not modify
// it.
func (c *Local) Get(_ context.Context, key string) ([]byte, bool) {
	now := c.clock.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	el := c.mu.entries[key]
	if el == nil {
		return nil, false
	}
	e := el.Value.(*entry)
	if !e.expires.IsZero() && !now.Before(e.expires) {
		c.removeLocked(el)
		return nil, false
	}
	c.mu.recent.MoveToFront(el)
	return e.value, true
}

// GetEach is Get of each key.
func (c *Local) GetEach(ctx context.Context, keys ...string) [][]byte {
	values := make([][]byte, len(keys))
	for i, key := range keys {
		values[i], _ = c.Get(ctx, key)
	}
	return values
}

// Set remembers a copy of value. A value larger than the cache is forgotten
// at once.
func (c *Local) Set(_ context.Context, key string, value []byte, ttl time.Duration) {
	e := &entry{key: key, value: append([]byte(nil), value...)}
	if ttl > 0 {
		e.expires = c.clock.Now().Add(ttl)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if el := c.mu.entries[key]; el != nil {
		c.removeLocked(el)
	}
	if e.size() > c.max {
		return
	}
	c.addLocked(e)
}

// Delete forgets.
func (c *Local) Delete(_ context.Context, key string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if el := c.mu.entries[key]; el != nil {
		c.removeLocked(el)
	}
}

// Incr counts. The counter is an entry of decimal digits, as in memcached.
func (c *Local) Incr(_ context.Context, key string, delta int64, ttl time.Duration) (int64, error) {
	now := c.clock.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	if el := c.mu.entries[key]; el != nil {
		if e := el.Value.(*entry); e.expires.IsZero() || now.Before(e.expires) {
			c.mu.recent.MoveToFront(el)
			return c.countLocked(e, delta)
		}
		c.removeLocked(el)
	}
	e := &entry{key: key, value: strconv.AppendInt(nil, max(0, delta), decimal)}
	if ttl > 0 {
		e.expires = now.Add(ttl)
	}
	c.addLocked(e)
	return max(0, delta), nil
}

const decimal = 10

func (c *Local) countLocked(e *entry, delta int64) (int64, error) {
	n, err := strconv.ParseInt(string(e.value), decimal, 64)
	if err != nil {
		return 0, fmt.Errorf("memcache: %q is no counter", e.key)
	}
	n = max(0, n+delta)
	c.mu.size -= e.size()
	e.value = strconv.AppendInt(nil, n, decimal) // readers may hold the old one
	c.mu.size += e.size()
	return n, nil
}

func (c *Local) addLocked(e *entry) {
	c.mu.entries[e.key] = c.mu.recent.PushFront(e)
	c.mu.size += e.size()
	for c.mu.size > c.max {
		c.removeLocked(c.mu.recent.Back())
	}
}

func (c *Local) removeLocked(el *list.Element) {
	e := c.mu.recent.Remove(el).(*entry)
	delete(c.mu.entries, e.key)
	c.mu.size -= e.size()
}
