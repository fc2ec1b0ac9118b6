package proxy

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"apus/impl/backend/backendtest"
	"apus/impl/memcache"
	"apus/impl/ring"
)

// small is the cluster of the benchmarks: in memory, nodes that store nothing.
func small(b *testing.B) *cluster {
	c := &cluster{net: backendtest.New(), rings: map[string]*ring.Ring{}}
	body := strings.Repeat("x", 4096)
	node := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.Method {
		case "PUT":
			_, _ = io.Copy(io.Discard, r.Body)
			w.Header().Set("Etag", "5d41402abc4b2a76b9719d911017c592")
			w.WriteHeader(201)
		case "GET":
			w.Header().Set("X-Backend-Timestamp", "0000000001.00000")
			_, _ = io.WriteString(w, body)
		default:
			w.WriteHeader(204)
		}
	})
	for _, server := range []string{"account", "container", "object"} {
		var devs []*ring.Device
		for i := range 3 {
			d := &ring.Device{ID: i, Region: 1, Zone: i, IP: fmt.Sprintf("10.0.0.%d", i+1), Port: ports[server], Device: fmt.Sprintf("d%d", i), Weight: 1}
			devs = append(devs, d)
			b.Cleanup(c.net.Serve(d.Addr(), node))
		}
		c.rings[server] = ring.New(devs, 1, [][]uint16{{0, 1}, {1, 2}, {2, 0}})
	}
	c.srv = newServer(&testing.T{}, c, "")
	c.cache = memcache.NewLocal(1<<20, clock{})
	return c
}

func benchmark(b *testing.B, method, body string) {
	c := small(b)
	b.ReportAllocs()
	for b.Loop() {
		ctx, cancel := context.WithCancel(b.Context())
		resp := c.srv.Serve(ctx, c.request(method, "/v1/a/c/o", body,
			"X-Object-Meta-Color", "red", "Content-Type", "text/plain", "User-Agent", "bench"))
		if !resp.OK() {
			b.Fatal(resp.Status)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
		cancel()
	}
}

func BenchmarkPut(b *testing.B)  { benchmark(b, "PUT", strings.Repeat("x", 4096)) }
func BenchmarkGet(b *testing.B)  { benchmark(b, "GET", "") }
func BenchmarkHead(b *testing.B) { benchmark(b, "HEAD", "") }
