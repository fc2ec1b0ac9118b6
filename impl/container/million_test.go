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

	"apus/impl/broker"
	"apus/impl/host/real"
)

// million is a server with a container of 1,000,000 objects in 1,000
// pseudo-directories, served on loopback. It takes some seconds to make.
func million(b *testing.B) (base string, client *http.Client) {
	s := newServer(b)
	status, _, _ := ask(b, s, "PUT /sda/0/a/c", ts(1))
	require.Equal(b, 201, status)
	c := s.Pool.Container("sda", "0", "a", "c")
	const batch = 50_000
	rows := make([]broker.Object, batch)
	for start := 0; start < 1_000_000; start += batch {
		for i := range rows {
			n := start + i
			rows[i] = broker.Object{
				Name: fmt.Sprintf("directory-%04d/object-%08d", n/1000, n), CreatedAt: "1700000002.00000", Size: int64(n),
				ContentType: "application/octet-stream", ETag: "d41d8cd98f00b204e9800998ecf8427e",
			}
		}
		require.NoError(b, c.Update(context.Background(), func(x *broker.ContainerTx) error { return x.MergeObjects(rows) }))
	}
	ln, err := real.New("bench", slog.New(slog.DiscardHandler)).Net.Listen("127.0.0.1:0")
	require.NoError(b, err)
	serve(b, ln, s, func() {})
	client = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 256}}
	b.Cleanup(client.CloseIdleConnections)
	return "http://" + ln.Addr().String() + "/sda/0/a/c", client
}

// BenchmarkMillion measures listings of a container of a million objects end
// to end, and row updates into it. Run it with -cpu 1 for one core.
func BenchmarkMillion(b *testing.B) {
	base, client := million(b)
	get := func(b *testing.B, query string) {
		for b.Loop() {
			resp, err := client.Get(base + query)
			if err != nil {
				b.Fatal(err)
			}
			n, err := io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
			if err != nil || resp.StatusCode != 200 || n < 1000 {
				b.Fatal(resp.StatusCode, n, err)
			}
		}
		b.ReportMetric(float64(b.Elapsed().Milliseconds())/float64(b.N), "ms/listing")
	}
	b.Run("json10000", func(b *testing.B) { get(b, "?format=json&marker=directory-0500/") })
	b.Run("xml10000", func(b *testing.B) { get(b, "?format=xml&marker=directory-0500/") })
	b.Run("text10000", func(b *testing.B) { get(b, "?marker=directory-0500/") })
	b.Run("delimiter", func(b *testing.B) { get(b, "?format=json&delimiter=/") })
	b.Run("reverse", func(b *testing.B) { get(b, "?format=json&reverse=true") })
	var n atomic.Int64
	b.Run("rows", func(b *testing.B) {
		b.SetParallelism(64)
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				putRow(b, client, fmt.Sprintf("%s/new-%08d", base, n.Add(1)))
			}
		})
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "rows/s")
	})
}

func putRow(b *testing.B, client *http.Client, url string) {
	req, err := http.NewRequestWithContext(context.Background(), http.MethodPut, url, nil)
	if err != nil {
		b.Error(err)
		return
	}
	for name, value := range map[string]string{
		"X-Timestamp": "1700000003.00000", "X-Size": "1", "X-Content-Type": "text/plain", "X-Etag": "d41d8cd98f00b204e9800998ecf8427e",
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
