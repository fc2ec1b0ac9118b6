package web

import (
	"context"
	"time"
)

// Cache is a shared cache that may forget anything at any time. Its errors
// are misses.
type Cache interface {
	// Get is the value of a key. It is shared: do not modify it.
	Get(ctx context.Context, key string) ([]byte, bool)
	// GetEach is Get of several keys, in as few round trips as they take. A nil
	// value stands for a miss.
	GetEach(ctx context.Context, keys ...string) [][]byte
	// Set keeps value for ttl; zero is as long as the cache likes.
	Set(ctx context.Context, key string, value []byte, ttl time.Duration)
	Delete(ctx context.Context, key string)
	// Incr adds delta to a counter, which starts at zero, does not fall below
	// and is kept for ttl from its first step, and returns its new value. The
	// error says that nothing was counted. A counter is an entry of decimal
	// digits: Set gives it another value.
	Incr(ctx context.Context, key string, delta int64, ttl time.Duration) (int64, error)
}
