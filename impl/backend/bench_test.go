package backend_test

import (
	"bufio"
	"bytes"
	"net"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"apus/impl/backend"
	"apus/impl/host/real"
)

// canned is a storage node on the loopback that costs next to nothing: it
// answers every request with the same bytes, after it has read a body of the
// given length that it asked for.
func canned(b *testing.B, answer string, body int) (n *real.Net, addr string) {
	n = real.NewNet()
	l, err := n.Listen("127.0.0.1:0")
	require.NoError(b, err)
	b.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go cannedConn(c, []byte(answer), body)
		}
	}()
	return n, l.Addr().String()
}

func cannedConn(c net.Conn, answer []byte, body int) {
	defer c.Close()
	r := bufio.NewReaderSize(c, 64<<10)
	for {
		for {
			line, err := r.ReadSlice('\n')
			if err != nil {
				return
			}
			if len(bytes.TrimSpace(line)) == 0 {
				break
			}
		}
		if body > 0 {
			if _, err := c.Write([]byte("HTTP/1.1 100 Continue\r\n\r\n")); err != nil {
				return
			}
			if _, err := r.Discard(body); err != nil {
				return
			}
		}
		if _, err := c.Write(answer); err != nil {
			return
		}
	}
}

func backendHeader() http.Header {
	return http.Header{
		"User-Agent": {"proxy-server 1234"}, "X-Timestamp": {"1764115200.00000"},
		"X-Trans-Id": {"tx0123456789abcdef01234-0065f0c0ff"}, "Referer": {"PUT http://127.0.0.1:8080/v1/AUTH_test/c/o"},
		"X-Backend-Storage-Policy-Index": {"0"}, "Content-Type": {"application/octet-stream"},
		"X-Container-Host": {"10.0.0.1:6201"}, "X-Container-Device": {"sda1"}, "X-Container-Partition": {"123"},
	}
}

const nodeAnswer = "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=UTF-8\r\nEtag: d41d8cd98f00b204e9800998ecf8427e\r\n" +
	"X-Timestamp: 1764115200.00000\r\nX-Backend-Timestamp: 1764115200.00000\r\nContent-Length: 12\r\n" +
	"Date: Thu, 26 Nov 2026 00:00:00 GMT\r\n\r\nhello, world"

// BenchmarkDo is a small request with a small answer on a kept connection.
func BenchmarkDo(b *testing.B) {
	n, addr := canned(b, nodeAnswer, 0)
	c := backend.New(n, backend.Config{})
	defer c.Close()
	h := backendHeader()
	b.ReportAllocs()
	for b.Loop() {
		resp, err := c.Do(b.Context(), &backend.Request{Method: "GET", Addr: addr, Path: "/sda1/123/AUTH_test/c/o", Header: h})
		if err != nil {
			b.Fatal(err)
		}
		if body, err := resp.ReadAll(1 << 10); err != nil || len(body) != 12 {
			b.Fatal(err)
		}
	}
}

// BenchmarkPut is an object of 4 KiB to one node.
func BenchmarkPut(b *testing.B) {
	const size = 4 << 10
	n, addr := canned(b, "HTTP/1.1 201 Created\r\nContent-Length: 0\r\nEtag: \"d41d8cd98f00b204e9800998ecf8427e\"\r\n\r\n", size)
	c := backend.New(n, backend.Config{})
	defer c.Close()
	chunks := backend.NewChunks(64 << 10)
	h := backendHeader()
	b.ReportAllocs()
	for b.Loop() {
		p, _, err := c.StartPut(b.Context(), &backend.Request{Method: "PUT", Addr: addr, Path: "/sda1/123/AUTH_test/c/o", Header: h, ContentLength: size})
		if err != nil || p == nil {
			b.Fatal(err)
		}
		piece := chunks.Get()
		piece.SetLen(size)
		if ok, err := p.TrySend(piece); !ok {
			b.Fatal(err)
		}
		piece.Release()
		p.Finish()
		resp, err := p.Response(b.Context())
		if err != nil || resp.Status != 201 {
			b.Fatal(err)
		}
		p.Abort()
	}
}

// BenchmarkDoParallel is BenchmarkDo by many at once.
func BenchmarkDoParallel(b *testing.B) {
	n, addr := canned(b, nodeAnswer, 0)
	c := backend.New(n, backend.Config{})
	defer c.Close()
	h := backendHeader()
	b.ReportAllocs()
	b.SetParallelism(16)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			resp, err := c.Do(b.Context(), &backend.Request{Method: "GET", Addr: addr, Path: "/sda1/123/AUTH_test/c/o", Header: h})
			if err != nil {
				b.Error(err)
				return
			}
			resp.Discard()
		}
	})
}
