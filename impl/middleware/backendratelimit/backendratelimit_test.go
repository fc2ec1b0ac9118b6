package backendratelimit

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"apus/impl/event"
	"apus/impl/host"
	"apus/impl/web"
	"apus/impl/web/webtest"
	"apus/sim/disk"
)

// The decisions are Swift's own.
func TestLimiterGolden(t *testing.T) {
	text, err := os.ReadFile("testdata/limiter.json")
	require.NoError(t, err)
	var runs []struct {
		Rate, Buffer float64
		Times        []float64
		Allowed      string
	}
	require.NoError(t, json.Unmarshal(text, &runs))
	require.Len(t, runs, 7)
	for _, r := range runs {
		l := newLimiter()
		var got strings.Builder
		for _, at := range r.Times {
			if l.allow(at*msPerSecond, r.Rate, r.Buffer) {
				got.WriteByte('1')
			} else {
				got.WriteByte('0')
			}
		}
		require.Equal(t, r.Allowed, got.String(), "rate %v, buffer %v", r.Rate, r.Buffer)
	}
}

func TestDeviceOf(t *testing.T) {
	for _, tt := range []struct {
		path, device string
		ok           bool
	}{
		{"/sda/12/a/c/o", "sda", true},
		{"/sda/12", "sda", true},
		{"/sda/12/", "sda", true},
		{"/recon/mem", "recon", false},
		{"/healthcheck", "", false},
		{"/", "", false},
		{"//1/a", "", false},
		{"/sda//a", "sda", false},
	} {
		device, ok := deviceOf(tt.path)
		require.Equal(t, tt.ok, ok, tt.path)
		if ok {
			require.Equal(t, tt.device, device, tt.path)
		}
	}
}

// world is a filter on a disk of its own.
type world struct {
	t      *testing.T
	fs     *disk.Process
	log    bytes.Buffer
	pipe   web.Handler
	events []event.RateLimit
}

func newWorld(t *testing.T, options, file string) *world {
	webtest.TrackBodies(t)
	m := disk.NewMachine(webtest.NewClock(1_800_000_000))
	m.Mount("/", disk.New("d", rand.New(rand.NewPCG(1, 1)), disk.Config{}))
	w := &world{t: t, fs: m.Process("server")}
	require.NoError(t, w.fs.MkdirAll("/etc/swift", 0o755))
	if file != "" {
		w.write(file)
	}
	h := &host.Host{FS: w.fs, Log: slog.New(slog.NewTextHandler(&w.log, &slog.HandlerOptions{Level: slog.LevelDebug}))}
	f, _ := webtest.Filter(t, New, h, options, &event.Sink{RateLimit: func(e event.RateLimit) { w.events = append(w.events, e) }})
	answers := make([]func(*web.Request) *web.Response, 1000)
	for i := range answers {
		answers[i] = webtest.Answer(200, "next")
	}
	w.pipe = f(webtest.NewNext(answers...))
	return w
}

func (w *world) write(text string) {
	f, err := w.fs.OpenFile("/etc/swift/backend-ratelimit.conf", host.ReadWrite|host.Create|host.Truncate, 0o600)
	require.NoError(w.t, err)
	_, err = io.WriteString(f, text)
	require.NoError(w.t, err)
	require.NoError(w.t, f.Close())
}

// statuses are the answers to requests "METHOD path" made at once.
func (w *world) statuses(requests ...string) (out []int) {
	for _, r := range requests {
		method, path, _ := strings.Cut(r, " ")
		out = append(out, webtest.Do(w.pipe, webtest.Request(method, path)).Status)
	}
	return out
}

func times(n int, request string) []string {
	return strings.Split(strings.TrimSuffix(strings.Repeat(request+",", n), ","), ",")
}

