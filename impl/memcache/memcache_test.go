package memcache

import (
	"context"
	"fmt"
	"testing"
	"time"

	"apus/impl/web/webtest"
)

var ctx = context.Background()

func TestLocal(t *testing.T) {
	clock := webtest.NewClock(1000)
	c := NewLocal(1<<20, clock)
	value := []byte("value")
	c.Set(ctx, "k", value, 10*time.Second)
	value[0] = 'X'
	if got, ok := c.Get(ctx, "k"); !ok || string(got) != "value" {
		t.Errorf("got %q, %v", got, ok)
	}
	clock.Advance(9 * time.Second)
	if _, ok := c.Get(ctx, "k"); !ok {
		t.Error("forgotten early")
	}
	clock.Advance(time.Second)
	if _, ok := c.Get(ctx, "k"); ok {
		t.Error("expired, but there")
	}
	c.Set(ctx, "for ever", nil, 0)
	clock.Advance(1000 * time.Hour)
	if _, ok := c.Get(ctx, "for ever"); !ok {
		t.Error("no expiry, but gone")
	}
	c.Delete(ctx, "for ever")
	c.Delete(ctx, "never there")
	if _, ok := c.Get(ctx, "for ever"); ok || c.mu.size != 0 || c.mu.recent.Len() != 0 {
		t.Errorf("deleted, but there (%d bytes, %d entries)", c.mu.size, c.mu.recent.Len())
	}
}

func TestLocalIsBounded(t *testing.T) {
	const room = 10
	c := NewLocal(room*(entryOverhead+2+100), webtest.NewClock(0))
	for i := range 3 * room {
		c.Set(ctx, fmt.Sprintf("%02d", i), make([]byte, 100), 0)
		_, _ = c.Get(ctx, "00") // in use all the time
	}
	if n := c.mu.recent.Len(); n != room || c.mu.size > c.max {
		t.Errorf("%d entries, %d bytes", n, c.mu.size)
	}
	for key, want := range map[string]bool{"00": true, "01": false, "20": false, "21": true, "29": true} {
		if _, ok := c.Get(ctx, key); ok != want {
			t.Errorf("%s: %v", key, ok)
		}
	}
	c.Set(ctx, "00", make([]byte, c.max), 0)
	if _, ok := c.Get(ctx, "00"); ok {
		t.Error("larger than the cache, but there")
	}
}

func TestLocalCounts(t *testing.T) {
	clock := webtest.NewClock(1000)
	c := NewLocal(1<<20, clock)
	incr := func(delta, want int64) {
		t.Helper()
		if got, err := c.Incr(ctx, "n", delta, time.Minute); err != nil || got != want {
			t.Errorf("%+d is %d, %v; want %d", delta, got, err, want)
		}
	}
	incr(5, 5)
	incr(-9, 0)
	c.Set(ctx, "n", []byte("1000000"), time.Minute)
	incr(2, 1000002)
	clock.Advance(time.Minute)
	incr(3, 3)
	c.Set(ctx, "n", []byte(`{"a": 1}`), 0)
	if _, err := c.Incr(ctx, "n", 1, 0); err == nil {
		t.Error("what is no number was counted up")
	}
	c.Delete(ctx, "n")
	if c.mu.size != 0 {
		t.Errorf("%d bytes are left of nothing", c.mu.size)
	}
}
