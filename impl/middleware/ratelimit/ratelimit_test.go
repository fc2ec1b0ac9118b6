package ratelimit_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"apus/impl/host"
	"apus/impl/memcache"
	"apus/impl/middleware/ratelimit"
	"apus/impl/web"
	"apus/impl/web/webtest"
)

// clock is the bubble's.
type clock struct{}

func (clock) Now() time.Time { return time.Now() }

// world is an account whose flag is given, with a container of 10 objects.
type world struct {
	h     web.Handler
	cache web.Cache
}

func build(t *testing.T, options, flag string) *world {
	t.Helper()
	f, _ := webtest.Filter(t, ratelimit.New, &host.Host{Clock: clock{}, Log: slog.New(slog.DiscardHandler)}, options, nil)
	next := func(_ context.Context, req *web.Request) *web.Response {
		switch req.Method + " " + req.Path {
		case "HEAD /v1/a":
			return webtest.Response(204, "", "X-Account-Sysmeta-Global-Write-Ratelimit", flag)
		case "HEAD /v1/a/c":
			return webtest.Response(204, "", "X-Container-Object-Count", "10")
		case "HEAD /v1/a/empty":
			return webtest.Response(204, "")
		}
		return webtest.Response(299, "went on")
	}
	return &world{f(web.HandlerFunc(next)), memcache.NewLocal(1<<20, clock{})}
}

// do is the answer and how long it took.
func (w *world) do(method, path string) (webtest.Result, time.Duration) {
	req := webtest.Request(method, path)
	req.Meta.Cache = w.cache
	start := time.Now()
	return webtest.Do(w.h, req), time.Since(start)
}

func bubble(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		webtest.TrackBodies(t)
		f(t)
	})
}

// Requests at twice the rate take twice the time, whatever is limited.
func TestRates(t *testing.T) {
	for _, tt := range []struct {
		name, options, flag, method, path string
		limited                           bool // to 5 a second
	}{
		{"container PUT", "account_ratelimit = 5", "", "PUT", "/v1/a/c", true},
		{"container DELETE", "account_ratelimit = 5", "", "DELETE", "/v1/a/c", true},
		{"container POST", "account_ratelimit = 5", "", "POST", "/v1/a/c", false},
		{"container GET", "account_ratelimit = 5", "", "GET", "/v1/a/c", false},
		{"account", "account_ratelimit = 5", "", "PUT", "/v1/a", false},
		{"object PUT", "account_ratelimit = 5", "", "PUT", "/v1/a/c/o", false},
		{"object in a large container", "container_ratelimit_10 = 5", "", "PUT", "/v1/a/c/o", true},
		{"object in a small container", "container_ratelimit_11 = 5", "", "PUT", "/v1/a/c/o", false},
		{"object in an empty container", "container_ratelimit_0 = 5", "", "PUT", "/v1/a/empty/o", false},
		{"object in between", "container_ratelimit_0 = 9\ncontainer_ratelimit_20 = 1", "", "POST", "/v1/a/c/o", true},
		{"COPY", "container_ratelimit_1 = 5", "", "COPY", "/v1/a/c/o", true},
		{"GET of an object", "container_ratelimit_1 = 5", "", "GET", "/v1/a/c/o", false},
		{"listing", "container_listing_ratelimit_1 = 5", "", "GET", "/v1/a/c", true},
		{"HEAD", "container_listing_ratelimit_1 = 5", "", "HEAD", "/v1/a/c/o", false},
		{"all writes", "", "5", "POST", "/v1/a", true},
		{"all writes to objects", "", "5", "DELETE", "/v1/a/c/o", true},
		{"reading", "", "5", "GET", "/v1/a/c/o", false},
		{"flag is nonsense", "", "much", "PUT", "/v1/a/c/o", false},
		{"whitelist", "account_ratelimit = 5\naccount_whitelist = b, a", "", "PUT", "/v1/a/c", false},
		{"whitelist of the account", "account_ratelimit = 5", "WHITELIST", "PUT", "/v1/a/c", false},
		{"version", "account_ratelimit = 5", "", "PUT", "/v2/a/c", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				w := build(t, tt.options, tt.flag)
				start := time.Now()
				for range 51 {
					if got, _ := w.do(tt.method, tt.path); got.Status != 299 {
						t.Fatal(got.Status)
					}
				}
				// The first makes the counter; each of the others has a step.
				took := time.Since(start)
				if tt.limited && (took < 9700*time.Millisecond || took > 10100*time.Millisecond) || !tt.limited && took != 0 {
					t.Errorf("51 requests took %v", took)
				}
			})
		})
	}
}