func TestFilter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "requests_per_device_per_second = 4\nput_requests_per_device_per_second = 2", "")
		time.Sleep(time.Second)
		// One second's worth was kept, and one more may begin now.
		require.Equal(t, []int{200, 200, 200, 529, 529}, w.statuses(times(5, "PUT /sda/1/a/c/o")...))
		require.Equal(t, []int{529}, w.statuses("GET /sda/1/a/c/o"), "refused PUTs count for the device")
		require.Equal(t, []int{200}, w.statuses("GET /sdb/1/a/c/o"), "devices are apart")
		require.Equal(t, []int{200, 200, 200, 200}, w.statuses("GET /recon/mem", "GET /healthcheck", "SSYNC /sda/1", "OPTIONS /sda/1"))
		require.Equal(t, event.RateLimit{Device: "sda", Method: "PUT"}, w.events[0])
		require.Len(t, w.events, 3)
		time.Sleep(250 * time.Millisecond)
		require.Equal(t, []int{200, 529}, w.statuses("GET /sda/1/a/c/o", "GET /sda/1/a/c/o"))
		got := webtest.Do(w.pipe, webtest.Request("DELETE", "/sda/1/a/c/o"))
		require.Equal(t, 529, got.Status)
		require.Contains(t, got.Body, "Too Many Backend Requests")
		require.Equal(t, "text/html; charset=UTF-8", got.Header.Get("Content-Type"))
	})
}

func TestUnlimited(t *testing.T) {
	w := newWorld(t, "", "")
	for _, s := range w.statuses(times(100, "PUT /sda/1/a/c/o")...) {
		require.Equal(t, 200, s)
	}
	require.Empty(t, w.log.String(), "an absent file that nobody named is no news")
}

func TestReload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "get_requests_per_device_per_second = 1\nrequests_per_device_rate_buffer = 0", "")
		w.write("[backend_ratelimit]\nget_requests_per_device_per_second = 1000\nrequests_per_device_rate_buffer = 10\n")
		one := func() []int { return w.statuses(times(3, "GET /sda/1/a/c/o")...) }
		require.Equal(t, []int{200, 529, 529}, one(), "not yet")
		time.Sleep(defaultInterval)
		require.Equal(t, []int{200, 200, 200}, one())
		require.Contains(t, w.log.String(), "config changed")

		w.write("[backend_ratelimit]\nget_requests_per_device_per_second = -1\n")
		time.Sleep(defaultInterval)
		require.Equal(t, []int{200, 200, 200}, one(), "a wrong file changes nothing")
		require.Contains(t, w.log.String(), "Invalid config file")

		w.write("[other]\n")
		w.log.Reset()
		time.Sleep(defaultInterval)
		require.Equal(t, []int{200, 200, 200}, one())
		require.Contains(t, w.log.String(), "[backend_ratelimit]")

		w.write("[backend_ratelimit]\n")
		time.Sleep(defaultInterval)
		require.Equal(t, []int{200, 529, 529}, one(), "what the file does not say is the filter's")

		require.NoError(t, w.fs.Remove("/etc/swift/backend-ratelimit.conf"))
		w.log.Reset()
		time.Sleep(defaultInterval)
		require.Equal(t, []int{200, 529, 529}, one())
		require.Contains(t, w.log.String(), "Failed to load", "it was there")
		w.log.Reset()
		time.Sleep(defaultInterval)
		one()
		require.Empty(t, w.log.String(), "said once")
	})
}

func TestNamedFileAbsent(t *testing.T) {
	w := newWorld(t, "backend_ratelimit_conf_path = /etc/swift/mine.conf", "")
	require.Contains(t, w.log.String(), "Failed to load")
}

func TestNoReload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "config_reload_interval = 0", "[backend_ratelimit]\nget_requests_per_device_per_second = 1\nrequests_per_device_rate_buffer = 0")
		require.NoError(t, w.fs.Remove("/etc/swift/backend-ratelimit.conf"))
		time.Sleep(time.Hour)
		require.Equal(t, []int{200, 529}, w.statuses("GET /sda/1/a", "GET /sda/1/a"))
		require.NotContains(t, w.log.String(), "Failed")
	})
}

// Memory is bounded whatever devices are asked for, and what is forgotten had
// nothing to remember.
func TestManyDevices(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &governor{watch: host.StartStopwatch()}
		g.mu.limits = limits{buffer: 1, rates: map[string]float64{"GET": 1}}
		g.mu.limiters = map[key]*limiter{}
		name := func(i int) string { return strings.Repeat("x", i%7) + time.Duration(i).String() }
		for i := range maxLimiters + 10 {
			require.True(t, g.allow(name(i), "GET"))
		}
		require.Len(t, g.mu.limiters, maxLimiters)
		time.Sleep(time.Minute)
		require.True(t, g.allow("new", "GET"))
		require.Len(t, g.mu.limiters, 1)
	})
}
