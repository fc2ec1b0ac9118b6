package container

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"apus/impl/host/real"
)

// BenchmarkRowsOverHTTP puts object rows durably over loopback connections
// that are kept, 32 at a time, into one container.
func BenchmarkRowsOverHTTP(b *testing.B) {
	s := newServer(b)
	status, _, _ := ask(b, s, "PUT /sda/0/a/c", ts(1))
	require.Equal(b, 201, status)
	h := real.New("bench", slog.New(slog.DiscardHandler))
	ln, err := h.Net.Listen("127.0.0.1:0")
	require.NoError(b, err)
	serve(b, ln, s, func() {})
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
	defer client.CloseIdleConnections()
	var n atomic.Int64
	b.SetParallelism(16)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			url := fmt.Sprintf("http://%s/sda/0/a/c/object-%08d", ln.Addr(), n.Add(1))
			req, err := http.NewRequestWithContext(context.Background(), http.MethodPut, url, nil)
			if err != nil {
				b.Error(err)
				return
			}
			for name, value := range map[string]string{
				"X-Timestamp": "1700000000.00000", "X-Size": "1", "X-Content-Type": "text/plain", "X-Etag": "d41d8cd98f00b204e9800998ecf8427e",
			} {
				req.Header.Set(name, value)
			}
			resp, err := client.Do(req)
			if err != nil {
				b.Error(err)
				return
			}
			_, _ = io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
			if resp.StatusCode != http.StatusCreated {
				b.Errorf("status %d", resp.StatusCode)
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}
