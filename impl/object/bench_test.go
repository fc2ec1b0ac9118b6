package object_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"apus/impl/config"
	"apus/impl/event"
	"apus/impl/host"
	"apus/impl/host/real"
	"apus/impl/object"
	"apus/impl/web"
)

// benchServer is an object server on a real disk and a real listener. It
// returns "http://address".
func benchServer(b *testing.B) string {
	dir := b.TempDir()
	if err := os.MkdirAll(dir+"/d1", 0o755); err != nil {
		b.Fatal(err)
	}
	f, err := config.Parse("[app:object-server]\nmount_check = no\ndevices = "+dir, "object-server.conf")
	if err != nil {
		b.Fatal(err)
	}
	sf, err := config.Parse(swiftConf, "swift.conf")
	if err != nil {
		b.Fatal(err)
	}
	sw, err := config.ReadSwift(sf)
	if err != nil {
		b.Fatal(err)
	}
	h := real.New("bench", slog.New(slog.DiscardHandler))
	s, err := object.New(h, sw, f.Section("app:object-server"), &event.Sink{})
	if err != nil {
		b.Fatal(err)
	}
	return serveBench(b, h, s)
}

func serveBench(b *testing.B, h *host.Host, s *object.Server) string {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- web.NewServer(s, web.ServerConfig{Clock: h.Clock}).Serve(ctx, ln) }()
	b.Cleanup(func() {
		http.DefaultTransport.(*http.Transport).CloseIdleConnections()
		stop()
		if err := <-done; err != nil {
			b.Error(err)
		}
	})
	return "http://" + ln.Addr().String()
}

// BenchmarkServer is the object server alone, over HTTP on the loopback: 32
// clients with durable PUTs or GETs of 4 KiB. TMPDIR says on which disk.
func BenchmarkServer(b *testing.B) {
	http.DefaultTransport.(*http.Transport).MaxIdleConnsPerHost = 64
	const clients = 32
	body := strings.Repeat("x", 4<<10)
	for _, method := range []string{"PUT", "GET"} {
		b.Run(fmt.Sprintf("%s/4KiB/%d", method, clients), func(b *testing.B) {
			base := benchServer(b)
			call := func(method string, i int64) {
				r, err := http.NewRequest(method, fmt.Sprintf("%s/d1/%d/a/c/o%d", base, i%64, i), strings.NewReader(body))
				if method == "GET" {
					r, err = http.NewRequest(method, fmt.Sprintf("%s/d1/%d/a/c/o%d", base, i%64, i%64), nil)
				}
				if err != nil {
					b.Error(err)
					return
				}
				r.Header.Set("X-Timestamp", fmt.Sprintf("%.5f", float64(time.Now().UnixMicro())/1e6))
				r.Header.Set("Content-Type", "text/plain")
				resp, err := http.DefaultClient.Do(r)
				if err != nil {
					b.Error(err)
					return
				}
				_, _ = io.Copy(io.Discard, resp.Body)
				_ = resp.Body.Close()
				if resp.StatusCode/100 != 2 {
					b.Errorf("%s: %s", method, resp.Status)
				}
			}
			if method == "GET" {
				for i := range int64(64) {
					call("PUT", i)
				}
			}
			var next atomic.Int64
			b.ReportAllocs()
			b.ResetTimer()
			done := make(chan struct{})
			for range clients {
				go func() {
					for i := next.Add(1); i <= int64(b.N); i = next.Add(1) {
						call(method, i)
					}
					done <- struct{}{}
				}()
			}
			for range clients {
				<-done
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "req/s")
		})
	}
}