// What was not used for rate_buffer_seconds makes up for a burst, and no more.
func TestBurst(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := build(t, "account_ratelimit = 10\nrate_buffer_seconds = 2", "")
		w.do("PUT", "/v1/a/c")
		time.Sleep(2 * time.Second)
		start := time.Now()
		for range 20 {
			w.do("PUT", "/v1/a/c")
		}
		if took := time.Since(start); took > 200*time.Millisecond {
			t.Errorf("a burst of what was saved took %v", took)
		}
		time.Sleep(time.Hour)
		start = time.Now()
		for range 20 {
			w.do("PUT", "/v1/a/c")
		}
		if took := time.Since(start); took < 1700*time.Millisecond {
			t.Errorf("after an hour 20 requests took %v", took)
		}
	})
}

func TestTooLong(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := build(t, "account_ratelimit = 1\nmax_sleep_time_seconds = 3", "")
		results := make(chan webtest.Result, 10)
		for range 10 {
			go func() {
				got, _ := w.do("PUT", "/v1/a/c")
				results <- got
			}()
		}
		status := map[int]int{}
		for range 10 {
			got := <-results
			status[got.Status]++
			if got.Status == 498 && got.Body != "Slow down" {
				t.Errorf("%q", got.Body)
			}
		}
		if status[498] < 6 || status[299] < 3 || status[299]+status[498] != 10 {
			t.Errorf("answers %v", status)
		}
		// Refused requests do not count: it is soon somebody's turn again.
		if got, took := w.do("PUT", "/v1/a/c"); got.Status != 299 || took > 3*time.Second {
			t.Errorf("later: %d after %v", got.Status, took)
		}
	})
}

func TestBlacklist(t *testing.T) {
	for options, flag := range map[string]string{"account_blacklist = a": "", "clock_accuracy = 100": "BLACKLIST"} {
		bubble(t, func(t *testing.T) {
			got, took := build(t, options, flag).do("GET", "/v1/a/c/o")
			if got.Status != 497 || got.Body != "Your account has been blacklisted" || took != time.Second {
				t.Errorf("%d %q after %v", got.Status, got.Body, took)
			}
		})
	}
}

// A client who hangs up does not keep anything waiting.
func TestClientGone(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := build(t, "account_ratelimit = 0.1", "")
		w.do("PUT", "/v1/a/c")
		w.do("PUT", "/v1/a/c")
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		req := webtest.Request("PUT", "/v1/a/c")
		req.Meta.Cache = w.cache
		start := time.Now()
		resp := w.h.Serve(ctx, req)
		resp.Discard()
		if took := time.Since(start); resp.Status != 499 || took != time.Second {
			t.Errorf("%d after %v", resp.Status, took)
		}
	})
}

type broken struct{ web.Cache }

func (broken) Get(context.Context, string) ([]byte, bool)         { return nil, false }
func (broken) Set(context.Context, string, []byte, time.Duration) {}
func (broken) Incr(context.Context, string, int64, time.Duration) (int64, error) {
	return 0, errors.New("down")
}

func TestWithoutCache(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := build(t, "account_ratelimit = 0.001\naccount_blacklist = a", "")
		w.cache = nil
		for range 3 {
			if got, took := w.do("PUT", "/v1/a/c"); got.Status != 299 || took != 0 {
				t.Errorf("%d after %v", got.Status, took)
			}
		}
		w = build(t, "account_ratelimit = 0.001", "")
		w.cache = broken{}
		for range 3 {
			if got, took := w.do("PUT", "/v1/a/c"); got.Status != 299 || took != 0 {
				t.Errorf("broken: %d after %v", got.Status, took)
			}
		}
	})
}

func TestInfo(t *testing.T) {
	h := &host.Host{Clock: clock{}, Log: slog.New(slog.DiscardHandler)}
	for options, want := range map[string]string{
		"": `{"account_ratelimit":0,"container_listing_ratelimits":[],"container_ratelimits":[],"max_sleep_time_seconds":60}`,
		"account_ratelimit = 200\nmax_sleep_time_seconds = 5\ncontainer_ratelimit_100 = 10\ncontainer_ratelimit_20 = 9.5\n" +
			"container_listing_ratelimit_0 = 1": `{"account_ratelimit":200,"container_listing_ratelimits":[[0,1]],` +
			`"container_ratelimits":[[20,9.5],[100,10]],"max_sleep_time_seconds":5}`,
	} {
		_, env := webtest.Filter(t, ratelimit.New, h, options, nil)
		if got, err := json.Marshal(env.Info.Public()["ratelimit"]); err != nil || string(got) != want {
			t.Errorf("%s %v", got, err)
		}
	}
}
