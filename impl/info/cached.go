package info

import (
	"bytes"
	"context"
	"encoding/json"
	"math/rand/v2"
	"sync"
	"time"

	"apus/impl/web"
)

// Common is what the requests to one proxy have in common.
type Common struct {
	// SkipAccount and SkipContainer are the shares of look-ups, from 0 to 1, that
	// pass by the shared cache, so that no entry can live on because every
	// request finds it.
	SkipAccount, SkipContainer float64

	read readings
}

const commonKey = "common"

// Begin is called once for a request, at its arrival.
func Begin(req *web.Request, c *Common) { keep(req, commonKey, c) }

// cached is the shared cache's entry of an account.
func cached(ctx context.Context, req *web.Request, key string) ([]byte, bool) {
	if req.Meta.Cache == nil || skipped(req, false) {
		return nil, false
	}
	if v, ok := local[[]byte](req, aheadKey(key)); ok {
		return v, v != nil
	}
	return req.Meta.Cache.Get(ctx, key)
}

// aheadKey is where the entry of an account is that was read ahead.
func aheadKey(key string) string { return "ahead:" + key }

// cachedContainer is the shared cache's entry of a container. Whoever asks for
// it asks for its account next, so the entry of that comes along.
func cachedContainer(ctx context.Context, req *web.Request, key, account string) ([]byte, bool) {
	if req.Meta.Cache == nil || skipped(req, true) {
		return nil, false
	}
	if _, known := local[*AccountInfo](req, account); known {
		return req.Meta.Cache.Get(ctx, key)
	}
	v := req.Meta.Cache.GetEach(ctx, key, account)
	keep(req, aheadKey(account), v[1])
	return v[0], v[0] != nil
}

func skipped(req *web.Request, container bool) bool {
	c, ok := local[*Common](req, commonKey)
	switch {
	case !ok:
		return false
	case container:
		return c.SkipContainer > 0 && rand.Float64() < c.SkipContainer
	}
	return c.SkipAccount > 0 && rand.Float64() < c.SkipAccount
}

func share(ctx context.Context, req *web.Request, key string, v any, ttl time.Duration) {
	if req.Meta.Cache == nil || ttl <= 0 {
		return
	}
	if b, err := json.Marshal(v); err == nil {
		req.Meta.Cache.Set(ctx, key, b, ttl)
	}
}

// decoded is what an entry says; nil for nonsense. Entries change seldom, and
// the same bytes are not read twice.
func decoded[T any](req *web.Request, key string, entry []byte, decode func([]byte) *T) *T {
	c, ok := local[*Common](req, commonKey)
	if !ok {
		return decode(entry)
	}
	if v, ok := c.read.find(key, entry).(*T); ok {
		return v
	}
	v := decode(entry)
	if v != nil {
		c.read.add(key, entry, v)
	}
	return v
}

// readings are what the entries of the shared cache said when they were read
// last. What was found in the older generation moves to the newer one; when
// that is full it becomes the older one, and what was older is forgotten.
type readings struct {
	mu           sync.Mutex
	newer, older map[string]reading
}

// A reading holds the bytes that it is of.
type reading struct {
	entry []byte
	value any
}

// maxReadings is the size of a generation. A reading takes about 1 KiB.
const maxReadings = 4096

func (r *readings) find(key string, entry []byte) any {
	r.mu.Lock()
	defer r.mu.Unlock()
	have, ok := r.newer[key]
	if !ok {
		if have, ok = r.older[key]; ok {
			r.addLocked(key, have)
		}
	}
	if !ok || !bytes.Equal(have.entry, entry) {
		return nil
	}
	return have.value
}

func (r *readings) add(key string, entry []byte, value any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.addLocked(key, reading{entry, value})
}

func (r *readings) addLocked(key string, v reading) {
	if r.newer == nil || len(r.newer) >= maxReadings {
		r.older, r.newer = r.newer, map[string]reading{}
	}
	r.newer[key] = v
}
