package web

import (
	"context"
	"time"
)

// Cache is a shared cache that may forget anything at any time. Its errors
// are misses.
type Cache interface {
	Get(ctx context.Context, key string) ([]byte, bool)
	// Set keeps value for ttl; zero is as long as the cache likes.
	Set(ctx context.Context, key string, value []byte, ttl time.Duration)
	Delete(ctx context.Context, key string)
}
