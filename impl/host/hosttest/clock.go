package hosttest

import (
	"testing"
	"time"

	"apus/impl/host"
)

// Clock runs the contract of host.Clock. A clock under test may be wrong, and
// may drift by a tenth, but must not jump while the suite runs.
func Clock(t *testing.T, make func(t *testing.T) host.Clock) { runAll(t, clockCases, make) }

// ClockBubble is Clock in bubbles.
func ClockBubble(t *testing.T, make func(t *testing.T) host.Clock) { runAllBubble(t, clockCases, make) }

var clockCases = []testCase[host.Clock]{
	{"ten digits", func(t *testing.T, c host.Clock) {
		// Timestamps of Swift need ten digits before the point.
		if unix := c.Now().Unix(); unix < 1e9 || unix >= 1e10 {
			t.Fatalf("%d seconds since 1970", unix)
		}
	}},
	{"goes on", func(t *testing.T, c host.Clock) {
		const nap = 50 * time.Millisecond
		before := c.Now()
		time.Sleep(nap)
		if passed := c.Now().Sub(before); passed < nap*9/10 {
			t.Fatalf("%v passed in a sleep of %v", passed, nap)
		}
	}},
	{"wall reading only", func(t *testing.T, c host.Clock) {
		now := c.Now()
		if rebuilt := time.Unix(0, now.UnixNano()); !rebuilt.Equal(now) {
			t.Fatalf("%v is not %v", rebuilt, now)
		}
	}},
}
