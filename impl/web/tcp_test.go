package web_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"apus/impl/web"
	"apus/impl/web/webtest"
)

// writes counts what a server writes on each connection.
type writes struct {
	net.Listener
	mu    sync.Mutex
	sizes []int
}

type writesConn struct {
	net.Conn
	w *writes
}

func (w *writes) Accept() (net.Conn, error) {
	c, err := w.Listener.Accept()
	return writesConn{c, w}, err
}

func (c writesConn) Write(p []byte) (int, error) {
	c.w.mu.Lock()
	c.w.sizes = append(c.w.sizes, len(p))
	c.w.mu.Unlock()
	return c.Conn.Write(p)
}

func (w *writes) take() []int {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := w.sizes
	w.sizes = nil
	return out
}

// A body that is there in one piece leaves with its header in one write; the
// connection then carries the next answer, and longer bodies are not gathered.
func TestSmallBodiesLeaveInOneWrite(t *testing.T) {
	webtest.TrackBodies(t)
	var body string
	h := web.HandlerFunc(func(context.Context, *web.Request) *web.Response {
		return web.Text(http.StatusOK, body, "text/plain")
	})
	count := &writes{}
	c := overTCP(t, h, func(ln net.Listener) net.Listener {
		count.Listener = ln
		return count
	})()
	in := bufio.NewReader(c)
	for _, tc := range []struct {
		size int
		once bool
	}{{0, true}, {10, true}, {4 << 10, true}, {32 << 10, true}, {40 << 10, false}, {4 << 10, true}, {1 << 20, false}} {
		body = strings.Repeat("x", tc.size)
		if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		resp, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(resp.Body)
		if err != nil || string(got) != body {
			t.Fatalf("%d bytes: got %d, error %v", tc.size, len(got), err)
		}
		if sizes := count.take(); (len(sizes) == 1) != tc.once {
			t.Errorf("%d bytes left in writes of %v", tc.size, slices.Clip(sizes))
		}
	}
}

// overTCP serves h on the loopback until the test ends. It returns how to
// connect.
func overTCP(t testing.TB, h web.Handler, wrap func(net.Listener) net.Listener) func() net.Conn {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := ln.Addr().String()
	if wrap != nil {
		ln = wrap(ln)
	}
	run, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- web.NewServer(h, web.ServerConfig{Clock: webtest.NewClock(1)}).Serve(run, ln) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return func() net.Conn {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		return c
	}
}

// A client that still sends when he gets his last answer gets it.
func TestAnswerBeforeAllIsSent(t *testing.T) {
	dial := overTCP(t, web.HandlerFunc(func(context.Context, *web.Request) *web.Response {
		return web.Text(http.StatusForbidden, "no", "text/plain")
	}), nil)
	for name, tt := range map[string]struct {
		request string
		status  int
	}{
		"head":   {"GET / HTTP/1.1\r\nX-A: " + strings.Repeat("x", 200<<10) + "\r\n\r\n", 400},
		"target": {"GET /" + strings.Repeat("x", 200<<10) + " HTTP/1.1\r\n\r\n", 414},
		"body":   {"PUT / HTTP/1.1\r\nContent-Length: 300000\r\n\r\n" + strings.Repeat("x", 200<<10), 403},
		"asked":  {"PUT / HTTP/1.1\r\nContent-Length: 300000\r\nExpect: 100-continue\r\n\r\n" + strings.Repeat("x", 200<<10), 403},
	} {
		t.Run(name, func(t *testing.T) {
			c := dial()
			for part := range slices.Chunk([]byte(tt.request), 10<<10) {
				if _, err := c.Write(part); err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Millisecond)
			}
			resp, err := http.ReadResponse(bufio.NewReader(c), nil)
			if err != nil || resp.StatusCode != tt.status || !resp.Close {
				t.Fatal(resp, err)
			}
			if _, err := io.ReadAll(resp.Body); err != nil {
				t.Error(err)
			}
		})
	}
}

// An answer that ends with its connection must not look complete when it is
// not.
func TestBrokenAnswerToOldClient(t *testing.T) {
	dial := overTCP(t, web.HandlerFunc(func(context.Context, *web.Request) *web.Response {
		return &web.Response{Status: 200, Header: http.Header{}, ContentLength: -1, Body: webtest.Body("abc", io.ErrUnexpectedEOF)}
	}), nil)
	c := dial()
	if _, err := io.WriteString(c, "GET / HTTP/1.0\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if all, err := io.ReadAll(c); err == nil {
		t.Errorf("%q looks complete", all)
	}
}

// BenchmarkServer is the cost of a request of which the handler costs nothing.
func BenchmarkServer(b *testing.B) {
	body := strings.Repeat("x", 4<<10)
	dial := overTCP(b, web.HandlerFunc(func(context.Context, *web.Request) *web.Response {
		return web.Text(http.StatusOK, body, "text/plain")
	}), nil)
	c := dial()
	request := []byte("GET /v1/a/c/o HTTP/1.1\r\nHost: h\r\nX-Timestamp: 1\r\nUser-Agent: x\r\nX-Trans-Id: tx\r\n\r\n")
	answer := make([]byte, 8<<10)
	b.ReportAllocs()
	for b.Loop() {
		_, _ = c.Write(request)
		for n := 0; n < len(body); {
			m, err := c.Read(answer)
			if err != nil {
				b.Fatal(err)
			}
			n += m
		}
	}
}
