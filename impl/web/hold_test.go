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
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	count := &writes{Listener: ln}
	run, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- web.NewServer(h, web.ServerConfig{Clock: webtest.NewClock(1)}).Serve(run, count)
	}()
	c, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
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
	_ = c.Close()
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
